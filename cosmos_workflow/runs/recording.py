"""What happens in a run, written into its progress file for those who watch from elsewhere."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

from cosmos_workflow.errors import HostUnreachable
from cosmos_workflow.runs.folder import RunFolder
from cosmos_workflow.runs.listening import Listener
from cosmos_workflow.store import RunRecord

__all__ = ["recorded"]


def recorded(listener: Listener, folder: RunFolder, run: RunRecord) -> Listener:
    """A listener that also writes what it is told into the progress file, for those who watch from elsewhere."""
    began, answered, failed = time.monotonic(), run.answered, run.failed

    def state(name: str) -> None:
        folder.note("state", state=name)
        listener.state(name)

    def result(result: Any) -> None:
        nonlocal answered, failed
        answered, failed = answered + result.ok, failed + (not result.ok)
        new = answered + failed - run.answered - run.failed
        seconds = time.monotonic() - began
        remaining = max(0, run.total - answered - failed)
        folder.note(
            "result", id=result.id, ok=result.ok, answered=answered, failed=failed, total=run.total,
            eta=round(remaining * seconds / new, 1) if new else None,
        )  # fmt: skip
        listener.result(result)

    def event(event: dict[str, Any]) -> None:
        nonlocal began
        if event["event"] in ("loaded", "warm"):
            began = time.monotonic()
        if event["event"] != "item":
            folder.note(
                event["event"], **{name: value for name, value in event.items() if name not in ("event", "time")}
            )
        listener.event(event)

    def lost(error: HostUnreachable, seconds: float) -> None:
        folder.note("lost", error=str(error), seconds=seconds)
        listener.lost(error, seconds)

    return replace(listener, state=state, result=result, event=event, lost=lost)
