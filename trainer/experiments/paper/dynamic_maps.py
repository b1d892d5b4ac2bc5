"""Maps of two seasons: does a text's score rise where, and only where, the season brings the thing?

For each text the map of July less that of January is compared with what truth says of the same two moments: the rank
correlation of both differences, and the share of the tiles that change by a quarter or more in truth whose score moves
in the right direction. A model that knows no time moves nowhere, which is right half of the time.
"""

from datetime import datetime
from pathlib import Path

import numpy as np

from trainer.errors import UsageError
from trainer.experiments.drawing import MapPanel, draw_maps
from trainer.experiments.finding import Beside, ExperimentResult, Table
from trainer.experiments.material import Material
from trainer.experiments.tiles import Tiles
from trainer.measures import metrics
from trainer.measures.metrics import Estimate, Floats
from trainer.measures.report import number

CHANGED = 0.25
_NEIGHBOURHOOD_M = 5000.0


def run(material: Material, folder: Path) -> ExperimentResult:
    """See the module."""
    tiles, asked = material.tiles(), material.questions.seasons
    if not asked or len(material.questions.season_moments) != 2:
        raise UsageError(f"data {material.data}: its questions need `seasons` and two `season_moments`")
    winter, summer = material.questions.season_moments
    texts = tiles.texts([question.text for question in asked])
    then, now = tiles.scores(texts, winter), tiles.scores(texts, summer)
    rows, numbers, maps = [], {}, []
    for i, question in enumerate(asked):
        change = tiles.probability(question.concept, summer) - tiles.probability(question.concept, winter)
        moved = now[:, i] - then[:, i]
        rho, right, count = _agreement(material, tiles, moved, change)
        rows.append((question.text, number(rho), number(right), f"{count:,}"))
        numbers[question.text] = {"rank correlation": rho.value, "right direction": right.value, "tiles": count}
        maps.append(_maps(question.text, (winter, summer), (then[:, i], now[:, i]), moved, change))
    known = [one["right direction"] for one in numbers.values() if np.isfinite(one["right direction"])]
    mean = float(np.mean(known)) if known else float("nan")
    return ExperimentResult(
        title=f"Maps of {winter:%B} and {summer:%B}",
        paper="Supplement: dynamic maps",
        outcome=(
            f"Of the tiles that change by {CHANGED:g} or more in truth, {mean:.3f} change in the right direction, in "
            "the mean of the texts."
        ),
        says=(
            f"Scores at {winter:%d %B, %H:%M} and {summer:%d %B, %H:%M}, wall-clock time; north and "
            "south of the equator have their seasons the other way round. In brackets: bootstrap interval of 95 %, "
            "over neighbourhoods of 5 km.",
            "Where there is no place for the thing, truth stays and the score still moves: the rank correlation counts "
            "that as wrong.",
            f"Tiles: {material.questions.about or tiles.shards.where}",
        ),
        tables=(
            Table(
                "seasons",
                f"{summer:%B} less {winter:%B}: score against truth",
                ("text", "rank correlation", "right direction", "of tiles that change"),
                tuple(rows),
            ),
        ),
        pictures=(
            draw_maps(
                folder / "seasons.png",
                tiles,
                maps,
                "Both seasons on one scale, so that what time does is seen; then the difference of the scores and that "
                "of the truth",
                width=2.7,
            ),
        ),
        beside=(Beside("maps of July and January", "pictures only", f"right direction {mean:.3f}"),),
        numbers=numbers,
    )


def _agreement(material: Material, tiles: Tiles, moved: Floats, change: Floats) -> tuple[Estimate, Estimate, int]:
    """Rank correlation of the changes, share of right directions, and of how many tiles."""
    options, groups = material.options, tiles.squares(_NEIGHBOURHOOD_M)
    counts = metrics.group_counts(int(groups.max()) + 1, draws=options.draws, seed=options.seed)
    rho = Estimate.of(metrics.linear_bootstrap([metrics.spearman(moved, change)], [groups], counts))
    changed = np.flatnonzero(abs(change) >= CHANGED)
    if not len(changed):
        return rho, Estimate(*[float("nan")] * 3), 0
    # no movement is half right: a model without time must come out as guessing does
    agrees = np.where(moved[changed] == 0, 0.5, np.sign(moved[changed]) == np.sign(change[changed]))
    right = metrics.bootstrap(
        metrics.mean(agrees), len(changed), groups=groups[changed], draws=options.draws, seed=options.seed
    )
    return rho, Estimate.of(right), len(changed)


def _maps(
    text: str, moments: tuple[datetime, datetime], scores: tuple[Floats, Floats], moved: Floats, change: Floats
) -> list[MapPanel]:
    # of both seasons together: a scale for each would hide what time does
    low, high = np.quantile(np.concatenate(scores), [0.02, 0.98]).tolist()
    seasons = [MapPanel(f"{text}\n{when:%B}", values, low, high) for when, values in zip(moments, scores, strict=True)]
    reach = max(float(np.quantile(abs(moved), 0.98)), 1e-6)
    return [
        *seasons,
        MapPanel(f"{moments[1]:%B} less {moments[0]:%B}", moved, -reach, reach, colours="RdBu_r"),
        MapPanel("the same in truth", change, -1, 1, colours="RdBu_r"),
    ]
