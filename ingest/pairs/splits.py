"""Which split a photo goes to: by the block of 1° it lies in and by its photographer, or at random.

strict   whole blocks belong to `val` and `test_strict`, and so do photographers: to where most of their photos are.
         What a photographer of one split took in a block of another is left out (`other_split`), and so is what lies
         so near the edge of such a block that its overhead image may share ground with one beyond (`block_edge`)
random   photos of `test_random` (and, without strict, of `val`) are drawn beside those of training

A photo's split follows from the seed, its id, its place and its photographer's other photos, nothing else. A photo
that names nobody is its own photographer's. It does not know pictures.
"""

from collections import Counter

import numpy as np
import numpy.typing as npt

from ingest.pairs.columns import Floats, Hashes, mixed, shares
from ingest.pairs.recipe import Recipe
from ingest.sandbox.photographs import blocks

_TRAIN, _VAL, _TEST = 0, 1, 2
_DEGREE_M = 110_574.0
Mask = npt.NDArray[np.bool_]


def assign(
    recipe: Recipe, *, key: Hashes, photo: Hashes, lat: Floats, lon: Floats
) -> tuple[npt.NDArray[np.str_], Counter[str]]:
    """The split [n] of each photo, empty where it is left out, and how many are, by reason.

    Args:
        recipe: What is asked for.
        key: Of the photographer; all photos of one are here.
        photo: Of the photo.
        lat: Degrees.
        lon: Degrees.
    """
    split = np.full(len(key), "train", dtype="U11")
    left_out: Counter[str] = Counter()
    zone = np.zeros(len(key), np.int64)
    if recipe.split != "random":
        zone = _zones(recipe, lat, lon)
        home = _homes(key, zone)
        split[zone == _VAL], split[zone == _TEST] = "val", "test_strict"
        away = zone != home
        edge = ~away & (zone != _TRAIN) & _near_edge(lat, lon, recipe.size_m + 2 * recipe.jitter_m)
        left_out.update(other_split=int(away.sum()), block_edge=int(edge.sum()))
        split[away | edge] = ""
    if recipe.split != "strict":
        drawn = shares(mixed(photo, recipe.seed, 1))
        beside = split == "train"
        split[beside & (drawn < recipe.test_share)] = "test_random"
        if recipe.split == "random":
            split[beside & (drawn >= recipe.test_share) & (drawn < recipe.test_share + recipe.val_share)] = "val"
    return split, +left_out


def _zones(recipe: Recipe, lat: Floats, lon: Floats) -> npt.NDArray[np.int64]:
    """Whether the block of each photo belongs to training, validation or the test."""
    block = blocks(lat=lat, lon=lon).astype(np.uint64)
    drawn = shares(mixed(block, recipe.seed, 2))
    return np.select([drawn < recipe.test_share, drawn < recipe.test_share + recipe.val_share], [_TEST, _VAL], _TRAIN)


def _homes(key: Hashes, zone: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """The zone [n] in which most photos of each one's photographer lie; of equals the first, training."""
    _, person = np.unique(key, return_inverse=True)
    counts = np.zeros((int(person.max(initial=-1)) + 1, 3), np.int64)
    np.add.at(counts, (person, zone), 1)
    homes: npt.NDArray[np.int64] = counts.argmax(axis=1)[person]
    return homes


def _near_edge(lat: Floats, lon: Floats, reach_m: float) -> Mask:
    """Which places lie within so many metres of the edge of their block."""
    north = np.minimum(lat - np.floor(lat), np.ceil(lat) - lat) * _DEGREE_M
    east = np.minimum(lon - np.floor(lon), np.ceil(lon) - lon) * _DEGREE_M * np.cos(np.radians(lat))
    return np.minimum(north, east) < reach_m
