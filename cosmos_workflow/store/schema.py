"""The tables. A change here needs a migration in `migrations/versions`; a test compares the two."""

from __future__ import annotations

from sqlalchemy import JSON, Boolean, Column, Float, ForeignKey, Index, Integer, MetaData, String, Table, Text

__all__ = ["experiments", "items", "metadata", "runs", "trials"]

metadata = MetaData()

runs = Table(
    "runs",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("state", String(20), nullable=False, index=True),
    Column("place", String(255), nullable=False),
    Column("created", Float, nullable=False, index=True),
    Column("updated", Float, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("out", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("engine", String(40), nullable=False),
    Column("error", Text, nullable=False),
    Column("error_kind", String(40), nullable=False),
    Column("remedy", Text, nullable=False),
    Column("settings", JSON, nullable=False),
    # For a run whose items are not in the store: a million of them are in the run's output.
    Column("total", Integer, nullable=True),
    Column("answered", Integer, nullable=True),
    Column("failed", Integer, nullable=True),
)

items = Table(
    "items",
    metadata,
    Column("run_id", String(40), ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("item_id", Text, nullable=False),
    Column("ok", Boolean, nullable=True),
    # The Result: before its answer comes, what the plan says of it.
    Column("result", JSON, nullable=False),
    Index("items_by_id", "run_id", "item_id", unique=True),
)

experiments = Table(
    "experiments",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("kind", String(20), nullable=False, index=True),
    Column("state", String(20), nullable=False),
    Column("created", Float, nullable=False, index=True),
    Column("updated", Float, nullable=False),
    Column("place", String(60), nullable=False),
    Column("engine", String(40), nullable=False),
    # What was asked for: the same again goes on with it.
    Column("settings", JSON, nullable=False),
    # The machine, and what the engine says of itself.
    Column("environment", JSON, nullable=False),
)

trials = Table(
    "trials",
    metadata,
    Column("experiment_id", String(40), ForeignKey("experiments.id", ondelete="CASCADE"), primary_key=True),
    Column("key", String(200), primary_key=True),
    Column("position", Integer, nullable=False),
    # False while it runs: a process that dies in it leaves it so.
    Column("done", Boolean, nullable=False),
    Column("data", JSON, nullable=False),
)
