"""A folder that appears whole or not at all; one that stands there is replaced only if it is asked for, and is ours.

It does not know what is in it.
"""

import glob
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ingest.archive.files import lives, this_process
from search_ui.files.writing import cannot_write
from trainer.errors import UsageError
from trainer.sums import FILE, write_sums

MARK = "collection.json"
"""By this file and the checksums beside it a folder is known as a publication."""
_TEMPORARY, _BEFORE = ".tmp", ".before"


def check_folder(folder: Path, *, replace: bool) -> None:
    """Refuse a folder that could not be written, before any work is done for it.

    Args:
        folder: Where the publication is to stand.
        replace: Whether a publication that stands there goes.

    Raises:
        UsageError: It is there already, is a file, or lies in a folder that is not there.
    """
    if not folder.name:
        raise UsageError(f"'{folder}' cannot be a publication: name a new folder in it")
    if not folder.absolute().parent.is_dir():
        raise UsageError(f"the folder of '{folder}' does not exist: create it first")
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise UsageError(f"'{folder}' is a file or a link: name a new folder")
    if not folder.exists() or not any(folder.iterdir()):
        return
    if not all((folder / name).is_file() for name in (MARK, FILE)):
        raise UsageError(f"'{folder}' is not empty and no publication: name a new folder")
    if not replace:
        raise UsageError(f"'{folder}' is a publication already: name a new folder, or replace it with --replace")


def clear_up(folder: Path) -> None:
    """Remove what processes of this machine left beside a folder that were killed while they wrote it.

    What stood there takes its place again, where one was killed between two renames. What living processes, and those
    of other machines, write stays.
    """
    folder = folder.absolute()
    host = this_process().rpartition("-")[0]
    for end in (_BEFORE, _TEMPORARY):
        for path in folder.parent.glob(f".{glob.escape(folder.name)}.{glob.escape(host)}-*{end}"):
            number = path.name.removesuffix(end).rpartition("-")[2]
            if not number.isdigit() or lives(int(number)):
                continue
            if end == _BEFORE and not folder.exists():  # killed between two renames
                path.rename(folder)
            else:
                shutil.rmtree(path)


@contextmanager
def whole_folder(folder: Path, *, replace: bool) -> Iterator[Path]:
    """A temporary folder beside `folder`, to be filled inside; at the end it gets checksums and takes the name.

    Where the block fails, what was written is removed and what stood at `folder` stays.

    Args:
        folder: The folder; see `check_folder`.
        replace: Whether what stands there goes, also what another process has written meanwhile.

    Raises:
        GroundcastError: It cannot be written, such as on a full disk.
    """
    folder = folder.absolute()
    temporary, before = (folder.with_name(f".{folder.name}.{this_process()}{end}") for end in (_TEMPORARY, _BEFORE))
    try:
        temporary.mkdir()
        yield temporary
        write_sums(temporary)
        # on the disk before it takes the name: after a power cut the old one stands there, or the whole new one
        for path in (*temporary.rglob("*"), temporary):
            _sync(path)
        _take_place(temporary, folder, before if replace else None)
        _sync(folder.parent)
    except OSError as error:
        where = f" ({error.filename})" if error.filename else ""
        raise cannot_write(folder, f"{error.strerror or error}{where}") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        if folder.exists():  # else it is all that there is: `clear_up` brings it back
            shutil.rmtree(before, ignore_errors=True)


def _take_place(temporary: Path, folder: Path, before: Path | None) -> None:
    if before is None or not folder.exists():
        temporary.rename(folder)  # an empty folder gives way, and no other
        return
    folder.rename(before)
    try:
        temporary.rename(folder)
    except BaseException:  # Ctrl-C, too
        before.rename(folder)
        raise


def _sync(path: Path) -> None:
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
