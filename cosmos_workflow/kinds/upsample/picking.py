"""Which frames of a clip a model sees."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from cosmos_workflow.media.frames import at_shots

__all__ = ["PICKS", "Pick", "times_at_shots"]

Pick = Literal["first", "spread", "shots"]
PICKS: tuple[Pick, ...] = ("first", "spread", "shots")


def times_at_shots(shots: Sequence[Mapping[str, Any]], count: int) -> list[float]:
    """`count` times in s, in order, in the shots: see `at_shots`.

    `shots` are those of `media.Measurements` as dicts.

    >>> times_at_shots([{"start": 0.0, "end": 1.0}, {"start": 1.0, "end": 4.0}], 3)
    [0.5, 1.75, 3.25]
    """
    return at_shots([(float(shot["start"]), float(shot["end"])) for shot in shots], count)
