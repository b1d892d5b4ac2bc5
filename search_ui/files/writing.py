"""Files that appear whole or not at all, and the check of a file's name before any work is done for it.

It does not know what is written.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from trainer.errors import GroundcastError, UsageError


def check_name(path: Path, suffixes: Iterable[str]) -> None:
    """Refuse a file that could not be written.

    Args:
        path: The file that is to be written; it need not exist.
        suffixes: Those that are known, lower case, with their dots.

    Raises:
        UsageError: unknown suffix, missing folder, or the path is a folder.
    """
    known = list(suffixes)
    if path.suffix.lower() not in known:
        raise UsageError(
            f"cannot tell the format of '{path}' by its suffix '{path.suffix}': use one of {' '.join(known)}"
        )
    if path.is_dir():
        raise UsageError(f"'{path}' is a folder: give a file name in it")
    if not path.absolute().parent.is_dir():
        raise UsageError(f"the folder of '{path}' does not exist: create it first")


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A temporary name of the same suffix beside `path`, to be written inside; it takes the name at the end.

    Where the block fails, the temporary file is removed and what stood at `path` stays.

    Raises:
        GroundcastError: the file cannot be written, such as on a full disk.
    """
    # the same suffix, by which GDAL and PyAV choose a format; the same folder, for a rename within a disk is one step
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.tmp{path.suffix}")
    try:
        yield temporary
        # on the disk before it takes the name: after a power cut the old file stands there, or the whole new one
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        raise cannot_write(path, error.strerror or str(error)) from error
    finally:
        _remove(temporary)


def write_whole(path: Path, content: bytes) -> None:
    """Write a file at once.

    Raises:
        GroundcastError: it cannot be written.
    """
    with whole_file(path) as temporary:
        temporary.write_bytes(content)


def keep_latest(folder: Path, pattern: str, *, at_most: int, most_bytes: int) -> None:
    """Remove the files of a folder that were changed longest ago, until the others are few and small enough."""
    left = sorted(folder.glob(pattern), key=lambda path: -path.stat().st_mtime_ns)
    together = 0
    for number, path in enumerate(left):
        together += path.stat().st_size
        if number >= at_most or (number and together > most_bytes):
            path.unlink(missing_ok=True)


def cannot_write(path: Path, why: str) -> GroundcastError:
    """The error of a file that could not be written."""
    return GroundcastError(f"cannot write '{path}': {why}. Make room there, or name another place")


def _remove(temporary: Path) -> None:
    try:
        temporary.unlink(missing_ok=True)
    except OSError:  # the error that matters is the one of the write
        return
