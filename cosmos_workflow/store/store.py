"""Runs and their results."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import islice
from typing import Any

import sqlalchemy as sa

from cosmos_workflow.errors import Conflict, NotFound, UsageError
from cosmos_workflow.kinds.kind import FIRST_KIND, Kind, get_kind
from cosmos_workflow.store.database import Database
from cosmos_workflow.store.experiments import Experiments
from cosmos_workflow.store.files import FileRecord, FileRecords, ItemFile, forget_of_run, remember
from cosmos_workflow.store.hashes import Hashes
from cosmos_workflow.store.history import History
from cosmos_workflow.store.queue import Queue
from cosmos_workflow.store.records import ALLOWED, NOT_SUBMITTED, RunRecord, State, record
from cosmos_workflow.store.schema import items, runs

__all__ = ["NewItem", "Store", "StoredItem"]

ROWS_AT_ONCE = 1000


@dataclass(frozen=True)
class NewItem:
    """An item of a new run: its Result as far as it is known, what was asked as JSON, its identity, its input files."""

    result: Any
    asked: Mapping[str, Any] | None = None
    identity: str = ""
    inputs: Mapping[str, FileRecord] = field(default_factory=dict)


@dataclass(frozen=True)
class StoredItem:
    """An item of a run: `ok` is None while it waits for its answer."""

    position: int
    ok: bool | None
    identity: str
    asked: Mapping[str, Any] | None
    result: Any


def row_of(run: str, position: int, new: NewItem, kind: Kind) -> dict[str, Any]:
    """A new item as a row of the items."""
    ok = False if new.result.error else None
    asked = None if new.asked is None else dict(new.asked)
    row = {"run_id": run, "position": position, "item_id": new.result.id, "ok": ok, "asked": asked}
    return row | {"identity": new.identity, **answer_of(new.result, kind)}


def answer_of(result: Any, kind: Kind) -> dict[str, Any]:
    """The columns that change with an item's answer."""
    question, answer = kind.texts(result)
    return {"result": asdict(result), "question": question, "answer": answer}


class Store:
    """What a database remembers, by its URL (see `Database`).

    Runs are its own; `queue` says which of them is next, `history` finds their prompts, `files` are known by
    their content, `experiments` are the lab's.

    Every write is a transaction of its own, on disk when the call returns.
    """

    def __init__(self, url: str) -> None:
        self.database = Database(url)
        self.experiments = Experiments(self.database)
        self.hashes = Hashes(self.database)
        self.history = History(self.database)
        self.files = FileRecords(self.database)
        self.queue = Queue(self.database)

    def add(
        self, id: str, place: str, new: Iterable[NewItem], *, out: str, source: str, engine: str,
        settings: dict[str, Any], kind: str = FIRST_KIND, queued: bool = False, priority: int = 0, held: bool = False,
    ) -> None:  # fmt: skip
        """Remember a run, `planned` or `queued`, and its items; one with an error is answered by it already.

        Items are taken one by one, and many are written in steps: until the last is written the run is `cancelled`, and
        stays so where whoever writes it is killed. An exception of `new` leaves nothing.
        """
        now, its_kind = time.time(), get_kind(kind)
        run = {
            "id": id, "kind": kind, "state": "cancelled", "place": place, "created": now, "updated": now, "attempt": 1,
            "out": out, "source": source, "engine": engine,
            "error": "it was not submitted as a whole", "error_kind": NOT_SUBMITTED, "remedy": "submit it again",
            "settings": settings, "total": 0, "answered": 0, "failed": 0, "priority": priority, "held": held,
            "rank": None,
        }  # fmt: skip
        numbered = enumerate(new)
        total = failed = 0
        begun = False
        try:
            while True:
                step = list(islice(numbered, ROWS_AT_ONCE))
                rows = [row_of(id, position, item, its_kind) for position, item in step]
                total, failed = total + len(rows), failed + sum(row["ok"] is False for row in rows)
                with self.database.begin() as connection:
                    if not begun:
                        connection.execute(runs.insert(), run)
                    if rows:
                        connection.execute(items.insert(), rows)
                        self._remember_inputs(connection, id, step)
                    if len(rows) < ROWS_AT_ONCE:
                        self._begin(connection, id, place, queued, {"total": total, "failed": failed})
                        return
                begun = True
        except BaseException:
            if begun:
                self.remove(id)
            raise

    def _begin(self, connection: sa.Connection, id: str, place: str, queued: bool, counts: dict[str, int]) -> None:
        """A run whose items are all written may be driven from now on."""
        values: dict[str, Any] = {"state": "queued" if queued else "planned", **counts}
        values |= {"error": "", "error_kind": "", "remedy": ""}
        values["rank"] = self.database.now(connection) if queued else None
        connection.execute(runs.update().where(runs.c.id == id).values(values))
        if queued:
            self.queue.add_place(connection, place)

    def _remember_inputs(self, connection: sa.Connection, run: str, step: Sequence[tuple[int, NewItem]]) -> None:
        """Remember the input files of items that were written just now, by their positions."""
        if any(item.inputs for _, item in step):
            between = items.c.position.between(step[0][0], step[-1][0])
            query = sa.select(items.c.position, items.c.number).where(items.c.run_id == run, between)
            number = {row.position: row.number for row in connection.execute(query)}
            named = ((at, name, record) for at, item in step for name, record in item.inputs.items())
            remember(self.database, connection, [(number[at], ItemFile(name, record)) for at, name, record in named])

    def get(self, id: str) -> RunRecord:
        """A run by its id, or by a beginning that only one has. Raises NotFound where there is no such run."""
        if exact := self._records(runs.c.id == id):
            return exact[0]
        matches = self._records(runs.c.id.startswith(id, autoescape=True), most=50)
        if len(matches) == 1:
            return matches[0]
        if matches:
            raise UsageError(f"{len(matches)} runs begin with {id!r}", remedy="give more of the id: cosmos runs list")
        raise NotFound(f"no run {id!r}", remedy="see them: cosmos runs list")

    def runs(
        self, *, states: Sequence[State] = (), place: str = "", most: int = 0, before: tuple[float, str] | None = None
    ) -> list[RunRecord]:
        """Runs, the newest first; `before` is when the last one of an earlier page was created, and its id."""
        where: list[sa.ColumnElement[bool]] = [runs.c.state.in_(states)] if states else []
        where += [runs.c.place == place] if place else []
        where += [sa.tuple_(runs.c.created, runs.c.id) < sa.tuple_(*map(sa.literal, before))] if before else []
        return self._records(*where, most=most)

    def counts(self) -> dict[State, int]:
        """How many runs are in each state that any is in."""
        query = sa.select(runs.c.state, sa.func.count()).group_by(runs.c.state)
        with self.database.reading() as connection:
            return {row[0]: row[1] for row in connection.execute(query)}

    def pulse(self) -> str:
        """A word that is another one whenever any run has changed."""
        query = sa.select(sa.func.count(), sa.func.max(runs.c.updated), sa.func.sum(runs.c.priority))
        query = query.add_columns(sa.func.sum(runs.c.rank), sa.func.sum(sa.case((runs.c.held, 1), else_=0)))
        with self.database.reading() as connection:
            return "-".join(str(value or 0) for value in connection.execute(query).one())

    def move(self, id: str, state: State, *, error: str = "", kind: str = "", remedy: str = "") -> None:
        """Take a run to its next state. Raises Conflict for a step that the state machine does not have."""
        with self.database.begin() as connection:
            _move(connection, id, state, error=error, kind=kind, remedy=remedy)

    def again(self, id: str, hopeless: Collection[str], *, queued: bool = False) -> int:
        """Take a run that ended back to its start for one more attempt; returns its number.

        Its failed items are open again, but for those whose error is of a `hopeless` kind. Raises Conflict for a run
        that has not ended.
        """
        with self.database.begin() as connection:
            _move(connection, id, "queued" if queued else "planned")
            reopened = connection.execute(items.update().where(*_failed(id, hopeless)).values(ok=None)).rowcount
            values: dict[str, Any] = {"attempt": runs.c.attempt + 1, "failed": runs.c.failed - reopened}
            values |= {"rank": self.database.now(connection)} if queued else {}
            connection.execute(runs.update().where(runs.c.id == id).values(values))
            return int(connection.execute(sa.select(runs.c.attempt).where(runs.c.id == id)).scalar_one())

    def explain(self, id: str, error: str, remedy: str) -> None:
        """Say why a run was cancelled, where whoever saw it end knew only that it was."""
        with self.database.begin() as connection:
            cancelled = runs.update().where(runs.c.id == id, runs.c.state == "cancelled")
            connection.execute(cancelled.values(error=error, remedy=remedy))

    def finish_cancelled(self, id: str) -> bool:
        """Call a cancelled run, whose items all have their results, done. Returns whether it was cancelled."""
        values = {"state": "done", "updated": time.time(), "error": "", "error_kind": "", "remedy": ""}
        with self.database.begin() as connection:
            cancelled = runs.update().where(runs.c.id == id, runs.c.state == "cancelled").values(values)
            return bool(connection.execute(cancelled).rowcount)

    def reopen(self, id: str, item_id: str) -> None:
        """Let a good answer count no longer: the item waits for another one."""
        with self.database.begin() as connection:
            mine = items.c.run_id == id, items.c.item_id == item_id, items.c.ok.is_(sa.true())
            reopened = connection.execute(items.update().where(*mine).values(ok=None)).rowcount
            connection.execute(runs.update().where(runs.c.id == id).values(answered=runs.c.answered - reopened))

    def may_be_tried_again(self, id: str, hopeless: Collection[str]) -> bool:
        """Whether a run has items without a good answer that may get one yet."""
        waiting = sa.and_(items.c.run_id == id, items.c.ok.is_(None))
        query = sa.select(items.c.number).where(sa.or_(waiting, sa.and_(*_failed(id, hopeless)))).limit(1)
        with self.database.reading() as connection:
            return connection.execute(query).first() is not None

    def count(self, id: str, *, total: int, answered: int, failed: int) -> None:
        """Keep the counts of a run whose items are not here but in its output."""
        values = {"total": total, "answered": answered, "failed": failed, "updated": time.time()}
        with self.database.begin() as connection:
            connection.execute(runs.update().where(runs.c.id == id).values(values))

    def save(self, id: str, results: Iterable[Any]) -> None:
        """Keep results; a good one is never replaced by another."""
        answered = failed = 0
        kind = get_kind(self.get(id).kind)
        with self.database.begin() as connection:
            for result in results:
                item = items.c.run_id == id, items.c.item_id == result.id
                update = items.update().where(*item).values(ok=result.ok, **answer_of(result, kind))
                if new := connection.execute(update.where(items.c.ok.is_(None))).rowcount:
                    answered, failed = answered + new * result.ok, failed + new * (not result.ok)
                elif result.ok:
                    mended = connection.execute(update.where(items.c.ok.is_(sa.false()))).rowcount
                    answered, failed = answered + mended, failed - mended
                else:
                    connection.execute(update.where(items.c.ok.is_(sa.false())))
            values = {"answered": runs.c.answered + answered, "failed": runs.c.failed + failed, "updated": time.time()}
            connection.execute(runs.update().where(runs.c.id == id).values(values))

    def results(self, id: str, *, after: int = -1, most: int | None = None) -> list[tuple[Any, bool | None]]:
        """Each item's Result in the batch's order, and whether it is good; None while it waits.

        Those behind the position `after`, `most` of them.
        """
        return [(entry.result, entry.ok) for entry in self.items(id, after=after, most=most)]

    def items(self, id: str, *, after: int = -1, most: int | None = None, only_open: bool = False) -> list[StoredItem]:
        """The items of a run in the batch's order, those behind the position `after`, `most` of them."""
        where = [items.c.run_id == id, items.c.position > after]
        where += [items.c.ok.is_(None)] if only_open else []
        columns = items.c.position, items.c.ok, items.c.identity, items.c.asked, items.c.result
        query = sa.select(*columns).where(*where).order_by(items.c.position).limit(most)
        kind = get_kind(self.get(id).kind)
        with self.database.reading() as connection:
            return [
                StoredItem(row.position, row.ok, row.identity, row.asked, kind.load_result(row.result))
                for row in connection.execute(query)
            ]

    def each_item(self, id: str) -> Iterator[StoredItem]:
        """All items of a run, read a page at a time."""
        after = -1
        while page := self.items(id, after=after, most=ROWS_AT_ONCE):
            yield from page
            after = page[-1].position

    def identities(self, id: str) -> dict[str, str]:
        """The identity of each item of a run, by the item's id."""
        query = sa.select(items.c.item_id, items.c.identity).where(items.c.run_id == id)
        with self.database.reading() as connection:
            return {row.item_id: row.identity for row in connection.execute(query)}

    def remove(self, id: str) -> None:
        """Forget a run and its results."""
        with self.database.begin() as connection:
            forget_of_run(connection, id)
            connection.execute(items.delete().where(items.c.run_id == id))
            connection.execute(runs.delete().where(runs.c.id == id))

    def _records(self, *where: Any, most: int = 0) -> list[RunRecord]:
        query = sa.select(runs).where(*where).order_by(runs.c.created.desc(), runs.c.id.desc()).limit(most or None)
        with self.database.reading() as connection:
            return [record(row) for row in connection.execute(query).mappings()]


def _move(
    connection: sa.Connection, id: str, state: State, *, error: str = "", kind: str = "", remedy: str = ""
) -> None:
    now = connection.execute(sa.select(runs.c.state).where(runs.c.id == id).with_for_update()).scalar()
    if now is None or (now != state and state not in ALLOWED[now]):
        what = f"a run that is {now} cannot become {state}" if now else "the run is no longer there"
        raise Conflict(what, where=id, remedy="see it: cosmos runs show")
    values = {"state": state, "updated": time.time(), "error": error, "error_kind": kind, "remedy": remedy}
    connection.execute(runs.update().where(runs.c.id == id).values(values))


def _failed(id: str, hopeless: Collection[str]) -> tuple[Any, ...]:
    kind = items.c.result["error_kind"].as_string()
    return items.c.run_id == id, items.c.ok.is_(sa.false()), kind.not_in(hopeless)
