"""Files of the archive, in a local folder or behind any URL of fsspec: what differs between the two stands here.

A local file is written under another name, synced and renamed. An object store puts an object whole or not at all, so
there it is put as it is; other remote file systems (SFTP, HDFS) rename like local ones. A remote file is read whole, in
one request. Every backend has exceptions of its own; here all of them become `OSError`.

It does not know what is in the files.
"""

import hashlib
import os
import secrets
import shutil
import socket
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TypeAlias
from urllib.parse import unquote, urlsplit

from trainer.errors import SettingsError

if TYPE_CHECKING:
    from upath import UPath

FilePath: TypeAlias = "Path | UPath"
Stamp = tuple[int, int]  # size, and a number that changes with the content: modification time in ns, or from an ETag

TEMPORARY = ".tmp"
COPIES = "g-parts-"
# stores that show an object only when it is complete: there no temporary name is needed
_PUT_WHOLE = {"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "adl", "oci", "oss", "memory"}
_DEFAULTS: dict[str, dict[str, Any]] = {
    # Listings are not kept, another worker may have written since. A dead server is told after seconds, not minutes.
    "s3": {
        "use_listings_cache": False,
        "config_kwargs": {"connect_timeout": 10, "read_timeout": 60, "retries": {"max_attempts": 3}},
    }
}


def open_folder(url: str, options: Mapping[str, Any]) -> FilePath:
    """The folder of a URL; one that names local files is a `Path`.

    Raises:
        SettingsError: The URL's protocol is unknown, its library is missing, or an option is.
    """
    protocol = urlsplit(url).scheme
    if protocol in ("", "file", "local"):
        return Path(unquote(urlsplit(url).path) if protocol else url).expanduser().absolute()
    try:
        from upath import UPath

        folder: UPath = UPath(url, **(_DEFAULTS.get(protocol, {"use_listings_cache": False}) | dict(options)))
        _ = folder.fs  # built on first use: a wrong option shows here, not in the middle of a job
    except (ImportError, ValueError, TypeError) as error:
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise SettingsError(
            f"archive_url = {url!r}: {first}; object stores need `pip install 'groundcast[served]'` "
            "and the library of their protocol"
        ) from error
    return folder


def listed(folder: FilePath, suffix: str) -> dict[str, Stamp]:
    """Files of a folder whose names end so: name → stamp, by name; empty where there is no folder.

    Raises:
        OSError: The folder cannot be read.
    """
    if isinstance(folder, Path):
        found = {}
        for path in sorted(folder.glob(f"*{suffix}")):
            with suppress(FileNotFoundError):  # it went while this went on
                stat = path.stat()
                found[path.name] = stat.st_size, stat.st_mtime_ns
        return found
    with _as_os_error():
        folder.fs.invalidate_cache(folder.path)  # fsspec keeps listings, and another process may have written since
        try:
            entries = folder.fs.ls(folder.path, detail=True)
        except FileNotFoundError:
            return {}
    stamps = {str(entry["name"]).rsplit("/", 1)[-1]: _stamp(entry) for entry in entries if entry["type"] == "file"}
    return {name: stamps[name] for name in sorted(stamps) if name.endswith(suffix)}


def is_empty(folder: FilePath) -> bool:
    """Whether nothing is in a folder, or there is none."""
    if isinstance(folder, Path):
        return not folder.exists() or not any(folder.iterdir())
    with _as_os_error():
        folder.fs.invalidate_cache(folder.path)
        return not folder.fs.exists(folder.path) or not folder.fs.ls(folder.path, detail=False)


def exists(path: FilePath) -> bool:
    """Whether there is such a file."""
    with _as_os_error():
        return path.exists()


@contextmanager
def readable(path: FilePath, *, whole: bool = False) -> Iterator[Any]:
    """What pyarrow opens: a local path, or a remote file's bytes; with `whole` the bytes in any case.

    Raises:
        OSError: There is no such file, or it cannot be read.
    """
    if isinstance(path, Path):
        yield BytesIO(path.read_bytes()) if whole else path
        return
    with _as_os_error():
        content = path.fs.cat_file(path.path)
    yield BytesIO(content)


def sha256(path: FilePath) -> str:
    """The checksum of a file, in hexadecimal."""
    if isinstance(path, Path):
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    with readable(path) as content:
        return hashlib.sha256(content.getbuffer()).hexdigest()


def write(path: FilePath, fill: Callable[[BinaryIO], object]) -> None:
    """Writes a file whole or not at all; on return it is on the disk, or in the store.

    Args:
        path: Target; its folder is made.
        fill: Writes the content into a binary file.

    Raises:
        OSError: It cannot be written; nothing is left behind.
    """
    # `sweep` reads the owner from this name; the token keeps the threads of one process apart
    name = f"{path.name}.{this_process()}.{secrets.token_hex(4)}{TEMPORARY}"
    if isinstance(path, Path):
        _write_local(path, path.with_name(name), fill)
        return
    content = BytesIO()
    fill(content)
    with _as_os_error():
        files, target = path.fs, path.path
        # fsspec gives one name of a protocol, or several
        if not _PUT_WHOLE.isdisjoint([files.protocol] if isinstance(files.protocol, str) else files.protocol):
            files.pipe_file(target, content.getvalue())
            return
        # SFTP, HDFS: under the final name nobody may see half a file
        files.makedirs(path.parent.path, exist_ok=True)
        files.pipe_file(path.with_name(name).path, content.getvalue())
        files.mv(path.with_name(name).path, target)


def remove(path: FilePath) -> None:
    """Removes a file; that it is gone already is no error."""
    with _as_os_error():
        path.unlink(missing_ok=True)


def remove_folder(folder: FilePath) -> None:
    """Removes a folder with all that is in it; that it is gone already is no error."""
    if isinstance(folder, Path):
        shutil.rmtree(folder, ignore_errors=True)
        return
    with _as_os_error():
        if folder.fs.exists(folder.path):
            folder.fs.rm(folder.path, recursive=True)


def rename(path: FilePath, name: str) -> FilePath:
    """Gives a file another name in its folder."""
    if isinstance(path, Path):
        return path.replace(path.with_name(name))
    with _as_os_error():
        path.fs.mv(path.path, path.with_name(name).path)
    return path.with_name(name)


def sweep(folder: FilePath) -> int:
    """Removes temporary files that a killed process of this machine left; returns how many.

    Those of living processes, and of other machines, stay.
    """
    host, _, _ = this_process().rpartition("-")  # a host name may have hyphens
    left = 0
    for name in listed(folder, TEMPORARY):
        # NAME.parquet.HOST-PROCESS.TOKEN.tmp, read from its end
        owner, _, number = name.split(".")[-3].rpartition("-") if name.count(".") >= 3 else ("", "", "")
        if owner == host and number.isdigit() and not lives(int(number)):
            remove(folder / name)
            left += 1
    return left


def free_bytes(folder: FilePath) -> int | None:
    """Free space where a folder is, which is made; None where nobody knows."""
    if not isinstance(folder, Path):
        return None
    folder.mkdir(parents=True, exist_ok=True)
    return shutil.disk_usage(folder).free


@contextmanager
def at_hand(folder: FilePath, names: Iterable[str], *, beside: Path) -> Iterator[Path]:
    """A local folder that holds those files of a folder: itself, or one of copies, which go away again.

    Args:
        folder: Where they are.
        names: Names of the files in it.
        beside: Local folder in which copies may be made, under a name that begins with `COPIES`.

    Raises:
        OSError: They cannot be fetched.
    """
    if isinstance(folder, Path):
        yield folder
        return
    with tempfile.TemporaryDirectory(prefix=COPIES, dir=beside) as copies:
        wanted, local = list(names), Path(copies, folder.name)  # errors name the collection by its folder
        local.mkdir()
        with _as_os_error():
            remote = [(folder / name).path for name in wanted]
            if remote:
                folder.fs.get(remote, [str(local / name) for name in wanted])  # several at a time
        yield local


def _write_local(path: Path, temporary: Path, fill: Callable[[BinaryIO], object]) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            fill(file)
            file.flush()
            os.fsync(file.fileno())  # else the rename may reach the disk before the content
        temporary.replace(path)
    except BaseException:  # Ctrl-C leaves nothing behind either
        temporary.unlink(missing_ok=True)
        raise


def _stamp(entry: Mapping[str, Any]) -> Stamp:
    # An ETag or a time is no number, 48 bits of its hash are. A clash would need the same size too.
    told = next((entry[key] for key in ("ETag", "etag", "LastModified", "mtime", "created") if entry.get(key)), "")
    return int(entry["size"] or 0), int.from_bytes(hashlib.sha256(str(told).encode()).digest()[:6], "big")


def this_process() -> str:
    """This process among all machines, without dots."""
    return f"{socket.gethostname().replace('.', '_')}-{os.getpid()}"


def lives(process: int) -> bool:
    """Whether a process of this machine is still there."""
    try:
        os.kill(process, 0)  # signal 0 only asks
    except ProcessLookupError:
        return False
    except PermissionError:
        return True  # it lives, as another user's
    return True


@contextmanager
def _as_os_error() -> Iterator[None]:
    try:
        yield
    except OSError:
        raise
    except Exception as error:
        first = next((line for line in str(error).splitlines() if line.strip()), "")
        raise OSError(f"{type(error).__name__}: {first}") from error
