"""Flips bits all over a home, one at a time, and counts which are found, which are harmless, and which are neither.

    python -m tools.flips --home DIR [--count 1000] [--json]

The home is copied first. As many bits are flipped in each kind of file as in any other; sources of imagery and photos,
locks and pictures that are cut anew are none of them. A flip is found where `groundcast verify --deep` names the file,
by the very functions that it calls; it is harmless where what is read of the file is what was read before, or where it
is not read at all but made anew. The exit code is 1 where one is neither.
"""

import argparse
import json
import random
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from diskcache import Cache

from ingest.archive.job_records import damaged_records
from ingest.archive.parts import Archive
from ingest.catalog.catalog import Catalog
from ingest.catalog.database import Database
from ingest.catalog.dump import snapshot_of
from ingest.field import columns
from ingest.places import store
from ingest.settings import Settings, load_settings
from search_ui.search import text_cache
from trainer.checkpoint import verify as verify_checkpoint
from trainer.errors import GroundcastError
from trainer.texts.exported_text import read_exported

FOUND, HARMLESS, MISSED = "found", "harmless", "missed"


def main() -> None:
    """Flips and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", type=Path, required=True, help="of which a copy is made")
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--json", action="store_true", help="one JSON document")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        shutil.copytree(asked.home, home)
        rows = flips(load_settings(home), asked.count)
    missed = sum(row[MISSED] for row in rows)
    if asked.json:
        print(json.dumps({"benchmark": "flips", "setting": {"count": asked.count}, "rows": rows, "ratios": {}}))
    else:
        for row in rows:
            print(f"{row['files']:24} {row[FOUND]:5} found  {row[HARMLESS]:5} harmless  {row[MISSED]:5} missed")
    sys.exit(1 if missed else 0)


def flips(settings: Settings, count: int) -> list[dict[str, Any]]:
    """How many flips of each kind of file were found, harmless or missed."""
    kinds = _kinds(settings)
    somewhere, counts = random.Random(0), {kind: Counter[str]() for kind in kinds}
    for number in range(count):
        kind = list(kinds)[number % len(kinds)]
        files, judge = kinds[kind]
        path = somewhere.choices(files, weights=[file.stat().st_size for file in files])[0]
        at, bit = somewhere.randrange(path.stat().st_size), 1 << somewhere.randrange(8)
        _flip(path, at, bit)
        try:
            verdict = judge(path)
        except GroundcastError:
            verdict = FOUND
        _flip(path, at, bit)
        counts[kind][verdict] += 1
    verdicts = (FOUND, HARMLESS, MISSED)
    return [{"files": kind, **{verdict: counts[kind][verdict] for verdict in verdicts}} for kind in counts]


def _flip(path: Path, at: int, bit: int) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        (byte,) = file.read(1)
        file.seek(at)
        file.write(bytes([byte ^ bit]))


def _kinds(settings: Settings) -> dict[str, tuple[list[Path], Callable[[Path], str]]]:
    """Files by kind, and what tells whether a flip in one of them is found."""
    home = settings.home
    catalog = Catalog(settings.catalog_at)
    known = {
        chunk.key: chunk.sha256 for each in catalog.collections() for chunk in catalog.chunks(collection=each.name)
    }
    catalog.close()
    lines = _lines(settings)
    texts = _texts(settings)

    def part(path: Path) -> str:
        archive = Archive(path.parent, "gallery" if path.parent.name.startswith("gallery.") else "tiles")
        return MISSED if archive.read(path.stem, summed=True).sha256 == known[path.stem] else FOUND

    def ledger(_: Path) -> str:
        with_flip = Catalog(settings.catalog_at)
        try:
            if with_flip.damage():
                return FOUND
        finally:
            with_flip.close()
        return HARMLESS if _lines(settings) == lines else MISSED  # all that is read of it is as before

    found: dict[str, tuple[list[Path], Callable[[Path], str]]] = {
        "parts": (list((home / "archive").rglob("*.parquet")), part),
        "records of jobs": (list((home / "archive").rglob("*.json")), lambda path: _told(damaged_records(path.parent))),
        "field": (
            [path for path in (home / "field").rglob("*") if path.is_file() and path.suffix not in (".lock", ".npz")],
            lambda path: _told(columns.damaged(path.parent if path.name == columns.STATE else path.parent.parent)),
        ),
        "weights of models": (list((home / "models").glob("*/model.safetensors")), _model),
        "other files of models": (
            [path for path in (home / "models").rglob("*") if path.is_file() and path.name != "model.safetensors"],
            lambda path: _model(home / "models" / path.relative_to(home / "models").parts[0] / "model.safetensors"),
        ),
        "catalog": ([settings.catalog_path], ledger),
        "table of places": (list(settings.places_dir.glob("*.sqlite")), lambda path: _told(store.damaged(path.parent))),
        "texts": ([settings.cache_dir / "texts" / "cache.db"], lambda _: _same(_texts(settings), texts)),
    }
    return {kind: (files, judge) for kind, (files, judge) in found.items() if files and all(map(Path.exists, files))}


def _told(names: list[str]) -> str:
    return FOUND if names else MISSED


def _model(path: Path) -> str:
    meta = verify_checkpoint(path.parent)  # which raises, and so does the next: then it is made anew
    read_exported(path.parent, meta.model_id)
    return MISSED


def _lines(settings: Settings) -> list[bytes]:
    """All that the catalog says."""
    database = Database(settings.catalog_at)
    try:
        with snapshot_of(database) as snapshot:
            return list(snapshot.lines())
    finally:
        database.close()


def _texts(settings: Settings) -> dict[bytes, bytes | None]:
    """What the cache of texts gives for each key; None: it is embedded anew."""
    folder = settings.cache_dir / "texts"
    if not folder.exists():
        return {}
    try:
        with Cache(str(folder)) as cache:
            return {key: text_cache._whole(key, cache.get(key)) for key in cache}
    except Exception:  # noqa: BLE001 - whatever a database of another kind leads to: nothing of it is taken for a vector
        return {}


def _same(now: dict[bytes, bytes | None], before: dict[bytes, bytes | None]) -> str:
    """Harmless where each vector is as before, or is made anew."""
    return HARMLESS if all(value is None or before.get(key) == value for key, value in now.items()) else MISSED


if __name__ == "__main__":
    main()
