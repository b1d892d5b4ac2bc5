"""Table 2: captions of tiles against what people wrote under the photo taken there.

The same captioner says what CLIP makes of the tile, what the model expects there without a moment, and what it expects
at the moment of the photo; the nearest phrase of a bank does the same. CLIP's vectors are brought to the mean length of
the model's, which the captioner knows. Likeness: see `experiments.likeness`.
"""

from pathlib import Path

import numpy as np

from trainer.errors import UsageError
from trainer.experiments.drawing import panels, save
from trainer.experiments.finding import Beside, ExperimentResult, Picture, Table
from trainer.experiments.likeness import Likeness, compare
from trainer.experiments.material import Material
from trainer.experiments.published import TABLE_2
from trainer.measures import metrics
from trainer.measures.embedding import ALONE, MOMENT
from trainer.measures.evaluate import TEACHER
from trainer.measures.metrics import Estimate, Floats, Ints, Vectors
from trainer.measures.report import number

MOST = 1000  # pairs
TARGET = 0.15
_NAMES = {TEACHER: "CLIP", ALONE: "without E", MOMENT: "with E"}


def run(material: Material, folder: Path) -> ExperimentResult:
    """See the module."""
    rows = chosen(material, MOST)
    references = [material.pairs.captions[int(row)] for row in rows]
    likeness, place = Likeness(), material.pairs.gallery.place[rows]
    cells, numbers, bars = [], {}, {}
    for sayer in material.sayers:
        for given, s in given_vectors(material, rows).items():
            said = sayer.say(s, given == MOMENT)
            found = [_estimate(material, values, place) for values in compare(likeness, said, references)]
            cells.append((sayer.name, _NAMES.get(given, given), *(number(one) for one in found)))
            numbers[f"{sayer.name}, {_NAMES.get(given, given)}"] = {
                "MiniLM": found[0].value,
                "BERTScore": found[1].value,
            }
            bars[sayer.name, _NAMES.get(given, given)] = found[0]
    best = material.sayers[0].name
    levels = {
        name: numbers[f"{best}, {name}"]["MiniLM"]
        for name in ("CLIP", "without E", "with E")
        if f"{best}, {name}" in numbers
    }
    told = ", ".join(f"{name} {value:.3f}" for name, value in levels.items())
    gain = levels.get("with E", levels["without E"]) - levels["CLIP"]
    return ExperimentResult(
        title="Captions of tiles against captions of the photo taken there",
        paper="Table 2",
        outcome=f"By the {best}: {told}; {gain:+.3f} over CLIP (target of this project {TARGET:+.2f}).",
        says=(
            f"{len(rows):,} tiles, each caption against those of the photo taken there, the mean of them; MiniLM: "
            "cosine of sentences, BERTScore: greedy matching of MiniLM's tokens. In brackets: bootstrap interval of "
            "95 %, over places.",
            "The paper's captions became worse with E than without. Its measures are of larger models (MPNet, E5, "
            "BERTScore), so differences compare and levels do not.",
            f"Pairs: {material.questions.about or material.pairs.shards.where}",
        ),
        tables=(
            Table(
                "captions",
                "Likeness to the photo's captions",
                ("by", "given", "MiniLM", "BERTScore"),
                tuple(cells),
                texts=2,
            ),
        ),
        pictures=(_picture(bars, folder / "captions.png"),),
        beside=tuple(
            Beside(
                f"{name}: MPNet / E5 / BERTScore; here MiniLM / BERTScore",
                " / ".join(f"{x:.4f}" for x in theirs),
                " / ".join(f"{x:.4f}" for x in numbers[f"{best}, {name}"].values()),
            )
            for name, theirs in TABLE_2.items()
            if f"{best}, {name}" in numbers
        ),
        numbers=numbers,
    )


def chosen(material: Material, most: int) -> Ints:
    """Rows of pairs with captions and a moment, one a place, drawn by the seed.

    Raises:
        UsageError: There are none.
    """
    pairs = material.pairs
    # shuffled first, so that the one pair of a place that `unique` finds is a random one
    order = np.random.default_rng(material.options.seed).permutation(len(pairs))
    first = order[np.unique(pairs.gallery.place[order], return_index=True)[1]]
    sound = [int(row) for row in np.sort(first) if pairs.captions[row] and not np.isnat(pairs.gallery.when[row])]
    if not sound:
        raise UsageError(f"shards {pairs.shards.where}: no pair has captions and a moment")
    rows: Ints = np.sort(np.random.default_rng(material.options.seed).permutation(np.array(sound))[:most])
    return rows


def given_vectors(material: Material, rows: Ints) -> dict[str, Vectors]:
    """What is put into words: CLIP of the tile, S without and, if the model knows time, with a moment; [n, d] each."""
    pairs = material.pairs
    alone = pairs.tiles[rows]
    # a captioner learnt from S, unnormalised: CLIP's unit vectors would be much shorter than anything it knows
    length = np.linalg.norm(alone, axis=1).mean()
    found: dict[str, Vectors] = {TEACHER: metrics.unit(pairs.clip[rows]) * np.float32(length), ALONE: alone}
    if MOMENT in pairs.expected:
        found[MOMENT] = pairs.expected[MOMENT][rows]
    return found


def _estimate(material: Material, values: Floats, groups: Ints) -> Estimate:
    options = material.options
    return Estimate.of(
        metrics.bootstrap(metrics.mean(values), len(values), groups=groups, draws=options.draws, seed=options.seed)
    )


def _picture(bars: dict[tuple[str, str], Estimate], path: Path) -> Picture:
    figure, (axis,) = panels(1, width=6.5, height=3.4)
    by = list(dict.fromkeys(name for name, _ in bars))
    colours = {"CLIP": "#777777", "without E": "#56b4e9", "with E": "#0072b2"}
    for i, (given, colour) in enumerate(colours.items()):
        found = [bars[name, given] for name in by if (name, given) in bars]
        at = np.arange(len(found)) + (i - 1) * 0.26
        ends = [[e.value - e.low for e in found], [e.high - e.value for e in found]]
        axis.bar(at, [e.value for e in found], 0.24, yerr=ends, capsize=2, color=colour, label=given)
    axis.set_xticks(range(len(by)), by)
    axis.set_ylabel("MiniLM cosine to the photo's captions")
    axis.legend(fontsize=8, frameon=False)
    return save(figure, path, "Likeness of captions to those of the photo taken there")
