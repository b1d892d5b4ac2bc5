"""What a person asks and what they get: a `Query`, the `Hit`s that answer it, and the `Answer` around them.

It knows neither models nor indexes nor the screen: it only says what a well-formed question is, and what a hit holds.

One hit in JSON, in this order: rank, tile_id, lat, lon, bbox (west, south, east, north; west > east across ±180°),
cosine (−1..1), relevance (null until a model is calibrated), acquired_at (UTC), source, collection, model_id.
"""

import json
import math
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import shapely
from shapely.geometry.base import BaseGeometry

from trainer.errors import AreaError, UsageError

MAX_K = 10_000
MAX_TEXT_CHARS = 2_000
MAX_AREA_VERTICES = 100
"""An area of more vertices is described by its bounds: an answer is no place for a country's coastline."""


@dataclass(frozen=True, kw_only=True)
class Query:
    """One question to one collection.

    Text, image and tile may be given together: the search is then for the sum of their normalised vectors.

    Args:
        text: What one would see on the ground there.
        image: A file with an overhead image or crop.
        tile_id: A tile of the collection: find tiles like it.
        negatives: Texts that the hits should not look like (``--not``).
        area: Where to search; WGS84 degrees, x = longitude, split at ±180°.
        acquired_from: Earliest acquisition of a tile, timezone-aware, inclusive.
        acquired_to: Latest acquisition of a tile, timezone-aware, inclusive.
        k: How many hits, 1 to 10,000.

    Raises:
        UsageError: nothing is asked, or a part of the question cannot be understood.
        AreaError: the area is empty, or the dates are naive or the wrong way round.
    """

    text: str | None = None
    image: Path | None = None
    tile_id: str | None = None
    negatives: tuple[str, ...] = ()
    area: BaseGeometry | None = None
    acquired_from: datetime | None = None
    acquired_to: datetime | None = None
    k: int = 9

    def __post_init__(self) -> None:
        if self.text is None and self.image is None and self.tile_id is None:
            more = " --not only takes away from it." if self.negatives else ""
            raise UsageError(f"nothing to search for: give a text, --image FILE or --tile ID.{more}")
        for name, text in [("the text", self.text), *(("--not", negative) for negative in self.negatives)]:
            if text is not None:
                _check_text(name, text)
        if self.tile_id is not None and not _has_words(self.tile_id):
            raise UsageError(f"the tile id {self.tile_id!r} is empty: give the id of a tile of the collection")
        if not 1 <= self.k <= MAX_K:
            raise UsageError(f"k = {self.k} is outside 1..{MAX_K}: choose how many hits to show")
        if self.area is not None and self.area.is_empty:
            raise AreaError("the area is empty: no tile can lie in it")
        _check_dates(self.acquired_from, self.acquired_to)

    def as_dict(self) -> dict[str, Any]:
        """Say the question in JSON types; what was not asked is left out."""
        parts: dict[str, Any] = {
            "text": self.text,
            "image": None if self.image is None else str(self.image),
            "tile_id": self.tile_id,
            "not": list(self.negatives) or None,
            "area": None if self.area is None else _describe_area(self.area),
            "acquired_from": rfc3339(self.acquired_from),
            "acquired_to": rfc3339(self.acquired_to),
            "k": self.k,
        }
        return {name: value for name, value in parts.items() if value is not None}


@dataclass(frozen=True, kw_only=True)
class Hit:
    """One tile that answers a query.

    Args:
        rank: 1 is best.
        tile_id: The tile's id in its grid.
        lat: Centre of the tile, degrees.
        lon: Centre of the tile, degrees.
        bbox: West, south, east, north in degrees; west > east across ±180°.
        cosine: Cosine between the query's vector and the tile's, −1..1.
        relevance: Calibrated chance that the tile shows it, 0..1; None until a model is calibrated.
        acquired_at: When the imagery was taken, aware UTC; None when unknown.
        source: URI of the imagery.
        collection: Name of the collection.
        model_id: The model that made the collection's vectors.
        size_m: Side of the tile's footprint on the ground; for drawing it, not part of the JSON.
    """

    rank: int
    tile_id: str
    lat: float
    lon: float
    bbox: tuple[float, float, float, float]
    cosine: float
    relevance: float | None
    acquired_at: datetime | None
    source: str
    collection: str
    model_id: str
    size_m: float

    def as_dict(self) -> dict[str, Any]:
        """Say the hit in JSON types, fields in the documented order."""
        return {
            "rank": self.rank,
            "tile_id": self.tile_id,
            "lat": self.lat,
            "lon": self.lon,
            "bbox": list(self.bbox),
            "cosine": self.cosine,
            "relevance": self.relevance,
            "acquired_at": rfc3339(self.acquired_at),
            "source": self.source,
            "collection": self.collection,
            "model_id": self.model_id,
        }


@dataclass(frozen=True, kw_only=True)
class Answer:
    """The hits of a query, and how they were found.

    Args:
        query: The question in JSON types (`Query.as_dict`).
        method: Which way the answer was computed, such as ``index`` or ``exact scan``.
        candidates: How many tiles passed the area and date filters and so were compared.
        hits: Best first.
        note: One sentence a person should read beside the hits, such as why there are none.
    """

    query: Mapping[str, Any]
    method: str
    candidates: int
    hits: Sequence[Hit]
    note: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """Say the answer in JSON types."""
        answer: dict[str, Any] = {
            "query": dict(self.query),
            "method": self.method,
            "candidates": self.candidates,
            "hits": [hit.as_dict() for hit in self.hits],
        }
        if self.note is not None:
            answer["note"] = self.note
        return answer

    def to_json(self) -> str:
        """Say the answer as one JSON document in ASCII, so that every terminal and pipe can carry it."""
        return json.dumps(self.as_dict(), indent=2, allow_nan=False)


def rfc3339(moment: datetime | None) -> str | None:
    """Write an aware moment as RFC 3339 in UTC, ending in ``Z``; None stays None."""
    if moment is None:
        return None
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _check_text(name: str, text: str) -> None:
    if not _has_words(text):
        raise UsageError(f"{name} is empty: {text[:40]!r}. Say what one would see there")
    if any(0xD800 <= ord(char) <= 0xDFFF for char in text):
        raise UsageError(f"{name} is not valid Unicode: {text[:40]!r}. Give it as UTF-8")
    if len(text) > MAX_TEXT_CHARS:
        raise UsageError(
            f"{name} has {len(text):,} characters, the limit is {MAX_TEXT_CHARS:,}. "
            "CLIP reads the first 77 tokens and cuts the rest: say it in a sentence"
        )


def _has_words(text: str) -> bool:
    """Tell whether anything is left without blanks, controls and invisible marks (Unicode classes C and Z)."""
    return any(unicodedata.category(char)[0] not in "CZ" for char in text)


def _check_dates(first: datetime | None, last: datetime | None) -> None:
    for name, moment in [("from", first), ("to", last)]:
        if moment is not None and moment.tzinfo is None:
            raise AreaError(f"the acquisition date '{name}' {moment.isoformat()} has no time zone: give it in UTC")
    if first is not None and last is not None and first > last:
        raise AreaError(f"the dates run backwards, from {rfc3339(first)} to {rfc3339(last)}: swap the two")


def _describe_area(area: BaseGeometry) -> dict[str, Any]:
    vertices = int(shapely.get_num_coordinates(area))
    if vertices <= MAX_AREA_VERTICES:
        described: dict[str, Any] = json.loads(shapely.to_geojson(area))
        return described
    bounds = [value for value in area.bounds if math.isfinite(value)]
    return {"bbox": bounds, "vertices": vertices}
