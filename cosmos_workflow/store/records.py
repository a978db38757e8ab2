"""A run as it is remembered, and the states that it goes through."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

__all__ = ["ALLOWED", "STATES", "UNFINISHED", "RunRecord", "State", "new_id", "record"]

State = Literal["queued", "planned", "uploading", "running", "fetching", "done", "failed", "cancelled"]
STATES: tuple[State, ...] = ("queued", "planned", "uploading", "running", "fetching", "done", "failed", "cancelled")
UNFINISHED: tuple[State, ...] = ("queued", "planned", "uploading", "running", "fetching")

# From each state, those that may follow. A step that is done again after a crash stays where it is; `retry`
# takes a run that ended back to its start. A cluster and this machine need no upload and no fetching.
ALLOWED: dict[State, tuple[State, ...]] = {
    "queued": ("uploading", "running", "failed", "cancelled"),
    "planned": ("uploading", "running", "failed", "cancelled"),
    "uploading": ("running", "failed", "cancelled"),
    "running": ("fetching", "done", "failed", "cancelled"),
    "fetching": ("done", "failed", "cancelled"),
    "done": ("planned", "queued"),
    "failed": ("planned", "queued"),
    "cancelled": ("planned", "queued"),
}


def new_id() -> str:
    """A name for a run or an experiment that sorts by time (UTC)."""
    return f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{secrets.token_hex(4)}"


@dataclass(frozen=True)
class RunRecord:
    """A batch sent to a place. Times are seconds since 1970, UTC.

    `answered` and `failed` count the items with an answer and with an error; `error` is why the run itself
    failed, and `error_kind` its name. `settings` is what is needed to go on with it. A run of the queue has a `rank`:
    it waits behind those of a higher `priority` and, among its own, those of a lower rank; not at all while `held`.
    """

    id: str
    state: State
    kind: str
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
    priority: int = 0
    rank: float | None = None
    held: bool = False

    @property
    def finished(self) -> bool:
        return self.state not in UNFINISHED

    @property
    def is_partial(self) -> bool:
        """Whether only a part of its items is in the store: whoever submits it has not ended, or was killed."""
        return self.state == "queued" and self.rank is None

    @property
    def open(self) -> int:
        """Items without any result yet."""
        return self.total - self.answered - self.failed


def record(row: Mapping[Any, Any]) -> RunRecord:
    """A row of the runs; counts that nobody has made yet are 0."""
    return RunRecord(**{**dict(row), **{name: row[name] or 0 for name in ("total", "answered", "failed")}})
