"""What saved searches have found since they were saved: each tile once, and whether somebody has been told of it.

It knows neither how a search is asked nor how one tells of it: a hit is a JSON object.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

import sqlalchemy as sa

from ingest.catalog.catalog import Catalog
from ingest.catalog.migrations.tables import SavedSearchRow, SearchHitRow
from trainer.errors import MissingError

Way = Literal["posted_at", "mailed_at"]
"""By webhook, by mail: the column that says when."""


@dataclass(frozen=True)
class SearchHit:
    """A tile that is new to a saved search.

    Attributes:
        tile_id: Of the tile.
        hit: A JSON object, as it was when it was found.
        found_at: When, aware UTC.
    """

    tile_id: str
    hit: dict[str, Any]
    found_at: datetime


class SearchHits:
    """The hits of the saved searches of a catalog. May be used from several threads and processes.

    Args:
        catalog: The open catalog that keeps them.
    """

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def checked(self, search_id: str) -> frozenset[str]:
        """Keys of the parts in which it has been looked for hits; at first those that it was saved with.

        Raises:
            MissingError: There is no saved search of that id.
        """
        with self._catalog.session() as session:
            row = session.get(SavedSearchRow, search_id)
            if row is None:
                raise MissingError(f"no saved search {search_id[:40]!r} here: it may have been deleted")
            return frozenset(row.parts if row.checked is None else row.checked)

    def add(self, search_id: str, parts: Iterable[str], hits: Mapping[str, dict[str, Any]]) -> int:
        """Remember hits by the id of their tile, and the parts that were looked into; how many of them are new."""
        now = datetime.now(UTC)
        with self._catalog.session() as session:
            # a write that changes nothing: of two who have found the same tile one must wait, and see it
            same = sa.update(SavedSearchRow).where(SavedSearchRow.id == search_id)
            session.execute(same.values(name=SavedSearchRow.name))
            row = session.get(SavedSearchRow, search_id)
            if row is None:  # deleted meanwhile
                return 0
            known = set(session.scalars(sa.select(SearchHitRow.tile_id).where(SearchHitRow.search == search_id)))
            new = [tile_id for tile_id in hits if tile_id not in known]
            for tile_id in new:
                session.add(SearchHitRow(search=search_id, tile_id=tile_id, hit=hits[tile_id], found_at=now))
            row.checked = sorted(parts)
            return len(new)

    def latest(self, search_id: str, count: int) -> list[SearchHit]:
        """The newest, in the order of their time, then of their ids."""
        with self._catalog.session() as session:
            rows = session.scalars(
                sa.select(SearchHitRow)
                .where(SearchHitRow.search == search_id)
                .order_by(SearchHitRow.found_at.desc(), SearchHitRow.tile_id)
                .limit(count)
            )
            return [_hit(row) for row in rows]

    def claim(self, search_id: str, way: Way) -> list[SearchHit]:
        """Those that nobody has been told of in this way; from now on they count as told, for every process."""
        column, of_search = getattr(SearchHitRow, way), SearchHitRow.search == search_id
        claimed, now = [], datetime.now(UTC)
        with self._catalog.session() as session:
            for row in session.scalars(sa.select(SearchHitRow).where(of_search, column.is_(None))).all():
                untold = (of_search, SearchHitRow.tile_id == row.tile_id, column.is_(None))
                changed = session.execute(sa.update(SearchHitRow).where(*untold).values({way: now}))
                if getattr(changed, "rowcount", 0):
                    claimed.append(_hit(row))
        return claimed

    def release(self, search_id: str, way: Way, hits: Iterable[SearchHit]) -> None:
        """Let them be told of again: it did not work."""
        with self._catalog.session() as session:
            for hit in hits:
                one = (SearchHitRow.search == search_id, SearchHitRow.tile_id == hit.tile_id)
                session.execute(sa.update(SearchHitRow).where(*one).values({way: None}))


def _hit(row: SearchHitRow) -> SearchHit:
    return SearchHit(row.tile_id, row.hit, row.found_at.replace(tzinfo=UTC))  # SQLite drops the zone
