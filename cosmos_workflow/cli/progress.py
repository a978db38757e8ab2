"""How far a batch is: a bar with ETA on a terminal, a line an item elsewhere; always on stderr."""

from __future__ import annotations

import sys
from typing import Any, TypeVar

from cosmos_workflow.cli.console import stderr
from cosmos_workflow.errors import HostUnreachable
from cosmos_workflow.prompts import Result

__all__ = ["Barred", "Progress", "bar", "say_lost"]


def say_lost(error: HostUnreachable, wait: float) -> None:
    """A line that broke, for a person."""
    stderr().print(f"{error.where}: {error.what}; the run goes on there, next try in {wait:.0f} s", style="yellow")


Entered = TypeVar("Entered", bound="Barred")


class Barred:
    """Whatever has a bar, while it is entered."""

    _bar: Any = None

    def __enter__(self: Entered) -> Entered:
        if self._bar:
            self._bar.start()
        return self

    def __exit__(self, *error: object) -> None:
        if self._bar:
            self._bar.stop()


class Progress(Barred):
    """Counts results; `done` is how many came in this run."""

    def __init__(self, total: int, *, enabled: bool, quiet: bool) -> None:
        self.done = 0
        self.total = total
        self._lines = enabled and not quiet and not sys.stderr.isatty()
        self._bar = bar() if enabled and sys.stderr.isatty() else None
        self._task = self._bar.add_task("upsampling", total=total) if self._bar else None

    def result(self, result: Result) -> None:
        """Show one result as it comes."""
        self.done += 1
        if self._bar:
            self._bar.advance(self._task)
        if self._lines:
            word = result.error_kind or "failed" if result.error else f"{result.seconds:.1f} s"
            stderr().print(f"{self.done}/{self.total} {result.id} {word}")


def bar() -> Any:
    """A bar with counts, time and ETA, on stderr."""
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from rich.progress import Progress as RichProgress

    return RichProgress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("ETA"),
        TimeRemainingColumn(),
        console=stderr(),
    )
