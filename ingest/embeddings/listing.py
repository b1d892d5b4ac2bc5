"""SOURCE as a person writes it, as the files behind it: one, those of a folder or of a pattern, or of a STAC item.

Local, or on any file system of fsspec, such as ``s3://``. It opens none of them but the STAC item.
"""

import glob
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ingest.archive.files import FilePath, open_folder
from ingest.embeddings.quantised import Rule
from ingest.embeddings.stac_item import read_item
from ingest.sources.web import mask_url
from trainer.errors import SettingsError, SourceError, reason

TABLES = (".parquet", ".geoparquet", ".gpq", ".parq")
RASTERS = (".tif", ".tiff", ".npy")
PUBLISHED = "embeddings"
"""The folder of tables in what `groundcast publish` writes."""
_PATTERN = set("*?[")


@dataclass(frozen=True)
class Listing:
    """The files of a source.

    Attributes:
        uri: The source without secrets, as it is kept.
        files: In the order of their names.
        names: What each is called among them, [n], such as ``a/b.parquet``.
        stamp: Changes when a file does; of names, sizes and times.
        date: Of all rows, ISO 8601, where a STAC item says it.
        model: What made the vectors, where it says it.
        dim: How many numbers they have, where it says it.
        rule: How whole numbers become floats, where it says it.
    """

    uri: str
    files: tuple[FilePath, ...]
    names: tuple[str, ...]
    stamp: str
    date: str | None = None
    model: str | None = None
    dim: int | None = None
    rule: Rule | None = None

    @property
    def rasters(self) -> bool:
        """Whether they are rasters, not tables."""
        return self.files[0].suffix.lower() in RASTERS


def list_files(source: str, options: Mapping[str, Any], beyond: tuple[str, ...] = ()) -> Listing:
    """The files of a source.

    Args:
        source: A path or URL: of a file, a folder or publication, a pattern with ``*``, ``?`` or ``[``, or a STAC
            item's JSON.
        options: Of the file system of a URL, as fsspec takes them.
        beyond: Folders in which a STAC item's files may lie, beside its own.

    Raises:
        SourceError: There is nothing, or files of both kinds, or the address cannot be read.
    """
    shown = mask_url(source)
    try:
        root = open_folder(source.rstrip("/") or source, options)
    except SettingsError as error:
        raise SourceError(str(error).replace("archive_url = ", "")) from error
    try:
        if root.suffix.lower() == ".json" and not _PATTERN & set(root.name):
            item = read_item(root, options, beyond)
            files, base = list(item.files), None
        else:
            item = None
            files, base = _found(root)
        if not files:
            raise SourceError(
                f"{shown}: there is no such file, or nothing in it ends in {', '.join((*TABLES, *RASTERS))}"
            )
        stamps = [_stamp(file) for file in files]
    except (SourceError, SettingsError):
        raise
    except Exception as error:  # every object store has errors of its own
        raise SourceError(f"{shown} cannot be read ({type(error).__name__}: {reason(error)})") from error
    kinds = {file.suffix.lower() in RASTERS for file in files}
    if len(kinds) > 1:
        raise SourceError(
            f"{shown}: tables and rasters of embeddings together: import each into a collection of its own"
        )
    names = tuple(_name(file, base) for file in files)
    if len(set(names)) < len(names):  # of an item's assets
        names = tuple(file.as_posix() if isinstance(file, Path) else mask_url(str(file)) for file in files)
    stamp = hashlib.sha256(repr([*zip(names, stamps, strict=True)]).encode("utf-8", "surrogateescape")).hexdigest()
    told = {} if item is None else {"date": item.date, "model": item.model, "dim": item.dim, "rule": item.rule}
    return Listing(shown, tuple(files), names, stamp, **told)  # type: ignore[arg-type]


def _found(root: FilePath) -> "tuple[list[FilePath], FilePath | None]":
    """The files that a path stands for, by name, and the folder that they are named from."""
    if _PATTERN & set(str(root)) and not root.exists():
        files: list[FilePath]
        if isinstance(root, Path):
            files = [Path(one) for one in glob.glob(str(root), recursive=True)]  # noqa: PTH207 - of an absolute pattern
        else:
            files = [_as_path(root, one) for one in root.fs.glob(root.path)]
        return sorted((one for one in files if _is_ours(one)), key=str), _fixed_part(root)
    if root.is_dir():
        if (root / "collection.json").is_file() and (root / PUBLISHED).is_dir():  # maps lie beside the tables
            root = root / PUBLISHED
        return sorted((one for one in root.rglob("*") if _is_ours(one) and _shown(one, root)), key=str), root
    return ([root] if root.exists() else []), None


def _fixed_part(pattern: FilePath) -> FilePath:
    """The folder that all files of a pattern lie in."""
    found = pattern
    while _PATTERN & set("".join(found.parts)):
        found = found.parent
    return found


def _as_path(root: Any, path: str) -> FilePath:
    found: FilePath = root.with_segments(f"{root.protocol}://{path}") if "://" not in path else root.with_segments(path)
    return found


def _is_ours(path: FilePath) -> bool:
    # of Tessera's arrays the scales stand beside, and are no source of their own
    named = path.suffix.lower() in (*TABLES, *RASTERS) and not path.name.endswith("_scales.npy")
    return bool(named and path.is_file())


def _shown(path: FilePath, root: FilePath) -> bool:
    """Whether neither it nor a folder on the way to it is hidden, or one of those that writers of tables leave."""
    inner = path.parts[len(root.parts) :]
    return not any(part.startswith((".", "_")) for part in inner)


def _name(path: FilePath, base: "FilePath | None") -> str:
    return path.name if base is None else "/".join(path.parts[len(base.parts) :])


def _stamp(path: FilePath) -> tuple[int, str]:
    """Size, and a text that changes with the content."""
    if isinstance(path, Path):
        stat = path.stat()
        return stat.st_size, str(stat.st_mtime_ns)
    told = path.fs.info(path.path)
    when = next((told[key] for key in ("ETag", "etag", "LastModified", "mtime", "created") if told.get(key)), "")
    return int(told.get("size") or 0), str(when)


def is_remote(source: str) -> bool:
    """Whether a source lies on a file system that is asked over a network."""
    return urlsplit(source).scheme not in ("", "file", "local") and len(urlsplit(source).scheme) > 1
