"""What a person asks and what they get: a `Query`, the `Hit`s that answer it, and the `Answer` around them.

It knows neither models nor indexes nor the screen: it only says what a well-formed question is, and what a hit holds.

One hit in JSON, in this order: rank, tile_id, lat, lon, bbox (west, south, east, north; west > east across ±180°),
cosine (−1..1), relevance (0..1), acquired_at (UTC), source, collection, model_id, grade (the relevance in a word),
near (the nearest named place), place (relevance at its best moment), likeliest (months, hours, best, hemisphere, says;
null where the model knows no time or it is no place for it), not_now (it is a place for it, and not the moment).
"""

import json
import math
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time
from pathlib import Path
from typing import Any, Literal

import shapely
from shapely.geometry.base import BaseGeometry

from search_ui.search.likeliest import Likeliest
from trainer.encoding import When
from trainer.errors import AreaError, UsageError

MAX_K = 10_000
MAX_TEXT_CHARS = 2_000
MAX_WEIGHT = 100.0
NOT_WEIGHT = 0.5
"""All that ``--not`` says weighs half of a question: it steers; at 1 it would outweigh the question itself."""
ENSEMBLE = ("{}", "a photo of {}", "a view of {}", "{} seen by someone who stands there", "this place has {}")
MAX_AREA_VERTICES = 100
"""An area of more vertices is described by its bounds: an answer is no place for a country's coastline."""


Kind = Literal["text", "image", "photo", "tile"]


@dataclass(frozen=True)
class Part:
    """One thing that the hits should be like, or unlike.

    Args:
        kind: ``text``: what one would see on the ground there; ``image``: a file with an overhead image or crop;
            ``photo``: a file with a photo taken on the ground; ``tile``: the id of a tile of the collection.
        value: The text, the file or the id.
        weight: Factor of its unit vector in the sum, 0 < |weight| ≤ `MAX_WEIGHT`; negative: away from it.

    Raises:
        UsageError: The value is empty or no text, or the weight is 0 or not finite.
    """

    kind: Kind
    value: str | Path
    weight: float = 1.0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.weight) and 0 < abs(self.weight) <= MAX_WEIGHT):
            raise UsageError(f"weight {self.weight:g} of {self.value!s:.40}: give a number up to {MAX_WEIGHT:g}, not 0")
        if self.kind == "text":
            _check_text("--not" if self.weight < 0 else "the text", str(self.value))
        elif self.kind == "tile" and not _has_words(str(self.value)):
            raise UsageError(f"the tile id {self.value!r} is empty: give the id of a tile of the collection")

    def as_dict(self) -> dict[str, Any]:
        """Say the part in JSON types."""
        return {self.kind: str(self.value), "weight": self.weight}


@dataclass(frozen=True, kw_only=True)
class Query:
    """One question to one collection: the sum of the weighted unit vectors of its parts.

    Args:
        parts: At least one of positive weight.
        when: The moment asked about, wall-clock time at the place; None: at any time.
        area: Where to search; WGS84 degrees, x = longitude, split at ±180°.
        acquired_from: Earliest acquisition of a tile, timezone-aware, inclusive.
        acquired_to: Latest acquisition of a tile, timezone-aware, inclusive.
        k: How many hits, 1 to 10,000.
        min_relevance: Tiles of less relevance are no hits, 0..1.
        distinct: Of tiles that overlap only the best counts.
        ensemble: Texts are said in several ways (`ENSEMBLE`), and the mean of their unit vectors is asked.

    Raises:
        UsageError: nothing is asked, or a part of the question cannot be understood.
        AreaError: the area is empty, or the dates are naive or the wrong way round.
    """

    parts: tuple[Part, ...]
    when: When = None
    area: BaseGeometry | None = None
    acquired_from: datetime | None = None
    acquired_to: datetime | None = None
    k: int = 9
    min_relevance: float = 0.0
    distinct: bool = True
    ensemble: bool = False

    def __post_init__(self) -> None:
        if not any(part.weight > 0 for part in self.parts):
            more = " --not only takes away from it." if self.parts else ""
            raise UsageError(f"nothing to search for: give a text, --image, --photo or --tile.{more}")
        if not 1 <= self.k <= MAX_K:
            raise UsageError(f"k = {self.k} is outside 1..{MAX_K}: choose how many hits to show")
        if not 0 <= self.min_relevance <= 1:
            raise UsageError(f"minimum relevance {self.min_relevance:g}: give a number from 0 to 1")
        if isinstance(self.when, datetime | time) and self.when.tzinfo is not None:
            raise UsageError(f"moment {self.when.isoformat()} has a time zone: give the wall-clock time at the place")
        if self.area is not None and self.area.is_empty:
            raise AreaError("the area is empty: no tile can lie in it")
        _check_dates(self.acquired_from, self.acquired_to)

    def as_dict(self) -> dict[str, Any]:
        """Say the question in JSON types; what was not asked is left out."""
        first = next((part.value for part in self.parts if part.kind == "text" and part.weight > 0), None)
        said: dict[str, Any] = {
            "text": first,
            "parts": [part.as_dict() for part in self.parts],
            "when": None if self.when is None else self.when.isoformat(),
            "area": None if self.area is None else _describe_area(self.area),
            "acquired_from": rfc3339(self.acquired_from),
            "acquired_to": rfc3339(self.acquired_to),
            "k": self.k,
            "min_relevance": self.min_relevance or None,
            "distinct": None if self.distinct else False,
            "ensemble": self.ensemble or None,
        }
        return {name: value for name, value in said.items() if value is not None}


@dataclass(frozen=True, kw_only=True)
class Hit:
    """One tile that answers a query.

    Args:
        rank: Place in the answer, counted from 1, the best.
        tile_id: The tile's id in its grid.
        lat: Centre of the tile, degrees.
        lon: Centre of the tile, degrees.
        bbox: West, south, east, north in degrees; west > east across ±180°.
        cosine: Cosine between the query's vector and the tile's, −1..1.
        relevance: Calibrated chance that one would see it there, 0..1; None: it cannot be told, for the model is not
            here.
        acquired_at: When the imagery was taken, aware UTC; None when unknown.
        source: URI of the imagery.
        collection: Name by which the collection was asked for.
        model_id: The model that made the collection's vectors.
        grade: The relevance in a word: strong, possible, weak, nothing; unrated where there is none.
        near: The nearest named place, how far and which way.
        size_m: Side of the tile's footprint on the ground; for drawing it, not part of the JSON.
        place: The chance that one would see it there at its best moment, 0..1.
        likeliest: When one would see it there; None: it is no place for it, or the model knows no time.
        not_now: It is a place for it, and the moment asked about is not its moment.
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
    grade: str
    near: str | None
    size_m: float
    place: float | None = None
    likeliest: Likeliest | None = None
    not_now: bool = False

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
            "grade": self.grade,
            "near": self.near,
            "place": self.place,
            "likeliest": None if self.likeliest is None else self.likeliest.as_dict(),
            "not_now": self.not_now,
        }


@dataclass(frozen=True, kw_only=True)
class Answer:
    """The hits of a query, and how they were found.

    Args:
        query: The question in JSON types (`Query.as_dict`).
        method: Which way the answer was computed: ``exact``, every tile by the formula, or ``candidates of the index``,
            which the formula put in order.
        candidates: How many tiles the formula was computed for.
        hits: The tiles that answer, best first.
        note: One sentence a person should read beside the hits, such as why there are none.
        not_now: When it is likeliest there, where it is not to be seen at the moment asked about; else None. "Nothing
            here" is another answer.
        highest: The highest relevance at the moment of the tiles that were looked at, hits or not, by which there is
            something here or nothing; None where no tile has any.
    """

    query: Mapping[str, Any]
    method: str
    candidates: int
    hits: Sequence[Hit]
    note: str | None = None
    not_now: Likeliest | None = None
    highest: float | None = None

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
        if self.not_now is not None:
            answer["not_now"] = self.not_now.as_dict()
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
    # a lone surrogate: so Python hands on bytes of the command line that are no UTF-8; no tokenizer takes it
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
    # JSON has no NaN, and `to_json` would refuse it
    bounds = [value for value in area.bounds if math.isfinite(value)]
    return {"bbox": bounds, "vertices": vertices}
