"""Fig. 6: captions of tiles, ours and CLIP's, beside the photo taken there and what people wrote under it."""

import textwrap
from pathlib import Path

from trainer.experiments.drawing import decode, panels, save
from trainer.experiments.finding import ExperimentResult, Picture, Table
from trainer.experiments.likeness import Likeness, compare
from trainer.experiments.material import Material
from trainer.experiments.paper.table_2 import chosen, given_vectors
from trainer.measures.embedding import ALONE, MOMENT
from trainer.measures.evaluate import TEACHER
from trainer.measures.metrics import Ints

_SHOWN = 8


def run(material: Material, folder: Path) -> ExperimentResult:
    """See the module."""
    pairs, sayer = material.pairs, material.sayers[0]
    rows = chosen(material, _SHOWN)
    best = MOMENT if MOMENT in pairs.expected else ALONE
    vectors = given_vectors(material, rows)
    ours, clip = sayer.say(vectors[best], best == MOMENT), sayer.say(vectors[TEACHER], False)
    references = [pairs.captions[int(row)] for row in rows]
    # one for both: the references are embedded once
    likeness = Likeness()
    mine, theirs = compare(likeness, ours, references)[0], compare(likeness, clip, references)[0]
    nearer = int((mine > theirs).sum())
    written = [several[0] for several in references]
    table = tuple(
        (_moment(material, int(row)), person, own, other, f"{a:.2f}", f"{b:.2f}")
        for row, person, own, other, a, b in zip(rows, written, ours, clip, mine, theirs, strict=True)
    )
    return ExperimentResult(
        title="Captions of tiles",
        paper="Fig. 6",
        outcome=(
            f"Ours is more like what people wrote than CLIP's at {nearer} of these {len(rows)} places; table-2 has "
            "the measure."
        ),
        says=(
            f"Captions by the {sayer.name}, at the moment of the photo taken there, of {len(rows)} places drawn by the "
            "seed.",
            f"Pairs: {material.questions.about or pairs.shards.where}",
        ),
        tables=(
            Table(
                "captions_shown", "Captions", ("moment", "a person", "ours", TEACHER, "ours", TEACHER), table, texts=4
            ),
        ),
        pictures=(_picture(material, rows, written, ours, clip, folder / "captions_shown.png"),),
        numbers={"captions": [{"person": p, "ours": o, "clip": c} for _, p, o, c, *_ in table]},
    )


def _moment(material: Material, row: int) -> str:
    when = material.pairs.gallery.when[row].astype("datetime64[m]").item()
    return f"{when:%d %b %Y, %H:%M}"


def _picture(
    material: Material, rows: Ints, written: list[str], ours: list[str], clip: list[str], path: Path
) -> Picture:
    """Tile, photo and captions, two places a line."""
    figure, axes = panels(6, width=13, height=2.0 * -(-len(rows) // 2), rows=-(-len(rows) // 2))
    for axis in axes:
        axis.axis("off")
    for i, row in enumerate(rows.tolist()):
        tile, photo, words = axes[3 * i : 3 * i + 3]
        for axis, part in ((tile, "overhead"), (photo, "groundlevel")):
            image = decode(material.pairs.picture(row, "overhead" if part == "overhead" else "groundlevel"), 192)
            if image is not None:
                axis.imshow(image)
        tile.set_title(_moment(material, row), fontsize=8, loc="left")
        lines = (("a person", written[i]), ("ours", ours[i]), (TEACHER, clip[i]))
        told = "\n\n".join(textwrap.fill(f"{who}: {text}", 34) for who, text in lines)
        words.text(0, 1, told, fontsize=8, va="top", transform=words.transAxes, linespacing=1.25)
    return save(figure, path, "Tile, photo taken there, and what a person, our model and CLIP say. Drawn by the seed.")
