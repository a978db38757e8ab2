"""A batch's life: queued, planned, driven, gone on with after a crash, cancelled, tried again.

Drives each run at its place (`places/`) and writes every step into `store`; knows nothing of the command line.
"""

from cosmos_workflow.runs.places.host_driving import Listener, Patience
from cosmos_workflow.runs.queue_worker import Worker
from cosmos_workflow.runs.runs import Runs

__all__ = ["Listener", "Patience", "Runs", "Worker"]
