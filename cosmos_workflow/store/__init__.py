"""What is remembered: runs, their queue, their prompts and results, clips, and what the lab measured.

SQLite by default, PostgreSQL by URL.

A run is here before anything of it starts, and each result before the next one is asked for.
"""

from cosmos_workflow.store.experiments import Experiment, Experiments
from cosmos_workflow.store.history import Entry, History, Wanted
from cosmos_workflow.store.media import MediaRecord
from cosmos_workflow.store.queue import LEASE_SECONDS, Queue
from cosmos_workflow.store.records import STATES, UNFINISHED, RunRecord, State, new_id
from cosmos_workflow.store.store import Store

__all__ = [
    "LEASE_SECONDS",
    "STATES",
    "UNFINISHED",
    "Entry",
    "Experiment",
    "Experiments",
    "History",
    "MediaRecord",
    "Queue",
    "RunRecord",
    "State",
    "Store",
    "Wanted",
    "new_id",
]
