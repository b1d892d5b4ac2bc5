"""Scores of tiles as a cloud-optimised GeoTIFF: one band a value, moment or statistic, with its meaning in its tags.

A grid of tiles is no raster, so pixels are filled by the rule of `search_ui.maps.pixels`; a pixel is a quarter of a
tile or of the step between tiles (a sixteenth of a tile at least), and larger only where the file would pass
`MAX_PIXELS`. Values are float32, not scaled integers: a reader that ignores scale and offset would show wrong numbers,
and squares of one value compress well anyway. No data is NaN. Overviews of scores average, those of months and hours
take the nearest pixel.

Tags: GROUNDCAST_QUERY, _COLLECTION, _MODEL and so on as JSON (`provenance`), GROUNDCAST_RESAMPLING, GROUNDCAST_PIXEL_M;
TIFFTAG_IMAGEDESCRIPTION and TIFFTAG_COPYRIGHT for every reader. Bands have a description and a unit.

Strip after strip is written to a plain GeoTIFF beside the target, which is then copied into the order of a COG: memory
does not grow with the file. It does not know how scores are made.
"""

import json
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import rasterio
import rasterio.shutil
import shapely
from affine import Affine
from rasterio._err import CPLE_BaseError
from rasterio.crs import CRS
from rasterio.enums import Resampling
from rasterio.errors import RasterioError
from rasterio.windows import Window

from ingest.geo.footprints import Places, Squares
from search_ui.files.writing import cannot_write, whole_file
from search_ui.maps.pixels import RULE, Canvas, Owners, Resampler, canvas_of
from trainer.earth import MEAN_DEGREE_M

logger = logging.getLogger(__name__)

MAX_PIXELS = 50_000_000
MAX_SAMPLES = 600_000_000  # pixels × bands: a minute or two
_PIXELS_A_TILE = 4  # along a side
_BLOCK = 512
_STRIP = 4_000_000  # pixels in a strip
_CACHE_MB = 256

Values = npt.NDArray[np.floating]
Parts = Iterable[tuple[int, npt.NDArray[np.float32]]]
"""The number of the first band of a part, counted from 0, and its values, [some, n]."""


@dataclass(frozen=True)
class Band:
    """What a band holds.

    Attributes:
        name: Description of the band, which every reader shows.
        unit: Unit of its values, such as `cosine` or `hour, local time`.
        tags: Further metadata of the band, such as GROUNDCAST_WHEN.
    """

    name: str
    unit: str
    tags: dict[str, str] | None = None


@dataclass(frozen=True)
class WrittenRaster:
    """What was written.

    Attributes:
        width: Columns, pixels.
        height: Rows, pixels.
        crs: EPSG code or PROJ string.
        pixel_m: Height of a pixel on the ground.
        hidden: Tiles of which no pixel is left: smaller than a pixel, or under others.
    """

    width: int
    height: int
    crs: str
    pixel_m: float
    hidden: int


def write_geotiff(
    path: Path,
    bands: Sequence[Band],
    parts: Callable[[], Parts],
    *,
    places: Places,
    provenance: dict[str, Any],
    description: str,
    averaged: bool = True,
    pixel_m: float | None = None,
) -> WrittenRaster:
    """Write values of tiles as a COG; the file appears whole or not at all.

    Args:
        path: The GeoTIFF to write; replaced if it is there.
        bands: What each band holds, in the order of `parts`.
        parts: Gives the values of the bands, once through.
        places: Of the tiles, n > 0.
        provenance: What was asked of what; becomes tags.
        description: One line in TIFFTAG_IMAGEDESCRIPTION, which every reader shows.
        averaged: Whether overviews average; else they take the nearest pixel, as kinds need.
        pixel_m: Height of a pixel; None: chosen.

    Raises:
        GroundcastError: The file cannot be written, such as on a full disk.
    """
    canvas = raster_canvas(places, bands=len(bands), pixel_m=pixel_m)
    # which tile a pixel shows is the same in every band: worked out once, 4 bytes a pixel
    strips = list(_strips(Resampler(canvas, Squares.of(places))))
    shown = np.zeros(len(places.lat) + 1, bool)
    for _, owners in strips:
        shown[owners.reshape(-1)] = True  # −1 is the last
    written = WrittenRaster(canvas.width, canvas.height, canvas.crs, canvas.pixel_m, int((~shown[:-1]).sum()))
    tags = _tags(provenance, description, canvas, written)
    # GDAL's own default is a share of the machine's memory
    with _gdal_errors(path), whole_file(path) as temporary, rasterio.Env(GDAL_CACHEMAX=_CACHE_MB):
        plain = temporary.with_suffix(".strips.tif")
        try:
            _write_strips(plain, canvas, strips, bands, parts(), tags)
            _copy_as_cog(plain, temporary, averaged=averaged)
            _check_whole(temporary)
        finally:
            plain.unlink(missing_ok=True)
    return written


def raster_canvas(places: Places, *, bands: int = 1, pixel_m: float | None = None) -> Canvas:
    """The pixels of a raster over tiles.

    Args:
        places: Of the tiles, n > 0.
        bands: How many values a pixel has.
        pixel_m: Height of a pixel; None: chosen.
    """
    most = max(1, min(MAX_PIXELS, MAX_SAMPLES // bands))
    return canvas_of(places, pixel_m=pixel_m or fitting_pixel_m(places), max_pixels=most)


def affine_of(canvas: Canvas) -> Affine:
    """From columns and rows, whose corner of the first pixel is 0, 0, to the canvas's CRS; as rasterio takes it."""
    return Affine(canvas.dx, 0, canvas.left, 0, -canvas.dy, canvas.top)


def fitting_pixel_m(places: Places) -> float:
    """A quarter of a small tile, or of the step between tiles where they overlap, metres."""
    size = float(np.quantile(places.size_m, 0.05))  # not the smallest: one tiny tile would decide for all
    step = _steps_m(places, size)
    return (max(size / 4, float(np.median(step))) if len(step) else size) / _PIXELS_A_TILE


def _steps_m(places: Places, size: float) -> npt.NDArray[np.float64]:
    """How far the nearest other tile of some tiles is, metres; ``size`` where none is as near as that."""
    lat, lon = np.asarray(places.lat, float), np.asarray(places.lon, float)
    some = np.arange(len(lat))[:: max(1, len(lat) // 1000)]
    high = size / MEAN_DEGREE_M
    wide = high / np.cos(np.radians(lat[some])).clip(0.01)
    around = shapely.box(lon[some] - wide, lat[some] - high, lon[some] + wide, lat[some] + high)
    asked, other = shapely.STRtree(np.asarray(shapely.points(lon, lat))).query(around)
    one = some[asked]
    east = (lon[other] - lon[one]) * np.cos(np.radians(lat[one]))
    apart = np.hypot(east, lat[other] - lat[one]) * MEAN_DEGREE_M
    step = np.full(len(some), size)
    apart[apart <= size / 100] = size  # itself; and two dates of one tile are no step
    np.minimum.at(step, asked, apart)
    return step


def _strips(resampler: Resampler) -> Iterator[tuple[int, Owners]]:
    """First rows of strips, and the tile of each of their pixels."""
    canvas = resampler.canvas
    rows = max(1, _STRIP // canvas.width // _BLOCK) * _BLOCK  # whole blocks: none is written twice
    for start in range(0, canvas.height, rows):
        yield start, resampler.strip(start, min(canvas.height, start + rows))


def _tags(provenance: dict[str, Any], description: str, canvas: Canvas, written: WrittenRaster) -> dict[str, str]:
    tags = {"TIFFTAG_IMAGEDESCRIPTION": description, "TIFFTAG_SOFTWARE": "groundcast"}
    if provenance.get("attribution"):
        tags["TIFFTAG_COPYRIGHT"] = f"Imagery: {provenance['attribution']}"
    for name, value in provenance.items():
        if value is not None:
            tags[f"GROUNDCAST_{name.upper().removeprefix('GROUNDCAST_')}"] = (
                value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            )
    tags["GROUNDCAST_RESAMPLING"] = RULE
    tags["GROUNDCAST_PIXEL_M"] = f"{canvas.pixel_m:.6g}"
    tags["GROUNDCAST_HIDDEN_TILES"] = str(written.hidden)
    # GDAL's tags are C strings: they end at a zero
    return {name: value.replace("\x00", "").encode("utf-8", "replace").decode() for name, value in tags.items()}


def _write_strips(
    path: Path,
    canvas: Canvas,
    strips: Sequence[tuple[int, Owners]],
    bands: Sequence[Band],
    parts: Parts,
    tags: dict[str, str],
) -> None:
    transform = affine_of(canvas)
    profile = {"driver": "GTiff", "dtype": "float32", "nodata": float("nan"), "count": len(bands), "tiled": True}
    layout = {"blockxsize": _BLOCK, "blockysize": _BLOCK, "interleave": "band", "compress": "zstd", "zstd_level": 1}
    size = {"width": canvas.width, "height": canvas.height, "crs": CRS.from_string(canvas.crs), "transform": transform}
    # sparse: blocks without a tile take no space; zstd at its quickest, for this file is read once and goes
    with rasterio.open(path, "w", **profile, **layout, **size, SPARSE_OK=True, BIGTIFF="IF_SAFER") as raster:
        raster.update_tags(**tags)
        for number, band in enumerate(bands, start=1):
            raster.set_band_description(number, band.name)
            raster.set_band_unit(number, band.unit)
            raster.update_tags(number, **(band.tags or {}))
        for first, values in parts:
            padded = np.pad(values, ((0, 0), (0, 1)), constant_values=np.nan)  # −1 is the last: no data
            # pixels look their value up in the column of a band, with one NaN behind it for those that no tile owns
            for start, owners in strips:
                window = Window(0, start, canvas.width, len(owners))
                for number, column in enumerate(padded, start=first + 1):
                    raster.write(column[owners], number, window=window)
            for number, column in enumerate(values, start=first + 1):
                raster.update_tags(number, **_statistics(column))


def _statistics(values: Values) -> dict[str, str]:
    """What a viewer stretches its colours by; of the tiles, so only nearly that of the pixels."""
    known = values[np.isfinite(values)].astype(np.float64)
    if not len(known):
        return {}
    numbers = {"MINIMUM": known.min(), "MAXIMUM": known.max(), "MEAN": known.mean(), "STDDEV": known.std()}
    return {f"STATISTICS_{name}": f"{value:.8g}" for name, value in numbers.items()} | {"STATISTICS_APPROXIMATE": "YES"}


def _copy_as_cog(plain: Path, path: Path, *, averaged: bool) -> None:
    """Overviews, and the order of a COG: the small ones first, then the pixels.

    Not GDAL's COG driver: before 3.11 it interleaves by pixel, and a block of 288 bands is of no use to anyone.
    """
    with rasterio.open(plain, "r+") as raster:
        longest = max(raster.width, raster.height)
        # down to half a block: a smaller overview saves a viewer nothing
        factors = [2**power for power in range(1, 30) if longest // 2**power >= _BLOCK // 2]
        if factors:
            raster.build_overviews(factors, Resampling.average if averaged else Resampling.nearest)
    layout = {"TILED": "YES", "BLOCKXSIZE": _BLOCK, "BLOCKYSIZE": _BLOCK, "INTERLEAVE": "BAND"}
    # DEFLATE: every reader has it. No predictor: for squares of one value it only gets in the way
    packed = {"COMPRESS": "DEFLATE", "BIGTIFF": "IF_SAFER", "NUM_THREADS": "ALL_CPUS"}
    rasterio.shutil.copy(plain, path, driver="GTiff", COPY_SRC_OVERVIEWS="YES", **layout, **packed)


def _check_whole(path: Path) -> None:
    """Read the last pixels of the last band and of the smallest overview: GDAL may finish a file that lacks its end."""
    with rasterio.open(path) as raster:
        corner = Window(raster.width - 1, raster.height - 1, 1, 1)
        raster.read(raster.count, window=corner)
        raster.read(1, out_shape=(1, min(64, raster.height), min(64, raster.width)))


@contextmanager
def _gdal_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except (RasterioError, CPLE_BaseError) as error:  # the second where GDAL fails while it closes or copies
        raise cannot_write(path, str(error)) from error
