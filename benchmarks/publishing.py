"""How fast is a collection published: its tables and what stands beside them, without score maps.

    python -m benchmarks.publishing [--n 300000] [--dim 512] [--part 256] [--folder DIR] [--json]

Made on the spot, in a temporary folder (2.5 GB at 300,000 tiles of 512 numbers, both copies counted): the archive of a
collection, a grid of 480 m tiles with random float16 vectors, in parts as an ingest writes them.

`publish` is `groundcast publish` as a user runs it, of a process of its own that is up. Beside it stand two ways to get
one file out of the same parts, which neither sort nor describe nor check: `copy` reads part after part with pyarrow and
writes them into one file with the same row groups and compression; `geopandas` reads all parts into a GeoDataFrame,
sorts it by geopandas' own Hilbert distance and writes that. Memory is what the process holds at most beyond what it
held before (RssAnon), sampled every 5 ms.
"""

import argparse
import json
import os
import tempfile
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import shapely

from ingest.archive.parts import Archive
from ingest.catalog.catalog import Catalog, Collection
from ingest.geo.footprints import Places, Squares
from ingest.geo.geoparquet import boxes, geo_metadata, write_table
from ingest.settings import Settings, load_settings
from search_ui.publishing.publication import PublishOptions, publish
from search_ui.search.engine import Engine

NAME, MODEL = "made", "0123456789abcdef"
SIZE_M, STEP_LAT, STEP_LON = 480.0, 0.00433, 0.00488
SOUTH, WEST = 30.0, 85.5
GROUP = 16_384  # rows, as `publish` has at 512 numbers


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=300_000, help="tiles")
    parser.add_argument("--dim", type=int, default=512)
    parser.add_argument("--part", type=int, default=256, help="tiles of a part")
    parser.add_argument("--folder", type=Path, default=None, help="where the temporary folder is made")
    parser.add_argument("--no-geopandas", action="store_true", help="leave that way out: it takes 8 kB a tile")
    parser.add_argument("--json", action="store_true", help="one JSON document")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        document = {"benchmark": "publishing", **measure(args, Path(folder))}
    print(json.dumps(document) if args.json else table(document))


def measure(args: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Setting, rows and ratios."""
    settings = load_settings(folder / "home")
    catalog = Catalog(settings.catalog_at)
    try:
        make(settings, catalog, args.n, args.dim, args.part)
        archive = Archive(settings.archive_dir(NAME), "tiles")
        engine = Engine(settings, catalog)
        ways: dict[str, Callable[[], object]] = {
            "publish": lambda: publish(engine, NAME, folder / "published", PublishOptions()),
            "copy": lambda: copy(archive, folder / "copy.parquet"),
        }
        if not args.no_geopandas:
            ways["geopandas"] = lambda: with_geopandas(archive, folder / "geopandas.parquet")
        rows = [timed(name, way, args.n) for name, way in ways.items()]
    finally:
        catalog.close()
    seconds = {row["way"]: row["seconds"] for row in rows}
    ratios = {f"{name}_over_publish": round(took / seconds["publish"], 3) for name, took in seconds.items()}
    setting = {"n": args.n, "dim": args.dim, "part": args.part, "cores": os.cpu_count(), "load": os.getloadavg()[0]}
    ratios["tiles_a_second"] = rows[0]["tiles_a_second"]
    return {
        "setting": setting,
        "rows": rows,
        "ratios": {k: v for k, v in ratios.items() if k != "publish_over_publish"},
    }


def make(settings: Settings, catalog: Catalog, n: int, dim: int, part: int) -> None:
    """A collection of so many tiles, row by row of its grid."""
    archive = Archive(settings.archive_dir(NAME), "tiles")
    archive.folder.mkdir(parents=True)
    wide = int(np.ceil(np.sqrt(n)))
    drawn = np.random.default_rng(0)
    few = drawn.standard_normal((64 * part, dim)).astype(np.float16)
    for number, start in enumerate(range(0, n, part)):
        rows = np.arange(start, min(start + part, n))
        lat, lon = SOUTH + rows // wide * STEP_LAT, WEST + rows % wide * STEP_LON
        vectors = np.roll(few[drawn.integers(0, len(few), len(rows))], number, axis=1)
        content = _part(rows, lat, lon, np.ascontiguousarray(vectors))
        told = {"format": 1, "chunk": f"{number:06d}", "collection": NAME, "model_id": MODEL, "source": "made.tif"}
        metadata = {"geo": geo_metadata(), "groundcast": json.dumps(told | {"attribution": "nobody", "failures": []})}
        write_table(content.replace_schema_metadata(metadata), archive.path(f"{number:06d}"))
    spec = {"kind": "tiles", "source": "made.tif", "grid": {"size_m": SIZE_M, "stride_m": SIZE_M}, "options": {}}
    catalog.add_collection(Collection(NAME, "tiles", MODEL, dim, spec, datetime.now(UTC)))


def _part(rows: Any, lat: Any, lon: Any, vectors: Any) -> pa.Table:
    n = len(rows)
    outlines = Squares.of(Places(lat, lon, np.full(n, SIZE_M))).wkb()
    return pa.table(
        {
            "tile_id": [f"g480-s480-r{row:07d}-c{row:08d}" for row in rows],
            "lat": lat,
            "lon": lon,
            "size_m": np.full(n, SIZE_M),
            "bbox": boxes(shapely.from_wkb(outlines)),
            "geometry": pa.array(outlines, pa.binary()),
            "acquired_at": pa.array([1_700_000_000_000_000] * n, pa.timestamp("us", "UTC")),
            "gsd_m": np.full(n, 1, np.float32),
            "valid_fraction": np.full(n, 1, np.float32),
            "origin": ["made.tif"] * n,
            "norm": np.linalg.norm(vectors.astype(np.float32), axis=1),
            "vector": pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), vectors.shape[1]),
        }
    )


def copy(archive: Archive, path: Path) -> None:
    """All parts into one file, one behind the other."""
    writer, waiting = None, []
    for part in archive.parts():
        waiting.append(pq.read_table(part))
        if sum(table.num_rows for table in waiting) < GROUP:
            continue
        together, waiting = pa.concat_tables(waiting, promote_options="default"), []
        writer = writer or pq.ParquetWriter(path, together.schema, compression="zstd")
        writer.write_table(together)
    if waiting:
        together = pa.concat_tables(waiting)
        writer = writer or pq.ParquetWriter(path, together.schema, compression="zstd")
        writer.write_table(together)
    if writer:
        writer.close()


def with_geopandas(archive: Archive, path: Path) -> None:
    """All parts as one GeoDataFrame, sorted and written."""
    import geopandas as gpd

    frame = gpd.read_parquet(archive.parts())
    frame = frame.iloc[frame.geometry.hilbert_distance().argsort()]
    frame.to_parquet(path, compression="zstd", row_group_size=GROUP, write_covering_bbox=True)


def timed(name: str, way: Callable[[], object], n: int) -> dict[str, Any]:
    """Seconds and the most memory of a way."""
    before, most, done = _anonymous(), 0, threading.Event()

    def watch() -> None:
        nonlocal most
        while not done.wait(0.005):
            most = max(most, _anonymous())

    watching = threading.Thread(target=watch)
    watching.start()
    began, worked = time.perf_counter(), time.process_time()
    try:
        way()
        seconds, cpu = time.perf_counter() - began, time.process_time() - worked
    finally:
        done.set()
        watching.join()
    memory = round((most - before) / 2**20)
    told = {"way": name, "seconds": round(seconds, 2), "cpu_s": round(cpu, 2)}
    return told | {"tiles_a_second": round(n / seconds), "memory_mb": memory}


def _anonymous() -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024
    return 0


def table(document: dict[str, Any]) -> str:
    """What a person reads."""
    lines = [f"{document['setting']}", f"{'way':12s} {'seconds':>8s} {'CPU s':>7s} {'tiles/s':>9s} {'MB':>7s}"]
    for row in document["rows"]:
        speed, memory = f"{row['tiles_a_second']:9,d}", f"{row['memory_mb']:7,d}"
        lines.append(f"{row['way']:12s} {row['seconds']:8.2f} {row['cpu_s']:7.2f} {speed} {memory}")
    return "\n".join([*lines, *(f"{name}: {value}" for name, value in document["ratios"].items())])


if __name__ == "__main__":
    main()
