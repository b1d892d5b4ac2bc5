"""Does the moment see the tile? Searches and calendars of the demonstration's island at 144 moments, against its truth.

    python -m benchmarks.moments [--model FOLDER] [--before FOLDER] [--panels FOLDER] [--photos N] [--work DIR] [--json]

Judged on `TILES` tiles of the island (the nine truest of every concept, and others at random) at the even hours of the
15th of each month, where the truth is that of a whole week, for a month has no weekday. Columns:

    others      who knows only when the other concepts are to be seen: the mean of their true calendars
    before      another model, with --before
    additive    the best that S = O + e(t) can do: this model's O, e fitted to --panels (`groundcast sandbox panels`)
    model       the bundled model, or --model
    teacher     the ceiling: the mean of its vectors of N photos of each tile at each moment, with --photos
    no ties     the highest that a score without equal values can reach: the truth has many

and rows:

    ROC         the island's best tile: moments with the thing (truth of some tile at least .5) against moments without
                (.05 at most); the mean over the concepts that have both
    said dead   how often a thing is said to be there when it is not, where it is said at .90 of the moments with it
    all, months, hours      rank correlation of calendars (mean of nine tiles) with the truth
    best        truth at the calendar's best moment ÷ highest
    swap        of two photos of a tile at moments a quarter of a day or of a year apart, is the right one chosen?
    R@10        of 24 photos of each tile in one gallery, by tile and moment, and back; needs --photos

Intervals are of 95 %, concepts (or tiles) drawn again. None of the island's tiles is in the panels. `--work` keeps what
was drawn and embedded, so that the same command goes on where it stopped.
"""

import argparse
import json
import tempfile
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata, spearmanr

from ingest.geo.grid import Grid, Tile
from ingest.sandbox import ground, overhead
from ingest.sandbox.concepts import CONCEPTS
from ingest.sandbox.panels import SHOWN
from ingest.sandbox.pairs import SIZE_PX, PHOTO_PX, TILE_SIZE_M, centres
from ingest.sandbox.photographs import Photographs, scenes
from ingest.sandbox.source import planet
from ingest.sandbox.truth import truth
from trainer.bundled import add_bundled
from trainer.embedder import Embedder

Array = npt.NDArray[Any]

YEAR, DAY, HOURS = 2025, 15, tuple(range(0, 24, 2))
WHENS = tuple(datetime(YEAR, month, DAY, hour) for month in range(1, 13) for hour in HOURS)
PRESENT, ABSENT = 0.5, 0.05
TOP, OTHERS = 9, 60
LEVEL, HARDLY = 0.02, 0.3  # least standard deviation and least highest value of a true calendar that counts
SAID = 0.90


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
    found = np.zeros((len(whens), len(lat), len(CONCEPTS)), np.float32)
    for at, when in enumerate(whens):
        for day in np.datetime64(when, "s") + week:
            found[at] += truth(planet(), lat=lat, lon=lon, when=np.full(len(lat), day)) / 7
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
    names = ("all", "months", "hours", "best")
    found = {name: np.full(real.shape[1], np.nan) for name in names}
    for c in range(real.shape[1]):
        if real[:, c].std() <= LEVEL or real[:, c].max() < HARDLY:
            continue
        mine, true = (a[:, c].reshape(12, -1) for a in (calendar, real))
        for name, said, was in (
            ("all", mine.ravel(), true.ravel()), ("months", mine.mean(1), true.mean(1)), ("hours", mine.mean(0), true.mean(0)),
        ):  # fmt: skip
            if was.std() > LEVEL:
                found[name][c] = spearmanr(said, was).statistic
        found["best"][c] = true.ravel()[mine.argmax()] / true.max()
    return found
