"""An id of the catalog, and the names of its collections on a Qdrant server.

Collections of before were called NAME@VERSION there, whoever's they were; they go on under that name.
"""

import secrets

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    identity = op.create_table("identity", sa.Column("catalog", sa.String(16), primary_key=True))
    op.bulk_insert(identity, [{"catalog": secrets.token_hex(8)}])
    names = op.create_table(
        "server_names",
        sa.Column("collection", sa.String(100), primary_key=True),
        sa.Column("name", sa.String(255), nullable=False),
    )
    collections = op.get_bind().execute(sa.text("SELECT name FROM collections")).scalars().all()
    rows = [{"collection": name, "name": name if "@" in name else f"{name}@1"} for name in collections]
    if rows:
        op.bulk_insert(names, rows)


def downgrade() -> None:
    op.drop_table("server_names")
    op.drop_table("identity")
