"""Which frames of a clip a model sees."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from cosmos_workflow.media.frames import at_shots

__all__ = ["PICKS", "Pick", "times_at_shots"]

Pick = Literal["first", "spread", "shots"]
PICKS: tuple[Pick, ...] = ("first", "spread", "shots")


def times_at_shots(shots: Sequence[Mapping[str, Any]], count: int) -> list[float]:
    """`count` times in s, in order, in the shots: see `at_shots`. With more shots than that, some are left out evenly.

    `shots` are those of `media.Measurements` as dicts.

    >>> times_at_shots([{"start": 0.0, "end": 1.0}, {"start": 1.0, "end": 4.0}], 3)
    [0.5, 1.75, 3.25]
    """
    spans = [(float(shot["start"]), float(shot["end"])) for shot in shots]
    if len(spans) > count:
        spans = [spans[int((index + 0.5) * len(spans) / count)] for index in range(count)]
    return at_shots(spans, count)
