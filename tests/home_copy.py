"""Copies of a home, for tests that change it."""

import shutil
import subprocess
from pathlib import Path

LENT = ("models", "index")


def copy_of(home: Path, folder: Path) -> Path:
    """The copy, in a new folder; its model and its index are lent, so they must not be changed."""
    shutil.copytree(home, folder, ignore=lambda at, _: {*LENT, "locks"} if Path(at) == home else set())
    for name in LENT:
        (folder / name).symlink_to(home / name)
    return folder


def whole_copy_of(home: Path, folder: Path) -> Path:
    """The copy, in a new folder, index and all; an index's files are mostly holes, and stay so."""
    subprocess.run(["cp", "-r", "--sparse=always", home, folder], check=True)
    return folder
