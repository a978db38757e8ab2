"""How this project and a peer are timed: in turns, the median of each, and their ratio."""

from __future__ import annotations

import datetime
import importlib.metadata
import os
import platform
import statistics
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Fact", "Row", "compare", "machine", "table"]


@dataclass(frozen=True)
class Row:
    """One line of the table; times in seconds per unit. `aim` is the ratio or the time to reach."""

    what: str
    unit: str
    ours: float
    peer_name: str
    peer: float
    aim: str

    @property
    def ratio(self) -> float:
        """How many times faster than the peer."""
        return self.peer / self.ours


@dataclass(frozen=True)
class Fact:
    """A measurement that has no peer."""

    what: str
    value: str
    aim: str


def compare(
    what: str, unit: str, ours: Callable[[], object], peer_name: str, peer: Callable[[], object], *,
    aim: str, repeats: int = 7, units: int = 1, peer_units: int = 0,
) -> Row:  # fmt: skip
    """Time both in turns, so that a busy machine slows both; one call does `units` units, the peer's `peer_units`."""
    own, other = [], []
    ours(), peer()
    for _ in range(repeats):
        own.append(_seconds(ours) / units)
        other.append(_seconds(peer) / (peer_units or units))
    return Row(what, unit, statistics.median(own), peer_name, statistics.median(other), aim)


def _seconds(action: Callable[[], object]) -> float:
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def table(results: Iterable[Row | Fact]) -> str:
    """Rows and facts in Markdown."""
    results = list(results)
    lines = ["| what | unit | ours | peer | its time | faster | aim |", "|---|---|---:|---|---:|---:|---|"]
    lines += [
        f"| {row.what} | {row.unit} | {_time(row.ours)} | {row.peer_name} | {_time(row.peer)} "
        f"| {_ratio(row.ratio)} | {row.aim} |"
        for row in results
        if isinstance(row, Row)
    ]
    lines += ["", "| what | measured | aim |", "|---|---|---|"]
    lines += [f"| {fact.what} | {fact.value} | {fact.aim} |" for fact in results if isinstance(fact, Fact)]
    return "\n".join(lines) + "\n"


def machine() -> str:
    """One sentence that says when and on what this was measured."""
    cpu = next(
        (line.split(":")[1].strip() for line in _read("/proc/cpuinfo").splitlines() if line.startswith("model name")),
        platform.processor() or platform.machine(),
    )
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in ("numpy", "av", "mistral-common"))
    today = datetime.datetime.now(datetime.timezone.utc).date()
    system = f"{platform.system()}, Python {platform.python_version()}, {versions}"
    return f"Measured {today} on {os.cpu_count()} cores of {cpu}, {system}; no GPU."


def _time(seconds: float) -> str:
    for factor, unit in ((1, "s"), (1e3, "ms"), (1e6, "µs"), (1e9, "ns")):
        if seconds * factor >= 1:
            return f"{seconds * factor:.3g} {unit}"
    return f"{seconds * 1e9:.2g} ns"


def _ratio(ratio: float) -> str:
    return f"{ratio:,.0f}×" if ratio >= 100 else f"{ratio:.2f}×"


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except OSError:
        return ""
