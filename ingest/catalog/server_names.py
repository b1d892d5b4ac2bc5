"""What this catalog's collections are called on a Qdrant server, which others may use too.

Every new name there begins with a prefix of this catalog's own. It is made of the catalog's id, or a setting names it.
What a collection is called stands in the catalog: one that was made before there were prefixes keeps its name, and one
that is built anew beside the old one gets another. It uses the catalog's tables, and knows no server.
"""

import sqlalchemy as sa

from ingest.catalog.aliases import name_of, version_name
from ingest.catalog.catalog import Catalog
from ingest.catalog.migrations.tables import IdentityRow, ServerNameRow


class ServerNames:
    """The names of a catalog's collections on the server.

    Args:
        catalog: The open catalog that keeps them.
        prefix: What new names begin with; None: what is made of the catalog's id.
    """

    def __init__(self, catalog: Catalog, prefix: str | None = None) -> None:
        self._catalog = catalog
        self._prefix = prefix

    @property
    def catalog_id(self) -> str:
        """16 hexadecimal digits that no other catalog has; a backup does not carry them."""
        with self._catalog.session() as session:
            return session.scalars(sa.select(IdentityRow.catalog)).one()

    @property
    def prefix(self) -> str:
        """What new names begin with, and aliases."""
        return self._prefix or f"gc{self.catalog_id[:8]}"

    def of(self, stored: str) -> str | None:
        """What a collection is called there; None: it is not there yet."""
        with self._catalog.session() as session:
            row = session.get(ServerNameRow, stored)
            return row.name if row else None

    def all(self) -> dict[str, str]:
        """By stored name, what every collection is called there."""
        with self._catalog.session() as session:
            return {row.collection: row.name for row in session.scalars(sa.select(ServerNameRow))}

    def new(self, stored: str, *, beside: str | None = None) -> str:
        """A name for a collection that is to be made.

        Args:
            stored: Its stored name.
            beside: Another one of it there; the new name counts on from it.
        """
        first = f"{self.prefix}-{version_name(stored)}"
        number = 1
        if beside is not None and beside.startswith(first):
            number = int(beside.removeprefix(first).removeprefix(".") or 1) + 1
        return first if number == 1 else f"{first}.{number}"

    def record(self, stored: str, name: str) -> None:
        """Keeps what a collection is called there."""
        with self._catalog.session() as session:
            session.merge(ServerNameRow(collection=stored, name=name))

    def forget(self, stored: str) -> None:
        """Removes the name of a collection that is not there any more."""
        with self._catalog.session() as session:
            session.execute(sa.delete(ServerNameRow).where(ServerNameRow.collection == stored))

    def aliases(self, stored: str, names: list[str]) -> list[str]:
        """Aliases under which others find a collection there by each of its names.

        Args:
            stored: Its stored name.
            names: As people give them.
        """
        plain = [name_of(stored)] if self.of(stored) == version_name(stored) else []  # as it was made before prefixes
        return [*plain, *(f"{self.prefix}-{name}" for name in names)]
