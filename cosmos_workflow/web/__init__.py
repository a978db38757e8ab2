"""The server and its clients: the REST API, the page, and `Client`, which speaks to them from Python.

The server needs the extra `cosmos-workflow[serve]`; the clients need no more than the core.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cosmos_workflow.web.client import AsyncClient, Client

__all__ = ["AsyncClient", "Client"]


def __getattr__(name: str) -> object:
    if name in __all__:
        from cosmos_workflow.web import client

        return getattr(client, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
