"""What a raster file reaches beyond itself when GDAL opens it, and that it may be a VRT under any name.

What it names, such as a file of overviews, must lie where `ingest.sources.references` lets it. It does not know what
stands in a VRT.
"""

from contextlib import suppress
from pathlib import Path

import rasterio
from rasterio.io import DatasetReader

from ingest.sources.references import Bounds
from trainer.errors import ItemError

XML = "<VRTDataset"
DRIVERS = ("GTiff", "JP2OpenJPEG", "HFA", "NITF", "PNG", "JPEG", "WEBP")  # and VRT, which is opened here alone
_HEAD_BYTES = 1024  # in which GDAL looks for what a file is
_NAMING = (b"<VRTDataset", b"<MRF_META", b"<GDAL")  # descriptions of rasters that lie elsewhere


def is_vrt(path: str) -> bool:
    """Whether a path, or XML, is a VRT's: by its name, or as GDAL tells, which looks into the file."""
    if path.startswith(XML) or path.partition("?")[0].lower().endswith(".vrt"):
        return True
    return XML.encode() in _head(path)


def own_reach(path: str) -> rasterio.Env:
    """GDAL for a raster that is no VRT, to be used in ``with``: of the web it reads that one file, if it lies there."""
    return rasterio.Env() if is_vrt(path) else rasterio.Env(CPL_VSIL_CURL_ALLOWED_FILENAME=path)


def names_nothing_beyond(dataset: DatasetReader, bounds: Bounds) -> DatasetReader:
    """An open raster whose files lie where they may, such as its overviews; else it is closed.

    Raises:
        ItemError: With reason ``not_allowed``; or ``unsupported``: one is a description of rasters elsewhere.
    """
    try:
        for other in dataset.files:
            if other == dataset.name:
                continue
            bounds.check(other, dataset.name)
            if any(sign in _head(other) for sign in _NAMING):
                raise ItemError(
                    "unsupported", f"{dataset.name}: {other} beside it is no raster but names others: take it away"
                )
    except ItemError:
        dataset.close()
        raise
    return dataset


def _head(path: str) -> bytes:
    """What GDAL looks at of a local file to tell what it is; it stops at a zero."""
    with suppress(OSError, ValueError), Path(path).open("rb") as file:
        return file.read(_HEAD_BYTES).partition(b"\0")[0]
    return b""
