"""Where a batch runs: `local` is this machine, `remote` a host reached by SSH, `ray` a cluster.

Takes items, settings and an engine; knows nothing of the store, the command line or the web.
"""

from cosmos_workflow.execution.chosen import ChosenEngine, engine_here
from cosmos_workflow.execution.local import run_local
from cosmos_workflow.execution.parcel import Parcel
from cosmos_workflow.execution.remote import remote_engine

__all__ = ["ChosenEngine", "Parcel", "engine_here", "remote_engine", "run_local"]
