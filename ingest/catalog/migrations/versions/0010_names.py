"""Names that collections are given later, and when they were deleted."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "given_names",
        sa.Column("name", sa.String(100), primary_key=True),
        sa.Column("first_name", sa.String(100), nullable=False),
        sa.Column("given_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("ix_given_names_first_name", "given_names", ["first_name"])
    with op.batch_alter_table("collections") as collections:
        collections.add_column(sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("collections") as collections:
        collections.drop_column("deleted_at")
    op.drop_table("given_names")
