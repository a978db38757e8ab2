"""Runs and their results."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

import sqlalchemy as sa

from cosmos_workflow.errors import CosmosError, UsageError
from cosmos_workflow.prompts import Result
from cosmos_workflow.store.database import Database
from cosmos_workflow.store.experiments import Experiments
from cosmos_workflow.store.records import ALLOWED, RunRecord, State
from cosmos_workflow.store.schema import items, runs

__all__ = ["Store"]


class Store:
    """What a database remembers, by its URL (see `Database`); `experiments` are the lab's.

    Every write is a transaction of its own, on disk when the call returns.
    """

    def __init__(self, url: str) -> None:
        self.database = Database(url)
        self.experiments = Experiments(self.database)

    def add(
        self, id: str, place: str, waiting: Sequence[Result], *, out: str, source: str, engine: str,
        settings: dict[str, Any],
    ) -> None:  # fmt: skip
        """Remember a run, `planned`, and its items; one with an error is answered by it already."""
        now = time.time()
        run = {
            "id": id, "state": "planned", "place": place, "created": now, "updated": now, "attempt": 1, "out": out,
            "source": source, "engine": engine, "error": "", "error_kind": "", "remedy": "", "settings": settings,
        }  # fmt: skip
        rows = [
            {"run_id": id, "position": n, "item_id": one.id, "ok": False if one.error else None, "result": asdict(one)}
            for n, one in enumerate(waiting)
        ]
        with self.database.begin() as connection:
            connection.execute(runs.insert(), run)
            if rows:
                connection.execute(items.insert(), rows)

    def get(self, id: str) -> RunRecord:
        """A run by its id, or by a beginning that only one has. Raises UsageError where there is no such run."""
        found = self._records(runs.c.id.startswith(id, autoescape=True))
        exact = [one for one in found if one.id == id] or found
        if len(exact) == 1:
            return exact[0]
        if found:
            raise UsageError(f"{id!r} begins {len(found)} runs", remedy="give more of it: cosmos runs list")
        raise UsageError(f"no run {id!r}", remedy="see them: cosmos runs list")

    def runs(self, *, states: Sequence[State] = (), place: str = "", most: int = 0) -> list[RunRecord]:
        """Runs, the newest first."""
        where: list[sa.ColumnElement[bool]] = [runs.c.state.in_(states)] if states else []
        where += [runs.c.place == place] if place else []
        return self._records(*where, most=most)

    def move(self, id: str, state: State, *, error: str = "", kind: str = "", remedy: str = "") -> None:
        """Take a run to its next state. Raises CosmosError for a step that the state machine does not have."""
        with self.database.begin() as connection:
            now = connection.execute(sa.select(runs.c.state).where(runs.c.id == id).with_for_update()).scalar()
            if now is None or (now != state and state not in ALLOWED[now]):
                raise CosmosError(
                    f"a run that is {now} cannot become {state}", where=id, remedy="see it: cosmos runs show"
                )
            values = {"state": state, "updated": time.time(), "error": error, "error_kind": kind, "remedy": remedy}
            connection.execute(runs.update().where(runs.c.id == id).values(values))

    def again(self, id: str) -> int:
        """Take a run that ended back to `planned` for one more attempt; returns its number."""
        self.move(id, "planned")
        with self.database.begin() as connection:
            connection.execute(runs.update().where(runs.c.id == id).values(attempt=runs.c.attempt + 1))
            number = connection.execute(sa.select(runs.c.attempt).where(runs.c.id == id)).scalar_one()
        return int(number)

    def count(self, id: str, *, total: int, answered: int, failed: int) -> None:
        """Keep the counts of a run whose items are not here but in its output."""
        values = {"total": total, "answered": answered, "failed": failed, "updated": time.time()}
        with self.database.begin() as connection:
            connection.execute(runs.update().where(runs.c.id == id).values(values))

    def save(self, id: str, results: Iterable[Result]) -> None:
        """Keep results; a good one is never replaced by another."""
        with self.database.begin() as connection:
            for one in results:
                connection.execute(
                    items.update()
                    .where(items.c.run_id == id, items.c.item_id == one.id, items.c.ok.is_not(sa.true()))
                    .values(ok=one.ok, result=asdict(one))
                )

    def results(self, id: str) -> list[tuple[Result, bool | None]]:
        """Each item's Result in the batch's order, and whether it is good; None while it waits."""
        query = sa.select(items.c.result, items.c.ok).where(items.c.run_id == id).order_by(items.c.position)
        with self.database.reading() as connection:
            return [(Result(**result), ok) for result, ok in connection.execute(query)]

    def remove(self, id: str) -> None:
        """Forget a run and its results."""
        with self.database.begin() as connection:
            connection.execute(items.delete().where(items.c.run_id == id))
            connection.execute(runs.delete().where(runs.c.id == id))

    def _records(self, *where: Any, most: int = 0) -> list[RunRecord]:
        counts = (
            sa.select(
                items.c.run_id,
                sa.func.count().label("total"),
                sa.func.sum(sa.case((items.c.ok.is_(sa.true()), 1), else_=0)).label("answered"),
                sa.func.sum(sa.case((items.c.ok.is_(sa.false()), 1), else_=0)).label("failed"),
            )
            .group_by(items.c.run_id)
            .subquery()
        )
        numbers = ("total", "answered", "failed")
        query = (
            sa.select(
                *(column for column in runs.c if column.name not in numbers),
                *(sa.func.coalesce(runs.c[name], counts.c[name], 0).label(name) for name in numbers),
            )
            .outerjoin(counts, counts.c.run_id == runs.c.id)
            .where(*where)
            .order_by(runs.c.created.desc(), runs.c.id.desc())
        )
        if most:
            query = query.limit(most)
        with self.database.reading() as connection:
            rows = connection.execute(query).mappings().all()
        return [RunRecord(**{**row, **{name: int(row[name]) for name in numbers}}) for row in rows]
