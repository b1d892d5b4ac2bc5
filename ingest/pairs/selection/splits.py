"""Which split a photo goes to: by the block of 1° it lies in and by its photographer, or at random.

strict   whole blocks belong to `val` and `test_strict`, and so do photographers: to where most of their photos are.
         What a photographer of one split took in a block of another is left out (`other_split`), and so is what lies
         so near the edge of such a block that its overhead image may share ground with one beyond (`block_edge`)
random   photos of `test_random` (and, without strict, of `val`) are drawn beside those of training

A photo's split follows from the seed, its id, its place, its photographer's other photos and how many lie where.
A photo that names nobody is its own photographer's. It does not know pictures.
"""

from collections import Counter

import numpy as np
import numpy.typing as npt

from ingest.geo.degree_blocks import BLOCKS, blocks
from ingest.pairs.metadata.columns import Floats, Hashes, mixed, shares
from ingest.pairs.recipe import Recipe
from trainer.earth import SHORTEST_DEGREE_M

_TRAIN, _VAL, _TEST = 0, 1, 2
Zones = npt.NDArray[np.int8]
Mask = npt.NDArray[np.bool_]


def zones(recipe: Recipe, counts: npt.NDArray[np.int64]) -> Zones:
    """What each block of 1° belongs to, int8 [BLOCKS].

    Blocks are taken in an order that follows from the seed, as long as they overshoot the wanted share by no more than
    half; where there are three or more, each held-out split gets at least one.

    Args:
        recipe: Its split, shares and seed count.
        counts: Candidates in each block, [BLOCKS].
    """
    found = np.zeros(BLOCKS, np.int8)
    if recipe.split == "random":
        return found
    used = np.flatnonzero(counts)
    order = used[np.argsort(mixed(used.astype(np.uint64), recipe.seed, 2))]
    for zone, share in ((_TEST, recipe.test_share), (_VAL, recipe.val_share)):
        room = share * counts.sum()
        for block in order.tolist():
            if found[block] == _TRAIN and 0 < counts[block] <= 1.5 * room:
                found[block] = zone
                room -= counts[block]
        # nothing fitted: the smallest block, where training, and in the test's turn validation, keep one
        free = order[found[order] == _TRAIN]
        if share and zone not in found and len(free) > (2 if zone == _TEST else 1):
            found[free[np.argmin(counts[free])]] = zone
    return found


def assign(
    recipe: Recipe, zone_of: Zones, *, key: Hashes, photo: Hashes, lat: Floats, lon: Floats
) -> tuple[npt.NDArray[np.str_], Counter[str]]:
    """The split [n] of each photo, empty where it is left out, and how many are, by reason.

    Args:
        recipe: Its split, shares, seed, image size and jitter count.
        zone_of: What each block belongs to, as `zones` has it.
        key: Of the photographer; all photos of one are here.
        photo: Hash of the photo's id, [n].
        lat: Degrees, [n].
        lon: Degrees below 180, [n].
    """
    split = np.full(len(key), "train", dtype="U11")  # the longest names have 11 characters
    left_out: Counter[str] = Counter()
    if recipe.split != "random":
        zone = zone_of[blocks(lat=lat, lon=lon)]
        home = _homes(key, zone)
        split[zone == _VAL], split[zone == _TEST] = "val", "test_strict"
        away = zone != home
        # middles less than a side apart share ground, and either may lie a jitter nearer than its photo
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


def _homes(key: Hashes, zone: Zones) -> npt.NDArray[np.int64]:
    """The zone [n] in which most photos of each one's photographer lie; of equals the first, training."""
    _, person = np.unique(key, return_inverse=True)
    counts = np.zeros((int(person.max(initial=-1)) + 1, 3), np.int64)
    np.add.at(counts, (person, zone), 1)
    homes: npt.NDArray[np.int64] = counts.argmax(axis=1)[person]
    return homes


def _near_edge(lat: Floats, lon: Floats, reach_m: float) -> Mask:
    """Which places lie within so many metres of the edge of their block."""
    north = np.minimum(lat - np.floor(lat), np.ceil(lat) - lat) * SHORTEST_DEGREE_M
    east = np.minimum(lon - np.floor(lon), np.ceil(lon) - lon) * SHORTEST_DEGREE_M * np.cos(np.radians(lat))
    return np.minimum(north, east) < reach_m
