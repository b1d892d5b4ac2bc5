"""What the service hands out: a collection and a tile as the app shows them, an answer, a saved search asked again.

It knows neither how they are found nor how they are drawn.
"""

import math
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ingest.catalog.saved_searches import SavedSearch
from ingest.geo.geometry import Footprint
from search_ui.maps.mercator import EQUATOR_M, MAX_ZOOM, TILE_PX
from search_ui.search.query import Answer, Hit, rfc3339

MIN_PX, MAX_PX = 16, 1024  # of a picture that is asked for, on a side
PAGE = "page"
"""Member of a saved question for the app's own use: the state of its page; no part of the question itself."""


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A collection of tiles as the app shows it.

    Attributes:
        name: Its name as people ask with it, an alias or NAME@VERSION.
        model: Name of its model; None where the model is not here any more.
        model_id: Of the model that made its vectors.
        knows_time: Whether a moment plays a part in its answers; None where the model is not here.
        tiles: How many of its tiles can be searched.
        tile_m: Side of its largest tile, metres.
        gsd_m: Typical ground sample distance of its imagery, metres; None if unknown.
        bounds: West, south, east and north of the tiles, degrees; east lies beyond 180 across ±180°; None if empty.
        source: URI of its imagery.
        attribution: Whom to credit for it.
        gallery: The gallery of ground photos that fits it; None: there is none, or there are several.
        created_at: When it was made, aware UTC.
        words: Whether it can be asked in words and has relevance; not where its vectors were brought and their model is
            not here.
        pictures: Whether its imagery can be shown; not where vectors were brought.
    """

    name: str
    model: str | None
    model_id: str
    knows_time: bool | None
    tiles: int
    tile_m: float
    gsd_m: float | None
    bounds: tuple[float, float, float, float] | None
    source: str
    attribution: str | None
    gallery: str | None
    created_at: datetime
    words: bool = True
    pictures: bool = True

    @property
    def max_zoom(self) -> int:
        """The zoom of Web Mercator from which on the imagery shows nothing more."""
        lat = 0.0 if self.bounds is None else (self.bounds[1] + self.bounds[3]) / 2
        # of unknown imagery, as if a tile were shown by one Web-Mercator tile
        finest = self.gsd_m or self.tile_m / TILE_PX
        # on the ground at zoom 0; each zoom halves it
        pixel_m = EQUATOR_M * math.cos(math.radians(lat)) / TILE_PX
        return max(1, min(MAX_ZOOM, math.ceil(math.log2(pixel_m / finest))))

    def as_dict(self) -> dict[str, Any]:
        """Say it in JSON types."""
        return (
            vars(self)
            | {"max_zoom": self.max_zoom}
            | {"created_at": rfc3339(self.created_at), "bounds": self.bounds and list(self.bounds)}
        )


@dataclass(frozen=True, kw_only=True)
class TileFacts:
    """One tile; None says that a value is not known.

    Attributes:
        tile_id: Id of the tile in its grid.
        footprint: The square on the ground.
        acquired_at: When its imagery was taken, aware UTC.
        gsd_m: Native ground sample distance, metres.
        source: URI of the imagery.
        attribution: Whom to credit for it.
        near: The nearest named place, how far and which way.
    """

    tile_id: str
    footprint: Footprint
    acquired_at: datetime | None
    gsd_m: float | None
    source: str
    attribution: str | None
    near: str | None

    def as_dict(self) -> dict[str, Any]:
        """Say it in JSON types."""
        where = {"lat": self.footprint.lat, "lon": self.footprint.lon, "size_m": self.footprint.size_m}
        told = {name: value for name, value in vars(self).items() if name not in ("footprint", "acquired_at")}
        return told | where | {"bbox": list(self.footprint.bbox), "acquired_at": rfc3339(self.acquired_at)}


@dataclass(frozen=True)
class Found:
    """An answer, and whether it says that there is nothing.

    Attributes:
        answer: The hits; its `note` is to be shown beside them.
        nothing: No tile looks like the question: to be shown as such, hits or not.
        nearest: Then, the best candidate all the same; None where no tile was asked.
    """

    answer: Answer
    nothing: bool
    nearest: Hit | None


@dataclass(frozen=True)
class Replay:
    """A saved search asked again.

    Attributes:
        saved: The saved search as it stood before it was asked again.
        found: The answer to the same question now.
        new_tiles: How many tiles have come since the last time.
        new_hits: The best of the new tiles, best first.
    """

    saved: SavedSearch
    found: Found
    new_tiles: int
    new_hits: list[Hit]
