"""A country from few of its tiles: is a map made of every third or tenth row and column still the map?

The tiles that are kept are scored; every other tile takes the score of the nearest kept one in its area. That map is
compared with the map of all tiles and with the truth.
"""

from pathlib import Path

import numpy as np
from scipy.spatial import cKDTree

from trainer.errors import UsageError
from trainer.experiments.drawing import MapPanel, draw_maps
from trainer.experiments.finding import Beside, ExperimentResult, Table
from trainer.experiments.material import Material
from trainer.experiments.paper.figure_1 import SQUARE_M, cover_of
from trainer.experiments.tiles import Tiles, means
from trainer.measures import metrics
from trainer.measures.metrics import Ints

STEPS = (2, 3, 10)  # every so many rows and columns: 1 tile in 4, about 1 in 10, 1 in 100


def run(material: Material, folder: Path) -> ExperimentResult:
    """See the module."""
    tiles, asked = material.tiles(), material.questions.country
    if not asked:
        raise UsageError(f"data {material.data}: its questions have no `country`, the texts of this experiment")
    whole = tiles.scores(tiles.texts([question.text for question in asked]))
    cover = [cover_of(material, tiles, question) for question in asked]
    square = tiles.squares(SQUARE_M)
    rows, numbers = [], {}
    maps: list[list[MapPanel]] = [[] for _ in asked]
    for step in (1, *STEPS):
        kept, stands_for = sampled(tiles, step)
        told = f"{len(kept):,} tiles, 1 in {len(tiles) / len(kept):.0f}" if step > 1 else f"all {len(tiles):,} tiles"
        for i, question in enumerate(asked):
            values = whole[stands_for, i]
            same = metrics.spearman(values, whole[:, i]).value
            true = metrics.spearman(means(values, square), means(cover[i], square)).value
            rows.append((told, question.text, f"{same:.3f}", f"{true:.3f}"))
            numbers[f"step {step}, {question.text}"] = {"map of all tiles": same, "land cover": true}
            maps[i].append(MapPanel(f"{told}: {question.text}", values))
    tenth = [numbers[f"step {STEPS[1]}, {question.text}"] for question in asked]
    same, true = (float(np.mean([one[key] for one in tenth])) for key in ("map of all tiles", "land cover"))
    every = float(np.mean([numbers[f"step 1, {question.text}"]["land cover"] for question in asked]))
    return ExperimentResult(
        title="A country from a tenth of its tiles",
        paper="Supplement: coarse country maps",
        outcome=(
            f"From about a tenth of the tiles the map agrees with that of all by {same:.3f} in the mean, and with the "
            f"land cover by {true:.3f}; that of all tiles by {every:.3f}."
        ),
        says=(
            "Every second, third and tenth row and column of tiles is scored, S = O; the others take the score of the "
            f"nearest. Rank correlation with the map of all tiles, and with the land cover in squares of "
            f"{SQUARE_M / 1000:g} km.",
            f"Tiles: {material.questions.about or tiles.shards.where}",
        ),
        tables=(
            Table(
                "coarse_country",
                "Maps of few tiles",
                ("scored", "text", "map of all tiles", "land cover"),
                tuple(rows),
                texts=2,
            ),
        ),
        pictures=(draw_maps(folder / "coarse_country.png", tiles, maps, "The same map from fewer and fewer tiles"),),
        beside=(
            Beside("tiles sampled 10 × coarser", "a picture", f"rank correlation {same:.3f} with the map of all tiles"),
        ),
        numbers=numbers,
    )


def sampled(tiles: Tiles, step: int) -> tuple[Ints, Ints]:
    """Every so many rows and columns: the tiles kept, [k], and for each tile the kept one that stands for it, [n]."""
    # rows and columns as whole steps from the area's middle
    east, north = np.round(tiles.position_m / tiles.step_m).astype(np.int64).T
    kept = (east % step == 0) & (north % step == 0)
    stands_for: Ints = np.empty(len(tiles), np.int64)
    for number in np.unique(tiles.area):
        here = np.flatnonzero(tiles.area == number)
        chosen = here[kept[here]] if kept[here].any() else here[:1]  # of a small area at least one
        kept[chosen] = True
        stands_for[here] = chosen[cKDTree(tiles.position_m[chosen]).query(tiles.position_m[here])[1]]
    return np.flatnonzero(kept), stands_for
