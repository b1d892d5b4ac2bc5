"""The files that a VRT is made of, each opened once: what of them is missing, broken, or not as the VRT has it.

GDAL does not tell it for sure while it reads the VRT. It does not read pixels.
"""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import rasterio
from rasterio.errors import RasterioError
from rasterio.io import DatasetReader

from ingest.sources.rasters.reach import DRIVERS, names_nothing_beyond, own_reach
from ingest.sources.rasters.vrt import read_vrt
from ingest.sources.references import Bounds
from ingest.sources.source import Problem
from trainer.errors import ItemError

_OPENERS = 8  # threads: each may wait for the network


def source_problems(path: str, name: str, bounds: Bounds) -> tuple[list[Problem], int]:
    """What is wrong with the files that a VRT is made of, by opening each, and how many there are.

    Args:
        path: As GDAL takes it.
        name: Of the VRT, for messages.
        bounds: Where those files may lie, and what they name in turn.

    Raises:
        ItemError: The VRT itself cannot be read, or a file that is its mask alone: GDAL tells so once, and then takes
            the mask for one that hides everything. Or a file has not the size that the VRT was made for: GDAL shows
            another part of it, or black, without a word.
    """
    vrt = read_vrt(path, bounds)
    with ThreadPoolExecutor(_OPENERS if any("/vsi" in raster for raster in vrt.rasters) else 1) as threads:
        found = list(threads.map(lambda raster: _problem(raster, name, vrt.sizes.get(raster), bounds), vrt.rasters))
    problems = [problem for problem in found if problem is not None]
    for problem in problems:
        if problem.subject in vrt.masks:
            told = problem.message.rpartition("; ")[0]
            raise ItemError(problem.reason, f"{told}; it is the mask of the others: put it there, or take MaskBand out")
    return problems, len(vrt.rasters)


def _problem(raster: str, name: str, size: tuple[int, int] | None, bounds: Bounds) -> Problem | None:
    reason, why = "", ""
    if not raster.startswith("/vsi"):
        file = Path(raster)
        if not file.is_file():
            reason, why = "missing", "there is no such file"
        elif file.stat().st_size == 0:
            reason, why = "empty", "it is empty (0 bytes)"
    if not reason:
        try:
            with rasterio.Env(), own_reach(raster):
                with DatasetReader(raster, driver=list(DRIVERS), sharing=False) as dataset:
                    names_nothing_beyond(dataset, bounds.seen_from(raster))
                    found = (dataset.width, dataset.height)
                # as the VRT will open it: a file may pass for one of several kinds
                with DatasetReader(raster, sharing=False) as dataset:
                    if dataset.driver not in DRIVERS:
                        raise ItemError("unsupported", f"{name}: its source {raster} is {dataset.driver} too: not read")
        except (RasterioError, OSError, ValueError) as error:  # the last of a CRS, and of words that are not UTF-8
            reason = "http" if "/vsicurl/" in raster else "not_a_raster"
            why = f"it cannot be opened ({' '.join(str(error).split())[:200]})"
        else:
            if size in (None, found):
                return None
            raise ItemError(
                "not_a_raster",
                f"{name}: its source {raster} has {found[0]} × {found[1]} pixels, and had {size[0]} × {size[1]} when "
                "the VRT was made: make the VRT anew",
            )
    return Problem(
        raster, reason, f"{name}: its source {raster}: {why}; tiles that it lies under fail until it is there"
    )
