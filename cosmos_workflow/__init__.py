"""Prompt upsampling for NVIDIA Cosmos-Transfer1: exact limits, real engines, batches that lose nothing.

>>> from cosmos_workflow import limits
>>> limits.plan((1280, 720), "A futuristic city at sunset", fit="off").verdict
'too_long'
"""

from importlib import import_module
from typing import TYPE_CHECKING

from cosmos_workflow.version import __version__

if TYPE_CHECKING:
    from cosmos_workflow import limits
    from cosmos_workflow.api import check, upsample
    from cosmos_workflow.client import AsyncClient, Client
    from cosmos_workflow.engines import make_engine
    from cosmos_workflow.errors import CosmosError
    from cosmos_workflow.kinds.upsample import Item, Result, Settings
    from cosmos_workflow.transfers import check_transfer, transfer

__all__ = [
    "AsyncClient",
    "Client",
    "CosmosError",
    "Item",
    "Result",
    "Settings",
    "__version__",
    "check",
    "check_transfer",
    "limits",
    "make_engine",
    "transfer",
    "upsample",
]

_HOMES = {
    "AsyncClient": "client",
    "Client": "client",
    "CosmosError": "errors",
    "Item": "kinds.upsample",
    "Result": "kinds.upsample",
    "Settings": "kinds.upsample",
    "check": "api",
    "check_transfer": "transfers",
    "make_engine": "engines",
    "transfer": "transfers",
    "upsample": "api",
}


def __getattr__(name: str) -> object:
    # Imported when first used, so that `cosmos --help` starts quickly.
    if name == "limits":
        return import_module("cosmos_workflow.limits")
    if name in _HOMES:
        return getattr(import_module(f"cosmos_workflow.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
