"""One door to all imagery: a path or URL in, the source that reads it out.

It looks at names and at what lies there, never at pixels; each source says itself why it cannot be read.
"""

import json
import logging
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urljoin, urlsplit

from ingest.sources.allowed_hosts import check_url
from ingest.sources.chips import MANIFESTS, ChipSource
from ingest.sources.pyramid import PyramidSource
from ingest.sources.rasters.raster import EXTENSIONS, RasterEntry, RasterSource, raster_folder
from ingest.sources.scene import scene_entries
from ingest.sources.source import Problem, Source, SourceOptions, by_reason, path_of, printable
from ingest.sources.stac import stac_entries
from ingest.sources.tiles.description import describe
from ingest.sources.tiles.folder import EXTENSIONS as PICTURES
from ingest.sources.tiles.folder import FolderStore, is_tile_folder, says_tiles, split_template, tile_folders
from ingest.sources.tiles.mbtiles_store import MbtilesStore
from ingest.sources.tiles.pmtiles_store import PmtilesStore
from ingest.sources.tiles.server import WebStore
from ingest.sources.web import Web, mask_url
from trainer.errors import ItemError, SourceError, UsageError

SANDBOX = "sandbox:"  # `ingest.sandbox.source.SCHEME`, said here so that the planet need not be imported
KINDS = (
    "a GeoTIFF, VRT, JPEG 2000 or MBTiles file; a folder of them; a folder z/x/y of map tiles; a .pmtiles file; "
    "a URL with {z}/{x}/{y}; a STAC .json (file or URL) or stac+https://…/search?…; a folder with manifest.csv; "
    "sandbox: or sandbox:NAME, the made-up planet or one island of it"
)
log = logging.getLogger(__name__)

_PIXELS = ("bands", "nodata", "scale")
_USED = {  # of the options that not every source has a use for
    "a raster": _PIXELS,
    "a folder of rasters": (*_PIXELS, "asset"),
    "STAC": (*_PIXELS, "asset"),
    "a folder of tiles": ("nodata", "scale", "zoom", "tms"),
    "a tile server": ("nodata", "scale", "zoom", "tms", "missing_403"),
    "an archive of tiles": ("nodata", "scale", "zoom"),
    "a folder of chips": _PIXELS,
    "the planet": (),
}
_SELECTIVE = sorted({name for names in _USED.values() for name in names})
_ARCHIVES = (".mbtiles", ".pmtiles")


def open_source(uri: str, options: SourceOptions | None = None) -> Source | ChipSource:
    """Open imagery of any kind.

    Args:
        uri: One of `KINDS`.
        options: Bands, zoom, dates and the like; None takes the defaults.

    Raises:
        SourceError: It cannot be opened; the message says what was tried and why not.
        UsageError: An option has no use for it.
    """
    options = options or SourceOptions()
    _check_name(uri)
    if uri.startswith(SANDBOX):
        _check_options(uri, options, "the planet")
        from ingest.sandbox.source import SandboxSource  # the planet is large, and most people never ask for it

        return SandboxSource(uri, options)
    # only the app sets allowed hosts: there the address is a stranger's
    if options.allowed_hosts is not None:
        _check_stranger(uri, options.allowed_hosts)
    if uri.startswith("stac+"):
        return _stac(uri, options)
    if _is_template(uri):
        return _template(uri, options)
    if _is_web(uri):
        return _remote(uri, options)
    # s3://, ftp://, …: taken for a path, it would only be a file that does not exist
    if re.match(r"[a-z][a-z0-9+.]+://", uri):
        raise SourceError(f"{mask_url(uri)}: this kind of address is not understood. Can be read: {KINDS}")
    path = path_of(uri)
    if path.is_dir():
        return _folder(path, options)
    if not path.exists():
        raise SourceError(f"{uri}: there is no such file or folder. Can be read: {KINDS}")
    return _file(path, options)


def source_location(source: str) -> str:
    """A URL as it is, a path made absolute, so that the same source has the same name from everywhere.

    Raises:
        UsageError: It is empty, which would be the folder that one happens to be in.
    """
    if not source.strip():
        raise UsageError("SOURCE is empty: give a path or a URL")
    if "://" in source or source.startswith(SANDBOX):
        return source
    return str(path_of(source).resolve())


def _check_stranger(uri: str, allowed: Sequence[str]) -> None:
    """What came through the app: tiles of allowed hosts. GDAL's own reading over HTTP follows any redirect."""
    if not _is_web(uri) or not (_is_template(uri) or urlsplit(uri).path.lower().endswith(".pmtiles")):
        raise SourceError(
            f"{mask_url(uri)}: through the app, imagery is read from a URL with {{z}}/{{x}}/{{y}} or a .pmtiles URL; "
            "everything else is brought in with `groundcast ingest`"
        )
    try:
        check_url(uri, allowed)
    except ItemError as error:
        raise SourceError(f"{mask_url(uri)}: {error}") from error


def _is_template(uri: str) -> bool:
    """Whether it has placeholders, and is not a path that has braces in its name."""
    return "{" in uri and (_is_web(uri) or not path_of(uri).exists())


def _is_web(uri: str) -> bool:
    return uri.startswith(("http://", "https://"))


def _check_name(uri: str) -> None:
    try:
        uri.encode()
    except UnicodeEncodeError as error:
        raise SourceError(f"{printable(uri)}: its name is not UTF-8: rename it") from error


def _check_options(uri: str, options: SourceOptions, kind: str) -> None:
    """An option that would be passed over is an error: its user believes that it counts."""
    usual = SourceOptions()
    given = [name for name in _SELECTIVE if getattr(options, name) != getattr(usual, name)]
    useless = [f"--{name.replace('_', '-')}" for name in given if name not in _USED[kind]]
    if useless:
        raise UsageError(f"{mask_url(uri)}: {kind} has no use for {' and '.join(useless)}: leave it out")


def _rasters(uri: str, entries: Sequence[RasterEntry], options: SourceOptions) -> RasterSource:
    _check_options(uri, options, "a raster")
    return RasterSource(uri, entries, options)


def _json(uri: str, options: SourceOptions) -> Source:
    """TileJSON or STAC, by what the document says."""
    document = _read_json(uri, options)
    if isinstance(document, dict) and "tilejson" in document:
        return _tilejson(uri, document, options)
    return _stac(uri, options, document)


def _read_json(uri: str, options: SourceOptions) -> Any:
    try:
        if _is_web(uri):
            with Web(options) as web:
                body = web.get(uri)
            if body is None:
                raise SourceError(f"{mask_url(uri)}: there is no such document")
        else:
            body = Path(uri).read_bytes()
        return json.loads(body)
    except ItemError as error:
        raise SourceError(str(error)) from error
    except (OSError, ValueError, RecursionError) as error:
        raise SourceError(f"{mask_url(uri)}: not JSON that can be read ({error})") from error


def _tilejson(uri: str, document: dict[str, Any], options: SourceOptions) -> PyramidSource:
    shown = mask_url(uri)
    described = describe(document, shown)
    tiles = document.get("tiles")
    if not (isinstance(tiles, list) and tiles and isinstance(tiles[0], str)):
        raise SourceError(f"{shown}: TileJSON without tiles: it must name a URL with {{z}}, {{x}} and {{y}}")
    if "vector_layers" in document:
        raise SourceError(f"{shown}: its tiles are vectors, not pictures: give the TileJSON of raster tiles")
    if _is_web(uri) or _is_web(tiles[0]):
        _check_options(uri, options, "a tile server")
        address = tiles[0] if _is_web(tiles[0]) else urljoin(uri, tiles[0])
        return PyramidSource(WebStore(address, options, described), options)
    _check_options(uri, options, "a folder of tiles")
    where = str(Path(uri).parent / tiles[0].removeprefix("file://").removeprefix("./"))
    root, pattern = split_template(where)
    if not root.is_dir():  # it is a URL, so that %20 in it is a space, unless a folder is really called so
        root, pattern = split_template(unquote(where))
    return PyramidSource(FolderStore(root, options, pattern, described), options)


def _stac(uri: str, options: SourceOptions, document: Any = None) -> RasterSource:
    _check_options(uri, options, "STAC")
    entries, problems = stac_entries(uri, options, document)
    source = RasterSource(mask_url(uri), entries, options)
    # first: what STAC itself lacks, then the files that could not be opened
    source.problems[:0] = problems
    return source


def _template(uri: str, options: SourceOptions) -> PyramidSource:
    if _is_web(uri):
        _check_options(uri, options, "a tile server")
        return PyramidSource(WebStore(uri, options), options)
    if re.match(r"[a-z][a-z0-9+.]+://", uri):
        raise SourceError(f"{mask_url(uri)}: this kind of address is not understood. Can be read: {KINDS}")
    _check_options(uri, options, "a folder of tiles")
    root, pattern = split_template(uri)
    if not root.is_dir():
        raise SourceError(f"{uri}: {root} is no folder")
    return PyramidSource(FolderStore(root, options, pattern), options)


def _remote(uri: str, options: SourceOptions) -> Source:
    path = urlsplit(uri).path.lower()
    if path.endswith(".pmtiles"):
        return _pmtiles(uri, options)
    if path.endswith((".json", ".geojson")):
        return _json(uri, options)
    if path.endswith(".mbtiles"):
        raise SourceError(f"{mask_url(uri)}: MBTiles are read from a file: download it")
    if path.endswith(EXTENSIONS):
        return _rasters(mask_url(uri), [RasterEntry(uri, mask_url(uri))], options)
    raise SourceError(
        f"{mask_url(uri)}: from its ending it is not clear what this is (looked for {', '.join(EXTENSIONS)}, .pmtiles, "
        f".json and {{z}}/{{x}}/{{y}}). Can be read: {KINDS}"
    )


def _pmtiles(uri: str, options: SourceOptions) -> PyramidSource:
    _check_options(uri, options, "an archive of tiles")
    return PyramidSource(PmtilesStore(uri, options), options)


def _folder(path: Path, options: SourceOptions) -> Source | ChipSource:
    # a manifest says where each picture lies, so it goes before what the endings suggest
    if any((path / name).is_file() for name in MANIFESTS):
        _check_options(str(path), options, "a folder of chips")
        return ChipSource(path, options)
    files = raster_folder(path)
    if is_tile_folder(path):
        return _tile_folder(path, files, options)
    archives = sorted(p for p in path.rglob("*") if p.suffix.lower() in _ARCHIVES and p.is_file())
    pyramids = [*archives, *tile_folders(path)]
    if not files and len(pyramids) == 1:
        return _file(archives[0], options) if archives else _tile_folder(pyramids[0], [], options)
    if not files:
        raise SourceError(_nothing_in(path, pyramids))
    source = _scenes(path, files, options)
    source.problems += [_not_with(name, "map tiles", "rasters") for name in pyramids]
    return source


def _tile_folder(path: Path, files: Sequence[RasterEntry], options: SourceOptions) -> PyramidSource:
    """A folder of tiles, in which rasters may lie too."""
    rasters = [Path(entry.path) for entry in files if entry.path.lower().endswith(EXTENSIONS)]
    if rasters and not says_tiles(path):
        more = f" and {len(rasters) - 1} more rasters" if len(rasters) > 1 else ""
        raise SourceError(
            f"{path}: it holds map tiles, and {printable(str(rasters[0]))}{more} among them: give "
            f"{path}/{{z}}/{{x}}/{{y}}.png for the tiles; for rasters give a file's own path, or move the tiles into "
            "a folder of their own"
        )
    _check_options(str(path), options, "a folder of tiles")
    source = PyramidSource(FolderStore(path, options), options)
    source.problems += [_not_with(raster, "a raster", "map tiles") for raster in rasters]
    return source


def _not_with(path: Path, kind: str, others: str) -> Problem:
    name = printable(str(path))
    return Problem(
        name, "unsupported", f"{name}: {kind} among {others}, not read with them: bring it in by its own path"
    )


def _scenes(path: Path, files: Sequence[RasterEntry], options: SourceOptions) -> RasterSource:
    """The pictures of a folder's scenes."""
    _check_options(str(path), options, "a folder of rasters")
    entries, problems, notes = scene_entries(files, options.asset)
    if not entries:
        told = [problem.message for problem in (problems or notes)]
        more = f"; and {len(told) - 3} more" if len(told) > 3 else ""
        raise SourceError(f"{path}: no picture in this folder: {'; '.join(told[:3])}{more}")
    for note in by_reason(notes):
        log.warning("%s", note)
    source = RasterSource(str(path), entries, options)
    # first: what names tell, then what the files themselves do
    source.problems[:0], source.notes[:0] = problems, notes
    return source


def _nothing_in(path: Path, pyramids: Sequence[Path]) -> str:
    """What was looked for in a folder, and what lies there instead."""
    if pyramids:
        shown = printable(str(pyramids[0]))
        held = f"{len(pyramids)} archives or folders of map tiles"
        return f"{path}: it holds {held}: bring in each by its own path: {shown} …"
    picture = next((p for p in path.rglob("*") if p.suffix.lower() in PICTURES), None)
    hint = (
        "" if picture is None else f"; {printable(str(picture))} and other pictures do not say where they lie: write "
        f"{MANIFESTS[0]} with a line for each, or bring them in with `groundcast photos` if they are photos"
    )  # fmt: skip
    return (
        f"{path}: nothing in this folder can be read: no {' or '.join(MANIFESTS)}, no z/x/y tiles, no file ending in "
        f"{', '.join((*EXTENSIONS, *_ARCHIVES))}{hint}"
    )


def _file(path: Path, options: SourceOptions) -> Source:
    suffix = path.suffix.lower()
    if suffix == ".pmtiles":
        return _pmtiles(str(path), options)
    if suffix in (".json", ".geojson"):
        return _json(str(path), options)
    if suffix == ".gpkg":
        raise SourceError(
            f"{path}: pictures in a GeoPackage are not read, because GDAL shows broken tiles of it as black: give what "
            "it was made from, or `rio convert FILE NEW.tif` and look at it"
        )
    if suffix == ".mbtiles":
        _check_options(str(path), options, "an archive of tiles")
        return PyramidSource(MbtilesStore(path), options)
    return _rasters(str(path), [RasterEntry(str(path), str(path))], options)
