"""Runs on clusters: counts where the items are in the output alone; a place may be a URL."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

COUNTS = ("total", "answered", "failed")


def upgrade() -> None:
    for name in COUNTS:
        op.add_column("runs", sa.Column(name, sa.Integer, nullable=True))
    with op.batch_alter_table("runs") as table:
        table.alter_column("place", type_=sa.String(255), existing_nullable=False)


def downgrade() -> None:
    with op.batch_alter_table("runs") as table:
        table.alter_column("place", type_=sa.String(60), existing_nullable=False)
    for name in COUNTS:
        op.drop_column("runs", name)
