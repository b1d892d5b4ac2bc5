"""Rasters whose every pixel is a vector, such as those of AlphaEarth and Tessera: the pixels of a footprint, as stored.

A GeoTIFF with one band a number; or Tessera's arrays, ``NAME.npy`` int8 [h, w, d] with ``NAME_scales.npy`` beside it,
which lie where the GeoTIFF of the same name does, its map of land. It does not know what whole numbers stand for.
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyproj
from affine import Affine
from rasterio.windows import Window
from shapely.geometry.base import BaseGeometry

from ingest.geo.geometry import Footprint, outline
from ingest.sources.rasters.handles import GDAL_ERRORS, HandlePool
from trainer.errors import ItemError, SourceError, reason

_SIDE = 16  # points of an edge
_LAND = ("", "landmasks", "global_0.1_degree_tiff_all")  # folders in which Tessera's maps of land lie
_MOST_PIXELS = 4_000_000  # of one tile: of 128 numbers each they take 2 GB as floats


@dataclass(frozen=True)
class PixelVectors:
    """The pixels of a raster whose middles lie in a footprint.

    Attributes:
        stored: As they are stored, [n, d]; those of no data are among them.
        scales: By which each is multiplied, float32 [n, 1] or [n, d]; None: there are none.
        valid: Where the raster does not say that there is no data, [n].
    """

    stored: npt.NDArray[Any]
    scales: npt.NDArray[np.float32] | None
    valid: npt.NDArray[np.bool_]


class VectorRaster:
    """One raster of vectors.

    Args:
        path: A local file, or as GDAL wants it.
        name: For messages.
        pool: Lends the open file.

    Attributes:
        dim: Numbers in a pixel.
        dtype: Of the numbers.
        bands: What its bands are called, where they are.
        no_data: The number that stands where there is none; None: it does not say.
        scales: By which it says that its bands are multiplied, [dim]; empty where it says no more than 1.
        offsets: What it says is added then, [dim]; empty where it says no more than 0.
        pixel_m: Side of a pixel on the ground, metres, in its middle.

    Raises:
        SourceError: It cannot be opened, or does not say where it lies.
    """

    def __init__(self, path: str, name: str, pool: HandlePool) -> None:
        self.path, self.name, self._pool = path, name, pool
        self.scales: tuple[float, ...] = ()
        self.offsets: tuple[float, ...] = ()
        self._array: npt.NDArray[Any] | None = None
        self._scales: npt.NDArray[Any] | None = None
        try:
            if path.endswith(".npy"):
                self._open_arrays(Path(path))
            else:
                self._open_raster(path)
        except ItemError as error:
            raise SourceError(str(error)) from error
        except (*GDAL_ERRORS, ValueError, EOFError) as error:
            raise SourceError(f"{name}: no raster that can be read ({reason(error)}): fetch it again") from error
        self._to_degrees = pyproj.Transformer.from_crs(self._crs, "OGC:CRS84", always_xy=True)
        self._from_degrees = pyproj.Transformer.from_crs("OGC:CRS84", self._crs, always_xy=True)

    def _open_raster(self, path: str) -> None:
        with self._pool.lease(path) as raster:
            self.dim, self.dtype = raster.count, np.dtype(raster.dtypes[0])
            self.bands = tuple(str(band) for band in raster.descriptions if band)
            self.no_data = None if raster.nodata is None else float(raster.nodata)
            if any(scale != 1 for scale in raster.scales) or any(raster.offsets):
                self.scales, self.offsets = tuple(raster.scales), tuple(raster.offsets)
            if self.dtype.kind not in "iuf":
                raise SourceError(f"{self.name}: its bands are of type {self.dtype}: vectors are of real numbers")
            self._place(raster)

    def _open_arrays(self, path: Path) -> None:
        scales, land = path.with_name(f"{path.stem}_scales.npy"), _land_of(path)
        if land is None:
            raise SourceError(
                f"{self.name}: the map of land {path.stem}.tiff, which says where it lies, is not beside it nor in a "
                "folder landmasks: fetch it too, or export GeoTIFF with geotessera"
            )
        self._array = np.load(path, mmap_mode="r", allow_pickle=False)
        if self._array.ndim != 3:
            raise SourceError(f"{self.name}: an array of shape {self._array.shape}, not [height, width, numbers]")
        self.dim, self.dtype, self.bands, self.no_data = self._array.shape[2], self._array.dtype, (), None
        if scales.is_file():
            self._scales = np.load(scales, mmap_mode="r", allow_pickle=False)
            if self._scales.shape not in (self._array.shape, self._array.shape[:2]):
                raise SourceError(
                    f"{self.name}: {scales.name} is of shape {self._scales.shape}, not {self._array.shape}"
                )
        elif self.dtype.kind in "iu":
            raise SourceError(f"{self.name}: {scales.name}, which its whole numbers are multiplied by, is missing")
        with self._pool.lease(str(land)) as raster:
            if (raster.height, raster.width) != self._array.shape[:2]:
                raise SourceError(f"{self.name}: {land.name} has {raster.width}×{raster.height} pixels, it has others")
            self._place(raster)

    def _place(self, raster: Any) -> None:
        if raster.crs is None or raster.transform == Affine.identity():
            raise SourceError(f"{self.name}: it does not say where it lies: give it a reference system, or warp it")
        self._crs = pyproj.CRS.from_wkt(raster.crs.to_wkt())
        self._affine: Affine = raster.transform
        self.height, self.width = raster.height, raster.width

    @cached_property
    def coverage(self) -> BaseGeometry:
        """Its outline: degrees, WGS84, split at ±180°.

        Raises:
            SourceError: It does not lie on the globe.
        """
        t = np.arange(_SIDE) / _SIDE
        one, zero = np.ones(_SIDE), np.zeros(_SIDE)
        columns = np.concatenate([t, one, 1 - t, zero]) * self.width
        rows = np.concatenate([one, 1 - t, zero, t]) * self.height
        x, y = _apply(self._affine, columns, rows)
        if self._crs.is_geographic:  # middles of pixels at a pole: half of each lies beyond it
            beyond = 90.001 + abs(self._affine.e)
            y = np.where(np.abs(y) <= beyond, np.clip(y, -90, 90), y)
        lon, lat = self._to_degrees.transform(x, y)
        if not np.isfinite([lon, lat]).all() or np.abs(lat).max() > 90.001:
            raise SourceError(f"{self.name}: its corners lie nowhere on Earth in {self._crs.to_string()[:60]}")
        return outline(np.asarray(lon), np.clip(lat, -90, 90))

    @cached_property
    def pixel_m(self) -> float:
        """Side of a pixel in the raster's middle, metres."""
        x, y = np.array([0.0, 1, 0]) + self.width / 2, np.array([0.0, 0, 1]) + self.height / 2
        lon, lat = self._to_degrees.transform(*_apply(self._affine, x, y))
        east, north = Footprint(float(lat[0]), float(lon[0]), 1.0).to_metres(lat=lat[1:], lon=lon[1:])
        return float(np.hypot(east, north).max())

    def within(self, footprint: Footprint) -> PixelVectors:
        """The pixels of a footprint; safe to call from several threads.

        Raises:
            ItemError: They cannot be read, or are too many.
        """
        edge = footprint.size_m / 2 * np.array([-1, -0.5, 0, 0.5, 1])
        x, y = (axis.ravel() for axis in np.meshgrid(edge, edge))
        lon, lat = footprint.to_lonlat(x, y)
        x, y = self._from_degrees.transform(lon, lat)
        if self._crs.is_geographic:
            x, y = self._in_its_degrees(footprint, np.asarray(x), np.asarray(y))
        columns, rows = _apply(~self._affine, x, y)
        with np.errstate(invalid="ignore"):
            left, right = np.nanmin(columns), np.nanmax(columns)
            top, bottom = np.nanmin(rows), np.nanmax(rows)
        ends = (left, right, top, bottom)
        if not np.isfinite(ends).all():
            return self._nothing()
        # a pixel more on each side: edges bend
        first, last = max(0, int(left) - 1), min(self.width, int(right) + 2)
        low, high = max(0, int(top) - 1), min(self.height, int(bottom) + 2)
        if first >= last or low >= high:
            return self._nothing()
        if (last - first) * (high - low) > _MOST_PIXELS:
            raise ItemError(
                "too_large", f"{self.name}: more than {_MOST_PIXELS:,} pixels in one tile: take smaller ones"
            )
        columns, rows = (axis.ravel() for axis in np.meshgrid(np.arange(first, last) + 0.5, np.arange(low, high) + 0.5))
        lon, lat = self._to_degrees.transform(*_apply(self._affine, columns, rows))
        inside = np.isfinite(lon) & np.isfinite(lat)
        inside[inside] = footprint.contains(lat=np.asarray(lat)[inside], lon=np.asarray(lon)[inside])
        stored, scales = self._read(first, low, last - first, high - low)
        valid = np.ones(len(stored), np.bool_) if self.no_data is None else self._valid(stored)
        return PixelVectors(stored[inside], None if scales is None else scales[inside], valid[inside])

    def _in_its_degrees(self, footprint: Footprint, x: Any, y: Any) -> tuple[Any, Any]:
        """Longitudes as the raster counts them, from 0 to 360 or past 180; and with a pole all that run into it."""
        middle = float(_apply(self._affine, self.width / 2, self.height / 2)[0])
        x = middle + (x - middle + 180) % 360 - 180
        west, south, east, north = footprint.bbox
        if (west, east) == (-180, 180):
            pole = 90 if north > -south else -90
            x, y = np.append(x, [middle - 180, middle + 180]), np.append(y, [pole, pole])
        return x, y

    def _nothing(self) -> PixelVectors:
        return PixelVectors(np.empty((0, self.dim), self.dtype), None, np.empty(0, np.bool_))

    def _valid(self, stored: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
        # NaN is found as what is not finite; a single 0 is a number like others, a single -9999 is not
        numbers = stored != self.no_data
        return np.asarray(numbers.any(axis=1) if self.no_data == 0 else numbers.all(axis=1))

    def _read(self, column: int, row: int, width: int, height: int) -> tuple[npt.NDArray[Any], Any]:
        """Numbers of a window, [h·w, d], and their scales."""
        if self._array is not None:
            at = np.s_[row : row + height, column : column + width]
            scales = None
            if self._scales is not None:
                scales = np.asarray(self._scales[at], np.float32).reshape(height * width, -1)
            return np.asarray(self._array[at]).reshape(height * width, self.dim), scales
        try:
            with self._pool.lease(self.path) as raster:
                pixels = raster.read(window=Window(column, row, width, height))
        except GDAL_ERRORS as error:
            raise ItemError("unreadable", f"{self.name}: its pixels cannot be read ({reason(error)})") from error
        return np.asarray(pixels.reshape(self.dim, -1).T), None


def _land_of(path: Path) -> Path | None:
    """Tessera's map of land with the name of an array: beside it, or in one of the usual folders above."""
    for folder in (path.parent, *path.parents[1:4]):
        for inner in _LAND:
            for suffix in (".tiff", ".tif"):
                found = folder / inner / f"{path.stem}{suffix}"
                if found.is_file():
                    return found
    return None


def _apply(affine: Affine, x: Any, y: Any) -> tuple[Any, Any]:
    x, y = np.asarray(x), np.asarray(y)
    return affine.a * x + affine.b * y + affine.c, affine.d * x + affine.e * y + affine.f
