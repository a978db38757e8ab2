"""Times of a caption inside a video: read from whatever a model wrote, and held between its start and its end."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from cosmos_workflow.kinds.upsample.caption.times import span_of

__all__ = ["bounded", "end_of", "shot_at", "shot_spans", "span_text"]

MOMENT = re.compile(r"(?:(\d{1,4}):)?(\d{1,7}(?:\.\d+)?)")


def span_text(seconds: float) -> str:
    """A moment as captions write it: `0:04`, or `0:01.5` where it is no whole second.

    >>> span_text(4), span_text(61.5)
    ('0:04', '1:01.5')
    """
    return span_of(seconds, seconds).partition("-")[0]


def end_of(facts: Mapping[str, Any]) -> float:
    """The end of a video in s as captions write it: its whole seconds, as NVIDIA's samples do (0:04 of 4.033 s).

    The end itself where the last shot begins after that.
    """
    seconds = float(facts.get("seconds") or 0.0)
    whole = float(math.floor(seconds + 1e-4))
    shots = facts.get("shots") or []
    return whole if whole > (shots[-1]["start"] + 0.05 if shots else 0.0) else math.floor(seconds * 100 + 1e-3) / 100


def shot_spans(facts: Mapping[str, Any]) -> list[tuple[float, float]]:
    """The start and end of each shot of `facts` in s, the last one to the end of the video as captions write it."""
    shots = facts.get("shots") or []
    ends = [*(shot["end"] for shot in shots[:-1]), end_of(facts)]
    return [(shot["start"], end) for shot, end in zip(shots, ends, strict=False)]


def moments(text: Any) -> list[float]:
    """The moments in s that a text names: `0:01-0:02.5`, `from 1.0 s to 2 s`.

    >>> moments("0:01-0:02.5"), moments("from 1.5 s on"), moments("at the end")
    ([1.0, 2.5], [1.5], [])
    """
    return [60 * int(minutes or 0) + float(seconds) for minutes, seconds in MOMENT.findall(str(text))]


def bounded(text: Any, facts: Mapping[str, Any]) -> tuple[float, float]:
    """Start and end in s of what a model wrote as a time, inside the video; the whole video where it is no time.

    What begins after the video's end is put in its last second.
    """
    end = end_of(facts)
    named = [round(min(max(moment, 0.0), end), 2) for moment in moments(text)[:2]]
    if not named:
        return 0.0, end
    first, last = min(named), max(named) if len(named) > 1 else end
    if last <= first:
        first, last = (first, min(end, first + 1.0)) if first < end else (max(0.0, end - 1.0), end)
    return first, last


def shot_at(segment: Mapping[str, Any], index: int, count: int, facts: Mapping[str, Any]) -> int:
    """The shot in which the middle of an answered segment lies; without a time, that of its place among `count`."""
    shots = facts["shots"]
    named = moments(segment.get("time_range"))[:2]
    middle = sum(named) / 2 if len(named) == 2 else (index + 0.5) / count * float(facts.get("seconds") or 0.0)
    return max((number for number, shot in enumerate(shots) if shot["start"] <= middle), default=0)
