"""Above a size the index proposes and the formula ranks: how many of the true nine does that find?

    python -m benchmarks.candidates [--home DIR] [--n 20000] [--random-only] [--json]

Two settings. `sandbox`: the demonstration's island and the bundled model (`--home` names a home in which `groundcast
demo` ran; without it the demo runs in a temporary one), the names of every third concept as texts. `random`: clustered
vectors and encoders of random weights as in `benchmarks.field`, one that adds the same to every tile and those in which
the moment meets the tile, over a region that reaches into the tropics, through Qdrant Edge. Each query is asked at a
moment, over everything and in a box; the other answer scores every tile.
"""

import argparse
import json
import tempfile
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.field import SIZE_M, STEP_LAT, STEP_LON, WEST, encoder, texts, vectors
from ingest.geo.geometry import box
from ingest.index.edge import EdgeIndex
from ingest.index.protocol import Filter, Points
from search_ui.search.candidates import Sample, candidates

K = 9
WHENS = (datetime(2025, 7, 12, 14), datetime(2025, 1, 11, 23))


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", type=Path, help="where `groundcast demo` ran")
    parser.add_argument("--n", type=int, default=20_000, help="tiles of the second setting")
    parser.add_argument("--random-only", action="store_true", help="the second setting alone")
    parser.add_argument("--json", action="store_true", help="one JSON document")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rows = [] if asked.random_only else sandbox(asked.home or Path(folder) / "home")
        rows += [row for form in ("none", "diagonal", "full") for row in random(asked.n, Path(folder), form)]
    ratios = {f"recall@9, {row['setting']}, {row['where']}": row["recall"] for row in rows}
    if asked.json:
        print(
            json.dumps({"benchmark": "candidates", "setting": {"n": asked.n, "k": K}, "rows": rows, "ratios": ratios})
        )
        return
    for row in rows:
        print(
            "{setting:15} {where:10} {queries} queries over {tiles} tiles: recall@9 {recall:.4f} "
            "with {candidates:.0f} candidates, {candidates_ms:.0f} ms; every tile {exact_ms:.0f} ms".format(**row)
        )


def sandbox(home: Path) -> list[dict[str, Any]]:
    """The demonstration's collection, by the engine itself."""
    from ingest.catalog.catalog import Catalog
    from ingest.sandbox.concepts import NAMES
    from ingest.settings import load_settings
    from search_ui.cli import main as groundcast
    from search_ui.search.engine import Engine
    from search_ui.search.query import Part, Query

    if not (home / "archive" / "demo").is_dir():
        try:
            groundcast(["--home", str(home), "demo", "--json"])
        except SystemExit as ended:
            assert ended.code in (None, 0)
    settings = load_settings(home)
    catalog = Catalog(settings.catalog_path)
    engine = Engine(settings, catalog)
    above = Engine(settings.model_copy(update={"exact_tiles": 0}), catalog)
    field = engine.field(catalog.collection("demo"))
    south, north = np.quantile(field.lat, [0.3, 0.7])
    west, east = np.quantile(field.lon, [0.3, 0.7])
    rows = []
    for where, area in (("everywhere", None), ("in a box", box(west, south, east, north))):
        found, counts, seconds = 0, [], np.zeros(2)
        for name in NAMES[::3]:
            for when in WHENS:
                query = Query(parts=(Part("text", name.replace("_", " ")),), when=when, area=area)
                answers = []
                for i, each in enumerate((engine, above)):
                    started = time.perf_counter()
                    answers.append(each.search("demo", query))
                    seconds[i] += time.perf_counter() - started
                found += len({hit.tile_id for hit in answers[0].hits} & {hit.tile_id for hit in answers[1].hits})
                counts.append(answers[1].candidates)
        rows.append(row("sandbox", where, field.n, found, counts, seconds))
    catalog.close()
    return rows


def random(n: int, folder: Path, interaction: str, dim: int = 512) -> list[dict[str, Any]]:
    """Random weights over a region that reaches into the tropics, by the functions that the engine calls."""
    side = int(np.ceil(np.sqrt(n)))
    row_, column = np.divmod(np.arange(n), side)
    lat, lon = 27.6 + row_ * STEP_LAT, WEST + column * STEP_LON
    o = np.concatenate(list(vectors(n, dim))).astype(np.float16).astype(np.float32)
    ids = [f"t{i:07d}" for i in range(n)]
    payloads = [
        {"tile_id": ids[i], "location": {"lon": lon[i], "lat": lat[i]}, "size_m": SIZE_M, "norm": float(norm)}
        for i, norm in enumerate(np.linalg.norm(o, axis=1))
    ]
    form = encoder(dim, interaction)
    pick = np.sort(np.random.default_rng(0).choice(n, min(n, 4096), replace=False))
    sample = Sample(lat[pick], lon[pick], o[pick], form)
    reach = SIZE_M / 2 * 2**0.5
    near = box(lon[side // 3], lat[n // 3], lon[side // 3 * 2], lat[n // 3 * 2])
    rows = []
    with EdgeIndex(folder / f"index-{interaction}", "random", dim) as index:
        index.upsert(Points(ids, o, payloads))
        for where, filter_ in (("everywhere", Filter()), ("in a box", Filter(area=near, reach_m=reach))):
            inside = np.ones(n, bool)
            if filter_.area is not None:
                every = index.query(o[0], min(n, 10_000), filter_)
                inside[:] = False
                inside[[int(match.item_id[1:]) for match in every]] = True
            found, counts, seconds = 0, [], np.zeros(2)
            for query in texts(10, dim):
                for when in WHENS:
                    started = time.perf_counter()
                    s = sample.seen(o[inside], lat=lat[inside], lon=lon[inside], when=when)
                    best = np.argsort(-(s @ query) / np.linalg.norm(s, axis=1))[:K]
                    true = {ids[i] for i in np.flatnonzero(inside)[best]}
                    seconds[0] += time.perf_counter() - started
                    started = time.perf_counter()
                    pool = candidates(index, sample, query, when=when, k=3 * K, filter=filter_)
                    answer = {pool.tile_id[i] for i in np.argsort(-pool.cosine)[:K]}
                    seconds[1] += time.perf_counter() - started
                    found += len(true & answer)
                    counts.append(len(pool.cosine))
            rows.append(row(f"random {interaction}", where, int(inside.sum()), found, counts, seconds))
    return rows


def row(setting: str, where: str, tiles: int, found: int, counts: list[int], seconds: np.ndarray) -> dict[str, Any]:
    """One line of the table."""
    return {
        "setting": setting,
        "where": where,
        "tiles": tiles,
        "queries": len(counts),
        "recall": round(found / (K * len(counts)), 4),
        "candidates": float(np.mean(counts)),
        "exact_ms": 1e3 * seconds[0] / len(counts),
        "candidates_ms": 1e3 * seconds[1] / len(counts),
    }


if __name__ == "__main__":
    main()
