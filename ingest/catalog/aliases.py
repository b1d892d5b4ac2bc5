"""Names and what they stand for. People ask with a name; an alias says which version of the collection answers.

A collection is of one model for ever. Another model makes another version of it, which is a collection of its own:
NAME@2, NAME@3, …; the first version is stored under the plain name, and may be asked for as NAME@1. A row of the table
says which version a name stands for and which one it stood for before; a name without a row stands for its first.

A collection may be given another name. It stays stored under its first one, and every name that it ever had leads to
it: links, and commands in scripts, go on. So no other collection is called by any of them.

It does not know how a version is made or compared, nor the aliases of a Qdrant server, which follow these.
"""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from difflib import get_close_matches
from typing import Literal

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from ingest.catalog.catalog import Catalog, Collection
from ingest.catalog.migrations.tables import (
    AliasRow,
    ChunkRow,
    CollectionRow,
    FailureRow,
    GivenNameRow,
    JobRow,
    LabelSetRow,
    SavedSearchRow,
)
from ingest.catalog.names import GALLERY, check_name
from trainer.errors import CatalogError, MissingError, UsageError

MARK = "@"  # in no name that a person may give

Role = Literal["in service", "previous", "aside"]


@dataclass(frozen=True)
class Version:
    """One version of a name.

    Attributes:
        number: 1, 2, …
        collection: As it is stored, under NAME or NAME@2.
        role: Whether the name stands for it, stood for it before, or neither.
        called: What the collection is called, without a version.
    """

    number: int
    collection: Collection
    role: Role
    called: str

    @property
    def name(self) -> str:
        """How it is asked for, whatever its role: NAME@1."""
        return f"{self.called}{MARK}{self.number}"


def name_of(stored: str) -> str:
    """A name without its version; of a stored one, the first name that its collection had."""
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


def no_collection(name: str, have: Iterable[str]) -> str:
    """What to say where there is no collection of a name: what it was perhaps meant to be, and what there is."""
    names = list(have)
    near = get_close_matches(name, names, 1)
    meant = f"; did you mean {near[0]!r}? Else" if near else ":"
    return (
        f"no collection {name!r} here (have: {', '.join(names) or 'none yet'}){meant} make it with `groundcast ingest`"
    )


class Aliases:
    """The names of a catalog.

    Args:
        catalog: The open catalog whose names are asked for and changed.
    """

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def stored(self, name: str) -> str:
        """The stored name of what a name, or a version of it, stands for; it need not exist yet."""
        first = self.first_name(name_of(name))
        if MARK in name:
            # NAME@1 is stored under the plain name
            return f"{first}{MARK}{number}" if (number := number_of(name)) > 1 else first
        row = self._row(first)
        return row.collection if row else first

    def first_name(self, name: str) -> str:
        """The name under which a collection of that name was made first; of an unknown name itself."""
        with self._catalog.session() as session:
            row = session.get(GivenNameRow, name)
            return row.first_name if row else name

    def called(self, stored: str) -> str:
        """What a collection is called now, without a version."""
        return self._called().get(name_of(stored), name_of(stored))

    def asked_for(self, stored: str) -> str:
        """How exactly this version is asked for now: by its name where that stands for it, else as NAME@2."""
        called = self.called(stored)
        return called if self.serves(stored) else f"{called}{MARK}{number_of(stored)}"

    def present_name(self, name: str) -> str:
        """What the collection of any name is called now; a version, and a name that nothing has, stays as it is."""
        return name if MARK in name else self.called(self.first_name(name))

    def names(self, stored: str) -> list[str]:
        """Every name of a collection, its first one first."""
        given = sa.select(GivenNameRow.name).where(GivenNameRow.first_name == name_of(stored))
        with self._catalog.session() as session:
            later = session.scalars(given.order_by(GivenNameRow.given_at, GivenNameRow.name))
            return list(dict.fromkeys([name_of(stored), *later]))

    def _called(self) -> dict[str, str]:
        """By first name, the newest name of each collection that was given one."""
        with self._catalog.session() as session:
            rows = session.scalars(sa.select(GivenNameRow).order_by(GivenNameRow.given_at, GivenNameRow.name))
            return {row.first_name: row.name for row in rows}

    def find(self, name: str) -> Collection | None:
        """The collection that a name, or a version of it, stands for; None: there is none, or it was deleted."""
        found = self._catalog.find_collection(self.stored(name))
        return None if found is None or found.deleted_at is not None else found

    def collection(self, name: str) -> Collection:
        """The collection that a name, or a version of it, stands for.

        Raises:
            MissingError: There is none, and the message lists what there is; or it was deleted.
        """
        self.refuse_deleted(name)
        found = self.find(name)
        if found is None:
            have = [version.name for version in self.versions(name_of(name))] if MARK in name else self.in_service()
            raise MissingError(no_collection(name, have))
        return found

    def refuse_deleted(self, name: str) -> None:
        """Nothing is asked of a deleted collection, and nothing goes into it.

        Raises:
            MissingError: The name is that of a deleted collection.
        """
        found = self._catalog.find_collection(self.stored(name))
        if found is not None and found.deleted_at is not None:
            called = self.called(found.name)
            raise MissingError(
                f"collection {name!r} was deleted on {found.deleted_at:%Y-%m-%d at %H:%M} UTC: "
                f"`groundcast collection undelete {called}` brings it back within a day of that"
            )

    def in_service(self) -> dict[str, Collection]:
        """What each name stands for, by name; without what was deleted."""
        found = {collection.name: collection for collection in self._catalog.collections()}
        called = self._called()
        with self._catalog.session() as session:
            stands_for = {row.name: row.collection for row in session.scalars(sa.select(AliasRow))}
        names = {called.get(first, first): stands_for.get(first, first) for first in map(name_of, found)}
        there = {name: found[stored] for name, stored in sorted(names.items()) if stored in found}
        return {name: collection for name, collection in there.items() if collection.deleted_at is None}

    def rename(self, name: str, new: str) -> Collection:
        """Gives a collection or gallery another name; what was saved or labelled under the one before goes with it.

        Args:
            name: Any name of it, without a version.
            new: What it is called from now on; a former name of its own is welcome.

        Returns:
            The collection.

        Raises:
            MissingError: There is none, or it was deleted.
            UsageError: The new name cannot be one.
            CatalogError: Another collection has that name, or had it.
        """
        found = self.collection(name_of(name))
        first, before = name_of(found.name), self.called(found.name)
        if check_name(new).startswith(GALLERY) != (found.kind == "gallery"):
            raise UsageError(f"{new!r}: names of galleries start with {GALLERY!r}, and those of collections do not")
        called = self._called()
        with self._catalog.session() as session:
            _refuse_taken(session, new, first, called)
            row = session.get(GivenNameRow, new)
            if row is None:
                session.add(GivenNameRow(name=new, first_name=first, given_at=datetime.now(UTC)))
            else:
                row.given_at = datetime.now(UTC)
            for table in (SavedSearchRow, LabelSetRow):
                session.execute(sa.update(table).where(table.collection == before).values(collection=new))
        return found

    def versions(self, name: str) -> list[Version]:
        """Every version of a name, oldest first; none where there is no such name."""
        first = self.first_name(name)
        row = self._row(first)
        current, previous = (row.collection, row.previous) if row else (first, None)
        found = [c for c in self._catalog.collections() if name_of(c.name) == first]
        roles: dict[str | None, Role] = {previous: "previous", current: "in service"}
        called = self.called(first)
        known = [Version(number_of(c.name), c, roles.get(c.name, "aside"), called) for c in found]
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
        first = self.first_name(name)
        values = {"collection": to, "previous": instead_of, "changed_at": datetime.now(UTC)}
        # compare and set: of two who change a name at once, the later one is told so
        change = sa.update(AliasRow).where(AliasRow.name == first, AliasRow.collection == instead_of).values(values)
        with self._catalog.session() as session:
            changed = bool(session.execute(change).rowcount)  # type: ignore[attr-defined] # an UPDATE has one
            if not changed and instead_of == first:  # it stood for its first version, so it may have no row yet
                with suppress(IntegrityError), session.begin_nested():  # or somebody has just given it one
                    session.execute(sa.insert(AliasRow).values(name=first, **values))
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
        """Whether its name stands for this version."""
        row = self._row(name_of(stored))
        return (row.collection if row else name_of(stored)) == stored

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

    def _row(self, first: str) -> AliasRow | None:
        with self._catalog.session() as session:
            row = session.get(AliasRow, first)
            session.expunge_all()  # the row is read when its session has ended
            return row


def _refuse_taken(session: Session, new: str, first: str, called: dict[str, str]) -> None:
    """Every name that another collection has or had is its own, whatever the case of its letters."""
    stored = {name_of(name): name_of(name) for name in session.scalars(sa.select(CollectionRow.name))}
    given = {row.name: row.first_name for row in session.scalars(sa.select(GivenNameRow))}
    for taken, owner in (stored | given).items():
        if taken.casefold() == new.casefold() and owner != first:
            present = called.get(owner, owner)
            what = "exists" if taken == present else f"is an earlier name of {present!r}, and links still say it"
            raise CatalogError(f"{taken!r} {what}: take another name")
