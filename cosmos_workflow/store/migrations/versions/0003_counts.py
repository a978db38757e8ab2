"""Counts of runs whose items are in their output alone."""

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


def downgrade() -> None:
    for name in COUNTS:
        op.drop_column("runs", name)
