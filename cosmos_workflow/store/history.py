"""Every prompt that was ever asked, with its answer: found by its words, its stars, its tags."""

from __future__ import annotations

import re
import time
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from cosmos_workflow.errors import NotFound, UsageError
from cosmos_workflow.kinds.kind import get_kind, is_known, load_result
from cosmos_workflow.store.database import Database
from cosmos_workflow.store.schema import items, runs, tags

__all__ = ["Entry", "Filters", "History"]

ITEMS_TEXT = sa.table("items_text", sa.column("rowid", sa.Integer))  # SQLite's own index

STARS = 5
EACH_PAGE = 500
TAGS_MOST = 20
TAG_LENGTH = 60


@dataclass(frozen=True)
class Entry:
    """One item of one run. `number` grows with time; `ok` is None while it waits for its answer.

    `question` and `answer` are what its kind says of it in words (`Kind.texts`), `identity` is that of its work.
    `result` is a mapping where the kind is not installed.
    """

    number: int
    run: str
    kind: str
    created: float
    ok: bool | None
    rating: int | None
    tags: tuple[str, ...]
    question: str
    answer: str
    identity: str
    result: Any

    @property
    def file(self) -> str:
        """The path of its first input, empty where it has none or its kind is not installed."""
        if not is_known(self.kind):
            return ""
        return next(filter(None, (str(getattr(self.result, name)) for name in get_kind(self.kind).inputs)), "")


@dataclass(frozen=True)
class Filters:
    """Which entries: all that are given must match. `words` are in prompt or answer; the last may be incomplete."""

    words: str = ""
    run: str = ""
    ok: bool | None = None
    place: str = ""
    engine: str = ""
    rating: int | None = None
    tag: str = ""
    kind: str = ""


class History:
    """The prompts of all runs whose items are in the store; a cluster's are in its output."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, filters: Filters | None = None, *, before: int | None = None, most: int = 50) -> list[Entry]:
        """The newest first; `before` is the number of the last entry of an earlier page."""
        query, number = self._query(filters or Filters())
        if before is not None:
            query = query.where(number < before)
        return self._entries(query.order_by(number.desc()).limit(most))

    def first_of(self, run: str, most: int) -> list[Entry]:
        """The first entries of a run, in the batch's order."""
        query, _ = self._query(Filters(run=run))
        return self._entries(query.order_by(items.c.position).limit(most))

    def of_items(self, run: str, ids: Collection[str]) -> dict[str, Entry]:
        """Entries of a run by the ids of their items."""
        query, _ = self._query(Filters(run=run))
        entries = self._entries(query.where(items.c.item_id.in_(ids)))
        return {entry.result.id: entry for entry in entries}

    def each(self, filters: Filters) -> Iterator[Entry]:
        """All of them, read a page at a time."""
        before: int | None = None
        while page := self.find(filters, before=before, most=EACH_PAGE):
            yield from page
            before = page[-1].number

    def kinds(self, filters: Filters) -> list[str]:
        """The kinds of the entries that match."""
        query, _ = self._query(filters)
        with self._database.reading() as connection:
            return list(
                connection.execute(query.with_only_columns(runs.c.kind).distinct().order_by(runs.c.kind)).scalars()
            )

    def get(self, number: int) -> Entry:
        """Raises NotFound."""
        entries = self.by_numbers([number])
        if not entries:
            raise NotFound(f"no prompt {number}", remedy="see them: cosmos prompts list")
        return entries[0]

    def by_numbers(self, numbers: Collection[int]) -> list[Entry]:
        """Entries by their numbers, in that order; those that are gone are left out."""
        query, number = self._query(Filters())
        entries = {entry.number: entry for entry in self._entries(query.where(number.in_(numbers)))}
        return [entries[number] for number in numbers if number in entries]

    def rate(self, number: int, rating: int | None) -> None:
        """One to five stars, or None for none. Raises NotFound, UsageError."""
        if rating is not None and not 1 <= rating <= STARS:
            raise UsageError(f"{rating} stars are not possible", remedy=f"give 1 to {STARS}, or none")
        with self._database.begin() as connection:
            done = connection.execute(items.update().where(items.c.number == number).values(rating=rating))
        if not done.rowcount:
            raise NotFound(f"no prompt {number}", remedy="see them: cosmos prompts list")

    def tag(self, number: int, words: Iterable[str]) -> None:
        """Set an entry's tags. Raises NotFound, UsageError."""
        labels = list(dict.fromkeys(word.strip() for word in words if word.strip()))
        if len(labels) > TAGS_MOST or any(len(word) > TAG_LENGTH for word in labels):
            raise UsageError(
                "the tags are too many or too long", remedy=f"at most {TAGS_MOST}, of {TAG_LENGTH} characters"
            )
        with self._database.begin() as connection:
            # Locked, so that of two who set the tags at once one comes after the other.
            entry = sa.select(items.c.number).where(items.c.number == number).with_for_update()
            if connection.execute(entry).first() is None:
                raise NotFound(f"no prompt {number}", remedy="see them: cosmos prompts list")
            connection.execute(tags.delete().where(tags.c.number == number))
            if labels:
                connection.execute(tags.insert(), [{"number": number, "tag": word} for word in labels])

    def remove(self, numbers: Collection[int]) -> None:
        """Forget entries with their answers; those that wait for one stay, as their runs still need them."""
        with self._database.begin() as connection:
            ended = items.c.number.in_(numbers), items.c.ok.is_not(None)
            count = sa.func.count()
            good = sa.func.sum(sa.case((items.c.ok.is_(sa.true()), 1), else_=0))
            counts = sa.select(items.c.run_id, count, good).where(*ended).group_by(items.c.run_id)
            for run, total, answered in connection.execute(counts).all():
                less = {"total": runs.c.total - total, "answered": runs.c.answered - answered}
                less["failed"] = runs.c.failed - (total - answered)
                connection.execute(runs.update().where(runs.c.id == run).values(**less, updated=time.time()))
            removed = sa.select(items.c.number).where(*ended)
            connection.execute(tags.delete().where(tags.c.number.in_(removed)))
            connection.execute(items.delete().where(*ended))

    def all_tags(self) -> list[tuple[str, int]]:
        """Each tag with how many entries have it, the most used first."""
        count = sa.func.count()
        query = sa.select(tags.c.tag, count).group_by(tags.c.tag).order_by(count.desc(), tags.c.tag)
        with self._database.reading() as connection:
            return [(tag, number) for tag, number in connection.execute(query)]

    def _query(self, filters: Filters) -> tuple[sa.Select[Any], sa.ColumnElement[int]]:
        """The entries wanted, and the column of their numbers that the database goes by."""
        columns = (
            items.c.number,
            items.c.run_id,
            runs.c.kind,
            runs.c.created,
            items.c.ok,
            items.c.rating,
            items.c.question,
            items.c.answer,
            items.c.identity,
            items.c.result,
        )
        query = sa.select(*columns).join(runs, runs.c.id == items.c.run_id)
        number: sa.ColumnElement[int] = items.c.number
        if words := re.findall(r"\w+", filters.words):
            query, number = self._says(query, words)
        elif filters.words.strip():
            query = query.where(sa.false())
        where: list[sa.ColumnElement[bool]] = []
        if filters.run:
            where.append(items.c.run_id == filters.run)
        if filters.ok is not None:
            where.append(items.c.ok.is_(sa.true() if filters.ok else sa.false()))
        if filters.place:
            where.append(runs.c.place == filters.place)
        if filters.engine:
            where.append(runs.c.engine == filters.engine)
        if filters.kind:
            where.append(runs.c.kind == filters.kind)
        if filters.rating is not None:
            where.append(items.c.rating >= filters.rating)
        if filters.tag:
            where.append(items.c.number.in_(sa.select(tags.c.number).where(tags.c.tag == filters.tag)))
        return query.where(*where), number

    def _says(self, query: sa.Select[Any], words: list[str]) -> tuple[sa.Select[Any], sa.ColumnElement[int]]:
        if not self._database.is_sqlite:
            expression = " & ".join(f"'{word}'" for word in words) + ":*"
            # Written as the index has it, letter by letter.
            text = sa.text(
                "to_tsvector('simple', items.question || ' ' || items.answer) @@ to_tsquery('simple', :expression)"
            )
            return query.where(text.bindparams(expression=expression)), items.c.number
        # Every word is quoted, so that none is an operator. The index is read from its newest row on.
        expression = " ".join(f'"{word}"' for word in words) + "*"
        rowid: sa.ColumnElement[int] = ITEMS_TEXT.c.rowid
        query = query.join(ITEMS_TEXT, rowid == items.c.number)
        return query.where(sa.text("items_text MATCH :expression").bindparams(expression=expression)), rowid

    def _entries(self, query: sa.Select[Any]) -> list[Entry]:
        with self._database.reading() as connection:
            rows = connection.execute(query).all()
            tag_query = sa.select(tags).where(tags.c.number.in_([row.number for row in rows])).order_by(tags.c.tag)
            tagged: dict[int, list[str]] = {}
            for number, tag in connection.execute(tag_query) if rows else ():
                tagged.setdefault(number, []).append(tag)
        return [
            Entry(
                row.number, row.run_id, row.kind, row.created, row.ok, row.rating, tuple(tagged.get(row.number, ())),
                row.question, row.answer, row.identity, load_result(row.kind, row.result),
            )
            for row in rows
        ]  # fmt: skip
