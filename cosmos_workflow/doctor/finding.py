"""One thing that was looked at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["Finding", "Status"]

Status = Literal["ok", "optional", "missing", "unknown"]


@dataclass(frozen=True)
class Finding:
    """A thing on a machine, how it is, and the remedy for what is wrong with it.

    `missing` is a thing that no run can do without, `optional` one that only some runs need, `unknown` one that could
    not be looked at, or of which nothing is published.
    """

    name: str
    status: Status
    detail: str
    remedy: str = ""
