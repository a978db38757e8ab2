"""One thing looked at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["Check", "Status", "parse_gpus"]

Status = Literal["ok", "optional", "missing"]


@dataclass(frozen=True)
class Check:
    """`missing` is what the main job cannot do without, `optional` what only some ways need."""

    name: str
    status: Status
    detail: str
    remedy: str = ""


def parse_gpus(said: str) -> list[tuple[str, int, int]]:
    """Name, total and free MiB of each GPU, from `nvidia-smi --query-gpu=name,memory.total,memory.free`.

    >>> parse_gpus("NVIDIA L40S, 46068, 45559")
    [('NVIDIA L40S', 46068, 45559)]
    """
    rows = [line.rsplit(",", 2) for line in said.splitlines() if line.strip()]
    return [(name.strip(), int(total), int(free)) for name, total, free in rows]
