"""What is wrong with a caption, field by field, in words for the person or the model that wrote it.

Needs nothing but Python: answers are checked on hosts too, which have no pydantic.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from cosmos_workflow.errors import BadInputError
from cosmos_workflow.kinds.upsample.caption.parts import (
    ASPECTS,
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
from cosmos_workflow.kinds.upsample.caption.times import seconds_of, span, span_of

__all__ = ["Problem", "aspect_of", "is_negative", "problems_of"]

KINDS: dict[type, str] = {
    type(None): "null", str: "a text", bool: "true or false", int: "a number", float: "a number", list: "a list",
    dict: "an object",
}  # fmt: skip
# Between two shapes, up to so far from the middle (as a logarithm), both are right: people round differently.
BETWEEN = 0.03


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong: in which field (`actions[1].time`; empty for the whole), what, and what to do.

    >>> print(Problem("fps", "it is missing", "write it"))
    fps: it is missing; write it
    """

    field: str
    what: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.field}: {self.what}; {self.remedy}" if self.field else f"{self.what}; {self.remedy}"


def is_negative(caption: Mapping[str, Any]) -> bool:
    """Whether a caption says what a video should not look like: only those of NVIDIA's have `physical_realism`."""
    return "physical_realism" in caption


def aspect_of(width: int, height: int) -> str:
    """The shape of Cosmos 3's five that is nearest to a size in pixels, as a caption writes it.

    Every size of NVIDIA's table has the shape that the table gives it (limits.video.COSMOS3).

    >>> aspect_of(1280, 720), aspect_of(736, 544), aspect_of(1920, 800)
    ('16,9', '4,3', '16,9')
    """
    return min(ASPECTS, key=lambda name: _distance(name, width, height))


def problems_of(caption: Mapping[str, Any] | Any, *, negative: bool | None = None) -> list[Problem]:
    """All that is wrong with a caption, in the order of its fields; empty for a valid one.

    `negative` says which of the two forms it must have; None decides by its keys. Beyond the types it checks:
    texts that may not be empty; spans that are not reversed and, where there is a duration, begin and end in the clip;
    segments numbered from 0 that follow one another; an aspect ratio that is the resolution's; duration and fps
    together or not at all. Nothing is raised, whatever the value is.
    """
    if isinstance(caption, BadInputError):  # what `captions_in` gives for an entry that cannot be read
        return [Problem("", caption.what, caption.remedy)]
    if not isinstance(caption, Mapping):
        return [Problem("", f"a caption is an object, not {_kind(caption)}", 'write {"subjects": […], …}')]
    negative = is_negative(caption) if negative is None else negative
    shape = [*_wrong(NEGATIVE if negative else CAPTION, caption, "")]
    wrong = {problem.field for problem in shape}
    rules = [problem for problem in _rules(caption, wrong, negative) if problem.field not in wrong]
    order = list(caption)
    return sorted(shape + rules, key=lambda problem: _place(problem.field, order))


def _place(field: str, order: list[str]) -> int:
    """Where a problem stands among the others: with its field, as the caption orders them; missing ones last."""
    name = field.partition(".")[0].partition("[")[0]
    return order.index(name) if name in order else len(order)


def _wrong(part: Part, value: Any, field: str) -> Iterator[Problem]:
    """What is wrong with a value by itself."""
    if isinstance(part, Fields):
        yield from _wrong_object(part, value, field)
    elif isinstance(part, Items):
        if not isinstance(value, list | tuple):
            yield Problem(field, f"it is {_kind(value)}, not a list", "write a list, [] where there is none")
            return
        for index, item in enumerate(value):
            yield from _wrong(part.of, item, f"{field}[{index}]")
    elif isinstance(part, Number):
        yield from _wrong_number(part, value, field)
    elif not isinstance(value, str):
        empty = ' and "" where nothing is known' if isinstance(part, Text) and not part.needed else ""
        yield Problem(field, f"it is {_kind(value)}, not a text", f"write a text{empty}")
    elif isinstance(part, Text):
        yield from _wrong_text(part, value, field)
    else:
        try:
            span(value) if isinstance(part, Time) else seconds_of(value)
        except BadInputError as error:
            yield Problem(field, error.what, error.remedy)


def _wrong_object(part: Fields, value: Any, field: str) -> Iterator[Problem]:
    if not isinstance(value, Mapping):
        yield Problem(field, f"it is {_kind(value)}, not an object", f"write {{{', '.join(part.fields)}}}")
        return
    before = f"{field}." if field else ""
    for name, inner in part.fields.items():
        if name in value:
            yield from _wrong(inner, value[name], f"{before}{name}")
        elif name not in part.optional:
            yield Problem(f"{before}{name}", "it is missing", _to_write(inner))
    for name in value:
        if name not in part.fields:
            yield Problem(f"{before}{_key(name)}", *_unknown(str(name), part))


def _to_write(part: Part) -> str:
    if isinstance(part, Text):
        return "write it" if part.needed else 'write it, and "" where nothing is known'
    if isinstance(part, Items):
        return "write a list, [] where there is none"
    return {Time: 'write it as "0:00-0:04"', Length: 'write whole seconds: "4s"'}.get(type(part), "write it")


def _unknown(name: str, part: Fields) -> tuple[str, str]:
    if part is NEGATIVE and name in CAPTION.fields:
        return "a negative caption does not have it", "take it away"
    near = difflib.get_close_matches(name, part.fields, n=1, cutoff=0.7)
    return "no caption has such a field", f"did you mean {near[0]}?" if near else "take it away"


def _wrong_text(part: Text, value: str, field: str) -> Iterator[Problem]:
    if part.choices and value not in part.choices:
        known = ", ".join(choice or '""' for choice in part.choices)
        yield Problem(field, f"{_shown(value)} is none of {known}", "write one of them")
    elif part.needed and not value.strip():
        yield Problem(field, "it is empty", "write what there is to see")
    elif any("\ud800" <= character <= "\udfff" for character in value):
        yield Problem(field, "it has only half of a character, which no model takes", "write the character again")


def _wrong_number(part: Number, value: Any, field: str) -> Iterator[Problem]:
    kind = "a whole number" if part.whole else "a number"
    if isinstance(value, bool) or not isinstance(value, int | float):
        yield Problem(field, f"it is {_kind(value)}, not {kind}", f"write {kind}, without quotes")
    elif (isinstance(value, float) and not math.isfinite(value)) or (part.whole and value % 1):
        yield Problem(field, f"{value} is not {kind}", f"write {kind}")
    elif value < part.least or (not part.whole and value <= part.least):
        least = f"{part.least} or more" if part.whole else f"more than {part.least}"
        yield Problem(field, f"{str(value)[:40]} is too small", f"write {least}")


def _rules(caption: Mapping[str, Any], wrong: set[str], negative: bool) -> Iterator[Problem]:
    """What is wrong with values beside one another; those that are `wrong` by themselves are passed over."""
    lasts = None if "duration" in wrong or "duration" not in caption else seconds_of(caption["duration"])
    for name, other in (("duration", "fps"), ("fps", "duration")):
        if not negative and name not in caption and other in caption:
            yield Problem(name, f"it is missing, though there is {other}", "write both, or none for a still picture")
    for name, key in (("actions", "time"), ("segments", "time_range")):
        for index, item in enumerate(_list(caption.get(name))):
            field = f"{name}[{index}].{key}"
            if field not in wrong and isinstance(item, Mapping) and isinstance(item.get(key), str):
                yield from _wrong_span(span(item[key]), lasts, field)
    yield from _wrong_segments(_list(caption.get("segments")), wrong)
    if not negative:
        yield from _wrong_aspect(caption, wrong)


def _wrong_span(times: tuple[float, float], lasts: float | None, field: str) -> Iterator[Problem]:
    start, end = times
    if start > end:
        yield Problem(field, "it ends before it begins", f'write "{span_of(end, start)}"')
    # A duration is rounded down, so a clip of "4s" may end anywhere before 5 s.
    elif lasts is not None and end >= lasts + 1:
        yield Problem(field, f"it ends after the clip, which lasts {lasts:.0f} s", f"end it at {lasts:.0f} s or before")


def _wrong_segments(segments: list[Any], wrong: set[str]) -> Iterator[Problem]:
    last_end = 0.0
    for index, segment in enumerate(segments):
        field = f"segments[{index}]"
        if not isinstance(segment, Mapping):
            continue
        if f"{field}.segment_index" not in wrong and segment.get("segment_index") != index:
            what = f"it is {segment.get('segment_index')}, and segments are numbered from 0"
            yield Problem(f"{field}.segment_index", what, f"write {index}")
        if f"{field}.time_range" in wrong or not isinstance(segment.get("time_range"), str):
            continue
        start, end = span(segment["time_range"])
        if start <= end:  # a reversed one was named already
            if start < last_end:
                yield Problem(f"{field}.time_range", "it begins before the segment before it ends",
                              f'write "{span_of(last_end, max(end, last_end))}"')  # fmt: skip
            last_end = max(end, last_end)


def _wrong_aspect(caption: Mapping[str, Any], wrong: set[str]) -> Iterator[Problem]:
    size, aspect = caption.get("resolution"), caption.get("aspect_ratio")
    if not isinstance(aspect, str) or "aspect_ratio" in wrong:
        return
    sized = isinstance(size, Mapping) and not {"resolution.W", "resolution.H"} & wrong and {"W", "H"} <= set(size)
    width, height = (int(size["W"]), int(size["H"])) if sized and isinstance(size, Mapping) else (0, 0)
    divisor = math.gcd(width, height)
    # NVIDIA's captioner of training videos writes the exact ratio ("30,17"), its upsampler one of the five.
    if sized and aspect == f"{width // divisor},{height // divisor}":
        return
    if aspect not in ASPECTS:
        yield Problem("aspect_ratio", f"{_shown(aspect)} is none of {' '.join(ASPECTS)}", "write one of them")
    elif sized:
        best = aspect_of(width, height)
        if _distance(aspect, width, height) > _distance(best, width, height) + BETWEEN:
            yield Problem("aspect_ratio", f"it is {aspect}, and {width}x{height} is {best}", f'write "{best}"')


def _distance(aspect: str, width: int, height: int) -> float:
    return abs(math.log(width) - math.log(height) - math.log(ASPECTS[aspect]))


def _list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else []


def _kind(value: Any) -> str:
    return next((name for kind, name in KINDS.items() if isinstance(value, kind)), type(value).__name__)


def _shown(value: str) -> str:
    return repr(value if len(value) <= 40 else f"{value[:39]}…")


def _key(name: Any) -> str:
    """A key as part of a path, which stays one line."""
    text = str(name)[:60]
    return text if text.isidentifier() else repr(text)
