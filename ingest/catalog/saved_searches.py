"""Saved searches: a question under a name, and which parts of its collection it has been asked of.

A part of the archive never changes, so the parts that were not there at the last time hold what is new since. It does
not know how questions are written or answered: a question is a JSON object.
"""

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from ingest.catalog.aliases import Aliases
from ingest.catalog.catalog import Catalog
from ingest.catalog.migrations.tables import SavedSearchRow, SearchHitRow
from trainer.errors import MissingError, UsageError

MAX_NAME_CHARS = 200
MOST = 1_000  # of one home


@dataclass(frozen=True)
class SavedSearch:
    """A question under a name.

    Attributes:
        id: 16 hexadecimal digits.
        name: As a person calls it.
        collection: The name that it is asked of.
        question: A JSON object, which is kept as it is.
        parts: Keys of the parts that it has been asked of.
        created_at: When it was saved, aware UTC.
        asked_at: When it was last asked, aware UTC.
    """

    id: str
    name: str
    collection: str
    question: dict[str, Any]
    parts: frozenset[str]
    created_at: datetime
    asked_at: datetime


class SavedSearches:
    """The saved searches of a catalog. May be used from several threads.

    Args:
        catalog: The open catalog that keeps them.
    """

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def save(self, name: str, collection: str, question: dict[str, Any], parts: Iterable[str]) -> SavedSearch:
        """Save a question.

        Args:
            name: As a person calls it; several may be called the same.
            collection: The name that it is asked of.
            question: A JSON object, which is kept as it is.
            parts: Keys of the parts that it has been asked of just now.

        Raises:
            UsageError: It has no name or a very long one, or there are too many.
        """
        name = " ".join(name.split())
        if not 0 < len(name) <= MAX_NAME_CHARS:
            raise UsageError(f"the name of a saved search has 1 to {MAX_NAME_CHARS} characters, this one {len(name)}")
        now = datetime.now(UTC)
        row = SavedSearchRow(
            id=secrets.token_hex(8),
            name=name,
            collection=Aliases(self._catalog).present_name(collection),
            question=question,
            parts=sorted(parts),
            created_at=now,
            asked_at=now,
        )
        with self._catalog.session() as session:
            if (session.scalar(sa.select(sa.func.count()).select_from(SavedSearchRow)) or 0) >= MOST:
                raise UsageError(f"there are {MOST} saved searches: delete some")
            session.add(row)
            return _saved(row)

    def all(self) -> list[SavedSearch]:
        """Every one, the newest first."""
        with self._catalog.session() as session:
            query = sa.select(SavedSearchRow).order_by(SavedSearchRow.created_at.desc(), SavedSearchRow.id)
            return [_saved(row) for row in session.scalars(query)]

    def get(self, search_id: str) -> SavedSearch:
        """The one of an id.

        Raises:
            MissingError: There is none.
        """
        with self._catalog.session() as session:
            return _saved(_row(session.get(SavedSearchRow, search_id), search_id))

    def asked(self, search_id: str, parts: Iterable[str]) -> None:
        """Remember of which parts it was asked now.

        Raises:
            MissingError: There is none of that id.
        """
        with self._catalog.session() as session:
            row = _row(session.get(SavedSearchRow, search_id), search_id)
            row.parts, row.asked_at = sorted(parts), datetime.now(UTC)

    def delete(self, search_id: str) -> None:
        """Forget one.

        Raises:
            MissingError: There is none of that id.
        """
        with self._catalog.session() as session:
            session.delete(_row(session.get(SavedSearchRow, search_id), search_id))
            session.execute(sa.delete(SearchHitRow).where(SearchHitRow.search == search_id))


def _row(row: SavedSearchRow | None, search_id: str) -> SavedSearchRow:
    if row is None:
        raise MissingError(f"no saved search {search_id[:40]!r} here: it may have been deleted")
    return row


def _saved(row: SavedSearchRow) -> SavedSearch:
    parts = frozenset(row.parts)
    return SavedSearch(row.id, row.name, row.collection, row.question, parts, row.created_at, row.asked_at)
