"""Checksums of rows, in SQLite alone: made by `ingest.catalog.row_sums` behind any step. An older program has no part
in them, and so must not write."""

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        op.execute("DROP TABLE IF EXISTS row_sums")
