"""Pixels of any raster onto the square of a footprint.

`PixelMap` says where the footprint lies in a raster; `resample` puts pixels of a window onto it. It does not know
files, bands or dates.
"""

import math
from dataclasses import dataclass
from functools import cached_property, lru_cache

import cv2
import numpy as np
from affine import Affine
from PIL import Image
from pyproj import Transformer
from rasterio.crs import CRS
from rasterio.enums import Resampling
from rasterio.warp import reproject

from ingest.geo.geometry import Floats, Footprint
from ingest.sources.source import Image8, Mask
from trainer.earth import SHORTEST_DEGREE_M

_GRID = 9  # points a side at which a footprint is looked up
_ALIGNED_PX = 0.1  # how far, in output pixels, a plain rescaling may be off the true place
_NEARLY = 0.02  # of half a side: how far an affine may be off and still tell scales
_PADDED_PX = 2**26  # up to so many a raster is padded to its footprint; far smaller ones are left to GDAL
_ALIKE = 1.25  # pixels read to one of the output, up to which cubic interpolation needs no wider kernel
_WRAP_EPSILON = 1e-7  # degrees beside ±180


@dataclass(frozen=True)
class Georeference:
    """Where the pixels of a raster lie.

    Attributes:
        crs: Its CRS, as GDAL takes it.
        transform: From column and row to its CRS.
        from_lonlat: From WGS84 longitude and latitude to its CRS; safe to share between threads.
        turn: One whole turn in its x where the CRS is geographic, 360° or 400 gon, else 0.
        is_lonlat: Its x and y are degrees of longitude, from Greenwich, and latitude.
        middle_lon: The meridian in the middle of its projection, degrees.
        jump: By how much its coordinates jump half a turn from there, in its CRS; 0 where they go on.
    """

    crs: CRS
    transform: Affine
    from_lonlat: Transformer
    turn: float
    is_lonlat: bool = False
    middle_lon: float = 0.0
    jump: float = 0.0

    @property
    def wraps(self) -> bool:
        """Whether a footprint half a turn from its middle has two places in it."""
        return self.jump > 0


@dataclass(frozen=True)
class PixelMap:
    """A footprint, or the part of it on one side of ±180°, seen in the pixels of a raster.

    Attributes:
        columns: Columns of a regular grid of points over the footprint, [n, n], from its north-west corner.
        rows: Rows of the same points, [n, n].
        inside: Which points of the grid belong to the part, bool [n, n]; the whole footprint: all.
        extra: Columns and rows of further points, [2, k]: where ±180° cuts the footprint, and poles in it.
        shift: What to add to x of the raster's CRS so that it is the x nearest to the footprint.
    """

    columns: Floats
    rows: Floats
    inside: Mask
    extra: Floats
    shift: float

    @cached_property
    def _fit(self) -> tuple[Floats, float] | None:
        """The affine from the square −1 … 1 to pixels that fits best, [3, 2], and how far it is off, in pixels."""
        if not (self.inside.all() and np.isfinite(self.columns).all() and np.isfinite(self.rows).all()):
            return None
        places, solve = _unit_grid(len(self.columns))  # [k, 3], [3, k]
        pixels = np.column_stack([self.columns.ravel(), self.rows.ravel()])  # [k, 2]
        terms = solve @ pixels
        return terms, float(np.abs(places @ terms - pixels).max())

    @cached_property
    def _steps(self) -> tuple[float, float, float]:
        """Raster columns and rows to a grid step, and raster pixels to a square of one grid step."""
        if self._fit is not None:
            (a, d), (b, e), _ = self._fit[0].tolist()
            area = abs(a * e - b * d)
            if self._fit[1] < _NEARLY * math.sqrt(area):
                step = 2 / (len(self.columns) - 1)
                return math.hypot(a, b) * step, math.hypot(d, e) * step, area * step**2
        dc, dr = np.gradient(self.columns), np.gradient(self.rows)
        areas = np.abs(dc[1] * dr[0] - dc[0] * dr[1])
        return _median(np.hypot(*dc)), _median(np.hypot(*dr)), _median(areas)

    def scale(self, size_px: int) -> tuple[float, float]:
        """Raster pixels to one output pixel, along columns and along rows, as in most of the footprint."""
        step = (len(self.columns) - 1) / size_px  # grid steps to an output pixel
        return self._steps[0] * step, self._steps[1] * step

    def resolution_m(self, size_m: float) -> float:
        """Ground sample distance, metres: the side of a square as large as a pixel; NaN where the CRS does not reach.

        Args:
            size_m: Side of the footprint, metres.
        """
        step = size_m / (len(self.columns) - 1)
        return step / math.sqrt(self._steps[2]) if self._steps[2] > 0 else float("nan")

    def aligned(self, size_px: int) -> tuple[float, float, float, float] | None:
        """Left, top, right and bottom pixel if the footprint is an upright rectangle in the raster, else None."""
        if self._fit is None:
            return None
        (a, d), (b, e), (c, f) = self._fit[0].tolist()
        if a <= 0 or e >= 0:  # upright: columns grow to the east, rows to the south
            return None
        off_x, off_y = ((abs(b) + self._fit[1]) / a, (abs(d) + self._fit[1]) / -e)  # of half a side
        return (c - a, f + e, c + a, f - e) if max(off_x, off_y) / 2 * size_px <= _ALIGNED_PX else None

    def straight(self, size_m: float, size_px: int) -> Affine | None:
        """From raster pixels to metres of the footprint, if one affine is right to a tenth of an output pixel."""
        if self._fit is None:
            return None
        (a, d), (b, e), (c, f) = self._fit[0].tolist()
        size = math.sqrt(abs(a * e - b * d))  # of half a side, in pixels
        if not self._fit[1] <= _ALIGNED_PX * 2 * size / size_px:
            return None
        metres: Affine = Affine.scale(size_m / 2) * ~Affine(a, b, c, d, e, f)
        return metres

    def encloses(self, shape: tuple[int, int]) -> bool:
        """Whether an image of this height and width holds the whole footprint."""
        across = self.columns.min() >= 0 and self.columns.max() <= shape[1]
        return bool(across and self.rows.min() >= 0 and self.rows.max() <= shape[0])

    def within(self, window: tuple[int, int, int, int], shape: tuple[int, int]) -> "PixelMap":
        """The same map in the pixels that a window (see `window`) was read into, `shape` their height and width."""
        left, right, top, bottom = window
        wide, high = shape[1] / (right - left), shape[0] / (bottom - top)
        extra = np.stack([(self.extra[0] - left) * wide, (self.extra[1] - top) * high])
        columns, rows = (self.columns - left) * wide, (self.rows - top) * high
        return PixelMap(columns, rows, self.inside, extra, self.shift)

    def window(self, width: int, height: int) -> tuple[int, int, int, int] | None:
        """First and last column and row (exclusive) of the raster to read, with a margin; None if it is outside."""
        columns = np.concatenate([self.columns[self.inside], self.extra[0]])
        rows = np.concatenate([self.rows[self.inside], self.extra[1]])
        known = np.isfinite(columns) & np.isfinite(rows)
        if not known.any():
            return None
        spans = []
        for values, size in ((columns[known], width), (rows[known], height)):
            # four pixels for the kernel, a share for edges that bulge between the points looked at
            margin = 4 + 0.03 * np.ptp(values)
            low, high = max(0, np.floor(values.min() - margin)), min(size, np.ceil(values.max() + margin))
            if low >= high:
                return None
            spans += [int(low), int(high)]
        return spans[0], spans[1], spans[2], spans[3]


def _median(values: Floats) -> float:
    """Of those that are known; NaN where none is."""
    known = values[np.isfinite(values)]
    return float(np.median(known)) if known.size else float("nan")


@lru_cache(maxsize=4)
def _unit_grid(n: int) -> tuple[Floats, Floats]:
    """Points of a regular grid over the square −1 … 1, from its north-west corner, [n², 3] with ones; their inverse."""
    line = np.linspace(-1, 1, n)
    x, y = np.meshgrid(line, -line)
    places = np.column_stack([x.ravel(), y.ravel(), np.ones(n * n)])
    return places, np.asarray(np.linalg.pinv(places), np.float64)


def pixel_maps(where: Georeference, footprint: Footprint, middle_x: float) -> list[PixelMap]:
    """Where a footprint lies in a raster: one map, or two where the raster's coordinates jump at ±180° inside it.

    Args:
        where: Georeference of the raster.
        middle_x: x of the raster's middle in its CRS: longitudes are taken as near to it as possible.
    """
    half = footprint.size_m / 2
    line = np.linspace(-half, half, _GRID)
    x, y = np.meshgrid(line, -line)
    lon, lat = footprint.to_lonlat(x, y)
    middle = where.middle_lon
    away = lon if middle == 0 else (lon - middle + 180) % 360 - 180  # degrees from the middle: the jump is at ±180
    poles, sides = _poles(footprint), _crosses(away)
    if not (where.wraps and sides):
        # in degrees a pole is a whole edge: three points of it
        extra = np.array([[lon_, pole] for pole in poles for lon_ in (-180 + _WRAP_EPSILON, 0, 180 - _WRAP_EPSILON)])
        return [_map(where, lon, lat, np.ones(lon.shape, bool), extra.reshape(-1, 2), middle_x)]
    maps = []
    for sign in (1, -1):
        cut = np.unique(lat[[0, -1], :].tolist() + lat[:, [0, -1]].T.tolist())
        extra = np.array([[sign * (180 - _WRAP_EPSILON), value] for value in cut])
        extra = np.vstack([extra, *[[[0.0, pole], [sign * (180 - _WRAP_EPSILON), pole]] for pole in poles]])
        extra[:, 0] += middle
        maps.append(_map(where, lon, lat, away * sign >= 0, extra, middle_x))
    return maps


def _poles(footprint: Footprint) -> list[float]:
    if abs(footprint.lat) + 1.5 * footprint.size_m / SHORTEST_DEGREE_M < 90:  # a degree of latitude is no shorter
        return []
    return [pole for pole in (-89.999999, 89.999999) if bool(footprint.contains(lat=pole, lon=footprint.lon))]


def _crosses(lon: Floats) -> bool:
    return float(lon.max() - lon.min()) > 180


def _map(where: Georeference, lon: Floats, lat: Floats, inside: Mask, extra: Floats, middle_x: float) -> PixelMap:
    """The map of points in degrees, [n, n] each, and of further points [k, 2] of longitude and latitude."""
    x, y = (_known(v) for v in where.from_lonlat.transform(lon, lat))
    more_x, more_y = where.from_lonlat.transform(extra[:, 0], extra[:, 1]) if len(extra) else (extra[:, 0],) * 2
    shift = 0.0
    if where.turn and inside.any():
        shift = where.turn * float(np.round((middle_x - np.mean(x[inside])) / where.turn))
    to_pixels = ~where.transform
    columns, rows = _apply(to_pixels, x + shift, y)
    more = np.array(_apply(to_pixels, _known(more_x) + shift, _known(more_y)))
    return PixelMap(columns, rows, inside, more, shift)


def to_crs(affine: Affine, column: float, row: float) -> tuple[float, float]:
    """x and y of a place in pixels, fractions counted from the corner of a pixel."""
    return affine.a * column + affine.b * row + affine.c, affine.d * column + affine.e * row + affine.f


def _known(values: Floats) -> Floats:
    """NaN for what the CRS does not reach, which PROJ gives as infinite."""
    return np.where(np.isfinite(values), values, np.nan)


def _apply(affine: Affine, x: Floats, y: Floats) -> tuple[Floats, Floats]:
    return affine.a * x + affine.b * y + affine.c, affine.d * x + affine.e * y + affine.f


def resample(
    image: Image8, valid: Mask, view: PixelMap, transform: Affine, crs: CRS, footprint: Footprint, size_px: int
) -> tuple[Image8, Mask]:
    """Resample pixels onto a footprint, by the quickest way that puts them right to a tenth of an output pixel.

    Args:
        image: uint8 [3, h, w].
        valid: bool [h, w]; what is not valid has no part in any output pixel.
        view: The footprint in the pixels of `image`.
        transform: From column and row of `image` to `crs`.
        crs: CRS that `transform` leads to.
        footprint: The square, north up.
        size_px: Its side in output pixels.

    Returns:
        uint8 [px, px, 3] and bool [px, px].
    """
    box = view.aligned(size_px)
    if box is not None and (box[2] - box[0]) * (box[3] - box[1]) <= _PADDED_PX:
        return _rescale(image, valid, box, size_px)
    straight = view.straight(footprint.size_m, size_px)
    alike = max(view.scale(size_px)) <= _ALIKE
    if straight is not None and alike and valid.all() and view.encloses(valid.shape):
        return _turn(image, straight, footprint, size_px)
    local = CRS.from_string(footprint.crs)
    if straight is not None:  # GDAL takes as long to set up a change of CRS as to resample a tile
        return _warp(image, valid, straight, local, local, footprint, size_px)
    return _warp(image, valid, transform, crs, local, footprint, size_px)


def _turn(image: Image8, straight: Affine, footprint: Footprint, size_px: int) -> tuple[Image8, Mask]:
    """By OpenCV, cubic: pixels of about the output's size, none missing; `straight` takes them to metres."""
    left, _, _, top = footprint.bounds_m
    pixel_m = footprint.size_m / size_px
    back = ~straight * Affine(pixel_m, 0, left, 0, -pixel_m, top)
    centres = Affine.translation(-0.5, -0.5) * back * Affine.translation(0.5, 0.5)  # its pixels lie at whole numbers
    turned = cv2.warpAffine(
        np.ascontiguousarray(image.transpose(1, 2, 0)),
        np.array(centres[:6]).reshape(2, 3),
        (size_px, size_px),
        flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP,  # the matrix leads from output to input
        borderMode=cv2.BORDER_REPLICATE,  # only the kernel reaches over the edge, see `encloses`
    )
    return np.asarray(turned, np.uint8), np.ones((size_px, size_px), bool)


def _warp(
    image: Image8, valid: Mask, transform: Affine, crs: CRS, local: CRS, footprint: Footprint, size_px: int
) -> tuple[Image8, Mask]:
    """By GDAL: cubic, with a kernel that widens where pixels become fewer."""
    everything = bool(valid.all())
    # GDAL gives no weight where alpha is 0
    source = image if everything else np.concatenate([image, valid[None].astype(np.uint8) * 255])
    left, _, _, top = footprint.bounds_m
    pixel_m = footprint.size_m / size_px
    target = np.zeros((4, size_px, size_px), np.uint8)
    reproject(
        source,
        target,
        src_transform=transform,
        src_crs=crs,
        src_alpha=0 if everything else 4,
        dst_transform=Affine(pixel_m, 0, left, 0, -pixel_m, top),
        dst_crs=local,
        dst_alpha=4,
        resampling=Resampling.cubic,
    )
    return np.ascontiguousarray(target[:3].transpose(1, 2, 0)), target[3] >= 128


def _rescale(image: Image8, valid: Mask, box: tuple[float, float, float, float], size_px: int) -> tuple[Image8, Mask]:
    """By Pillow, where the footprint is the upright rectangle left, top, right, bottom, which may reach beyond."""
    height, width = valid.shape
    left, top, right, bottom = box
    if valid.all() and left >= 0 and top >= 0 and right <= width and bottom <= height:
        whole = Image.fromarray(np.ascontiguousarray(image.transpose(1, 2, 0)))
        resized = whole.resize((size_px, size_px), Image.Resampling.BICUBIC, box=box)
        return np.array(resized), np.ones((size_px, size_px), bool)
    pad = [max(0, math.ceil(v)) for v in (-left, -top, right - width, bottom - height)]
    rgba = np.dstack([image.transpose(1, 2, 0), valid.astype(np.uint8) * 255])
    if any(pad):
        rgba = np.pad(rgba, ((pad[1], pad[3]), (pad[0], pad[2]), (0, 0)))
    moved = (left + pad[0], top + pad[1], right + pad[0], bottom + pad[1])
    # Pillow weighs colours with alpha, so that what is not valid has no part in them.
    result = np.asarray(Image.fromarray(rgba).resize((size_px, size_px), Image.Resampling.BICUBIC, box=moved))
    return np.ascontiguousarray(result[..., :3]), result[..., 3] >= 128


def rescaled(transform: Affine, window: tuple[int, int, int, int], shape: tuple[int, int], shift: float) -> Affine:
    """The transform of pixels read from a window of a raster into another shape.

    Args:
        transform: From column and row of the raster to its CRS.
        window: First and last column, first and last row.
        shape: Height and width that the window was read into, pixels.
        shift: Taken from x, see `PixelMap.shift`.
    """
    left, right, top, bottom = window
    wide, high = (right - left) / shape[1], (bottom - top) / shape[0]
    x, y = to_crs(transform, left, top)
    a, b, _, d, e, _ = transform[:6]
    return Affine(a * wide, b * high, x - shift, d * wide, e * high, y)
