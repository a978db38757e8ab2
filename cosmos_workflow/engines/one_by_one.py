"""For engines that do one task after the other, each of which may fail by itself."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from cosmos_workflow.engines.base import Deliver
from cosmos_workflow.errors import BadInputError, CosmosError
from cosmos_workflow.kinds.kind import Outcome, Task

__all__ = ["one_by_one"]


def one_by_one(tasks: Sequence[Task], deliver: Deliver, do: Callable[[Task], dict[str, Any]]) -> None:
    """Deliver an outcome for each task: what `do` says of it, or the CosmosError that it raises."""
    for task in tasks:
        began = time.monotonic()
        says: dict[str, Any] = {}
        error = kind = ""
        try:
            says = do(task)
        except BadInputError as problem:
            error, kind = str(problem), "bad_input"
        except CosmosError as problem:
            error, kind = str(problem), "failed"
        deliver(Outcome(task.id, says, error=error, error_kind=kind, seconds=round(time.monotonic() - began, 3)))
