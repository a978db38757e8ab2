"""Cursors: where a page ended, as one opaque word."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from typing import Annotated, Any, TypeVar

from fastapi import Query

from cosmos_workflow.errors import BadInputError
from cosmos_workflow.web.shapes import Page

__all__ = ["Cursor", "Limit", "moment_and_id", "page", "position"]

Limit = Annotated[int, Query(ge=1, le=200, description="at most so many")]
Cursor = Annotated[str | None, Query(max_length=200, description="`next` of the page before")]

T = TypeVar("T")
U = TypeVar("U")


def page(rows: Sequence[T], limit: int, key: Callable[[T], Any], shown: Callable[[Sequence[T]], list[U]]) -> Page[U]:
    """A page of `limit` out of one row more than that, where there is one; `key` is where a row stands."""
    here = rows[:limit]
    after = _packed(key(here[-1])) if len(rows) > limit else None
    return Page(items=shown(here), next=after)


def moment_and_id(cursor: str | None) -> tuple[float, str] | None:
    """Where a page of things with a time and an id ended. Raises BadInputError."""
    match _unpacked(cursor):
        case None:
            return None
        case [float() | int() as moment, str() as id] if _is_number(moment) and id.isascii() and "\0" not in id:
            return float(moment), id
    raise _foreign(cursor)


def position(cursor: str | None) -> int | None:
    """Where a page of numbered things ended. Raises BadInputError."""
    match _unpacked(cursor):
        case None:
            return None
        case int() as number if _is_number(number):
            return number
    raise _foreign(cursor)


def _is_number(value: float) -> bool:
    """Whether a database takes it: no true or false, nothing infinite, nothing beyond what JSON keeps exactly."""
    return not isinstance(value, bool) and abs(value) <= 2**53


def _packed(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def _unpacked(cursor: str | None) -> Any:
    if not cursor:
        return None
    try:
        return json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, RecursionError):
        raise _foreign(cursor) from None


def _foreign(cursor: str | None) -> BadInputError:
    return BadInputError(f"invalid cursor: {cursor!r}", remedy="give `next` of the page before, or nothing")
