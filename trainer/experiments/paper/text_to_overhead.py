"""Text to overhead: the four tiles of a thousand that a text finds.

A tile is right if one sees the thing there with a probability of ½ or more, whenever it is likeliest. Texts whose thing
is to be seen in fewer than four of the tiles are left out, for then four cannot be right.
"""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from trainer.errors import UsageError
from trainer.experiments.drawing import Strip, decode, draw_strips
from trainer.experiments.finding import Beside, ExperimentResult, Picture, Table
from trainer.experiments.material import Material
from trainer.experiments.questions import Question
from trainer.experiments.tiles import Tiles
from trainer.measures import metrics
from trainer.measures.evaluate import TEACHER
from trainer.measures.maps import POSITIVE
from trainer.measures.metrics import Estimate, Floats, Ints
from trainer.measures.report import number

K, OF = 4, 1000
_SHOWN = 10


def run(material: Material, folder: Path) -> ExperimentResult:
    """See the module."""
    tiles = material.tiles()
    rows = np.arange(len(tiles))
    if len(rows) > OF:
        rows = np.sort(np.random.default_rng(material.options.seed).choice(rows, OF, replace=False))
    seen = {q: (tiles.probability(q.concept) >= POSITIVE)[rows] for q in material.questions.texts}
    asked = [question for question, places in seen.items() if places.sum() >= K]
    if not asked:
        raise UsageError(f"data {material.data}: no text of `texts` has {K} places among {len(rows)} tiles")
    places = np.stack([seen[question] for question in asked], axis=1)  # [1000, texts]
    texts = tiles.texts([question.text for question in asked])
    ways = {material.name: tiles.scores(texts)[rows], TEACHER: tiles.scores(texts, clip=True)[rows]}
    best = {name: np.argsort(-scores, axis=0, kind="stable")[:K] for name, scores in ways.items()}
    right = {name: np.take_along_axis(places, top, axis=0).mean(axis=0) for name, top in best.items()}
    table, numbers = [], {}
    for name, share in right.items():
        mean = _estimate(material, share)
        one = _estimate(material, (share > 0).astype(float))
        table.append((name, number(mean), number(one)))
        numbers[name] = {"right of 4": mean.value, "at least one right": one.value}
    chance = float(places.mean())
    # four tiles drawn one by one: each misses with probability 1 − share
    table.append(("by chance", f"{chance:.3f}", f"{1 - np.mean((1 - places.mean(axis=0)) ** K):.3f}"))
    cells = [
        (q.text, str(int(places[:, i].sum())), *(f"{right[name][i] * K:.0f}" for name in right))
        for i, q in enumerate(asked)
    ]
    ours = numbers[material.name]["right of 4"]
    return ExperimentResult(
        title="Text to overhead: the four best tiles of a thousand",
        paper="Supplement: text to overhead retrieval",
        outcome=(
            f"Of the four best tiles {ours:.3f} are right, CLIP's {numbers[TEACHER]['right of 4']:.3f}, by chance "
            f"{chance:.3f}. Left out for want of places: {len(seen) - len(asked)} texts."
        ),
        says=(
            f"{len(asked)} texts, each among the same {len(rows):,} tiles, without a moment, S = O. In brackets: "
            "bootstrap interval of 95 %, over texts.",
            f"Tiles: {material.questions.about or tiles.shards.where}",
        ),
        tables=(
            Table(
                "text_to_overhead", "Right tiles among the best four", ("model", "share", "at least one"), tuple(table)
            ),
            Table("text_to_overhead_by_text", "Right tiles of four, by text", ("text", "places", *right), tuple(cells)),
        ),
        pictures=(_picture(tiles, rows, asked, best[material.name], places, folder / "text_to_overhead.png"),),
        beside=(Beside("the four best of 1,000", "pictures only", f"{ours:.3f} of them right"),),
        numbers=numbers | {"by chance": chance, "texts": len(asked)},
    )


def _estimate(material: Material, values: Floats) -> Estimate:
    options = material.options
    return Estimate.of(metrics.bootstrap(metrics.mean(values), len(values), draws=options.draws, seed=options.seed))


def _picture(
    tiles: Tiles, rows: Ints, asked: list[Question], best: Ints, places: npt.NDArray[np.bool_], path: Path
) -> Picture:
    """The four best tiles of texts evenly over the list."""
    strips = []
    for i in np.unique(np.linspace(0, len(asked) - 1, _SHOWN).astype(int)).tolist():
        images = [decode(tiles.shards.picture(int(rows[j]), "overhead")) for j in best[:, i]]
        strips.append(Strip(asked[i].text, images, [bool(places[j, i]) for j in best[:, i]]))
    caption = "The four best tiles for each text. Green: right. Texts are taken evenly from the list, not chosen."
    return draw_strips(path, strips, caption, columns=2)
