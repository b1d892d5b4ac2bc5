"""Deleted collections: from the moment on not searched and not written to, and for a day still there to come back.

Deleting marks all versions of a collection with the moment, and nothing else of them changes; what runs into it is
paused. It uses the catalog's tables. It does not know archives and indexes, which `ingest.jobs.lifetime` removes after
that day.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from ingest.catalog.aliases import MARK, Aliases, Version, name_of
from ingest.catalog.catalog import Catalog, Collection
from ingest.catalog.migrations.tables import (
    AliasRow,
    CollectionRow,
    GivenNameRow,
    JobRow,
    LabelRow,
    LabelSetRow,
    SavedSearchRow,
    SearchHitRow,
)
from trainer.errors import MissingError

KEPT = timedelta(days=1)


@dataclass(frozen=True)
class Deleted:
    """A collection that was deleted and is still there.

    Attributes:
        name: What it was called.
        collection: The version that the name stood for.
        deleted_at: When that was, aware UTC.
    """

    name: str
    collection: Collection
    deleted_at: datetime

    @property
    def until(self) -> datetime:
        """Until when it can be brought back, aware UTC."""
        return self.deleted_at + KEPT


@dataclass(frozen=True)
class Belongings:
    """What people made of a collection and goes with it: how many of each."""

    saved_searches: int
    label_sets: int
    labels: int

    def __str__(self) -> str:
        """Such as ``2 saved searches, 1 set of labels with 40 labels``; empty where there is nothing."""
        told = []
        if self.saved_searches:
            told.append(f"{self.saved_searches:,} saved search{'es' if self.saved_searches > 1 else ''}")
        if self.label_sets:
            sets = f"{self.label_sets:,} set{'s' if self.label_sets > 1 else ''} of labels"
            told.append(f"{sets} with {self.labels:,} label{'' if self.labels == 1 else 's'}")
        return ", ".join(told)


class Deletions:
    """What was deleted of a catalog.

    Args:
        catalog: The open catalog.
    """

    def __init__(self, catalog: Catalog) -> None:
        self._catalog, self._aliases = catalog, Aliases(catalog)

    def delete(self, name: str) -> Deleted:
        """Deletes a collection or gallery, all versions of it; what runs into it is paused.

        Args:
            name: Any name of it, without a version.

        Raises:
            MissingError: There is none, or it was deleted already.
        """
        found = self._aliases.collection(name_of(name))
        now, versions = datetime.now(UTC), _versions_of(name_of(found.name))
        stored = sa.select(CollectionRow.name).where(versions)
        with self._catalog.session() as session:
            session.execute(sa.update(CollectionRow).where(versions).values(deleted_at=now))
            running = sa.update(JobRow).where(JobRow.collection.in_(stored), JobRow.state == "running")
            session.execute(running.values(state="paused").execution_options(synchronize_session=False))
        return Deleted(self._aliases.called(found.name), found, now)

    def undelete(self, name: str) -> Collection:
        """Brings a deleted collection back as it was; paused jobs stay so until somebody lets them go on.

        Args:
            name: Any name of it, without a version.

        Raises:
            MissingError: Nothing of that name was deleted, or it is gone by now.
        """
        first = self._aliases.first_name(name_of(name))
        deleted = {name_of(one.collection.name): one for one in self.all()}
        if first not in deleted:
            have = ", ".join(one.name for one in deleted.values()) or "nothing"
            raise MissingError(f"{name!r} is not among what was deleted in the last day (there is {have})")
        with self._catalog.session() as session:
            session.execute(sa.update(CollectionRow).where(_versions_of(first)).values(deleted_at=None))
        return self._aliases.collection(first)

    def all(self) -> list[Deleted]:
        """What was deleted and can be brought back, the latest first."""
        after = datetime.now(UTC) - KEPT
        found = [
            Deleted(self._aliases.called(one.name), one, one.deleted_at)
            for one in self._catalog.collections()
            if one.deleted_at is not None and one.deleted_at > after and self._aliases.serves(one.name)
        ]
        return sorted(found, key=lambda one: one.deleted_at, reverse=True)

    def overdue(self, *, now: datetime | None = None) -> list[Version]:
        """Versions that were deleted more than a day ago.

        Args:
            now: Aware; None takes the present.
        """
        before = (now or datetime.now(UTC)) - KEPT
        old = [c for c in self._catalog.collections() if c.deleted_at is not None and c.deleted_at <= before]
        firsts = sorted({name_of(found.name) for found in old})
        return [version for first in firsts for version in self._aliases.versions(first)]

    def belongings(self, name: str) -> Belongings:
        """What people made of a collection, which goes with it."""
        called = self._aliases.called(self._aliases.first_name(name_of(name)))
        sets = sa.select(LabelSetRow.id).where(LabelSetRow.collection == called)
        counts = (
            sa.select(sa.func.count()).select_from(SavedSearchRow).where(SavedSearchRow.collection == called),
            sa.select(sa.func.count()).select_from(LabelSetRow).where(LabelSetRow.collection == called),
            sa.select(sa.func.count()).select_from(LabelRow).where(LabelRow.label_set.in_(sets)),
        )
        with self._catalog.session() as session:
            return Belongings(*(session.scalar(count) or 0 for count in counts))

    def forget_names(self, first: str) -> None:
        """Removes the names of a collection and what people made of it; its versions are removed before or after.

        Args:
            first: The name under which it was made.
        """
        called = self._aliases.called(first)
        sets = sa.select(LabelSetRow.id).where(LabelSetRow.collection == called)
        searches = sa.select(SavedSearchRow.id).where(SavedSearchRow.collection == called)
        with self._catalog.session() as session:
            # rows that refer go before those that they refer to
            for gone in (
                sa.delete(LabelRow).where(LabelRow.label_set.in_(sets)),
                sa.delete(LabelSetRow).where(LabelSetRow.collection == called),
                sa.delete(SearchHitRow).where(SearchHitRow.search.in_(searches)),
                sa.delete(SavedSearchRow).where(SavedSearchRow.collection == called),
                sa.delete(AliasRow).where(AliasRow.name == first),
                sa.delete(GivenNameRow).where(GivenNameRow.first_name == first),
            ):
                session.execute(gone.execution_options(synchronize_session=False))


def _versions_of(first: str) -> sa.ColumnElement[bool]:
    return sa.or_(CollectionRow.name == first, CollectionRow.name.startswith(f"{first}{MARK}", autoescape=True))
