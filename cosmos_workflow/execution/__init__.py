"""Where a batch runs: `local` is this machine, `remote` a host reached by SSH, `ray` a cluster.

Takes items, settings and an engine; knows nothing of the store, the command line or the web.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cosmos_workflow.execution.chosen import ChosenEngine, engine_here
    from cosmos_workflow.execution.local import run_local
    from cosmos_workflow.execution.parcel import Parcel
    from cosmos_workflow.execution.remote import remote_engine

__all__ = ["ChosenEngine", "Parcel", "engine_here", "remote_engine", "run_local"]

_HOMES = {
    "ChosenEngine": "chosen",
    "Parcel": "parcel",
    "engine_here": "chosen",
    "remote_engine": "remote",
    "run_local": "local",
}


def __getattr__(name: str) -> object:
    # Imported when first used: `is_ray` is asked by commands that run nothing.
    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
