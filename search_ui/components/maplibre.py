"""MapLibre GL JS, which draws the maps: a built library of the npm registry at one version, not in the repository.

    python -m search_ui.components.maplibre      fetches it into the folder `maplibre` beside this file

`pip install` of a checkout and the build of a wheel do so by themselves (setup.py). The archive is taken from the
registry that npm is set to, and only if its content has the hash below; a file that is here already is kept. It uses
the standard library alone, and does not know what the maps show.
"""

import base64
import hashlib
import io
import os
import shutil
import subprocess
import sys
import tarfile
import urllib.request
from pathlib import Path

VERSION = "6.17.0"
INTEGRITY = "sha512-2chIZwpLGenoUQOcnm9Pk4SLbA8ppNFq8jlpXiq9vcYm3Y1wJ3fc82FL0GLwBaPYJCLzPv/mC46KEupVov75rQ=="
"""As `npm view maplibre-gl@VERSION dist.integrity` tells it."""
FILES = {
    "package/dist/maplibre-gl.mjs": "maplibre-gl.mjs",
    "package/dist/maplibre-gl-worker.mjs": "maplibre-gl-worker.mjs",
    "package/dist/maplibre-gl.css": "maplibre-gl.css",
    "package/LICENSE.txt": "LICENSE.txt",
}
FOLDER = Path(__file__).with_name("maplibre")
HOW = f"{sys.executable} -m search_ui.components.maplibre"
_USUAL = "https://registry.npmjs.org/"  # npm's own default
_SECONDS = 120


def is_here(folder: Path = FOLDER) -> bool:
    """Whether this very version is in the folder, whole."""
    version = folder / "version.txt"
    return (
        version.is_file() and version.read_text("utf-8").strip() == VERSION
        and all((folder / name).is_file() for name in FILES.values())
    )  # fmt: skip


def fetch(folder: Path = FOLDER) -> None:
    """Bring the library into a folder, unless it is there.

    Raises:
        ValueError: What came is not what was pinned.
        OSError: It cannot be fetched or written.
    """
    if is_here(folder):
        return
    url = f"{registry()}maplibre-gl/-/maplibre-gl-{VERSION}.tgz"
    with urllib.request.urlopen(url, timeout=_SECONDS) as answer:  # noqa: S310 - the registry that npm is set to
        content = answer.read()
    unpack(content, folder, came_from=url)


def unpack(content: bytes, folder: Path, *, came_from: str) -> None:
    """Check an archive and put its files into a folder; `version.txt` comes last: a part is never taken for all.

    Raises:
        ValueError: The content has another hash.
    """
    kind, _, wanted = INTEGRITY.partition("-")
    have = base64.b64encode(hashlib.new(kind, content).digest()).decode()
    if have != wanted:
        raise ValueError(
            f"{came_from} is not maplibre-gl {VERSION}: its {kind} is {have}, not {wanted}; "
            "look at what npm's registry is set to (npm config get registry)"
        )
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "version.txt").unlink(missing_ok=True)
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        for inside, name in FILES.items():
            member = archive.extractfile(inside)
            assert member is not None  # noqa: S101 - the hash says which archive this is
            (folder / name).write_bytes(member.read())
    (folder / "version.txt").write_text(f"{VERSION}\n", "utf-8")


def registry() -> str:
    """Address of the registry that npm would ask, with a slash behind it."""
    told = os.environ.get("NPM_CONFIG_REGISTRY")
    npm = shutil.which("npm")
    if not told and npm:
        asked = subprocess.run([npm, "config", "get", "registry"], capture_output=True, text=True, check=False)  # noqa: S603
        told = asked.stdout.strip()
    told = told if told and told.startswith(("https://", "http://")) else _USUAL
    return told.rstrip("/") + "/"


if __name__ == "__main__":
    try:
        fetch()
    except (OSError, ValueError) as error:
        sys.exit(f"MapLibre GL JS {VERSION} cannot be fetched: {error}")
