"""Times as captions write them: "0:00-0:04" for a span, "4s" for how long a clip is; in seconds everywhere else.

Source: `M:SS-M:SS` and "4s" in NVIDIA/cosmos-framework 5eee9ed, t2v_i2v_video_json_schema.json. Its samples have whole
seconds; fractions ("0:01.5") are ours, for cuts that lie between two of them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from cosmos_workflow.errors import BadInputError

__all__ = ["duration_of", "length_of", "seconds_of", "span", "span_of"]

# ASCII digits only: \d takes those of every script, which the model was never shown.
SPAN = re.compile(r"([0-9]{1,3}):([0-5][0-9](?:\.[0-9]{1,3})?)-([0-9]{1,3}):([0-5][0-9](?:\.[0-9]{1,3})?)")
DURATION = re.compile(r"([0-9]{1,5})s")


def span(text: str) -> tuple[float, float]:
    """Start and end of a span in seconds, in the order written: whether it is reversed is for the caller to see.

    >>> span("0:00-0:04"), span("1:02.5-1:03")
    ((0.0, 4.0), (62.5, 63.0))

    Raises BadInputError for any other text.
    """
    match = SPAN.fullmatch(text)
    if match is None:
        raise BadInputError(f"{_shown(text)} is no span of time", remedy='write it as minutes and seconds: "0:00-0:04"')
    minutes, seconds, end_minutes, end_seconds = match.groups()
    return int(minutes) * 60 + float(seconds), int(end_minutes) * 60 + float(end_seconds)


def span_of(start: float, end: float) -> str:
    """The span from `start` to `end` (seconds), to hundredths, which tell frames apart up to 100 a second.

    >>> span_of(0, 4.0), span_of(61.25, 119.999)
    ('0:00-0:04', '1:01.25-2:00')
    """
    return f"{_written(start)}-{_written(end)}"


def seconds_of(duration: str) -> float:
    """The seconds of a duration.

    >>> seconds_of("4s")
    4.0

    Raises BadInputError for any other text.
    """
    match = DURATION.fullmatch(duration)
    if match is None:
        raise BadInputError(f"{_shown(duration)} is no duration", remedy='write whole seconds, rounded down: "4s"')
    return float(match[1])


def length_of(caption: Mapping[str, Any]) -> float:
    """The seconds that a caption lasts; 0 where it does not say so, as of a still picture."""
    try:
        return seconds_of(str(caption.get("duration")))
    except BadInputError:
        return 0.0


def duration_of(seconds: float) -> str:
    """How long a clip is, in whole seconds, rounded down as NVIDIA does (int(frames / fps)).

    >>> duration_of(121 / 30)
    '4s'
    """
    # 120 frames at 29.97 fps and the like must not fall below a whole second by the last bit of a float.
    return f"{math.floor(seconds + 1e-6)}s"


def _written(seconds: float) -> str:
    """A moment; counted in hundredths, so that 59.999 becomes 1:00 and not 0:60."""
    hundredths = round(max(0.0, seconds) * 100)
    minutes, rest = divmod(hundredths, 6000)
    whole, part = divmod(rest, 100)
    return f"{minutes}:{whole:02d}" + (f".{part:02d}".rstrip("0") if part else "")


def _shown(text: str) -> str:
    return repr(text if len(text) <= 40 else f"{text[:39]}…")
