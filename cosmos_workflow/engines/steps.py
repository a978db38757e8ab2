"""How far a video is, step by step: in its log, and for those who follow the run."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cosmos_workflow.engines.outputs import OnStep, Step

if TYPE_CHECKING:
    from cosmos_workflow.kinds.transfer.work import Work

__all__ = ["Pace", "Steps"]

EVERY = 5.0  # seconds between two steps that are told


class Pace:
    """Lets the first step through, the last one, and of those between one every few seconds."""

    def __init__(self) -> None:
        self._last = -math.inf

    def lets(self, done: int, total: int) -> bool:
        """Whether somebody is told of this step."""
        now = time.monotonic()
        if now - self._last < EVERY and done != total:
            return False
        self._last = now
        return True


class Steps:
    """Counts the steps of one video; `step` is called after each, and tells `on_step` now and then."""

    def __init__(self, log: Path, name: str, work: Work, on_step: OnStep) -> None:
        self._log, self._name, self._work, self._on_step = log, name, work, on_step
        self.done = 0
        self.total = work.steps * work.chunks
        self._began, self._pace = 0.0, Pace()

    def __enter__(self) -> Steps:
        work = self._work
        self._file = self._log.open("w", encoding="utf-8", newline="\n")
        self._began = time.monotonic()
        chunks = f"{work.chunks} {'chunk' if work.chunks == 1 else 'chunks'} of {work.chunk}"
        self.note(f"{work.model}: {work.frames} frames of {work.width}x{work.height} in {chunks}, {work.steps} steps")
        return self

    def __exit__(self, *error: Any) -> None:
        self.note("failed" if error[0] else "done")
        self._file.close()

    def step(self) -> None:
        """One more step is done."""
        self.done += 1
        if self._pace.lets(self.done, self.total):
            chunk, step = divmod(self.done - 1, self._work.steps)
            left = (time.monotonic() - self._began) / self.done * max(0, self.total - self.done)
            text = f"chunk {chunk + 1} of {self._work.chunks}, step {step + 1} of {self._work.steps}"
            self.note(text := f"{text}, {_time(left)} left")
            self._on_step(Step(self._name, self.done, self.total, text))

    def note(self, text: str) -> None:
        """A line of the log."""
        line = f"[{_time(time.monotonic() - self._began)}] {text}"
        self._file.write(line + "\n")
        self._file.flush()


def _time(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}"
