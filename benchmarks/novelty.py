"""Is imagery that the model was not made for told from the planet's, and is nothing called strong on it?

    python -m benchmarks.novelty --home DIR [--json]

Each collection of a home is one row: the share of its tiles beyond what its model learned (`trainer.novelty`), whether
that is said, and what is called `strong` when it is asked for the planet's 45 concepts without a moment, as relevance
has it, and as it would be if the model were trusted everywhere. Given are the highest share among the planet's
collections and the lowest among others: the threshold `OUTSIDE` stands between. The home holds what is to be compared:
islands (`groundcast ingest sandbox:NAME`), and real imagery.
"""

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ingest.catalog.catalog import Catalog
from ingest.sandbox.concepts import CONCEPTS
from ingest.settings import load_settings
from search_ui.search.engine import Engine
from search_ui.search.relevance.calibration import STRONG
from search_ui.search.relevance.unlike import OUTSIDE


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", type=Path, required=True, help="whose collections are measured")
    parser.add_argument("--json", action="store_true", help="one JSON document")
    asked = parser.parse_args()
    rows = measure(asked.home)
    made, real = ([row["share outside"] for row in rows if row["made up"] is one] for one in (True, False))
    ratios = {"highest of the planet": max(made, default=0.0), "lowest of others": min(real, default=1.0)}
    if asked.json:
        setting = {"threshold": OUTSIDE, "concepts": len(CONCEPTS)}
        print(json.dumps({"benchmark": "novelty", "setting": setting, "rows": rows, "ratios": ratios}))
        return
    for row in rows:
        print("  ".join(f"{name} {value}" for name, value in row.items()))
    print(ratios)


def measure(home: Path) -> list[dict[str, Any]]:
    """One row a collection."""
    settings = load_settings(home)
    catalog = Catalog(settings.catalog_at)
    engine, rows = Engine(settings, catalog), []
    for collection in catalog.collections():
        if collection.kind != "tiles" or not (columns := engine.field(collection)).n:
            continue
        calibration = engine._calibration(collection)
        trusted = replace(calibration, outside=0.0)
        strong = np.zeros(2, int)
        for vector in engine.texts(collection, [concept.prompt for concept in CONCEPTS]):
            unit = vector / np.linalg.norm(vector)
            cosine = columns.cosines(unit)
            for number, one in enumerate((calibration, trusted)):
                strong[number] += bool((one.relevance(columns, unit, cosine) >= STRONG).any())
        share = calibration.outside
        rows.append(
            {
                "collection": collection.name.partition("@")[0],
                "made up": str(collection.spec["source"]).startswith("sandbox:"),
                "tiles": columns.n,
                "share outside": round(share, 4),
                "said": share >= OUTSIDE,
                "concepts with a strong tile": int(strong[0]),
                "if trusted": int(strong[1]),
            }
        )
    catalog.close()
    return rows


if __name__ == "__main__":
    main()
