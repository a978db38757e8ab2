# Made of _async/client.py by scripts/sync_client.py: change that file, then run `make format`.
"""The client of a server, of its parts."""

from __future__ import annotations

from cosmos_workflow.client._sync.batches import Batches
from cosmos_workflow.client._sync.machine import Machine
from cosmos_workflow.client._sync.prompts import Prompts

__all__ = ["Client"]


class Client(Batches, Prompts, Machine):
    """A server by its URL; `token` is by default COSMOS_TOKEN of the environment.

    Items are mappings, or items of their kind of work; an input that is a file on this machine, as `video`, is
    uploaded, once. Every method raises the errors that the server names, HostUnreachable where none answers, and
    HostError for an answer that is not that of a cosmos server.
    """

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
