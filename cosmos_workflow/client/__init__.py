"""Clients of a cosmos server: `Client` and `AsyncClient`, for scripts and the command line.

They need no more than the core install.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cosmos_workflow.client.client import AsyncClient, Client

__all__ = ["AsyncClient", "Client"]


def __getattr__(name: str) -> object:
    if name in __all__:
        from cosmos_workflow.client import client

        return getattr(client, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
