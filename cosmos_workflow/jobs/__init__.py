"""A batch's life: queued, planned, driven, gone on with after a crash, cancelled, tried again.

Drives `execution` and writes every step into `store`; knows nothing of the command line.
"""

from cosmos_workflow.jobs.driving import Listener, Patience
from cosmos_workflow.jobs.runs import Runs
from cosmos_workflow.jobs.working import Worker

__all__ = ["Listener", "Patience", "Runs", "Worker"]
