"""The database itself, through SQLAlchemy: opened, brought up to date, written one transaction at a time."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from filelock import FileLock
from sqlalchemy.exc import ArgumentError, OperationalError, SQLAlchemyError

from cosmos_workflow.errors import BadInputError, StoreError
from cosmos_workflow.store.text import from_json, to_json

__all__ = ["HEAD", "Database"]

HEAD = "0005"
BUSY_SECONDS = 60.0
JSON: dict[str, Any] = {"json_serializer": to_json, "json_deserializer": from_json}


class Database:
    """A database by its URL (`sqlite:///FILE`, `postgresql+psycopg://…`); brought up to date when it is opened.

    Raises BadInputError where it cannot be opened. Whatever uses it later gets a StoreError where the database cannot
    be reached, or takes nothing more.
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
        sa.event.listen(self._engine, "handle_error", _explained)

    def close(self) -> None:
        self._engine.dispose()

    def begin(self) -> AbstractContextManager[sa.Connection]:
        """A transaction that may write; on disk when it ends."""
        return self._engine.begin()

    def reading(self) -> sa.Connection:
        """A connection that writes nothing, and waits for no writer."""
        return self._engine.execution_options(reads=True).connect()

    @property
    def is_sqlite(self) -> bool:
        return self._engine.dialect.name == "sqlite"

    def insert(self, table: sa.Table) -> Any:
        """An INSERT that may say what to do where the row is there already (`on_conflict_do_update` and so on)."""
        if self.is_sqlite:
            from sqlalchemy.dialects.sqlite import insert
        else:
            from sqlalchemy.dialects.postgresql import insert  # type: ignore[assignment]
        return insert(table)

    def now(self, connection: sa.Connection) -> float:
        """Seconds since 1970 by the clock that all who use this database share."""
        if self.is_sqlite:
            return time.time()
        return float(connection.execute(sa.text("SELECT extract(epoch FROM clock_timestamp())")).scalar_one())

    def migrate(self, target: str = "head") -> None:
        """Bring the schema to `target`; one process at a time."""
        if target == "head" and self._version() == HEAD:
            return
        from alembic import command
        from alembic.config import Config

        config = Config()
        config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
        database = self._engine.url.database
        alone: Any = FileLock(f"{database}.lock") if self.is_sqlite else nullcontext()
        with alone, self._engine.begin() as connection:
            if not self.is_sqlite:
                connection.execute(sa.text("SELECT pg_advisory_xact_lock(727272)"))
            config.attributes["connection"] = connection
            downwards = target == "base" or (target != "head" and (self._version() or "") > target)
            (command.downgrade if downwards else command.upgrade)(config, target)

    def _version(self) -> str | None:
        with self.reading() as connection:
            if not sa.inspect(connection).has_table("alembic_version"):
                return None
            version: str | None = connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()
            return version


def _engine(url: str) -> sa.Engine:
    parsed = sa.make_url(url)
    if parsed.get_backend_name() != "sqlite":
        return sa.create_engine(parsed, pool_pre_ping=True, **JSON)
    if parsed.database:
        Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
    engine = sa.create_engine(parsed, connect_args={"timeout": BUSY_SECONDS}, **JSON)

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


def _explained(context: sa.engine.ExceptionContext) -> None:
    """Say what is wrong where the database itself fails; mistakes in what is asked of it stay as they are."""
    if context.is_pre_ping or not isinstance(context.sqlalchemy_exception, OperationalError):
        return
    assert context.engine is not None
    what, name = str(context.original_exception).split("\n", 1)[0], context.engine.url
    full = any(word in what for word in ("full", "disk I/O", "No space"))
    remedy = f"{'free space there' if full else 'see that it can be reached'}, then run it again: what was done is kept"
    raise StoreError(
        f"the store fails ({what})", where=name.render_as_string(hide_password=True), remedy=remedy
    ) from context.original_exception


def _shown(url: str) -> str:
    try:
        return sa.make_url(url).render_as_string(hide_password=True)
    except ArgumentError:
        return "store_url"
