"""Dynamic captions: what is said of one place in the morning, in the afternoon, in the evening and at night, in two
seasons; and whether the words name the part of the day and the season that were asked about.

Parts of the day and seasons are found in captions by the words for them (`trainer.captioning.daytime`), and are what
they are at the place by the height of the sun and the month. A caption that names none is counted as silent, not as
wrong.
"""

from datetime import datetime
from pathlib import Path

import numpy as np

from trainer.captioning.daytime import part_of_day, said_parts, said_seasons, season
from trainer.errors import UsageError
from trainer.experiments.drawing import Strip, decode, draw_strips
from trainer.experiments.finding import Beside, ExperimentResult, Picture, Table
from trainer.experiments.material import Material
from trainer.experiments.paper.table_2 import chosen
from trainer.measures.metrics import Ints

MOST, _SHOWN = 100, 4
_HOURS = (8, 14, 19, 23)


def run(material: Material, folder: Path) -> ExperimentResult:
    """See the module."""
    if not material.embedder.has_encoder:
        raise UsageError(f"model {material.name} knows no time: this experiment needs one that does")
    rows, moments = chosen(material, MOST), _moments(material)
    sayer = material.sayers[0]
    said = {when: sayer.say(_at(material, rows, when), True) for when in moments}
    part, year, changes = _agreement(material, rows, said)
    places = range(min(_SHOWN, len(rows)))
    table = tuple((f"{when:%d %B, %H:%M}", *(said[when][i] for i in places)) for when in moments)
    head = ("moment", *(f"place {i + 1}" for i in places))
    return ExperimentResult(
        title="Captions of one place over the day and the year",
        paper="Supplement: dynamic captions",
        outcome=(
            f"The part of the day that is named is right in {part[0]:.3f} of the captions that name one "
            f"({part[1]:.0%} do), the season in {year[0]:.3f} ({year[1]:.0%} do); {changes:.1f} different captions a "
            "place."
        ),
        says=(
            f"{len(rows)} places at {len(moments)} moments each, by the {sayer.name}.",
            f"Places: {material.questions.about or material.pairs.shards.where}",
        ),
        tables=(Table("dynamic_captions", "What is said", head, table, texts=len(head)),),
        pictures=(_picture(material, rows, folder / "places.png"),),
        beside=(Beside("dynamic captions", "examples", f"part of the day right {part[0]:.3f}, season {year[0]:.3f}"),),
        numbers={
            "part of the day right": part[0],
            "names a part of the day": part[1],
            "season right": year[0],
            "names a season": year[1],
            "different captions a place": changes,
        },
    )


def _moments(material: Material) -> list[datetime]:
    return [day.replace(hour=hour, minute=0) for day in material.questions.season_moments for hour in _HOURS]


def _at(material: Material, rows: Ints, when: datetime) -> np.ndarray:
    gallery, tiles = material.pairs.gallery, material.pairs.tiles[rows]
    return material.embedder.at(tiles, lat=gallery.lat[rows], lon=gallery.lon[rows], when=when)


def _agreement(
    material: Material, rows: Ints, said: dict[datetime, list[str]]
) -> tuple[tuple[float, float], tuple[float, float], float]:
    """Right and named, of parts of the day and of seasons; different captions a place."""
    gallery = material.pairs.gallery
    parts, seasons = [], []
    for when, captions in said.items():
        for row, caption in zip(rows.tolist(), captions, strict=True):
            lat, lon = float(gallery.lat[row]), float(gallery.lon[row])
            light, year = part_of_day(when, lat=lat, lon=lon), season(when, lat=lat)
            if light is not None:
                # noon is no part of the day here: it names neither morning nor afternoon
                parts.append(_right(said_parts(caption) - {"noon"}, light))
            if year is not None:  # between the tropics there is none
                seasons.append(_right(said_seasons(caption), year))
    different = np.mean([len({captions[i] for captions in said.values()}) for i in range(len(rows))])
    return _share(parts), _share(seasons), float(different)


def _right(named: frozenset[str], true: str) -> float:
    """1 right, 0 wrong, NaN silent."""
    return float(true in named) if named else float("nan")


def _share(values: list[float]) -> tuple[float, float]:
    """Of those that name one the share that is right, and how many name one."""
    if not values:
        return float("nan"), float("nan")
    known = np.isfinite(values)
    return float(np.mean(np.array(values)[known])) if known.any() else float("nan"), float(known.mean())


def _picture(material: Material, rows: Ints, path: Path) -> Picture:
    strips = []
    for i, row in enumerate(rows[:_SHOWN].tolist()):
        images = [decode(material.pairs.picture(row, "overhead")), decode(material.pairs.picture(row, "groundlevel"))]
        strips.append(Strip(f"place {i + 1}", images))
    caption = "The places of the table: tile, and a photo taken there"
    return draw_strips(path, strips, caption, columns=_SHOWN)
