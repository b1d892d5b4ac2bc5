"""A home like the demonstration's that a test may change: its model and its index are lent, the rest is a copy."""

import shutil
from pathlib import Path

LENT = ("models", "index")


def copy_of(home: Path, folder: Path) -> Path:
    """The copy, in a new folder."""
    shutil.copytree(home, folder, ignore=lambda at, _: {*LENT, "locks"} if Path(at) == home else set())
    for name in LENT:
        (folder / name).symlink_to(home / name)
    return folder
