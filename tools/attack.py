"""A standing attack: what a stranger sends and a disk does, against an app of its own; what came back, and who waited.

    python -m tools.attack [ROW …] [--seconds 4] [--flips 200] [--json]

A small home is made on the spot: the bundled model, a raster of 256 tiles, and a few tiles of a tile server on this
machine. Over it two apps are started, one of them read-only, and each row is thrown at them for some seconds while
another person goes on searching, from another address, every time at another moment. A row ends in a refusal or in
nothing at all, else it is `FAILED` and the exit code is 1.

* peak MB: the most memory that the app and its children had while the row went on;
* p95 ÷: the 95th percentile of the other person's searches meanwhile ÷ that of the same searches before, in quiet.

All of it takes three minutes.
"""

import argparse
import json
import multiprocessing
import os
import random
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from tests.attacks import OVER_HTTP, Target, prepare, tile_server
from tests.conftest import make_raster
from tests.disk_attacks import GROUNDCAST, ON_DISK
from tests.services import free_port

T = TypeVar("T")
MOST_MB, MOST_RATIO = 2_048, 2.0
_WARM_S = 3.0
_FILES = 1_024, 4_096  # that a process may have open, and may let itself have: Debian's, but for the second
_PAUSE_S = 0.03  # between two searches of one person: still far more often than people ask
LAT, LON = 27.62, 85.50  # of the tile server's collection


class App:
    """A running app.

    Args:
        home: Of its state.
        read_only: Nothing may be changed.
    """

    def __init__(self, home: Path, *, read_only: bool) -> None:
        self.target = Target(free_port(), "web", read_only=read_only)
        command = [*GROUNDCAST, "--home", str(home), "ui", "--no-browser", "--port", str(self.target.port)]
        command += ["--proxy", "127.0.0.1"]  # so that each request may say who asks
        self._process = subprocess.Popen(
            [*command, *(["--read-only"] if read_only else [])], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        resource.prlimit(self._process.pid, resource.RLIMIT_NOFILE, _FILES)

    def await_ready(self) -> None:
        """Wait until it answers a search."""
        for _ in range(600):
            try:
                if self.target.ask("GET", search_path(0))[0] == 200:
                    return
            except OSError:
                time.sleep(0.2)
        raise SystemExit("the app does not answer")

    def megabytes(self) -> float:
        """Resident memory of it and its children."""
        return sum(_resident(pid) for pid in _family(self._process.pid)) / 1e6

    def close(self) -> None:
        """End it."""
        self._process.terminate()
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()


class Searcher:
    """Another person, who searches all the time: a process of its own, so that it waits for the app alone.

    Args:
        target: The app that is asked.
    """

    def __init__(self, target: Target) -> None:
        context = multiprocessing.get_context("spawn")
        self._ours, theirs = context.Pipe()
        self._process = context.Process(target=_search, args=(target, theirs), daemon=True)
        self._process.start()
        time.sleep(_WARM_S)
        self.since()

    def since(self) -> list[float]:
        """Seconds of each search since this was asked last."""
        self._ours.send(None)
        found: list[float] = self._ours.recv()
        return found

    def close(self) -> None:
        """End them."""
        self._process.terminate()
        self._process.join()


def _search(target: Target, told: Any) -> None:
    somewhere, seconds = random.Random(1), list[float]()
    while True:
        path, started = search_path(somewhere.randrange(10**6)), time.perf_counter()
        status, _ = target.ask("GET", path, **{"X-Forwarded-For": "10.9.8.7"})
        seconds.append(time.perf_counter() - started if status == 200 else float("inf"))
        time.sleep(_PAUSE_S)
        if told.poll():
            told.recv()
            told.send(seconds)
            seconds = []


def search_path(number: int) -> str:
    """A question at one of very many moments."""
    month, day, hour = number % 12 + 1, number // 12 % 28 + 1, number // 336 % 24
    return f"/api/search?collection=town&q=a+town&when={2000 + number % 50}-{month:02d}-{day:02d}T{hour:02d}"


def main() -> None:
    """Attacks and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", nargs="*", metavar="ROW", help="numbers of rows, such as 1 4 [all]")
    parser.add_argument("--seconds", type=float, default=4.0, help="for which each row goes on at least")
    parser.add_argument("--flips", type=int, default=200, help="flipped bits of row 6")
    parser.add_argument("--json", action="store_true", help="one JSON document")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, tile_server() as (template, upstream):
        home = Path(folder) / "home"
        make_home(home, template)
        rows = attack(home, upstream, asked.rows, seconds=asked.seconds, flips=asked.flips)
    ratios = {"worst p95 ÷ quiet": max(row["p95 ÷"] for row in rows), "peak MB": max(row["peak MB"] for row in rows)}
    if asked.json:
        setting = {"cores": os.cpu_count(), "seconds a row": asked.seconds, "flips": asked.flips}
        print(json.dumps({"benchmark": "attack", "setting": setting, "rows": rows, "ratios": ratios}))
    else:
        for row in rows:
            print(_line(row))
        print(f"at most {MOST_MB} MB and ×{MOST_RATIO} are wanted")
    sys.exit(1 if any(str(row["what came back"]).startswith("FAILED") for row in rows) else 0)


def make_home(home: Path, template: str) -> None:
    """The bundled model, the collection `town` of a raster, and `web` of a tile server."""
    raster = make_raster(home.parent / "town.tif", width=1600, height=1600)
    box = f"{LON},{LAT},{LON + 0.002},{LAT + 0.002}"
    web = ["--collection", "web", "--tile-size-m", "100", "--bbox", box, "--rate", "1000", template]
    for command in (
        ["model", "add", "m", "--bundled"],
        ["ingest", "--collection", "town", "--tile-size-m", "50", str(raster)],
        ["ingest", *web],
    ):
        subprocess.run([*GROUNDCAST, "--home", str(home), *command], check=True, capture_output=True)


def attack(home: Path, upstream: list[str], only: list[str], *, seconds: float, flips: int) -> list[dict[str, Any]]:
    """The rows of the table; of none that are named, all."""
    apps = [App(home, read_only=True), App(home, read_only=False)]  # what the disk suffers comes last
    rows = []
    try:
        for app in apps:
            app.await_ready()
        prepare()
        for app in apps:
            told = ", read-only" if app.target.read_only else ""
            searcher = Searcher(app.target)
            time.sleep(3 * seconds)
            quiet = percentile_95(searcher.since())
            rows.append(_row(f"quiet{told}", lambda: "", app, searcher, quiet, seconds=seconds))
            for name, over_http in _chosen(OVER_HTTP, only).items():
                before = len(upstream)
                rows.append(_row(name + told, partial(over_http, app.target), app, searcher, quiet, seconds=seconds))
                if app.target.read_only and len(upstream) > before:
                    rows[-1]["what came back"] = f"FAILED: {len(upstream) - before} tiles were fetched"
            for name, on_disk in _chosen({} if app.target.read_only else ON_DISK, only).items():
                rows.append(_row(name, partial(on_disk, home, flips), app, searcher, quiet, seconds=0))
            searcher.close()
    finally:
        for app in apps:
            app.close()
    return rows


def _chosen(rows: dict[str, T], only: list[str]) -> dict[str, T]:
    return {name: act for name, act in rows.items() if not only or name.partition(" ")[0] in only}


def _row(
    name: str, act: Callable[[], str], app: App, searcher: Searcher, quiet: float, *, seconds: float
) -> dict[str, Any]:
    ended, peak = threading.Event(), [app.megabytes()]

    def watch() -> None:
        while not ended.wait(0.05):
            peak[0] = max(peak[0], app.megabytes())

    watching = threading.Thread(target=watch, daemon=True)
    watching.start()
    started = time.perf_counter()
    searcher.since()
    try:
        came = act()
        while time.perf_counter() - started < seconds:
            came = act()
            time.sleep(0 if came else 0.05)
    except (AssertionError, OSError) as error:
        came = f"FAILED: {str(error)[:200]}"
    ratio = percentile_95(searcher.since()) / quiet
    ended.set()
    watching.join()
    row = {"row": name, "what came back": came, "peak MB": round(peak[0]), "p95 ÷": round(ratio, 2)}
    print(_line(row), file=sys.stderr, flush=True)
    return row


def _line(row: dict[str, Any]) -> str:
    return f"{row['row']:44} {row['peak MB']:6.0f} MB  ×{row['p95 ÷']:.2f}  {row['what came back']}"


def percentile_95(seconds: list[float]) -> float:
    """Of some times."""
    return float(np.percentile(seconds, 95)) if seconds else float("inf")


def _family(pid: int) -> list[int]:
    found = [pid]
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found += [one for child in task.read_text().split() for one in _family(int(child))]
        except OSError:  # it has ended
            continue
    return found


def _resident(pid: int) -> int:
    """Bytes; 0 of a process that has ended."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError):
        return 0


if __name__ == "__main__":
    main()
