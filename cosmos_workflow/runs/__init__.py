"""A run's life: queued, planned, driven, gone on with after a crash, cancelled, tried again.

Drives each run at its place (`places/`) and writes every step into `store`; knows nothing of the command line.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cosmos_workflow.runs.listening import Listener, Patience
    from cosmos_workflow.runs.queue_worker import Worker
    from cosmos_workflow.runs.runs import Runs

__all__ = ["Listener", "Patience", "Runs", "Worker"]

_HOMES = {
    "Listener": "listening",
    "Patience": "listening",
    "Runs": "runs",
    "Worker": "queue_worker",
}


def __getattr__(name: str) -> object:
    # Imported when first used: whether a place is Ray is asked by commands that run nothing.
    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
