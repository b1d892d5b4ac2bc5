"""The tiles of a web server, asked for one by one.

A server does not say where it has imagery, nor which zooms; a TileJSON document does. It does not decode pictures.
"""

import hashlib

from shapely.geometry.base import BaseGeometry

from ingest.geo.geometry import box
from ingest.sources.source import SourceOptions
from ingest.sources.tiles.description import NOTHING_SAID, Described
from ingest.sources.tiles.store import LAT_LIMIT
from ingest.sources.tiles.template import TileTemplate
from ingest.sources.web import Web, mask_url
from trainer.errors import SourceError

_ZOOMS = range(20)  # what a server may have


class WebStore:
    """The tiles behind a URL template.

    Args:
        template: A URL with placeholders, see `TileTemplate`.
        options: Which way rows count, and how to ask.
        described: What a TileJSON document says of them.
    """

    def __init__(self, template: str, options: SourceOptions, described: Described = NOTHING_SAID) -> None:
        self.uri, self.sparse = mask_url(template), False
        # {-y} says itself which way rows count
        south = options.tms or bool(described.south)
        if described.south is False and options.tms:
            raise SourceError(f"{self.uri}: {described.told_by} says that rows count from the north: leave --tms out")
        self._template = TileTemplate(template, self.uri, south=south)
        self.zooms = tuple(range(described.min_zoom or 0, (described.max_zoom or _ZOOMS[-1]) + 1))
        if not self.zooms:
            raise SourceError(f"{self.uri}: {described.told_by} says zooms from {described.min_zoom} to less")
        self.attribution = described.attribution
        self._area = described.area or box(-180, -LAT_LIMIT, 180, LAT_LIMIT)
        self._web = Web(options)

    def get(self, z: int, x: int, y: int) -> bytes | None:
        """The encoded tile; None where the server has none."""
        return self._web.picture(self._template.fill(z, x, y)) or None  # an empty answer is none

    def name(self, z: int, x: int, y: int) -> str:
        """Its URL without secrets."""
        return mask_url(self._template.fill(z, x, y))

    def coverage(self) -> BaseGeometry:
        """As described; else the whole Web-Mercator world: a server does not say where it has imagery."""
        return self._area

    def fingerprint(self) -> str:
        """The template: what a server holds is not known."""
        return hashlib.sha256(self.uri.encode()).hexdigest()[:16]

    def close(self) -> None:
        """Close connections."""
        self._web.close()
