"""The tables. A change here needs a migration in `migrations/versions`; a test compares the two."""

from __future__ import annotations

from sqlalchemy import JSON, Boolean, Column, Float, ForeignKey, Index, Integer, MetaData, String, Table, Text

__all__ = ["items", "metadata", "runs"]

metadata = MetaData()

runs = Table(
    "runs",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("state", String(20), nullable=False, index=True),
    Column("place", String(60), nullable=False),
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
