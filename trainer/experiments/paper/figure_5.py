"""Fig. 5: maps of a city, CLIP's against ours, for things that one meets in its streets.

Tiles lie closer together than they are wide, for a finer map. A tile is a place of a thing from a probability of ½,
whenever it is likeliest there. Things with fewer than five such tiles in the city are left out.
"""

from pathlib import Path

import numpy as np

from trainer.errors import UsageError
from trainer.experiments.drawing import MapPanel, draw_maps, mosaic, panels, save
from trainer.experiments.finding import Beside, ExperimentResult, Picture, Table
from trainer.experiments.material import Material
from trainer.experiments.tiles import Tiles
from trainer.measures import metrics
from trainer.measures.evaluate import TEACHER
from trainer.measures.maps import FEWEST, POSITIVE
from trainer.measures.metrics import Floats, Ints

_SHOWN = 4


def run(material: Material, folder: Path) -> ExperimentResult:
    """See the module."""
    tiles, questions = material.tiles("city"), material.questions.city
    truth = {question: tiles.probability(question.concept) for question in questions}
    places = {question: int((p >= POSITIVE).sum()) for question, p in truth.items()}
    asked = [question for question, n in places.items() if FEWEST <= n <= len(tiles) - FEWEST]
    if not asked:
        raise UsageError(f"data {material.data}: of no text of `city` has the city {FEWEST} places and {FEWEST} others")
    texts = tiles.texts([question.text for question in asked])
    ours, clip = tiles.scores(texts), tiles.scores(texts, clip=True)
    rows, numbers, maps = [], {}, []
    for i, question in enumerate(asked):
        p = truth[question]
        found = {name: _measures(scores[:, i], p) for name, scores in ((material.name, ours), (TEACHER, clip))}
        cells = [f"{value:.3f}" for pair in zip(*found.values(), strict=True) for value in pair]
        rows.append((question.text, str(places[question]), *cells))
        numbers[question.text] = {name: dict(zip(("auroc", "rho"), m, strict=True)) for name, m in found.items()}
        shown = ((material.name, ours[:, i]), (TEACHER, clip[:, i]))
        true = MapPanel(f"truth: {question.text}", p, 0.0, 1.0)
        maps.append([true, *(MapPanel(f"{name}: {question.text}", values) for name, values in shown)])
    mean = [float(np.mean([numbers[q.text][name]["auroc"] for q in asked])) for name in (material.name, TEACHER)]
    evenly = np.unique(np.linspace(0, len(maps) - 1, _SHOWN).astype(int))
    head = ("text", "places", "AUROC, ours", "CLIP", "rank corr., ours", "CLIP")
    caption = (
        "Truth, our map and CLIP's; scores with colours of their own from their 2nd to their 98th hundredth. Texts are "
        "taken evenly from the list, not chosen."
    )
    return ExperimentResult(
        title="A city: CLIP against ours",
        paper="Fig. 5",
        outcome=f"Mean AUROC {mean[0]:.3f}, CLIP {mean[1]:.3f}.",
        says=(
            f"{len(tiles):,} tiles, {tiles.step_m:.0f} m apart, are scored without a moment, S = O; CLIP sees them as "
            "if they were photos. Truth is the probability to see the thing there whenever it is likeliest.",
            f"Of {len(questions)} texts {len(asked)} have {FEWEST} places or more in this city; the "
            "others are left out.",
            f"City: {material.questions.about or tiles.shards.where}",
        ),
        tables=(Table("city", "Maps of the city against truth", head, tuple(rows)),),
        pictures=(
            _from_above(tiles, folder / "above.png"),
            draw_maps(folder / "city.png", tiles, [maps[i] for i in evenly], caption),
        ),
        beside=(Beside("maps of a city", "seen in pictures only", f"mean AUROC {mean[0]:.3f}, CLIP {mean[1]:.3f}"),),
        numbers=numbers,
    )


def _measures(scores: Floats, p: Floats) -> tuple[float, float]:
    place = (p >= POSITIVE).astype(float)
    return metrics.auroc(scores, place).value, metrics.spearman(scores, p).value


def _from_above(tiles: Tiles, path: Path) -> Picture:
    """What a camera above saw of the city."""
    figure, (axis,) = panels(1, width=5, height=5)
    axis.imshow(mosaic(tiles, _apart(tiles), 2 * tiles.step_m))
    axis.axis("off")
    return save(figure, path, "The city from above, put together from its tiles")


def _apart(tiles: Tiles) -> Ints:
    """Tiles so far apart that they do not overlap, as far as their step tells: every second row and column."""
    east, north = np.round((tiles.position_m - tiles.position_m.min(axis=0)) / tiles.step_m).astype(np.int64).T
    return np.flatnonzero((east % 2 == 0) & (north % 2 == 0))
