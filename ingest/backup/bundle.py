"""A bundle: files and their checksums in a folder, behind a URL of fsspec, or in one .zip file.

    backup.json          written last: format, what was said of the whole, and each file's size and SHA-256
    backup.incomplete    in a folder, until then
    …                    the files

So a bundle that was interrupted does not look whole, and a file that was changed afterwards is noticed when it is read.
A .zip has another name until it is whole. It does not know what the files are.
"""

import hashlib
import json
import lzma
import os
import threading
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self, TypeAlias, cast

from ingest.archive import files as storage
from ingest.archive.files import FilePath
from trainer.errors import BackupError, reason

FORMAT = 1
MANIFEST = "backup.json"
INCOMPLETE = "backup.incomplete"
ZIP = ".zip"
_PIECE = 1 << 20  # bytes of a file in memory at a time
_MOST_MANIFEST = 256 * 2**20
# what files, .zip and JSON raise that are damaged, encrypted, nested without end, or were never a backup
_UNREADABLE = (OSError, EOFError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, NotImplementedError, RuntimeError)
_NO_MANIFEST = (ValueError, KeyError, TypeError, AttributeError, OverflowError)

Sums: TypeAlias = "dict[str, tuple[int, str]]"  # name → size, SHA-256 in hexadecimal


def open_place(place: str, options: Mapping[str, Any]) -> FilePath:
    """The folder or file that a person named: a path, or a URL whose file system takes these options."""
    return storage.open_folder(place, options)


class BundleWriter:
    """A new bundle; files may be added from several threads, `finish` makes it whole.

    Args:
        target: Folder, which is empty, missing or left by an interrupted backup; or a new local .zip file.

    Raises:
        BackupError: There is something already, or it cannot be written.
    """

    def __init__(self, target: FilePath) -> None:
        self.target = target
        self._sums: Sums = {}
        self._lock = threading.Lock()
        self._zip: zipfile.ZipFile | None = None
        with _told(target):
            if target.name.endswith(ZIP) and isinstance(target, Path):
                if target.exists():
                    raise BackupError(f"{target} exists: name another file, or remove it first")
                target.parent.mkdir(parents=True, exist_ok=True)
                # `finish` renames it: what has the .zip's own name is whole
                self._temporary = target.with_name(f".{target.name}.{os.getpid()}.part")
                self._zip = zipfile.ZipFile(self._temporary, "w")  # what is in it is compressed already
            else:
                self._begin_folder(target)

    @property
    def one_at_a_time(self) -> bool:
        """Whether there is one file to write into, so that threads would only wait for one another."""
        return self._zip is not None

    def _begin_folder(self, target: FilePath) -> None:
        if storage.exists(target / MANIFEST):
            raise BackupError(f"{target} is a backup already: name another folder, or remove it first")
        # what an interrupted backup left may be written over
        if not storage.is_empty(target) and not storage.exists(target / INCOMPLETE):
            raise BackupError(f"{target} is not empty and no backup: name another folder")
        storage.write(target / INCOMPLETE, lambda file: _put(file, b"This backup is not whole.\n"))

    def add(self, name: str, content: Iterable[bytes]) -> None:
        """Adds a file.

        Raises:
            BackupError: It cannot be written.
        """
        digest, size = hashlib.sha256(), 0
        with _told(self.target), self._opened(name) as file:
            for piece in content:
                digest.update(piece)
                size += len(piece)
                file.write(piece)
        with self._lock:
            self._sums[name] = (size, digest.hexdigest())

    def finish(self, about: dict[str, Any]) -> int:
        """Says that all files are there; returns how many bytes they have."""
        manifest = {"format": FORMAT, **about, "files": dict(sorted(self._sums.items()))}
        body = json.dumps(manifest, indent=1).encode()
        with _told(self.target):
            if self._zip is not None:
                self._zip.writestr(MANIFEST, body)
                self._zip.close()
                _sync(self._temporary)
                self._temporary.replace(cast(Path, self.target))
            else:
                # the manifest first: between these two lines the bundle is whole, and `_begin_folder` sees that
                storage.write(self.target / MANIFEST, lambda file: _put(file, body))
                storage.remove(self.target / INCOMPLETE)
        return sum(size for size, _ in self._sums.values())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # after `finish` the file is closed and this name is gone: neither line does anything then
        if self._zip is not None:
            with suppress(OSError, ValueError):
                self._zip.close()
            self._temporary.unlink(missing_ok=True)

    @contextmanager
    def _opened(self, name: str) -> Iterator[BinaryIO]:
        if self._zip is not None:
            # a .zip takes one file at a time; how long this one gets is not known yet, it may pass 4 GiB
            with self._lock, self._zip.open(zipfile.ZipInfo(name), "w", force_zip64=True) as inside:
                yield cast(BinaryIO, inside)
            return
        path = self.target / name
        if isinstance(path, Path):
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("wb") as local:
                yield local
                local.flush()
                os.fsync(local.fileno())
            return
        with path.fs.open(path.path, "wb") as remote:
            yield remote


class BundleReader:
    """A whole bundle.

    Attributes:
        about: What was said of the whole.
        files: Name → size in bytes and SHA-256.

    Raises:
        BackupError: It is none, is not whole, or is of a newer format.
    """

    def __init__(self, source: FilePath) -> None:
        self.source = source
        self._zip: zipfile.ZipFile | None = None
        with _told(source):
            if isinstance(source, Path) and source.is_file():
                self._zip = zipfile.ZipFile(source)
            try:
                found = json.loads(self._manifest())
            except (FileNotFoundError, KeyError):  # KeyError: how zipfile says that
                raise BackupError(f"{source} is no whole backup: it has no {MANIFEST}") from None
            if found["format"] != FORMAT:
                raise BackupError(f"{source}: a backup of format {found['format']}, this groundcast reads {FORMAT}")
            self.files: Sums = {name: (int(size), str(sha)) for name, (size, sha) in found.pop("files").items()}
            self.about: dict[str, Any] = found

    def _manifest(self) -> bytes:
        content = bytearray()
        for piece in self._pieces(MANIFEST):
            content += piece
            if len(content) > _MOST_MANIFEST:
                raise BackupError(f"{self.source}: its {MANIFEST} unpacks to more than {_MOST_MANIFEST >> 20} MiB")
        return bytes(content)

    def read(self, name: str) -> Iterator[bytes]:
        """A file, piece by piece; the error of a damaged one comes with its last piece.

        Raises:
            BackupError: It is missing, or is not what was backed up.
        """
        digest, size = hashlib.sha256(), 0
        with _told(self.source):
            try:
                for piece in self._pieces(name):
                    digest.update(piece)
                    size += len(piece)
                    if size > self.files[name][0]:  # a small .zip may unpack to more than any disk holds
                        break
                    yield piece
            except (FileNotFoundError, KeyError):
                raise BackupError(f"{self.source}: {name} is missing from the backup") from None
            if (size, digest.hexdigest()) != self.files[name]:
                raise BackupError(
                    f"{self.source}: {name} is not what was backed up ({size} of {self.files[name][0]} bytes, or other "
                    "bytes): take another backup"
                )

    def close(self) -> None:
        """Closes the file."""
        if self._zip is not None:
            self._zip.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _pieces(self, name: str) -> Iterator[bytes]:
        if self._zip is not None:
            with self._zip.open(name) as inside:
                yield from pieces(cast(BinaryIO, inside))
            return
        path = self.source / name
        with path.open("rb") if isinstance(path, Path) else path.fs.open(path.path, "rb") as file:
            yield from pieces(file)


def pieces(file: BinaryIO) -> Iterator[bytes]:
    """The rest of an open file."""
    while piece := file.read(_PIECE):
        yield piece


def safe_name(name: str) -> str:
    """A file's name inside a bundle, which must not lead out of the folder that it is restored into.

    Raises:
        BackupError: It does.
    """
    parts = Path(name).parts
    if not parts or Path(name).is_absolute() or any(part in ("..", ".") for part in parts) or "\0" in name:
        raise BackupError(f"{name!r} in the backup leads out of its folder: it is not a backup of groundcast")
    return name


def _put(file: BinaryIO, body: bytes) -> None:
    file.write(body)


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


@contextmanager
def _told(place: FilePath) -> Iterator[None]:
    """Turns what files and archives raise into an error that says where."""
    try:
        yield
    except FileNotFoundError as error:
        raise BackupError(f"{place}: there is no such file or folder ({reason(error)})") from error
    except (*_UNREADABLE, *_NO_MANIFEST) as error:
        raise BackupError(f"{place}: the backup cannot be read or written ({reason(error)})") from error
