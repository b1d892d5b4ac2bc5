"""Web Mercator: XYZ tiles of 256 pixels, and canvases of pixels whose rows are spaced as on such a map.

Coordinates of a canvas are degrees of longitude, and for y the Mercator ordinate in the same unit, so that pixels are
square. The map ends at `MAX_LAT`. It does not know imagery or scores.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ingest.geo.footprints import Places, Squares, authalic, offsets_m
from ingest.geo.geometry import Floats, Footprint
from search_ui.maps.pixels import Canvas
from trainer.earth import EQUATOR_RADIUS_M
from trainer.errors import UsageError

TILE_PX = 256
MAX_ZOOM = 22
MAX_LAT = 85.0511287798066
EQUATOR_M = float(2 * np.pi * EQUATOR_RADIUS_M)  # the map's width in its own metres


@dataclass(frozen=True)
class MercatorCanvas(Canvas):
    """Pixels in Web Mercator; longitudes are taken as near to its middle as possible, so it may lie across ±180°."""

    @property
    def crs(self) -> str:
        """EPSG code."""
        return "EPSG:3857"

    @property
    def middle_lat(self) -> float:
        """Latitude of the middle, degrees."""
        return float(latitude(self.top - self.dy * self.height / 2))

    @property
    def pixel_m(self) -> float:
        """Side of a pixel on the ground at the middle, metres."""
        return self.dy / 360 * EQUATOR_M * float(np.cos(np.radians(self.middle_lat)))

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """West, south, east and north, degrees; east may lie beyond 180."""
        east, bottom = self.left + self.dx * self.width, self.top - self.dy * self.height
        return self.left, float(latitude(bottom)), east, float(latitude(self.top))

    def to_pixels(self, *, lat: npt.ArrayLike, lon: npt.ArrayLike) -> tuple[Floats, Floats]:
        """Columns and rows of places in degrees, as fractions; x.5 is the middle of a pixel."""
        # within half a turn of the canvas's middle, so that tiles beyond ±180° land beside their neighbours
        middle = self.left + self.dx * self.width / 2
        near = (np.asarray(lon, float) - middle + 180) % 360 - 180 + middle
        return (near - self.left) / self.dx, (self.top - ordinate(lat)) / self.dy

    def to_lonlat(self, columns: npt.ArrayLike, rows: npt.ArrayLike) -> tuple[Floats, Floats]:
        """Longitudes and latitudes of places given as columns and rows of `to_pixels`."""
        lon = self.left + np.asarray(columns, float) * self.dx
        return lon, latitude(self.top - np.asarray(rows, float) * self.dy)

    def reach_px(self, squares: Squares) -> tuple[Floats, Floats]:
        """Pixels by which squares reach from their centres, along columns and along rows."""
        up, along = squares.reach_deg()
        # Mercator stretches by 1/cos(lat); of a tile, most at the edge that is nearer to the pole
        stretch = np.cos(np.radians(np.minimum(np.abs(squares.lat) + up, MAX_LAT)))
        return up / stretch / self.dy, along / self.dx


def ordinate(lat: npt.ArrayLike) -> Floats:
    """The Mercator ordinate of latitudes, in the unit of degrees of longitude; beyond `MAX_LAT` that of its end."""
    # y = asinh(tan φ), on the sphere, as web maps have it (Snyder, Map Projections, USGS 1395, Mercator projection)
    phi = np.radians(np.clip(np.asarray(lat, float), -MAX_LAT, MAX_LAT))
    return np.asarray(np.degrees(np.arcsinh(np.tan(phi))))


def latitude(y: npt.ArrayLike) -> Floats:
    """The latitude of Mercator ordinates, degrees."""
    return np.asarray(np.degrees(np.arctan(np.sinh(np.radians(np.asarray(y, float))))))


def tile_canvas(z: int, x: int, y: int, *, px: int = TILE_PX) -> MercatorCanvas:
    """The pixels of an XYZ tile.

    Raises:
        UsageError: There is no such tile.
    """
    if not (0 <= z <= MAX_ZOOM and 0 <= x < 1 << z and 0 <= y < 1 << z):
        raise UsageError(f"tile {z}/{x}/{y}: zoom goes from 0 to {MAX_ZOOM}, x and y from 0 to 2^zoom − 1")
    side = 360 / (1 << z)
    return MercatorCanvas(x * side - 180, 180 - y * side, side / px, side / px, px, px)


def canvas_over(places: Places, *, longest_px: int) -> MercatorCanvas:
    """A canvas that holds all footprints, `longest_px` along its longer side.

    Args:
        places: Centres and sides of the tiles, at least one.
        longest_px: Pixels along the longer side.
    """
    squares = Squares.of(places)
    up, along = squares.reach_deg()
    lon = together(squares.lon)
    west, east = float((lon - along).min()), float((lon + along).max())
    if east - west >= 360:
        west, east = -180.0, 180.0
    south, north = float(ordinate((squares.lat - up).min())), float(ordinate((squares.lat + up).max()))
    side = max(east - west, north - south) / longest_px
    width, height = (max(1, int(np.ceil(length / side - 1e-6))) for length in (east - west, north - south))
    return MercatorCanvas(west, north, side, side, width, height)


def together(lon: Floats) -> Floats:
    """Longitudes in degrees, those in the west 360° further where that brings all of them nearer together."""
    turned = lon % 360
    return turned if np.ptp(turned) < np.ptp(lon) - 1e-9 else lon


def touching(canvas: MercatorCanvas, places: Places) -> npt.NDArray[np.int64]:
    """Rows of places whose footprints may touch a canvas."""
    columns, rows = canvas.to_pixels(lat=places.lat, lon=places.lon)
    # degrees of longitude at the equator; 1.5 is more than √2 (corners): this may find too many, never too few
    half = np.asarray(places.size_m, float) / 2 * 1.5 / EQUATOR_M * 360
    reach = half / np.cos(np.radians(np.minimum(np.abs(places.lat), MAX_LAT))) / canvas.dx + 1
    inside = (
        (columns >= -reach) & (columns <= canvas.width + reach) & (rows >= -reach) & (rows <= canvas.height + reach)
    )
    return np.flatnonzero(inside)


def square_over(canvas: MercatorCanvas) -> tuple[Footprint, Floats, Floats]:
    """A square on the ground that holds a canvas, and where in it the canvas's pixels lie.

    Returns:
        The square, and metres east and north of its centre of the middle of each pixel, float64 [h, w] each.
    """
    west, south, east, north = canvas.bounds
    lat, lon = (south + north) / 2, (west + east) / 2
    columns, rows = np.arange(canvas.width)[None, :] + 0.5, np.arange(canvas.height)[:, None] + 0.5
    lons, lats = canvas.to_lonlat(columns, rows)
    sine, cosine = authalic(lats)
    turn = np.radians(lons - lon)
    one = Squares.of(Places(np.array([lat]), np.array([lon]), np.array([1.0])))
    x, y = offsets_m(
        one, sine=sine[None], cosine=cosine[None], east_sine=np.sin(turn)[None], east_cosine=np.cos(turn)[None]
    )
    reach = max(float(np.abs(x).max()), float(np.abs(y).max()))  # metres; of the outermost pixels' middles
    # a little wider: half a pixel to the outer edge, and a neighbour for the interpolation of the last one
    return Footprint(lat, (lon + 180) % 360 - 180, 2 * reach * (1 + 3 / max(canvas.width, canvas.height))), x[0], y[0]
