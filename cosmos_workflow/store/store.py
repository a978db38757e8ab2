"""Runs and results in a database, through SQLAlchemy."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from filelock import FileLock
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from cosmos_workflow.errors import BadInputError, CosmosError, UsageError
from cosmos_workflow.prompts import Result
from cosmos_workflow.store.records import ALLOWED, RunRecord, State
from cosmos_workflow.store.schema import items, runs

__all__ = ["Store"]

HEAD = "0001"
BUSY_SECONDS = 60.0


class Store:
    """A database by its URL (`sqlite:///FILE`, `postgresql+psycopg://…`); brought up to date when it is opened.

    Every write is a transaction of its own, on disk when the call returns.
    Raises CosmosError where the database cannot be opened.
    """

    def __init__(self, url: str) -> None:
        try:
            self._engine = _engine(url)
            self.migrate()
        except (SQLAlchemyError, ArgumentError, ImportError, OSError) as error:
            what = str(getattr(error, "orig", None) or error).split("\n", 1)[0]
            raise BadInputError(
                f"the store cannot be opened ({what})", where=_shown(url), remedy="check store_url in cosmos.toml"
            ) from error

    def close(self) -> None:
        self._engine.dispose()

    def migrate(self, target: str = "head") -> None:
        """Bring the schema to `target`; one process at a time."""
        if target == "head" and self._version() == HEAD:
            return
        from alembic import command
        from alembic.config import Config

        config = Config()
        config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
        database = self._engine.url.database
        alone: Any = FileLock(f"{database}.lock") if self._engine.dialect.name == "sqlite" else nullcontext()
        with alone, self._engine.begin() as connection:
            if self._engine.dialect.name == "postgresql":
                connection.execute(sa.text("SELECT pg_advisory_xact_lock(727272)"))
            config.attributes["connection"] = connection
            downwards = target == "base" or (target != "head" and (self._version() or "") > target)
            (command.downgrade if downwards else command.upgrade)(config, target)

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
        with self._engine.begin() as connection:
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
        with self._engine.begin() as connection:
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
        with self._engine.begin() as connection:
            connection.execute(runs.update().where(runs.c.id == id).values(attempt=runs.c.attempt + 1))
            number = connection.execute(sa.select(runs.c.attempt).where(runs.c.id == id)).scalar_one()
        return int(number)

    def save(self, id: str, results: Iterable[Result]) -> None:
        """Keep results; a good one is never replaced by another."""
        with self._engine.begin() as connection:
            for one in results:
                connection.execute(
                    items.update()
                    .where(items.c.run_id == id, items.c.item_id == one.id, items.c.ok.is_not(sa.true()))
                    .values(ok=one.ok, result=asdict(one))
                )

    def results(self, id: str) -> list[tuple[Result, bool | None]]:
        """Each item's Result in the batch's order, and whether it is good; None while it waits."""
        query = sa.select(items.c.result, items.c.ok).where(items.c.run_id == id).order_by(items.c.position)
        with self._reading() as connection:
            return [(Result(**result), ok) for result, ok in connection.execute(query)]

    def remove(self, id: str) -> None:
        """Forget a run and its results."""
        with self._engine.begin() as connection:
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
        query = (
            sa.select(runs, counts.c.total, counts.c.answered, counts.c.failed)
            .outerjoin(counts, counts.c.run_id == runs.c.id)
            .where(*where)
            .order_by(runs.c.created.desc(), runs.c.id.desc())
        )
        if most:
            query = query.limit(most)
        with self._reading() as connection:
            rows = connection.execute(query).mappings().all()
        numbers = ("total", "answered", "failed")
        return [RunRecord(**{**row, **{name: int(row[name] or 0) for name in numbers}}) for row in rows]

    def _reading(self) -> sa.Connection:
        return self._engine.execution_options(reads=True).connect()

    def _version(self) -> str | None:
        with self._reading() as connection:
            if not sa.inspect(connection).has_table("alembic_version"):
                return None
            version: str | None = connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()
            return version


def _engine(url: str) -> sa.Engine:
    parsed = sa.make_url(url)
    if parsed.get_backend_name() != "sqlite":
        return sa.create_engine(parsed, pool_pre_ping=True)
    if parsed.database:
        Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
    engine = sa.create_engine(parsed, connect_args={"timeout": BUSY_SECONDS})

    @sa.event.listens_for(engine, "connect")
    def _prepare(connection: Any, record: Any) -> None:
        # SQLAlchemy shall begin transactions, at once for writing, so that two writers wait for each other.
        connection.isolation_level = None
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        reads = connection.get_execution_options().get("reads", False)
        connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")

    return engine


def _shown(url: str) -> str:
    try:
        return sa.make_url(url).render_as_string(hide_password=True)
    except ArgumentError:
        return "store_url"
