"""What saved searches have found since they were saved, and who has been told of it."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("saved_searches", sa.Column("checked", sa.JSON))
    op.create_table(
        "search_hits",
        sa.Column("search", sa.String(16), primary_key=True),
        sa.Column("tile_id", sa.String, primary_key=True),
        sa.Column("hit", sa.JSON, nullable=False),
        sa.Column("found_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("posted_at", sa.DateTime(timezone=True)),
        sa.Column("mailed_at", sa.DateTime(timezone=True)),
    )


def downgrade() -> None:
    op.drop_table("search_hits")
    op.drop_column("saved_searches", "checked")
