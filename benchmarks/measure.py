"""How a thing and its peer are timed: turn by turn, the median of each, and their ratio."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["Fact", "Row", "compare"]


@dataclass(frozen=True)
class Row:
    """One line of the table; times in seconds a unit. `aim` is the ratio hoped for, or a time."""

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
    """Time both, taking turns so that a busy machine hurts both alike; `units` a call make it a time a unit."""
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
