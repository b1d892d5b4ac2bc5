"""One raster file as a plain picture: a crop given as a question, which need not say where it lies.

It is shown as its collection's imagery is: the same bands, nodata and stretch. It does not know places.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from rasterio.enums import Resampling

from ingest.sources.bands import UNMEASURED, plan_bands
from ingest.sources.rasters.handles import GDAL_ERRORS, HandlePool
from ingest.sources.source import Image8, SourceOptions, finish
from trainer.errors import ItemError

RASTER_SUFFIXES = frozenset({".tif", ".tiff", ".vrt", ".jp2", ".j2k", ".img", ".ntf"})
MAX_SIDE_PX = 2048  # larger crops are reduced on reading; a model sees far less


def read_crop(
    path: Path, options: SourceOptions, stretch: Sequence[float] | Mapping[str, Sequence[float]] | None
) -> Image8:
    """Reads a raster whole, reduced to `MAX_SIDE_PX` where it is larger.

    Args:
        options: As the collection's imagery was read.
        stretch: Values that its imagery shows as black and white, for other than 8-bit files, or those of each type;
            None: not known.

    Returns:
        uint8 [h, w, 3], RGB.

    Raises:
        ItemError: It cannot be read or shown.
    """
    pool = HandlePool()
    try:
        with pool.lease(str(path)) as dataset:
            plan = plan_bands(dataset, options)
            if plan.stretch == UNMEASURED:
                plan = plan.stretched(_known(stretch, path, plan.dtype))
            shrink = max(1.0, max(dataset.width, dataset.height) / MAX_SIDE_PX)
            shape = (max(1, round(dataset.height / shrink)), max(1, round(dataset.width / shrink)))
            if plan.alpha is not None:
                seen = dataset.read(plan.alpha, out_shape=shape)
                plan = plan.with_alpha_seen(seen, chosen=options.bands is not None)
            indexes = plan.read_indexes
            how = Resampling.nearest if plan.by_pixel or plan.palette is not None else Resampling.average
            values = dataset.read(indexes, out_shape=(len(indexes), *shape), resampling=how)
            mask = dataset.read_masks(plan.masks, out_shape=shape) if plan.masks else None
            rgb, valid = plan.to_rgb(values, mask)
    except GDAL_ERRORS as error:
        raise ItemError("unreadable", f"'{path}' cannot be read as a raster: {error}") from error
    finally:
        pool.close()
    return finish(np.ascontiguousarray(rgb.transpose(1, 2, 0)), valid)


def _known(
    stretch: Sequence[float] | Mapping[str, Sequence[float]] | None, path: Path, dtype: str
) -> tuple[float, float]:
    if isinstance(stretch, Mapping):
        stretch = stretch.get(dtype)
    if stretch is None:
        raise ItemError(
            "unsupported",
            f"'{path}' has values of type {dtype}, and the collection's imagery none: save it as 8-bit RGB",
        )
    return float(stretch[0]), float(stretch[1])
