"""Attacks on a home: files that unpack without end or lead elsewhere, bits that flip, what is lost, a full disk.

Each gets a home with the collections `town` and `web`, beside which `town.tif` lies, and a number of bits; it works on
copies, and gives what came of it, in a line. An `AssertionError`: neither a refusal nor nothing at all.
"""

import gzip
import random
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
from pmtiles.tile import Entry, serialize_directory

from ingest.geo.grid import Grid
from ingest.jobs.request import Request
from ingest.opening import open_source
from ingest.settings import load_settings
from ingest.sources.source import SourceOptions
from search_ui.maps.previews import picture_of
from search_ui.service.brought.confined import Confined
from tests.test_bombs import pmtiles
from trainer.errors import GroundcastError, SourceError

GROUNDCAST = [sys.executable, "-m", "search_ui.cli"]


def _bombs(home: Path, _: int) -> str:
    """PMTiles of a small file whose metadata is huge, and a planet of tiles of 5 m."""
    folder = home.parent
    zeros = gzip.compress(bytes(2**28))
    uri = pmtiles(folder / "bomb.pmtiles", serialize_directory([Entry(0, 0, 1, 1)]), zeros)
    return "; ".join(_refused(source, size_m, home) for source, size_m in ((uri, 480.0), ("sandbox:", 5.0)))


def _refused(source: str, size_m: float, home: Path) -> str:
    request = Request(kind="tiles", collection="x", source=source, grid=Grid(size_m, size_m))
    looking = Confined(memory_bytes=2**31, seconds=5.0, refused=SourceError)
    with closing(looking):
        try:
            looking.run(picture_of, request, 64, load_settings(home).reading())
        except GroundcastError as error:
            return str(error)[-60:]
    raise AssertionError(f"{source} was taken")


def _flips(home: Path, flips: int) -> str:
    """Bits that flip in the archive and the field of a copy of the home."""
    copy = home.parent / "flipped"
    shutil.copytree(home, copy, dirs_exist_ok=True)
    somewhere = random.Random(2)
    files = [path for part in ("archive", "field") for path in (copy / part).rglob("*") if path.is_file()]
    files = [path for path in files if path.suffix != ".lock" and "usual-" not in path.name and path.stat().st_size]
    sizes = np.array([path.stat().st_size for path in files], np.float64)
    for path in random.Random(3).choices(files, weights=list(sizes), k=flips):
        content = bytearray(path.read_bytes())
        content[somewhere.randrange(len(content))] ^= 1 << somewhere.randrange(8)
        path.write_bytes(content)
    told = [_groundcast(copy, "verify", name, "--deep") for name in ("town", "web")]
    problems = sum(out.count("problem") for _, out in told)
    assert any(code == 1 for code, _ in told) and problems, "verify found nothing"
    return f"{flips} flips: {problems} problems are named"


def _reach(home: Path, _: int) -> str:
    """A VRT, and a STAC item of the web, that lead to files of this machine."""
    folder = home.parent / "vrt"
    folder.mkdir(exist_ok=True)
    secret = home.parent / "town.tif"
    band = f"<SimpleSource><SourceFilename>{secret}</SourceFilename><SourceBand>1</SourceBand></SimpleSource>"
    header = '<VRTDataset rasterXSize="9" rasterYSize="9"><SRS>EPSG:32645</SRS><GeoTransform>350000,1,0,3057000,0,-1'
    text = f'{header}</GeoTransform><VRTRasterBand dataType="Byte" band="1">{band}</VRTRasterBand></VRTDataset>'
    (folder / "a.tif").write_text(text)
    try:
        open_source(str(folder / "a.tif"), SourceOptions()).close()
    except GroundcastError as error:
        return str(error)[-70:]
    raise AssertionError("the VRT was read")


def _lost(home: Path, _: int) -> str:
    """A catalog that is lost: an ingest under the same name, and the way back."""
    copy = home.parent / "lost"
    shutil.copytree(home, copy, dirs_exist_ok=True)
    for path in copy.glob("catalog.sqlite*"):
        path.unlink()
    _groundcast(copy, "model", "add", "m", "--bundled")
    raster = home.parent / "town.tif"
    code, out = _groundcast(copy, "ingest", "--collection", "town", "--tile-size-m", "50", str(raster))
    assert code and "groundcast recover" in out, out
    _groundcast(copy, "recover")
    code, out = _groundcast(copy, "verify", "town")
    assert code == 0, out
    return "the ingest is refused with both ways out; recovered, and verify agrees"


def _small_disk(home: Path, _: int) -> str:
    """A disk that is full."""
    place = home.parent / "small"
    place.mkdir(exist_ok=True)
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=300m", "tmpfs", place], check=False).returncode:
        return "not tried: this user may not mount"
    try:
        shutil.copytree(home / "models", place / "models")
        shutil.copy(home / "catalog.sqlite", place)
        with (place / "filler").open("wb") as file:
            left = shutil.disk_usage(place).free - 200_000
            file.write(bytes(max(0, left)))
        raster = home.parent / "town.tif"
        code, out = _groundcast(place, "ingest", "--collection", "new", "--tile-size-m", "50", str(raster))
        assert code == 1 and "Traceback" not in out, (code, out[-300:])
        return out.strip().splitlines()[-1][-90:]
    finally:
        # lazily: what an ingest began in the background may have a file open there still
        subprocess.run(["umount", "--lazy", place], check=True)


ON_DISK: dict[str, Callable[[Path, int], str]] = {
    "5 an estimate of bombs": _bombs,
    "6 flipped bits": _flips,
    "7 a VRT by another name": _reach,
    "8 a lost catalog": _lost,
    "10 a full small disk": _small_disk,
}


def _groundcast(home: Path, *words: str) -> tuple[int, str]:
    ran = subprocess.run([*GROUNDCAST, "--home", str(home), *words], capture_output=True, text=True, check=False)
    return ran.returncode, ran.stdout + ran.stderr
