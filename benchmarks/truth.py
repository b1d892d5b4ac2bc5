"""How good are answers on real ground? OpenStreetMap's buildings of three towns, by a model and by random weights.

    python -m benchmarks.truth [--data DIR] [--home DIR] [--model NAME …] [--pages DIR] [--json]

`--data` is the folder of real input that tests read too, `--home` one of its own: models and collections are made
there, and the same command goes on where it was ended. Without `--model` it measures the bundled model and a small
CLIP of random weights, which shows what numbers are worth that nothing was learnt for. Each town is asked for
"houses" and measured against its buildings (`search_ui.truth`), also with relevance fitted to it; beside each number
stands what one reaches who knows nothing. `--pages` also writes the page of each.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

BESIDE = Path(__file__).resolve().parents[2] / "shared" / "data"
TEXT = "houses"
MIDDLE = "85.5185,27.6290,85.5235,27.6346"  # of Banepa, where truth is known
TOWNS = {  # source, truth, side of a tile in metres, further options of the ingest
    "banepa": ("banepa.tif", "banepa_buildings.geojson", 30, ("--nodata", "255", "--bbox", MIDDLE)),
    "kampala": ("kampala_xyz", "kampala_buildings.geojson", 20, ()),
    "zanzibar": ("zanzibar_xyz", "zanzibar_buildings.geojson", 40, ()),
}
NUMBERS = ("average_precision", "roc_auc", "precision@9", "f1_best", "object_f1_best", "brier", "ece")
SHARE = 0.2
"""Of a tile that buildings cover: with less nearly every tile of a town is positive."""

SMALL = {
    "embed_dim": 128,
    "quick_gelu": True,
    "vision_cfg": {"image_size": 64, "layers": 4, "width": 128, "patch_size": 16},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 128, "heads": 2, "layers": 2},
}


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=BESIDE, help="the folder of real input [that beside the project]")
    parser.add_argument("--home", type=Path, help="a home of its own [a temporary folder]")
    parser.add_argument("--model", action="append", help="a model of that home [bundled and random]")
    parser.add_argument("--pages", type=Path, help="write a page of each there")
    parser.add_argument("--json", action="store_true", help="one JSON document")
    asked = parser.parse_args()
    if not (asked.data / "overhead").is_dir():
        raise SystemExit(f"{asked.data} has no folder overhead: name the folder of real input by --data")
    if asked.pages is not None:
        asked.pages.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        asked.home = asked.home or Path(folder)
        models = asked.model or made_models(asked.home)
        rows = [measured(asked, town, model) for model in models for town in TOWNS]
    if asked.json:
        setting = {"text": TEXT, "min_share": SHARE}
        print(json.dumps({"benchmark": "truth", "setting": setting, "rows": rows, "ratios": ratios(rows)}))
        return
    for row in rows:
        print(" · ".join(f"{name} {value}" for name, value in row.items()))


def made_models(home: Path) -> list[str]:
    """The bundled model and one of random weights, added where they are not there yet."""
    home.mkdir(parents=True, exist_ok=True)
    have = {model["name"] for model in json.loads(groundcast(home, "model", "list", "--json"))}
    if "bundled" not in have:
        groundcast(home, "model", "add", "bundled", "--bundled")
    if "random" not in have:
        architecture = home / "random.json"
        architecture.write_text(json.dumps(SMALL))
        groundcast(home, "model", "add", "random", "--open-clip", architecture, "--random-seed", 0)
    return ["bundled", "random"]


def measured(asked: argparse.Namespace, town: str, model: str) -> dict[str, Any]:
    """One town by one model."""
    source, truth, size_m, options = TOWNS[town]
    overhead, name = asked.data / "overhead", f"{town}-{model}"
    groundcast(
        *(asked.home, "ingest", overhead / source, "--collection", name, "--tile-size-m", size_m, "--model", model),
        *options,
    )
    page = () if asked.pages is None else ("-o", asked.pages / f"{name}.html")
    told = groundcast(
        *(asked.home, "evaluate", name, "--truth", overhead / truth, "--text", TEXT, "--min-share", SHARE),
        *("--fit", "--json", *page),
        codes=(0, 1),  # 1: a fit was not worth keeping, which is a result
    )
    (found,) = json.loads(told)["classes"]
    row: dict[str, Any] = {"model": model, "town": town, "tiles": found["tiles"], "positive": found["base_rate"]}
    row |= {"objects": found["objects_judged"], "blocks": found["blocks"], "block_m": round(found["block_m"])}
    for number in NUMBERS:
        one = found["measures"][number]
        row |= {number: one["value"], f"{number} low": one["low"], f"{number} high": one["high"]}
        row[f"{number}, knows nothing"] = one["knows_nothing"]
    fit = found.get("fit")
    row["ece fitted"] = None if fit is None else fit["ece_after"]
    row["not fitted"] = None if fit is not None else found["not_fitted"].removeprefix(f"--fit {TEXT!r}: ")
    if fit is not None:
        groundcast(asked.home, "evaluate", name, "--unfit")  # the next run measures the same again
    return row


def ratios(rows: list[dict[str, Any]]) -> dict[str, float]:
    """Average precision over that of who knows nothing; 1 is worth nothing."""
    told = {}
    for row in rows:
        over = row["average_precision"] / row["average_precision, knows nothing"]
        told[f"{row['town']}, {row['model']}: average precision ÷ knows nothing"] = round(over, 3)
    return told


def groundcast(home: Path, *arguments: object, codes: tuple[int, ...] = (0,)) -> str:
    """Runs the command line and gives what it printed."""
    command = [sys.executable, "-m", "search_ui.cli", "--home", str(home), *map(str, arguments)]
    ran = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if ran.returncode not in codes:
        raise SystemExit(f"{' '.join(command)} ended with {ran.returncode}")
    return ran.stdout


if __name__ == "__main__":
    main()
