"""What does the Python package add to a search? `home["demo"].search` beside the engine that it asks, in turns.

    python -m benchmarks.api [--home DIR] [--rounds 200] [--json]

Both are asked the same question at one moment after another, each moment once: the package keeps answers, and one that
was kept would cost nothing. Which of the two goes first alternates; each has an open home of its own, with models and
tiles loaded. The collection is the demonstration's (`--home`: where `groundcast demo` ran; without it the demonstration
runs first). The difference is the median of the pairs' differences; the target is 10 ms.
"""

import argparse
import json
import logging
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import groundcast as gc
from ingest.catalog.catalog import Catalog
from ingest.settings import load_settings
from search_ui.search.engine import Engine
from search_ui.search.query import Part, Query

TEXT, COLLECTION, TARGET_MS = "people swimming at a sandy beach", "demo", 10.0
KINDS: tuple[Literal["geopandas", "arrow"], ...] = ("geopandas", "arrow")
FIRST = datetime(2025, 1, 1)

Pairs = list[tuple[float, float]]


def paired(rounds: int, begin: datetime, first: Callable[[datetime], Any], second: Callable[[datetime], Any]) -> Pairs:
    """Milliseconds of both for each of many moments."""
    taken = []
    for number in range(rounds):
        when = begin + timedelta(hours=37 * number)  # another month and hour each time
        pair = {}
        for ask in (first, second) if number % 2 else (second, first):
            started = time.perf_counter()
            ask(when)
            pair[ask] = (time.perf_counter() - started) * 1000
        taken.append((pair[first], pair[second]))
    return taken


def row_of(kind: str, k: int, taken: Pairs) -> dict[str, Any]:
    """One line of the table."""
    engine, package = (statistics.median(side) for side in zip(*taken, strict=True))
    return {
        "table": kind,
        "hits": k,
        "engine ms": round(engine, 2),
        "package ms": round(package, 2),
        "difference ms": round(statistics.median(b - a for a, b in taken), 2),
        "target ms": TARGET_MS,
        "package ÷ engine": round(package / engine, 2),
    }


def measure(home: Path, rounds: int) -> tuple[list[dict[str, Any]], int]:
    """Rows of the table, and how many tiles were searched."""
    logging.getLogger("groundcast").setLevel(logging.ERROR)  # at most moments it is not the moment, which is logged
    settings = load_settings(home)
    catalog = Catalog(settings.catalog_at)
    engine = Engine(settings, catalog)
    rows = []
    with gc.open(home) as opened:
        tiles = opened[COLLECTION]
        for k in (9, 100):
            for kind in KINDS:

                def by_engine(when: datetime, k: int = k) -> Any:
                    return engine.search(COLLECTION, Query(parts=(Part("text", TEXT),), when=when, k=k))

                def by_package(when: datetime, k: int = k, kind: Any = kind) -> Any:
                    return tiles.search(TEXT, when=when, k=k, as_=kind)

                begin = FIRST.replace(minute=1 + len(rows))  # no moment of another row
                for ask in (by_engine, by_package):  # models and tiles are loaded, names of places found
                    ask(begin - timedelta(hours=1))
                rows.append(row_of(kind, k, paired(rounds, begin, by_engine, by_package)))
        count = opened[COLLECTION].describe()["tiles"]
    engine.close()
    catalog.close()
    return rows, count


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", type=Path, help="where `groundcast demo` ran")
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = asked.home or Path(folder) / "home"
        if asked.home is None:
            made = [sys.executable, "-m", "search_ui.cli", "--home", str(home), "demo", "--no-browser"]
            subprocess.run(made, check=True, stdout=subprocess.DEVNULL)
        rows, tiles = measure(home, asked.rounds)
    ratios = {f"package ÷ engine, {row['hits']} hits, {row['table']}": row["package ÷ engine"] for row in rows}
    if asked.json:
        setting = {"tiles": tiles, "rounds": asked.rounds}
        print(json.dumps({"benchmark": "api", "setting": setting, "rows": rows, "ratios": ratios}))
        return
    print(f"{tiles:,} tiles, {asked.rounds} moments")
    for row in rows:
        print("  ".join(f"{name} {value}" for name, value in row.items()))


if __name__ == "__main__":
    main()
