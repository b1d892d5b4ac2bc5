"""From a text's vector to its nine best of a million tiles: how quick beside FAISS flat, LanceDB and usearch?

    python -m benchmarks.engine [--n 1000000] [--dim 512] [--queries 20] [--threads 2] [--folder DIR] [--json]

The tiles are those of `benchmarks.field`, made on the spot in a temporary folder. All answer the same queries one after
another, with the same threads; recall@9 is against the definition in float64. FAISS flat, LanceDB (no index: a flat
scan) and usearch (exact search over float16) hold unit vectors and know no moment: with one, only the field can answer,
and its time stands beside theirs without one. The box holds 1 % of the tiles. What the text tower takes to embed a text
is the same for all and not counted. A query is asked once before its route is timed, so that columns are in memory.
"""

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.field import MOMENTS, SOUTH, STEP_LAT, STEP_LON, WEST, encoder, make, opened, texts
from ingest.field.scorer import ExactScorer
from ingest.geo.geometry import box
from ingest.index.protocol import Filter
from search_ui.search.ranking import best_rows
from trainer.earth import MEAN_DEGREE_M
from trainer.encoding import encode

K = 9
WHEN = MOMENTS[6 * 24 + 14]
REACH_M = 480 / 2 * 2**0.5

Ask = Callable[[np.ndarray], list[int]]


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=1_000_000)
    parser.add_argument("--dim", type=int, default=512)
    parser.add_argument("--queries", type=int, default=20)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--folder", type=Path, default=None, help="where the temporary folder is made")
    parser.add_argument("--json", action="store_true", help="one JSON document")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=asked.folder) as folder:
        document = {"benchmark": "engine", **measure(asked, Path(folder))}
    print(json.dumps(document) if asked.json else table(document))


def measure(asked: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Setting, rows and ratios."""
    make(folder / "field", asked.n, asked.dim)
    field = opened(folder / "field", asked.n, asked.dim, asked.threads)
    several = texts(4 * asked.queries, asked.dim).reshape(4, asked.queries, asked.dim)
    inside, filter_ = one_percent(field)
    rows = [*ours(field, several, inside, filter_)]
    queries = several[0]
    unit = field.vectors(np.arange(field.n))
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    truth, boxed = (exact(unit, queries, rows_) for rows_ in (None, inside))
    rows.append(timed("FAISS flat", faiss_flat(unit, asked.threads), queries, truth))
    rows += lance(unit, field, queries, truth, boxed, filter_, folder)
    rows.append(timed("usearch, exact, float16", usearch_exact(unit.astype(np.float16), asked.threads), queries, truth))
    by = {row["route"]: row for row in rows}
    flat = by["FAISS flat"]["p50_ms"]
    ratios = {
        "everything at a moment ÷ FAISS flat without": by["field, at a moment"]["p50_ms"] / flat,
        "everything, no moment ÷ FAISS flat": by["field"]["p50_ms"] / flat,
        "FAISS flat over everything ÷ field in a box of 1 %": flat / by["field, in a box"]["p50_ms"],
        "FAISS flat over everything ÷ field in a box of 1 % at a moment": flat
        / by["field, in a box, at a moment"]["p50_ms"],
        "LanceDB in the box ÷ field in the box": by["LanceDB, in a box"]["p50_ms"] / by["field, in a box"]["p50_ms"],
    }
    setting = {"n": asked.n, "dim": asked.dim, "k": K, "threads": asked.threads, "in the box": len(inside)}
    return {"setting": setting | {"load": os.getloadavg()[0]}, "rows": rows, "ratios": ratios}


def one_percent(field: ExactScorer) -> tuple[np.ndarray, Filter]:
    """A box that holds about 1 % of the tiles, and which they are."""
    side = np.sqrt(field.n) / 10
    south, west = SOUTH + 3.5 * side * STEP_LAT, WEST + 3.5 * side * STEP_LON
    filter_ = Filter(area=box(west, south, west + side * STEP_LON, south + side * STEP_LAT), reach_m=REACH_M)
    inside = field.rows(filter_)
    assert inside is not None
    return inside, filter_


def ours(field: ExactScorer, several: np.ndarray, inside: np.ndarray, filter_: Filter) -> list[dict[str, Any]]:
    """The field's four ways, each against the definition, with queries of its own: what was asked before is kept."""
    routes = []
    ways = (
        ("field", None, None),
        ("field, at a moment", None, WHEN),
        ("field, in a box", filter_, None),
        ("field, in a box, at a moment", filter_, WHEN),
    )
    for queries, (name, filter_of, when) in zip(several, ways, strict=True):
        truth = [directly(field, query, inside if filter_of else None, when) for query in queries]
        routes.append(timed(name, asks(field, filter_of, when), queries, truth))
    return routes


def asks(field: ExactScorer, filter_: Filter | None, when: Any) -> Ask:
    """One question as the engine does it, from the vector to the nine rows."""

    def ask(query: np.ndarray) -> list[int]:
        rows = field.rows(filter_)
        cosine = field.cosines(query, when=when, rows=rows)
        best = best_rows(cosine, K, lambda some: field.ids(some if rows is None else rows[some]))[:K]
        return (best if rows is None else rows[best]).tolist()

    return ask


def directly(field: ExactScorer, query: np.ndarray, rows: np.ndarray | None, when: Any) -> list[int]:
    """The nine by the definition, in float64, block by block."""
    every = np.arange(field.n) if rows is None else rows
    weights = encoder(field.dim).weights
    cosine = np.empty(len(every))
    for start in range(0, len(every), 65_536):
        at = every[start : start + 65_536]
        s = field.vectors(at).astype(np.float64)
        if when is not None:
            m = encode("cyclic", lat=field.lat[at], lon=field.lon[at], when=when).values.astype(np.float64)
            s += np.maximum(m @ weights.w1.T + weights.b1, 0) @ weights.w2.T + weights.b2
        cosine[start : start + len(at)] = s @ query / np.linalg.norm(s, axis=1)
    return every[np.argsort(-cosine)[:K]].tolist()


def exact(unit: np.ndarray, queries: np.ndarray, rows: np.ndarray | None) -> list[list[int]]:
    """The nine of every query among unit vectors."""
    every = np.arange(len(unit)) if rows is None else rows
    scores = queries @ (unit if rows is None else unit[rows]).T
    return [every[np.argsort(-score)[:K]].tolist() for score in scores]


def faiss_flat(unit: np.ndarray, threads: int) -> Ask:
    """FAISS's exact index over float32."""
    import faiss

    faiss.omp_set_num_threads(threads)
    index = faiss.IndexFlatIP(unit.shape[1])
    index.add(unit)
    return lambda query: index.search(query[None], K)[1][0].tolist()


def usearch_exact(unit: np.ndarray, threads: int) -> Ask:
    """usearch's exact search over float16."""
    from usearch.index import MetricKind, search

    def ask(query: np.ndarray) -> list[int]:
        found = search(unit, query.astype(np.float16), K, MetricKind.IP, exact=True, threads=threads)
        return np.asarray(found.keys).tolist()

    return ask


def lance(
    unit: np.ndarray,
    field: ExactScorer,
    queries: np.ndarray,
    truth: list[list[int]],
    boxed: list[list[int]],
    filter_: Filter,
    folder: Path,
) -> list[dict[str, Any]]:
    """LanceDB's flat scan, over everything and with the box as a filter before the search."""
    import lancedb
    import pyarrow as pa

    blocks = (
        pa.record_batch(
            {
                "row": pa.array(np.arange(start, min(start + 65_536, field.n))),
                "lat": field.lat[start : start + 65_536],
                "lon": field.lon[start : start + 65_536],
                "vector": pa.FixedSizeListArray.from_arrays(unit[start : start + 65_536].ravel(), field.dim),
            }
        )
        for start in range(0, field.n, 65_536)
    )
    first = next(blocks)
    stored = lancedb.connect(folder / "lance").create_table("tiles", first)
    for block in blocks:
        stored.add(pa.Table.from_batches([block]))
    assert filter_.area is not None
    west, south, east, north = filter_.area.bounds
    half = 240 / MEAN_DEGREE_M  # the same tiles as by footprint
    wide = half / np.cos(np.radians((south + north) / 2))
    where = f"lat >= {south - half} AND lat <= {north + half} AND lon >= {west - wide} AND lon <= {east + wide}"

    def ask(query: np.ndarray, condition: str | None) -> list[int]:
        found = stored.search(query).distance_type("dot").limit(K).select(["row", "_distance"])
        if condition:
            found = found.where(condition, prefilter=True)
        return found.to_arrow()["row"].to_pylist()

    few = queries[:5]  # each takes seconds
    return [
        timed("LanceDB, flat", lambda query: ask(query, None), few, truth),
        timed("LanceDB, in a box", lambda query: ask(query, where), few, boxed),
    ]


def timed(route: str, ask: Ask, queries: np.ndarray, truth: list[list[int]]) -> dict[str, Any]:
    """Milliseconds of each query, after one that warms up; recall@9."""
    ask(queries[-1] + queries[0])
    seconds, found = [], 0
    for query, right in zip(queries, truth, strict=False):
        started = time.perf_counter()
        answer = ask(query)
        seconds.append(time.perf_counter() - started)
        found += len(set(answer) & set(right))
    return {
        "route": route,
        "p50_ms": round(1e3 * float(np.median(seconds)), 2),
        "p95_ms": round(1e3 * float(np.quantile(seconds, 0.95)), 2),
        "recall@9": found / (K * len(seconds)),
        "queries": len(seconds),
    }


def table(document: dict[str, Any]) -> str:
    """For people."""
    lines = [f"{document['setting']}"]
    lines += [
        "{route:32} p50 {p50_ms:9.2f} ms  p95 {p95_ms:9.2f} ms  recall@9 {recall@9:.4f}".format(**row)
        for row in document["rows"]
    ]
    lines += [f"{name}: {value:.2f}" for name, value in document["ratios"].items()]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
