"""Are the nine best tiles right? Through the command line, on the demonstration's island, against its known truth.

    python -m benchmarks.precision [--home DIR] [--right 0.5] [--json]

Each concept's own prompt is asked at two moments, a July afternoon and a January noon. A tile is right where the
probability that a person who looks around there then sees the thing is at least `--right`. Counted are the prompts for
which at least nine tiles of the island are right at that moment; chance is the share of right tiles. `--home` names a
home in which `groundcast demo` ran; without it the demo runs in a temporary one.
"""

import argparse
import contextlib
import io
import json
import tempfile
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from ingest.sandbox.concepts import CONCEPTS
from ingest.sandbox.source import planet
from ingest.sandbox.truth import truth
from search_ui.cli import main as groundcast

K = 9
MOMENTS = (datetime(2025, 7, 12, 14), datetime(2025, 1, 11, 12))


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", type=Path, help="where `groundcast demo` ran")
    parser.add_argument("--right", type=float, default=0.5, help="probability from which a tile is right")
    parser.add_argument("--json", action="store_true", help="one JSON document")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rows = measure(asked.home or Path(folder) / "home", asked.right)
    mean = float(np.mean([row["precision"] for row in rows]))
    ratios = {
        "precision@9": round(mean, 4),
        "chance": round(float(np.mean([row["chance"] for row in rows])), 4),
        "precision@9 ÷ chance": round(mean / float(np.mean([row["chance"] for row in rows])), 2),
    }
    if asked.json:
        setting = {"right": asked.right, "questions": len(rows)}
        print(json.dumps({"benchmark": "precision", "setting": setting, "rows": rows, "ratios": ratios}))
        return
    for row in sorted(rows, key=lambda row: row["precision"]):
        print("{precision:5.2f}  by chance {chance:.3f}  {when}  {text}".format(**row))
    print(f"{len(rows)} questions, a tile is right from {asked.right:g} on: {ratios}")


def measure(home: Path, right: float) -> list[dict[str, Any]]:
    """One row a question."""
    run(home, "demo", "--json")
    world = planet()
    every = run(home, "search", "a place", "--collection", "demo", "-k", "10000", "--json")["hits"]
    lat, lon = (np.array([hit[name] for hit in every]) for name in ("lat", "lon"))
    ids = [hit["tile_id"] for hit in every]
    rows = []
    for when in MOMENTS:
        probability = truth(world, lat=lat, lon=lon, when=when)
        for column, concept in enumerate(CONCEPTS):
            is_right = probability[:, column] >= right
            if is_right.sum() < K:
                continue
            text, moment = concept.prompt, f"{when:%Y-%m-%dT%H}"
            hits = run(home, "search", text, "--collection", "demo", "--when", moment, "--json")["hits"]
            found = [bool(is_right[ids.index(hit["tile_id"])]) for hit in hits]
            rows.append(
                {
                    "text": text,
                    "when": moment,
                    "precision": sum(found) / K,
                    "chance": float(is_right.mean()),
                    "relevance": hits[0]["relevance"],
                }
            )
    return rows


def run(home: Path, *arguments: str) -> Any:
    """The JSON that a command prints."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.suppress(SystemExit):
        groundcast(["--home", str(home), *arguments])
    return json.loads(printed.getvalue())


if __name__ == "__main__":
    main()
