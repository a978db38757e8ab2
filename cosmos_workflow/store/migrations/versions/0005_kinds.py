"""Kinds of work: a run has one, an item what was asked and its identity, and files are known by their content."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

# The texts that are searched are no longer taken out of the result by the database: each kind says what they are.
SQLITE = (
    "DROP TRIGGER items_added",
    "DROP TRIGGER items_removed",
    "DROP TRIGGER items_changed",
    "DROP TABLE items_text",
    "ALTER TABLE items DROP COLUMN prompt",
    "ALTER TABLE items DROP COLUMN answer",
    "ALTER TABLE items ADD COLUMN question TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE items ADD COLUMN answer TEXT NOT NULL DEFAULT ''",
    "UPDATE items SET question = coalesce(json_extract(result, '$.prompt'), ''),"
    " answer = coalesce(json_extract(result, '$.upsampled_prompt'), '')",
    "CREATE VIRTUAL TABLE items_text USING fts5("
    "question, answer, content='items', content_rowid='number', tokenize='unicode61 remove_diacritics 0')",
    "INSERT INTO items_text (items_text) VALUES ('rebuild')",
    "CREATE TRIGGER items_added AFTER INSERT ON items BEGIN"
    " INSERT INTO items_text (rowid, question, answer) VALUES (new.number, new.question, new.answer); END",
    "CREATE TRIGGER items_removed AFTER DELETE ON items BEGIN"
    " INSERT INTO items_text (items_text, rowid, question, answer)"
    " VALUES ('delete', old.number, old.question, old.answer); END",
    "CREATE TRIGGER items_changed AFTER UPDATE OF question, answer ON items BEGIN"
    " INSERT INTO items_text (items_text, rowid, question, answer)"
    " VALUES ('delete', old.number, old.question, old.answer);"
    " INSERT INTO items_text (rowid, question, answer) VALUES (new.number, new.question, new.answer); END",
)
SQLITE_BACK = (
    "DROP TRIGGER items_added",
    "DROP TRIGGER items_removed",
    "DROP TRIGGER items_changed",
    "DROP TABLE items_text",
    "ALTER TABLE items DROP COLUMN question",
    "ALTER TABLE items DROP COLUMN answer",
    "ALTER TABLE items ADD COLUMN"
    " prompt TEXT GENERATED ALWAYS AS (coalesce(json_extract(result, '$.prompt'), '')) VIRTUAL",
    "ALTER TABLE items ADD COLUMN"
    " answer TEXT GENERATED ALWAYS AS (coalesce(json_extract(result, '$.upsampled_prompt'), '')) VIRTUAL",
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
POSTGRESQL = (
    "DROP INDEX items_text",
    "ALTER TABLE items DROP COLUMN prompt, DROP COLUMN answer,"
    " ADD COLUMN question TEXT NOT NULL DEFAULT '', ADD COLUMN answer TEXT NOT NULL DEFAULT ''",
    "UPDATE items SET question = coalesce(result ->> 'prompt', ''),"
    " answer = coalesce(result ->> 'upsampled_prompt', '')",
    "CREATE INDEX items_text ON items USING gin (to_tsvector('simple', question || ' ' || answer))",
)
POSTGRESQL_BACK = (
    "DROP INDEX items_text",
    "ALTER TABLE items DROP COLUMN question, DROP COLUMN answer,"
    " ADD COLUMN prompt TEXT GENERATED ALWAYS AS (coalesce(result ->> 'prompt', '')) STORED,"
    " ADD COLUMN answer TEXT GENERATED ALWAYS AS (coalesce(result ->> 'upsampled_prompt', '')) STORED",
    "CREATE INDEX items_text ON items USING gin (to_tsvector('simple', prompt || ' ' || answer))",
)


def upgrade() -> None:
    op.add_column("runs", sa.Column("kind", sa.String(40), nullable=False, server_default="upsample"))
    op.add_column("items", sa.Column("identity", sa.String(64), nullable=False, server_default=""))
    op.add_column("items", sa.Column("asked", sa.JSON, nullable=True))
    for statement in _for_database(SQLITE, POSTGRESQL):
        op.execute(statement)
    op.rename_table("media", "files")
    op.execute("ALTER TABLE files RENAME COLUMN id TO sha256")
    op.drop_index("ix_media_created", "files")
    op.create_index("ix_files_created", "files", ["created"])
    op.add_column("files", sa.Column("media_type", sa.String(100), nullable=False, server_default=""))
    op.add_column("files", sa.Column("kept", sa.Boolean, nullable=False, server_default=sa.true()))
    op.create_table(
        "item_files",
        sa.Column(
            "number",
            sa.BigInteger().with_variant(sa.Integer, "sqlite"),
            sa.ForeignKey("items.number", ondelete="CASCADE"),
            primary_key=True,
        ),
        sa.Column("name", sa.String(100), primary_key=True),
        sa.Column("is_output", sa.Boolean, primary_key=True),
        sa.Column("sha256", sa.String(64), nullable=False, index=True),
    )
    op.create_table(
        "hashes",
        sa.Column("path", sa.Text, primary_key=True),
        sa.Column("changed", sa.BigInteger, nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
    )


def downgrade() -> None:
    op.drop_table("hashes")
    op.drop_table("item_files")
    op.execute("DELETE FROM files WHERE NOT kept")
    for name in ("media_type", "kept"):
        op.drop_column("files", name)
    op.execute("ALTER TABLE files RENAME COLUMN sha256 TO id")
    op.rename_table("files", "media")
    op.drop_index("ix_files_created", "media")
    op.create_index("ix_media_created", "media", ["created"])
    for statement in _for_database(SQLITE_BACK, POSTGRESQL_BACK):
        op.execute(statement)
    for name in ("identity", "asked"):
        op.drop_column("items", name)
    op.drop_column("runs", "kind")


def _is_sqlite() -> bool:
    return bool(op.get_bind().dialect.name == "sqlite")


def _for_database(sqlite: tuple[str, ...], postgresql: tuple[str, ...]) -> tuple[str, ...]:
    return sqlite if _is_sqlite() else postgresql
