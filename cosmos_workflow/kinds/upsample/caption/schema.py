"""The schema that a model's answer is held to while it is decoded: narrower than what a person may write.

It keeps to what xgrammar, outlines and llguidance take, and servers with `response_format`: objects whose properties
are all required and no other allowed, bounded texts and lists, enums, simple patterns; no references, no alternatives.
Whoever decodes with it should forbid free white space (vLLM: `disable_any_whitespace`), which no schema bounds.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from cosmos_workflow.kinds.upsample.caption.parts import (
    CAPTION,
    NEGATIVE,
    Fields,
    Items,
    Length,
    Number,
    Part,
    Text,
    Time,
)
from cosmos_workflow.kinds.upsample.caption.times import duration_of, span_of

__all__ = ["MOST_SHOTS", "json_schema"]

Schema = dict[str, Any]

MARKS = 12  # moments of a clip at which a span may begin and end: 78 spans, which a grammar holds easily
MOST_SHOTS = 8  # shots of which a model is told, and segments that it is asked for; others are as measured
SEGMENT_ROOM = 1200  # characters for all segments together, however many there are
NEGATIVE_SECONDS = 8.0  # what NVIDIA's negative captions speak of, whatever the clip is
SHORTEST = 40  # a text that is asked for has room for a few words


def json_schema(
    leave_out: Iterable[str] = (), *, seconds: float | None = None, shots: int = 0, negative: bool = False
) -> Schema:
    """A JSON schema of a caption, or of a negative one, to constrain decoding by.

    `leave_out` names fields that are known and so not asked for: `resolution`, `cinematography.camera_motion`,
    `segments[].time_range`. `seconds` is how long the clip is: every span is then one of a list that ends with it, so
    none can be reversed or too late. `shots` is how many segments there are (at most 8 are asked for); 0 leaves it to
    the model, which may give one to four. A negative caption has one segment, of 8 s unless `seconds` says otherwise.

    Its longest answer has under 14,000 characters, about 3,500 tokens of English, so 4,096 tokens are enough. A valid
    answer is a valid caption as soon as what was left out is put in, up to rules that no schema holds: segments that
    overlap or are numbered wrongly, and spans where `seconds` is not given.
    """
    form = NEGATIVE if negative else CAPTION
    if negative:
        seconds, shots = seconds or NEGATIVE_SECONDS, 1
    return _object(form, frozenset(leave_out), "", _Clip(seconds, min(shots, MOST_SHOTS)))


class _Clip:
    """What is known of the clip: its length in s, and how many segments it has (0: unknown)."""

    def __init__(self, seconds: float | None, shots: int) -> None:
        self.seconds = seconds
        self.shots = shots

    def spans(self) -> list[str]:
        """The spans between two marks of the clip, which are whole seconds where it has any."""
        seconds = self.seconds or 0.0
        last = math.floor(seconds + 1e-6)  # as in `duration_of`
        if not last:
            return [span_of(0, math.floor(seconds * 100) / 100)]
        marks = [*range(0, last, math.ceil(last / MARKS)), last]
        return [span_of(start, end) for number, start in enumerate(marks) for end in marks[number + 1 :]]


def _schema(part: Part, leave_out: frozenset[str], field: str, clip: _Clip) -> Schema:
    if isinstance(part, Fields):
        return _object(part, leave_out, field, clip)
    if isinstance(part, Items):
        return _list(part, leave_out, field, clip)
    if isinstance(part, Number):
        least = part.least if part.whole else part.least + 1
        return {"type": "integer", "minimum": least, "maximum": part.most}
    if isinstance(part, Text):
        return _text(part, part.most)
    if clip.seconds is None:
        times = "[0-9]:[0-5][0-9]"
        return {"type": "string", "pattern": f"^{times}-{times}$" if isinstance(part, Time) else "^[1-9][0-9]?s$"}
    return {"type": "string", "enum": [duration_of(clip.seconds)] if isinstance(part, Length) else clip.spans()}


def _text(part: Text, most: int) -> Schema:
    if choices := part.suggested or part.choices:
        return {"type": "string", "enum": list(choices)}
    return {"type": "string", "minLength": int(part.needed), "maxLength": most}


def _list(part: Items, leave_out: frozenset[str], field: str, clip: _Clip) -> Schema:
    fewest, most = part.fewest, part.most
    if field == "segments" and clip.shots:
        fewest = most = clip.shots
    items = _schema(part.of, leave_out, f"{field}[]", clip)
    if field == "segments":
        _share(items, most)
        if number := items.get("properties", {}).get("segment_index"):
            number["maximum"] = most - 1
    return {"type": "array", "items": items, "minItems": fewest, "maxItems": most}


def _share(segment: Schema, count: int) -> None:
    """Shorten a segment's texts so that `count` of them have the room that there is for all."""
    texts = [text for text in segment.get("properties", {}).values() if "maxLength" in text]
    asked = sum(text["maxLength"] for text in texts) * count
    for text in texts:
        text["maxLength"] = max(SHORTEST, min(text["maxLength"], text["maxLength"] * SEGMENT_ROOM // asked))


def _object(part: Fields, leave_out: frozenset[str], field: str, clip: _Clip) -> Schema:
    before = f"{field}." if field else ""
    properties = {
        name: schema
        for name, inner in part.fields.items()
        if f"{before}{name}" not in leave_out
        and (schema := _schema(inner, leave_out, f"{before}{name}", clip)).get("properties") != {}
    }
    return {"type": "object", "properties": properties, "required": [*properties], "additionalProperties": False}
