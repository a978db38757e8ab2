"""Cursors: where a page ended, as one word whose form the API's reference states."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any, TypeVar

from fastapi import Query

from cosmos_workflow.server.shapes import Page

__all__ = ["AFTER", "Limit", "MomentCursor", "NumberCursor", "moment_and_id", "page", "position"]

Limit = Annotated[int, Query(ge=1, le=200, description="the most items on the page")]
AFTER = "`next` of the previous page"
# Of things with a time and an id; of numbered things. No longer than what databases take.
MomentCursor = Annotated[
    str | None, Query(pattern=r"^[0-9]{1,12}(\.[0-9]{1,9})?~[A-Za-z0-9._-]{1,64}$", description=AFTER)
]
NumberCursor = Annotated[str | None, Query(pattern=r"^[0-9]{1,15}$", description=AFTER)]

T = TypeVar("T")
U = TypeVar("U")


def page(
    rows: Sequence[T], limit: int, cursor: Callable[[T], Any], convert: Callable[[Sequence[T]], list[U]]
) -> Page[U]:
    """A page of `limit` rows, of which `rows` has one more where a page follows; `cursor` gives the cursor of a row."""
    items = rows[:limit]
    after = str(cursor(items[-1])) if len(rows) > limit else None
    return Page(items=convert(items), next=after)


def moment_and_id(cursor: str | None) -> tuple[float, str] | None:
    """Where a page of things with a time and an id ended.

    >>> moment_and_id("1795704421.5~20261126-150000-ab")
    (1795704421.5, '20261126-150000-ab')
    """
    if cursor is None:
        return None
    moment, _, id = cursor.partition("~")
    return float(moment), id


def position(cursor: str | None) -> int | None:
    """Where a page of numbered things ended."""
    return None if cursor is None else int(cursor)
