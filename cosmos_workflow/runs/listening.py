"""Who is told of a run while it is driven, and how long a place that cannot be reached is tried."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from cosmos_workflow.errors import HostUnreachable
from cosmos_workflow.store import RunRecord

__all__ = ["Listener", "Patience"]


def _nothing(*_: Any) -> None:
    pass


@dataclass(frozen=True)
class Listener:
    """What to call for what happens: the run when it is planned, results as they come, events of the agent, its output,
    states, lost connections with the seconds until the next try, bytes that have arrived of those to be sent, bytes of
    output files that were fetched and their total, and what looks wrong.
    """

    planned: Callable[[RunRecord], None] = _nothing
    result: Callable[[Any], None] = _nothing
    event: Callable[[dict[str, Any]], None] = _nothing
    log: Callable[[bytes], None] = _nothing
    state: Callable[[str], None] = _nothing
    lost: Callable[[HostUnreachable, float], None] = _nothing
    sent: Callable[[int, int], None] = _nothing
    fetched: Callable[[int, int], None] = _nothing
    warning: Callable[[str], None] = _nothing


@dataclass(frozen=True)
class Patience:
    """Seconds without a line to the host, after which it is given up: before it has the run (`reach`), and after,
    when it goes on there without us, and `runs attach` goes on here.
    """

    reach: float = 60.0
    follow: float = 3600.0
