"""How long does a question take from nothing? Cold searches beside `import torch`, and the app to its first answer.

    python -m benchmarks.startup [--home DIR] [--rounds 7] [--starts 3] [--json]

Whole processes that take turns, their medians and the memory that they had at most; Python may keep its compiled
files, as it does unless one forbids it. The collection is the demonstration's, by the bundled model: a copy of a home
in which `groundcast demo` ran (`--home`; without it the demonstration runs first). Known words were asked before, so
they are not embedded; new words are asked for the first time. So are those of the app's first question, which is put
as soon as the first page has come.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.app import start

ROOT = Path(__file__).resolve().parents[1]
GROUNDCAST = [sys.executable, "-m", "search_ui.cli"]
KNOWN, NEW, TORCH = "groundcast search, known words", "groundcast search, new words", "import torch"
COMMANDS = {
    "python": [sys.executable, "-c", "pass"],
    "groundcast --help": [*GROUNDCAST, "--help"],
    TORCH: [sys.executable, "-c", "import torch"],
}
PAGE, QUESTION = "groundcast ui, to the first page", "groundcast ui, first question after it"
TARGETS_S = {KNOWN: 0.8, NEW: 1.5, PAGE: 3.0, QUESTION: 1.5}
TARGETS_MB = {KNOWN: 400, NEW: 400}


def search(text: str) -> list[str]:
    """The command that asks for words at a moment."""
    return [*GROUNDCAST, "search", text, "--collection", "demo", "--when", "2025-07-12T14"]


def run(command: list[str], home: Path, **options: Any) -> tuple[float, float]:
    """Wall time of one process, seconds, and its largest resident memory, MB."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    started = time.perf_counter()
    process = subprocess.Popen(
        command, cwd=ROOT, env=environment | {"GROUNDCAST_HOME": str(home)}, stdout=subprocess.DEVNULL, **options
    )
    _, status, used = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)  # or it would be waited for once more
    if process.returncode:
        raise SystemExit(f"{' '.join(command)}: exit code {process.returncode}")
    return seconds, used.ru_maxrss / 1000


def measure(home: Path, rounds: int, starts: int) -> dict[str, list[tuple[float, float | None]]]:
    """Seconds and MB of each, by what it is."""
    taken: dict[str, list[tuple[float, float | None]]] = {}
    run(search("a road"), home, stderr=subprocess.DEVNULL)
    for number in range(rounds):
        searches = {KNOWN: search("a road"), NEW: search(f"a road, number {number} since {time.time():.0f}")}
        for what, command in (COMMANDS | searches).items():
            taken.setdefault(what, []).append(run(command, home, stderr=subprocess.DEVNULL))
    for _ in range(starts):
        told = start(home)
        taken.setdefault(PAGE, []).append((told["page_s"], None))
        taken.setdefault(QUESTION, []).append((told["question_s"], None))
        taken.setdefault("an empty Streamlit app, to its page", []).append((told["streamlit_s"], None))
    return taken


def row_of(what: str, taken: list[tuple[float, float | None]]) -> dict[str, Any]:
    """One line of the table."""
    memory = [mb for _, mb in taken if mb is not None]
    return {
        "what": what,
        "median s": round(statistics.median(seconds for seconds, _ in taken), 3),
        "least s": round(min(seconds for seconds, _ in taken), 3),
        "MB": round(statistics.median(memory)) if memory else None,
        "target s": TARGETS_S.get(what),
        "target MB": TARGETS_MB.get(what),
    }


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", type=Path, help="where `groundcast demo` ran")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--starts", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        if asked.home is None:
            run([*GROUNDCAST, "demo", "--no-browser"], home)
        else:
            shutil.copytree(asked.home, home)
        rows = [row_of(*told) for told in measure(home, asked.rounds, asked.starts).items()]
    median = {row["what"]: row["median s"] for row in rows}
    ratios = {
        "new words ÷ import torch (target 0.5)": round(median[NEW] / median[TORCH], 2),
        "known words ÷ import torch": round(median[KNOWN] / median[TORCH], 2),
    }
    if asked.json:
        setting = {"rounds": asked.rounds, "starts of the app": asked.starts}
        print(json.dumps({"benchmark": "startup", "setting": setting, "rows": rows, "ratios": ratios}))
        return
    for row in rows:
        print("  ".join(f"{name} {value}" for name, value in row.items() if value is not None))
    for name, ratio in ratios.items():
        print(f"{name}: {ratio}")


if __name__ == "__main__":
    main()
