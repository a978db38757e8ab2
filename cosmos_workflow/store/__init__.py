"""What is remembered: runs, their items and results, and what the lab measured. SQLite by default, PostgreSQL by URL.

A run is here before anything of it starts, and each result before the next one is asked for.
"""

from cosmos_workflow.store.experiments import Experiment, Experiments
from cosmos_workflow.store.records import STATES, UNFINISHED, RunRecord, State, new_id
from cosmos_workflow.store.store import Store

__all__ = ["STATES", "UNFINISHED", "Experiment", "Experiments", "RunRecord", "State", "Store", "new_id"]
