"""A raster file before any pixel is read: whether it can be used, what it is and where it lies.

Whatever is wrong with a file is told here, with a reason code: missing, empty, truncated, not_a_raster, http, no_crs,
no_georeference, bad_georeference, too_large, unsupported, bands. It does not read pixels.
"""

import math
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyproj
import rasterio
from pyproj import Transformer
from rasterio.crs import CRS
from rasterio.io import DatasetReader
from shapely.geometry.base import BaseGeometry

from ingest.geo.degrees import doubtful_datum, no_way_from
from ingest.geo.geometry import Footprint
from ingest.sources.bands import BandPlan, plan_bands, plan_mask
from ingest.sources.colours import BandFacts
from ingest.sources.products import bands_of
from ingest.sources.rasters.controlpoints import LaidOut
from ingest.sources.rasters.extent import outline_of
from ingest.sources.rasters.handles import GDAL_ERRORS, HandlePool
from ingest.sources.rasters.jpeg2000 import check_boxes
from ingest.sources.rasters.rasterfile import RasterFile, cause_of
from ingest.sources.rasters.reach import is_vrt
from ingest.sources.rasters.vrt_sources import source_problems
from ingest.sources.rasters.warp import Georeference, pixel_maps, to_crs
from ingest.sources.source import SourceOptions, printable
from trainer.earth import EQUATOR_RADIUS_M
from trainer.errors import ItemError

MAX_BLOCK_BYTES = 512 * 2**20  # a block is decoded whole
_AROUND_M = 2 * math.pi * EQUATOR_RADIUS_M


def open_raster(
    path: str,
    name: str,
    pool: HandlePool,
    options: SourceOptions,
    *,
    told: Sequence[BandFacts] = (),
    is_mask: bool = False,
) -> RasterFile:
    """Look at a raster without reading pixels.

    Args:
        path: As GDAL wants it: a path, ``/vsicurl/…`` or the XML of a VRT.
        name: For messages, without secrets.
        pool: Lends the open file, here and when it is read.
        options: Bands, nodata, scale and dates.
        told: What is known of its bands from elsewhere.
        is_mask: It says which pixels of another file can be used.

    Raises:
        ItemError: It cannot be used; the reason code says why.
    """
    _look_at_bytes(path, name)
    problems, sources = source_problems(path, name, pool.bounds(path)) if is_vrt(path) else ([], 0)
    pool.set_aside(path, [problem.subject for problem in problems if problem.reason in ("not_a_raster", "http")])
    if problems and len(problems) == sources:
        raise ItemError(problems[0].reason, problems[0].message)
    try:
        with pool.lease(path) as dataset:
            plan = (
                plan_mask(dataset) if is_mask else plan_bands(dataset, options, told or bands_of(name, dataset.count))
            )
            return replace(_describe(dataset, path, name, options, plan), problems=tuple(problems))
    except GDAL_ERRORS as error:
        # a VRT that warps or sharpens does not open without all of its sources
        if problems:
            raise ItemError(problems[0].reason, problems[0].message) from error
        raise _unopenable(path, name, error) from error


def _look_at_bytes(path: str, name: str) -> None:
    if path.startswith(("/vsi", "<VRTDataset")):
        return
    if name != path and printable(path) == name:
        raise ItemError("bad_name", f"{name}: its name is not UTF-8: rename it")
    file = Path(path)
    if file.is_dir():
        raise ItemError("unreadable", f"{name}: its files cannot be listed: allow reading this folder")
    if not file.is_file():
        raise ItemError("missing", f"{name}: there is no such file")
    if file.stat().st_size == 0:
        raise ItemError("empty", f"{name}: the file is empty (0 bytes)")
    with suppress(OSError):  # of one that must not be read GDAL will say so
        check_boxes(file)


def _unopenable(path: str, name: str, error: Exception) -> ItemError:
    """Why a file did not open: a raster cut short, or something else altogether."""
    if "/vsi" in path:
        return ItemError("http", f"{name}: cannot be opened over HTTP ({cause_of(error)})")
    with suppress(OSError), Path(path).open("rb") as file:
        if file.read(4) in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):  # TIFF and BigTIFF, either byte order
            return ItemError("truncated", f"{name}: a TIFF that is cut short or damaged ({cause_of(error)})")
    if isinstance(error, PermissionError):
        return ItemError("unreadable", f"{name}: {error}")
    formats = "GeoTIFF, JPEG 2000, VRT, Erdas Imagine, NITF, PNG, JPEG and WebP"
    how = f"what GDAL reads beyond {formats} becomes a GeoTIFF by `rio convert FILE NEW.tif`"
    return ItemError("not_a_raster", f"{name}: not a raster that can be read ({cause_of(error)}); {how}")


def _describe(dataset: DatasetReader, path: str, name: str, options: SourceOptions, plan: BandPlan) -> RasterFile:
    crs = _crs(dataset, path, name)
    if crs is None:
        raise ItemError(
            "no_crs",
            f"{name}: it has no CRS, so its place is unknown: set it with `rio edit-info --crs EPSG:… FILE`, or put a "
            ".prj file of its name beside it",
        )
    _check_georeference(dataset, crs, name)
    height, width = dataset.block_shapes[0]
    if height * width * np.dtype(dataset.dtypes[0]).itemsize > MAX_BLOCK_BYTES:
        raise ItemError(
            "too_large",
            f"{name}: stored in blocks of {width}×{height} pixels, each of which must be decoded whole: "
            "rewrite it with `rio convert --driver COG FILE NEW.tif`",
        )
    where = _georeference(dataset, crs, name)
    shape = outline_of(where, dataset.width, dataset.height, name)
    file = RasterFile(
        path=path, name=name, width=dataset.width, height=dataset.height, where=where, plan=plan,
        overviews=tuple(dataset.overviews(plan.indexes[0])), outline=shape, gsd_m=0.0,
        acquired_at=options.date_of(Path(name).name) or _imagery_date(dataset),
        attribution=dataset.tags().get("attribution") or None, parts=_parts(dataset, path),
        notes=_notes_of_place(dataset, where, shape),
    )  # fmt: skip
    return replace(file, gsd_m=_middle_gsd(file))


def _notes_of_place(dataset: DatasetReader, where: Georeference, outline: BaseGeometry) -> tuple[tuple[str, str], ...]:
    """What makes it uncertain where an image lies: its height, its datum."""
    notes = []
    if isinstance(dataset, LaidOut) and dataset.plane_m is not None:
        above = f"laid out by its RPC on a plane {dataset.plane_m:.0f} m above the ellipsoid"
        notes.append(("height", f"{above}: what lies higher or lower is off"))
    inner, crs = outline.representative_point(), where.from_lonlat.target_crs
    if crs is not None and (datum := doubtful_datum(crs, lat=inner.y, lon=inner.x)):
        notes.append(("datum", no_way_from(datum)))
    return tuple(notes)


def world_files(path: str) -> set[str]:
    """Paths that the world file of an image may have, in small letters."""
    stem, _, ending = path.lower().rpartition(".")
    return {f"{stem}.{end}" for end in (ending[:1] + ending[-1:] + "w", f"{ending}w", "wld")}


def _world_file(path: str) -> str | None:
    """The name of a file beside an image that is called as its world file would be."""
    image = Path(path)
    if not image.is_file():
        return None
    called = world_files(image.name)
    return next((other.name for other in image.parent.iterdir() if other.name.lower() in called), None)


def _check_georeference(dataset: DatasetReader, crs: CRS, name: str) -> None:
    """Raise unless the file says where it lies on Earth, and that can be true."""
    if dataset.transform.is_identity:
        if beside := _world_file(dataset.name):
            why = f"its world file {beside} is not six numbers, one a line, that place it: write it anew"
            raise ItemError("no_georeference", f"{name}: {why}")
        raise ItemError(
            "no_georeference",
            f"{name}: it is georeferenced nowhere: put a world file (.tfw, .jgw, .wld …) of its name beside it, or set "
            "`rio edit-info --transform '[WIDTH, 0, WEST, 0, -HEIGHT, NORTH]' FILE`, of a pixel and of its corner",
        )
    corners = [to_crs(dataset.transform, c, r) for c in (0, dataset.width) for r in (0, dataset.height)]
    values = [*dataset.transform[:6], *(v for corner in corners for v in corner)]
    if not all(math.isfinite(v) for v in values) or dataset.transform.is_degenerate:
        raise ItemError("bad_georeference", f"{name}: its transform is not a number or has no area: {values[:6]}")
    if crs.is_geographic:
        left, right = min(x for x, _ in corners), max(x for x, _ in corners)
        south, north = min(y for _, y in corners), max(y for _, y in corners)
        # a pixel's edge may lie beyond a pole, and longitudes may run on past ±180°
        if south < -90.5 or north > 90.5 or abs(left) > 540 or abs(right) > 540:
            raise ItemError(
                "bad_georeference",
                f"{name}: it claims latitudes {south:g} to {north:g} and longitudes {left:g} to {right:g}: longitude "
                "and latitude look swapped; set `rio edit-info --transform '[WIDTH, 0, WEST, 0, -HEIGHT, NORTH]' FILE` "
                "of a pixel and of its corner",
            )
        return
    across_m = math.hypot(dataset.transform.a, dataset.transform.d) * _metres(crs)
    if across_m > _AROUND_M:
        raise ItemError(
            "bad_georeference",
            f"{name}: its pixels are {across_m:.3g} m wide, more than the Earth is round: set "
            "`rio edit-info --transform '[WIDTH, 0, WEST, 0, -HEIGHT, NORTH]' FILE` of a pixel and of its corner",
        )


def _metres(crs: CRS) -> float:
    """Metres of one unit of a projection; 1 where it does not say."""
    try:
        return float(crs.linear_units_factor[1])
    except rasterio.errors.CRSError:
        return 1.0


def _crs(dataset: DatasetReader, path: str, name: str) -> CRS | None:
    """What the file says, else a .prj file beside it, which GDAL does not read."""
    beside = (
        [Path(path).with_suffix(suffix) for suffix in (".prj", ".PRJ")] if not path.startswith(("/vsi", "<")) else []
    )
    file = next((file for file in beside if file.is_file()), None)
    if dataset.crs is not None or file is None:
        return dataset.crs
    try:
        return CRS.from_wkt(file.read_text("utf-8-sig").strip(), morph_from_esri_dialect=True)
    except (OSError, UnicodeDecodeError, rasterio.errors.CRSError) as error:
        raise ItemError("no_crs", f"{name}: {file} beside it cannot be read as a CRS: write it as WKT") from error


def _georeference(dataset: DatasetReader, given: CRS, name: str) -> Georeference:
    try:
        crs = pyproj.CRS.from_wkt(given.to_wkt())
        transformer = Transformer.from_crs("EPSG:4326", crs, always_xy=True)
    except (pyproj.exceptions.ProjError, rasterio.errors.CRSError) as error:
        raise ItemError(
            "no_crs", f"{name}: its CRS is not understood ({error}): set it with `rio edit-info --crs EPSG:… FILE`"
        ) from error
    geographic = bool(given.is_geographic)
    middle = 0.0 if geographic else _middle_lon(crs)
    # in a projection whose two sides of the meridian opposite its middle lie apart, a footprint there has two places
    x, _ = transformer.transform([middle - 179.9999999, middle + 179.9999999], [0.0, 0.0])
    jump = abs(x[1] - x[0])
    jump = jump if geographic or not math.isfinite(jump) or jump > 1_000_000 else 0.0
    return Georeference(given, dataset.transform, transformer, 360.0 if geographic else 0.0, middle, jump)


def _middle_lon(crs: pyproj.CRS) -> float:
    """The meridian in the middle of a projection, degrees."""
    found = [] if crs.coordinate_operation is None else crs.coordinate_operation.params
    return next(
        (math.degrees(float(p.value) * p.unit_conversion_factor) for p in found if p.name.startswith("Longitude")), 0.0
    )


def _middle_gsd(file: RasterFile) -> float:
    middle = to_crs(file.where.transform, file.width / 2, file.height / 2)
    lon, lat = file.where.from_lonlat.transform(*middle, direction="INVERSE")
    if not (math.isfinite(lon) and math.isfinite(lat)):  # of a disc or a map of the world, a part
        inner = file.outline.representative_point()
        lon, lat = inner.x, inner.y
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
    own = [] if path.startswith("<VRTDataset") else [path]
    names = dict.fromkeys([*own, *(dataset.files if dataset.driver == "VRT" else [])])
    remote = [(name.partition("?")[0], 0, 0) for name in names if name.startswith("/vsi")]
    files = [Path(name) for name in names if not name.startswith("/vsi")]
    return (*remote, *((str(f), f.stat().st_size, f.stat().st_mtime_ns) for f in files if f.is_file()))
