"""The checksum of each part's file."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("chunks", sa.Column("sha256", sa.String(64)))


def downgrade() -> None:
    op.drop_column("chunks", "sha256")
