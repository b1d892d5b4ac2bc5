"""The places of an answer in one order, as far as somebody wants to scroll, and how each is told.

The places are the best by the number that orders them, tiles that overlap a better one left out; by date or distance
they are put into another order. It does not know how scores are made, nor what a list looks like.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal
from urllib.parse import quote

import numpy as np
import numpy.typing as npt

from ingest.field.scorer import NO_DATE
from ingest.geo.geometry import Footprint, distance_m
from search_ui.components.base_path import own
from search_ui.maps.certainty import colour_of, share_of
from search_ui.search.query import Hit
from search_ui.search.ranking import SCORE_DIGITS, distinct
from search_ui.search.relevance.calibration import DIGITS, grade, say_relevance
from search_ui.search.scores import Scores
from trainer.earth import MEAN_DEGREE_M

Order = Literal["relevance", "cosine", "date", "distance"]
PAGE = 50  # places that are told at once
_SLACK = 3  # times as many rows as places are looked at first, for those that overlap
_AWAY = re.compile(r"([\d,.]+) km ")
_FAR_KM = 100.0

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Listed:
    """What is listed, and in which order.

    Attributes:
        order: By what; the best, the newest or the nearest comes first.
        near: Latitude and longitude that distances are from; None: no distance orders.
        k: How many places at most.
        least: Places of less relevance are left out.
        apart: Of tiles that overlap only the best counts.
        taken_us: Places whose imagery was taken before the first or after the last are left out, microseconds since
            1970; those of unknown date stay. None: whenever it was taken.
    """

    order: Order = "relevance"
    near: tuple[float, float] | None = None
    k: int = PAGE
    least: float = 0.0
    apart: bool = True
    taken_us: tuple[int, int] | None = None


@dataclass(frozen=True)
class PlaceList:
    """An answer's places.

    Attributes:
        scores: Of every tile that was asked.
        rows: Of those scores: the places, in their order.
        hits_of: Gives some of the rows as hits.
        votes: Thumbs by tile: 1 up, −1 down.
        pictured: Whether tiles have pictures.
    """

    scores: Scores
    rows: Rows
    hits_of: Callable[[Rows], Sequence[Hit]] = field(compare=False)
    votes: dict[str, int] = field(default_factory=dict)
    pictured: bool = True

    def hits(self, first: int = 0, count: int = PAGE) -> list[Hit]:
        """Some of the places, ranked within all of them."""
        some = self.hits_of(self.rows[first : first + count])
        return [replace(hit, rank=first + number) for number, hit in enumerate(some, start=1)]

    def cards(self, collection: str, first: int, count: int) -> list[dict[str, Any]]:
        """Some of the places as a list shows them."""
        hits = self.hits(first, count)
        return [card(collection, hit, hit.rank, self.votes.get(hit.tile_id, 0), pictured=self.pictured) for hit in hits]

    def at(self, collection: str, *, lat: float, lon: float) -> dict[str, Any] | None:
        """The tile at a point as a list shows it, with rank 0 where it is none of the places; None: no tile asked."""
        row = self._row_at(lat, lon)
        if row is None:
            return None
        rank = int(np.flatnonzero(self.rows == row)[0]) + 1 if row in self.rows else 0
        return card(collection, self.hits_of(np.array([row], np.int64))[0], rank, pictured=self.pictured)

    def _row_at(self, lat: float, lon: float) -> int | None:
        """The row of the tile that holds a point; of several the one whose middle is nearest."""
        scores = self.scores
        turn = np.abs((scores.lon - lon + 180) % 360 - 180) * np.cos(np.radians(lat))
        away_deg = np.hypot(scores.lat - lat, turn)
        # a tile reaches half a diagonal from its middle
        near = np.flatnonzero(away_deg * MEAN_DEGREE_M <= 0.75 * scores.size_m + 1)
        for row in near[np.argsort(away_deg[near])].tolist():
            footprint = Footprint(float(scores.lat[row]), float(scores.lon[row]), float(scores.size_m[row]))
            if footprint.contains(lat=lat, lon=lon):
                return int(row)
        return None

    def pins(self) -> list[list[Any]]:
        """All places in their order, a row each: tile, longitude, latitude, side in metres, relevance, word, colour."""
        scores, rows = self.scores, []
        for row in self.rows.tolist():
            relevance = float(scores.relevance[row])
            at = round(float(scores.lon[row]), 6), round(float(scores.lat[row]), 6), round(float(scores.size_m[row]), 1)
            rows.append([scores.tile_id[row], *at, say_relevance(relevance), grade(relevance), colour_of(relevance)])
        return rows


def listed_rows(scores: Scores, listed: Listed, acquired_us: Rows, no_hits: frozenset[str] = frozenset()) -> Rows:
    """Rows of the places, in their order.

    Args:
        scores: Of every tile that was asked.
        listed: What is listed.
        acquired_us: When each was taken, microseconds since 1970, `NO_DATE` where it is not known.
        no_hits: Ids of tiles that were called wrong.
    """
    rows = _best(scores, listed, no_hits, in_time(listed, acquired_us))
    match listed.order:
        case "date":
            taken = acquired_us[rows]
            # the newest first, those without a date last; what is equal stays in the order of relevance
            return rows[np.lexsort((np.arange(len(rows)), -taken.astype(np.float64), taken == NO_DATE))]
        case "distance" if listed.near is not None and len(rows):
            lat, lon = listed.near
            away = distance_m(lat=lat, lon=lon, lats=scores.lat[rows], lons=scores.lon[rows])
            return rows[np.argsort(away, kind="stable")]
        case _:
            return rows


def in_time(listed: Listed, acquired_us: Rows) -> npt.NDArray[np.bool_] | None:
    """Which rows were taken in time, or nobody knows when; None: all of them."""
    if listed.taken_us is None:
        return None
    first, last = listed.taken_us
    return np.asarray((acquired_us == NO_DATE) | ((acquired_us >= first) & (acquired_us <= last)))


def _best(scores: Scores, listed: Listed, no_hits: frozenset[str], wanted: npt.NDArray[np.bool_] | None = None) -> Rows:
    """The best by cosine, or by relevance and among equals by cosine, ties by id."""
    cosine = np.round(scores.cosine.astype(np.float64), SCORE_DIGITS)
    # where there is no relevance the cosine orders alone
    told = np.round(np.nan_to_num(scores.relevance.astype(np.float64)), DIGITS)
    # one number of both: a step of relevance outweighs every cosine, which lie within ±1
    key = cosine if listed.order == "cosine" else told * 10**DIGITS * 4 + cosine
    usable = np.flatnonzero(np.isfinite(key) & (told >= listed.least) & (True if wanted is None else wanted))
    count = listed.k * (_SLACK if listed.apart else 1) + len(no_hits)
    while True:
        some = usable
        if count < len(usable):
            floor = np.partition(key[usable], len(usable) - count)[len(usable) - count]
            some = usable[key[usable] >= floor]
        ids = np.array([scores.tile_id[row] for row in some.tolist()], dtype=object)
        order = np.lexsort((ids, -key[some])) if len(some) else np.empty(0, np.int64)
        best = some[[place for place in order.tolist() if ids[place] not in no_hits]] if no_hits else some[order]
        if listed.apart:
            best = best[distinct(scores.lat[best], scores.lon[best], scores.size_m[best], listed.k)]
        if len(best) >= listed.k or len(some) == len(usable):
            return best[: listed.k].astype(np.int64)
        count *= 4


def card(collection: str, hit: Hit, rank: int, vote: int = 0, *, pictured: bool = True) -> dict[str, Any]:
    """One place as a list shows it, in JSON types."""
    chip = own(f"/chips/{quote(collection)}/{quote(hit.tile_id, safe='')}.webp?px=144")
    return {
        "id": hit.tile_id,
        "rank": rank,
        "title": title_of(hit.near, hit.lat, hit.lon),
        "place": _place_line(hit),
        "grade": hit.grade,
        "says": "not now" if hit.not_now else hit.grade,
        "relevance": say_relevance(hit.relevance),
        "cosine": f"{hit.cosine:.3f}",
        "share": round(share_of(hit.relevance), 3),
        "colour": colour_of(hit.relevance),
        "image": chip if pictured else None,
        "alt": f"The tile from above, {hit.size_m:.0f} m wide",
        "vote": vote,
        "lat": hit.lat,
        "lon": hit.lon,
        "size": hit.size_m,
    }


def title_of(near: str | None, lat: float, lon: float) -> str:
    """What to call a place: the nearest named one if that is near enough to say something, else its coordinates."""
    away = _AWAY.match(near or "")
    far = away is not None and float(away[1].replace(",", "")) > _FAR_KM
    return near if near and not far else say_place(lat, lon)


def say_place(lat: float, lon: float) -> str:
    """Degrees with letters."""
    return f"{abs(lat):.4f}° {'N' if lat >= 0 else 'S'}, {abs(lon):.4f}° {'E' if lon >= 0 else 'W'}"


def _place_line(hit: Hit) -> str:
    """What the title does not say."""
    where = say_place(hit.lat, hit.lon)
    said = hit.near if title_of(hit.near, hit.lat, hit.lon) == where else where
    then = f"likeliest {hit.likeliest}, then {say_relevance(hit.place or 0.0)}" if hit.not_now else None
    return " · ".join(filter(None, (then, say_taken(hit), said)))


def say_taken(hit: Hit) -> str:
    """When the imagery was taken."""
    return f"imagery of {hit.acquired_at:%Y-%m-%d}" if hit.acquired_at else "imagery without a date"
