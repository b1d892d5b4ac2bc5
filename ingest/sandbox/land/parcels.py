"""Farmland: which crop grows on which parcel. The map that truth is read from and the picture ask the same function.

Parcels are strips of rectangles, turned like the streets of the nearest settlement. What prevails changes from zone to
zone over a kilometre or two, so that wheat country differs from pasture country. It does not draw.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ingest.sandbox.land.noise import Field, fractal, hashed
from ingest.sandbox.land.terrain import N, Terrain, nearest

WHEAT, PLOUGHED, PASTURE, GREEN = range(4)
_STRIP_M = 230.0
_SHARES = np.array([  # of wheat, ploughed, pasture, green crops in each kind of zone
    [0.86, 0.02, 0.02, 0.10],
    [0.03, 0.80, 0.02, 0.15],
    [0.02, 0.01, 0.94, 0.03],
    [0.04, 0.03, 0.10, 0.83],
]).cumsum(axis=1).astype(np.float32)  # fmt: skip

Floats = npt.NDArray[np.floating]


@dataclass(frozen=True)
class Farmland:
    """What is needed to tell the parcel of any place.

    Attributes:
        zone: What prevails, uint8 [N, N].
        home: Number of the nearest settlement, int16 [N, N].
        angles: Of the parcels around each settlement, radians [k].
        seed: Of the island; crops and widths follow from it.
    """

    zone: npt.NDArray[np.uint8]
    home: npt.NDArray[np.int16]
    angles: npt.NDArray[np.float32]
    seed: int


@dataclass(frozen=True)
class Parcels:
    """The parcel at each of n places.

    Attributes:
        crop: WHEAT, PLOUGHED, PASTURE or GREEN.
        luck: A number in 0..1 of the parcel's own.
        across: Metres across the rows of the crop.
        edge_m: Metres to the nearest edge of the parcel.
    """

    crop: npt.NDArray[np.uint8]
    luck: Field
    across: Floats
    edge_m: Floats


def farm(terrain: Terrain, home: npt.NDArray[np.int16], angles: npt.NDArray[np.float64], seed: int) -> Farmland:
    """Zones for an island."""
    rng = np.random.default_rng([seed, 4])
    arable, moist = fractal(rng, N, 16, 2), fractal(rng, N, 19, 2)
    high = np.clip((terrain.height_m - 120) / 200, 0, 1.5)  # cattle stand where it is too high for wheat
    zone = np.where(moist > 0.25, PLOUGHED, np.where(moist > -0.1, GREEN, WHEAT))
    zone = np.where(arable - high < -0.1, PASTURE, zone)
    return Farmland(zone.astype(np.uint8), home, angles.astype(np.float32), seed)


def parcels(land: Farmland, x: Floats, y: Floats) -> Parcels:
    """The parcel of every place; arrays of the shape of `x`."""
    home = nearest(land.home, x, y)
    angle = land.angles[home]
    cos, sin = np.cos(angle), np.sin(angle)
    u, v = x * cos + y * sin, y * cos - x * sin
    strip = np.floor(u / _STRIP_M).astype(np.int32)
    luck = hashed(land.seed, strip, home)
    width = 120 + 90 * luck
    shifted = v + 500 * luck  # rows of neighbouring strips do not line up
    row = np.floor(shifted / width).astype(np.int32)
    in_u, in_v = u - strip * _STRIP_M, shifted - row * width
    mid_u, mid_v = (strip + 0.5) * _STRIP_M, (row + 0.5) * width - 500 * luck
    # of the parcel's middle, so that a parcel is of one zone
    zone = nearest(land.zone, mid_u * cos - mid_v * sin, mid_u * sin + mid_v * cos)
    own = hashed(land.seed + 1, strip, row, home)
    # how many of the cumulated shares the parcel's number has passed
    crop = (hashed(land.seed + 2, strip, row, home)[..., None] >= _SHARES[zone.astype(np.int64)][..., :3]).sum(axis=-1)
    edge = np.minimum(np.minimum(in_u, _STRIP_M - in_u), np.minimum(in_v, width - in_v))
    return Parcels(crop.astype(np.uint8), own, np.where(own < 0.5, u, v), edge)
