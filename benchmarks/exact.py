"""Are exact answers ahead of other exact searches on this processor, and on one with AVX2 only?

    python -m benchmarks.exact [--processor native|avx2] [--n 1000000] [--dim 512] [--threads 2] [--rounds 9]
                               [--folder DIR] [--keep DIR] [--json]

The best nine of all tiles by the field (`ExactScorer.best`, exact too, which leaves out what cannot be among them;
"every score" leaves out nothing), whose vectors are those of `benchmarks.field` (float16, memory-mapped), and by
usearch's exact search over the same float16 and FAISS's flat index over float32, which know no moment. The moment
meets the tile as in the bundled model: full, tied, rank 64; "additive" is the form that adds the same to every tile.
All are asked in turns, each time with a text or a moment that was not asked before, unless it says that the text is
known; medians. `cpu_ms` is the processor time of this process, all threads together, which other work on the machine
changes least; ratios are given of both. "read" is the largest number of the same bytes, found by the same threads.
With `--keep` the tiles stay in that folder and are not made again.

`--processor avx2` imitates such a processor: OpenBLAS, NumPy, NumKong and FAISS are held to AVX2. usearch has no switch
and goes on as it is, so ratios to it come out too high there: "one float16 product" is its kernel (NumKong's, one
product of float16 with a float16 query, not exact to 1e-5) held to AVX2 as well, without its search for the best.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import numkong
import numpy as np

from benchmarks.engine import K, faiss_flat, usearch_exact
from benchmarks.field import BLOCK, MOMENTS, encoder, float64_error, make, opened, table, texts
from ingest.field.blocks import each_block
from ingest.field.columns import Layout, read_state
from ingest.field.scorer import ExactScorer
from search_ui.search.ranking import best_rows

RANK = 64
AVX2 = {  # read by the libraries when they are loaded
    "OPENBLAS_CORETYPE": "Haswell",
    "NPY_DISABLE_CPU_FEATURES": "X86_V4 AVX512_ICL AVX512_SPR",
    "FAISS_OPT_LEVEL": "avx2",  # which library, where FAISS comes as several
    "FAISS_SIMD_LEVEL": "AVX2",  # which kernels, where it is one
}
WIDER = ("skylake", "icelake", "genoa", "turin", "sapphire", "sapphireamx", "graniteamx", "diamond")  # than AVX2


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--processor", choices=("native", "avx2"), default="native")
    parser.add_argument("--n", type=int, default=1_000_000)
    parser.add_argument("--dim", type=int, default=512)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--rounds", type=int, default=9, help="times each is asked; the median counts")
    parser.add_argument("--folder", type=Path, default=None, help="where the temporary folder is made")
    parser.add_argument("--keep", type=Path, help="a folder in which the tiles stay")
    parser.add_argument("--json", action="store_true", help="one JSON document")
    asked = parser.parse_args()
    if asked.processor == "avx2":
        if os.environ.get("OPENBLAS_CORETYPE") != AVX2["OPENBLAS_CORETYPE"]:
            # NumPy is loaded already: once more, from the start
            command = [sys.executable, "-m", "benchmarks.exact", *sys.argv[1:]]
            os.execve(sys.executable, command, os.environ | AVX2)  # noqa: S606 - itself
        for capability in WIDER:
            numkong.disable_capability(capability)
    with tempfile.TemporaryDirectory(dir=asked.folder) as folder:
        document = {"benchmark": "exact", "variant": asked.processor, **measure(asked, asked.keep or Path(folder))}
    print(json.dumps(document) if asked.json else table(document))


def measure(asked: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Setting, rows and ratios."""
    form = encoder(asked.dim, "full", RANK)
    for name, one in (("met", form), ("additive", encoder(asked.dim))):
        if read_state(folder / name, Layout("tiles", "m", one)) is None:
            make(folder / name, asked.n, asked.dim, one)
    field = opened(folder / "met", asked.n, asked.dim, asked.threads, form)
    additive = opened(folder / "additive", asked.n, asked.dim, asked.threads)
    times = in_turns(routes(field, additive, asked), asked.rounds)
    ms = {name: 1e3 * np.median(taken, axis=0) for name, taken in times.items()}
    rows = [
        {
            "route": name,
            "p50_ms": round(p50, 1),
            "least_ms": round(1e3 * min(times[name])[0], 1),
            "cpu_ms": round(cpu, 1),
        }
        for name, (p50, cpu) in ms.items()
    ]
    pairs = {
        "exact without a moment ÷ usearch exact float16": ("field, best nine", "usearch, exact, float16"),
        "exact without a moment ÷ FAISS flat": ("field, best nine", "FAISS flat"),
        "exact without a moment ÷ one float16 product": ("field, best nine", "one float16 product"),
        "at a moment, text known ÷ usearch exact float16": (
            "field, best nine at a moment, text known",
            "usearch, exact, float16",
        ),
        "at a moment, text known ÷ FAISS flat": ("field, best nine at a moment, text known", "FAISS flat"),
        "at a moment, text new ÷ usearch exact float16": ("field, best nine at a moment", "usearch, exact, float16"),
        "first text ÷ reading once": ("field, every score of a text", "read"),
        "one moment, text known ÷ the additive form": (
            "field, every score at a moment, text known",
            "additive, every score at a moment, text known",
        ),
        "the nine best of one moment, text known ÷ the additive form": (
            "field, best nine at a moment, text known",
            "additive, best nine at a moment, text known",
        ),
    }
    ratios = {
        name + of: float(f"{ms[ours][i] / ms[theirs][i]:.3g}")
        for name, (ours, theirs) in pairs.items()
        for i, of in enumerate(("", ", of cpu_ms"))
    }
    query = texts(1, asked.dim)[0]
    ratios["error"] = float(f"{max(float64_error(field, form, query, when) for when in MOMENTS[5::97]):.2g}")
    names = ("processor", "n", "dim", "threads", "rounds")
    setting = {name: getattr(asked, name) for name in names} | {"rank": RANK, "k": K, "load": os.getloadavg()[0]}
    return {"setting": setting, "rows": rows, "ratios": ratios}


def in_turns(calls: dict[str, Callable[[int], Any]], rounds: int) -> dict[str, list[tuple[float, float]]]:
    """Seconds, and processor seconds, of each call in each round; one before them, which warms up, is left out."""
    seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in calls}
    for number in range(rounds + 1):
        for name, call in calls.items():
            started, busy = time.perf_counter(), time.process_time()
            call(number)
            seconds[name].append((time.perf_counter() - started, time.process_time() - busy))
    return {name: taken[1:] for name, taken in seconds.items()}


def routes(field: ExactScorer, additive: ExactScorer, asked: argparse.Namespace) -> dict[str, Callable[[int], Any]]:
    """What is timed: calls with the number of the round."""
    n, threads = field.n, asked.threads
    stored = field._columns.vectors
    every = texts(3 * (asked.rounds + 1) + 1, field.dim)
    known, new = every[0], every[1:].reshape(3, -1, field.dim)
    for one in (field, additive):
        one.cosines(known)
    halves = np.empty((n, field.dim), np.float16)
    unit = np.empty((n, field.dim), np.float32)
    for start in range(0, n, BLOCK):
        at = slice(start, min(start + BLOCK, n))
        some = stored[at].astype(np.float32)
        unit[at] = some / np.linalg.norm(some, axis=1, keepdims=True)
        halves[at] = unit[at]
    usearch, faiss = usearch_exact(halves, threads), faiss_flat(unit, threads)
    del unit  # FAISS has a copy of its own

    def best(query: np.ndarray, when: datetime | None = None, of: ExactScorer = field) -> np.ndarray:
        return best_rows(of.best(query, K, when=when), K, of.ids)

    def read(start: int, stop: int) -> None:
        stored[start:stop].view(np.uint64).max()

    def product(query: np.ndarray) -> None:
        half = query[None].astype(np.float16)
        each_block(n, BLOCK, lambda a, b: numkong.cdist(stored[a:b], half, "dot"), threads=threads)

    return {
        "read": lambda _: each_block(n, BLOCK, read, threads=threads),
        "field, every score of a text": lambda i: field.cosines(new[0, i]),
        "field, best nine": lambda i: best(new[1, i]),
        "usearch, exact, float16": lambda i: usearch(new[1, i]),
        "FAISS flat": lambda i: faiss(new[1, i]),
        "one float16 product": lambda i: product(new[1, i]),
        "field, best nine at a moment": lambda i: best(new[2, i], MOMENTS[i]),
        "field, best nine at a moment, text known": lambda i: best(known, MOMENTS[100 + i]),
        "field, every score at a moment, text known": lambda i: field.cosines(known, when=MOMENTS[200 + i]),
        "additive, every score at a moment, text known": lambda i: additive.cosines(known, when=MOMENTS[200 + i]),
        "additive, best nine at a moment, text known": lambda i: best(known, MOMENTS[100 + i], additive),
    }


if __name__ == "__main__":
    main()
