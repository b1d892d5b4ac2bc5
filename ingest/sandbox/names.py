"""What the people of the sandbox planet call their towns: made up, and the same for the same island and seed."""

import zlib

import numpy as np

from ingest.sandbox.land.islands import Island
from ingest.sandbox.world import World

_FIRST = (
    "Al",
    "Bren",
    "Cor",
    "Dun",
    "El",
    "Fen",
    "Gar",
    "Hol",
    "Kel",
    "Lor",
    "Mar",
    "Nor",
    "Pel",
    "Quen",
    "Sel",
    "Tor",
)
_MIDDLE = ("", "a", "e", "i", "o")
_LAST = ("dale", "by", "ford", "ham", "holm", "mere", "mouth", "ness", "port", "stead", "thorpe", "ton", "vik", "wick")


def towns(world: World, island: Island) -> list[tuple[str, float, float]]:
    """Name, latitude and longitude in degrees of an island's city, towns and villages; no name twice on it."""
    found = world.land(island).settled.settlements
    rng = np.random.default_rng([world.seed, zlib.crc32(island.name.encode())])
    every = [first + middle + last for first in _FIRST for middle in _MIDDLE for last in _LAST]
    names = rng.choice(every, len(found), replace=False).tolist()
    lon, lat = island.to_lonlat([town.x for town in found], [town.y for town in found])
    called = [f"{name}, {island.name.capitalize()}" for name in names]
    return list(zip(called, lat.tolist(), lon.tolist(), strict=True))
