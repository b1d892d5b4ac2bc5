"""Checksums of the files of a folder, in a file that `sha256sum --check` reads too.

It does not know what the files are.
"""

import hashlib
from pathlib import Path

FILE = "SHA256SUMS"


def write_sums(folder: Path, *, but: str = "") -> None:
    """Write down the checksums of what is in a folder.

    Args:
        folder: The folder.
        but: A folder in it that is left out.
    """
    files = (path.relative_to(folder).as_posix() for path in sorted(folder.rglob("*")) if path.is_file())
    lines = [f"{_sum(folder / name)}  {name}\n" for name in files if name != FILE and name.partition("/")[0] != but]
    (folder / FILE).write_text("".join(lines), "utf-8")


def changed_files(folder: Path) -> list[str]:
    """Files that are not what they were when their checksums were written; none where there are no checksums."""
    try:
        lines = (folder / FILE).read_text("utf-8").splitlines()
    except FileNotFoundError:
        return []
    except UnicodeDecodeError:
        return [FILE]
    told = (line.partition("  ") for line in lines)
    return [name or FILE for expected, _, name in told if not name or not _is(folder / name, expected)]


def _is(path: Path, expected: str) -> bool:
    try:
        return _sum(path) == expected
    except (OSError, ValueError):  # it is gone, or its name was changed to none that a file can have
        return False


def _sum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
