"""How fast and how exact is the field: every tile's cosine with a text at a moment, against the direct route in torch.

    python -m benchmarks.field [--n 1000000] [--dim 512] [--interaction full|diagonal|untied|none] [--rank 64]
                               [--frames-n 200000] [--threads 2] [--folder DIR] [--only-met] [--json]

Made on the spot, in a temporary folder (1.4 GB a million tiles): a grid of 480 m tiles, clustered vectors, encoders of
random weights. The first lines are of the form that adds the same to every tile. Then, unless `--interaction none`, one
in which the moment meets the tile (the encoding of seasons, linear features) and the first are asked for one moment in
turns: `one_moment_over_additive`, and the same with tiles at 20 to 25 degrees north, where there is no one M for all,
`…_in_the_tropics`; `float64_error` is against float64 of the stored vectors.
Direct: E recomputed with torch, added to float32 vectors, normalised, multiplied with the text, in
blocks of 65,536 tiles; reading and conversion to float32 are not counted against it.
Both have the same threads, and run in turns. "read" is the largest number of the same bytes, found by the same threads.
Memory is anonymous memory (RssAnon) of a process of its own that opens the field and asks, sampled every millisecond.
Direct frames are measured for `DIRECT_FRAMES` moments and scaled; growth has a slope in log-log (1: proportional).
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa

from ingest.archive.parts import Archive
from ingest.field.blocks import each_block
from ingest.field.columns import NO_DATE, Items, Layout, MappedColumns, State, write_run, write_state
from ingest.field.parts import by_place
from ingest.field.scorer import ExactScorer, FieldEncoder, open_scorer
from ingest.geo.geometry import box
from ingest.index.protocol import Filter
from trainer.encoding import DIMENSIONS, encode

SIZE_M, STEP_LAT, STEP_LON = 480.0, 0.00433, 0.00488
SOUTH, WEST = 30.0, 85.5
TROPICAL = 20.0  # degrees north: from here on, tiles of a block differ in hemisphere and tropics
HIDDEN = 64
CHUNK = 65_536
BLOCK = 4_096  # vectors drawn, or read, at a time
DIRECT_FRAMES = 4
MOMENTS = [datetime(2025, month, 15, hour) for month in range(1, 13) for hour in range(24)]
ARCHIVED = 10_000  # tiles that go through real parts


def main() -> None:
    """Measures and prints."""
    args = arguments()
    if args.child:
        print(json.dumps(memory(args)))
        return
    import torch

    torch.set_num_threads(args.threads)
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        document = {"benchmark": "field", **measure(args, Path(folder))}
    print(json.dumps(document) if args.json else table(document))


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=1_000_000, help="tiles")
    parser.add_argument("--dim", type=int, default=512)
    parser.add_argument("--interaction", choices=("full", "diagonal", "untied", "none"), default="full")
    parser.add_argument("--rank", type=int, default=64, help="directions along which the moment turns a tile")
    parser.add_argument("--frames-n", type=int, default=200_000, help="tiles that get 288 frames")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--rounds", type=int, default=7, help="times each is measured; the median counts")
    parser.add_argument("--folder", type=Path, default=None, help="where the temporary folder is made")
    parser.add_argument("--only-met", action="store_true", help="only what compares the two forms")
    parser.add_argument("--json", action="store_true", help="one JSON document")
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


def measure(args: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Setting, rows and ratios."""
    rows: list[dict[str, Any]] = []
    if args.only_met:
        make(folder / "additive", args.n, args.dim)
        field = opened(folder / "additive", args.n, args.dim, args.threads)
        return {"setting": _setting(args), "rows": [{"tiles": args.n}], "ratios": _short(met(folder, field, args))}
    for n in sorted({max(1, args.n // 100), max(1, args.n // 10), args.n}):
        start = time.perf_counter()
        make(folder / str(n), n, args.dim)
        rows.append({"tiles": n, "make_s": round(time.perf_counter() - start, 1), **growth(folder / str(n), args, n)})
    field = opened(folder / str(args.n), args.n, args.dim, args.threads)
    ratios = one_moment(field, args) | first_text(field, args) | box_query(field, args) | rounding(args)
    ratios |= frames(folder, args) | archived(folder, args)
    if args.interaction != "none":
        ratios |= met(folder, field, args)
    for name in ("open_ms", "first_text_ms", "one_moment_ms", "memory_mb"):
        ratios[f"slope_{name}"] = slope([row["tiles"] for row in rows[-2:]], [row[name] for row in rows[-2:]])
    ratios["memory_mb"] = rows[-1]["memory_mb"]
    return {"setting": _setting(args), "rows": rows, "ratios": _short(ratios)}


def _setting(args: argparse.Namespace) -> dict[str, Any]:
    names = ("n", "dim", "interaction", "rank", "threads")
    return {name: getattr(args, name) for name in names} | {"hidden": HIDDEN, "load": os.getloadavg()[0]}


def _short(ratios: dict[str, float]) -> dict[str, float]:
    return {name: float(f"{value:.4g}") for name, value in ratios.items()}


def encoder(dim: int, interaction: str = "none", rank: int = 64) -> FieldEncoder:
    """Random weights, of the size that training starts with; those of the second layer thrice, so that e matters.

    With an interaction, M turns g by about half its length.
    """
    rng, encoding = np.random.default_rng(1), "cyclic" if interaction == "none" else "seasonal"
    m = DIMENSIONS[encoding]
    shapes = (((HIDDEN, m), m**-0.5), ((HIDDEN,), m**-0.5), ((dim, HIDDEN), 3 * HIDDEN**-0.5), ((dim,), HIDDEN**-0.5))
    arrays = [rng.uniform(-s, s, shape).astype(np.float32) for shape, s in shapes]
    weights = SimpleNamespace(**dict(zip(("w1", "b1", "w2", "b2"), arrays, strict=True)))  # needs no torch
    weights.activation, weights.interaction = "relu", None
    if interaction != "none":
        weights.activation = "linear"
        weights.interaction = meeting(dim, interaction, rank, rng)
    return FieldEncoder(encoding, weights)


def meeting(dim: int, interaction: str, rank: int, rng: np.random.Generator) -> SimpleNamespace:
    """How the moment meets the tile, as `trainer.encoder.InteractionWeights` has it."""
    b, c = (np.linalg.qr(rng.normal(size=(dim, rank)))[0].astype(np.float32) for _ in range(2))
    diagonal, tied = interaction == "diagonal", interaction != "untied"
    shape = (HIDDEN, rank) if diagonal else (HIDDEN, rank, rank)
    weights = (rng.normal(size=shape) * (HIDDEN if diagonal else HIDDEN * rank) ** -0.5).astype(np.float32)
    mean = rng.normal(size=dim).astype(np.float32) * np.float32(0.3)
    return SimpleNamespace(
        basis=b, out_basis=b if tied else c, mean=mean, weights=weights, tied=tied, diagonal=diagonal
    )


def vectors(n: int, dim: int, seed: int = 0) -> Iterator[np.ndarray]:
    """Clustered vectors of about norm 10, float32, `BLOCK` at a time."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(max(2, n // 500), dim)).astype(np.float32)
    for start in range(0, n, BLOCK):
        k = min(BLOCK, n - start)
        noise = rng.standard_normal((k, dim), dtype=np.float32)
        yield (centres[rng.integers(len(centres), size=k)] + 0.7 * noise) * np.float32(8 / dim**0.5)


def texts(count: int, dim: int) -> np.ndarray:
    """Unit vectors, float32 [count, dim]."""
    found = np.random.default_rng(5).normal(size=(count, dim)).astype(np.float32)
    return found / np.linalg.norm(found, axis=1, keepdims=True)


def make(folder: Path, n: int, dim: int, form: FieldEncoder | None = None, south: float = SOUTH) -> None:
    """The columns of n tiles, without an archive."""
    columns = int(np.ceil(np.sqrt(n)))
    row, column = np.divmod(np.arange(n), columns)
    lat, lon = south + row * STEP_LAT, WEST + column * STEP_LON
    order = by_place(lat, lon)
    ids = pa.array([f"r{r}c{c}" for r, c in zip(row.tolist(), column.tolist(), strict=True)], pa.large_string())
    items = Items(ids, lat, lon, np.full(n, SIZE_M, np.float32), np.full(n, NO_DATE)).take(order)
    layout, state = Layout("tiles", "m", form or encoder(dim)), State(dim, "g000001", [], 0, {})
    blocks = ((np.arange(i * BLOCK, i * BLOCK + len(v)), v.astype("f2")) for i, v in enumerate(vectors(n, dim)))
    write_state(folder, layout, write_run(folder, layout, state, items, blocks))


def opened(folder: Path, n: int, dim: int, threads: int, form: FieldEncoder | None = None) -> ExactScorer:
    """The field that `make` made."""
    form = form or encoder(dim)
    state = State(dim, "g000001", [(0, n)], (folder / "g000001" / "id_bytes").stat().st_size, {})
    return ExactScorer("tiles", MappedColumns(folder, Layout("tiles", "m", form), state), form, threads=threads)


def growth(folder: Path, args: argparse.Namespace, n: int) -> dict[str, float]:
    """Times and memory of a process of its own."""
    command = [sys.executable, "-m", "benchmarks.field", "--child", folder, "--n", n, "--dim", args.dim]
    command += ["--threads", args.threads, "--rounds", args.rounds]
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def memory(args: argparse.Namespace) -> dict[str, float]:
    """What opening and asking takes: milliseconds, and anonymous memory in MB beyond that of the imports."""
    before, peak, done = anonymous_mb(), [0.0], threading.Event()

    def watch() -> None:
        while not done.wait(0.001):
            peak[0] = max(peak[0], anonymous_mb())

    watcher = threading.Thread(target=watch)
    watcher.start()
    start = time.perf_counter()
    field = opened(args.child, args.n, args.dim, args.threads)
    open_ms = 1000 * (time.perf_counter() - start)
    asked = texts(args.rounds + 1, args.dim)
    first = median_ms([lambda q=q: field.cosines(q) for q in asked])
    moment = median_ms([lambda t=t: field.cosines(asked[-1], when=t) for t in MOMENTS[: args.rounds + 1]])
    done.set()
    watcher.join()
    return {
        "open_ms": round(open_ms, 2),
        "first_text_ms": round(first, 2),
        "one_moment_ms": round(moment, 2),
        "memory_mb": round(peak[0] - before, 1),
        "process_mb": round(peak[0], 1),
    }


def anonymous_mb() -> float:
    """Memory of this process that is not mapped from files."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("RssAnon"))
    return int(line.split()[1]) / 1024


def median_ms(calls: list[Callable[[], Any]]) -> float:
    """Milliseconds of a call in the median, the first left out."""
    calls[0]()
    times = []
    for call in calls[1:]:
        start = time.perf_counter()
        call()
        times.append(1000 * (time.perf_counter() - start))
    return float(np.median(times))


def one_moment(field: ExactScorer, args: argparse.Namespace) -> dict[str, float]:
    """Text known, moment new: against direct, in turns; and the largest differences."""
    query = texts(1, field.dim)[0]
    field.cosines(query)
    ours, theirs, error = [], [], 0.0
    for when in MOMENTS[6 : 6 + 24 * 3 : 24]:
        start = time.perf_counter()
        expected, excluded = direct(field, query, when)
        theirs.append(1000 * (time.perf_counter() - start - excluded))
        calls = [lambda at=at: field.cosines(query, when=at) for at in MOMENTS[: args.rounds + 1]]
        ours.append(median_ms(calls))
        error = max(error, float(np.abs(field.cosines(query, when=when) - expected).max()))
    return {
        "direct_ms": float(np.median(theirs)),
        "one_moment_ms": float(np.median(ours)),
        "one_moment_direct_over_field": float(np.median(theirs) / np.median(ours)),
        "one_moment_error": error,
    }


def met(folder: Path, additive: ExactScorer, args: argparse.Namespace) -> dict[str, float]:
    """Text known, moment new, where the moment meets the tile: against the form that adds the same to every tile."""
    form, query = encoder(args.dim, args.interaction, args.rank), texts(1, args.dim)[0]
    result: dict[str, float] = {}
    for where, south in (("", SOUTH), ("_in_the_tropics", TROPICAL)):
        at = folder / f"met{where}"
        make(at, args.n, args.dim, form, south)
        field = opened(at, args.n, args.dim, args.threads, form)
        times: list[list[float]] = [[], []]
        for when in [None, *MOMENTS[: args.rounds + 1]]:  # the first two warm up
            for one, taken in zip((field, additive), times, strict=True):
                start = time.perf_counter()
                one.cosines(query, when=when)
                taken.append(1000 * (time.perf_counter() - start))
        ours, theirs = (np.array(taken[2:]) for taken in times)
        result[f"met_one_moment_ms{where}"] = float(np.median(ours))
        result[f"one_moment_over_additive{where}"] = float(np.median(ours) / np.median(theirs))
        result[f"one_moment_over_additive_least{where}"] = float(ours.min() / theirs.min())
        result[f"float64_error{where}"] = max(float64_error(field, form, query, when) for when in MOMENTS[5::97])
        if not where:
            few = np.arange(min(args.frames_n, args.n))
            start = time.perf_counter()
            field.frames(query, MOMENTS, rows=few)
            result["met_frames_s"] = time.perf_counter() - start
        shutil.rmtree(at)
    return result


def float64_error(field: ExactScorer, form: FieldEncoder, query: np.ndarray, when: datetime) -> float:
    """Largest difference from float64 on every tenth tile."""
    w, m = form.weights, form.weights.interaction
    rows = np.arange(0, field.n, 10)
    found, worst = field.cosines(query, when=when)[rows], 0.0
    for start in range(0, len(rows), 2_048):
        some = rows[start : start + 2_048]
        o = field.vectors(some).astype(np.float64)
        encoded = encode(form.encoding, lat=field.lat[some], lon=field.lon[some], when=when).values
        kinds, kind = np.unique(encoded, axis=0, return_inverse=True)
        z = kinds.astype(np.float64) @ w.w1.T + w.b1
        turns = np.tensordot(z, m.weights.astype(np.float64), 1)  # [kinds, r, r]
        g = (o - m.mean) @ m.basis.astype(np.float64)
        s = o + z[kind] @ w.w2.T.astype(np.float64) + w.b2
        for i, turn in enumerate(turns):
            turned = g[kind == i] * turn if m.diagonal else g[kind == i] @ turn.T
            s[kind == i] += turned @ m.out_basis.T.astype(np.float64)
        exact = s @ query.astype(np.float64) / np.linalg.norm(s, axis=1)
        worst = max(worst, float(np.abs(found[start : start + 2_048] - exact).max()))
    return worst


def direct(field: ExactScorer, query: np.ndarray, when: datetime) -> tuple[np.ndarray, float]:
    """Cosines by torch, and seconds for reading and conversion, which do not count."""
    import torch

    w = encoder(field.dim).weights
    w1, b1, w2, b2 = (torch.from_numpy(a) for a in (w.w1, w.b1, w.w2, w.b2))
    q, out, excluded = torch.from_numpy(query), np.empty(field.n, np.float32), 0.0
    for start in range(0, field.n, CHUNK):
        at = slice(start, min(start + CHUNK, field.n))
        begun = time.perf_counter()
        o = torch.from_numpy(np.array(field._columns.vectors[at])).float()
        excluded += time.perf_counter() - begun
        m = torch.from_numpy(encode("cyclic", lat=field.lat[at], lon=field.lon[at], when=when).values)
        e = torch.relu(m @ w1.T + b1) @ w2.T + b2
        out[at] = (torch.nn.functional.normalize(o + e, dim=1) @ q).numpy()
    return out, excluded


def first_text(field: ExactScorer, args: argparse.Namespace) -> dict[str, float]:
    """A new text, without and with a moment, against reading and copying the same bytes."""
    stored = field._columns.vectors
    buffers = np.empty((2 * args.threads, BLOCK, field.dim), np.float16)

    def read(start: int, stop: int) -> None:
        stored[start:stop].view(np.uint64).max()

    def copy(start: int, stop: int) -> None:
        np.copyto(buffers[start // BLOCK % len(buffers), : stop - start], stored[start:stop])

    asked = texts(2 * args.rounds + 2, field.dim)
    found: dict[str, list[float]] = {"read_ms": [], "copy_ms": [], "first_text_ms": [], "first_text_at_moment_ms": []}
    for i in range(args.rounds):
        calls = (
            lambda: each_block(field.n, BLOCK, read, threads=args.threads),
            lambda: each_block(field.n, BLOCK, copy, threads=args.threads),
            lambda i=i: field.cosines(asked[2 * i]),
            lambda i=i: field.cosines(asked[2 * i + 1], when=MOMENTS[i]),
        )
        for times, call in zip(found.values(), calls, strict=True):
            start = time.perf_counter()
            call()
            times.append(1000 * (time.perf_counter() - start))
    result = {name: float(np.median(times)) for name, times in found.items()}
    gigabytes = stored.nbytes / 1e9
    return result | {
        "read_gb_per_s": 1000 * gigabytes / result["read_ms"],
        "first_text_over_read": result["first_text_ms"] / result["read_ms"],
        "first_text_over_copy": result["first_text_ms"] / result["copy_ms"],
    }


def box_query(field: ExactScorer, args: argparse.Namespace) -> dict[str, float]:
    """A new text at a moment in a box of one tile in a hundred, the search for its rows included."""
    side = np.sqrt(field.n)
    west, south = WEST + 0.3 * side * STEP_LON, SOUTH + 0.3 * side * STEP_LAT
    area = box(west, south, west + 0.1 * side * STEP_LON, south + 0.1 * side * STEP_LAT)
    where = Filter(area=area, reach_m=SIZE_M / 2**0.5)
    asked = texts(args.rounds + 1, field.dim)
    calls = [lambda q=q: field.cosines(q, when=MOMENTS[0], rows=field.rows(where)) for q in asked]
    found = field.rows(where)
    return {"box_tiles": 0 if found is None else len(found), "box_ms": median_ms(calls)}


def rounding(args: argparse.Namespace) -> dict[str, float]:
    """What float16 loses: the field against float64 on the vectors before they were rounded."""
    n = min(args.n, 100_000)
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        make(Path(folder), n, args.dim)
        field = opened(Path(folder), n, args.dim, args.threads)
        e, worst, overlap = encoder(args.dim), 0.0, []
        for query, when in zip(texts(3, args.dim), MOMENTS[5::97], strict=False):
            exact = np.concatenate(list(_exact(e, field, query, when)))
            found = field.cosines(query, when=when)
            worst = max(worst, float(np.abs(found - exact).max()))
            best = [set(np.argsort(-scores)[:100].tolist()) for scores in (found, exact)]
            overlap.append(len(best[0] & best[1]) / len(best[0]))
    return {"float16_error": worst, "float16_top100_overlap": float(np.mean(overlap))}


def _exact(e: FieldEncoder, field: ExactScorer, query: np.ndarray, when: datetime) -> Iterator[np.ndarray]:
    start = 0
    for block in vectors(field.n, field.dim):
        at = slice(start, start := start + len(block))
        m = encode("cyclic", lat=field.lat[at], lon=field.lon[at], when=when).values.astype(float)
        s = block + np.maximum(m @ e.weights.w1.T + e.weights.b1, 0) @ e.weights.w2.T.astype(float) + e.weights.b2
        yield s @ query.astype(float) / np.linalg.norm(s, axis=1)


def frames(folder: Path, args: argparse.Namespace) -> dict[str, float]:
    """Twelve months of 24 hours, text new, against direct for a few moments, scaled."""
    n = min(args.frames_n, args.n)
    make(folder / "frames", n, args.dim)
    field = opened(folder / "frames", n, args.dim, args.threads)
    query = texts(1, args.dim)[0]
    start = time.perf_counter()
    found = field.frames(query, MOMENTS)
    seconds = time.perf_counter() - start
    direct(field, query, MOMENTS[0])
    error, direct_s = 0.0, 0.0
    for t in range(0, len(MOMENTS), len(MOMENTS) // DIRECT_FRAMES)[:DIRECT_FRAMES]:
        start = time.perf_counter()
        expected, excluded = direct(field, query, MOMENTS[t])
        direct_s += time.perf_counter() - start - excluded
        error = max(error, float(np.abs(found[t] - expected).max()))
    scaled = direct_s / DIRECT_FRAMES * len(MOMENTS)
    return {
        "frames_s": seconds,
        "frames_direct_s_scaled": scaled,
        "frames_direct_over_field": scaled / seconds,
        "frames_error": error,
    }


def archived(folder: Path, args: argparse.Namespace) -> dict[str, float]:
    """The way through real parts: tiles a second when everything is new, and milliseconds for one new part."""
    archive, n = Archive(folder / "archive", "tiles"), min(ARCHIVED, args.n)
    blank = {"size_m": SIZE_M, "acquired_at": None, "gsd_m": 0.6, "valid_fraction": 1.0, "origin": "made"}
    for number, block in enumerate(vectors(n, args.dim)):
        for part in range(0, len(block), 256):
            at = range(number * BLOCK + part, number * BLOCK + min(part + 256, len(block)))
            records = [{"tile_id": f"t{i}", "lat": SOUTH + i * 1e-3, "lon": WEST, **blank} for i in at]
            archive.write(f"j-{at[0]:09d}", records, block[part : part + 256], {"model_id": "m"})

    def follow() -> float:
        start = time.perf_counter()
        open_scorer(folder / "field", archive, model_id="m", encoder=encoder(args.dim))
        return time.perf_counter() - start

    made = follow()
    archive.write(
        "k-0", [{"tile_id": "new", "lat": SOUTH, "lon": WEST, **blank}], texts(1, args.dim), {"model_id": "m"}
    )
    return {"archive_tiles_per_s": n / made, "new_part_ms": 1000 * follow(), "nothing_new_ms": 1000 * follow()}


def slope(sizes: list[int], values: list[float]) -> float:
    """Growth in log-log between the two largest."""
    return float(np.log(values[-1] / values[0]) / np.log(sizes[-1] / sizes[0])) if len(sizes) > 1 else 1.0


def table(document: dict[str, Any]) -> str:
    """Rows and ratios for reading."""
    names = list(document["rows"][0])
    cells = [names, *([str(row[name]) for name in names] for row in document["rows"])]
    widths = [max(len(line[i]) for line in cells) for i in range(len(names))]
    lines = ["  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)) for line in cells]
    setting = ", ".join(f"{name} {value}" for name, value in document["setting"].items())
    return "\n".join([setting, "", *lines, "", *(f"{name}: {value}" for name, value in document["ratios"].items())])


if __name__ == "__main__":
    main()
