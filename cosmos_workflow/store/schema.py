"""The tables. A change here needs a migration in `migrations/versions`; a test compares the two."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
)

from cosmos_workflow.store.text import AnyText

__all__ = [
    "experiments",
    "files",
    "hashes",
    "item_files",
    "items",
    "metadata",
    "runs",
    "slots",
    "switches",
    "tags",
    "trials",
]

metadata = MetaData()

runs = Table(
    "runs",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("state", String(20), nullable=False, index=True),
    Column("kind", String(40), nullable=False),
    Column("place", String(255), nullable=False),
    Column("created", Float, nullable=False, index=True),
    Column("updated", Float, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("out", AnyText, nullable=False),
    Column("source", AnyText, nullable=False),
    Column("engine", String(40), nullable=False),
    Column("error", AnyText, nullable=False),
    Column("error_kind", String(40), nullable=False),
    Column("remedy", AnyText, nullable=False),
    Column("settings", JSON, nullable=False),
    # Of items; those of a cluster's run are in its output alone.
    Column("total", Integer, nullable=True),
    Column("answered", Integer, nullable=True),
    Column("failed", Integer, nullable=True),
    # In the queue: the highest priority first, then the lowest rank, which is when it came unless a person moved it.
    Column("priority", Integer, nullable=False),
    Column("rank", Float, nullable=True),
    Column("held", Boolean, nullable=False),
)

NUMBER = BigInteger().with_variant(Integer, "sqlite")

items = Table(
    "items",
    metadata,
    # In the order in which they came: what the history goes by.
    Column("number", NUMBER, primary_key=True),
    Column("run_id", String(40), ForeignKey("runs.id", ondelete="CASCADE"), nullable=False),
    Column("position", Integer, nullable=False),
    Column("item_id", AnyText, nullable=False),
    Column("ok", Boolean, nullable=True),
    # The Result: before its answer comes, what the plan says of it.
    Column("result", JSON, nullable=False),
    Column("rating", Integer, nullable=True),
    # What was asked, as `Kind.dump_item` writes it; and the same for the same work (see `kinds.identity.identity`).
    Column("asked", JSON, nullable=True),
    Column("identity", String(64), nullable=False),
    # What the kind says is searched: the text that was asked, and the text of the answer.
    Column("question", AnyText, nullable=False),
    Column("answer", AnyText, nullable=False),
    Index("items_by_id", "run_id", "item_id", unique=True),
    Index("items_by_position", "run_id", "position", unique=True),
    Index("items_by_rating", "rating"),
)

tags = Table(
    "tags",
    metadata,
    Column("number", NUMBER, ForeignKey("items.number", ondelete="CASCADE"), primary_key=True),
    Column("tag", String(60), primary_key=True, index=True),
)

# One run at a time for each place: who has it, until when unless they say that they live.
slots = Table(
    "slots",
    metadata,
    Column("place", String(255), primary_key=True),
    Column("run_id", String(40), ForeignKey("runs.id", ondelete="SET NULL"), nullable=True),
    Column("owner", String(120), nullable=False),
    Column("until", Float, nullable=False),
)

switches = Table(
    "switches", metadata, Column("name", String(40), primary_key=True), Column("on", Boolean, nullable=False)
)

files = Table(
    "files",
    metadata,
    # The SHA-256 of its bytes.
    Column("sha256", String(64), primary_key=True),
    Column("name", AnyText, nullable=False),
    Column("created", Float, nullable=False, index=True),
    Column("size", BigInteger, nullable=False),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("frames", Integer, nullable=False),
    Column("duration", Float, nullable=False),
    Column("media_type", String(100), nullable=False),
    # Whether the library of this machine has its bytes.
    Column("kept", Boolean, nullable=False),
)

# The files that an item reads and makes, by the kind's names for them.
item_files = Table(
    "item_files",
    metadata,
    Column("number", NUMBER, ForeignKey("items.number", ondelete="CASCADE"), primary_key=True),
    Column("name", String(100), primary_key=True),
    Column("is_output", Boolean, primary_key=True),
    Column("sha256", String(64), nullable=False, index=True),
)

# Input files of this machine that were hashed: by their path, while size and time of change (ns) are the same.
hashes = Table(
    "hashes",
    metadata,
    Column("path", AnyText, primary_key=True),
    Column("changed", BigInteger, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("sha256", String(64), nullable=False),
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
