"""Patterns of the view from above, made once: noise, and woods of single crowns. They repeat without a seam.

It does not know where they are laid.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from ingest.sandbox.land.noise import Field, periodic

_SIZE = 512  # a power of two: places wrap by a mask
_CROWN_TEXEL_M = 1.5


@dataclass(frozen=True)
class Textures:
    """All patterns.

    Attributes:
        white: Noise of the finest grain, [512, 512], deviation 1.
        cloudy: Noise of all scales, [512, 512], deviation 1.
        ragged: Noise without large features, for edges that must stay where they are, [512, 512], deviation 1.
        leafy: Light on broad crowns and a number of each tree, by resolution: texels of 1.5, 3, 6, 12 m.
        conifer: The same of narrow crowns.
    """

    white: Field
    cloudy: Field
    ragged: Field
    leafy: tuple[Field, ...]
    conifer: tuple[Field, ...]

    def grain(self, x: Field, y: Field, texel_m: float, gsd_m: float) -> Field:
        """Fine noise at places, deviation about 1, less where it is finer than pixels."""
        found = look_up(self.white, x, y, texel_m, smooth=gsd_m < 0.7 * texel_m)
        # a pixel over several grains shows their mean, which varies less
        return found if gsd_m <= 2 * texel_m else found * np.float32(2 * texel_m / gsd_m)

    def clouds(self, x: Field, y: Field, texel_m: float) -> Field:
        """Noise of all scales at places, the finest of `texel_m`."""
        return look_up(self.cloudy, x, y, texel_m, smooth=True)

    def edges(self, x: Field, y: Field, texel_m: float) -> Field:
        """Noise whose largest features are 24 texels wide."""
        return look_up(self.ragged, x, y, texel_m, smooth=True)

    def woods(self, x: Field, y: Field, gsd_m: float, *, leafy: bool) -> tuple[Field, Field]:
        """Light on crowns, about 1, and a number 0..1 of each tree."""
        level = int(np.clip(np.floor(np.log2(max(gsd_m, 0.1) / _CROWN_TEXEL_M)), 0, 3))  # texels no larger than pixels
        pattern = (self.leafy if leafy else self.conifer)[level]
        found = look_up(pattern, x, y, _CROWN_TEXEL_M * 2**level, smooth=True)
        return found[..., 0], found[..., 1]


def look_up(pattern: Field, x: Field, y: Field, texel_m: float, *, smooth: bool) -> Field:
    """Values of a pattern at places, the nearest or between four; float32 of their shape (and channels)."""
    size = pattern.shape[0]
    mask = size - 1
    fx, fy = x * np.float32(1 / texel_m), y * np.float32(1 / texel_m)
    flat = pattern.reshape(size * size, *pattern.shape[2:])
    bx, by = np.floor(fx), np.floor(fy)
    i, j = bx.astype(np.int32), by.astype(np.int32)
    row = (j & mask) * size
    if not smooth:
        return np.asarray(flat.take(row + (i & mask), axis=0))
    above = ((j + 1) & mask) * size
    west, east = i & mask, (i + 1) & mask
    tx, ty = fx - bx, fy - by
    if pattern.ndim == 3:
        tx, ty = tx[..., None], ty[..., None]
    # `take` copies both channels at once, which an index by array does not: ten times as quick
    low, high = flat.take(row + west, axis=0), flat.take(above + west, axis=0)
    low = low + tx * (flat.take(row + east, axis=0) - low)
    high = high + tx * (flat.take(above + east, axis=0) - high)
    return np.asarray(low + ty * (high - low), np.float32)


@lru_cache(maxsize=1)
def textures() -> Textures:
    """The patterns; made in a fraction of a second and kept."""
    white = np.random.default_rng([1, 11]).standard_normal((_SIZE, _SIZE)).astype(np.float32)
    cloudy, ragged = periodic(2, _SIZE, 2.6), periodic(5, _SIZE, 2.0, largest=24)
    return Textures(white, cloudy, ragged, _levels(_crowns(3, 7, 0.62)), _levels(_crowns(4, 5, 0.55)))


def _crowns(seed: int, cell: int, reach: float) -> Field:
    """Light on crowns that stand close, and a number of each tree, float32 [512, 512, 2]; cells in texels."""
    # whole cells only, so that none is cut at the seam
    n = _SIZE // cell
    pitch = _SIZE / n
    rng = np.random.default_rng([seed, 12])
    jitter = rng.uniform(0.0, 1.0, (n, n, 2))
    radius = pitch * reach * rng.uniform(0.7, 1.4, (n, n))
    number = rng.uniform(0, 1, (n, n))
    axis = (np.arange(_SIZE) + 0.5) / pitch
    x, y = np.meshgrid(axis, axis)
    i, j = x.astype(int), y.astype(int)
    top, light, tree = (np.full((_SIZE, _SIZE), value) for value in (-1.0, 0.6, 0.5))
    # a crown reaches into the cells beside its own
    for dj in (-1, 0, 1):
        for di in (-1, 0, 1):
            a, b = (j + dj) % n, (i + di) % n
            dx, dy = (x - (i + di) - jitter[a, b, 0]) * pitch, (y - (j + dj) - jitter[a, b, 1]) * pitch
            height = 1 - np.hypot(dx, dy) / radius[a, b]
            higher = (height > top) & (height > 0)
            top = np.where(higher, height, top)
            sunny = 0.75 + 0.45 * np.clip(height, 0, 0.6) + 0.30 * (dx - dy) / radius[a, b] * 0.7
            light, tree = np.where(higher, sunny, light), np.where(higher, number[a, b], tree)
    return np.stack([light, tree], axis=-1).astype(np.float32)


def _levels(pattern: npt.NDArray[np.float32]) -> tuple[Field, ...]:
    """The pattern at 1, 1/2, 1/4 and 1/8 of its resolution, by means of squares."""
    levels = [pattern]
    for _ in range(3):
        size = levels[-1].shape[0] // 2
        levels.append(levels[-1].reshape(size, 2, size, 2, 2).mean(axis=(1, 3)))
    return tuple(levels)
