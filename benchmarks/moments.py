"""Does the moment see the tile? Searches and calendars of the demonstration's island at 144 moments, against its truth.

    python -m benchmarks.moments [--model FOLDER] [--before FOLDER] [--panels FOLDER] [--forms] [--photos N]
                                [--work DIR] [--json]

Judged on `TILES` tiles of the island (the nine truest of every concept, and others at random) at the even hours of
each month, where the truth is that of a whole week, for a month has no weekday. Columns:

    others      who knows only when the other concepts are to be seen: the mean of their true calendars
    before      another model, with --before
    additive    the best that S = O + e(t) can do: this model's O, e fitted to --panels (`groundcast sandbox panels`)
    diagonal, untied, full      with --forms: other ways for the moment to meet the tile, fitted likewise
    model       the bundled model, or --model
    plain       the same, with photos compared as they are (`trainer.photo_projection`)
    teacher     the ceiling: the mean of its vectors of N photos of each tile at each moment, with --photos
    eyes        the ceiling of all teachers: the share of photos that show the thing. Where fewer things compete more
                photos show what is left (the lighthouse at night), which is not what a person sees who looks around
    no ties     the highest that a score without equal values can reach: the truth has many

and rows:

    ROC         the island's best tile: moments with the thing (truth of some tile at least .5) against moments without
                (.05 at most); the mean over the concepts that have both
    said dead   how often a thing is said to be there when it is not, where it is said at .90 of the moments with it
    all, months, hours      rank correlation of calendars (mean of nine tiles) with the truth
    best        truth at the calendar's best moment ÷ highest
    swap        of two photos of a tile at moments a quarter of a day or of a year apart, is the right one chosen?
    R@10        of 24 photos of each tile in one gallery, by tile and moment, and back

Intervals are of 95 %, concepts (or tiles) drawn again. None of the island's tiles is in the panels. `--work` keeps what
was drawn and embedded, so that the same command goes on where it stopped: the gallery takes two minutes on two cores,
each of N photos five.
"""

import argparse
import json
import os
import tempfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata, spearmanr

from ingest.geo.grid import Grid, Tile
from ingest.sandbox import ground, overhead
from ingest.sandbox.concepts import CONCEPTS, NAMES, index
from ingest.sandbox.moment import activity
from ingest.sandbox.pairs import PHOTO_PX, SIZE_PX, TILE_SIZE_M, centres
from ingest.sandbox.panels import SHOWN
from ingest.sandbox.photographs import Photographs, scenes
from ingest.sandbox.scene import subjects
from ingest.sandbox.source import planet
from ingest.sandbox.truth import truth
from trainer.bundled import add_bundled
from trainer.embedder import Embedder
from trainer.encoder import Interaction
from trainer.encoding import MonthHour, encode
from trainer.measures import metrics
from trainer.measures.time_swap import moments_apart, time_swap
from trainer.neutral_prompts import BANK
from trainer.training.moments import Ridge, Seen, fit
from trainer.training.panels import panels_of
from trainer.training.refit import neutral

Array = npt.NDArray[Any]

YEAR, HOURS = 2025, tuple(range(0, 24, 2))
WHENS = tuple(MonthHour.of(YEAR, month, hour) for month in range(1, 13) for hour in HOURS)
PRESENT, ABSENT = 0.5, 0.05
TOP, OTHERS = 9, 60
LEVEL, HARDLY = 0.02, 0.3  # least standard deviation and least highest value of a true calendar that counts
SAID = 0.90
RANK = 64
MEASURES = ("ROC", "said dead", "all", "months", "hours", "best", "swap", "R@10", "R@10 back")
GALLERY_MOMENTS, GALLERY = 24, 10_000
EYES = 14  # photos


@dataclass(frozen=True)
class Island:
    """The tiles judged on, [n], and their truth, float32 [moments, n, concepts]."""

    tiles: list[Tile]
    lat: Array
    lon: Array
    truth: Array


def island() -> Island:
    """The tiles and what is true there, a week's mean at every moment."""
    world = planet()
    tiles = list(Grid(size_m=TILE_SIZE_M, stride_m=TILE_SIZE_M).tiles(world.outline_of(world.island(SHOWN))))
    lat, lon = centres(tiles)
    land = world.is_land(lat=lat, lon=lon)
    ever = np.where(land[:, None], truth(world, lat=lat, lon=lon), 0)
    chosen = {int(i) for column in ever.T for i in np.argsort(-column)[:TOP] if column[i] >= PRESENT}
    chosen |= set(np.random.default_rng(0).choice(np.flatnonzero(land), OTHERS, replace=False).tolist())
    rows = sorted(chosen)
    return Island([tiles[i] for i in rows], lat[rows], lon[rows], weekly(lat[rows], lon[rows]))


def weekly(lat: Array, lon: Array, whens: tuple[datetime, ...] = WHENS) -> Array:
    """Truth at moments, the mean over the seven weekdays, float32 [moments, n, concepts]."""
    week = np.arange(7) * np.timedelta64(1, "D") - np.timedelta64(3, "D")
    # `truth` at a moment, with what does not depend on it looked up once
    presence, elevation_m = planet().presence(lat=lat, lon=lon), planet().elevation_m(lat=lat, lon=lon)
    found = np.zeros((len(whens), len(lat), len(CONCEPTS)), np.float32)
    for at, when in enumerate(whens):
        for day in np.datetime64(when, "s") + week:
            moment = np.full(len(lat), day)
            found[at] += presence * activity(lat=lat, lon=lon, elevation_m=elevation_m, when=moment) / 7
    return found


def judge(scores: Array, true: Array) -> dict[str, Array]:
    """Measures of scores [moments, n, concepts] beside the truth, one number a concept, NaN where it has none."""
    roc, said = dead_or_alive(scores.max(axis=1), true.max(axis=1))
    calendar, real = (np.sort(a, axis=1)[:, -TOP:].mean(axis=1) for a in (scores, true))  # [moments, concepts]
    return {"ROC": roc, "said dead": said} | calendars(calendar, real)


def dead_or_alive(best: Array, real: Array) -> tuple[Array, Array]:
    """ROC, and how often dead moments are said where `SAID` of the live ones are; of each concept."""
    roc, said = (np.full(best.shape[1], np.nan) for _ in range(2))
    for c in range(best.shape[1]):
        live, dead = best[real[:, c] >= PRESENT, c], best[real[:, c] <= ABSENT, c]
        if len(live) and len(dead):
            ranks = rankdata(np.concatenate([live, dead]))[: len(live)]
            roc[c] = (ranks.sum() - len(live) * (len(live) + 1) / 2) / (len(live) * len(dead))
            said[c] = (dead >= np.quantile(live, 1 - SAID)).mean()
    return roc, said


def calendars(calendar: Array, real: Array) -> dict[str, Array]:
    """Rank correlations with the truth, [moments, concepts] both, and the truth at the best moment ÷ highest."""
    found = {name: np.full(real.shape[1], np.nan) for name in ("all", "months", "hours", "best")}
    for c in counted(real):
        mine, true = (a[:, c].reshape(12, -1) for a in (calendar, real))
        sides = {"all": (mine.ravel(), true.ravel()), "months": (mine.mean(axis=1), true.mean(axis=1))}
        sides["hours"] = (mine.mean(axis=0), true.mean(axis=0))
        for name, (said, was) in sides.items():
            if was.std() > LEVEL:
                found[name][c] = spearmanr(said, was).statistic
        found["best"][c] = true.ravel()[mine.argmax()] / true.max()
    return found


def counted(real: Array) -> Array:
    """Concepts whose true calendar, [moments, concepts], is neither level nor hardly there."""
    return np.flatnonzero((real.std(axis=0) > LEVEL) & (real.max(axis=0) >= HARDLY))


def without_ties(real: Array) -> dict[str, float]:
    """The highest that calendars without equal values reach on average: truth with its ties broken by chance."""
    noise = 1e-9 * np.random.default_rng(0).random(real.shape)
    return means(calendars(real + noise, real))


def others(real: Array) -> Array:
    """For each concept the mean of the true calendars of the others, [moments, concepts]."""
    which = counted(real)
    rest = np.zeros(real.shape[1])
    rest[which] = 1
    return (real @ rest)[:, None] - real * rest


def means(found: dict[str, Array]) -> dict[str, float]:
    """Over concepts."""
    return {name: float(np.nanmean(values)) for name, values in found.items()}


def interval(values: Array) -> list[float]:
    """Of the mean over concepts, 95 %."""
    known = values[np.isfinite(values)]
    draws = np.random.default_rng(0).choice(known, (1000, len(known))).mean(axis=1)
    return [round(float(v), 4) for v in np.quantile(draws, [0.025, 0.975])]


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, help="checkpoint folder [the bundled model]")
    parser.add_argument("--before", type=Path, help="checkpoint folder of a model to compare with")
    parser.add_argument(
        "--panels", type=Path, help="folder that `groundcast sandbox panels` made, for the additive form"
    )
    parser.add_argument("--forms", action="store_true", help="fit the other forms to the panels as well")
    parser.add_argument("--photos", type=int, default=0, help="of each tile at each moment, for the teacher; 0: none")
    parser.add_argument("--work", type=Path, help="where vectors are kept [nowhere]")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--json", action="store_true", help="one JSON document")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rows = measure(asked, asked.work or Path(folder))
    columns = [row["column"] for row in rows]
    ratios = {f"{row['column']}: {name}": row[name] for row in rows for name in MEASURES if name in row}
    if asked.json:
        setting = {"tiles": rows[0]["tiles"], "moments": len(WHENS), "photos": asked.photos}
        print(json.dumps({"benchmark": "moments", "setting": setting, "rows": rows, "ratios": ratios}))
        return
    print(f"{rows[0]['tiles']} tiles × {len(WHENS)} moments, {rows[0]['live or dead']} concepts that are live and dead")
    print(f"{'':10}" + "".join(f"{column:>22}" for column in columns))
    for name in MEASURES:
        cells = (f"{row[name]:.3f} [{row[name + ' low']:.3f}, {row[name + ' high']:.3f}]" if name + " low" in row
                 else f"{row[name]:.3f}" if name in row else "" for row in rows)  # fmt: skip
        print(f"{name:10}" + "".join(f"{cell:>22}" for cell in cells))


def measure(asked: argparse.Namespace, work: Path) -> list[dict[str, Any]]:
    """One row a column of the table."""
    work.mkdir(parents=True, exist_ok=True)
    place = island()
    real = np.sort(place.truth, axis=1)[:, -TOP:].mean(axis=1)  # [moments, concepts]
    model = asked.model or work / "bundled"
    if asked.model is None and not model.exists():
        add_bundled(model)
    embedder = Embedder.load(model, precision="float32")
    texts = embedder.embed_texts([concept.prompt for concept in CONCEPTS])
    columns: dict[str, dict[str, Array]] = {"others": calendars(others(real), real)}
    teacher = (model, embedder.model_id)
    photos = gallery(place, teacher, work, asked.processes)
    tiles = seen_from_above(place, embedder, work)
    named = {"before": asked.before, "model": model}
    for name, folder in named.items():
        if folder is not None:
            mine = embedder if name == "model" else Embedder.load(folder, precision="float32")
            o = tiles if name == "model" else seen_from_above(place, mine, work)
            said = mine.embed_texts([concept.prompt for concept in CONCEPTS])
            kept = np.stack([metrics.unit(s) for s in at_moments(mine, o, place)])
            if name == "model":
                columns["plain"] = retrieval(kept, photos)
            columns[name] = judged(place, said, kept, photos.compared(mine) if name == "model" else photos)
        if name == "before" and asked.panels is not None:
            seen = panels_of(asked.panels, embedder).seen(
                "seasonal", embedder.meta.overhead_input, embedder.embed_prepared
            )
            for form in ("none", "diagonal", "untied", "full") if asked.forms else ("none",):
                column = "additive" if form == "none" else form
                columns[column] = judged(place, texts, fitted_to(seen, form, embedder, tiles, place), photos)
    if asked.photos:
        means_seen = means_of_photos(place, teacher, asked.photos, work, asked.processes)
        columns["teacher"] = judged(place, texts, means_seen, photos)
    columns["eyes"] = judge(shown(place), place.truth)
    columns["no ties"] = {name: np.array([value]) for name, value in without_ties(real).items()}
    return [_row(name, found, place) for name, found in columns.items()]


def _row(column: str, found: dict[str, Array], place: Island) -> dict[str, Any]:
    counts = int(np.isfinite(dead_or_alive(*(place.truth.max(axis=1),) * 2)[0]).sum())
    row: dict[str, Any] = {"column": column, "tiles": len(place.tiles), "live or dead": counts}
    for name, values in found.items():
        row[name] = round(float(np.nanmean(values)), 4)
        if np.isfinite(values).sum() > 1:
            row[f"{name} low"], row[f"{name} high"] = interval(values)
    return row


def judged(place: Island, texts: Array, vectors: Iterable[Array], photos: "Gallery") -> dict[str, Array]:
    """All measures of S, [n, d] a moment."""
    unit = texts / np.linalg.norm(texts, axis=1, keepdims=True)
    kept = np.stack([metrics.unit(s) for s in vectors])  # [moments, n, d]
    return judge(kept @ unit.T, place.truth) | retrieval(kept, photos)


def shown(place: Island) -> Array:
    """Share of photos of each tile at each moment that show a thing, float32 [moments, n, concepts]."""
    presence = planet().presence(lat=place.lat, lon=place.lon)
    elevation_m = planet().elevation_m(lat=place.lat, lon=place.lon)
    random, names = np.random.default_rng(0), np.array(NAMES)
    found = np.zeros((len(WHENS), len(place.lat), len(NAMES)), np.float32)
    for at, when in enumerate(WHENS):
        for draw in range(EYES):
            day = np.datetime64(when, "s") + np.timedelta64(draw % 7 - 3, "D")
            seen = presence * activity(lat=place.lat, lon=place.lon, elevation_m=elevation_m, when=day)
            visible = random.random(seen.shape) < seen
            for i, row in enumerate(visible):
                for name in subjects(names[row].tolist(), random):
                    found[at, i, index()[name]] += 1 / EYES
    return found


def at_moments(embedder: Embedder, tiles: Array, place: Island) -> Iterator[Array]:
    """S at every moment, on any weekday."""
    for when in WHENS:
        yield embedder.at(tiles, lat=place.lat, lon=place.lon, when=when)


def fitted_to(seen: Seen, form: Interaction, embedder: Embedder, tiles: Array, place: Island) -> Iterator[Array]:
    """S at every moment, by what fits panels best in a form; `none` is S = O + e(t)."""
    bank = neutral(embedder.embed_texts(BANK)).numpy()
    fitted = fit(seen, interaction=form, rank=RANK, neutral=bank, ridge=Ridge())
    for when in WHENS:
        encoded = encode("seasonal", lat=place.lat, lon=place.lon, when=when).values
        yield fitted.predicted(tiles, encoded[0])  # the island is small: one latitude


@dataclass(frozen=True)
class Gallery:
    """Photos that are looked for, g of them.

    Attributes:
        tile: Where each was taken, int64 [g].
        moment: When, number of `WHENS`, int64 [g].
        photos: Unit vectors, float32 [g, d].
    """

    tile: Array
    moment: Array
    photos: Array

    def compared(self, embedder: Embedder) -> "Gallery":
        """The same photos as a model compares them with S."""
        return replace(self, photos=metrics.unit(embedder.compared(self.photos)))


def gallery(place: Island, model: tuple[Path, str], work: Path, processes: int) -> Gallery:
    """One photo of each tile at each of some moments."""
    random = np.random.default_rng(1)
    tiles = np.arange(min(len(place.tiles), GALLERY // GALLERY_MOMENTS))
    chosen = np.stack([random.permutation(len(WHENS))[:GALLERY_MOMENTS] for _ in tiles])
    jobs = [_Job(model[0], work / f"gallery-{model[1]}", int(i), chosen[i].tolist(), 1) for i in tiles]
    photos = np.concatenate(taken(place, jobs, processes))
    return Gallery(np.repeat(tiles, GALLERY_MOMENTS), chosen.ravel(), metrics.unit(photos))


def means_of_photos(place: Island, model: tuple[Path, str], count: int, work: Path, processes: int) -> Array:
    """Mean of the unit vectors of so many photos of each tile at each moment, float32 [moments, n, d]."""
    folder, every = work / f"photos-{model[1]}-{count}", list(range(len(WHENS)))
    jobs = [_Job(model[0], folder, i, every, count) for i in range(len(place.tiles))]
    return np.stack(taken(place, jobs, processes), axis=1)


@dataclass(frozen=True)
class _Job:
    """Photos of one tile, each moment so many, by the teacher of a model, into a folder."""

    model: Path
    folder: Path
    tile: int
    moments: list[int]
    count: int
    lat: float = 0.0
    lon: float = 0.0

    @property
    def path(self) -> Path:
        return self.folder / f"{self.tile:04d}.npy"


def taken(place: Island, jobs: list[_Job], processes: int) -> list[Array]:
    """Mean unit vectors at the moments of each job, float32 [moments, d]; what is there is not drawn again."""
    for folder in {job.folder for job in jobs}:
        folder.mkdir(parents=True, exist_ok=True)
    where = [replace(job, lat=float(place.lat[job.tile]), lon=float(place.lon[job.tile])) for job in jobs]
    missing = [job for job in where if not job.path.exists()]
    if missing:
        with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
            list(pool.map(_photograph, missing))
    return [np.load(job.path).astype(np.float32) for job in jobs]


def _photograph(job: _Job) -> None:
    """In a process of its own."""
    import torch

    torch.set_num_threads(1)
    n, random = len(job.moments) * job.count, np.random.default_rng([7, job.tile, job.count])
    days = random.integers(-3, 4, n) * np.timedelta64(1, "D")  # round the 15th, for a week's truth
    when = (np.repeat(np.array(WHENS, "datetime64[s]")[job.moments], job.count) + days).astype("datetime64[s]")
    where = (np.full(n, job.lat), np.full(n, job.lon))
    photos = Photographs(*where, when, np.ones(n, bool), np.zeros(n, np.int64), random.integers(0, 2**31, n))
    embedder = _teacher(job.model)
    pixels = [embedder.prepare_photo(ground.draw(scene, PHOTO_PX)) for scene in scenes(planet(), photos)]
    unit = metrics.unit(embedder.embed_prepared_photos(pixels)).reshape(len(job.moments), job.count, -1)
    part = job.path.with_name(f".{job.path.name}")
    np.save(part, unit.mean(axis=1).astype(np.float16))
    part.rename(job.path)


@lru_cache(maxsize=1)
def _teacher(model: Path) -> Embedder:
    return Embedder.load(model, precision="float32", device="cpu")


def retrieval(s: Array, looked_for: Gallery) -> dict[str, Array]:
    """Time swap and R@10 in both directions, one number a tile, of S, [moments, n, d]."""
    tile, n = looked_for.tile, int(looked_for.tile.max()) + 1
    mine = s[looked_for.moment, tile]
    a, b, *_ = moments_apart(tile, np.array(WHENS, "datetime64[s]")[looked_for.moment])
    right = time_swap(mine, looked_for.photos, a, b).mean(axis=1)
    found = {"swap": np.bincount(tile[a], right, n) / np.maximum(np.bincount(tile[a], minlength=n), 1)}
    there, back = (metrics.ranks(*both) for both in ((mine, looked_for.photos), (looked_for.photos, mine)))
    for name, ranks in (("R@10", there), ("R@10 back", back)):
        found[name] = np.bincount(tile, ranks <= 10, n) / GALLERY_MOMENTS
    return found


def seen_from_above(place: Island, embedder: Embedder, work: Path) -> Array:
    """O of the tiles, float32 [n, d]."""
    path = work / f"above-{embedder.model_id}.npy"
    if not path.exists():
        images = [overhead.draw(planet(), tile.footprint, SIZE_PX)[0] for tile in place.tiles]
        np.save(path, embedder.embed_tiles(images))
    found: Array = np.load(path)
    return found


if __name__ == "__main__":
    main()
