"""Localising a text in 24 km²: does the strongest tile lie where the thing is?

Laid down before anything was measured:

    area         a square of 24 km² of the country, with 80 tiles or more
    right place  the tiles in which the thing is seen with a probability of ½ or more, whenever it is likeliest
    localisable  the right place is 1 to 5 tiles, none of them more than 2 km from another
    found        the middle of the strongest tile is within 1 km of the middle of one of them

A text is asked without a moment, S = O, and again at the moment of the truth at which the thing is likeliest there. The
strongest tile is that of the highest cosine. Beside it stands the share of the text among all texts of the questions,
softmax(cosine ÷ 0.1): is this the text that fits the tile best? That and the temperature were chosen on other blocks of
the sandbox planet than those measured. As in the paper, pictures show cosines scaled to 0..1 over the area, those below
0.5 cut off.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from trainer.errors import UsageError
from trainer.experiments.drawing import layout, mosaic, panels, save
from trainer.experiments.finding import Beside, ExperimentResult, Picture, Table
from trainer.experiments.material import Material
from trainer.experiments.questions import Question
from trainer.experiments.tiles import Tiles
from trainer.measures import metrics
from trainer.measures.evaluate import TEACHER
from trainer.measures.maps import POSITIVE
from trainer.measures.metrics import Estimate, Floats, Ints
from trainer.measures.report import number

if TYPE_CHECKING:
    from matplotlib.axes import Axes

AREA_M2, FEWEST, MOST_TILES, SPREAD_M, NEAR_M = 24e6, 80, 5, 2000.0, 1000.0
TARGET = 0.8
TEMPERATURE = 0.1
CUT = 0.5
_SHOWN = 6


@dataclass(frozen=True)
class LocalisableText:
    """One localisable text in one area.

    Attributes:
        question: The text and the concept that is true of it.
        column: Its number among the questions: the column of the scores.
        tiles: Rows of the area's tiles.
        right: Rows of the right place.
    """

    question: Question
    column: int
    tiles: Ints
    right: Ints


def run(material: Material, folder: Path) -> ExperimentResult:
    """See the module."""
    tiles, asked = material.tiles(), material.questions.texts
    searches = localisable(tiles, asked)
    if not searches:
        raise UsageError(f"data {material.data}: no text of `texts` is localisable in an area of 24 km² of its tiles")
    texts = tiles.texts([question.text for question in asked])
    ways = {(material.name, "tile"): tiles.scores(texts), (TEACHER, "tile"): tiles.scores(texts, clip=True)}
    if material.embedder.has_encoder:
        ways[material.name, "tile + place + time"] = _at_best(material, tiles, asked)
    for name in (material.name, TEACHER):
        ways[name, "tile, among the texts"] = among(ways[name, "tile"])
    away = {way: _distances(tiles, searches, scores) for way, scores in ways.items()}
    rows, numbers = [], {}
    for (model, given), metres in away.items():
        share = _share(material, metres, searches)
        rows.append((model, given, number(share), f"{np.median(metres):.0f} m"))
        numbers[f"{model}, {given}"] = {"within 1 km": share.value, "median m": float(np.median(metres))}
    # a tile drawn blindly counts as found if it lies near enough, as share of the area
    chance = float(np.mean([_near(tiles, search).mean() for search in searches]))
    rows.append(("by chance", "", f"{chance:.3f}", ""))
    ours = numbers[f"{material.name}, tile"]["within 1 km"]
    contrast = numbers[f"{material.name}, tile, among the texts"]["within 1 km"]
    areas = len({int(search.tiles[0]) for search in searches})
    return ExperimentResult(
        title="Localising a text in 24 km²",
        paper="Supplement: localisation",
        outcome=(
            f"Found by the highest cosine: {ours:.3f} of them; by the share among the texts {contrast:.3f}; by chance "
            f"{chance:.3f}. The target of this project is {TARGET:g}."
        ),
        says=(
            f"{len(searches)} localisable texts in {areas} areas of {AREA_M2 / 1e6:g} km² (about 104 tiles): the thing "
            f"is to be seen in 1 to {MOST_TILES} tiles, all in one place. Found: the strongest tile is within "
            f"{NEAR_M / 1000:g} km. In brackets: bootstrap interval of 95 %, over areas.",
            f"Tiles: {material.questions.about or tiles.shards.where}",
        ),
        tables=(
            Table(
                "localisation",
                "Strongest tile within 1 km of the right place",
                ("model", "given", "found", "median distance"),
                tuple(rows),
                texts=2,
            ),
            _by_concept(searches, away[material.name, "tile"]),
        ),
        pictures=(_picture(tiles, searches, ways[material.name, "tile"], folder / "localisation.png"),),
        beside=(Beside("localising in 24 km²", "pictures only", f"{ours:.3f} within 1 km"),),
        numbers=numbers | {"searches": len(searches), "areas": areas, "by chance": chance},
    )


def localisable(tiles: Tiles, asked: Sequence[Question]) -> list[LocalisableText]:
    """Every localisable text in every area; see the module."""
    square = tiles.squares(AREA_M2**0.5)
    areas = [np.flatnonzero(square == n) for n in np.flatnonzero(np.bincount(square) >= FEWEST)]
    found = []
    for column, question in enumerate(asked):
        seen = tiles.probability(question.concept) >= POSITIVE
        for area in areas:
            right = area[seen[area]]
            if 1 <= len(right) <= MOST_TILES and _apart(tiles, right, right).max() <= SPREAD_M:
                found.append(LocalisableText(question, column, area, right))
    return found


def among(scores: Floats) -> Floats:
    """The share of each text among all of them at each tile, [n, texts]: softmax of the cosines."""
    # less the highest, so that nothing overflows; the share stays the same
    raised = np.exp((scores - scores.max(axis=1, keepdims=True)) / TEMPERATURE)
    return np.asarray(raised / raised.sum(axis=1, keepdims=True))


def scaled(values: Floats) -> Floats:
    """Scores scaled to 0..1; NaN below the cut."""
    low, high = float(values.min()), float(values.max())
    share = (values - low) / max(high - low, 1e-12)
    return np.where(share >= CUT, share, np.nan)


def _apart(tiles: Tiles, a: Ints, b: Ints) -> Floats:
    """Distances between tiles of one area, metres, [a, b]."""
    found: Floats = np.linalg.norm(tiles.position_m[a][:, None] - tiles.position_m[b], axis=-1)
    return found


def _near(tiles: Tiles, search: LocalisableText) -> Floats:
    """Whether each tile of the area would count as found."""
    return np.asarray(_apart(tiles, search.tiles, search.right).min(axis=1) <= NEAR_M, np.float64)


def _distances(tiles: Tiles, searches: Sequence[LocalisableText], scores: Floats) -> Floats:
    """From the strongest tile to the right place, metres, [searches]."""
    strongest = [search.tiles[np.argmax(scores[search.tiles, search.column])] for search in searches]
    pairs = zip(strongest, searches, strict=True)
    return np.array([_apart(tiles, np.array([one]), search.right).min() for one, search in pairs])


def _at_best(material: Material, tiles: Tiles, asked: Sequence[Question]) -> Floats:
    """Scores of each text at the moment of the truth at which its thing is likeliest in each area, [n, texts]."""
    truth = tiles.truth
    moments = np.unique(truth.when[~np.isnat(truth.when)])
    if not len(moments):
        raise UsageError(f"truth of {material.data} has no moments: add rows with `when`")
    texts, square = tiles.texts([question.text for question in asked]), tiles.squares(AREA_M2**0.5)
    found = np.full((len(tiles), len(asked)), np.nan)
    best = np.full((int(square.max()) + 1, len(asked)), -1.0)
    for moment in moments.astype("datetime64[s]").tolist():
        # one moment at a time, keeping the likeliest of each area: all at once would be n × texts × moments
        scores = tiles.scores(texts, moment)
        for i, question in enumerate(asked):
            most = np.zeros(len(best))
            np.maximum.at(most, square, tiles.probability(question.concept, moment))
            # of an area all tiles are scored at one moment, or its strongest tile would compare moments, not places
            better = (most > best[:, i])[square]
            found[better, i] = scores[better, i]
            best[:, i] = np.maximum(best[:, i], most)
    return found


def _share(material: Material, metres: Floats, searches: Sequence[LocalisableText]) -> Estimate:
    hit = (metres <= NEAR_M).astype(np.float64)
    # by area: texts of one area share its tiles, and are drawn together
    groups = np.array([int(search.tiles[0]) for search in searches])
    options = material.options
    drawn = metrics.bootstrap(metrics.mean(hit), len(hit), groups=groups, draws=options.draws, seed=options.seed)
    return Estimate.of(drawn)


def _by_concept(searches: Sequence[LocalisableText], metres: Floats) -> Table:
    names = [search.question.text for search in searches]
    rows = []
    for name in sorted(set(names)):
        mine = np.array([n == name for n in names])
        found = int((metres[mine] <= NEAR_M).sum())
        rows.append((name, str(int(mine.sum())), str(found), f"{np.median(metres[mine]):.0f} m"))
    return Table("localisation_by_text", "By text", ("text", "areas", "found", "median distance"), tuple(rows))


def _picture(tiles: Tiles, searches: Sequence[LocalisableText], scores: Floats, path: Path) -> Picture:
    """Areas from above with their scores: texts evenly over the list, none twice."""
    shown: list[LocalisableText] = []
    for i in np.linspace(0, len(searches) - 1, 4 * _SHOWN).astype(int).tolist():
        if searches[i].question not in [one.question for one in shown]:
            shown.append(searches[i])
    shown = shown[:: max(1, len(shown) // _SHOWN)][:_SHOWN]
    figure, axes = panels(len(shown), width=2.6 * len(shown), height=5.6, rows=2)
    for i, search in enumerate(shown):
        _draw(axes[i], axes[len(shown) + i], tiles, search, scores)
    caption = (
        f"Scores scaled to 0..1 over the area, below {CUT:g} cut off, and the area from above. Circle: the right "
        "place; cross: the strongest tile. Texts are taken evenly from the list, not chosen."
    )
    return save(figure, path, caption)


def _draw(above: "Axes", below: "Axes", tiles: Tiles, search: LocalisableText, scores: Floats) -> None:
    canvas = layout(tiles, search.tiles)
    values = np.full(len(tiles), np.nan)
    values[search.tiles] = scaled(scores[search.tiles, search.column])
    strongest = search.tiles[np.argmax(scores[search.tiles, search.column])]
    above.imshow(np.where(canvas >= 0, 0.92, 1.0), cmap="gray", vmin=0, vmax=1)
    above.imshow(np.where(canvas >= 0, values[canvas], np.nan), cmap="viridis", vmin=CUT, vmax=1)
    px = 32
    below.imshow(mosaic(tiles, search.tiles, tiles.step_m, px))
    for axis, side in ((above, 1), (below, px)):
        for row in search.right:
            _mark(axis, canvas, int(row), side, "o", 8 if side == 1 else 9)
        _mark(axis, canvas, int(strongest), side, "x", 6)
        axis.axis("off")
    above.set_title(search.question.text, fontsize=9)


def _mark(axis: "Axes", canvas: Ints, row: int, side: int, marker: str, size: float) -> None:
    y, x = (np.argwhere(canvas == row)[0] + 0.5) * side - 0.5
    axis.plot(x, y, marker, markersize=size, markerfacecolor="none", markeredgecolor="#d55e00", markeredgewidth=1.6)
