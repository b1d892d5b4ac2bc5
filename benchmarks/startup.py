"""Where does the time of a command go? `--help` and searches against importing the libraries, a search stage by stage.

Whole processes, alternating, medians; Python may keep its compiled files, as it does unless one forbids it. The
collection is of the sandbox planet, by the bundled model, as in the demonstration; so the text tower's own library is
transformers' BERT beneath open_clip. Known words are not embedded.

    python -m benchmarks.startup [--rounds 7] [--json]
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
GROUNDCAST = [sys.executable, "-m", "search_ui.cli"]
COMMANDS = {
    "python": [sys.executable, "-c", "pass"],
    "groundcast --help": [*GROUNDCAST, "--help"],
    "import torch, open_clip": [sys.executable, "-c", "import torch, open_clip"],
    "import the text tower's": [
        sys.executable,
        "-c",
        "import torch, open_clip; from transformers.models.bert.modeling_bert import BertModel",
    ],
}


def environment_of(home: Path) -> dict[str, str]:
    """What a process is started with."""
    return {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"} | {"GROUNDCAST_HOME": str(home)}


def seconds(command: list[str], home: Path) -> float:
    """Wall time of one process."""
    environment = environment_of(home)
    started = time.perf_counter()
    subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True)
    return time.perf_counter() - started


def prepare(home: Path) -> None:
    """The demonstration's home, to search in."""
    seconds([*GROUNDCAST, "demo", "--no-browser"], home)


def search(text: str) -> list[str]:
    """The command that asks for words at a moment."""
    return [*GROUNDCAST, "search", text, "--collection", "demo", "--when", "2025-07-12T14"]


def search_stages(home: Path) -> str:
    """What one search with new words says of itself."""
    asked, environment = search("a road in the rain"), environment_of(home)
    return subprocess.run(asked, cwd=ROOT, env=environment, check=True, capture_output=True, text=True).stderr.strip()


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        home = Path(temporary)
        prepare(home)
        taken: dict[str, list[float]] = {}
        for number in range(asked.rounds):
            searches = {"search, new words": search(f"road number {number}"), "search, known words": search("a road")}
            for name, command in (COMMANDS | searches).items():
                taken.setdefault(name, []).append(seconds(command, home))
        stages = search_stages(home)
    rows: list[dict[str, Any]] = [
        {"command": name, "median_s": statistics.median(times), "min_s": min(times)} for name, times in taken.items()
    ]
    median = {row["command"]: row["median_s"] for row in rows}
    ratios = {
        "help_to_import": median["groundcast --help"] / median["import torch, open_clip"],
        "search_to_import_of_the_text_tower": median["search, new words"] / median["import the text tower's"],
        "search_to_import_of_open_clip": median["search, new words"] / median["import torch, open_clip"],
        "known_words_to_new": median["search, known words"] / median["search, new words"],
    }
    if asked.json:
        setting = {"rounds": asked.rounds, "search_stages": stages}
        print(json.dumps({"benchmark": "startup", "setting": setting, "rows": rows, "ratios": ratios}))
        return
    for row in rows:
        print("{command:26} median {median_s:6.3f} s   min {min_s:6.3f} s".format(**row))
    print(f"a search says: {stages}")
    for name, ratio in ratios.items():
        print(f"{name}: {ratio:.2f}")


if __name__ == "__main__":
    main()
