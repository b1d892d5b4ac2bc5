"""Names and what they stand for. People ask with a name; an alias says which version of the collection answers.

A collection is of one model for ever. Another model makes another version of it, which is a collection of its own:
NAME@2, NAME@3, …; the first version is stored under the plain name, and may be asked for as NAME@1. A row of the table
says which version a name stands for and which one it stood for before; a name without a row stands for its first.

It does not know how a version is made or compared, nor the aliases of a Qdrant server, which follow these.
"""

from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from ingest.catalog.catalog import Catalog, Collection
from ingest.catalog.migrations.tables import AliasRow, ChunkRow, CollectionRow, FailureRow, JobRow
from trainer.errors import CatalogError, MissingError

MARK = "@"  # in no name that a person may give

Role = Literal["in service", "previous", "aside"]


@dataclass(frozen=True)
class Version:
    """One version of a name.

    Attributes:
        number: 1, 2, …
        collection: As it is stored, under NAME or NAME@2.
        role: Whether the name stands for it, stood for it before, or neither.
    """

    number: int
    collection: Collection
    role: Role

    @property
    def name(self) -> str:
        """How it is asked for, whatever its role: NAME@1."""
        return version_name(self.collection.name)


def name_of(stored: str) -> str:
    """The name that people ask with, of a version or of itself."""
    return stored.partition(MARK)[0]


def number_of(stored: str) -> int:
    """Which version a stored name is.

    Raises:
        CatalogError: What stands behind the mark is no number.
    """
    _, mark, number = stored.partition(MARK)
    if mark and not (number.isdecimal() and int(number) > 0):
        raise MissingError(f"{stored!r} is no version: a version is written like {name_of(stored)}{MARK}2")
    return int(number) if mark else 1


def version_name(stored: str) -> str:
    """How a version is asked for whatever its role, the first one too: NAME@1."""
    return f"{name_of(stored)}{MARK}{number_of(stored)}"


class Aliases:
    """The names of a catalog.

    Args:
        catalog: The open catalog whose names are asked for and changed.
    """

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def stored(self, name: str) -> str:
        """The stored name of what a name, or a version of it, stands for; it need not exist yet."""
        if MARK in name:
            # NAME@1 is stored under the plain name
            return name if number_of(name) > 1 else name_of(name)
        row = self._row(name)
        return row.collection if row else name

    def find(self, name: str) -> Collection | None:
        """The collection that a name, or a version of it, stands for; None: there is none."""
        return self._catalog.find_collection(self.stored(name))

    def collection(self, name: str) -> Collection:
        """The collection that a name, or a version of it, stands for.

        Raises:
            CatalogError: There is none; the message lists what there is.
        """
        found = self.find(name)
        if found is None:
            have = [version.name for version in self.versions(name_of(name))] if MARK in name else self.in_service()
            raise MissingError(
                f"no collection {name!r} here (have: {', '.join(have) or 'none yet'}): make it with `groundcast ingest`"
            )
        return found

    def in_service(self) -> dict[str, Collection]:
        """What each name stands for, by name."""
        found = {collection.name: collection for collection in self._catalog.collections()}
        with self._catalog.session() as session:
            stands_for = {row.name: row.collection for row in session.scalars(sa.select(AliasRow))}
        names = sorted({name_of(name) for name in found})
        return {name: found[stored] for name in names if (stored := stands_for.get(name, name)) in found}

    def versions(self, name: str) -> list[Version]:
        """Every version of a name, oldest first; none where there is no such name."""
        row = self._row(name)
        current, previous = (row.collection, row.previous) if row else (name, None)
        found = [c for c in self._catalog.collections() if name_of(c.name) == name]
        roles: dict[str | None, Role] = {previous: "previous", current: "in service"}
        known = [Version(number_of(c.name), c, roles.get(c.name, "aside")) for c in found]
        return sorted(known, key=lambda version: version.number)

    def point(self, name: str, to: str, *, instead_of: str) -> None:
        """Lets a name stand for another version, in one transaction; the one before is kept for a rollback.

        Args:
            name: The name that people ask with, without a version.
            to: Stored name of the version.
            instead_of: Stored name of the version that it is believed to stand for.

        Raises:
            CatalogError: The name stands for another version by now.
        """
        values = {"collection": to, "previous": instead_of, "changed_at": datetime.now(UTC)}
        # compare and set: of two who change a name at once, the later one is told so
        change = sa.update(AliasRow).where(AliasRow.name == name, AliasRow.collection == instead_of).values(values)
        with self._catalog.session() as session:
            changed = bool(session.execute(change).rowcount)  # type: ignore[attr-defined] # an UPDATE has one
            if not changed and instead_of == name:  # it stood for its first version, so it may have no row yet
                with suppress(IntegrityError), session.begin_nested():  # or somebody has just given it one
                    session.execute(sa.insert(AliasRow).values(name=name, **values))
                    changed = True
        if not changed:
            raise CatalogError(f"{name!r} stands for {self.stored(name)!r} by now, not for {instead_of!r}: look again")

    def roll_back(self, name: str) -> Version:
        """Lets a name stand for the version before, which a second call takes back.

        Raises:
            CatalogError: There is none.
        """
        versions = {version.role: version for version in self.versions(name)}
        if "previous" not in versions:
            raise CatalogError(f"{name!r} has no version before this one: `groundcast collections` lists what there is")
        self.point(name, versions["previous"].collection.name, instead_of=versions["in service"].collection.name)
        return versions["previous"]

    def serves(self, stored: str) -> bool:
        """Whether a name stands for this version."""
        return self.stored(name_of(stored)) == stored

    def withdraw(self, version: Version) -> None:
        """Makes sure that no rollback comes back to a version.

        Raises:
            CatalogError: It is in service.
        """
        stored = version.collection.name
        if self.serves(stored):
            raise CatalogError(f"{version.name!r} is in service: let the name stand for another version first")
        with self._catalog.session() as session:
            session.execute(sa.update(AliasRow).where(AliasRow.previous == stored).values(previous=None))

    def forget(self, version: Version) -> None:
        """Removes everything that the catalog knows of a version that was withdrawn; its files are the caller's."""
        stored = version.collection.name
        jobs = sa.select(JobRow.id).where(JobRow.collection == stored)
        with self._catalog.session() as session:
            # rows that refer go before those that they refer to
            session.execute(sa.delete(FailureRow).where(FailureRow.job.in_(jobs)))
            session.execute(sa.delete(ChunkRow).where(ChunkRow.job.in_(jobs)))
            session.execute(sa.delete(JobRow).where(JobRow.collection == stored))
            session.execute(sa.delete(CollectionRow).where(CollectionRow.name == stored))

    def _row(self, name: str) -> AliasRow | None:
        with self._catalog.session() as session:
            row = session.get(AliasRow, name)
            session.expunge_all()  # the row is read when its session has ended
            return row
