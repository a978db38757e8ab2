"""What is remembered: runs, their queue, their prompts and results, clips, and what the lab measured.

SQLite by default, PostgreSQL by URL.

A run is here before anything of it starts, and each result before the next one is asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from cosmos_workflow.store.records import STATES, UNFINISHED, RunRecord, State, new_id

if TYPE_CHECKING:
    from cosmos_workflow.store.experiments import Experiment, Experiments
    from cosmos_workflow.store.files import FileRecord
    from cosmos_workflow.store.history import Entry, Filters, History
    from cosmos_workflow.store.queue import LEASE_SECONDS, Queue
    from cosmos_workflow.store.store import NewItem, Store, StoredItem

__all__ = [
    "LEASE_SECONDS",
    "STATES",
    "UNFINISHED",
    "Entry",
    "Experiment",
    "Experiments",
    "FileRecord",
    "Filters",
    "History",
    "NewItem",
    "Queue",
    "RunRecord",
    "State",
    "Store",
    "StoredItem",
    "new_id",
]

_HOMES = {
    "LEASE_SECONDS": "queue",
    "Entry": "history",
    "Experiment": "experiments",
    "Experiments": "experiments",
    "History": "history",
    "FileRecord": "files",
    "Queue": "queue",
    "NewItem": "store",
    "Store": "store",
    "StoredItem": "store",
    "Filters": "history",
}


def __getattr__(name: str) -> object:
    # SQLAlchemy costs a third of a second that a client of a server does not need.
    if name in _HOMES:
        return getattr(import_module(f"cosmos_workflow.store.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
