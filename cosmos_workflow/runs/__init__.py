"""A run's life: queued, planned, driven, gone on with after a crash, cancelled, tried again.

Drives each run at its place (`places/`) and writes every step into `store`; knows nothing of the command line.
"""

from typing import TYPE_CHECKING

from cosmos_workflow.doors import lazy_door

if TYPE_CHECKING:
    from cosmos_workflow.runs.listening import Listener, Patience
    from cosmos_workflow.runs.queue_worker import Worker
    from cosmos_workflow.runs.runs import Runs

__all__ = ["Listener", "Patience", "Runs", "Worker"]

# Imported when first used: whether a place is Ray is asked by commands that run nothing.
__getattr__ = lazy_door(
    __name__,
    {
        "Listener": "listening",
        "Patience": "listening",
        "Runs": "runs",
        "Worker": "queue_worker",
    },
)
