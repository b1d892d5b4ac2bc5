"""Files that people bring to be read later: imagery, photos, weights; kept in the home folder under harmless names.

What is in them is judged by who reads them; here only that the kind fits the name, and that they are not too large. It
does not know HTTP.
"""

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path

from ingest.photos.folder import PICTURE_SUFFIXES
from ingest.sources.picture import HEIC_SUFFIXES, RAW_SUFFIXES
from search_ui.files.writing import write_whole
from trainer.errors import UploadError

MAX_MB = 200
PHOTO_MB = 30
IMAGERY = ("tif", "tiff", "mbtiles", "pmtiles", "jp2")
WEIGHTS = ("safetensors", "pt", "pth", "bin", "ckpt")
PHOTOS = (*sorted(suffix.removeprefix(".") for suffix in PICTURE_SUFFIXES - HEIC_SUFFIXES - RAW_SUFFIXES), "csv")
_SAFE = re.compile(r"[^\w .()+=@-]")
_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_STARTS = {
    ".tif": _TIFF,
    ".tiff": _TIFF,
    ".mbtiles": (b"SQLite format 3\0",),
    ".pmtiles": (b"PMTiles",),
    ".jp2": (b"\0\0\0\x0cjP  ",),
}


def keep_imagery(home: Path, name: str, content: memoryview) -> Path:
    """Keep imagery, named by its bytes.

    Raises:
        UploadError: It is of another kind than its name says, or too large.
    """
    suffix = _suffix(name, IMAGERY)
    _check_size(name, content, MAX_MB)
    # GDAL goes by the content, not by the name: only what imagery of these kinds begins with is kept for it
    if not bytes(content[:16]).startswith(_STARTS[suffix]):
        raise UploadError(f"{name} is no {suffix} file: its first bytes say something else")
    return _kept(home / "uploads" / "imagery" / f"{_digest(content)}{suffix}", content)


def keep_weights(home: Path, name: str, content: memoryview) -> Path:
    """Keep weights of a model under their own name, which may say what they are.

    Raises:
        UploadError: They are of no kind that is read, or too large.
    """
    _suffix(name, WEIGHTS)
    _check_size(name, content, MAX_MB)
    return _kept(home / "uploads" / "models" / _digest(content) / _safe(name), content)


def keep_photos(folder: Path, files: Sequence[tuple[str, memoryview]]) -> Path:
    """Keep photos in a folder, with what is there already, or none of them.

    Args:
        folder: Of the gallery; made where it is not there.
        files: Names and contents: photos, and with them a CSV that names them, if there is one.

    Returns:
        What is to be brought in: the folder, or the CSV in it.

    Raises:
        UploadError: One is of no kind that is read, too large, or there are several CSV files.
    """
    tables = [name for name, _ in files if Path(name).suffix.lower() == ".csv"]
    if len(tables) > 1:
        raise UploadError(f"{tables[0]} and {tables[1]}: give one CSV file, which names all photos")
    for name, content in files:
        _suffix(name, PHOTOS)
        _check_size(name, content, PHOTO_MB)
    # the table last: while it is not there, nothing is read by it
    for name, content in sorted(files, key=lambda file: file[0] in tables):
        _kept(folder / _safe(name), content)
    return folder / _safe(tables[0]) if tables else folder


def _suffix(name: str, known: Sequence[str]) -> str:
    suffix = Path(name).suffix.lower()
    if suffix.removeprefix(".") not in known:
        raise UploadError(f"{name}: only {', '.join(known)} can be uploaded")
    return suffix


def _check_size(name: str, content: memoryview, most_mb: int) -> None:
    if len(content) > most_mb * 2**20:
        raise UploadError(f"{name} has {len(content) >> 20} MB, the limit is {most_mb} MB: put it on the server's disk")


def _digest(content: memoryview) -> str:
    return hashlib.sha256(content).hexdigest()[:32]


def _safe(name: str) -> str:
    """A file's own name, without folders and what could mean something to a program."""
    plain = _SAFE.sub("_", Path(name.replace("\\", "/")).name).lstrip(". -")
    if not plain or len(plain.encode()) > 200:
        raise UploadError(
            f"{name[:60]}…: give the file a shorter name of letters and digits" if plain else f"{name!r}: no name"
        )
    return plain


def _kept(path: Path, content: memoryview) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    # the same again keeps its time of change: a gallery goes by that
    if not path.exists() or path.read_bytes() != content:
        write_whole(path, bytes(content))
    return path
