"""What a person asks of a ground view and what they get: `GroundQuery`, `PhotoHit`, and the `GroundView` around them.

It knows neither vectors nor the screen: it only says what a well-formed question is, and what a hit holds.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time
from typing import Any

from ingest.geo.geometry import Footprint
from search_ui.ground.gallery import PhotoFilter
from search_ui.search.query import MAX_K, rfc3339
from trainer.encoding import When
from trainer.errors import AreaError, UsageError


@dataclass(frozen=True, kw_only=True)
class GroundQuery:
    """What is asked: a tile, by its id or by a place in it.

    Args:
        tile_id: Id of the tile; None: `place` says which.
        place: Latitude and longitude in degrees, anywhere in the tile; None: `tile_id` says which.
        when: The moment, wall-clock time at the place; None: at any time.
        k: How many photos, 1 to 10,000.
        photos: What a photo must satisfy to answer; by default any may.

    Raises:
        UsageError: Neither or both of tile and place are given, k is out of range, or the moment has a time zone.
        AreaError: The place is not on the globe.
    """

    tile_id: str | None = None
    place: tuple[float, float] | None = None
    when: When = None
    k: int = 9
    photos: PhotoFilter = field(default_factory=PhotoFilter)

    def __post_init__(self) -> None:
        check_where(self.tile_id, self.place)
        if not 1 <= self.k <= MAX_K:
            raise UsageError(f"k = {self.k} is outside 1..{MAX_K}: choose how many photos to show")
        if isinstance(self.when, datetime | time) and self.when.tzinfo is not None:
            raise UsageError(f"moment {self.when.isoformat()} has a time zone: give the wall-clock time at the place")

    def as_dict(self) -> dict[str, Any]:
        """Say the question in JSON types; what was not asked is left out."""
        said: dict[str, Any] = {
            "tile": self.tile_id,
            "at": None if self.place is None else list(self.place),
            "when": None if self.when is None else self.when.isoformat(),
            "k": self.k,
        }
        return {name: value for name, value in said.items() if value is not None} | self.photos.as_dict()


@dataclass(frozen=True, kw_only=True)
class PhotoHit:
    """One photo that answers; None says that a value is not known.

    Attributes:
        rank: Place in the answer, counted from 1, the best.
        photo_id: Its id in the gallery.
        cosine: Between its vector, as the model compares photos, and S of the tile, −1..1.
        lat: Where it was taken, degrees north.
        lon: Where it was taken, degrees east.
        distance_m: Geodesic, from the place asked about, metres.
        here: Whether it was taken inside the tile's footprint.
        taken_local: Naive wall clock of the camera.
        taken_utc: When it was taken, aware UTC.
        owner: Whom to credit.
        licence: As the gallery's source says it.
        path: Path of the file, as the gallery's source named it.
        url: Address at which it was published.
        heading_deg: Where the camera looked, degrees clockwise from north.
    """

    rank: int
    photo_id: str
    cosine: float
    lat: float | None
    lon: float | None
    distance_m: float | None
    here: bool | None
    taken_local: datetime | None
    taken_utc: datetime | None
    owner: str | None
    licence: str | None
    path: str
    url: str | None
    heading_deg: float | None

    def as_dict(self) -> dict[str, Any]:
        """Say the photo in JSON types."""
        times = {
            "taken_local": None if self.taken_local is None else self.taken_local.isoformat(),
            "taken_utc": rfc3339(self.taken_utc),
        }
        return vars(self) | times


@dataclass(frozen=True, kw_only=True)
class GroundView:
    """The photos of a tile at a moment, and how they were found.

    Attributes:
        query: The question in JSON types, see `GroundQuery.as_dict`.
        lat: The place asked about, degrees north.
        lon: The same place, degrees east.
        tile_id: The tile that holds it.
        tile: The tile's footprint.
        acquired_at: When the tile's imagery was taken, as RFC 3339, or None.
        when: The moment as the model could use it.
        collection: Name of the collection of tiles.
        gallery: Name of the gallery, without its prefix in the catalog.
        model_id: The model of tiles and photos; another one's vectors could not be compared.
        attribution: Whom to credit for the imagery.
        photos: How many the gallery holds.
        candidates: How many of them passed the filter, all of which were scored.
        unknown: How many could not pass because this is not known of them, see `Selection`.
        hits: The photos, best first.
        note: What a person should read beside the hits.
    """

    query: Mapping[str, Any]
    lat: float
    lon: float
    tile_id: str
    tile: Footprint
    acquired_at: str | None
    when: When
    collection: str
    gallery: str
    model_id: str
    attribution: str | None
    photos: int
    candidates: int
    unknown: Mapping[str, int]
    hits: Sequence[PhotoHit]
    note: str | None

    def as_dict(self) -> dict[str, Any]:
        """Say the answer in JSON types."""
        # the tile's own facts stand in one member; `acquired_at` goes there
        said = vars(self) | {
            "query": dict(self.query),
            "tile": {
                "lat": self.tile.lat,
                "lon": self.tile.lon,
                "size_m": self.tile.size_m,
                "bbox": list(self.tile.bbox),
                "acquired_at": self.acquired_at,
            },
            "when": None if self.when is None else self.when.isoformat(),
            "unknown": dict(self.unknown),
            "method": "exact",
        }
        del said["acquired_at"]
        return said | {"hits": [hit.as_dict() for hit in self.hits]}

    def to_json(self) -> str:
        """Say the answer as one JSON document in ASCII, so that every terminal and pipe can carry it."""
        return json.dumps(self.as_dict(), indent=2, allow_nan=False)


def check_where(tile_id: str | None, place: tuple[float, float] | None) -> None:
    """Refuse what says no tile, or two.

    Raises:
        UsageError: Neither or both of tile and place are given.
        AreaError: The place, latitude and longitude in degrees, is not on the globe.
    """
    if (tile_id is None) == (place is None):
        raise UsageError("give the tile to look from, or a place: one of --tile and --at")
    if place is not None and not (abs(place[0]) <= 90 and abs(place[1]) <= 180):
        raise AreaError(f"place {place[0]}, {place[1]}: latitude goes to ±90, longitude to ±180")


def say_distance(metres: float) -> str:
    """A length for people: `85 m`, `1.2 km`, `812 km`."""
    if metres < 999.5:
        return f"{metres:.0f} m"
    return f"{metres / 1000:,.1f} km" if metres < 99_950 else f"{metres / 1000:,.0f} km"
