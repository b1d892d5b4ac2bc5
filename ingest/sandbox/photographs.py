"""Which photographs people took on the sandbox planet: places, moments, owners, and the split that each belongs to.

People go where there is something to see and press the button when it is there, more of them by day than by night; a
place is visited more than once, at different hours and seasons. Two kinds of test stand beside the same training set:
`test_strict` holds whole blocks of 1° that training never saw, with photographers of their own; `test_random` holds
photos drawn at random beside those of training. It knows no pictures and no files.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ingest.geo.degree_blocks import blocks
from ingest.sandbox.land.islands import Island
from ingest.sandbox.moment import activity
from ingest.sandbox.scene import Scene, look
from ingest.sandbox.world import World
from trainer.errors import UsageError

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Moments = npt.NDArray[np.datetime64]

SPLITS = ("train", "val", "test_random", "test_strict")
FIRST_DAY, LAST_DAY = np.datetime64("2012-01-01"), np.datetime64("2024-12-31")
STRICT_SHARE, VAL_SHARE = 0.18, 0.04  # of the land, in blocks of their own
_VISITS = 2.5  # photos to a place, on average
_PHOTOS_A_PERSON = 20
_CANDIDATES = 20_000  # places drawn at a time
_NO_DATE = 0.02  # share of photos whose camera did not know the time
# how many photos are taken in each hour of the day, 0 h to 23 h, to those at noon
_HOURS = np.array([10, 6, 4, 3, 4, 10, 25, 45, 60, 80, 95, 100, 100, 95, 95, 95, 95, 90, 85, 75, 60, 45, 30, 18], float)


@dataclass(frozen=True)
class Photographs:
    """n photographs, as columns; those of one place have the very same coordinates.

    Attributes:
        lat: Degrees north, [n].
        lon: Degrees east, [n].
        when: Wall-clock time at the place, datetime64[s] [n].
        dated: Whether the camera wrote the time down, bool [n].
        owner: Number of the photographer, [n].
        seed: Of what is drawn by chance in the picture, [n].
    """

    lat: Floats
    lon: Floats
    when: Moments
    dated: npt.NDArray[np.bool_]
    owner: Ints
    seed: Ints

    def __len__(self) -> int:
        return len(self.lat)

    def take(self, rows: Ints | slice) -> "Photographs":
        """Some of them."""
        return Photographs(*(getattr(self, name)[rows] for name in self.__dataclass_fields__))


def held_out(world: World, seed: int) -> tuple[set[int], set[int]]:
    """Blocks for the strict test and for validation, from as many islands as can be.

    Blocks are added in a seeded order, no island's second before every island gave one, until the shares are reached.
    """
    lat, lon = _land(world, 20_000, np.random.default_rng([seed, 1]))
    block, island = blocks(lat=lat, lon=lon), _island(world, lat, lon)
    numbers, counts = np.unique(block, return_counts=True)
    share = dict(zip(numbers.tolist(), (counts / len(block)).tolist(), strict=True))
    home = {number: int(np.bincount(island[block == number]).argmax()) for number in share}
    # slivers of coast stay with training
    order = np.random.default_rng([seed, 2]).permutation([n for n in share if share[n] >= 0.005]).tolist()
    strict: set[int] = set()
    val: set[int] = set()
    for chosen, wanted in ((strict, STRICT_SHARE), (val, VAL_SHARE)):
        while sum(share[n] for n in chosen) < wanted:
            free = [n for n in order if n not in strict and n not in val]
            used = [home[n] for n in strict | val]
            room = wanted - sum(share[n] for n in chosen)
            # the island least used so far; among its blocks the first that does not overshoot by much
            chosen.add(min(free, key=lambda n: (used.count(home[n]), share[n] > 1.5 * room, order.index(n))))
    return strict, val


def photographs(world: World, *, split: str, count: int, seed: int, island: Island | None = None) -> Photographs:
    """The photographs of a split; those of `train` and `test_random` come from the same places, never the same photo.

    Args:
        split: One of `SPLITS`.
        seed: Another seed, other photographs and other blocks.
        island: Only there, so that the land of no other is built; else all of the planet.

    Raises:
        UsageError: The split is unknown, or an island is asked of one that is of blocks.
    """
    if split not in SPLITS:
        raise UsageError(f"split {split!r} is unknown: use one of {', '.join(SPLITS)}")
    strict, val = held_out(world, seed)
    rng = np.random.default_rng([seed, 3, SPLITS.index("train" if split == "test_random" else split)])
    region = {"test_strict": strict, "val": val}.get(split)
    if island is not None and region is not None:
        raise UsageError(f"split {split!r} is of blocks that may lie on other islands than {island.name}: use train")
    # test_random has the places of a training set four times its size, as the usual amounts are
    n_places = max(1, round(count * (4 if split == "test_random" else 1) / _VISITS))
    place_lat, place_lon = _places(world, n_places, strict | val, region, island, rng)
    if split == "test_random":  # the same places in the same order as training's first, other visits
        rng = np.random.default_rng([seed, 4])
    visited = rng.integers(0, n_places, count)
    lat, lon = place_lat[visited], place_lon[visited]
    when = moments_taken(world, lat, lon, rng)
    block = blocks(lat=lat, lon=lon)
    return Photographs(
        lat=lat,
        lon=lon,
        when=when,
        dated=rng.random(count) >= _NO_DATE,
        owner=_owners(block, rng),
        seed=rng.integers(0, 2**31, count),
    )


def scenes(world: World, photos: Photographs) -> Iterator[Scene]:
    """What each camera was pointed at, in the order of the photographs."""
    presence = world.presence(lat=photos.lat, lon=photos.lon)
    backdrops = world.backdrops(lat=photos.lat, lon=photos.lon)
    elevation_m = world.elevation_m(lat=photos.lat, lon=photos.lon)
    for i in range(len(photos)):
        yield look(
            lat=float(photos.lat[i]),
            lon=float(photos.lon[i]),
            when=photos.when[i].astype("datetime64[s]").item(),
            elevation_m=float(elevation_m[i]),
            presence=presence[i],
            backdrops=backdrops[i],
            seed=int(photos.seed[i]),
        )


def _places(
    world: World,
    count: int,
    apart: set[int],
    region: set[int] | None,
    island: Island | None,
    rng: np.random.Generator,
) -> tuple[Floats, Floats]:
    """Places to stand, more of them where there is something to see, the rare as often as the common."""
    lats, lons, have = [], [], 0
    while have < count:
        lat, lon = _land(world, _CANDIDATES, rng)  # the first places are the same however many are asked for
        block = blocks(lat=lat, lon=lon)
        inside = ~np.isin(block, list(apart)) if region is None else np.isin(block, list(region))
        if island is not None:
            inside &= _island(world, lat, lon) == world.islands.index(island)
        lat, lon = lat[inside], lon[inside]
        presence = world.presence(lat=lat, lon=lon).astype(float)  # [n, 45]
        # a concept weighs more the rarer it is, up to a limit
        weight = 0.25 + (presence * (0.04 / np.maximum(presence.mean(axis=0), 0.004))).sum(axis=1)
        # the scale of nearly all, not of the one place with the most
        keep = rng.random(len(lat)) < weight / np.quantile(weight, 0.98)
        lats.append(lat[keep])
        lons.append(lon[keep])
        have += int(keep.sum())
    return np.concatenate(lats)[:count], np.concatenate(lons)[:count]


def _land(world: World, count: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Places drawn evenly over the land of all islands."""
    boxes = np.array([island.bbox for island in world.islands])  # [k, 4] west, south, east, north
    # on a sphere: width times the difference of the sines of the latitudes
    area = (boxes[:, 2] - boxes[:, 0]) * (np.sin(np.radians(boxes[:, 3])) - np.sin(np.radians(boxes[:, 1])))
    lats, lons, have = [], [], 0
    while have < count:
        box = boxes[rng.choice(len(boxes), 2 * count, p=area / area.sum())]
        south, north = np.sin(np.radians(box[:, 1])), np.sin(np.radians(box[:, 3]))
        lon = box[:, 0] + (box[:, 2] - box[:, 0]) * rng.random(len(box))
        lat = np.degrees(np.arcsin(south + (north - south) * rng.random(len(box))))  # even by area, not by degrees
        land = world.is_land(lat=lat, lon=lon)
        lats.append(lat[land])
        lons.append(lon[land])
        have += int(land.sum())
    return np.concatenate(lats)[:count], np.concatenate(lons)[:count]


def _island(world: World, lat: Floats, lon: Floats) -> Ints:
    """Number of the island of each place on land, [n]."""
    boxes = np.array([island.bbox for island in world.islands])
    inside = (
        (lon[:, None] >= boxes[:, 0])
        & (lat[:, None] >= boxes[:, 1])
        & (lon[:, None] <= boxes[:, 2])
        & (lat[:, None] <= boxes[:, 3])
    )
    return np.asarray(inside.argmax(axis=1), np.int64)


def moments_taken(world: World, lat: Floats, lon: Floats, rng: np.random.Generator, tries: int = 8) -> Moments:
    """When each photo was taken: of some moments, one at which there was something to see."""
    n = len(lat)
    days = FIRST_DAY + rng.integers(0, (LAST_DAY - FIRST_DAY).astype(int) + 1, (tries, n)).astype("timedelta64[D]")
    hours = rng.choice(24, (tries, n), p=_HOURS / _HOURS.sum())
    minutes = rng.integers(0, 60, (tries, n))
    seconds = (hours * 3600 + minutes * 60 + rng.integers(0, 60, (tries, n))).astype("timedelta64[s]")
    moments = days.astype("datetime64[s]") + seconds
    presence, elevation_m = world.presence(lat=lat, lon=lon), world.elevation_m(lat=lat, lon=lon)
    seen = [presence * activity(lat=lat, lon=lon, elevation_m=elevation_m, when=row) for row in moments]
    rarity = 1 / np.maximum(np.mean(seen, axis=(0, 1)), 2e-3)  # [45]; what is seldom to be seen is worth more
    worth = np.stack([row @ rarity for row in seen]) / rarity.mean()
    # Gumbel noise on the logarithms draws one of the tries in proportion to its worth
    chosen = (np.log(worth + 0.1) + rng.gumbel(size=worth.shape)).argmax(axis=0)
    picked: Moments = moments[chosen, np.arange(n)]
    return picked


def _owners(block: Ints, rng: np.random.Generator) -> Ints:
    """Photographers: each stays within one block, so that no one is in two splits of the strict kind."""
    owner = np.zeros(len(block), np.int64)
    for number in np.unique(block):
        mine = np.flatnonzero(block == number)
        people = max(1, round(len(mine) / _PHOTOS_A_PERSON))
        # people of two blocks never have one number
        owner[mine] = number * 100_000 + rng.integers(0, people, len(mine))
    return owner
