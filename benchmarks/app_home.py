"""A home to measure the app on: the demonstration, and its collection many times beside one another.

It does not know what is measured.
"""

import shutil
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from ingest.archive.parts import Archive
from ingest.catalog.catalog import Catalog
from ingest.settings import load_settings

COPIES = {"many": 5, "million": 328}
ACROSS, APART_DEG = 18, 0.75  # copies side by side, and from one to the next
_CHUNK = 16_384  # tiles of a part of the archive


def made(work: Path, demonstration: Path | None) -> Path:
    """The home, which stays in that folder.

    Args:
        work: The folder.
        demonstration: A home in which `groundcast demo` ran, to be copied; None: it runs.
    """
    home, whole = work / "home", work / "demonstration-is-there"
    if not whole.exists():
        shutil.rmtree(home, ignore_errors=True)
        if demonstration is None:
            command = [sys.executable, "-m", "search_ui.cli", "--home", home, "demo", "--no-browser", "--json"]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        else:
            shutil.copytree(demonstration, home)
        whole.touch()
    multiply(home, "many")
    return home


def multiply(home: Path, name: str) -> None:
    """The demonstration's collection several times beside one another, as a collection of its own."""
    settings = load_settings(home)
    catalog = Catalog(settings.catalog_at)
    if any(one.name == name for one in catalog.collections()):
        catalog.close()
        return
    demo = catalog.collection("demo")
    source, target = (Archive(settings.archive_dir(one), "tiles") for one in ("demo", name))
    tables = [source.read(path.stem) for path in source.parts()]
    records = [row for part in tables for row in part.table.drop_columns(["vector", "norm"]).to_pylist()]
    vectors = np.concatenate([part.vectors() for part in tables]).astype(np.float32)
    random, chunks = np.random.default_rng(0), list[tuple[str, list[str]]]()
    waiting: list[dict[str, Any]] = []
    given: list[np.ndarray] = []

    def write() -> None:
        key = f"{name}-{len(chunks):04d}"
        target.write(key, waiting, np.concatenate(given), tables[0].meta)
        chunks.append((key, [record["tile_id"] for record in waiting]))

    for copy in range(COPIES[name]):
        up, along = divmod(copy, ACROSS)
        for record in records:
            place = {"lat": record["lat"] + APART_DEG * up, "lon": record["lon"] + APART_DEG * along}
            waiting.append(record | place | {"tile_id": f"{record['tile_id']}-{copy}"})
        # not the same again: equal tiles would be ties, of which there are few in the world
        given.append(vectors + (0.02 * vectors.std() * random.normal(size=vectors.shape)).astype(np.float32))
        if len(waiting) >= _CHUNK or copy == COPIES[name] - 1:
            write()
            waiting, given = [], []
    catalog.add_collection(replace(demo, name=name, created_at=datetime.now(UTC)))
    spec = catalog.jobs("demo")[-1].spec
    catalog.add_job(f"{name:0<16}", collection=name, source="sandbox:", spec=spec, chunks=chunks, failures=[])
    for key, ids in chunks:
        catalog.finish_chunk(key, state="archived", done=len(ids))
    catalog.close()
