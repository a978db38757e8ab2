"""What the values of options may be: sizes, times, numbers, and several of them."""

from __future__ import annotations

import math
import re
from typing import Any

import click

from cosmos_workflow.errors import BadInputError, UsageError

__all__ = [
    "DURATION",
    "LENGTH",
    "LIST",
    "NUMBER",
    "NUMBERS",
    "SEED",
    "SIZE",
    "SIZES",
    "NumberRange",
]


class Size(click.ParamType):  # type: ignore[type-arg,unused-ignore]
    """WIDTHxHEIGHT, in pixels."""

    name = "WxH"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int]:
        if isinstance(value, tuple):
            return value
        match = re.fullmatch(r"\s*(\d{1,6})\s*[xX×*]\s*(\d{1,6})\s*", value)
        if not match or "0" in (match[1].strip("0") or "0", match[2].strip("0") or "0"):
            self.fail(f"{value!r} is not a size such as 1280x720", param, ctx)
        return int(match[1]), int(match[2])


SIZE = Size()


class _Finite(click.ParamType):  # type: ignore[type-arg,unused-ignore]
    """Numbers but NaN and the infinite, which pass all of click's ranges."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        number: float = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value!r} is not a finite number", param, ctx)
        return number


class Number(_Finite, click.types.FloatParamType):
    """Any finite number."""


class NumberRange(_Finite, click.FloatRange):
    """A finite number between bounds."""


NUMBER = Number()


class Duration(click.ParamType):  # type: ignore[type-arg,unused-ignore]
    """A time such as 90s, 10m or 2h, in seconds."""

    name = "TIME"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if isinstance(value, float):
            return value
        match = re.fullmatch(r"(\d{1,7})(s|m|h|d|)", str(value).strip())
        if not match:
            self.fail(f"{value!r} is not a time such as 90s, 10m or 2h", param, ctx)
        return float(match[1]) * {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}[match[2]]


DURATION = Duration()


class Seed(click.ParamType):  # type: ignore[type-arg,unused-ignore]
    """A whole number as batches have it, exactly."""

    name = "N"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        from cosmos_workflow.kinds.upsample import whole_number

        try:
            return whole_number(value, "it")
        except BadInputError as error:
            self.fail(f"{value!r} is not a seed; {error.remedy}", param, ctx)


SEED = Seed()


class Several(click.ParamType):  # type: ignore[type-arg,unused-ignore]
    """Values of one kind, with commas between."""

    def __init__(self, kind: Any, name: str) -> None:
        self._kind = kind
        self.name = name

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[Any, ...]:
        if isinstance(value, tuple):
            return value
        words = [word.strip() for word in value.split(",") if word.strip()]
        if not words:
            self.fail("no value is given", param, ctx)
        return tuple(self._kind.convert(word, param, ctx) if self._kind else word for word in words)


LIST = Several(None, "A,B")
NUMBERS = Several(click.IntRange(1), "N,M")
SIZES = Several(SIZE, "WxH,WxH")


class Length(click.ParamType):  # type: ignore[type-arg,unused-ignore]
    """A number of tokens, or `auto`."""

    name = "N|auto"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int | str:
        if value == "auto" and ctx and (server := ctx.find_root().params.get("server")):
            remedy = "give a number: 9216 takes any clip"
            raise UsageError(
                "`auto` looks at the memory of this machine or of a host of its own", where=server, remedy=remedy
            )
        return "auto" if value == "auto" else click.IntRange(1).convert(value, param, ctx)


LENGTH = Length()
