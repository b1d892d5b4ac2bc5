"""What does our client add to the answer of a Qdrant server, and how evenly do answers come?

    python -m benchmarks.server [--tiles 100000] [--dim 512] [--queries 300] [--work DIR] [--build] [--json]

Clustered vectors with the payload of a tile. The best nine are asked for in turns by `ServerIndex.query`, and as the
bare request for nine with payload, by httpx on a connection that stays open, whose bytes are read and not looked at.
The server is the one that GROUNDCAST_TEST_QDRANT_URL names, or the program of GROUNDCAST_TEST_QDRANT_PROGRAM, or else
the test double: that is Python around the server's engine without a graph, so that its own answers take longer and the
share of the client in them is smaller than with a real one. "server" in the setting says which it was.

`--build` fills the collection in the folder of `--work` and measures nothing; a later call with that folder goes on.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from ingest.index.connection import connect
from ingest.index.protocol import BATCH, HNSW_EF, VECTOR, Points
from ingest.index.server import ServerIndex
from tests.services import Qdrant, run_qdrant

K = 9
KINDS = 2_000  # clusters
TARGET_RATIO, TARGET_SPREAD = 1.5, 2.0


def main() -> None:
    """Fills, measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tiles", type=int, default=100_000)
    parser.add_argument("--dim", type=int, default=512)
    parser.add_argument("--queries", type=int, default=300)
    parser.add_argument("--work", type=Path, help="a folder that keeps what the double or the program holds")
    parser.add_argument("--build", action="store_true", help="only fill the collection")
    parser.add_argument("--json", action="store_true", help="one JSON document")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = asked.work or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        for server in run_qdrant(folder):
            with opened(server, asked) as index:
                fill(index, asked.tiles)
                if not asked.build:
                    told = document(asked, index, server)
                    print(json.dumps(told) if asked.json else table(told))


def opened(server: Qdrant, asked: argparse.Namespace) -> ServerIndex:
    """The collection of the benchmark."""
    name = f"{server.made}-benchmark" if server.address else f"benchmark-{asked.tiles}x{asked.dim}"
    return ServerIndex(connect(server.url, server.api_key), name, asked.dim, closes_client=True)


def fill(index: ServerIndex, tiles: int) -> None:
    """Brings the collection to so many tiles; what is there stays."""
    for start in range(index.count() // BATCH * BATCH, tiles, BATCH):
        stop = min(start + BATCH, tiles)
        payloads = [
            {
                "tile_id": f"t{i:09d}",
                "location": {"lon": i % 1000 * 0.005, "lat": i // 1000 * 0.005},
                "size_m": 480.0,
                "bbox": [0.0, 0.0, 0.005, 0.005],
                "gsd_m": 0.6,
                "valid_fraction": 1.0,
                "origin": "scene.tif",
                "norm": 1.0,
                "acquired_at": "2024-06-01T00:00:00+00:00",
            }
            for i in range(start, stop)
        ]
        index.upsert(Points([str(one["tile_id"]) for one in payloads], vectors(start, stop, index.dim), payloads))


def vectors(start: int, stop: int, dim: int) -> np.ndarray:
    """Of clusters, float32 [n, d]."""
    centres = np.random.default_rng(0).normal(size=(KINDS, dim)).astype(np.float32)
    rng = np.random.default_rng(start + 1)
    return centres[rng.integers(KINDS, size=stop - start)] + rng.normal(size=(stop - start, dim)).astype(np.float32)


def document(asked: argparse.Namespace, index: ServerIndex, server: Qdrant) -> dict[str, Any]:
    """Measures both ways in turns."""
    spent: dict[str, list[float]] = {"client": [], "bare": []}
    with httpx.Client(headers={"api-key": server.api_key or "", "accept-encoding": "identity"}) as http:
        for number, query in enumerate(queries(asked.dim, asked.queries + 10)):
            body = json.dumps(
                {
                    "query": query.tolist(),
                    "using": VECTOR,
                    "limit": K,
                    "with_payload": True,
                    "params": {"hnsw_ef": HNSW_EF, "exact": False},
                }
            ).encode()
            ways = {
                "client": lambda query=query: index.query(query, K),
                "bare": lambda body=body: http.post(
                    f"{server.url}/collections/{index.name}/points/query",
                    content=body,
                    headers={"content-type": "application/json"},
                ).raise_for_status(),
            }
            for way in list(ways) if number % 2 else list(reversed(ways)):
                started = time.perf_counter()
                ways[way]()
                if number >= 10:  # the first ones warm up
                    spent[way].append(time.perf_counter() - started)
    p50 = {way: float(np.median(times)) * 1e3 for way, times in spent.items()}
    p95 = {way: float(np.quantile(times, 0.95)) * 1e3 for way, times in spent.items()}
    return {
        "benchmark": "server",
        "setting": {
            "tiles": asked.tiles,
            "dim": asked.dim,
            "queries": asked.queries,
            "server": "the test double" if server.faults else f"Qdrant {index.client.info().version}",
        },
        "rows": [{"way": way, "p50_ms": round(p50[way], 2), "p95_ms": round(p95[way], 2)} for way in spent],
        "ratios": {
            f"client ÷ bare answer, p50 (at most {TARGET_RATIO})": round(p50["client"] / p50["bare"], 2),
            f"p95 ÷ p50 through the client (at most {TARGET_SPREAD})": round(p95["client"] / p50["client"], 2),
        },
    }


def queries(dim: int, count: int) -> Iterator[np.ndarray]:
    """Like some tile by a cosine of about .3."""
    rng = np.random.default_rng(1)
    for row in vectors(0, BATCH, dim)[rng.integers(BATCH, size=count)]:
        noise = rng.normal(size=dim)
        yield (row / np.linalg.norm(row) + 3 * noise / np.linalg.norm(noise)).astype(np.float32)


def table(told: dict[str, Any]) -> str:
    """For people."""
    lines = [f"{told['setting']['tiles']:,} × {told['setting']['dim']}, {told['setting']['server']}"]
    lines += [f"{row['way']:8} p50 {row['p50_ms']:8.2f} ms   p95 {row['p95_ms']:8.2f} ms" for row in told["rows"]]
    return "\n".join([*lines, *(f"{name}: {value}" for name, value in told["ratios"].items())])


if __name__ == "__main__":
    main()
