"""Tile pyramids in Web Mercator as a source: XYZ and TMS folders, URL templates, PMTiles, MBTiles.

Of the zoom levels the coarsest is read that is fine enough for the output; where it lacks a tile, others fill in. It
does not know where tiles are kept: `ingest.sources.tiles`.
"""

import math
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
import shapely
from affine import Affine
from cachetools import LRUCache, cached
from PIL import Image
from rasterio.crs import CRS
from shapely.geometry.base import BaseGeometry

from ingest.geo.geometry import Floats, Footprint
from ingest.sources.decoding import Decoder, Named
from ingest.sources.rasters.handles import gdal_session
from ingest.sources.rasters.warp import PixelMap, resample
from ingest.sources.source import Chip, Image8, Mask, Mosaic, Problem, SourceOptions, finish
from ingest.sources.tiles.store import LAT_LIMIT, TileStore
from trainer.earth import EQUATOR_RADIUS_M
from trainer.errors import ItemError, SourceError

MAX_TILES = 1024  # behind one footprint
MIN_SIDE_PX, MAX_SIDE_PX = 8, 4096  # of one map tile; servers send 256, 512 or 1024
_WORLD_M = 2 * math.pi * EQUATOR_RADIUS_M
_FINE_ENOUGH = 1.05  # a level may be this much coarser than the output
_KEPT_TILES = 128  # decoded: neighbouring footprints share tiles
_WEB_FALLBACK = 3  # levels: each costs requests


@dataclass(frozen=True)
class _Span:
    """The tiles of one level under a footprint: columns unwrapped across ±180°, rows from the north."""

    z: int
    columns: range
    rows: range

    @property
    def places(self) -> Iterator[tuple[int, int, int, int]]:
        """Place in the span, and column (wrapped) and row of each tile."""
        for j, y in enumerate(self.rows):
            for i, x in enumerate(self.columns):
                yield i, j, x % 2**self.z, y


class PyramidSource:
    """A pyramid of map tiles.

    Args:
        store: Where the tiles are kept; it is closed with the source.
        options: Zoom, nodata, scale, dates and attribution.

    Attributes:
        boundless: It does not know where it has imagery: it must be asked for an area.
    """

    def __init__(self, store: TileStore, options: SourceOptions) -> None:
        self.uri = store.uri
        self.attribution = options.attribution or store.attribution
        self.problems: list[Problem] = []
        self.notes: list[Problem] = []
        self._store, self._options = store, options
        if options.zoom is not None and options.zoom not in store.zooms:
            raise SourceError(f"{store.uri}: it has no zoom {options.zoom}, only {', '.join(map(str, store.zooms))}")
        self._zooms = store.zooms if options.zoom is None else (options.zoom,)
        self._decoder = Decoder(options, self._sample)
        # a condition: neighbours that are read at once wait for the one who fetches a tile of both
        self._tile = cached(LRUCache(_KEPT_TILES), condition=threading.Condition())(self._load)
        west, south, east, north = store.coverage().bounds
        self.boundless = not store.sparse and east - west >= 360 and north - south >= 170
        self.gsd_m = _level_m(self._zooms[-1], (south + north) / 2)
        self._acquired_at = options.date_of(store.uri.rstrip("/").rpartition("/")[2])

    def coverage(self) -> BaseGeometry:
        """Where there are tiles; of a web server that does not say it the whole Web-Mercator world."""
        return self._store.coverage()

    def fingerprint(self) -> str:
        """That of its store, and what changes how it is read."""
        return f"{self._store.fingerprint()}-{self._options.zoom}-{self._options.nodata}"

    def read(self, footprint: Footprint, size_px: int) -> Chip:
        """The pixels of a footprint.

        Raises:
            ItemError: A tile there cannot be fetched or decoded.
        """
        canvas = Mosaic(size_px)
        most, best, origin = 0, self._zooms[-1], ""
        for z in self._levels(footprint, size_px):
            found = self._read_level(z, footprint, size_px)
            if found is None:
                continue
            pixels, covered, name = found
            gain = canvas.add(pixels, covered)
            if gain > most:
                most, best, origin = gain, z, name
            if canvas.valid.all():
                break
        image = finish(canvas.image, canvas.valid)
        return Chip(image, canvas.valid, self._acquired_at if most else None, _level_m(best, footprint.lat), origin)

    def close(self) -> None:
        """Close the store."""
        self._tile.cache_clear()
        self._store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _levels(self, footprint: Footprint, size_px: int) -> list[int]:
        """Levels to read, the best first; the others only where it lacks tiles."""
        needed = footprint.size_m / size_px * _FINE_ENOUGH
        fine = [z for z in self._zooms if _level_m(z, footprint.lat) <= needed]
        best = fine[0] if fine else self._zooms[-1]
        if self._store.sparse:
            return sorted(self._zooms, key=lambda z: (abs(z - best), -z))  # the nearest level, of two the finer
        # coarser ones only: a finer level would cost four times the requests
        return [z for z in range(best, max(-1, best - 1 - _WEB_FALLBACK), -1) if z in self._zooms]

    def _read_level(self, z: int, footprint: Footprint, size_px: int) -> tuple[Image8, Mask, str] | None:
        """One level on a footprint, and the name of the tile in its middle; None where it has no tile."""
        span = _span(z, footprint)
        count = len(span.columns) * len(span.rows)
        if count > MAX_TILES:
            # of the levels that fill in, one that is too fine is passed over
            if z == self._levels(footprint, size_px)[0]:
                raise ItemError(
                    "too_large",
                    f"{self.uri}: a tile of {footprint.size_m:g} m covers {count} map tiles of zoom {z}: "
                    "choose smaller tiles, or a coarser --zoom if there is one",
                )
            return None
        shrink = _shrink(_level_m(z, footprint.lat), footprint.size_m / size_px)
        tiles = {(i, j): (self._tile(z, x, y, shrink), (x, y)) for i, j, x, y in span.places}
        present = {place: (pixels, xy) for place, (pixels, xy) in tiles.items() if pixels is not None}
        if not present:
            return None
        side = max(len(pixels) for pixels, _ in present.values())
        mosaic = np.zeros((len(span.rows) * side, len(span.columns) * side, 4), np.uint8)
        for (i, j), (pixels, _) in present.items():  # tiles of 256 and of 512 pixels may be mixed
            square = pixels if pixels.shape == (side, side, 4) else _resized(pixels, side)
            mosaic[j * side : (j + 1) * side, i * side : (i + 1) * side] = square
        middle = min(
            present, key=lambda p: abs(p[0] + 0.5 - len(span.columns) / 2) + abs(p[1] + 0.5 - len(span.rows) / 2)
        )
        pixels, covered = _place(mosaic, span, side, footprint, size_px)
        return pixels, covered, self._store.name(z, *present[middle][1])

    def _sample(self) -> Iterator[Named]:
        """Some of its tiles, spread over it; none of a web server, which does not say where it has any."""
        if not self._store.sparse:
            return
        z, covered = self._zooms[-1], self._store.coverage()
        west, south, east, north = covered.bounds
        lon, lat = np.meshgrid(np.linspace(west, east, 9)[1::2], np.linspace(south, north, 9)[1::2])
        inside = shapely.contains_xy(covered, lon, lat)
        middle = covered.representative_point()
        places = [(middle.x, middle.y), *zip(lon[inside].tolist(), lat[inside].tolist(), strict=True)]
        columns_rows = (_column_row(z, lon=x, lat=y) for x, y in places)
        for x, y in dict.fromkeys(columns_rows):
            data = self._store.get(z, x, y)
            if data is not None:
                yield data, self._store.name(z, x, y)

    def _load(self, z: int, x: int, y: int, shrink: int) -> npt.NDArray[np.uint8] | None:
        """One tile decoded and reduced, uint8 [side, side, 4]; alpha 0 where there is no imagery."""
        data = self._store.get(z, x, y)
        if data is None:
            return None
        name = self._store.name(z, x, y)
        rgba = self._decoder.read(data, name)
        height, width = rgba.shape[:2]
        # a damaged header may say any size, and each tile grows to it; of one pixel a server makes "nothing here"
        if height != width or not MIN_SIDE_PX <= height <= MAX_SIDE_PX:
            raise ItemError(
                "corrupt",
                f"{name} has {width}×{height} px: a map tile is a square of {MIN_SIDE_PX} to {MAX_SIDE_PX} px; "
                "is it damaged?",
            )
        return rgba if shrink == 1 else _resized(rgba, max(1, len(rgba) // shrink))


def _resized(rgba: npt.NDArray[np.uint8], side: int) -> npt.NDArray[np.uint8]:
    return np.asarray(Image.fromarray(rgba).resize((side, side), Image.Resampling.BOX))


def _level_m(z: int, lat: float) -> float:
    """Metres on the ground of a pixel of a level, for tiles of 256 pixels."""
    return _WORLD_M / (256 * 2.0**z) * math.cos(math.radians(min(abs(lat), LAT_LIMIT)))


def _shrink(have_m: float, needed_m: float) -> int:
    """By which power of two tiles that are finer than needed are reduced before they are put together."""
    return int(2 ** max(0, min(8, math.floor(math.log2(needed_m / have_m)))))


def _column_row(z: int, *, lon: float, lat: float) -> tuple[int, int]:
    """The tile of a place: column, and row from the north."""
    row = 0.5 - math.asinh(math.tan(math.radians(max(-LAT_LIMIT, min(LAT_LIMIT, lat))))) / (2 * math.pi)
    last = 2**z - 1
    return min(last, int((lon + 180) / 360 * 2**z)), min(last, max(0, int(row * 2**z)))


def _world(footprint: Footprint) -> tuple[Floats, Floats]:
    """A grid of points of a footprint as shares of the world, columns (unwrapped) and rows from the north, [n, n]."""
    half = footprint.size_m / 2
    line = np.linspace(-half, half, 9)
    lon, lat = footprint.to_lonlat(*np.meshgrid(line, -line))
    east = (lon - footprint.lon + 180) % 360 - 180  # degrees from the centre, so that ±180° is no jump
    clipped = np.clip(lat, -LAT_LIMIT, LAT_LIMIT)
    # spherical Mercator: y = asinh(tan φ)
    rows = 0.5 - np.arcsinh(np.tan(np.radians(clipped))) / (2 * np.pi)
    return (footprint.lon + east + 180) / 360, rows


def _span(z: int, footprint: Footprint) -> _Span:
    """The tiles of a level under a footprint."""
    n = 2**z
    columns, rows = (share * n for share in _world(footprint))
    margin = 0.02 * np.ptp(columns)  # a curved edge may bulge between the points looked at
    low, high = math.floor(columns.min() - margin), math.floor(columns.max() + margin)
    # round a pole: every column, from half a world west of the centre
    if high - low >= n:
        low, high = math.floor(footprint.lon / 360 * n), math.floor(footprint.lon / 360 * n) + n - 1
    margin = 0.02 * np.ptp(rows)
    top, bottom = max(0, math.floor(rows.min() - margin)), min(n - 1, math.floor(rows.max() + margin))
    return _Span(z, range(low, high + 1), range(top, bottom + 1))


def _place(
    mosaic: npt.NDArray[np.uint8], span: _Span, side: int, footprint: Footprint, size_px: int
) -> tuple[Image8, Mask]:
    """Resample a mosaic of tiles onto a footprint, in a Mercator whose middle it is, so that ±180° is nowhere near."""
    columns, rows = _world(footprint)
    pixels = 2**span.z * side
    whole = PixelMap(
        columns * pixels - span.columns.start * side, rows * pixels - span.rows.start * side,
        np.ones(columns.shape, bool), np.empty((2, 0)), 0.0,
    )  # fmt: skip
    window = whole.window(mosaic.shape[1], mosaic.shape[0])
    if window is None:  # it lies in a sliver beside them
        window = (0, mosaic.shape[1], 0, mosaic.shape[0])
    first, last, upper, lower = window  # of the tiles what is under the footprint, which may be a tenth
    seen = mosaic[upper:lower, first:last]
    rgb, valid = seen[..., :3].transpose(2, 0, 1), seen[..., 3] >= 128
    view = whole.within(window, valid.shape)
    tile_m = _WORLD_M / 2**span.z
    left = span.columns.start * tile_m - _WORLD_M / 2 - math.radians(footprint.lon) * EQUATOR_RADIUS_M
    corner = (left + first * tile_m / side, _WORLD_M / 2 - span.rows.start * tile_m - upper * tile_m / side)
    transform = Affine(tile_m / side, 0, corner[0], 0, -tile_m / side, corner[1])
    # @null: coordinates are of the sphere, as Web Mercator's are, and are not shifted to an ellipsoid
    crs = CRS.from_string(
        f"+proj=merc +a={EQUATOR_RADIUS_M} +b={EQUATOR_RADIUS_M} +lat_ts=0 +lon_0={footprint.lon!r} "
        "+x_0=0 +y_0=0 +k=1 +units=m +nadgrids=@null +wktext +no_defs"
    )
    with gdal_session():
        return resample(np.ascontiguousarray(rgb), valid, view, transform, crs, footprint, size_px)
