"""When was a photo taken? What `search_ui.search.posterior` says of photos whose month and hour are known.

    python -m benchmarks.photo_time [--model FOLDER] [--teacher TILES] [--photos N] [--work DIR] [--json]

Prints the constant of `search_ui.search.posterior`, fitted to photos of other islands' tiles; the model learned from
photos of none of these tiles, or the constant would say too much. Judged on the demonstration's island (the tiles of
`benchmarks.moments`), `EACH` photos of each of three kinds:

    any         at moments spread evenly over the year and the day
    taken       at moments at which people take photos: by day, and when there is something to see
    elsewhere   those of `any`, asked of another tile of the island: what a wrong place does

and by

    uniform          who knows nothing: every month and hour as likely
    prior            who knows when people take photos, and does not look
    model            the bundled model, or --model, as the application answers
    model × prior    both together
    teacher          the ceiling, with --teacher TILES: in place of S the mean of the vectors of N photos of that tile
                     at each of 144 moments, the even hours, and of those of the months and hours beside it, which
                     count half, compared as they are; beside it `model 144`, the model on the same tiles, moments and
                     `OF_FEW` photos of each. Each at the temperature that suits it best

    months, hours    error of the likeliest month and hour, round the circle: median, and mean
    nats             mean log likelihood above that of `uniform`
    in 50 %, 80 %    share of photos whose moment lies in the span that is told; `said` is what it promises
    size 80 %        that span's share of all moments
    untold           share of photos of which it says that it cannot tell

Intervals are of 95 %, tiles drawn again.
"""

import argparse
import hashlib
import json
import os
import tempfile
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import groupby
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar
from scipy.special import logsumexp, softmax

from benchmarks.moments import HOURS as EVEN
from benchmarks.moments import WHENS, Island, island, means_of_photos
from ingest.field.encoder import FieldEncoder
from ingest.geo.grid import Tile
from ingest.sandbox import ground, overhead
from ingest.sandbox.pairs import PHOTO_PX, SIZE_PX, centres
from ingest.sandbox.panels import Extent, moments, tiles_of
from ingest.sandbox.photographs import Photographs, moments_taken, photographs, scenes
from ingest.sandbox.source import planet
from search_ui.search.likeliest import Span
from search_ui.search.posterior import SHARES, TEMPERATURE, Posterior
from search_ui.search.series import calendar_moments
from trainer.bundled import add_bundled
from trainer.embedder import Embedder
from trainer.encoding import place_columns
from trainer.measures.metrics import unit

Array = npt.NDArray[Any]

EACH, OF_FEW = 4, 40  # photos of a tile, of each kind; and for the ceiling
FITTED = Extent(each=1, others=9, photos=12, seed=5)  # tiles and photos that the constant is fitted to
LEARNED = Extent()  # tiles that the bundled model learned from
CALENDAR = calendar_moments(2025)
PRIOR_PHOTOS = 20_000
_A_JOB = 200  # photos


@dataclass(frozen=True)
class Seen:
    """n photos of tiles, as many of each.

    Attributes:
        tile: Number of the tile of each, int64 [n].
        cell: Its month and hour, number of `CALENDAR`, int64 [n].
        photo: Unit vectors as the model compares photos, float32 [n, d].
        plain: Unit vectors as they are, [n, d].
    """

    tile: Array
    cell: Array
    photo: Array
    plain: Array


def cell_of(when: Array) -> Array:
    """The number of the month and the nearest hour, of datetime64[s] [n]."""
    month = when.astype("datetime64[M]").astype(np.int64) % 12
    hour = np.floor((when - when.astype("datetime64[D]")).astype(np.int64) / 3600 + 0.5).astype(np.int64) % 24
    found: Array = month * 24 + hour
    return found


def spread(lat: Array, lon: Array, each: int, random: np.random.Generator) -> Photographs:
    """Photographs of tiles at moments spread evenly over the year and the day, tile by tile."""
    return _photographs(lat, lon, np.concatenate([moments(each, random) for _ in lat]), each, random)


def as_people(lat: Array, lon: Array, each: int, random: np.random.Generator) -> Photographs:
    """Photographs of tiles at moments at which people take them, tile by tile."""
    when = moments_taken(planet(), lat.repeat(each), lon.repeat(each), random)
    return _photographs(lat, lon, when, each, random)


def _photographs(lat: Array, lon: Array, when: Array, each: int, random: np.random.Generator) -> Photographs:
    n = len(when)
    where = (lat.repeat(each), lon.repeat(each))
    return Photographs(*where, when, np.ones(n, bool), np.zeros(n, np.int64), random.integers(0, 2**31, n))


def embedded(photos: Photographs, each: int, model: tuple[Path, str], work: Path, processes: int) -> Seen:
    """The photos drawn and embedded; kept in a file that says of which photos and which model they are."""
    tile, cell = np.arange(len(photos)) // each, cell_of(photos.when)
    of = hashlib.sha256(b"".join(getattr(photos, name).tobytes() for name in ("lat", "lon", "when", "seed")))
    path = work / f"photo_time-{model[1]}-{of.hexdigest()[:16]}.npy"
    if not path.exists():
        jobs = [(model[0], photos.take(slice(i, i + _A_JOB))) for i in range(0, len(photos), _A_JOB)]
        with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
            part = path.with_suffix(".part.npy")
            np.save(part, np.concatenate(list(pool.map(_embed, jobs))))
            part.rename(path)
    plain = np.load(path)
    return Seen(tile, cell, unit(_teacher(model[0]).compared(plain)), plain)


def _embed(job: tuple[Path, Photographs]) -> Array:
    """In a process of its own."""
    import torch

    torch.set_num_threads(1)
    embedder = _teacher(job[0])
    pixels = [embedder.prepare_photo(ground.draw(scene, PHOTO_PX)) for scene in scenes(planet(), job[1])]
    return unit(embedder.embed_prepared_photos(pixels))


@lru_cache(maxsize=1)
def _teacher(model: Path) -> Embedder:
    return Embedder.load(model, precision="float32", device="cpu")


def predicted(tiles: list[Tile], embedder: Embedder, whens: tuple[Any, ...]) -> Array:
    """Unit S of tiles at moments, float32 [moments, n, d]."""
    o = embedder.embed_tiles([overhead.draw(planet(), tile.footprint, SIZE_PX)[0] for tile in tiles])
    lat, lon = centres(tiles)
    encoder = FieldEncoder(str(embedder.meta.encoding), embedder.encoder_weights())
    place, placed = place_columns(encoder.encoding, lat=lat, lon=lon), np.ones(len(tiles), bool)
    return np.stack([unit(encoder.at(o, place, placed, when=when)) for when in whens])


def cosines(s: Array, seen: Seen, tile: Array | None = None) -> Array:
    """Of each photo with its tile, or another, at every moment, float64 [n, moments]."""
    at = seen.tile if tile is None else tile
    return np.stack([s[:, i] @ photo for i, photo in zip(at, seen.photo, strict=True)]).astype(np.float64)


def fitted(cosine: Array, cell: Array) -> float:
    """The temperature at which the true moments are likeliest."""

    def loss(log_beta: float) -> float:
        score = np.exp(log_beta) * cosine
        return float(np.mean(logsumexp(score, axis=1) - score[np.arange(len(cell)), cell]))

    return float(np.exp(-minimize_scalar(loss, bounds=(0, 8), method="bounded").x))


def fitted_interval(cosine: Array, seen: Seen, draws: int = 100) -> list[float]:
    """Of that temperature, 95 %, tiles drawn again."""
    random, rows = np.random.default_rng(0), np.arange(len(seen.tile)).reshape(int(seen.tile.max()) + 1, -1)
    found = []
    for _ in range(draws):
        some = rows[random.integers(0, len(rows), len(rows))].ravel()
        found.append(fitted(cosine[some], seen.cell[some]))
    return [round(float(v), 4) for v in np.quantile(found, [0.025, 0.975])]


def prior() -> Array:
    """How likely people take photos in each month and hour, wherever there is something to see, [288]."""
    when = photographs(planet(), split="train", count=PRIOR_PHOTOS, seed=3).when
    counts = np.bincount(cell_of(when), minlength=288) + 1.0
    found: Array = counts / counts.sum()
    return found


def measures(chance: Array, cell: Array, hours: tuple[int, ...] = tuple(range(24))) -> dict[str, Array]:
    """What chances, [n, months × hours], are worth where `cell` is true: one number a photo."""
    n, each_hour = len(cell), 24 // len(hours)
    found: dict[str, list[float]] = {name: [] for name in ("months", "hours", "untold", *_of_spans())}
    different, number = np.unique(chance, axis=0, return_inverse=True)
    said = [Posterior(row.reshape(12, len(hours)).repeat(each_hour, axis=1) / each_hour) for row in different]
    spans = [[known.span(share) for share in SHARES] for known in said]
    for i, true in zip(number.ravel().tolist(), cell.tolist(), strict=True):
        month, hour = divmod(true, len(hours))
        m, h = said[i].best
        found["months"].append(_apart(m - 1, month, 12))
        found["hours"].append(_apart(h // each_hour, hour, len(hours)) * each_hour)
        found["untold"].append(not said[i].tells)
        for share, (span, likely) in zip(SHARES, spans[i], strict=True):
            inside = _holds(span.months, month + 1, 12) and _holds(span.hours, hours[hour], 24)
            found[f"in {share:.0%}"].append(inside)
            found[f"said {share:.0%}"].append(likely)
            found[f"size {share:.0%}"].append(_length(span.months, 12) * _length(span.hours, 24) / 288)
    nats = np.log(np.maximum(chance[np.arange(n), cell], 1e-12) * chance.shape[1])
    return {"nats": nats} | {name: np.array(values, float) for name, values in found.items()}


def _of_spans() -> list[str]:
    return [f"{name} {share:.0%}" for share in SHARES for name in ("in", "said", "size")]


def _apart(a: int, b: int, n: int) -> int:
    return min((a - b) % n, (b - a) % n)


def _holds(span: Span | None, value: int, n: int) -> bool:
    return span is None or (value - span[0]) % n <= (span[1] - span[0]) % n


def _length(span: Span | None, n: int) -> int:
    return n if span is None else (span[1] - span[0]) % n + 1


def row(photos: str, by: str, found: dict[str, Array], tile: Array) -> dict[str, Any]:
    """Means and medians over photos, with their intervals."""
    told: dict[str, Any] = {"photos": photos, "by": by}
    groups, random = np.arange(len(tile)).reshape(int(tile.max()) + 1, -1), np.random.default_rng(0)
    drawn = [groups[random.integers(0, len(groups), len(groups))].ravel() for _ in range(500)]
    for name, values in found.items():
        kinds = {f"{name} median": np.median, name: np.mean} if name in ("months", "hours") else {name: np.mean}
        for title, statistic in kinds.items():
            told[title] = round(float(statistic(values)), 4)
            told[f"{title} interval"] = [
                round(float(v), 4) for v in np.quantile([statistic(values[some]) for some in drawn], [0.025, 0.975])
            ]
    return told


def judged(kinds: dict[str, Seen], s: Array, rng: np.random.Generator) -> list[dict[str, Any]]:
    """A row for each kind of photos and each who says."""
    before, rows = prior(), []
    for photos, seen in kinds.items():
        other = (seen.tile + rng.integers(1, s.shape[1], len(seen.tile))) % s.shape[1]
        cosine = cosines(s, seen, other if photos == "elsewhere" else None)
        chance = softmax(cosine / TEMPERATURE, axis=1)
        both = chance * before
        said = {"uniform": np.full_like(chance, 1 / 288), "model": chance}
        if photos == "taken":
            said |= {"prior": np.broadcast_to(before, chance.shape), "model × prior": both / both.sum(1, keepdims=True)}
        rows += [row(photos, by, measures(one, seen.cell), seen.tile) for by, one in said.items()]
    return rows


def ceiling(seen: Seen, s: Array, teacher: Array) -> list[dict[str, Any]]:
    """Rows of the model, S [288, n, d], and of the teacher's means, [144, n, d], at the even hours."""
    smooth = teacher.reshape(12, len(EVEN), *teacher.shape[1:])
    for axis in (0, 1):  # a few photos are a noisy mean, and neighbours are alike
        smooth = smooth / 2 + (np.roll(smooth, 1, axis) + np.roll(smooth, -1, axis)) / 4
    hour = seen.cell % 24 // 2  # an odd hour goes to the even one before it
    cell, even = seen.cell // 24 * len(EVEN) + hour, [CALENDAR.index(when) for when in WHENS]
    rows = []
    means, as_they_are = unit(smooth.reshape(teacher.shape)), replace(seen, photo=seen.plain)
    for by, known, photos_seen in (("model 144", s[even], seen), ("teacher", means, as_they_are)):
        cosine = cosines(known, photos_seen)
        chance = softmax(cosine / fitted(cosine, cell), axis=1)
        rows.append(row("any", by, measures(chance, cell, EVEN), seen.tile))
    return rows


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, help="checkpoint folder [the bundled model]")
    parser.add_argument("--teacher", type=int, default=0, metavar="TILES", help="tiles for the ceiling; 0: none")
    parser.add_argument("--photos", type=int, default=8, help="of each of them at each moment [%(default)s]")
    parser.add_argument("--work", type=Path, help="where vectors are kept [nowhere]")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--json", action="store_true", help="one JSON document")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        setting, rows = measure(asked, asked.work or Path(folder))
    if asked.json:
        ratios = {f"{one['photos']}, {one['by']}: nats": one["nats"] for one in rows}
        print(json.dumps({"benchmark": "photo_time", "setting": setting, "rows": rows, "ratios": ratios}))
        return
    print(", ".join(f"{name} {value}" for name, value in setting.items()))
    for photos, some in groupby(rows, key=lambda one: one["photos"]):
        columns = list(some)
        print(f"\n{photos:14}" + "".join(f"{one['by']:>24}" for one in columns))
        for name in (name for name in columns[0] if f"{name} interval" in columns[0]):
            cells = ("{:.3f} [{:.3f}, {:.3f}]".format(one[name], *one[f"{name} interval"]) for one in columns)
            print(f"{name:14}" + "".join(f"{cell:>24}" for cell in cells))
    print(f"\nTEMPERATURE = {setting['fitted']:.4f}    (search_ui/search/posterior.py has {TEMPERATURE})")


def measure(asked: argparse.Namespace, work: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """What was measured with, and one row for each kind of photos and each who says."""
    work.mkdir(parents=True, exist_ok=True)
    model = asked.model or work / "bundled"
    if asked.model is None and not model.exists():
        add_bundled(model)
    embedder = Embedder.load(model, precision="float32")
    named = (model, embedder.model_id)

    def photos(draw: Callable[..., Photographs], lat: Array, lon: Array, each: int) -> Seen:
        drawn = draw(lat, lon, each, np.random.default_rng(11))
        return embedded(drawn, each, named, work, asked.processes)

    learned = {tile.id for tile in tiles_of(LEARNED)}
    others = [tile for tile in tiles_of(FITTED) if tile.id not in learned]
    seen = photos(spread, *centres(others), FITTED.photos)
    cosine = cosines(predicted(others, embedder, CALENDAR), seen)
    setting = {
        "fitted": round(fitted(cosine, seen.cell), 4),
        "interval": fitted_interval(cosine, seen),
        "temperature": TEMPERATURE,
        "model": embedder.model_id,
        "tiles fitted to": len(others),
    }
    place = island()
    kinds = {
        "any": photos(spread, place.lat, place.lon, EACH),
        "taken": photos(as_people, place.lat, place.lon, EACH),
    }
    kinds["elsewhere"] = kinds["any"]
    s = predicted(place.tiles, embedder, CALENDAR)
    rows = judged(kinds, s, np.random.default_rng(13))
    if asked.teacher:
        tiles = np.random.default_rng(2).permutation(len(place.tiles))[: asked.teacher]
        few = Island([place.tiles[i] for i in tiles], place.lat[tiles], place.lon[tiles], place.truth[:, tiles])
        own = photos(spread, few.lat, few.lon, OF_FEW)
        folder = work / f"ceiling-{asked.teacher}"
        rows += ceiling(own, s[:, tiles], means_of_photos(few, named, asked.photos, folder, asked.processes))
    return setting | {"tiles": len(place.tiles), "photos": len(kinds["any"].cell)}, rows


if __name__ == "__main__":
    main()
