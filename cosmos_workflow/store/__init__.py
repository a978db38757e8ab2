"""What is remembered: runs, their queue, their prompts and results, clips, and what the lab measured.

SQLite by default, PostgreSQL by URL.

A run is here before anything of it starts, and each result before the next one is asked for.
"""

from typing import TYPE_CHECKING

from cosmos_workflow.doors import lazy_door
from cosmos_workflow.store.records import NOT_SUBMITTED, STATES, UNFINISHED, RunRecord, State, new_id

if TYPE_CHECKING:
    from cosmos_workflow.store.experiments import Experiment, Experiments
    from cosmos_workflow.store.files import FileRecord, ItemFile
    from cosmos_workflow.store.history import Entry, Filters, History
    from cosmos_workflow.store.queue import LEASE_SECONDS, Queue
    from cosmos_workflow.store.store import NewItem, Store, StoredItem

__all__ = [
    "LEASE_SECONDS",
    "NOT_SUBMITTED",
    "STATES",
    "UNFINISHED",
    "Entry",
    "Experiment",
    "Experiments",
    "FileRecord",
    "Filters",
    "History",
    "ItemFile",
    "NewItem",
    "Queue",
    "RunRecord",
    "State",
    "Store",
    "StoredItem",
    "new_id",
]

# SQLAlchemy costs a third of a second that a client of a server does not need.
__getattr__ = lazy_door(
    __name__,
    {
        "LEASE_SECONDS": "queue",
        "Entry": "history",
        "Experiment": "experiments",
        "Experiments": "experiments",
        "History": "history",
        "FileRecord": "files",
        "ItemFile": "files",
        "Queue": "queue",
        "NewItem": "store",
        "Store": "store",
        "StoredItem": "store",
        "Filters": "history",
    },
)
