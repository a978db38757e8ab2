"""The times of a caption as bars of one drawing: segments in a row, actions below, in lanes where they overlap."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from cosmos_workflow.errors import BadInputError
from cosmos_workflow.kinds.upsample.caption.times import length_of, span

__all__ = ["Bar", "Timeline", "timeline_of"]

LANE = 34  # pixels from one lane to the next
AXIS = 22
STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600, 18000)
TICKS = 6  # at most so many, so that their words do not touch on a phone
LEAST = 0.6  # per cent; a bar of no length can be seen and hit all the same


@dataclass(frozen=True)
class Bar:
    """One span: `left`, `width` in per cent of the drawing, `top` in pixels.

    `field` is the caption's field of its time, `seek` the second of the clip where it begins.
    """

    field: str
    kind: str
    name: str
    time: str
    text: str
    start: float
    end: float
    left: float
    width: float
    top: int
    seek: float


@dataclass(frozen=True)
class Timeline:
    """`seconds` is what the whole width stands for; `ticks` are places in per cent with their words."""

    seconds: float
    height: int
    bars: tuple[Bar, ...]
    ticks: tuple[tuple[float, str], ...]


def timeline_of(caption: Mapping[str, Any], speed: float = 1.0) -> Timeline:
    """The drawing of a caption; spans that are no spans are left out of it.

    `speed` is how many seconds of the clip pass while one second of the caption does: a video of another rate shows the
    same frames earlier or later.
    """
    spans = list(_spans(caption))
    seconds = max([length_of(caption), *(end for *_, end in spans)]) or 1.0
    bars: list[Bar] = []
    free: list[float] = []  # when each lane of the actions is free again
    segments = any(kind == "segment" for kind, *_ in spans)
    for kind, field, index, time, text, start, end in spans:
        lane = 0
        if kind == "action":
            lane = next((number for number, until in enumerate(free) if until <= start), len(free))
            free[lane : lane + 1] = [end]
            lane += segments
        left = 100 * start / seconds
        width = min(max(100 * (end - start) / seconds, LEAST), 100 - left) if left < 100 else LEAST
        bars.append(
            Bar(field, kind, f"{kind.capitalize()} {index + 1}", time, text, start, end, round(left, 3),
                round(width, 3), AXIS + LANE * lane, round(start * speed, 3))
        )  # fmt: skip
    lanes = segments + len(free)
    return Timeline(seconds, AXIS + LANE * max(lanes, 1), tuple(bars), _ticks(seconds))


def _spans(caption: Mapping[str, Any]) -> list[tuple[str, str, int, str, str, float, float]]:
    spans = []
    for kind, name, key in (("segment", "segments", "time_range"), ("action", "actions", "time")):
        entries = caption.get(name)
        for index, entry in enumerate(entries if isinstance(entries, list) else []):
            if not isinstance(entry, Mapping):
                continue
            time, text = str(entry.get(key, "")), str(entry.get("description", ""))
            try:
                start, end = span(time)
            except BadInputError:
                continue
            if start <= end:
                spans.append((kind, f"{name}[{index}].{key}", index, time, text, start, end))
    return spans


def _ticks(seconds: float) -> tuple[tuple[float, str], ...]:
    step = next((step for step in STEPS if seconds / step <= TICKS), STEPS[-1])
    moments = [step * number for number in range(int(seconds / step) + 1)]
    # The last word ends where the drawing does; one just before it would lie under it.
    kept = [moment for moment, after in pairwise([*moments, seconds + step]) if after - moment >= step * 0.5]
    return tuple((round(100 * moment / seconds, 3), f"{moment // 60}:{moment % 60:02d}") for moment in kept)
