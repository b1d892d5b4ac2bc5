"""From tiles to pixels: a canvas of pixels over tiles, and which tile each pixel shows.

The grid of tiles is no raster: its columns depend on the latitude, tiles may overlap, leave gaps and be of several
sizes. So there is one rule (`RULE`) for every picture and every raster file:

    A pixel takes the tile whose footprint holds the pixel's centre; of several tiles, the one whose centre is nearest;
    where no footprint holds it, it has no data. Nothing is averaged and nothing is filled.

The canvas is in degrees (EPSG:4326), its pixels square on the ground at its middle latitude. Where tiles lie on both
sides of ±180° or beyond 85° of latitude, it is in metres of a Lambert azimuthal equal-area CRS around their middle; if
they are spread too far for that, it is the whole world in degrees. It knows neither values nor files.
"""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from pyproj import Proj

from ingest.geo.footprints import Places, Squares, authalic, offsets_m
from ingest.geo.geometry import Floats
from trainer.earth import MEAN_DEGREE_M

RULE = (
    "a pixel takes the tile whose footprint holds the pixel's centre; of several, the one with the nearest centre; "
    "none: no data"
)
MAX_LAT = 85.0  # beyond it degrees make poor maps
_LOCAL_REACH = 0.5  # cosine of 60°: tiles further from their middle are drawn as the whole world
_PAIRS = 1_500_000  # of tile and pixel, worked on at once: bounds memory
_EDGE_M = 1e-3  # the edge of a footprint belongs to it, to a millimetre

Ints = npt.NDArray[np.int64]
Owners = npt.NDArray[np.int32]


@dataclass(frozen=True)
class Canvas:
    """A raster of pixels, north up at its middle; row 0 is the top.

    Attributes:
        left: Outer edge of the first column, in units of the CRS.
        top: Outer edge of the first row.
        dx: Width of a pixel, in units of the CRS.
        dy: Height of a pixel, above 0.
        width: Number of columns, pixels.
        height: Number of rows, pixels.
        centre: Latitude and longitude of the middle of a local CRS in metres; None: EPSG:4326, degrees.
    """

    left: float
    top: float
    dx: float
    dy: float
    width: int
    height: int
    centre: tuple[float, float] | None = None

    @property
    def crs(self) -> str:
        """EPSG code or PROJ string."""
        if self.centre is None:
            return "EPSG:4326"
        lat, lon = self.centre
        return f"+proj=laea +lat_0={lat:.6f} +lon_0={lon:.6f} +x_0=0 +y_0=0 +datum=WGS84 +units=m +no_defs"

    @property
    def middle_lat(self) -> float:
        """Latitude of the middle, degrees."""
        return self.centre[0] if self.centre else self.top - self.dy * self.height / 2

    @property
    def pixel_m(self) -> float:
        """Height of a pixel on the ground, metres."""
        return self.dy if self.centre else self.dy * MEAN_DEGREE_M

    def to_pixels(self, *, lat: npt.ArrayLike, lon: npt.ArrayLike) -> tuple[Floats, Floats]:
        """Columns and rows of places in degrees, as fractions; x.5 is the middle of a pixel."""
        lat, lon = np.asarray(lat, float), np.asarray(lon, float)
        # PROJ gets longitudes counted from the canvas's middle, −180..180: none of them jumps by a turn at ±180°
        x, y = (lon, lat) if self.centre is None else self._local()(self._around(lon), lat)
        return (np.asarray(x) - self.left) / self.dx, (self.top - np.asarray(y)) / self.dy

    def to_lonlat(self, columns: npt.ArrayLike, rows: npt.ArrayLike) -> tuple[Floats, Floats]:
        """Longitudes and latitudes of places given as columns and rows of `to_pixels`."""
        x, y = self.left + np.asarray(columns, float) * self.dx, self.top - np.asarray(rows, float) * self.dy
        if self.centre is None:
            return x, y
        lon, lat = self._local()(x, y, inverse=True)
        return (np.asarray(lon) + self.centre[1] + 180) % 360 - 180, np.asarray(lat)

    def reach_px(self, squares: Squares) -> tuple[Floats, Floats]:
        """Pixels by which squares reach from their centres, along columns and along rows, [n] each."""
        if self.centre is not None:
            return (_local_half_m(squares) / self.dy,) * 2
        up, along = squares.reach_deg()
        return up / self.dy, along / self.dx

    def _local(self) -> Proj:
        assert self.centre is not None  # noqa: S101 - asked of local canvases alone
        # lat_0 to the digits that `crs` spells: the file and the pixels must mean one projection
        return Proj(proj="laea", lat_0=round(self.centre[0], 6), lon_0=0, datum="WGS84", units="m")

    def _around(self, lon: Floats) -> Floats:
        assert self.centre is not None  # noqa: S101
        return (lon - round(self.centre[1], 6) + 180) % 360 - 180


def canvas_of(
    places: Places,
    *,
    pixel_m: float | None = None,
    longest_px: int | None = None,
    margin: float = 0.0,
    flattest: float = 0.0,
    max_pixels: int = 100_000_000,
) -> Canvas:
    """A canvas that holds all footprints.

    Args:
        places: Of the tiles, at least one.
        pixel_m: Height of a pixel, metres; or
        longest_px: how many pixels the longer side has.
        margin: Part of the longer side that is added all round.
        flattest: The shorter side is at least this part of the longer one.
        max_pixels: Pixels grow until there are no more than this.
    """
    squares = Squares.of(places)
    west, south, east, north, centre = _extent(squares)
    # a degree of longitude is cos(lat) of one of latitude; bounded, for near a pole pixels would be endlessly wide
    aspect = 1.0 if centre else 1 / max(np.cos(np.radians((south + north) / 2)), 0.05)  # dx ÷ dy
    wide, tall = (east - west) / aspect, north - south
    longest = max(wide, tall)
    room = (max(wide, flattest * longest) + 2 * margin * longest, max(tall, flattest * longest) + 2 * margin * longest)
    unit = 1.0 if centre else MEAN_DEGREE_M
    dy = pixel_m / unit if pixel_m else max(room) / (longest_px or 1000)
    # room is in units of dy both ways: their product over dy² is the number of pixels
    dy = max(dy, (room[0] * room[1] / max_pixels) ** 0.5)
    dx = dy * aspect
    middle_x, middle_y = (west + east) / 2, (south + north) / 2
    left, top = middle_x - room[0] * aspect / 2, middle_y + room[1] / 2
    if pixel_m:  # the same places get the same pixels, whatever else is on the map
        left, top = np.floor(left / dx + 1e-9) * dx, np.ceil(top / dy - 1e-9) * dy
    right, bottom = middle_x + room[0] * aspect / 2, middle_y - room[1] / 2
    if centre is None:
        left, right, top, bottom = max(left, -180.0), min(right, 180.0), min(top, 90.0), max(bottom, -90.0)
    # 1e-6: a side that is whole but for rounding gets no further pixel
    width, height = (max(1, int(np.ceil(n - 1e-6))) for n in ((right - left) / dx, (top - bottom) / dy))
    return Canvas(float(left), float(top), float(dx), float(dy), width, height, centre)


def _extent(squares: Squares) -> tuple[float, float, float, float, tuple[float, float] | None]:
    """West, south, east and north of all footprints in units of the CRS, and the middle of a local one."""
    up, along = squares.reach_deg()
    polar = bool((np.abs(squares.lat) + up > MAX_LAT).any())
    if not polar and not _crosses(squares.lon, along):
        west, east = (squares.lon - along).min(), (squares.lon + along).max()
        return float(west), float((squares.lat - up).min()), float(east), float((squares.lat + up).max()), None
    # the middle of points on a sphere, not of degrees: the mean of 179° and −179° would be 0°
    phi, lam = np.radians(squares.lat), np.radians(squares.lon)
    points = np.stack([np.cos(phi) * np.cos(lam), np.cos(phi) * np.sin(lam), np.sin(phi)], axis=1)
    mean = points.mean(axis=0)
    length = float(np.linalg.norm(mean))
    # spread round the globe: no middle, or too far from it for one projection to show
    if length < 1e-6 or (points @ (mean / length)).min() < _LOCAL_REACH:
        south, north = max((squares.lat - up).min(), -90), min((squares.lat + up).max(), 90)
        return -180.0, float(south), 180.0, float(north), None
    x, y, z = mean / length
    centre = (round(float(np.degrees(np.arcsin(z))), 6), round(float(np.degrees(np.arctan2(y, x))), 6))
    # pixels of one metre, so that its columns and rows are metres of the projection; rows count down
    spot = Canvas(0.0, 0.0, 1.0, 1.0, 1, 1, centre)
    columns, rows = spot.to_pixels(lat=squares.lat, lon=squares.lon)
    half = _local_half_m(squares)
    west, east = (columns - half).min(), (columns + half).max()
    return float(west), float((-rows - half).min()), float(east), float((-rows + half).max()), centre


def _local_half_m(squares: Squares) -> Floats:
    """Half of a box that holds a square however it is turned, with room for what the projection stretches."""
    return squares.half_m * 2**0.5 * 1.16  # 1/cos(30°) = 1.155: the most that LAEA stretches 60° away


def _crosses(lon: Floats, along: Floats) -> bool:
    """Whether tiles lie on both sides of ±180° and nearer to each other there than across 0°."""
    if ((np.abs(lon) + along) > 180).any():
        return True
    ordered = np.sort(lon)
    # a gap of more than 180° lies across 0°; if it is wider than the gap across ±180°, tiles are neighbours there
    widest = np.diff(ordered).max(initial=0.0)
    return bool(widest > 360 - (ordered[-1] - ordered[0]) and widest > 180)


@dataclass
class Resampler:
    """Which tile each pixel of a canvas shows, strip by strip, by `RULE`.

    Args:
        canvas: The pixels that are asked about.
        squares: The footprints of n tiles; rows of the answer count in them.
    """

    canvas: Canvas
    squares: Squares
    _tile: Ints = field(init=False)  # of each window, [m]: a tile may have one on either side of ±180°
    _window: npt.NDArray[np.int32] = field(init=False)  # first row, last row + 1, first column, last + 1, [m, 4]

    def __post_init__(self) -> None:
        squares, canvas = self.squares, self.canvas
        columns, rows = canvas.to_pixels(lat=squares.lat, lon=squares.lon)
        tile = np.arange(len(rows))
        if canvas.centre is None:
            _, along = squares.reach_deg()
            # a tile across ±180° gets a second window at the other edge, a whole turn away
            over = np.flatnonzero(np.abs(squares.lon) + along > 180)
            turn = np.where(squares.lon[over] > 0, -360, 360) / canvas.dx
            tile, rows = np.concatenate([tile, over]), np.concatenate([rows, rows[over]])
            columns = np.concatenate([columns, columns[over] + turn])
        high, wide = (reach[tile] for reach in canvas.reach_px(squares))
        # a pixel's centre is at x.5: the first one inside
        edges = np.stack([rows - high, rows + high, columns - wide, columns + wide], axis=1) - 0.5
        limits = np.array([canvas.height, canvas.height, canvas.width, canvas.width])
        window = np.clip(np.ceil(edges), 0, limits).astype(np.int32)
        some = np.flatnonzero((window[:, 1] > window[:, 0]) & (window[:, 3] > window[:, 2]))
        some = some[np.argsort(window[some, 1] - window[some, 0], kind="stable")]  # alike heights work together
        self._tile, self._window = tile[some], window[some]

    def whole(self) -> Owners:
        """Every pixel, int32 [height, width]; −1: no data."""
        return self.strip(0, self.canvas.height)

    def strip(self, start: int, stop: int) -> Owners:
        """Rows `start` to `stop` (excluded), int32 [stop − start, width]: the row of the tile, −1: no data."""
        owner = np.full((stop - start) * self.canvas.width, -1, np.int32)
        nearest = np.full(owner.shape, np.inf, np.float32)
        places = _Centres.of(self.canvas, start, stop)
        some = np.flatnonzero((self._window[:, 1] > start) & (self._window[:, 0] < stop))
        at = 0
        # in groups: NumPy works on many windows at once, and memory stays bounded
        while at < len(some):
            count = self._fitting(some[at : at + _PAIRS], start, stop)
            self._paint(some[at : at + count], places, owner, nearest)
            at += count
        return owner.reshape(stop - start, self.canvas.width)

    def _fitting(self, some: Ints, start: int, stop: int) -> int:
        """How many of these windows can be worked on at once."""
        window = self._window[some]
        high = np.maximum.accumulate(np.minimum(window[:, 1], stop) - np.maximum(window[:, 0], start))
        wide = np.maximum.accumulate(window[:, 3] - window[:, 2])
        # all windows of a group are worked on at the size of the largest
        pairs = np.arange(1, len(some) + 1) * high.astype(np.int64) * wide
        return max(1, int(np.searchsorted(pairs, _PAIRS, side="right")))

    def _paint(self, some: Ints, places: "_Centres", owner: Owners, nearest: npt.NDArray[np.float32]) -> None:
        window = self._window[some].astype(np.int64)
        first_row = np.maximum(window[:, 0], places.start)
        last_row = np.minimum(window[:, 1], places.start + places.height)
        rows = first_row[:, None] + np.arange((last_row - first_row).max())  # [m, p]
        columns = window[:, 2, None] + np.arange((window[:, 3] - window[:, 2]).max())  # [m, r]
        real = (rows < last_row[:, None])[:, :, None] & (columns < window[:, 3, None])[:, None, :]
        # what pads a small window is not `real`, and looks at its last pixel, so that every index is in bounds
        rows = np.minimum(rows, last_row[:, None] - 1) - places.start
        columns = np.minimum(columns, window[:, 3, None] - 1)
        squares = self.squares.take(self._tile[some])
        x, y = places.offsets(squares, rows, columns)  # [m, p, r]
        half = (squares.half_m + _EDGE_M)[:, None, None]
        hold = np.flatnonzero(real & (np.abs(x) <= half) & (np.abs(y) <= half))
        away = (x.ravel()[hold] ** 2 + y.ravel()[hold] ** 2).astype(np.float32)
        pixel = (rows[:, :, None] * self.canvas.width + columns[:, None, :]).ravel()[hold]
        tile = self._tile[some][hold // (rows.shape[1] * columns.shape[1])]
        # unbuffered: a pixel may stand in many windows of this group
        np.minimum.at(nearest, pixel, away)
        wins = away <= nearest[pixel]  # over groups too: `nearest` lives as long as the strip
        owner[pixel[wins]] = tile[wins]


@dataclass(frozen=True)
class _Centres:
    """Centres of the pixels of some rows, in the numbers that projections need; columns or whole grids."""

    start: int
    height: int
    sine: Floats  # of authalic latitudes: [h, 1] in degrees, [h, w] in a local CRS
    cosine: Floats
    lon: Floats  # radians, [1, w] or [h, w]

    @classmethod
    def of(cls, canvas: Canvas, start: int, stop: int) -> "_Centres":
        columns, rows = np.arange(canvas.width)[None, :] + 0.5, np.arange(start, stop)[:, None] + 0.5
        if canvas.centre is not None:
            columns, rows = np.broadcast_arrays(columns, rows)
        lon, lat = canvas.to_lonlat(columns, rows)
        # PROJ gives inf for corners of a local canvas that lie on no globe; there no footprint is near
        sine, cosine = authalic(np.clip(np.where(np.isfinite(lat), lat, 90.0), -90, 90))
        return cls(start, stop - start, sine, cosine, np.radians(np.where(np.isfinite(lon), lon, 0.0)))

    def offsets(self, squares: Squares, rows: Ints, columns: Ints) -> tuple[Floats, Floats]:
        """Metres east and north of the squares' centres, [m, p, r], of pixels at `rows` [m, p] and `columns` [m, r]."""
        centre = np.radians(squares.lon)
        if self.sine.shape[1] == 1:
            east = self.lon[0, columns][:, None, :] - centre[:, None, None]
            at = (rows[:, :, None], np.zeros((1, 1, 1), np.int64))
        else:
            at = (rows[:, :, None], columns[:, None, :])
            east = self.lon[at] - centre[:, None, None]
        return offsets_m(
            squares, sine=self.sine[at], cosine=self.cosine[at], east_sine=np.sin(east), east_cosine=np.cos(east)
        )
