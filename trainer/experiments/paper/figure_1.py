"""Fig. 1: maps of a country for three texts beside its land cover, and how well their orders agree.

Of a text that names a class of land cover, the score should rise with the share of that class. Both are compared tile
by tile, and in squares of 2.4 km, the scale of a map of a country. Many tiles have none of a class and so are equal in
the land cover, which no map of scores is: the *ceiling* is the rank correlation of the land cover with itself once its
ties are broken at random.

A text is not its land cover: in most suburbs nobody sees a busy street. Where the data know how likely one sees what a
text names, the row *truth* is the agreement of that with the land cover: what a model reaches that is never wrong.
Above it, a model follows the land cover closer than what is to be seen there.
"""

import time
from pathlib import Path

import numpy as np

from trainer.errors import UsageError
from trainer.experiments.drawing import MapPanel, draw_maps
from trainer.experiments.finding import Beside, ExperimentResult, Table
from trainer.experiments.material import Material
from trainer.experiments.published import MAP_SECONDS
from trainer.experiments.questions import Question
from trainer.experiments.tiles import Tiles, column, means
from trainer.measures import metrics
from trainer.measures.evaluate import TEACHER
from trainer.measures.metrics import Estimate, Floats, Vectors
from trainer.measures.report import number

SQUARE_M = 2400.0
TARGET = 0.6
TRUTH = "truth"


def run(material: Material, folder: Path) -> ExperimentResult:
    """See the module."""
    tiles, asked = material.tiles(), material.questions.country
    if not asked:
        raise UsageError(f"data {material.data}: its questions have no `country`, the texts of this experiment")
    texts = tiles.texts([question.text for question in asked])
    # of all tiles and texts: O is there, as in the field; reading and embedding pictures is not in it
    started = time.perf_counter()
    ours = tiles.scores(texts)
    seconds = time.perf_counter() - started
    clip = tiles.scores(texts, clip=True)
    cover = [cover_of(material, tiles, question) for question in asked]
    rows, numbers = _measure(material, tiles, texts, {material.name: ours, TEACHER: clip}, cover)
    maps = []
    for i, question in enumerate(asked):
        covered = MapPanel(f"{'land cover' if question.cover else TRUTH}: {_named(question)}", cover[i], 0.0, 1.0)
        shown = ((material.name, ours[:, i]), (TEACHER, clip[:, i]))
        maps.append([covered, *(MapPanel(f"{name}: {question.text}", values) for name, values in shown)])
    clips = [numbers[f"{question.text}, {TEACHER}"]["squares"] for question in asked]
    values = [numbers[f"{question.text}, {material.name}"]["squares"] for question in asked]
    reached = sum(value >= TARGET for value in values)
    known = [numbers[key]["squares"] for question in asked if (key := f"{question.text}, {TRUTH}") in numbers]
    itself = f" What is truly to be seen reaches {', '.join(map('{:.3f}'.format, known))}." if known else ""
    caption = "Land cover, our map and CLIP's; scores with colours of their own from their 2nd to their 98th hundredth"
    return ExperimentResult(
        title="Maps of a country against its land cover",
        paper="Fig. 1",
        outcome=(
            f"In squares, {reached} of {len(values)} texts reach a rank correlation of {TARGET:g}; their mean is "
            f"{np.mean(values):.3f}, CLIP's {np.mean(clips):.3f}.{itself}"
        ),
        says=(
            f"{len(tiles):,} tiles are scored for each text without a moment, S = O, and compared with the share of "
            "the land cover that the text names (where the data have none: with the probability of its concept), tile "
            f"by tile and in squares of {SQUARE_M / 1000:g} km. In brackets: bootstrap interval of 95 %, over "
            "neighbourhoods of 4.8 km. Ceiling, of squares and of tiles: what the land cover itself would reach, its "
            f"ties broken at random. {TRUTH.capitalize()}: what the probability to see what the text names reaches.",
            f"Tiles: {material.questions.about or tiles.shards.where}",
        ),
        tables=(
            Table(
                "country",
                "Rank correlation with the land cover",
                (
                    "text",
                    "land cover",
                    "model",
                    f"squares of {SQUARE_M / 1000:g} km",
                    "tiles",
                    "squares with any",
                    "ceiling",
                ),
                tuple(rows),
                texts=3,
            ),
        ),
        pictures=(draw_maps(folder / "country.png", tiles, maps, caption),),
        beside=(
            Beside(
                "agreement with land cover", "seen in pictures only", f"mean rank correlation {np.mean(values):.3f}"
            ),
            Beside(
                "zero-shot scoring of a map",
                f"{MAP_SECONDS:g} s",
                f"{seconds:.2f} s, {len(tiles):,} tiles, {len(asked)} texts",
            ),
        ),
        numbers=numbers,
    )


def _measure(
    material: Material, tiles: Tiles, texts: Vectors, scores: dict[str, Floats], cover: list[Floats]
) -> tuple[list[tuple[str, ...]], dict[str, dict[str, float]]]:
    """Rows of the table and numbers, of every text and model; of one that knows time also at a moment in summer."""
    if material.embedder.has_encoder:
        summer = material.questions.season_moments[-1]
        scores = scores | {f"{material.name}, {summer:%d %B, %H:%M}": tiles.scores(texts, summer)}
    rows: list[tuple[str, ...]] = []
    numbers: dict[str, dict[str, float]] = {}
    for i, question in enumerate(material.questions.country):
        values = {model: columns[:, i] for model, columns in scores.items()}
        if question.cover and question.concept:
            values[TRUTH] = tiles.probability(question.concept)
        for model, value in values.items():
            found, ceiling = _agreement(material, tiles, value, cover[i])
            rows.append((question.text, _named(question), model, *map(number, found), ceiling))
            named = zip(("squares", "tiles", "squares with any"), found, strict=True)
            numbers[f"{question.text}, {model}"] = {name: estimate.value for name, estimate in named}
    return rows, numbers


def _named(question: Question) -> str:
    return " + ".join(question.cover) or question.concept.replace("_", " ")


def cover_of(material: Material, tiles: Tiles, question: Question) -> Floats:
    """What the map should follow: the share of classes of land cover, else the probability of the concept."""
    known = material.land_cover
    if known is None or not question.cover:
        return tiles.probability(question.concept)
    shares = [column(known, tiles.shards.keys, name) for name in question.cover]
    return np.asarray(np.minimum(np.sum(shares, axis=0), 1.0))


def _agreement(material: Material, tiles: Tiles, scores: Floats, cover: Floats) -> tuple[list[Estimate], str]:
    """Rank correlation in squares, of tiles, and in squares that have any of it; the ceilings of the first two."""
    square, wide = tiles.squares(SQUARE_M), tiles.squares(2 * SQUARE_M)
    # too little to change any order but that of ties: what a map without ties could reach at best
    noise = np.random.default_rng(material.options.seed).random(len(tiles)) * 1e-9
    shares = means(cover, square)
    # [4, squares]; a square of 4.8 km holds whole ones of 2.4 km, so the mean of its number is that number
    squares = np.stack([means(scores, square), shares, np.round(means(wide, square)), means(noise, square)])
    some = squares[:, shares > 0] if shares.any() else squares
    found, ceilings = [], []
    for a, b, group, luck in (squares, (scores, cover, wide, noise), some):
        groups = np.unique(group, return_inverse=True)[1].ravel()
        counts = metrics.group_counts(int(groups.max()) + 1, draws=material.options.draws, seed=material.options.seed)
        found.append(Estimate.of(metrics.linear_bootstrap([metrics.spearman(a, b)], [groups], counts)))
        ceilings.append(metrics.spearman(b + luck, b).value)
    return found, " / ".join(f"{c:.2f}" for c in ceilings[:2])
