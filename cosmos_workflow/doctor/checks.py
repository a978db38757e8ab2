"""One thing looked at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["Check", "Status"]

Status = Literal["ok", "optional", "missing"]


@dataclass(frozen=True)
class Check:
    """`missing` is what the main job cannot do without, `optional` what only some ways need."""

    name: str
    status: Status
    detail: str
    remedy: str = ""
