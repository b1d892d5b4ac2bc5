"""Do calendars tell the truth? `groundcast calendar` on the demonstration's island, against what is known of it.

    python -m benchmarks.calendars [--home DIR] [--json]

Each concept's own prompt is asked, and its calendar, 12 months × 24 hours, set beside the true one: the mean truth of
the nine tiles that have most of the thing at that moment, over a whole week, for a month has no weekday. Concepts whose
true calendar is level, or that the island hardly has, are left out. Given are rank correlations over all moments, over
the months alone and over the hours alone (the mean of each; where the truth differs between them), and the truth at the
calendar's best moment ÷ the highest; `highest value` is the same at its highest number, without those beside it.
`others` is what one knows who knows only when things are to be seen in general: the rank correlation with the mean of
the true calendars of all other concepts. `no ties` is the highest that a calendar without equal values can reach: the
truth has many. `--home` names a home in which `groundcast demo` ran; without it the demo runs in a temporary one.
`benchmarks.moments` has the ceilings of the teacher and of the additive form.
"""

import argparse
import json
import tempfile
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import spearmanr

from benchmarks.precision import run
from ingest.sandbox.concepts import CONCEPTS
from ingest.sandbox.source import planet
from ingest.sandbox.truth import truth

TOP, YEAR = 9, 2025
LEVEL, HARDLY = 0.02, 0.3  # least standard deviation and least highest value of a true calendar that counts

Grid = npt.NDArray[np.floating[Any]]


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", type=Path, help="where `groundcast demo` ran")
    parser.add_argument("--json", action="store_true", help="one JSON document")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rows = measure(asked.home or Path(folder) / "home")
    names = [name for name in rows[0] if name != "text"]
    ratios = {name: round(float(np.nanmean([row[name] for row in rows])), 3) for name in names}
    if asked.json:
        setting = {"concepts": len(rows)}
        print(json.dumps({"benchmark": "calendars", "setting": setting, "rows": rows, "ratios": ratios}))
        return
    for row in sorted(rows, key=lambda row: float(row["all moments"])):
        print("  ".join(f"{row[name]:6.2f}" for name in names), row["text"])
    print(f"{len(rows)} concepts: {ratios}")


def measure(home: Path) -> list[dict[str, Any]]:
    """One row a concept."""
    run(home, "demo", "--json")
    every = run(home, "search", "a place", "--collection", "demo", "-k", "10000", "--json")["hits"]
    true = calendars(*(np.array([hit[name] for hit in every]) for name in ("lat", "lon")))
    counts = [c for c in range(len(CONCEPTS)) if true[c].std() > LEVEL and true[c].max() >= HARDLY]
    rows, noise = [], np.random.default_rng(0)
    for c in counts:
        text, how = CONCEPTS[c].prompt, ("--top", str(TOP), "--year", str(YEAR))
        calendar = run(home, "calendar", text, "--collection", "demo", *how, "--json")
        said, best = np.array(calendar["cosine"]), (calendar["best"]["month"] - 1, calendar["best"]["hour"])
        others = beside(np.mean([true[o] for o in counts if o != c], axis=0), true[c])
        highest = beside(true[c] + 1e-9 * noise.random(true[c].shape), true[c])
        ceilings = {f"no ties, {name}": highest[name] for name in ("all moments", "months", "hours")}
        at_best = {"best moment": float(true[c][best] / true[c].max())}
        rows.append({"text": text, **beside(said, true[c]), **at_best, "others": others["all moments"], **ceilings})
    return rows


def calendars(lat: Grid, lon: Grid) -> Grid:
    """The true calendar of every concept, [concepts, 12, 24]."""
    found = np.empty((12, 24, len(CONCEPTS)))
    for month, hour in np.ndindex(12, 24):
        seen = sum(truth(planet(), lat=lat, lon=lon, when=when) for when in week(month + 1, hour)) / 7  # [n, c]
        found[month, hour] = np.partition(seen, -TOP, axis=0)[-TOP:].mean(axis=0)
    return np.moveaxis(found, 2, 0)


def week(month: int, hour: int) -> list[datetime]:
    """An hour of the seven days round the middle of a month."""
    return [datetime(YEAR, month, day, hour) for day in range(12, 19)]


def beside(said: Grid, true: Grid) -> dict[str, float]:
    """Two calendars, [12, 24] each, beside each other; NaN where the truth does not change."""
    found = {"all moments": float(spearmanr(said.ravel(), true.ravel()).statistic)}
    for name, axis in (("months", 1), ("hours", 0)):
        level = true.mean(axis).std() <= LEVEL
        found[name] = np.nan if level else float(spearmanr(said.mean(axis), true.mean(axis)).statistic)
    return found | {"highest value": float(true.ravel()[said.argmax()] / true.max())}


if __name__ == "__main__":
    main()
