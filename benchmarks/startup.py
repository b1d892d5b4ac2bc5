"""Where does the time of a command go? `--help` against importing the libraries, and a search stage by stage.

Whole processes, alternating, medians. The collection is made on the spot with random ViT-B/32 weights.

    python -m benchmarks.startup [--rounds 7] [--tiles 200] [--json]
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

from benchmarks.pipeline import PIXEL_M, make_cog

ROOT = Path(__file__).resolve().parents[1]
GROUNDCAST = [sys.executable, "-m", "search_ui.cli"]
COMMANDS = {
    "python": [sys.executable, "-c", "pass"],
    "groundcast --help": [*GROUNDCAST, "--help"],
    "import torch, open_clip": [sys.executable, "-c", "import torch, open_clip"],
}


def seconds(command: list[str], home: Path) -> float:
    """Wall time of one process."""
    environment = os.environ | {"GROUNDCAST_HOME": str(home)}
    started = time.perf_counter()
    subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True)
    return time.perf_counter() - started


def prepare(home: Path, tiles: int) -> None:
    """A model and a collection to search."""
    side_px = int(tiles**0.5 * 60 / PIXEL_M) // 16 * 16
    source = make_cog(home / "made.tif", side_px)
    for arguments in (
        ["model", "add", "m", "--open-clip", "ViT-B-32", "--random-seed", "0"],
        ["ingest", str(source), "--collection", "c", "--tile-size-m", "60"],
    ):
        seconds([*GROUNDCAST, *arguments], home)


def search_stages(home: Path) -> str:
    """What one search says of itself."""
    command = [*GROUNDCAST, "search", "a road", "--collection", "c"]
    environment = os.environ | {"GROUNDCAST_HOME": str(home)}
    return subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True, text=True).stderr.strip()


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--tiles", type=int, default=200)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        home = Path(temporary)
        prepare(home, asked.tiles)
        commands = COMMANDS | {"groundcast search": [*GROUNDCAST, "search", "a road", "--collection", "c"]}
        taken: dict[str, list[float]] = {name: [] for name in commands}
        for _ in range(asked.rounds):
            for name, command in commands.items():
                taken[name].append(seconds(command, home))
        stages = search_stages(home)
    rows: list[dict[str, Any]] = [
        {"command": name, "median_s": statistics.median(times), "min_s": min(times)} for name, times in taken.items()
    ]
    median = {row["command"]: row["median_s"] for row in rows}
    ratios = {
        "help_to_import": median["groundcast --help"] / median["import torch, open_clip"],
        "search_to_import": median["groundcast search"] / median["import torch, open_clip"],
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
