"""Names of files as a disk spells them: é may be one character or two, and is one name for people.

It does not know what is in the files.
"""

import unicodedata
from functools import lru_cache
from pathlib import Path


def on_disk(path: Path) -> Path:
    """The file of this name, though the disk spells its accents otherwise; the path as it is where there is none."""
    try:
        if path.exists() or str(path).isascii():
            return path
        folder = on_disk(path.parent)
        names = _spellings(folder, folder.stat().st_mtime_ns)
    except (OSError, ValueError):  # a folder that is not there, a NUL in the name
        return path
    return folder / names.get(unicodedata.normalize("NFC", path.name), path.name)


@lru_cache(maxsize=8)  # the rows of a manifest share folders
def _spellings(folder: Path, _changed: int) -> dict[str, str]:
    """Names in a folder as they are spelled, by their composed form."""
    return {unicodedata.normalize("NFC", found.name): found.name for found in folder.iterdir()}
