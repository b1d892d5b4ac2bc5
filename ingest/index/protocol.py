"""The vector index: what every backend promises, and the parts of a query that all of them share.

An index is one collection of unit vectors with payloads: tiles, or ground photos. It is a view of the archive and can
be rebuilt from it at any time. Backends: `ingest.index.edge` (in the process), `ingest.index.server` (a Qdrant
server).

The engines know points, not footprints. So an area is widened by half a tile diagonal on its way in
(`ingest.geo.outline`), and on the way out every hit is tested by its true footprint (`touching`), fetching more until k
hits pass (`ranked`; `gathered` for candidates of several vectors at once).

It does not know models, the archive's files, or any engine.
"""

import math
import uuid
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Any, Protocol, Self, TypeVar

import numpy as np
import numpy.typing as npt
import shapely
from shapely.geometry.base import BaseGeometry

from ingest.geo.footprints import Places, Squares
from trainer.errors import AreaError, UsageError, VectorIndexError

VECTOR = "overhead"  # a named vector from the first day, so that a second one can be added to a filled collection
LOCATION, ACQUIRED_AT, TILE_ID = "location", "acquired_at", "tile_id"
ID_FIELDS = (TILE_ID, "photo_id")
PART = "part"  # key of the archive's part that holds the item; points of before have none
COLUMNS = (*ID_FIELDS, LOCATION, "size_m", "norm", ACQUIRED_AT, PART)  # of the payload, all that ranking asks for
BATCH = 1_000  # points in one request to an engine, of long vectors fewer
MAX_K = 10_000
HNSW_EF = 512  # candidates an approximate search keeps; what that misses: benchmarks/index.py
OVERSAMPLING = 2.0  # candidates found with int8 copies for each hit that is wanted
SCORE_DIGITS = 6  # engines differ in the seventh digit of a float32 cosine; equal tiles must tie in all of them
MAX_TIES = 10_000  # equal scores that are put in order by id; beyond them the engine's order decides

# never to change: all point ids hang on it
_NAMESPACE = uuid.UUID("5b1f6c1e-8f0e-5a39-9d0b-3a1c6e0f7d52")

Vector = npt.NDArray[np.float32]
Payload = dict[str, Any]
Key = TypeVar("Key", bound=Hashable)  # an engine's id of a point


@dataclass(frozen=True)
class Points:
    """Items to put into an index.

    Attributes:
        ids: Tile or photo ids.
        vectors: Floats [n, d], of any length but zero; the index keeps directions only.
        payloads: One mapping an item. A tile has ``tile_id``, ``location`` {lon, lat}, ``size_m``, ``bbox``, ``norm``,
            ``gsd_m``, ``valid_fraction``, ``origin`` and, where known, ``acquired_at`` (RFC 3339). A photo has
            ``photo_id``, ``norm`` and, where known, ``location`` and its own columns. Both have ``part``.
    """

    ids: list[str]
    vectors: npt.NDArray[np.floating[Any]]
    payloads: list[dict[str, Any]]


@dataclass(frozen=True)
class Filter:
    """What a hit must satisfy; it acts inside the search.

    Attributes:
        area: WGS84 degrees, x = longitude, split at ±180°. Tiles whose footprint touches it match; an empty one
            matches nothing.
        reach_m: Half the diagonal of the largest tile in the collection; 0 for photos.
        acquired_from: Aware; an item without a date does not match.
        acquired_to: Aware, inclusive; an item without a date does not match.

    Raises:
        AreaError: The area is no valid geometry on the globe, or a date is naive, or the dates are in the wrong order.
    """

    area: BaseGeometry | None = None
    reach_m: float = 0.0
    acquired_from: datetime | None = None
    acquired_to: datetime | None = None

    def __post_init__(self) -> None:
        if not (math.isfinite(self.reach_m) and self.reach_m >= 0):
            raise AreaError(f"reach_m = {self.reach_m}: give half a tile diagonal in metres, 0 for photos")
        for name, when in (("acquired_from", self.acquired_from), ("acquired_to", self.acquired_to)):
            if when is not None and when.tzinfo is None:
                raise AreaError(f"{name} = {when.isoformat()} has no time zone: acquisition dates are UTC, add +00:00")
        if self.acquired_from and self.acquired_to and self.acquired_from > self.acquired_to:
            raise AreaError(f"acquired from {self.acquired_from} to {self.acquired_to}: swap the two dates")
        if self.area is not None and not self.area.is_empty:
            _check_area(self.area)

    @property
    def nothing(self) -> bool:
        """Whether no item can match."""
        return self.area is not None and self.area.is_empty

    @property
    def everything(self) -> bool:
        """Whether every item matches."""
        return self.area is None and self.acquired_from is None and self.acquired_to is None


@dataclass(frozen=True)
class Match:
    """One item found.

    Attributes:
        item_id: Tile or photo id.
        score: Cosine, rounded to `SCORE_DIGITS`.
        payload: As in `Points`.
    """

    item_id: str
    score: float
    payload: dict[str, Any]


@dataclass(frozen=True)
class Candidates:
    """Items that may be what is wanted, each once, in no order, [n].

    Attributes:
        payloads: Of each the `COLUMNS` that it has.
        directions: Unit vectors, float32 [n, d].
    """

    payloads: list[Payload]
    directions: npt.NDArray[np.float32]


class Index(Protocol):
    """One collection in one engine. All of it may be called from several threads."""

    name: str
    dim: int

    def upsert(self, points: Points) -> None:
        """Adds or replaces items. On return they survive a kill of this process."""

    def query(self, vector: npt.ArrayLike, k: int, filter: Filter | None = None) -> list[Match]:
        """The k items of largest cosine, best first, ties by id; fewer only where fewer match.

        Raises:
            VectorIndexError: The vector is not finite, zero, or of another dimension.
            UsageError: k is not 1..`MAX_K`.
        """

    def candidates(self, vectors: npt.ArrayLike, k: int, filter: Filter | None = None) -> Candidates:
        """The items among the k of about largest cosine with any of several vectors, [q, d].

        Two requests, whatever q is: one for the ids of all q answers, then one for the columns and directions of their
        union. Under an area some of the k may not touch it and are left out, but half of them stay where so many do.

        Raises:
            VectorIndexError: A vector is not finite, zero, or of another dimension.
            UsageError: k is not 1..`MAX_K`.
        """

    def count(self, filter: Filter | None = None) -> int:
        """Number of items, exactly."""

    def ids(self) -> set[str]:
        """Ids of all items."""

    def vectors(self, ids: Iterable[str]) -> dict[str, Vector]:
        """Unit vectors [d] of those ids that are there."""

    def delete(self, ids: Iterable[str]) -> None:
        """Removes items; unknown ids are no error."""

    def drop(self) -> None:
        """Removes the whole collection and closes it."""

    def optimize(self) -> None:
        """Builds the search graph where that is ours to call."""

    def close(self) -> None:
        """Releases the engine; a second call does nothing."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


def point_id(collection: str, item_id: str) -> str:
    """The engine's id of an item: uuid5, so that writing an item twice replaces it."""
    # no collection's name has a NUL, so no two pairs make the same text
    return str(uuid.uuid5(_NAMESPACE, f"{collection}\0{item_id}"))


def item_id(payload: dict[str, Any]) -> str:
    """Tile or photo id of a payload."""
    return str(next(payload[field] for field in ID_FIELDS if field in payload))


def query_vector(vector: npt.ArrayLike, k: int, *, name: str, dim: int) -> Vector:
    """The query as a unit vector, float32 [d].

    Raises:
        VectorIndexError: It is not finite, zero, or of another dimension.
        UsageError: k is not 1..`MAX_K`.
    """
    if not 1 <= k <= MAX_K:
        raise UsageError(f"k = {k}: ask for 1 to {MAX_K:,} hits")
    array = np.asarray(vector, dtype=np.float64)
    if array.shape != (dim,):
        raise VectorIndexError(
            f"index {name!r} holds vectors of {dim} values, the query has shape {array.shape}: "
            "embed it with the model of the collection"
        )
    norm = float(np.linalg.norm(array))
    if not (math.isfinite(norm) and norm > 0):
        raise VectorIndexError(f"query of index {name!r} is zero or not finite: it has no direction to search in")
    return (array / norm).astype(np.float32)


def ranked(fetch: Callable[[int, bool], list[Match]], k: int, filter: Filter | None) -> list[Match]:
    """The k best matches whose footprint touches the area: exact in number and in the order of ties.

    Args:
        fetch: ``fetch(limit, exact)`` gives that many matches inside the widened area, best first, fewer only
            where no more are found. An approximate search may stop early, so a short answer is asked for again exactly.
        filter: Area to test footprints against.
    """
    verdicts: dict[str, bool] = {}  # a footprint is tested once, however often more hits are fetched
    # more than k, for ties; with an area twice as many, since its outlines hold more than it
    limit = k + 16 if filter is None or filter.area is None else 2 * k + 16
    # a graph walked under a filter may lose half of the answer, and scanning a box is quick
    exact = filter is not None and not filter.everything
    while True:
        found = fetch(limit, exact)
        if len(found) < limit and not exact:
            exact = True
            found = fetch(limit, exact)
        kept = sorted(_kept(found, filter, verdicts), key=lambda match: (-match.score, match.item_id))
        # a hit below the k-th was seen, so all that tie with the k-th are in
        settled = len(kept) >= k and (found[-1].score < kept[k - 1].score or limit > k + MAX_TIES)
        if settled or len(found) < limit:
            return kept[:k]
        limit *= 4


def gathered(
    ask: Callable[[list[list[float]], int, bool], list[list[Key]]],
    read: Callable[[list[Key]], Iterable[tuple[Payload, Sequence[float]]]],
    vectors: npt.ArrayLike,
    k: int,
    filter: Filter | None,
    *,
    name: str,
    dim: int,
) -> Candidates:
    """The union of what several vectors find, read once and tested by footprint; see `Index.candidates`.

    Args:
        ask: ``ask(units, limit, exact)`` gives so many keys for each unit vector, fewer only where no more are found.
        read: Payloads and unit vectors of keys.
        vectors: As in `Index.candidates`.
        k: The same.
        filter: Area to test footprints against.
        name: Of the index, for messages.
        dim: Length of its vectors.
    """
    units = [query_vector(vector, k, name=name, dim=dim).tolist() for vector in np.asarray(vectors)]
    if filter is not None and filter.nothing:
        return Candidates([], np.empty((0, dim), np.float32))
    touches: dict[Key, bool] = {}
    payloads: list[Payload] = []
    directions: list[npt.NDArray[np.float32]] = []
    limit, exact = k, filter is not None and not filter.everything
    while True:
        found = ask(units, limit, exact)
        if not exact and any(len(keys) < limit for keys in found):  # a graph may stop early
            exact = True
            found = ask(units, limit, exact)
        new = list(dict.fromkeys(key for keys in found for key in keys if key not in touches))
        rows = list(read(new)) if new else []
        fresh = [payload for payload, _ in rows]
        inside = np.ones(len(rows), np.bool_)
        if filter is not None and filter.area is not None and rows:
            inside = touching_payloads(fresh, filter.area)
        touches.update(zip(new, inside.tolist(), strict=True))
        payloads += [fresh[i] for i in np.flatnonzero(inside)]
        directions += [np.fromiter(rows[i][1], np.float32, dim) for i in np.flatnonzero(inside)]
        if all(len(keys) < limit or 2 * sum(touches[key] for key in keys) >= k for keys in found):
            return Candidates(payloads, np.array(directions, np.float32).reshape(-1, dim))
        limit *= 4


def touching(
    area: BaseGeometry, lats: npt.NDArray[np.float64], lons: npt.NDArray[np.float64], sizes_m: npt.NDArray[np.floating]
) -> npt.NDArray[np.bool_]:
    """Which items touch an area: tiles by footprint, items of size 0 (photos) by their point. The one such test.

    Args:
        area: WGS84 degrees, split at ±180°; it is prepared in place.
        lats: Degrees [n]; not finite where the place is unknown, which touches nothing.
        lons: Degrees [n], likewise.
        sizes_m: Sides of the footprints in metres [n].
    """
    shapely.prepare(area)
    # a centre in the area settles it, without the footprint
    found = np.asarray(shapely.intersects_xy(area, lons, lats), dtype=np.bool_)
    rest = np.flatnonzero(~found & (sizes_m > 0) & np.isfinite(lats) & np.isfinite(lons))
    if rest.size:
        squares = Squares.of(Places(lats[rest], lons[rest], sizes_m[rest]))
        # most are settled by a box around them; outlines of large squares are made one by one
        near = np.flatnonzero(_boxes_touch(area, squares))
        found[rest[near]] = shapely.intersects(area, squares.take(near).polygons())
    return found


def _boxes_touch(area: BaseGeometry, squares: Squares) -> npt.NDArray[np.bool_]:
    """Whether a box around each square touches an area, and so the square may: bool [n]."""
    up, along = squares.reach_deg()
    west, east = squares.lon - along, squares.lon + along
    south, north = np.maximum(squares.lat - up, -90), np.minimum(squares.lat + up, 90)
    boxes = shapely.box(west, south, east, north)
    across = (west < -180) | (east > 180)  # such a box says nothing
    return np.asarray(across | shapely.intersects(area, boxes), dtype=np.bool_)


def touching_payloads(payloads: list[dict[str, Any]], area: BaseGeometry) -> npt.NDArray[np.bool_]:
    """`touching` for payloads."""
    nowhere = {"lat": math.nan, "lon": math.nan}
    places = [payload.get(LOCATION) or nowhere for payload in payloads]
    lats = np.array([place["lat"] for place in places], dtype=np.float64)
    lons = np.array([place["lon"] for place in places], dtype=np.float64)
    sizes = np.array([payload.get("size_m", 0.0) for payload in payloads], dtype=np.float64)
    return touching(area, lats, lons, sizes)


def _check_area(area: BaseGeometry) -> None:
    west, south, east, north = area.bounds
    if not (-180 <= west <= east <= 180 and -90 <= south <= north <= 90):
        raise AreaError(
            f"area {area.bounds} is not on the globe: longitudes −180..180, latitudes −90..90, split at ±180°"
        )
    if not area.is_valid:
        raise AreaError(f"area is not a valid geometry ({shapely.is_valid_reason(area)}); repair it first")


def _kept(found: list[Match], filter: Filter | None, verdicts: dict[str, bool]) -> list[Match]:
    if filter is None or filter.area is None:
        return found
    new = [match for match in found if match.item_id not in verdicts]
    verdict = touching_payloads([match.payload for match in new], filter.area)
    verdicts.update(zip((match.item_id for match in new), verdict.tolist(), strict=True))
    return [match for match in found if verdicts[match.item_id]]
