"""Names of sets of labels, which no two of a collection share; and how often it was tried to tell of a hit."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_MOST_CHARS = 200
_WAYS = ("post", "mail")
_SETS = sa.table("label_sets", *(sa.column(name) for name in ("id", "name", "collection", "created_at")))


def upgrade() -> None:
    _tell_apart()
    op.create_index("label_sets_name", "label_sets", ["collection", "name"], unique=True)
    with op.batch_alter_table("search_hits") as hits:
        for way in _WAYS:
            hits.add_column(sa.Column(f"{way}_tries", sa.Integer, nullable=False, server_default="0"))
            hits.add_column(sa.Column(f"{way}_after", sa.DateTime(timezone=True)))


def downgrade() -> None:
    with op.batch_alter_table("search_hits") as hits:
        for way in _WAYS:
            hits.drop_column(f"{way}_tries")
            hits.drop_column(f"{way}_after")
    op.drop_index("label_sets_name", "label_sets")


def _tell_apart() -> None:
    """Number the later ones of a name."""
    connection = op.get_bind()
    rows = connection.execute(sa.select(_SETS).order_by(_SETS.c.created_at, _SETS.c.id)).all()
    taken = {(row.collection, row.name) for row in rows}
    seen = set()
    for row in rows:
        if (row.collection, row.name) not in seen:
            seen.add((row.collection, row.name))
            continue
        number = 2
        while (row.collection, name := f"{row.name[: _MOST_CHARS - 6]} {number}") in taken:
            number += 1
        taken.add((row.collection, name))
        connection.execute(sa.update(_SETS).where(_SETS.c.id == row.id).values(name=name))
