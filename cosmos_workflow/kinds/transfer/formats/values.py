"""Values of a spec, kept exactly as they were written: 1 stays 1, 1.0 stays 1.0, and the text "0.5" stays a text."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Annotated, Any

from pydantic import PlainValidator

from cosmos_workflow.kinds.transfer.spec import PRESETS

__all__ = [
    "Corners", "Flag", "Labels", "Name", "Number", "NumberAsText", "Preset", "Text", "Weight", "Whole",
    "is_map", "named", "number_of", "shown", "text_of", "whole_of",
]  # fmt: skip

LARGEST = 2**63  # what 64 bits hold: no program has larger whole numbers


def shown(value: Any) -> str:
    """A value as a sentence may show it, shortened."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:59]}…"


def named(key: str) -> str:
    """A key as a sentence may show it: shortened, and without control codes."""
    return key if key.isidentifier() and len(key) <= 60 else shown(key)


def number_of(value: float | str) -> float:
    """A number that may be written as text.

    >>> number_of("0.5"), number_of(1)
    (0.5, 1.0)
    """
    return float(value)


def whole_of(value: float | str) -> int:
    """A whole number that may be written as text, or as 7.0.

    >>> whole_of("7"), whole_of(7.0)
    (7, 7)
    """
    return int(value)


def text_of(number: float) -> str:
    """A number as text, without a fraction that says nothing.

    >>> text_of(70.0), text_of(0.25)
    ('70', '0.25')
    """
    return repr(number).removesuffix(".0")


def is_map(weight: Any) -> bool:
    """Whether a weight is a file with one for each pixel."""
    return isinstance(weight, str) and weight.strip().lower().endswith(".pt")


def _text(value: Any) -> Any:
    if isinstance(value, str):
        return value
    hint = f': write "{value}", in quotes' if isinstance(value, (int, float)) and not isinstance(value, bool) else ""
    raise ValueError(f"must be text{hint}")


def _name(value: Any) -> Any:
    if not str(_text(value)).strip():
        raise ValueError("must not be empty")
    return value


def _number(value: Any) -> Any:
    try:
        if not isinstance(value, bool) and isinstance(value, (int, float, str)) and math.isfinite(float(value)):
            return value
    except (ValueError, OverflowError):
        pass
    raise ValueError("must be a number")


def _whole(value: Any) -> Any:
    try:
        if not isinstance(value, bool) and isinstance(value, (int, float, str)):
            number = int(value)
            if -LARGEST <= number < LARGEST and (isinstance(value, str) or number == value):
                return value
    except (ValueError, OverflowError):
        pass
    raise ValueError("must be a whole number")


def _number_as_text(value: Any) -> Any:
    return _number(_text(value))


def _weight(value: Any) -> Any:
    if is_map(value):
        return value
    try:
        return _number(value)
    except ValueError:
        raise ValueError("must be a number, or the path of a .pt file") from None


def _flag(value: Any) -> Any:
    if isinstance(value, bool):
        return value
    raise ValueError("must be true or false")


def _preset(value: Any) -> Any:
    if isinstance(value, str) and value in PRESETS:
        return value
    raise ValueError(f"must be one of {', '.join(PRESETS)}")


def _labels(value: Any) -> Any:
    if isinstance(value, list):
        return [_whole(label) for label in value]
    raise ValueError("must be a list of whole numbers")


def _corners(value: Any) -> Any:
    if isinstance(value, str):
        return value
    if isinstance(value, list) and len(value) == 4 and not any(isinstance(side, str) for side in value):
        return [_number(side) for side in value]
    raise ValueError("must be the path of a video, or a list of left, top, right and bottom")


def _or_null(check: Callable[[Any], Any]) -> PlainValidator:
    """A key may always be null, which counts as not given."""
    return PlainValidator(lambda value: value if value is None else check(value))


# The types of keys that need not be given.
Text = Annotated[str | None, _or_null(_text)]
Number = Annotated[int | float | str | None, _or_null(_number)]
Whole = Annotated[int | float | str | None, _or_null(_whole)]
NumberAsText = Annotated[str | None, _or_null(_number_as_text)]
Weight = Annotated[int | float | str | None, _or_null(_weight)]
Flag = Annotated[bool | None, _or_null(_flag)]
Preset = Annotated[str | None, _or_null(_preset)]
Labels = Annotated[list[int | float | str] | None, _or_null(_labels)]
Corners = Annotated[list[int | float] | str | None, _or_null(_corners)]
Name = Annotated[str, PlainValidator(_name)]  # must be given
