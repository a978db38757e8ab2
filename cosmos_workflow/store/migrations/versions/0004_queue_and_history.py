"""The queue, the history of prompts with its full-text search, and the clips that people uploaded."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

COUNTED = """
UPDATE runs SET total = (SELECT count(*) FROM items WHERE run_id = runs.id),
  answered = (SELECT count(*) FROM items WHERE run_id = runs.id AND ok),
  failed = (SELECT count(*) FROM items WHERE run_id = runs.id AND NOT ok) WHERE total IS NULL
"""

# The texts that are searched are the results' own; each database keeps its index by itself.
SQLITE = (
    """
CREATE TABLE items_new (
  number INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, run_id VARCHAR(40) NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
  position INTEGER NOT NULL, item_id TEXT NOT NULL, ok BOOLEAN, result JSON NOT NULL, rating INTEGER,
  prompt TEXT GENERATED ALWAYS AS (coalesce(json_extract(result, '$.prompt'), '')) VIRTUAL,
  answer TEXT GENERATED ALWAYS AS (coalesce(json_extract(result, '$.upsampled_prompt'), '')) VIRTUAL
)""",
    "INSERT INTO items_new (run_id, position, item_id, ok, result)"
    " SELECT i.run_id, i.position, i.item_id, i.ok, i.result"
    " FROM items i JOIN runs r ON r.id = i.run_id ORDER BY r.created, r.id, i.position",
    "DROP TABLE items",
    "ALTER TABLE items_new RENAME TO items",
    "CREATE UNIQUE INDEX items_by_id ON items (run_id, item_id)",
    "CREATE UNIQUE INDEX items_by_position ON items (run_id, position)",
    "CREATE VIRTUAL TABLE items_text USING fts5("
    "prompt, answer, content='items', content_rowid='number', tokenize='unicode61 remove_diacritics 0')",
    "INSERT INTO items_text (items_text) VALUES ('rebuild')",
    "CREATE TRIGGER items_added AFTER INSERT ON items BEGIN"
    " INSERT INTO items_text (rowid, prompt, answer) VALUES (new.number, new.prompt, new.answer); END",
    "CREATE TRIGGER items_removed AFTER DELETE ON items BEGIN"
    " INSERT INTO items_text (items_text, rowid, prompt, answer)"
    " VALUES ('delete', old.number, old.prompt, old.answer); END",
    "CREATE TRIGGER items_changed AFTER UPDATE OF result ON items BEGIN"
    " INSERT INTO items_text (items_text, rowid, prompt, answer)"
    " VALUES ('delete', old.number, old.prompt, old.answer);"
    " INSERT INTO items_text (rowid, prompt, answer) VALUES (new.number, new.prompt, new.answer); END",
)
SQLITE_BACK = (
    "DROP TABLE items_text",
    "CREATE TABLE items_old (run_id VARCHAR(40) NOT NULL REFERENCES runs (id) ON DELETE CASCADE,"
    " position INTEGER NOT NULL, item_id TEXT NOT NULL, ok BOOLEAN, result JSON NOT NULL,"
    " PRIMARY KEY (run_id, position))",
    "INSERT INTO items_old SELECT run_id, position, item_id, ok, result FROM items",
    "DROP TABLE items",
    "ALTER TABLE items_old RENAME TO items",
    "CREATE UNIQUE INDEX items_by_id ON items (run_id, item_id)",
)
POSTGRESQL = (
    "ALTER TABLE items DROP CONSTRAINT items_pkey",
    "ALTER TABLE items ADD COLUMN number BIGSERIAL PRIMARY KEY, ADD COLUMN rating INTEGER,"
    " ADD COLUMN prompt TEXT GENERATED ALWAYS AS (coalesce(result ->> 'prompt', '')) STORED,"
    " ADD COLUMN answer TEXT GENERATED ALWAYS AS (coalesce(result ->> 'upsampled_prompt', '')) STORED",
    "CREATE UNIQUE INDEX items_by_position ON items (run_id, position)",
    "CREATE INDEX items_text ON items USING gin (to_tsvector('simple', prompt || ' ' || answer))",
)
POSTGRESQL_BACK = (
    "DROP INDEX items_by_position",
    "ALTER TABLE items DROP COLUMN number, DROP COLUMN rating, DROP COLUMN prompt, DROP COLUMN answer",
    "ALTER TABLE items ADD PRIMARY KEY (run_id, position)",
)


def upgrade() -> None:
    op.add_column("runs", sa.Column("priority", sa.Integer, nullable=False, server_default="0"))
    op.add_column("runs", sa.Column("rank", sa.Float, nullable=True))
    op.add_column("runs", sa.Column("held", sa.Boolean, nullable=False, server_default=sa.false()))
    op.execute(COUNTED)
    for statement in _here(SQLITE, POSTGRESQL):
        op.execute(statement)
    op.create_index("items_by_rating", "items", ["rating"])
    op.create_table(
        "tags",
        sa.Column(
            "number",
            sa.BigInteger().with_variant(sa.Integer, "sqlite"),
            sa.ForeignKey("items.number", ondelete="CASCADE"),
            primary_key=True,
        ),
        sa.Column("tag", sa.String(60), primary_key=True, index=True),
    )
    op.create_table(
        "slots",
        sa.Column("place", sa.String(255), primary_key=True),
        sa.Column("run_id", sa.String(40), sa.ForeignKey("runs.id", ondelete="SET NULL"), nullable=True),
        sa.Column("owner", sa.String(120), nullable=False),
        sa.Column("until", sa.Float, nullable=False),
    )
    op.create_table(
        "switches", sa.Column("name", sa.String(40), primary_key=True), sa.Column("on", sa.Boolean, nullable=False)
    )
    op.create_table(
        "media",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("created", sa.Float, nullable=False, index=True),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("width", sa.Integer, nullable=False),
        sa.Column("height", sa.Integer, nullable=False),
        sa.Column("frames", sa.Integer, nullable=False),
        sa.Column("duration", sa.Float, nullable=False),
    )


def downgrade() -> None:
    for table in ("media", "switches", "slots", "tags"):
        op.drop_table(table)
    op.drop_index("items_by_rating", "items")
    for statement in _here(SQLITE_BACK, POSTGRESQL_BACK):
        op.execute(statement)
    for name in ("priority", "rank", "held"):
        op.drop_column("runs", name)


def _here(sqlite: tuple[str, ...], postgresql: tuple[str, ...]) -> tuple[str, ...]:
    return sqlite if op.get_bind().dialect.name == "sqlite" else postgresql
