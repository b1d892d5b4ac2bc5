"""From which size is an index faster than scoring every tile, how much does it miss, and what would 20 million take?

    python -m benchmarks.index [--sizes 4000 20000] [--dim 512] [--engines edge faiss-hnsw …] [--work DIR]
                               [--queries 25] [--threads 2] [--build] [--json]

Clustered vectors around the tropic (`benchmarks.engines`), float16, memory-mapped; texts that are like some tile by a
cosine of about .3, as a text is to a picture in CLIP. Every question is asked of the engine and of the field, in turns,
in one process an engine: plain; in a box of 1 %; at a moment, where the moment meets the tile; at a moment in the box.
Recall@9 counts hits that score like the field's ninth or better. Memory is what the process grew by while it opened the
engine and asked; mapped, the pages of files beside, which the system takes back when it needs them; disk is of the
engine's own files. "server" is the one that GROUNDCAST_TEST_QDRANT_URL names, or else the test double in this process.

With `--work` everything made and measured stays in that folder and is not made again: sizes and engines may be done one
by one, and a run that was stopped goes on. The document holds all that is there. `--build` measures nothing.

"computed" rows carry on the line through the two largest sizes in log-log; memory and disk are in proportion. They are
no measurement: a machine whose memory the vectors no longer fit is slower than that.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from datetime import datetime
from itertools import groupby, product
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.engines import ENGINES, Ask, K, LeftOutError, World, exactly, make_world
from benchmarks.field import texts
from ingest.index.protocol import HNSW_EF
from search_ui.search import candidates as proposed

WHENS = (datetime(2025, 7, 12, 14), datetime(2025, 1, 11, 23))
BOTH = "at a moment in a box"
WAYS = {"plain": (False, False), "in a box": (False, True), "at a moment": (True, False), BOTH: (True, True)}
CANDIDATES = (128, 256, 512)  # of a region; those at any time are `candidates.AT_ANY_TIME` at least
COMPUTED = (5_000_000, 20_000_000)
TARGET_MS, TARGET_MB = 300.0, 4_000.0  # of a text at a moment in a box among the largest of them: p95; memory
NEAR = 1e-6  # cosines closer than that are equal


def main() -> None:
    """Builds, measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[4_000, 20_000], help="tiles")
    parser.add_argument("--dim", type=int, default=512)
    parser.add_argument("--engines", nargs="+", default=list(ENGINES), choices=list(ENGINES))
    parser.add_argument("--work", type=Path, help="a folder that keeps what is made; without it nothing stays")
    parser.add_argument("--queries", type=int, default=25, help="texts of each way")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--build", action="store_true", help="only build")
    parser.add_argument("--json", action="store_true", help="one JSON document")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.child:
        child(asked)
        return
    with tempfile.TemporaryDirectory() as temporary:
        work = asked.work or Path(temporary)
        for n, engine in product(sorted(asked.sizes), asked.engines):
            for step in ("build",) if asked.build else ("build", "measure"):
                in_a_child(asked, work, n, engine, step)
        found = [read(path) for path in sorted(work.glob(f"*x{asked.dim}/*.measure.json"))]
    if not asked.build:
        told = document(asked, sorted(found, key=lambda one: (one["tiles"], list(ENGINES).index(one["engine"]))))
        print(json.dumps(told) if asked.json else table(told))


def read(path: Path) -> dict[str, Any]:
    """What was measured of an engine at a size, with what it took to build."""
    built = path.with_name(path.name.replace(".measure.", ".build."))
    both: dict[str, Any] = json.loads(built.read_text("utf-8")) | json.loads(path.read_text("utf-8"))
    return both


def in_a_child(asked: argparse.Namespace, work: Path, n: int, engine: str, step: str) -> None:
    """One step of one engine at one size in a process of its own, unless it is done."""
    folder = work / f"{n}x{asked.dim}"
    done = folder / f"{engine}.{step}.json"
    if done.exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    words = ["--sizes", n, "--dim", asked.dim, "--engines", engine, "--work", work, "--child", step]
    words += ["--queries", asked.queries, "--threads", asked.threads]
    command = [sys.executable, "-m", "benchmarks.index", *map(str, words)]
    printed = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    temporary = done.with_suffix(".new")
    temporary.write_text(printed.splitlines()[-1] + "\n", "utf-8")
    temporary.replace(done)


def child(asked: argparse.Namespace) -> None:
    """One step, told as JSON; of an engine that cannot be measured here, why."""
    (n,), (engine,) = asked.sizes, asked.engines
    folder = asked.work / f"{n}x{asked.dim}"
    said: dict[str, Any] = {"engine": engine, "tiles": n}
    try:
        world = make_world(folder / "field", n, asked.dim, asked.threads)
        if asked.child == "build":
            said |= build(world, engine, folder)
        else:
            said |= measure(world, engine, folder, asked.queries)
    except (LeftOutError, ImportError) as error:
        said["left out"] = str(error)
    print(json.dumps(said))


def build(world: World, engine: str, folder: Path) -> dict[str, Any]:
    """Processor seconds of all threads, which other work on the machine changes least."""
    busy = time.process_time()
    ENGINES[engine].build(world, folder / engine)
    return {"build_cpu_s": time.process_time() - busy}


def measure(world: World, engine: str, folder: Path, queries: int) -> dict[str, Any]:
    """Times and recall of each way, against the field in the same run."""
    every = questions_of(world, len(WAYS) * queries + 2)
    before, started = memory_mb("RssAnon"), time.perf_counter()
    mapped = memory_mb("RssFile")
    ask: Ask = ENGINES[engine].ask(world, folder / engine)
    open_ms = 1e3 * (time.perf_counter() - started)
    for query in every[-2:]:
        try_all(ask, query)
    told = {
        "open_ms": open_ms,
        "memory_mb": memory_mb("RssAnon") - before,
        "mapped_mb": memory_mb("RssFile") - mapped,
        "disk_mb": disk_mb(folder / engine),
        "ways": {},
    }
    if engine == "field":
        told["disk_mb"] = disk_mb(folder / "field")
    for number, way in enumerate(WAYS):
        some = every[number * queries : (number + 1) * queries]
        try:
            told["ways"][way] = in_turns(world, ask, None if engine == "field" else exactly(world), some, way)
        except LeftOutError as error:
            told["ways"][way] = {"left out": str(error)}
    if engine == "edge":
        told["candidates"] = sweep(world, ask, every[:queries])
    return told


def questions_of(world: World, count: int) -> np.ndarray:
    """Unit vectors, each like some tile by a cosine of .3."""
    tiles = np.random.default_rng(9).choice(world.field.n, count)
    near = world.field.vectors(np.sort(tiles)).astype(np.float32)
    mixed = 0.3 * near / np.linalg.norm(near, axis=1, keepdims=True) + 0.95 * texts(count, world.field.dim)
    unit: np.ndarray = mixed / np.linalg.norm(mixed, axis=1, keepdims=True)
    return np.random.default_rng(10).permutation(unit.astype(np.float32))


def try_all(ask: Ask, query: np.ndarray) -> None:
    """Each way once, so that what is read at first is in memory."""
    for timed, boxed in WAYS.values():
        try:
            ask(query, WHENS[0] if timed else None, boxed)
        except LeftOutError:
            continue


def in_turns(world: World, ask: Ask, exact: Ask | None, queries: np.ndarray, way: str) -> dict[str, float]:
    """Milliseconds of the engine and of the field, which may be the engine, and recall@9."""
    timed, boxed = WAYS[way]
    seconds, recall, asks = np.zeros((len(queries), 2)), 0.0, (ask, exact or ask)
    for number, query in enumerate(queries):
        when = WHENS[number % 2] if timed else None
        answers: list[list[int]] = [[], []]
        # the field keeps a text that it was asked, so it is not asked twice; who comes first takes turns
        for i in (0, 1) if number % 2 else (1, 0):
            if i == 0 or exact:
                started = time.perf_counter()
                answers[i] = asks[i](query, when, boxed)
                seconds[number, i] = time.perf_counter() - started
        if not exact:
            answers[1], seconds[number, 1] = answers[0], seconds[number, 0]
        recall += recalled(world, query, when, *answers) / len(queries)
    p50, p95 = (1e3 * np.quantile(seconds, q, axis=0) for q in (0.5, 0.95))
    ratio = float(np.median(seconds[:, 0]) / np.median(seconds[:, 1]))
    return {"p50_ms": p50[0], "p95_ms": p95[0], "÷ field": ratio, "recall@9": recall, "field p50_ms": p50[1]}


def recalled(world: World, query: np.ndarray, when: datetime | None, found: list[int], true: list[int]) -> float:
    """Which part of the nine was found."""
    rows = np.array(true + found, np.int64)
    cosine = world.field.cosines(query, when=when, rows=rows)
    least = cosine[: len(true)].min() - NEAR
    of_each = dict(zip(found, cosine[len(true) :].tolist(), strict=True))
    return sum(score >= least for score in of_each.values()) / len(true)


def sweep(world: World, ask: Ask, queries: np.ndarray) -> list[dict[str, float]]:
    """Recall and time at a moment by the number of candidates of a question."""
    usual, rows = proposed.LEAST, []
    for count in CANDIDATES:
        proposed.LEAST = count
        ways = {way: in_turns(world, ask, exactly(world), queries, way) for way in ("at a moment", BOTH)}
        told = {f"{name}, {way}": ways[way][name] for way in ways for name in ("recall@9", "p50_ms")}
        rows.append({"candidates": count, **told})
    proposed.LEAST = usual
    return rows


def memory_mb(kind: str) -> float:
    """Of this process: its own, `RssAnon`, or the pages of mapped files, `RssFile`."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith(f"{kind}:")) / 1024


def disk_mb(path: Path) -> float:
    """What a file or folder takes; files with holes by what is written of them."""
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    return sum(file.stat().st_blocks for file in files) * 512 / 1e6


def document(asked: argparse.Namespace, found: list[dict[str, Any]]) -> dict[str, Any]:
    """Rows of times, of what each takes, of candidates and of what is computed; ratios of the largest size."""
    measured = [one for one in found if "left out" not in one]
    rows: list[dict[str, Any]] = [
        {"tiles": one["tiles"], "engine": one["engine"], "way": way, **_short(ways)}
        for one in measured
        for way, ways in one["ways"].items()
        if "left out" not in ways
    ]
    rows += [
        {"tiles": one["tiles"], "engine": one["engine"]}
        | _short({name: one.get(name) for name in ("open_ms", "memory_mb", "mapped_mb", "disk_mb", "build_cpu_s")})
        for one in measured
    ]
    rows += [{"tiles": one["tiles"], **_short(row)} for one in measured for row in one.get("candidates", [])]
    rows += computed(measured)
    rows += [
        {"tiles": one["tiles"], "engine": one["engine"], "left out": one["left out"]}
        for one in found
        if "left out" in one
    ]
    setting = {"dim": asked.dim, "k": K, "queries": asked.queries, "threads": asked.threads}
    setting |= {"candidates": proposed.LEAST, "at any time": proposed.AT_ANY_TIME, "ef": HNSW_EF}
    setting |= {"load": os.getloadavg()[0]}
    return {"benchmark": "index", "setting": setting, "rows": rows, "ratios": ratios(measured)}


def _short(row: dict[str, Any]) -> dict[str, Any]:
    return {name: float(f"{value:.4g}") if isinstance(value, float) else value for name, value in row.items()}


def computed(measured: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What the field and Edge would take at larger sizes, from the two largest that both were measured at."""
    rows = []
    for engine in ("field", "edge"):
        of_it = [one for one in measured if one["engine"] == engine][-2:]
        if len(of_it) < 2:
            continue
        for n in COMPUTED:
            row: dict[str, Any] = {"computed tiles": n, "engine": engine}
            for way, name in product(("plain", "at a moment", BOTH), ("p50_ms", "p95_ms")):
                row[f"{way}, {name}"] = carried([one["ways"][way][name] for one in of_it], of_it, n)
            for name in ("memory_mb", "disk_mb"):
                row[name] = of_it[-1][name] * n / of_it[-1]["tiles"]
            row["build_cpu_h"] = carried([one["build_cpu_s"] / 3600 for one in of_it], of_it, n)
            rows.append(_short(row))
    return rows


def carried(values: list[float], measured: list[dict[str, Any]], n: float) -> float:
    """On the line through two values in log-log."""
    (small, large), (a, b) = (one["tiles"] for one in measured), np.log(np.maximum(values, 1e-9))
    return float(np.exp(b + (b - a) / np.log(large / small) * np.log(n / large)))


def ratios(measured: list[dict[str, Any]]) -> dict[str, float]:
    """Of Edge, at the largest size where it was measured; and the size from which it is faster, by the line."""
    edges = [one for one in measured if one["engine"] == "edge"]
    if not edges:
        return {}
    largest = edges[-1]
    found = {"tiles of the largest index": largest["tiles"]}
    found |= {f"index ÷ field, {way}": told["÷ field"] for way, told in largest["ways"].items()}
    found |= {f"recall@9, {way}": told["recall@9"] for way, told in largest["ways"].items()}
    if len(edges) > 1:
        for way in ("plain", "at a moment", BOTH):
            found[f"tiles from which the index is faster, {way}, computed"] = crossing(edges[-2:], way)
    by = {(row["computed tiles"], row["engine"]): row for row in computed(measured)}
    if last := by.get((COMPUTED[-1], "edge")):
        found["20 M at a moment in a box, p95 ÷ 300 ms, computed"] = last[f"{BOTH}, p95_ms"] / TARGET_MS
        found["20 M, memory ÷ 4 GB, computed"] = last["memory_mb"] / TARGET_MB
    return _short(found)


def crossing(edges: list[dict[str, Any]], way: str) -> float:
    """Where the lines of the index and of the field in log-log meet."""
    small, large = (one["tiles"] for one in edges)
    a, b = (np.log(one["ways"][way]["÷ field"]) for one in edges)
    slope = (b - a) / np.log(large / small)  # of the ratio
    return float(np.exp(np.log(large) - b / slope)) if slope < 0 else float("inf")


def table(told: dict[str, Any]) -> str:
    """For reading: rows of the same columns together."""
    lines = [", ".join(f"{name} {value}" for name, value in told["setting"].items())]
    for names, some in groupby(told["rows"], key=list):
        cells = [names, *([str(value) for value in row.values()] for row in some)]
        widths = [max(len(line[i]) for line in cells) for i in range(len(names))]
        lines += ["", *("  ".join(cell.rjust(w) for cell, w in zip(line, widths, strict=True)) for line in cells)]
    return "\n".join([*lines, "", *(f"{name}: {value}" for name, value in told["ratios"].items())])


if __name__ == "__main__":
    main()
