"""The client of a server, of its parts."""

from __future__ import annotations

from cosmos_workflow.client._async.batches import AsyncBatches
from cosmos_workflow.client._async.machine import AsyncMachine
from cosmos_workflow.client._async.prompts import AsyncPrompts

__all__ = ["AsyncClient"]


class AsyncClient(AsyncBatches, AsyncPrompts, AsyncMachine):
    """A server by its URL; `token` is by default COSMOS_TOKEN of the environment.

    Items are mappings, or items of their kind of work; an input that is a file on this machine, as `video`, is
    uploaded, once. Every method raises the errors that the server names, HostUnreachable where none answers, and
    HostError for an answer that is not that of a cosmos server.
    """

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()
