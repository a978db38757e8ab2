"""Shapes of JSON that every kind of work shares, and those made of a kind's own dataclasses."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import MISSING, dataclass, fields
from functools import lru_cache
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, create_model

__all__ = [
    "Count",
    "FileName",
    "Finite",
    "Name",
    "Planned",
    "Shape",
    "Text",
    "Whole",
    "item_shape",
    "settings_shape",
    "title",
    "whole",
]


def _is_exact(value: float) -> bool:
    return value % 1 == 0 and abs(value) <= 2**53


Name = Annotated[str, StringConstraints(max_length=200)]
Text = Annotated[str, StringConstraints(max_length=200_000)]
FileName = Annotated[
    str,
    StringConstraints(min_length=1, max_length=1000),
    Field(description="the id of an uploaded file, or a path inside the server's media folder"),
]
# 3.0 is a whole number in JSON, and "3" is none.
whole = BeforeValidator(lambda value: int(value) if isinstance(value, float) and value % 1 == 0 else value)
exactly_whole = BeforeValidator(lambda value: int(value) if isinstance(value, float) and _is_exact(value) else value)
Count = Annotated[int, Field(ge=1, le=1_000_000), whole]
# What 64 bits hold. Beyond 2^53 it is exact only in digits: a float, and JavaScript's numbers, are not. Less than a
# power of two, as the reference states bounds as floats.
Whole = Annotated[int, Field(ge=-(2**63), lt=2**63), exactly_whole]
Finite = Annotated[float, Field(allow_inf_nan=False)]


class Shape(BaseModel):
    """Unknown fields are refused, so that a misspelt one is not silently ignored; the text "1" is not the number 1."""

    model_config = ConfigDict(extra="forbid", strict=True)


@dataclass(frozen=True)
class Planned:
    """What is known of an item before it runs. The same `identity` is the same work; an item that does not run has
    none. `note` says what will be done.
    """

    id: str
    verdict: str
    reason: str
    remedy: str
    warnings: list[str]
    runs: bool
    identity: str = ""
    note: str = ""


def title(name: str) -> str:
    """A kind's name as a part of the name of a class.

    >>> title("control-video")
    'ControlVideo'
    """
    return "".join(part.capitalize() for part in re.split(r"[\W_]+", name))


@lru_cache
def item_shape(kind: Any) -> type[Shape]:
    """The shape of a kind's items. The `id` may be left out; files are named by texts."""
    given: dict[str, Any] = {"id": (Name, "")} | dict.fromkeys(kind.inputs, (FileName, ...))
    return _shape_of(f"{title(kind.name)}Item", kind.item, given)


@lru_cache
def settings_shape(kind: Any) -> type[Shape]:
    """The shape of a kind's settings."""
    return _shape_of(f"{title(kind.name)}Settings", kind.settings, {})


def _shape_of(name: str, source: Any, given: dict[str, Any]) -> type[Shape]:
    """A shape with the fields of a dataclass; `given` has the type and default of those that are something else."""
    hints = get_type_hints(source)
    made = {each.name: (_strict(hints[each.name]), _default(each)) for each in fields(source)}
    shape: type[Shape] = create_model(name, __base__=Shape, __doc__=source.__doc__, **(made | given))
    return shape


def _strict(hint: Any) -> Any:
    """A type as JSON has it, within bounds."""
    bounded = {int: Whole, float: Finite, str: Text}
    if hint in bounded:
        return bounded[hint]
    origin, parts = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return Union[tuple(_strict(part) for part in parts)]  # noqa: UP007 - the parts are known only now
    if origin in (tuple, list):
        return list[_strict(parts[0])]  # type: ignore[misc]
    return hint


def _default(field: Any) -> Any:
    if field.default_factory is not MISSING:
        factory: Callable[[], Any] = field.default_factory
        return Field(default_factory=factory)
    return ... if field.default is MISSING else field.default
