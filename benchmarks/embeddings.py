"""How long from a file of embeddings to the first answer, in how much memory?

    python -m benchmarks.embeddings [--rows 100000 300000] [--dim 768] [--work DIR] [--json]

A GeoParquet file of random unit vectors (float32, LGND's columns, row groups of 8,192) is imported into a new home, and
one of its tiles is searched by; each in a process of its own, as `groundcast import` and `groundcast search` are. The
yardstick does the least that could answer: pyarrow reads the file whole, NumPy multiplies. Memory is the most that a
process has of its own, looked at twenty times a second: columns of the field are mapped from their files, and pages of
files are given back whenever somebody needs the room. Of two sizes the slope gives what two million rows would take.
Places near hits are not named, which is the same work whatever is searched.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np

MILLIONS = 2_000_000
_BLOCK = 8_192


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[100_000, 300_000])
    parser.add_argument("--dim", type=int, default=768)
    parser.add_argument("--work", type=Path, help="where files and homes are made [a temporary folder]")
    parser.add_argument("--json", action="store_true", help="one JSON document")
    parser.add_argument("--step", help=argparse.SUPPRESS)  # what a process of its own does
    asked = parser.parse_args()
    if asked.step:
        step(asked.step, asked.work)
        return
    with tempfile.TemporaryDirectory(dir=asked.work) as scratch:
        rows = [measure(Path(scratch) / str(count), count, asked.dim) for count in sorted(asked.rows)]
    ratios = {f"{row['rows']}: first answer ÷ bare pyarrow and NumPy": ratio(row) for row in rows}
    if len(rows) > 1:
        first, last = rows[0], rows[-1]
        for name in ("import", "search"):
            slope = (last[f"{name}_mb"] - first[f"{name}_mb"]) / (last["rows"] - first["rows"])
            ratios[f"MB of {name} at two million rows, by the slope"] = round(
                last[f"{name}_mb"] + slope * (MILLIONS - last["rows"])
            )
    if asked.json:
        print(json.dumps({"benchmark": "embeddings", "setting": {"dim": asked.dim}, "rows": rows, "ratios": ratios}))
        return
    print(f"{'rows':>9}  {'import':>16}  {'first search':>16}  {'bare':>16}")
    for row in rows:
        told = "  ".join(
            f"{row[f'{name}_s']:7.1f} s {row[f'{name}_mb']:5.0f} MB" for name in ("import", "search", "bare")
        )
        print(f"{row['rows']:>9,}  {told}")
    print(ratios)


def ratio(row: dict[str, Any]) -> float:
    """The whole way over the yardstick's."""
    return round((row["import_s"] + row["search_s"]) / row["bare_s"], 1)


def measure(folder: Path, count: int, dim: int) -> dict[str, Any]:
    """Seconds and peak memory of each step."""
    folder.mkdir(parents=True)
    write(folder / "vectors.parquet", count, dim)
    row: dict[str, Any] = {"rows": count, "file_mb": round((folder / "vectors.parquet").stat().st_size / 1e6)}
    for name in ("import", "search", "bare"):
        started = time.perf_counter()
        command = [sys.executable, "-m", "benchmarks.embeddings", "--step", name, "--work", str(folder)]
        told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        row[f"{name}_s"] = round(time.perf_counter() - started, 2)
        row[f"{name}_mb"] = json.loads(told.splitlines()[-1])["mb"]
    return row


def write(path: Path, count: int, dim: int) -> None:
    """The file, block by block."""
    import pyarrow as pa
    import pyarrow.parquet as pq
    import shapely

    from ingest.geo.geoparquet import geo_metadata

    rng, writer = np.random.default_rng(0), None
    for start in range(0, count, _BLOCK):
        n = min(_BLOCK, count - start)
        lat, lon = rng.uniform(-60, 60, n), rng.uniform(-179, 179, n)
        vectors = rng.normal(size=(n, dim)).astype(np.float32)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        shapes = shapely.to_wkb(shapely.box(lon - 0.012, lat - 0.012, lon + 0.012, lat + 0.012))
        columns = {"chips_id": [f"chip_{row:07d}" for row in range(start, start + n)]}
        columns |= {"datetime": pa.array(np.full(n, "2024-06-15T10:00", "datetime64[us]"))}
        columns |= {"embedding": pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), dim)}
        geo = json.loads(geo_metadata())
        del geo["columns"]["geometry"]["covering"]
        table = pa.table(columns | {"geometry": pa.array(shapes.tolist(), pa.binary())})
        table = table.replace_schema_metadata({"geo": json.dumps(geo)})
        writer = writer or pq.ParquetWriter(path, table.schema, compression="zstd")
        writer.write_table(table)
    if writer is not None:
        writer.close()


def step(name: str, folder: Path) -> None:
    """One step in this process; the last line that it prints is its peak memory."""
    path, peak, done = folder / "vectors.parquet", [0.0], threading.Event()

    def look() -> None:
        while not done.wait(0.05):
            peak[0] = max(peak[0], own_mb())

    looking = threading.Thread(target=look)
    looking.start()
    match name:
        case "bare":
            bare(path)
        case "import":
            imported(folder, path)
        case "search":
            searched(folder)
    done.set()
    looking.join()
    print(json.dumps({"mb": round(peak[0])}))


def own_mb() -> float:
    """Memory of this process that is no page of a file, MB (Linux)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon")) / 1024


def bare(path: Path) -> None:
    """The nine rows most like one, by the least that could say it."""
    import pyarrow.parquet as pq

    table = pq.read_table(path, columns=["embedding"])
    column = table["embedding"].combine_chunks()
    vectors = column.flatten().to_numpy().reshape(len(column), -1)
    vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    print(np.argsort(-(vectors @ vectors[7]))[:9])


def imported(folder: Path, path: Path) -> None:
    """The file into a new home."""
    from ingest.catalog.catalog import Catalog
    from ingest.embeddings.importing import bring_in
    from ingest.embeddings.request import ImportRequest
    from ingest.settings import Settings

    settings = Settings(home=folder / "home")
    catalog = Catalog(settings.catalog_at)
    result = bring_in(settings, catalog, ImportRequest("x", str(path)), lambda *_: lambda _: None)
    assert not result.job.failed
    catalog.close()


def searched(folder: Path) -> None:
    """The first answer, by a tile."""
    from ingest.catalog.catalog import Catalog
    from ingest.settings import Settings
    from search_ui.search.engine import Engine
    from search_ui.search.query import Part, Query

    settings = Settings(home=folder / "home")
    catalog = Catalog(settings.catalog_at)
    engine = Engine(settings, catalog)
    engine._near = lambda _collection, lats, _lons: [None] * len(lats)  # type: ignore[method-assign]
    answer = engine.search("x", Query(parts=(Part("tile", "chip_0000007"),)))
    assert answer.hits[0].tile_id == "chip_0000007"
    print([hit.tile_id for hit in answer.hits])
    engine.close()
    catalog.close()


if __name__ == "__main__":
    main()
