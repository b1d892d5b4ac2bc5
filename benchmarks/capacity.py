"""What a tile costs on disk and in memory, and what follows for a million, fifty million and all land on Earth.

    python -m benchmarks.capacity [--n 20000] [--dim 512] [--gpu-tiles-s 1500] [--measure] [--json]

Without `--measure` the table is computed from `MEASURED`, which is what `--measure` printed on the README's machine:
bytes a tile of archive parts, of the field's columns, of the embedded index and of the ledger, each from its own files
after `--n` tiles of 480 m went through the program's own writers, and tiles a second that one core reads from a JPEG
COG. `FORMULAS` says how each column is computed; what is not measured but taken from elsewhere is marked there.
"""

import argparse
import itertools
import json
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import closing, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.field import encoder
from benchmarks.pipeline import make_cog
from ingest.geo.grid import Grid, Tile
from ingest.jobs.items import SkipItemError

TILES = (1_000_000, 50_000_000, 650_000_000)  # the last: all land on Earth in tiles of 480 m, 149 million km²
CHUNK = 256
EXACT_TILES, INT8_ABOVE = 5_000_000, 1_000_000  # the settings' defaults
QDRANT_RAM = 1.5  # Qdrant's own rule: 1.5 times what the vectors in memory take
GRAPH_B = 2 * 16 * 4  # links of a point in a graph with m = 16, 4 bytes each

FORMULAS = {
    "archive": "tiles × archive bytes",
    "ledger": "tiles × ledger bytes",
    "field": "tiles × field bytes up to `exact_tiles` (5 M), nothing above; the app wants it in the page cache",
    "index disk": "tiles × (2·512 float16 + 512 int8 above 1 M + 128 graph + payload bytes)",
    "index RAM": "tiles × 1.5 × (2·512 float16, or 512 int8 above 1 M); the factor is Qdrant's own rule",
    "GPU hours": "tiles ÷ GPU rate ÷ 3600",
    "core hours": "tiles ÷ read rate ÷ 3600",
}


@dataclass(frozen=True)
class Costs:
    """Of one tile with a vector of 512 values.

    Attributes:
        archive_b: Bytes in the archive.
        field_b: Bytes in the field.
        payload_b: Bytes in the index beside its vectors.
        ledger_b: Bytes in the ledger.
        read_per_s: Tiles that one core reads a second.
    """

    archive_b: float
    field_b: float
    payload_b: float
    ledger_b: float
    read_per_s: float


MEASURED = Costs(archive_b=1104.0, field_b=1375.4, payload_b=491.6, ledger_b=37.6, read_per_s=112.2)


def main() -> None:
    """Measures if asked to, and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=20_480, help="tiles to measure with")
    parser.add_argument("--dim", type=int, default=512, help="length of a vector")
    parser.add_argument("--gpu-tiles-s", type=float, default=1500, help="tiles a second of one GPU; measure yours")
    parser.add_argument("--measure", action="store_true", help="measure again instead of taking MEASURED")
    parser.add_argument("--json", action="store_true", help="one JSON document")
    asked = parser.parse_args()
    costs = MEASURED
    if asked.measure:
        with tempfile.TemporaryDirectory() as folder:
            costs = measure(Path(folder), asked.n, asked.dim)
    rows = [needs(costs, tiles, asked.dim, asked.gpu_tiles_s) for tiles in TILES]
    if asked.json:
        setting = {"n": asked.n, "dim": asked.dim, "gpu_tiles_s": asked.gpu_tiles_s, "measured": asdict(costs)}
        ratios = {"archive bytes ÷ float16 vector": round(costs.archive_b / (2 * asked.dim), 3)}
        print(json.dumps({"benchmark": "capacity", "setting": setting, "rows": rows, "ratios": ratios}))
        return
    print(costs)
    print("\n".join(table(rows)))


def needs(costs: Costs, tiles: int, dim: int, gpu_per_s: float) -> dict[str, Any]:
    """What so many tiles need: gigabytes (10⁹ bytes) and hours."""
    int8 = tiles > INT8_ABOVE
    stored_b = 2 * dim + (dim if int8 else 0) + GRAPH_B + costs.payload_b
    in_memory_b = QDRANT_RAM * (dim if int8 else 2 * dim)
    return {
        "tiles": tiles,
        "archive_gb": tiles * costs.archive_b / 1e9,
        "ledger_gb": tiles * costs.ledger_b / 1e9,
        "field_gb": tiles * costs.field_b / 1e9 if tiles <= EXACT_TILES else 0.0,
        "index_gb": tiles * stored_b / 1e9,
        "index_ram_gb": tiles * in_memory_b / 1e9,
        "gpu_h": tiles / gpu_per_s / 3600,
        "core_h": tiles / costs.read_per_s / 3600,
        "gpus_for_a_day": ceil(tiles / gpu_per_s / (24 * 3600)),
        "cores_a_gpu": ceil(gpu_per_s / costs.read_per_s),
    }


def table(rows: list[dict[str, Any]]) -> list[str]:
    """As Markdown."""
    lines = [
        "| tiles = vectors | archive | PostgreSQL | field, disk and RAM of the app | Qdrant, disk | Qdrant, RAM "
        "| GPU hours | GPUs for a day | reading, core hours |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        field = _gb(row["field_gb"]) if row["field_gb"] else "none"
        lines.append(
            f"| {row['tiles'] // 1_000_000} M | {_gb(row['archive_gb'])} | {_gb(row['ledger_gb'])} | {field} "
            f"| {_gb(row['index_gb'])} | {_gb(row['index_ram_gb'])} | {row['gpu_h']:,.1f} "
            f"| {row['gpus_for_a_day']} | {row['core_h']:,.0f} |"
        )
    return lines


def _gb(value: float) -> str:
    return f"{value / 1000:,.2g} TB" if value >= 1000 else f"{value:,.2g} GB" if value < 10 else f"{value:,.0f} GB"


def measure(folder: Path, n: int, dim: int) -> Costs:
    """Lets n made-up tiles through the program's own writers, and looks at their files."""
    from ingest.archive.parts import Archive
    from ingest.index.edge import EdgeIndex
    from ingest.index.points import points

    archive_b, field_b, ledger_b = sizes(folder, n, dim)
    archive = Archive(folder / "archive", "tiles")
    with EdgeIndex(folder / "index", "c", dim) as index:
        for part in archive.parts():
            index.upsert(points(archive.read(part.stem), "tiles"))
    return Costs(
        archive_b=archive_b,
        field_b=field_b,
        payload_b=round(_bytes(folder / "index") / n - 4 * dim, 1),  # the embedded index stores float32
        ledger_b=ledger_b,
        read_per_s=round(_read_per_s(folder), 1),
    )


def sizes(folder: Path, n: int, dim: int) -> tuple[float, float, float]:
    """Bytes a tile of archive, field and ledger."""
    from ingest.archive.parts import Archive
    from ingest.catalog.catalog import Catalog, Collection
    from ingest.field.scorer import open_scorer

    archive, random = Archive(folder / "archive", "tiles"), np.random.default_rng(0)
    Catalog(folder / "catalog.sqlite").close()
    empty_b = _bytes(folder / "catalog.sqlite")  # tables and indices without a row
    with closing(Catalog(folder / "catalog.sqlite")) as catalog:
        catalog.add_collection(Collection("c", "tiles", "m", dim, {"source": "s"}, datetime.now(UTC)))
        chunks = []
        for number, records in enumerate(_records(n)):
            key = f"0123456789abcdef-{number:06d}"
            vectors = random.normal(0, 1, (len(records), dim)).astype(np.float32)
            archive.write(key, records, vectors, {"collection": "c", "model_id": "m", "skipped": {}, "failures": []})
            chunks.append((key, [record["tile_id"] for record in records]))
        catalog.add_job("0123456789abcdef", collection="c", source="s", spec={}, chunks=chunks, failures=[])
    open_scorer(folder / "field", archive, model_id="m", encoder=encoder(dim))
    archive_b, field_b = (round(_bytes(folder / name) / n, 1) for name in ("archive", "field"))
    return archive_b, field_b, round((_bytes(folder / "catalog.sqlite") - empty_b) / n, 1)


def _records(n: int) -> Iterator[list[dict[str, Any]]]:
    """Tiles of 480 m in rows from south to north, named as the grid names them, a chunk at a time."""
    from ingest.geo.geometry import box

    side = 1.2 * n**0.5 * 0.00488
    tiles = Grid(size_m=480, stride_m=480).tiles(box(west=85.5, south=27.6, east=85.5 + side, north=27.6 + side))
    for chunk in _chunks(itertools.islice(tiles, n)):
        yield [
            {
                "tile_id": tile.id,
                "lat": tile.footprint.lat,
                "lon": tile.footprint.lon,
                "size_m": 480.0,
                "acquired_at": datetime(2024, 6, 1, tzinfo=UTC),
                "gsd_m": 0.6,
                "valid_fraction": 1.0,
                "origin": "scene_20240601.tif",
            }
            for tile in chunk
        ]


def _chunks(tiles: Iterable[Tile]) -> Iterator[list[Tile]]:
    tiles = iter(tiles)
    while chunk := list(itertools.islice(tiles, CHUNK)):
        yield chunk


def _read_per_s(folder: Path) -> float:
    """Tiles that one thread cuts a second from a JPEG COG for a model of 224 pixels, at the COG's own resolution."""
    from ingest.jobs.request import Request

    cog = make_cog(folder / "imagery.tif", 6144)
    grid = Grid(size_m=36.0, stride_m=36.0)  # 240 pixels of 0.15 m
    with closing(Request(kind="tiles", collection="c", source=str(cog), grid=grid).open(input_px=224)) as intake:
        started, read = time.perf_counter(), 0
        for item in itertools.islice(intake.ids(), 500):
            with suppress(SkipItemError):  # beside the imagery
                intake.read(item)
                read += 1
        return read / (time.perf_counter() - started)


def _bytes(path: Path) -> int:
    """Space on the disk, of a file or of all files in a folder; the log of the embedded index is not counted."""
    files = [path] if path.is_file() else [one for one in path.rglob("*") if one.is_file() and "wal" not in one.parts]
    return sum(one.stat().st_blocks * 512 for one in files)


if __name__ == "__main__":
    main()
