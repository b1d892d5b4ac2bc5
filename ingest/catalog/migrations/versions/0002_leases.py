"""Leases: who works on a chunk, how often it was begun; priority and note of a job; turns."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # SQLite changes a column by writing the table anew: a batch does that
    with op.batch_alter_table("jobs") as jobs:
        jobs.add_column(sa.Column("model_id", sa.String(64), nullable=True))
        jobs.add_column(sa.Column("queued", sa.Boolean, nullable=False, server_default=sa.false()))
        jobs.add_column(sa.Column("priority", sa.Integer, nullable=False, server_default="5"))
        jobs.add_column(sa.Column("note", sa.String, nullable=True))
    with op.batch_alter_table("chunks") as chunks:
        chunks.alter_column("key", existing_type=sa.String(40), type_=sa.String(64), existing_nullable=False)
        chunks.add_column(sa.Column("attempts", sa.Integer, nullable=False, server_default="0"))
        chunks.add_column(sa.Column("leased_by", sa.String(160), nullable=True))
        for name in ("leased_until", "sent_at", "seconds", "finished_at"):
            chunks.add_column(sa.Column(name, sa.Double, nullable=True))
        chunks.create_index("ix_chunks_leased_by", ["leased_by"])
        chunks.create_index("ix_chunks_next", ["job", "state", "leased_by", "attempts", "sent_at", "key"])
    with op.batch_alter_table("failures") as failures:
        failures.alter_column("chunk", existing_type=sa.String(40), type_=sa.String(64), existing_nullable=True)
    op.create_table(
        "turns",
        sa.Column("name", sa.String(160), primary_key=True),
        sa.Column("until", sa.Double, nullable=False),
    )


def downgrade() -> None:
    op.drop_table("turns")
    with op.batch_alter_table("failures") as failures:
        failures.alter_column("chunk", existing_type=sa.String(64), type_=sa.String(40), existing_nullable=True)
    with op.batch_alter_table("chunks") as chunks:
        chunks.drop_index("ix_chunks_next")
        chunks.drop_index("ix_chunks_leased_by")
        for name in ("finished_at", "seconds", "sent_at", "leased_until", "leased_by", "attempts"):
            chunks.drop_column(name)
        chunks.alter_column("key", existing_type=sa.String(64), type_=sa.String(40), existing_nullable=False)
    with op.batch_alter_table("jobs") as jobs:
        for name in ("note", "priority", "queued", "model_id"):
            jobs.drop_column(name)
