"""The Item that goes through every room, and the Result that comes back."""

from __future__ import annotations

import hashlib
import math
import operator
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from cosmos_workflow.errors import BadInputError
from cosmos_workflow.files import at_home
from cosmos_workflow.kinds.reading import Fields, Keys
from cosmos_workflow.text import writable

__all__ = [
    "FIELDS",
    "FORMATS",
    "LEAST_SEED",
    "LONGEST_SIDE",
    "MOST_SEED",
    "OWN",
    "Format",
    "Item",
    "Result",
    "whole_number",
]

# The range of a signed 64-bit integer: vLLM's server takes no other seeds (protocol.py: `torch.long`), nor databases.
LEAST_SEED, MOST_SEED = -(2**63), 2**63 - 1

# What an answer is: a paragraph, or a structured caption.
Format = Literal["text", "cosmos3", "cosmos3-negative"]
FORMATS: tuple[Format, ...] = ("text", "cosmos3", "cosmos3-negative")
LONGEST_SIDE = 100_000  # pixels
# What an item may say itself, in place of the run's settings.
OWN = ("frames", "seed", "temperature", "max_tokens", "format", "for_size", "for_fps", "for_seconds")
FIELDS = Fields(
    ("id", "prompt", "video", *OWN),
    # From NVIDIA's batch files and controlnet specs.
    {"name": "id", "text": "prompt", "video_path": "video", "input_video_path": "video"},
    needs=("video", "prompt"),
)


@dataclass(frozen=True)
class Item:
    """One prompt with its video.

    All but `id`, `prompt` and `video` go before the run's settings (`preflight.Settings`) where they are given; `extra`
    keeps every other key that the batch file has for it.
    """

    id: str
    prompt: str
    video: Path
    frames: int | None = None
    seed: int | None = None
    temperature: float | None = None
    max_tokens: int | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)
    format: Format | None = None
    for_size: tuple[int, int] | None = None
    for_fps: float | None = None
    for_seconds: float | None = None

    def __post_init__(self) -> None:
        if self.for_size is not None:  # a list, where it comes from JSON
            object.__setattr__(self, "for_size", tuple(self.for_size))

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any], *, where: str = "", keys: Keys | None = None) -> Item:
        """An Item from a batch entry; `~` is the home folder.

        An entry without an id gets one from its content, so that it stays the same when the batch is
        sorted or grows. `keys` counts unknown keys. Raises BadInputError that names the field.
        """
        return cls.from_fields(*FIELDS.split(values, where, keys), where=where)

    @classmethod
    def from_fields(cls, named: Mapping[str, Any], extra: Mapping[str, Any], *, where: str = "") -> Item:
        """As `from_mapping`, from the known fields of an entry and its other keys."""
        video = named.get("video")
        if not isinstance(video, str) or not video.strip():
            raise BadInputError("no video is given", where=where, remedy=_video_remedy(named, extra))
        prompt = named.get("prompt", "")
        if not isinstance(prompt, str):
            raise BadInputError(f"the prompt is not a text: {prompt!r}", where=where, remedy="put it in quotes")
        prompt = writable(prompt) if prompt.strip() else ""
        own: dict[str, Any] = {
            name: read(named[name], name, where) for name, read in _OWN if _is_given(named.get(name))
        }
        name = writable(str(named.get("id", "")).strip())
        return cls(
            id=name or _content_id(video, prompt, own),
            prompt=prompt,
            video=at_home(Path(video)),
            extra=extra,
            **own,
        )


def _is_given(value: Any) -> bool:
    """Whether a field has a value; the value may be an array of NumPy, which is not compared with anything."""
    return value is not None and not (isinstance(value, str) and not value)


def _video_remedy(named: Mapping[str, Any], extra: Mapping[str, Any]) -> str:
    slips = [key for key in extra if FIELDS.meaning(FIELDS.guess(key)) == "video"]
    if slips:
        return f'{slips[0]!r} is not known: did you mean "video"?'
    keys = ", ".join(repr(key[:60]) for key in [*named, *extra][:12])
    return 'give "video": "PATH"' + (f"; there are {keys}" if keys else "")


def whole_number(value: Any, name: str, where: str = "", low: int = LEAST_SEED) -> int:
    """A value as a signed 64-bit whole number, without rounding: 7, 7.0, "7". Raises BadInputError that names it."""
    number: int | None = None
    if isinstance(value, str):
        # No exponent: a spreadsheet writes 1.23457E+11 for a number that it has rounded.
        digits = re.fullmatch(r"\s*([+-]?[0-9]{1,40})(\.0*)?\s*", value)
        number = int(digits[1]) if digits else None
    elif not isinstance(value, bool):
        with suppress(TypeError, ValueError, OverflowError):
            # operator.index also takes NumPy's whole numbers.
            number = operator.index(value) if hasattr(value, "__index__") else _from_float(float(value))
    if number is None or not low <= number <= MOST_SEED:
        least = "-2^63" if low == LEAST_SEED else f"{low}"
        raise BadInputError(
            f"{name} is {value!r:.60}", where=where,
            remedy=f"give a whole number from {least} to 2^63-1 in digits, or leave it out",
        )  # fmt: skip
    return number


def _from_float(value: float) -> int | None:
    # Beyond 2^53 a float can mean several whole numbers.
    return int(value) if value.is_integer() and abs(value) <= 2**53 else None


def _count(value: Any, name: str, where: str) -> int:
    return whole_number(value, name, where, low=1)


def _temperature(value: Any, name: str, where: str) -> float:
    return _number(value, name, where, "of at least 0")


def _rate(value: Any, name: str, where: str) -> float:
    return _number(value, name, where, "above 0 and up to 1000", above=0.0, most=1000.0)


def _seconds(value: Any, name: str, where: str) -> float:
    return _number(value, name, where, "above 0 and up to 86400", above=0.0, most=86_400.0)


def _number(value: Any, name: str, where: str, which: str, above: float | None = None, most: float = math.inf) -> float:
    """A finite number of at least 0 that is `above` one and no more than `most`; `which` says so in the remedy."""
    try:
        if isinstance(value, str) and re.fullmatch(r"\s*[0-9]*,[0-9]+\s*", value):
            value = value.replace(",", ".")  # spreadsheets in many languages write a decimal comma
        number = float(value)
        if isinstance(value, bool) or number < 0 or not math.isfinite(number):
            raise ValueError
        if number > most or (above is not None and number <= above):
            raise ValueError
    except (TypeError, ValueError, OverflowError):
        raise BadInputError(
            f"{name} is {value!r:.60}", where=where, remedy=f"give a number {which}, or leave it out"
        ) from None
    return number


def _format(value: Any, name: str, where: str) -> Format:
    for format in FORMATS:
        if isinstance(value, str) and value.strip().lower() == format:
            return format
    raise BadInputError(f"{name} is {value!r:.60}", where=where, remedy=f"choose one of {', '.join(FORMATS)}")


def _size(value: Any, name: str, where: str) -> tuple[int, int]:
    sides = re.split("[xX×*]", value) if isinstance(value, str) else value
    try:
        if isinstance(sides, bytes):
            raise TypeError
        width, height = (_count(side, name, where) for side in sides)
        if max(width, height) > LONGEST_SIDE:
            raise ValueError
    except (TypeError, ValueError, BadInputError):
        raise BadInputError(
            f"{name} is {value!r:.60}", where=where, remedy="give width and height in pixels, such as 1280x720"
        ) from None
    return width, height


_OWN: tuple[tuple[str, Callable[[Any, str, str], Any]], ...] = (
    ("frames", _count),
    ("seed", whole_number),
    ("temperature", _temperature),
    ("max_tokens", _count),
    ("format", _format),
    ("for_size", _size),
    ("for_fps", _rate),
    ("for_seconds", _seconds),
)


def _content_id(video: str, prompt: str, own: Mapping[str, Any]) -> str:
    content = repr((video, prompt, sorted(own.items())))
    return f"{writable(Path(video).stem)}-{hashlib.sha256(content.encode('utf-8', 'replace')).hexdigest()[:8]}"


@dataclass(frozen=True)
class Result:
    """An Item's answer, or why there is none, together with its Plan.

    `prompt_tokens` and `completion_tokens` are the engine's own count if it states one, else the plan's;
    `seconds` is the time from when the engine began the call with this item to the item's answer.
    `truncated` says that the answer was cut short; `note` is for the reader, such as that frames were resized or
    that no model was used; `engine_model` is the engine's name for the model that answered.
    """

    id: str
    prompt: str
    video: str
    verdict: str
    model: str = ""
    frame_width: int = 0
    frame_height: int = 0
    source_width: int = 0
    source_height: int = 0
    frames: int = 0
    text_tokens: int = 0
    image_tokens: int = 0
    prompt_tokens: int = 0
    max_tokens: int = 0
    max_model_len: int = 0
    room: int = 0
    reason: str = ""
    remedy: str = ""
    upsampled_prompt: str = ""
    finish_reason: str = ""
    truncated: bool = False
    completion_tokens: int = 0
    seconds: float = 0.0
    engine: str = ""
    engine_model: str = ""
    place: str = "local"
    note: str = ""
    error: str = ""
    error_kind: str = ""

    @property
    def ok(self) -> bool:
        return not self.error
