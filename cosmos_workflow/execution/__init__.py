"""Where a batch runs. `local` is this machine.

Takes items, settings and an engine; knows nothing of the command line or the web.
"""

from cosmos_workflow.execution.local import run_local

__all__ = ["run_local"]
