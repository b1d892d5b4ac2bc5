"""Table 1: finding the photo of a tile, and the tile of a photo, of every model, in every way to ask it."""

from pathlib import Path

import numpy as np

from trainer.experiments.finding import Beside, ExperimentResult, Picture, Table
from trainer.experiments.material import Material
from trainer.experiments.published import ABLATION, TABLE_1
from trainer.measures.evaluate import TEACHER, Evaluation, EvaluationRow
from trainer.measures.metrics import Estimate
from trainer.measures.plots import plot
from trainer.measures.report import DIRECTIONS, number, times_teacher

_SHOWN = ("R@1", "R@5", "R@10", "median")  # R@50 and R@100 are in the picture and the JSON


def run(material: Material, folder: Path) -> ExperimentResult:
    """See the module."""
    done = material.evaluation
    plots = plot(done, folder, only=("recall", "time_swap"))
    captions = {"recall.png": "Recall over k", "time_swap.png": "Of two photos of one place, the right one chosen"}
    return ExperimentResult(
        title="Retrieval: overhead tiles and ground photos",
        paper="Table 1",
        outcome=_outcome(done),
        says=(
            f"Each tile of {done.pairs:,} pairs ({done.places:,} places) looks for its photo among all {done.pairs:,}, "
            "and each photo for its tile. In brackets: bootstrap interval of 95 %, over places.",
            f"Pairs: {material.questions.about or done.shards}",
        ),
        tables=(*_tables(done), _as_published(done), *_swaps(done), ABLATION),
        pictures=tuple(Picture(path.name, captions[path.name]) for path in plots),
        beside=tuple(_beside(done)),
        numbers={
            "gallery": done.pairs,
            "places": done.places,
            "rows": [
                {"model": row.model, "given": row.given}
                | {d: {k: float(v[0]) for k, v in getattr(row, d).items()} for _, d in DIRECTIONS}
                for row in done.rows
            ],
        },
    )


def _outcome(done: Evaluation) -> str:
    best = _best(done)
    parts = []
    for title, direction in DIRECTIONS:
        recall = number(Estimate.of(getattr(best, direction)["R@10"]))
        times = times_teacher(done, best, direction)
        ratio = f", {times.value:.1f} times CLIP's" if np.isfinite(times.value) else ""
        parts.append(f"{title} R@10 {recall}{ratio}")
    return f"The best row is {best.model}, given {best.given}: {'; '.join(parts)}."


def _best(done: Evaluation) -> EvaluationRow:
    return max(done.rows, key=lambda row: float(row.overhead_to_ground["R@10"][0]))


def _tables(done: Evaluation) -> list[Table]:
    """One a direction."""
    found = []
    for title, direction in DIRECTIONS:
        rows = []
        for row in done.rows:
            values = getattr(row, direction)
            cells = (number(Estimate.of(values[m]), 1 if m == "median" else 3) for m in _SHOWN)
            rows.append((row.model, row.given, *cells))
        head = ("model", "given", *_SHOWN)
        found.append(Table(direction, f"{title}, gallery {done.pairs:,}", head, tuple(rows), texts=2))
    return found


def _as_published(done: Evaluation) -> Table:
    """In the columns of the paper, each median under the other direction."""
    rows = []
    for row in done.rows:
        there, back = row.overhead_to_ground, row.ground_to_overhead
        cells = (there["R@5"], there["R@10"], back["median"], back["R@5"], back["R@10"], there["median"])
        rows.append(
            (row.model, row.given, *(f"{c[0]:.1f}" if i % 3 == 2 else f"{c[0]:.3f}" for i, c in enumerate(cells)))
        )
    head = ("model", "given", "O→G R@5", "R@10", "median (G→O)", "G→O R@5", "R@10", "median (O→G)")
    title = "The same in the paper's columns, whose two medians are in each other's place"
    return Table("as_published", title, head, tuple(rows), texts=2)


def _swaps(done: Evaluation) -> list[Table]:
    if not done.swaps:
        return []
    kinds = list(done.swaps[0].accuracy)
    rows = tuple((s.model, *(f"{number(s.accuracy[k])} of {s.pairs[k]:,}" for k in kinds)) for s in done.swaps)
    title = "Time swap: of two photos of one place, which is that of this hour or season? Guessing gives 0.5"
    return [Table("time_swap", title, ("model", *kinds), rows)]


def _beside(done: Evaluation) -> list[Beside]:
    best, clip = _best(done), next(row for row in done.rows if row.model.startswith(TEACHER))
    found = []
    for title, direction in DIRECTIONS:
        for name, theirs in TABLE_1["best"][direction].items():
            ours = float(getattr(best, direction)[name][0])
            digits = 0 if name == "median" else 3
            found.append(Beside(f"{title} {name}", f"{theirs:.{digits}f}", f"{ours:.{digits}f}"))
    told = f"{float(clip.overhead_to_ground['R@10'][0]):.3f}"
    found.append(Beside("CLIP alone, overhead → ground R@10", f"{TABLE_1['CLIP R@10']:.3f}", told))
    # the same model without its moment: the paper's row of dropout without E at inference
    alone = [row for row in done.rows if row.model == best.model and row.given == "tile"]
    if alone and best.given != "tile":
        told = f"{float(alone[0].overhead_to_ground['R@10'][0]):.3f}"
        paper = f"{TABLE_1['dropout, without E at inference R@10']:.3f}"
        found.append(Beside("trained with E and dropout, without E at inference, R@10", paper, told))
    return found
