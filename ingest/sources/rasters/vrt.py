"""VRT files: the files that they name, and their XML with a name of its own for each of those.

What they name must lie where `ingest.sources.references` lets it.

GDAL keeps what it opens for VRTs in one pool for all threads, by name. While one thread's opening of a missing file
fails, another that asks for the same file gets nothing, without an error, and shows black pixels. Under names of its
own, every open VRT fails for itself. A mosaic with gaps that names no value for them gets a mask of its sources: GDAL
fills gaps with 0, which is no black ground. It does not read pixels.
"""

import xml.etree.ElementTree as ET
from collections.abc import Container, Iterator
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import shapely
from rasterio.io import DatasetReader

from ingest.sources.rasters.reach import XML, is_vrt
from ingest.sources.references import Bounds
from ingest.sources.source import SourceOptions
from ingest.sources.web import Web
from trainer.errors import ItemError

_NAMES = ("SourceFilename", "SourceDataset")
_DEEPEST = 8  # VRTs in VRTs
_NO_PIXEL = ("NoDataValue", "NODATA")
_RECT = ("xOff", "yOff", "xSize", "ySize")
_OF_MASK = (*_NAMES, "OpenOptions", "SourceBand", "SourceProperties", "SrcRect", "DstRect")
_RAW = "VRTRawRasterBand"
_NAMING_ITEMS = {"X_DATASET", "Y_DATASET", "OVERVIEW_FILE"}  # of metadata, that GDAL opens
_NOWHERE = "/not-read"  # nothing lies below it; of /vsimem GDAL does not say what it missed


@dataclass(frozen=True)
class Vrt:
    """A VRT.

    Attributes:
        text: Its XML, VRTs in it included.
        root: The folder that its relative paths start from, as GDAL takes it.
        files: The other files that it is made of, as GDAL takes them, VRTs in it first.
        rasters: Of those, the ones that hold pixels.
        masks: Of those, the ones that hold a mask of the others and nothing else.
        sizes: Columns and rows of rasters, as far as they are said to have so many.
    """

    text: str
    root: str
    files: tuple[str, ...]
    rasters: tuple[str, ...]
    masks: frozenset[str]
    sizes: dict[str, tuple[int, int]]


class VrtReader(DatasetReader):  # type: ignore[misc]
    """An open VRT, by its file's name, and with its files.

    Args:
        path: As GDAL takes it.
        serial: No other open VRT of this process has it.
        bounds: Where its files may lie.
        unusable: Of those, the ones that GDAL is not to open.

    Raises:
        RasterioError: It cannot be opened.
        ItemError: It cannot be read, or names what it may not.
    """

    def __init__(self, path: str, serial: int, bounds: Bounds, unusable: Container[str] = ()) -> None:
        vrt = read_vrt(path, bounds, unusable, own=str(serial))
        self._path, self._files = path, vrt.files
        root = {"ROOT_PATH": vrt.root} if vrt.root else {}
        super().__init__(vrt.text, driver="VRT", sharing=False, **root)

    @property
    def name(self) -> str:
        """The VRT's path."""
        return "a VRT" if self._path.startswith(XML) else self._path

    @property
    def files(self) -> list[str]:
        """All files that it is made of."""
        return [*([] if self._path.startswith(XML) else [self._path]), *self._files]


def read_vrt(path: str, bounds: Bounds, unusable: Container[str] = (), *, own: str = "") -> Vrt:
    """A VRT's XML, and what it names.

    Args:
        path: As GDAL takes it.
        bounds: Where its files may lie.
        unusable: Files that GDAL is not to open: under another name they fail the tiles that they lie under.
        own: Told to GDAL with each file, so that it opens them for this VRT alone.

    Raises:
        ItemError: It cannot be read, or is no XML; or with reason ``not_allowed``, it names what it may not.
    """
    named = _Named([], {}, {}, bounds, unusable, own)
    text = ET.tostring(_expanded(path, named, 0), "unicode")
    masks = frozenset(raster for raster, is_mask in named.rasters.items() if is_mask)
    return Vrt(text, _folder(path), tuple(dict.fromkeys(named.files)), tuple(named.rasters), masks, named.sizes)


@dataclass(frozen=True)
class _Named:
    """What VRTs name, while they are read: files, those that hold pixels and whether as a mask alone, their sizes.

    And where they may lie, which GDAL is not to open, and what is told with each.
    """

    files: list[str]
    rasters: dict[str, bool]
    sizes: dict[str, tuple[int, int]]
    bounds: Bounds
    unusable: Container[str]
    own: str


def _expanded(path: str, into: _Named, depth: int, *, is_mask: bool = False) -> "ET.Element[str]":
    """The XML of a VRT with the XML of those in it, all paths absolute.

    Args:
        path: As GDAL takes it.
        into: Gets what they name.
        depth: In how many others it is.
        is_mask: It is in the mask of another.
    """
    tree = _parsed(path)
    root = _folder(path)
    gaps = False
    bounds = into.bounds.seen_from(path)
    ours = path.startswith(XML) and depth == 0  # made of files that were looked at
    _check_kind(tree, path, bounds)
    masking = {element for mask in tree.iter("MaskBand") for element in mask.iter()}
    for parent, named in _sources(tree):
        masks = is_mask or parent in masking
        told = (named.text or "").strip()
        if told.startswith(XML):
            inner = told
        else:
            relative = next((v for k, v in named.attrib.items() if k.lower() == "relativetovrt"), "0") == "1"
            inner = f"{root}/{told}" if relative and root else told
            if not ours:
                bounds.check(inner, path if root else "a VRT")
            into.files.append(inner)
            if inner != told:  # of a VRT in this one GDAL would look beside this one
                named.text = inner
                named.attrib.clear()
        options = parent.find("OpenOptions")
        if options is None:  # which may ask for an overview, of another size
            into.sizes.update((inner, size) for size in _said_size(parent))
            options = ET.Element("OpenOptions")
            parent.insert(list(parent).index(named) + 1, options)
        if is_vrt(inner) and depth >= _DEEPEST:
            raise ItemError("unsupported", f"{path}: VRTs in VRTs more than {_DEEPEST} deep, or in themselves")
        if is_vrt(inner) and (inner.startswith(("/vsi", XML)) or Path(inner).is_file()):
            within = _expanded(inner, into, depth + 1, is_mask=masks)
            gaps = gaps or within.find("MaskBand") is not None  # which GDAL would leave inside
            named.text = ET.tostring(within, "unicode")
            named.attrib.clear()
        else:
            into.rasters[inner] = masks and into.rasters.get(inner, True)
            if inner in into.unusable:
                named.text = f"{_NOWHERE}{inner}"
                named.attrib.clear()
            ET.SubElement(options, "OOI", key="@own").text = into.own  # @: a driver need not know it
    if _shows_all(tree) and (gaps or _has_gaps(tree)):
        tree.append(_mask_of_sources(tree))
    return tree


def _shows_all(tree: "ET.Element[str]") -> bool:
    """Whether nothing in a mosaic says which of its pixels are none."""
    bands = tree.findall("VRTRasterBand")
    plain = tree.get("subClass") is None and not any("subClass" in band.attrib for band in bands)
    alpha = any((band.findtext("ColorInterp") or "").strip().lower() == "alpha" for band in bands)
    told = tree.find("MaskBand") is not None or any(band.find(name) is not None for band in bands for name in _NO_PIXEL)
    return bool(bands) and plain and not alpha and not told


def _has_gaps(tree: "ET.Element[str]") -> bool:
    """Whether a mosaic has pixels under no source of its first band."""
    try:
        columns, rows = (float(tree.get(key, "")) for key in ("rasterXSize", "rasterYSize"))
        places = [source.find("DstRect") for source in _mosaic(tree)]
        # without one, a source fills the raster
        rects = [
            [0.0, 0.0, columns, rows] if at is None else [float(at.get(key, "")) for key in _RECT] for at in places
        ]
    except ValueError:
        return False  # GDAL will say so
    parts = shapely.box(*np.array([[x, y, x + wide, y + high] for x, y, wide, high in rects]).reshape(-1, 4).T)
    covered = shapely.union_all(parts)
    return bool(shapely.area(shapely.difference(shapely.box(0, 0, columns, rows), covered)) >= 1)  # a pixel


def _mask_of_sources(tree: "ET.Element[str]") -> "ET.Element[str]":
    """A mask of the mosaic: that of each source where it lies, and nothing elsewhere."""
    mask = ET.Element("MaskBand")
    band = ET.SubElement(mask, "VRTRasterBand", dataType="Byte")
    for source in _mosaic(tree):
        own = ET.SubElement(band, "SimpleSource", {"resampling": "near"})
        own.extend(deepcopy(child) for child in source if child.tag in _OF_MASK)
        number = own.find("SourceBand")
        if number is None:
            number = ET.SubElement(own, "SourceBand")
        number.text = f"mask,{(number.text or '1').strip().removeprefix('mask,')}"
    return mask


def _mosaic(tree: "ET.Element[str]") -> list["ET.Element[str]"]:
    """The sources of the first band."""
    return [element for element in tree.findall("VRTRasterBand")[0] if element.tag.endswith("Source")]


def _said_size(source: "ET.Element[str]") -> Iterator[tuple[int, int]]:
    """Columns and rows of what a source names, if it says them."""
    said = source.find("SourceProperties")
    columns, rows = ("", "") if said is None else (said.get(key, "") for key in ("RasterXSize", "RasterYSize"))
    if columns.isdecimal() and rows.isdecimal():
        yield int(columns), int(rows)


def _check_kind(tree: "ET.Element[str]", path: str, bounds: Bounds) -> None:
    """Refuse bands that are the bytes of any file, and files that are named elsewhere than as sources."""
    for element in tree.iter():
        if element.get("subClass", "").casefold() == _RAW.casefold():
            told = "bands that are the bytes of a file as they lie are not read: save what it shows as GeoTIFF"
            raise ItemError("unsupported", f"{path if _folder(path) else 'a VRT'}: {told}")
        naming = (
            element.tag == "DEMPath"
            or (element.tag == "MDI" and element.get("key", "").upper() in _NAMING_ITEMS)
            or (element.tag == "Argument" and "filename" in element.get("name", ""))
        )
        if naming and (text := (element.text or "").strip()):
            bounds.check(text, path if _folder(path) else "a VRT")


def _folder(path: str) -> str:
    return "" if path.startswith(XML) else path.partition("?")[0].rpartition("/")[0]


def _parsed(path: str) -> "ET.Element[str]":
    try:
        return ET.fromstring(_content(path))  # noqa: S314 - expat refuses entities that explode
    except (ET.ParseError, LookupError, ValueError, OSError) as error:  # an encoding that is not known, or no file
        raise ItemError("not_a_raster", f"{path}: not a VRT that can be read ({error})") from error


def _sources(tree: "ET.Element[str]") -> Iterator[tuple["ET.Element[str]", "ET.Element[str]"]]:
    """The elements that name a file, each with the one that it is part of."""
    for parent in list(tree.iter()):
        for name in _NAMES:
            named = parent.find(name)
            if named is not None:
                yield parent, named


def _content(path: str) -> bytes:
    if path.startswith(XML):
        return path.encode()
    if not path.startswith("/vsi"):
        return Path(path).read_bytes()
    if not path.startswith("/vsicurl/"):
        raise ItemError("unsupported", f"{path}: a VRT is read from a file or over http(s)")
    with Web(SourceOptions()) as web:
        body = web.get(path.removeprefix("/vsicurl/"))
    if body is None:
        raise ItemError("missing", f"{path}: there is no such file")
    return body
