"""A batch's life at another place: planned, driven, gone on with after a crash, cancelled, tried again.

Drives `execution` and writes every step into `store`; knows nothing of the command line.
"""

from cosmos_workflow.jobs.driving import Listener
from cosmos_workflow.jobs.runs import Runs

__all__ = ["Listener", "Runs"]
