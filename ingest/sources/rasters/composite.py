"""Bands that lie in files of their own, as one raster: the XML of a VRT, which GDAL opens as if it were a file.

It does not know which files belong together: `scene` and `stac_assets` say so.
"""

from collections.abc import Sequence
from pathlib import Path
from xml.etree.ElementTree import Element, SubElement, tostring

import numpy as np
from rasterio.io import DatasetReader

from ingest.sources.colours import PICTURE
from ingest.sources.rasters.handles import HandlePool
from trainer.errors import ItemError

_TYPES = {
    "uint8": "Byte", "int8": "Int8", "uint16": "UInt16", "int16": "Int16", "uint32": "UInt32", "int32": "Int32",
    "float32": "Float32", "float64": "Float64",
}  # fmt: skip


def composite(paths: Sequence[str], pool: HandlePool, name: str) -> str:
    """The XML of a VRT made of the first bands of three files: red, green and blue.

    Args:
        paths: As GDAL takes them, in this order.
        pool: Lends the open files.
        name: For messages.

    Raises:
        ItemError: They are not single bands of one type on the same pixels.
        RasterioError: One cannot be opened.
    """
    root = Element("VRTDataset")
    first: list[object] = []
    for number, path in enumerate(paths, start=1):
        with pool.lease(path) as dataset:
            affine = [round(value, 9) for value in dataset.transform.to_gdal()]
            like = [dataset.width, dataset.height, dataset.count, dataset.crs, dataset.dtypes[0], affine]
            if not first:
                first = like
                root.set("rasterXSize", str(dataset.width))
                root.set("rasterYSize", str(dataset.height))
                SubElement(root, "SRS").text = dataset.crs.to_wkt() if dataset.crs else ""
                SubElement(root, "GeoTransform").text = ", ".join(map(repr, dataset.transform.to_gdal()))
            if like != first or dataset.count != 1 or dataset.dtypes[0] not in _TYPES:
                raise ItemError(
                    "bands",
                    f"{name}: its red, green and blue are files of their own, but {path} is not one band of the same "
                    "type on the same pixels as the others: stack them with `gdalbuildvrt -separate`, or choose one "
                    "with --asset",
                )
            _add_band(root, dataset, path, number)
    return tostring(root, encoding="unicode")


def _add_band(root: Element, dataset: DatasetReader, path: str, number: int) -> None:
    """The first band of a file as a band of the VRT, with what the file says of it."""
    colour = PICTURE[number - 1]
    band = SubElement(root, "VRTRasterBand", dataType=_TYPES[dataset.dtypes[0]], band=str(number))
    SubElement(band, "Description").text = colour
    nodata = dataset.nodatavals[0]
    if nodata is not None:
        SubElement(band, "NoDataValue").text = "nan" if np.isnan(nodata) else repr(nodata)
    SubElement(band, "Offset").text = repr(float(dataset.offsets[0]))
    SubElement(band, "Scale").text = repr(float(dataset.scales[0]))
    SubElement(band, "ColorInterp").text = colour.capitalize()
    source = SubElement(band, "SimpleSource")
    absolute = path if path.startswith("/vsi") else str(Path(path).resolve())
    SubElement(source, "SourceFilename", relativeToVRT="0").text = absolute
    SubElement(source, "SourceBand").text = "1"
