"""What saved searches have found since they were saved: each tile once, and whether somebody has been told of it.

Who wants to tell claims hits and says afterwards that it worked. A claim that nobody confirms, because it failed or its
process died, lapses: the hits may be claimed again after a pause that doubles from try to try, `MOST_TRIES` times in
all. So news may come twice, which is better than never. It knows neither how a search is asked nor how one tells of it:
a hit is a JSON object.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import sqlalchemy as sa

from ingest.catalog.catalog import Catalog
from ingest.catalog.migrations.tables import SavedSearchRow, SearchHitRow
from trainer.errors import MissingError

Way = Literal["post", "mail"]
"""By webhook, by mail; columns that begin so say when it was done, how often it was tried, and when it may be again."""
MOST_TRIES = 8
PAUSE = timedelta(minutes=5)  # after the first try: longer than any try takes; after the eighth it is ten hours


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

    def claim(self, search_id: str, way: Way, now: datetime | None = None) -> list[SearchHit]:
        """Those that somebody has still to be told of in this way; for a while they are this caller's alone.

        Args:
            search_id: Of the saved search.
            way: How it will be told.
            now: Aware UTC; None: the clock's.
        """
        now = datetime.now(UTC) if now is None else now
        done, tries, after = _columns(way)
        rested = sa.or_(after.is_(None), after <= now)
        due = (SearchHitRow.search == search_id, done.is_(None), tries < MOST_TRIES, rested)
        claimed = []
        with self._catalog.session() as session:
            for row in session.scalars(sa.select(SearchHitRow).where(*due)).all():
                tried = getattr(row, f"{way}_tries")
                one = (SearchHitRow.search == search_id, SearchHitRow.tile_id == row.tile_id, tries == tried)
                again = {f"{way}_tries": tried + 1, f"{way}_after": now + PAUSE * 2**tried}
                # of two who claim it at once, one changes no row
                update = sa.update(SearchHitRow).where(*one, *due).values(again)
                changed = session.execute(update, execution_options={"synchronize_session": False})
                if getattr(changed, "rowcount", 0):
                    claimed.append(_hit(row))
        return claimed

    def told(self, search_id: str, way: Way, hits: Iterable[SearchHit]) -> None:
        """It worked: nobody is told of these in this way again."""
        self._set(search_id, hits, {f"{way}ed_at": datetime.now(UTC)})

    def release(self, search_id: str, way: Way, hits: Iterable[SearchHit]) -> None:
        """Nothing could be tried: they may be claimed at once, and the claim does not count."""
        self._set(search_id, hits, {f"{way}_tries": _columns(way)[1] - 1, f"{way}_after": None})

    def _set(self, search_id: str, hits: Iterable[SearchHit], values: dict[str, Any]) -> None:
        with self._catalog.session() as session:
            for hit in hits:
                one = (SearchHitRow.search == search_id, SearchHitRow.tile_id == hit.tile_id)
                session.execute(sa.update(SearchHitRow).where(*one).values(values))


def _columns(way: Way) -> tuple[Any, Any, Any]:
    """When it was done, how often it was tried, when it may be tried again."""
    return tuple(getattr(SearchHitRow, f"{way}{what}") for what in ("ed_at", "_tries", "_after"))


def _hit(row: SearchHitRow) -> SearchHit:
    return SearchHit(row.tile_id, row.hit, row.found_at)
