"""Fig. 4: how finely each space is organised, the silhouette of k-means clusters over k."""

from pathlib import Path

import numpy as np

from trainer.experiments.finding import Beside, ExperimentResult, Picture, Table
from trainer.experiments.material import Material
from trainer.measures.clusters import SAMPLE
from trainer.measures.evaluate import TEACHER, EvaluationRow
from trainer.measures.plots import plot
from trainer.measures.report import number


def run(material: Material, folder: Path) -> ExperimentResult:
    """See the module."""
    done = material.evaluation
    ks = list(done.rows[0].silhouette)
    rows = tuple((row.model, row.given, *(number(row.silhouette[k]) for k in ks)) for row in done.rows)
    slopes = {f"{row.model}, {row.given}": _slope(row) for row in done.rows}
    told = "; ".join(f"{name} {slope:+.3f}" for name, slope in slopes.items())
    plots = plot(done, folder, only=("silhouette",))
    clip = next(row for row in done.rows if row.model.startswith(TEACHER))
    ours = [row for row in done.rows if row.model == material.name]
    return ExperimentResult(
        title="Clusters: silhouette over k",
        paper="Fig. 4",
        outcome=f"Change for each ten times as many clusters: {told}.",
        says=(
            f"Mean silhouette of k-means clusters of what each model makes of tiles, at most {SAMPLE:,} places, one "
            "tile a place. In brackets: bootstrap interval of 95 %.",
            f"Tiles: {material.questions.about or done.shards}",
        ),
        tables=(Table("silhouette", "Silhouette", ("model", "given", *(f"k = {k}" for k in ks)), rows, texts=2),),
        pictures=tuple(Picture(path.name, "Silhouette over the number of clusters") for path in plots),
        beside=(
            Beside("CLIP, as k grows", "falls", _direction(clip)),
            *(Beside(f"Sat2Cap, as k grows; here {row.model}, {row.given}", "rises", _direction(row)) for row in ours),
        ),
        numbers={f"{r.model}, {r.given}": {str(k): e.value for k, e in r.silhouette.items()} for r in done.rows},
    )


def _slope(row: EvaluationRow) -> float:
    """Of the silhouette over log10 k."""
    if len(row.silhouette) < 2:
        return float("nan")
    # over log k, where the ks lie about evenly: a line over k would follow the largest alone
    ks = np.log10(list(row.silhouette))
    return float(np.polyfit(ks, [e.value for e in row.silhouette.values()], 1)[0])


def _direction(row: EvaluationRow) -> str:
    slope = _slope(row)
    return "–" if np.isnan(slope) else f"{'rises' if slope > 0 else 'falls'} ({slope:+.3f} a decade)"
