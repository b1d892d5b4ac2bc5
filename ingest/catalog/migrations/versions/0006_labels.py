"""Sets of labels: places that somebody called right or wrong."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "label_sets",
        sa.Column("id", sa.String(16), primary_key=True),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("collection", sa.String(100), nullable=False, index=True),
        sa.Column("question", sa.JSON, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
    )
    op.create_table(
        "labels",
        sa.Column("label_set", sa.String(16), sa.ForeignKey("label_sets.id"), primary_key=True),
        sa.Column("tile_id", sa.String, primary_key=True),
        sa.Column("verdict", sa.String(8), nullable=False),
        sa.Column("lat", sa.Double, nullable=False),
        sa.Column("lon", sa.Double, nullable=False),
        sa.Column("size_m", sa.Double, nullable=False),
        sa.Column("labelled_by", sa.String(100)),
        sa.Column("labelled_at", sa.DateTime(timezone=True), nullable=False),
    )


def downgrade() -> None:
    op.drop_table("labels")
    op.drop_table("label_sets")
