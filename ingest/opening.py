"""One door to all imagery: a path or URL in, the source that reads it out.

It looks at names and at what lies there, never at pixels; each source says itself why it cannot be read.
"""

import logging
import re
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from ingest.sources.allowed_hosts import check_url
from ingest.sources.chips import MANIFESTS, ChipSource
from ingest.sources.pyramid import PyramidSource
from ingest.sources.raster import EXTENSIONS, RasterEntry, RasterSource, raster_folder
from ingest.sources.scene import scene_entries
from ingest.sources.source import Source, SourceOptions, by_reason
from ingest.sources.stac import stac_entries
from ingest.sources.tilestore import FolderStore, PmtilesStore, WebStore, is_tile_folder
from ingest.sources.web import mask_url
from trainer.errors import ItemError, SourceError

SANDBOX = "sandbox:"  # `ingest.sandbox.source.SCHEME`, said here so that the planet need not be imported
KINDS = (
    "a GeoTIFF, VRT, JPEG 2000 or MBTiles file; a folder of them; a folder z/x/y of map tiles; a .pmtiles file; "
    "a URL with {z}/{x}/{y}; a STAC .json (file or URL) or stac+https://…/search?…; a folder with manifest.csv; "
    "sandbox: or sandbox:NAME, the made-up planet or one island of it"
)
log = logging.getLogger(__name__)
_TEMPLATE = re.compile(r"\{(z|x|-?y|q)\}")


def open_source(uri: str, options: SourceOptions | None = None) -> Source | ChipSource:
    """Open imagery of any kind.

    Args:
        uri: One of `KINDS`.
        options: Bands, zoom, dates and the like; None takes the defaults.

    Raises:
        SourceError: It cannot be opened; the message says what was tried and why not.
    """
    options = options or SourceOptions()
    if uri.startswith(SANDBOX):
        from ingest.sandbox.source import SandboxSource  # the planet is large, and most people never ask for it

        return SandboxSource(uri, options)
    # only the app sets allowed hosts: there the address is a stranger's
    if options.allowed_hosts is not None:
        _check_stranger(uri, options.allowed_hosts)
    if uri.startswith("stac+"):
        return _stac(uri, options)
    if _TEMPLATE.search(uri):
        return _template(uri, options)
    if uri.startswith(("http://", "https://")):
        return _remote(uri, options)
    # s3://, ftp://, …: taken for a path, it would only be a file that does not exist
    if re.match(r"[a-z][a-z0-9+.]+://", uri):
        raise SourceError(f"{mask_url(uri)}: this kind of address is not understood. Can be read: {KINDS}")
    path = Path(uri).expanduser()
    if path.is_dir():
        return _folder(path, options)
    if not path.exists():
        raise SourceError(f"{uri}: there is no such file or folder. Can be read: {KINDS}")
    return _file(path, options)


def source_location(source: str) -> str:
    """A URL as it is, a path made absolute, so that the same source has the same name from everywhere."""
    if "://" in source or source.startswith(SANDBOX):
        return source
    return str(Path(source).expanduser().resolve())


def _check_stranger(uri: str, allowed: Sequence[str]) -> None:
    """What came through the app: tiles of allowed hosts. GDAL's own reading over HTTP follows any redirect."""
    web = uri.startswith(("http://", "https://"))
    if not web or not (_TEMPLATE.search(uri) or urlsplit(uri).path.lower().endswith(".pmtiles")):
        raise SourceError(
            f"{mask_url(uri)}: through the app, imagery is read from a URL with {{z}}/{{x}}/{{y}} or a .pmtiles URL; "
            "everything else is brought in with `groundcast ingest`"
        )
    try:
        check_url(uri, allowed)
    except ItemError as error:
        raise SourceError(f"{mask_url(uri)}: {error}") from error


def _stac(uri: str, options: SourceOptions) -> RasterSource:
    entries, problems = stac_entries(uri, options)
    source = RasterSource(mask_url(uri), entries, options)
    # first: what STAC itself lacks, then the files that could not be opened
    source.problems[:0] = problems
    return source


def _template(uri: str, options: SourceOptions) -> PyramidSource:
    if uri.startswith(("http://", "https://")):
        return PyramidSource(WebStore(uri, options), options)
    folder = Path(uri.partition("{")[0])
    if not folder.is_dir():
        raise SourceError(f"{uri}: {folder} is no folder")
    # {-y} counts rows from the south, as TMS does
    return PyramidSource(FolderStore(folder, tms=options.tms or "{-y}" in uri), options)


def _remote(uri: str, options: SourceOptions) -> Source:
    path = urlsplit(uri).path.lower()
    if path.endswith(".pmtiles"):
        return PyramidSource(PmtilesStore(uri, options), options)
    if path.endswith((".json", ".geojson")):
        return _stac(uri, options)
    if path.endswith(EXTENSIONS):
        return RasterSource(mask_url(uri), [RasterEntry(uri, mask_url(uri))], options)
    raise SourceError(
        f"{mask_url(uri)}: from its ending it is not clear what this is (looked for {', '.join(EXTENSIONS)}, .pmtiles, "
        f".json and {{z}}/{{x}}/{{y}}). Can be read: {KINDS}"
    )


def _folder(path: Path, options: SourceOptions) -> Source | ChipSource:
    # a manifest says where each picture lies, so it goes before what the endings suggest
    if any((path / name).is_file() for name in MANIFESTS):
        return ChipSource(path, options)
    if is_tile_folder(path):
        return PyramidSource(FolderStore(path, tms=options.tms), options)
    files = raster_folder(path)
    if not files:
        raise SourceError(
            f"{path}: nothing in this folder can be read: no {' or '.join(MANIFESTS)}, no z/x/y tiles, no file "
            f"ending in {', '.join(EXTENSIONS)}"
        )
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


def _file(path: Path, options: SourceOptions) -> Source:
    suffix = path.suffix.lower()
    if suffix == ".pmtiles":
        return PyramidSource(PmtilesStore(str(path), options), options)
    if suffix in (".json", ".geojson"):
        return _stac(str(path), options)
    return RasterSource(str(path), [RasterEntry(str(path), str(path))], options)
