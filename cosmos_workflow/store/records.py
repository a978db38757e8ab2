"""A run as it is remembered, and the states that it goes through."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass, field
from typing import Any, Literal

__all__ = ["ALLOWED", "STATES", "UNFINISHED", "RunRecord", "State", "new_id"]

State = Literal["planned", "uploading", "running", "fetching", "done", "failed", "cancelled"]
STATES: tuple[State, ...] = ("planned", "uploading", "running", "fetching", "done", "failed", "cancelled")
UNFINISHED: tuple[State, ...] = ("planned", "uploading", "running", "fetching")

# From each state, those that may follow. A step that is done again after a crash stays where it is; `retry`
# takes a run that ended back to its start. A cluster needs no upload and no fetching.
ALLOWED: dict[State, tuple[State, ...]] = {
    "planned": ("uploading", "running", "failed", "cancelled"),
    "uploading": ("running", "failed", "cancelled"),
    "running": ("fetching", "done", "failed", "cancelled"),
    "fetching": ("done", "failed", "cancelled"),
    "done": ("planned",),
    "failed": ("planned",),
    "cancelled": ("planned",),
}


def new_id() -> str:
    """A name for a run or an experiment that sorts by time (UTC)."""
    return f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{secrets.token_hex(2)}"


@dataclass(frozen=True)
class RunRecord:
    """A batch sent to a place. Times are seconds since 1970, UTC.

    `answered` and `failed` count the items with an answer and with an error; `error` is why the run itself
    failed, and `error_kind` its name. `settings` is what is needed to go on with it.
    """

    id: str
    state: State
    place: str
    created: float
    updated: float
    attempt: int
    total: int
    answered: int
    failed: int
    out: str
    source: str
    engine: str
    error: str = ""
    error_kind: str = ""
    remedy: str = ""
    settings: dict[str, Any] = field(default_factory=dict)

    @property
    def finished(self) -> bool:
        return self.state not in UNFINISHED

    @property
    def open(self) -> int:
        """Items without any result yet."""
        return self.total - self.answered - self.failed
