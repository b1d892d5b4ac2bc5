"""A raster file before any pixel is read: whether it can be used, what it is and where it lies.

Whatever is wrong with a file is told here, with a reason code: missing, empty, truncated, not_a_raster, http, no_crs,
no_georeference, bad_georeference, too_large, unsupported, bands. It does not read pixels.
"""

import math
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyproj
import rasterio
from pyproj import Transformer
from rasterio.io import DatasetReader
from shapely.geometry.base import BaseGeometry

from ingest.geo.geometry import Footprint, outline
from ingest.sources.bands import plan_bands
from ingest.sources.handles import GDAL_ERRORS, HandlePool
from ingest.sources.rasterfile import RasterFile, cause_of
from ingest.sources.source import SourceOptions
from ingest.sources.warp import Georeference, pixel_maps, to_crs
from trainer.errors import AreaError, ItemError, reason

MAX_BLOCK_BYTES = 512 * 2**20  # a block is decoded whole


def open_raster(path: str, name: str, pool: HandlePool, options: SourceOptions) -> RasterFile:
    """Look at a raster without reading pixels.

    Args:
        path: As GDAL wants it: a path or ``/vsicurl/…``.
        name: For messages, without secrets.
        pool: Lends the open file, here and when it is read.
        options: Bands, nodata, scale and dates.

    Raises:
        ItemError: It cannot be used; the reason code says why.
    """
    _look_at_bytes(path, name)
    try:
        with pool.lease(path) as dataset:
            return _describe(dataset, path, name, options)
    except GDAL_ERRORS as error:
        raise _unopenable(path, name, error) from error


def _look_at_bytes(path: str, name: str) -> None:
    if path.startswith("/vsi"):
        return
    file = Path(path)
    if not file.is_file():
        raise ItemError("missing", f"{name}: there is no such file")
    if file.stat().st_size == 0:
        raise ItemError("empty", f"{name}: the file is empty (0 bytes)")


def _unopenable(path: str, name: str, error: Exception) -> ItemError:
    """Why a file did not open: a raster cut short, or something else altogether."""
    if path.startswith("/vsi"):
        return ItemError("http", f"{name}: cannot be opened over HTTP ({cause_of(error)})")
    with suppress(OSError), Path(path).open("rb") as file:
        if file.read(4) in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):  # TIFF and BigTIFF, either byte order
            return ItemError("truncated", f"{name}: a TIFF that is cut short or damaged ({cause_of(error)})")
    if isinstance(error, PermissionError):
        return ItemError("unreadable", f"{name}: {error}")
    return ItemError("not_a_raster", f"{name}: not a raster that can be read ({cause_of(error)})")


def _describe(dataset: DatasetReader, path: str, name: str, options: SourceOptions) -> RasterFile:
    _check_georeference(dataset, name)
    height, width = dataset.block_shapes[0]
    if height * width * np.dtype(dataset.dtypes[0]).itemsize > MAX_BLOCK_BYTES:
        raise ItemError(
            "too_large",
            f"{name}: stored in blocks of {width}×{height} pixels, each of which must be decoded whole: "
            "rewrite it with gdal_translate -of COG",
        )
    plan = plan_bands(dataset, options)
    where = _georeference(dataset, name)
    shape = _outline(dataset, where, name)
    file = RasterFile(
        path=path, name=name, width=dataset.width, height=dataset.height, where=where, plan=plan,
        overviews=tuple(dataset.overviews(plan.indexes[0])), outline=shape, gsd_m=0.0,
        acquired_at=options.date_of(Path(name).name) or _imagery_date(dataset),
        attribution=dataset.tags().get("attribution") or None, parts=_parts(dataset, path),
    )  # fmt: skip
    return replace(file, gsd_m=_middle_gsd(file))


def _check_georeference(dataset: DatasetReader, name: str) -> None:
    """Raise unless the file says where it lies on Earth, and that can be true."""
    if dataset.crs is None:
        raise ItemError(
            "no_crs",
            f"{name}: it has no CRS, so its place is unknown: set it with `gdal_edit.py -a_srs EPSG:… FILE`, "
            "or put a .prj file beside a world file",
        )
    if dataset.transform.is_identity:
        how = "by ground control points only" if dataset.gcps[0] else "nowhere: its pixels are its coordinates"
        raise ItemError(
            "no_georeference",
            f"{name}: it is georeferenced {how}: warp it first with `gdalwarp IN OUT`, or add a world file",
        )
    corners = [to_crs(dataset.transform, c, r) for c in (0, dataset.width) for r in (0, dataset.height)]
    values = [*dataset.transform[:6], *(v for corner in corners for v in corner)]
    if not all(math.isfinite(v) for v in values) or dataset.transform.is_degenerate:
        raise ItemError("bad_georeference", f"{name}: its transform is not a number or has no area: {values[:6]}")
    if dataset.crs.is_geographic:
        left, right = min(x for x, _ in corners), max(x for x, _ in corners)
        south, north = min(y for _, y in corners), max(y for _, y in corners)
        # a pixel's edge may lie beyond a pole, and longitudes may run on past ±180°
        if south < -90.5 or north > 90.5 or abs(left) > 540 or abs(right) > 540:
            raise ItemError(
                "bad_georeference",
                f"{name}: it claims latitudes {south:g} to {north:g} and longitudes {left:g} to {right:g}: longitude "
                "and latitude look swapped; write the right transform with `gdal_edit.py -a_ullr W N E S FILE`",
            )


def _georeference(dataset: DatasetReader, name: str) -> Georeference:
    try:
        crs = pyproj.CRS.from_wkt(dataset.crs.to_wkt())
        transformer = Transformer.from_crs("EPSG:4326", crs, always_xy=True)
    except (pyproj.exceptions.ProjError, rasterio.errors.CRSError) as error:
        raise ItemError(
            "no_crs", f"{name}: its CRS is not understood ({reason(error)}): set it with gdal_edit.py -a_srs"
        ) from error
    # in a projection whose two sides of ±180° lie apart, a footprint there has two places
    x, _ = transformer.transform([-179.9999999, 179.9999999], [0.0, 0.0])
    jump = abs(x[1] - x[0])
    geographic = bool(dataset.crs.is_geographic)
    wraps = geographic or not math.isfinite(jump) or jump > 1_000_000
    return Georeference(dataset.crs, dataset.transform, transformer, 360.0 if geographic else 0.0, wraps)


def _outline(dataset: DatasetReader, where: Georeference, name: str) -> BaseGeometry:
    """Its edge in degrees, 16 points a side."""
    t = np.arange(16) / 16
    one, zero = np.ones(16), np.zeros(16)
    columns = np.concatenate([t, one, 1 - t, zero]) * dataset.width
    rows = np.concatenate([one, 1 - t, zero, t]) * dataset.height
    a = where.transform
    x, y = a.a * columns + a.b * rows + a.c, a.d * columns + a.e * rows + a.f
    lons, lats = (x, y) if where.turn else where.from_lonlat.transform(x, y, direction="INVERSE")
    if not (np.isfinite(lons).all() and np.isfinite(lats).all()) or np.abs(lats).max() > 90.5:
        raise ItemError(
            "bad_georeference", f"{name}: its corners lie nowhere on Earth in {dataset.crs.to_string()[:60]}"
        )
    try:
        found = outline(np.asarray(lons), np.clip(lats, -90, 90))
    except AreaError as error:
        raise ItemError("bad_georeference", f"{name}: {error}") from error
    if not found.is_valid:  # such as pixels larger than the Earth
        raise ItemError("bad_georeference", f"{name}: its outline on the Earth crosses itself: {tuple(a)[:6]}")
    return found


def _middle_gsd(file: RasterFile) -> float:
    middle = to_crs(file.where.transform, file.width / 2, file.height / 2)
    lon, lat = file.where.from_lonlat.transform(*middle, direction="INVERSE")
    if not (math.isfinite(lon) and math.isfinite(lat)):
        raise ItemError("bad_georeference", f"{file.name}: its middle lies nowhere on Earth")
    small = Footprint(float(np.clip(lat, -89.9, 89.9)), float(lon), 100.0)
    gsd_m = pixel_maps(file.where, small, file.middle_x)[0].resolution_m(small.size_m)
    if not math.isfinite(gsd_m):
        raise ItemError("bad_georeference", f"{file.name}: the size of its pixels on the ground cannot be told")
    return gsd_m


def _imagery_date(dataset: DatasetReader) -> datetime | None:
    """GDAL's own field for when imagery was taken; TIFFTAG_DATETIME is when a file was written, so never that."""
    text = dataset.tags(ns="IMAGERY").get("ACQUISITIONDATETIME")
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)


def _parts(dataset: DatasetReader, path: str) -> tuple[tuple[str, int, int], ...]:
    """Names, sizes and times of the files behind a raster; a VRT has many."""
    if path.startswith("/vsi"):
        return ((path.partition("?")[0], 0, 0),)  # over HTTP neither size nor time is asked for
    names = [path, *(dataset.files if dataset.driver == "VRT" else [])]
    files = [Path(name) for name in dict.fromkeys(names)]
    return tuple((str(f), f.stat().st_size, f.stat().st_mtime_ns) for f in files if f.is_file())
