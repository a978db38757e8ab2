"""Which frames of a clip a model sees."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

__all__ = ["PICKS", "Pick", "times_at_shots"]

Pick = Literal["first", "spread", "shots"]
PICKS: tuple[Pick, ...] = ("first", "spread", "shots")


def times_at_shots(shots: Sequence[Mapping[str, Any]], count: int) -> list[float]:
    """`count` times in s, in order: in the middle of each shot, or spread in it where a shot gets several frames.

    `shots` are those of `media.Measurements` as dicts. With more shots than frames, shots are left out evenly; with
    fewer, the longest shots get the frames that are left.

    >>> times_at_shots([{"start": 0.0, "end": 1.0}, {"start": 1.0, "end": 4.0}], 3)
    [0.5, 1.75, 3.25]
    """
    spans = [(float(shot["start"]), float(shot["end"])) for shot in shots]
    if len(spans) > count:
        spans = [spans[int((index + 0.5) * len(spans) / count)] for index in range(count)]
    frames = [1] * len(spans)
    for _ in range(count - len(spans)):
        # The shot whose frames stand furthest from one another gets the next.
        widest = max(range(len(spans)), key=lambda index: (spans[index][1] - spans[index][0]) / frames[index])
        frames[widest] += 1
    return [
        start + (end - start) * (index + 0.5) / number
        for (start, end), number in zip(spans, frames, strict=True)
        for index in range(number)
    ]
