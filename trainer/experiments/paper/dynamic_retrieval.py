"""Dynamic retrieval: the nine photos most like a place at 08:00 and at 23:00.

A photo fits the hour if its camera's clock was within three hours of the one asked about, and fits the light if the sun
was up for it as it is at the place then, or down for both (6° below the horizon).
"""

from datetime import datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt

from trainer.captioning.daytime import part_of_day
from trainer.errors import UsageError
from trainer.experiments.drawing import Strip, decode, draw_strips
from trainer.experiments.finding import Beside, ExperimentResult, Picture, Table
from trainer.experiments.material import GalleryPairs, Material
from trainer.experiments.paper.figure_3 import K, nearest
from trainer.measures import metrics
from trainer.measures.embedding import Moments
from trainer.measures.evaluate import TEACHER
from trainer.measures.metrics import Estimate, Floats, Ints, Vectors
from trainer.measures.report import number

HOURS = 3.0
_ASKED, _SHOWN = 2000, 3
_NO_INTERVAL = (float("nan"), float("nan"))


def run(material: Material, folder: Path) -> ExperimentResult:
    """See the module."""
    pairs, moments = material.pairs, material.questions.hours
    if not material.embedder.has_encoder:
        raise UsageError(f"model {material.name} knows no time: this experiment needs one that does")
    first = np.unique(pairs.gallery.place, return_index=True)[1]  # one pair a place
    draw = np.random.default_rng(material.options.seed)
    asked = np.sort(draw.permutation(first)[:_ASKED])
    rows: list[tuple[str, ...]] = []
    numbers: dict[str, dict[str, float]] = {}
    shown: dict[datetime, Ints] = {}
    for when in moments:
        found, shown[when] = _measure(material, asked, when)
        for (model, given), (share, light) in found.items():
            rows.append((f"{when:%H:%M}", model, given, _say(share), _say(light)))
            name = f"{when:%H:%M}, {model}, {given}".rstrip(", ")
            numbers[name] = {"hour": share.value, "light": light.value}
    timed = [numbers[f"{when:%H:%M}, {material.name}, tile + place + time"] for when in moments]
    told = "; ".join(
        f"{when:%H:%M}: hour {share['hour']:.3f}, light {share['light']:.3f}"
        for when, share in zip(moments, timed, strict=True)
    )
    return ExperimentResult(
        title="The nine photos at " + " and ".join(f"{when:%H:%M}" for when in moments),
        paper="Supplement: dynamic retrieval",
        outcome=f"Photos that fit what was asked – {told}.",
        says=(
            f"For {len(asked):,} places the {K} photos of {len(pairs):,} with the highest cosine to S, as the model "
            "compares photos, at each "
            f"moment. A photo fits if its clock was within {HOURS:g} hours; it fits the light "
            "if it was night for both or for neither. In brackets: bootstrap interval of 95 %.",
            f"Pairs: {material.questions.about or pairs.shards.where}",
        ),
        tables=(
            Table(
                "hours",
                f"Share of the {K} photos that fit the hour, and the light",
                ("asked", "model", "given", "hour", "light"),
                tuple(rows),
                texts=3,
            ),
        ),
        pictures=(_picture(material, folder / "hours.png", asked, shown),),
        beside=(Beside("top nine at 23:00 and 08:00", "pictures only", told),),
        numbers=numbers,
    )


def _measure(
    material: Material, asked: Ints, when: datetime
) -> tuple[dict[tuple[str, str], tuple[Estimate, Estimate]], Ints]:
    """Model and given → share of photos that fit the hour and the light; and the nine with time, [asked, 9]."""
    pairs = material.pairs
    lat, lon = pairs.gallery.lat, pairs.gallery.lon
    dark = _dark(lat, lon, pairs.gallery.when)
    now = _dark(lat[asked], lon[asked], np.full(len(asked), np.datetime64(when, "s")))
    fits = _round(hours_of(pairs) - (when.hour + when.minute / 60)) <= HOURS
    ways = {
        (TEACHER, "tile"): pairs.clip[asked],
        (material.name, "tile"): pairs.tiles[asked],
        (material.name, "tile + place + time"): _at(material, asked, when),
    }
    found = {}
    for way, s in ways.items():
        nine = nearest(s, pairs.photos if way[0] == TEACHER else pairs.compared, K)
        # each photo's light at its own place and time against the light at the place asked about, [asked, 9]
        right = (dark[nine] == now[:, None]).mean(axis=1)
        found[way] = (_estimate(material, fits[nine].mean(axis=1)), _estimate(material, right))
    by_chance = (float(fits.mean()), float((dark[None] == now[:, None]).mean()))
    found["by chance", ""] = (Estimate(by_chance[0], *_NO_INTERVAL), Estimate(by_chance[1], *_NO_INTERVAL))
    return found, nine


def _say(share: Estimate) -> str:
    return number(share) if np.isfinite(share.low) else f"{share.value:.3f}"


def hours_of(pairs: GalleryPairs) -> Floats:
    """Hour of each photo by its camera's clock, [n]; NaN where it is not known."""
    when = pairs.gallery.when
    found: Floats = (when - when.astype("datetime64[D]")) / np.timedelta64(1, "h")
    return found


def _dark(lat: Floats, lon: Floats, when: Moments) -> npt.NDArray[np.bool_]:
    """Whether it is night at places and moments, [n]; unknown counts as day."""
    parts = (
        None if moment is None else part_of_day(moment, lat=float(a), lon=float(b))
        for a, b, moment in zip(lat, lon, when.astype("datetime64[s]").tolist(), strict=True)
    )
    return np.array([part == "night" for part in parts])


def _at(material: Material, rows: Ints, when: datetime) -> Vectors:
    pairs = material.pairs
    lat, lon = pairs.gallery.lat[rows], pairs.gallery.lon[rows]
    return material.embedder.at(pairs.tiles[rows], lat=lat, lon=lon, when=when)


def _round(apart: Floats) -> Floats:
    """Hours round the clock; unknown is far away."""
    # 12 h is the farthest on a clock: a photo without a time fits no hour
    far = np.where(np.isnan(apart), 12.0, abs(apart) % 24)
    return np.asarray(np.minimum(far, 24 - far))


def _estimate(material: Material, values: Floats) -> Estimate:
    options = material.options
    return Estimate.of(metrics.bootstrap(metrics.mean(values), len(values), draws=options.draws, seed=options.seed))


def _picture(material: Material, path: Path, asked: Ints, shown: dict[datetime, Ints]) -> Picture:
    """Places drawn by the seed."""
    pairs = material.pairs
    strips = []
    for i in np.random.default_rng(material.options.seed + 1).permutation(len(asked))[:_SHOWN].tolist():
        row = int(asked[i])
        for when, nine in shown.items():
            named = ", ".join(sorted(pairs.subjects[row])).replace("_", " ")
            images = [pairs.picture(row, "overhead"), *(pairs.picture(int(j), "groundlevel") for j in nine[i])]
            strips.append(
                Strip(
                    f"{named} · {when:%d %B, %H:%M}" if named else f"{when:%d %B, %H:%M}",
                    [decode(one) for one in images],
                )
            )
    return draw_strips(
        path, strips, "Tile, and the nine photos most like it at each hour. Places are drawn by the seed."
    )
