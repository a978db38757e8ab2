"""How far a batch is: a bar with ETA on a terminal, a line an item elsewhere; always on stderr."""

from __future__ import annotations

import sys
import time
from datetime import timedelta
from typing import Any, TypeVar

from cosmos_workflow.cli.console import stderr
from cosmos_workflow.errors import HostUnreachable

__all__ = ["Barred", "Progress", "Sending", "bar", "say_lost", "sent_line"]

SAID_SECONDS = 5.0  # between two lines of an upload


def say_lost(error: HostUnreachable, wait: float, *, submitted: bool = False) -> None:
    """Tell a person that the connection broke; a run that was `submitted` goes on without us."""
    goes_on = "the run goes on there, " if submitted else ""
    stderr().print(f"{error.where}: {error.what}; {goes_on}next try in {wait:.0f} s", style="yellow")


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
    """Counts results of a kind of work; `done` is how many came in this run."""

    def __init__(self, total: int, *, enabled: bool, quiet: bool, kind: str = "") -> None:
        self._kind = kind
        self.done = 0
        self.total = total
        self._lines = enabled and not quiet and not sys.stderr.isatty()
        self._bar = bar() if enabled and sys.stderr.isatty() else None
        self._task = self._bar.add_task(kind, total=total) if self._bar else None

    def describe(self, text: str = "") -> bool:
        """What goes on, before the bar; whether there is one."""
        if self._bar:
            self._bar.update(self._task, description=text or self._kind)
        return self._bar is not None

    def result(self, result: Any) -> None:
        """Show one result as it comes."""
        self.done += 1
        if self._bar:
            self._bar.advance(self._task)
        if self._lines:
            word = result.error_kind or "failed" if result.error else f"{result.seconds:.1f} s"
            stderr().print(f"{self.done}/{self.total} {result.id} {word}")


class Sending:
    """How far an upload is, or with `verb` a download: bytes, rate and ETA in a bar on a terminal, a line now and then
    elsewhere.
    """

    def __init__(self, progress: Progress, *, quiet: bool, verb: str = "sent") -> None:
        self._verb = verb
        self._progress = progress  # a terminal takes one bar at a time: where this has one, it is told in words
        self._quiet = quiet
        self._bar: Any = None
        self._task: Any = None
        self._began = self._said = 0.0

    def __call__(self, came: int, total: int) -> None:
        """`came` of `total` bytes have arrived."""
        if self._quiet or not total:
            return
        if came == 0 or not self._began:
            self._began = self._said = time.monotonic()
        if sys.stderr.isatty():
            self._draw(came, total)
        elif time.monotonic() - self._said > SAID_SECONDS:
            self._said = time.monotonic()
            stderr().print(sent_line(came, total, self._said - self._began, self._verb), style="dim")

    def close(self) -> None:
        """Take the bar away; it comes back with the next bytes."""
        self._progress.describe()
        if self._bar:
            self._bar.stop()
        self._bar = None

    def _draw(self, came: int, total: int) -> None:
        if self._progress.describe(sent_line(came, total, time.monotonic() - self._began, self._verb)):
            return
        if not self._bar:
            self._bar = _byte_bar()
            self._bar.start()
            self._task = self._bar.add_task(self._verb, total=total)
        self._bar.update(self._task, completed=came, total=total)
        if came >= total:
            self.close()


def sent_line(came: int, total: int, seconds: float, verb: str = "sent") -> str:
    """How far an upload or a download is, in words.

    >>> sent_line(3_000_000, 12_000_000, 60.0)
    'sent 3.0 MB of 12.0 MB, 50.0 kB/s, ETA 0:03:00'
    """
    from rich.filesize import decimal

    rate = came / seconds if seconds else 0.0
    eta = str(timedelta(seconds=round((total - came) / rate))) if rate else "not known"
    return f"{verb} {decimal(came)} of {decimal(total)}, {decimal(int(rate))}/s, ETA {eta}"


def _byte_bar() -> Any:
    from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn, TransferSpeedColumn
    from rich.progress import Progress as RichProgress

    return RichProgress(
        TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn(), TextColumn("ETA"),
        TimeRemainingColumn(), console=stderr(), transient=True,
    )  # fmt: skip


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
