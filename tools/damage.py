"""Throws thousands of damaged files of every format at whatever reads them, and counts what came of it.

Each format is read in a process of its own, which may die or hang without ending the run: after 5 s of a processor, or
15 minutes of the clock, a file counts as a hang, and the next process goes on behind it. The same number is the same
damage, so that `--first 1234 --count 1` does one again, and `--first` goes on where a run was stopped. It ends with
exit code 1 if anything but an error of groundcast's own came of a file, or something was taken as whole that is not.

    python -m tools.damage [FORMAT …] [--count 10000] [--first 0] [--json]
"""

import argparse
import json
import logging
import multiprocessing
import os
import resource
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Any

from tests.damage import FORMATS, attempt, damaged

HANG_S, START_S = 5.0, 120.0  # of a processor, so that a machine with other work makes no hang
STILL_S = 900.0  # of the clock, for a process that waits for ever
MEMORY_BYTES = 4 * 2**30  # beyond what a process has at its start; a header may ask for any amount


def main() -> None:
    """Runs it and says a line a format, and one for each defect."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("formats", nargs="*", metavar="FORMAT", help=f"Of {', '.join(FORMATS)} [all].")
    parser.add_argument("--count", type=int, default=10_000, help="Damaged files of each.")
    parser.add_argument("--first", type=int, default=0, help="Number of the first.")
    parser.add_argument("--json", action="store_true", help="One JSON document.")
    asked = parser.parse_args()
    unknown = set(asked.formats) - FORMATS.keys()
    if unknown:
        parser.error(f"no such format: {', '.join(sorted(unknown))}")
    rows = [throw(name, asked.first, asked.count) for name in asked.formats or FORMATS]
    if asked.json:
        setting = {"count": asked.count, "first": asked.first}
        print(json.dumps({"benchmark": "damage", "setting": setting, "rows": rows, "ratios": {}}))
    sys.exit(1 if any(row["defects"] for row in rows) else 0)


def throw(name: str, first: int, count: int) -> dict[str, Any]:
    """Reads damaged files of one format; how many were read, were refused, and showed a defect."""
    outcomes: Counter[str] = Counter()
    defects, number, started = 0, first, time.perf_counter()
    while number < first + count:
        number, found = _watched(name, number, first + count, outcomes)
        defects += found
    row = {
        "format": name,
        "files": count,
        "refused": count - outcomes["read"] - defects,
        "read": outcomes["read"],
        "defects": defects,
        "seconds": round(time.perf_counter() - started),
    }
    print(", ".join(f"{key} {value}" for key, value in row.items()), file=sys.stderr, flush=True)
    return row


def _watched(name: str, first: int, end: int, outcomes: Counter[str]) -> tuple[int, int]:
    """Lets a process read until it is done, dies or hangs; the next number, and the defects so far."""
    ours, theirs = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.get_context("spawn").Process(target=_read, args=(name, first, end, theirs), daemon=True)
    process.start()
    theirs.close()
    number, defects, ready = first, 0, False
    try:
        while number < end:
            if not _answers(ours, process, HANG_S if ready else START_S):
                print(f"  {name} {number}: hangs", file=sys.stderr, flush=True)
                outcomes["hang"] += 1
                return number + 1, defects + 1
            what, told = ours.recv()
            ready = True
            if what == "ready":
                continue
            outcomes[what] += 1
            if told:
                print(f"  {name} {number}: {what}: {told}", file=sys.stderr, flush=True)
                defects += 1
            number += 1
    except EOFError:
        process.join()
        print(f"  {name} {number}: the process died ({process.exitcode})", file=sys.stderr, flush=True)
        outcomes["died"] += 1
        return number + 1, defects + 1
    finally:
        process.kill()
        process.join()
    return number, defects


def _answers(pipe: Connection, process: SpawnProcess, patience_s: float) -> bool:
    """Whether a process says something before it has used so many seconds of a processor."""
    until, before_s = time.monotonic() + STILL_S, _used_s(process)
    while not pipe.poll(1.0):
        if _used_s(process) - before_s > patience_s or time.monotonic() > until:
            return False
    return True


def _used_s(process: SpawnProcess) -> float:
    """Seconds of processors that a process has used; 0 where it is gone."""
    try:
        fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _read(name: str, first: int, end: int, out: Connection) -> None:
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())  # GDAL and rasterio complain by themselves
    form = FORMATS[name]
    with tempfile.TemporaryDirectory() as temporary:
        file = form.make(Path(temporary))
        whole = file.read_bytes()
        attempt(form, file, whole)
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        most = pages * resource.getpagesize() + MEMORY_BYTES
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
        out.send(("ready", ""))
        for number in range(first, end):
            try:
                error = attempt(form, file, damaged(whole, number, name))
            except Exception as defect:  # noqa: BLE001 - whatever it is, it is what is looked for
                where = " < ".join(f"{f.filename.rpartition('/')[2]}:{f.lineno}" for f in _inner(defect))
                out.send((type(defect).__name__, f"{str(defect)[:300]!r} at {where}"))
            else:
                out.send(("read" if error is None else type(error).__name__, ""))


def _inner(error: Exception) -> list[traceback.FrameSummary]:
    """The last frames of an error, the innermost first."""
    return traceback.extract_tb(error.__traceback__)[:-5:-1]


if __name__ == "__main__":
    main()
