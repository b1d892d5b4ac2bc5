"""How fast is the index, and how exact: Edge against qdrant-client's local mode, a NumPy scan and FAISS flat.

    python -m benchmarks.index [--n 100000] [--dim 512] [--local-n 5000] [--queries 50] [--no-optimize] [--json]

Clustered unit vectors (as embeddings of imagery are) on a block of tiles; the box holds about one tile in a hundred.
Queries of Edge and local mode go through `Index.query`, with the widening and the footprint test in it.
Recall counts hits whose exact cosine reaches the k-th best within 1e-6: equal tiles do not count against anyone.
Local mode stores in a folder, as Edge does, and is slow at it, so both fill a collection of `--local-n` tiles as well:
those rows say "subset", and ratios with local mode compare the two subsets. Nothing is extrapolated.
"""

import argparse
import json
import os
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import faiss
import numpy as np
from qdrant_client import QdrantClient

from ingest.geo.geometry import Footprint, box
from ingest.index.edge import EdgeIndex
from ingest.index.protocol import HNSW_EF, Filter, Index, Points
from ingest.index.server import ServerIndex

K = 10
SIZE_M = 480.0
CHUNK = 2_000  # tiles a call of upsert, as the pipeline has them in a chunk
Answer = Callable[[np.ndarray], list[int]]


@dataclass(frozen=True)
class World:
    """Tiles, queries and the box.

    Attributes:
        vectors: float32 [n, d], unit.
        queries: float32 [q, d], unit.
        payloads: One a tile.
        where: The box.
        inside: Which tiles touch it, bool [n], by the footprint of each.
    """

    vectors: np.ndarray
    queries: np.ndarray
    payloads: list[dict[str, Any]]
    where: Filter
    inside: np.ndarray


def main() -> None:
    """Measures and prints."""
    args = arguments()
    warnings.filterwarnings("ignore", message="Local mode is not recommended", category=UserWarning)
    faiss.omp_set_num_threads(os.cpu_count() or 1)
    world = make_world(args.n, args.dim, args.queries)
    small = make_world(min(args.local_n, args.n), args.dim, args.queries)
    rows = [*edge_rows(world, "Edge", optimize=args.optimize), *flat_rows(world)]
    rows += [*edge_rows(small, "Edge, subset", optimize=False), *local_rows(small)]
    document = {
        "benchmark": "index",
        "setting": {
            "n": args.n,
            "dim": args.dim,
            "local_n": len(small.vectors),
            "queries": args.queries,
            "k": K,
            "hnsw_ef": HNSW_EF,
            "box_tiles": int(world.inside.sum()),
            "threads": os.cpu_count(),
        },
        "rows": rows,
        "ratios": ratios(rows),
    }
    print(json.dumps(document) if args.json else table(document))


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=100_000, help="tiles")
    parser.add_argument("--dim", type=int, default=512)
    parser.add_argument("--local-n", type=int, default=5_000, help="tiles of the subset that local mode gets")
    parser.add_argument("--queries", type=int, default=50)
    parser.add_argument("--no-optimize", dest="optimize", action="store_false", help="skip the minutes of optimize()")
    parser.add_argument("--json", action="store_true", help="one JSON document")
    return parser.parse_args()


def make_world(n: int, dim: int, queries: int, seed: int = 0) -> World:
    """Seeded tiles of 480 m around 27.6° north in about n / 500 clusters, and queries near some of them."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(max(2, n // 500), dim)).astype(np.float32)
    vectors = unit(centres[rng.integers(len(centres), size=n)] + 0.7 * rng.normal(size=(n, dim)).astype(np.float32))
    asked = unit(vectors[rng.integers(n, size=queries)] + 0.03 * rng.normal(size=(queries, dim)).astype(np.float32))
    columns = int(np.ceil(np.sqrt(n)))
    row, column = np.divmod(np.arange(n), columns)
    lats, lons = 27.6 + row * 0.00433, 85.5 + column * 0.00488
    payloads = [
        {"tile_id": f"t{i:07d}", "location": {"lon": lon, "lat": lat}, "size_m": SIZE_M, "norm": 10.0}
        for i, (lat, lon) in enumerate(zip(lats.tolist(), lons.tolist(), strict=True))
    ]
    west, south = 85.5 + columns * 0.3 * 0.00488, 27.6 + columns * 0.3 * 0.00433
    area = box(west, south, west + columns * 0.1 * 0.00488, south + columns * 0.1 * 0.00433)
    near = (np.abs(lats - area.centroid.y) < columns * 0.1 * 0.00433) & (
        np.abs(lons - area.centroid.x) < columns * 0.0005
    )
    inside = near.copy()
    for i in np.flatnonzero(near):
        inside[i] = area.intersects(Footprint(lat=lats[i], lon=lons[i], size_m=SIZE_M).polygon)
    return World(vectors, asked, payloads, Filter(area=area, reach_m=SIZE_M / 2**0.5), inside)


def unit(vectors: np.ndarray) -> np.ndarray:
    """Rows of length one, float32."""
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def edge_rows(world: World, name: str, *, optimize: bool) -> Iterator[dict[str, Any]]:
    """Edge as filled, and after optimize()."""
    with (
        tempfile.TemporaryDirectory() as folder,
        EdgeIndex(Path(folder) / "i", "tiles", world.vectors.shape[1]) as index,
    ):
        speed = fill(index, world)
        yield index_row(index, world, name, speed)
        if optimize:
            start = time.perf_counter()
            index.optimize()
            seconds = time.perf_counter() - start
            yield {**index_row(index, world, f"{name}, optimized", None), "optimize_s": round(seconds, 1)}


def local_rows(world: World) -> Iterator[dict[str, Any]]:
    """qdrant-client's local mode, on a subset."""
    with tempfile.TemporaryDirectory() as folder:
        client = QdrantClient(path=folder)
        with ServerIndex(client, "tiles", world.vectors.shape[1]) as index:
            yield index_row(index, world, "qdrant-client local mode, subset", fill(index, world))
        client.close()


def fill(index: Index, world: World) -> float:
    """Upserts everything; points a second."""
    ids = [payload["tile_id"] for payload in world.payloads]
    start = time.perf_counter()
    for at in range(0, len(ids), CHUNK):
        stop = at + CHUNK
        index.upsert(Points(ids[at:stop], world.vectors[at:stop], world.payloads[at:stop]))
    return len(ids) / (time.perf_counter() - start)


def index_row(index: Index, world: World, name: str, speed: float | None) -> dict[str, Any]:
    """One row of an `Index`."""

    def anywhere(query: np.ndarray) -> list[int]:
        return [int(match.item_id[1:]) for match in index.query(query, K)]

    def boxed(query: np.ndarray) -> list[int]:
        return [int(match.item_id[1:]) for match in index.query(query, K, world.where)]

    return row(name, world, anywhere, boxed, speed)


def flat_rows(world: World) -> Iterator[dict[str, Any]]:
    """A NumPy scan and FAISS flat. Their filter is a mask made beforehand: they have none of their own."""
    numbers = np.flatnonzero(world.inside)

    def best(scores: np.ndarray) -> np.ndarray:
        top = np.argpartition(scores, -K)[-K:]
        return top[np.argsort(-scores[top])]

    yield row(
        "NumPy scan",
        world,
        lambda query: best(world.vectors @ query).tolist(),
        lambda query: numbers[best(world.vectors[numbers] @ query)].tolist(),
        None,
    )
    flat = faiss.IndexFlatIP(world.vectors.shape[1])
    start = time.perf_counter()
    flat.add(world.vectors)
    speed = len(world.vectors) / (time.perf_counter() - start)
    only = faiss.SearchParameters(sel=faiss.IDSelectorBatch(numbers))
    yield row(
        "FAISS flat",
        world,
        lambda query: flat.search(query[None], K)[1][0].tolist(),
        lambda query: flat.search(query[None], K, params=only)[1][0].tolist(),
        speed,
    )


def row(name: str, world: World, anywhere: Answer, boxed: Answer, speed: float | None) -> dict[str, Any]:
    """Times and recalls of one engine."""
    free_ms, free = timed(anywhere, world.queries)
    box_ms, box_found = timed(boxed, world.queries)
    everywhere = np.ones(len(world.vectors), dtype=bool)
    return {
        "engine": name,
        "n": len(world.vectors),
        "upserts_per_s": None if speed is None else round(speed),
        "p50_ms": round(float(np.percentile(free_ms, 50)), 2),
        "p95_ms": round(float(np.percentile(free_ms, 95)), 2),
        "box_p50_ms": round(float(np.percentile(box_ms, 50)), 2),
        "box_p95_ms": round(float(np.percentile(box_ms, 95)), 2),
        "recall": round(recall(world, free, everywhere), 4),
        "box_recall": round(recall(world, box_found, world.inside), 4),
        "optimize_s": None,
    }


def timed(answer: Answer, queries: np.ndarray) -> tuple[list[float], list[list[int]]]:
    """Milliseconds and answer of each query, after one to warm up."""
    answer(queries[0])
    times, answers = [], []
    for query in queries:
        start = time.perf_counter()
        answers.append(answer(query))
        times.append(1000 * (time.perf_counter() - start))
    return times, answers


def recall(world: World, answers: list[list[int]], allowed: np.ndarray) -> float:
    """Mean recall@K against the exact answer among the allowed tiles."""
    numbers = np.flatnonzero(allowed)
    k = min(K, len(numbers))
    hits = 0
    for query, answer in zip(world.queries, answers, strict=True):
        least = np.partition(world.vectors[numbers].astype(np.float64) @ query.astype(np.float64), -k)[-k]
        scores = world.vectors[answer].astype(np.float64) @ query.astype(np.float64)
        hits += len({i for i, score in zip(answer, scores, strict=True) if allowed[i] and score >= least - 1e-6})
    return hits / (k * len(answers))


def ratios(rows: list[dict[str, Any]]) -> dict[str, float]:
    """Edge against each alternative; above 1 Edge is the faster one."""
    by = {row["engine"]: row for row in rows}
    edge, edge_small, local = by["Edge"], by["Edge, subset"], by["qdrant-client local mode, subset"]
    found = {
        "upserts_edge_over_local": edge_small["upserts_per_s"] / local["upserts_per_s"],
        "p50_local_over_edge": local["p50_ms"] / edge_small["p50_ms"],
        "box_p50_local_over_edge": local["box_p50_ms"] / edge_small["box_p50_ms"],
        "p50_numpy_over_edge": by["NumPy scan"]["p50_ms"] / edge["p50_ms"],
        "p50_faiss_over_edge": by["FAISS flat"]["p50_ms"] / edge["p50_ms"],
        "box_recall_edge": edge["box_recall"],
    }
    if optimized := by.get("Edge, optimized"):
        found |= {
            "p50_numpy_over_edge_optimized": by["NumPy scan"]["p50_ms"] / optimized["p50_ms"],
            "p50_faiss_over_edge_optimized": by["FAISS flat"]["p50_ms"] / optimized["p50_ms"],
            "box_recall_edge_optimized": optimized["box_recall"],
            "recall_edge_optimized": optimized["recall"],
        }
    return {name: round(value, 4) for name, value in found.items()}


def table(document: dict[str, Any]) -> str:
    """Rows and ratios for reading."""
    names = list(document["rows"][0])
    cells = [names, *([("" if row[name] is None else str(row[name])) for name in names] for row in document["rows"])]
    widths = [max(len(line[i]) for line in cells) for i in range(len(names))]
    lines = ["  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)) for line in cells]
    setting = ", ".join(f"{name} {value}" for name, value in document["setting"].items())
    return "\n".join([setting, "", *lines, "", *(f"{name}: {value}" for name, value in document["ratios"].items())])


if __name__ == "__main__":
    main()
