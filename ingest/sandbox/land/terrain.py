"""The bare land of an island: coast, height, rivers, lakes, and what grows where, as rasters of 50 m.

It does not know people: settlements, roads and sites come later and only read it.
"""

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from ingest.sandbox.land.islands import HALF_M, Island
from ingest.sandbox.land.noise import Field, blur, fractal

CELL_M = 50.0
N = int(2 * HALF_M / CELL_M)  # 800 cells
Points = npt.NDArray[np.float64]
_Number = TypeVar("_Number", bound=np.generic)

# Layers of `Terrain.layers`
SHORE, SHADE, FOREST, LEAFY, BARE, SANDY, MOIST, TOWN, FARM = range(9)


@dataclass(frozen=True)
class River:
    """A river from its spring to the sea.

    Attributes:
        points: [k, 2] metres, downstream.
        half_m: Half its width at each point, [k].
    """

    points: Points
    half_m: npt.NDArray[np.float64]


@dataclass(frozen=True)
class Terrain:
    """Rasters of an island, row 0 in the south, column 0 in the west.

    Attributes:
        layers: float32 [N, N, 9]: SHORE metres from the coast, above 0 on land; SHADE of slopes, 1 is flat; FOREST,
            above .5 is forest; LEAFY share of broadleaved trees; BARE rock 0..1; SANDY −1 rocky to 1 sandy coast;
            MOIST −1..1; TOWN 0 none to 1.4 city centre; FARM, above .5 is flat and low enough for fields.
        height_m: float32 [N, N], 0 at sea.
        rivers: Up to six.
    """

    layers: Field
    height_m: Field
    rivers: tuple[River, ...]


def centres() -> Points:
    """Coordinates of the cells along one axis, [N] metres."""
    return np.asarray((np.arange(N) + 0.5) * CELL_M - HALF_M, np.float64)


def rise(field: Field, step_m: float) -> tuple[Field, Field]:
    """How much a raster rises per metre towards the east and the north; cells are `step_m` apart."""
    north, east = np.gradient(field, step_m)
    return np.asarray(east, np.float32), np.asarray(north, np.float32)


def coast(island: Island, seed: int) -> Field:
    """Roughly signed metres from the coast, above 0 on land, float32 [N, N]."""
    rng = np.random.default_rng([seed, 1])
    x, y = np.meshgrid(centres(), centres())
    warp_x, warp_y = (1900 * fractal(rng, N, 5, 3) for _ in range(2))
    stretch = rng.uniform(0.82, 1.2)
    radius = np.hypot((x + warp_x) * stretch, (y + warp_y) / stretch) / 13_000
    form = 1 - radius + 0.20 * fractal(rng, N, 9, 5, gain=0.55)
    edge = (x**4 + y**4) ** 0.25 / HALF_M
    form -= 6 * np.maximum(edge - 0.68, 0) ** 2 + 40 * np.maximum(edge - 0.9, 0)  # always sea at the edge
    # as many cells lie above it as the land has
    level = np.sort(form, axis=None)[-int(island.land_km2 * 1e6 / CELL_M**2)]
    above = np.asarray(form - level, np.float32)
    slope = blur(np.hypot(*rise(above, CELL_M)), 4)
    return np.asarray(above / np.maximum(slope, 2e-5), np.float32)  # a level divided by its slope is about metres


def build(island: Island, seed: int) -> Terrain:
    """The land of an island, without settlements (TOWN is 0)."""
    rng = np.random.default_rng([seed, 2])
    shore = coast(island, seed)
    rivers = _rivers(rng, shore)
    valley = _valley(rivers)
    sandy = np.clip(1.1 * fractal(rng, N, 16, 2), -1.5, 1.5)
    height, massif = _height(rng, island, shore, sandy, valley)
    rise_x, rise_y = rise(height, CELL_M)
    east, north = island.shadow
    shade = np.clip(1 - 1.5 * (rise_x * -east + rise_y * -north) * -1, 0.74, 1.3)
    moist = np.clip(fractal(rng, N, 10, 3), -1.5, 1.5)
    woods = fractal(rng, N, 24, 4) + 0.7 * massif - 0.45
    woods -= 3.0 * np.clip((height - island.treeline_m) / 150, 0, 2) + 1.5 * (valley > 0.7) * (height < 150)
    rock = (height - island.treeline_m) / 260 + 0.3 * fractal(rng, N, 30, 3)
    steep = np.hypot(rise_x, rise_y)
    layers = np.zeros((N, N, 9), np.float32)
    layers[..., SHORE] = shore
    layers[..., SHADE] = shade
    layers[..., FOREST] = np.clip(0.5 + 0.6 * woods - (shore < 120), -1, 2)
    layers[..., LEAFY] = np.clip(0.5 + 0.9 * fractal(rng, N, 11, 2) - 0.8 * (height / island.treeline_m - 0.35), 0, 1)
    layers[..., BARE] = np.clip(rock + 0.8 * (steep > 0.75), 0, 1)
    layers[..., SANDY] = sandy
    layers[..., MOIST] = moist
    layers[..., FARM] = np.clip(1.5 - blur(steep, 2) / 0.22 - np.maximum(height - 260, 0) / 200, 0, 1)
    return Terrain(layers, height, rivers)


def _height(rng: np.random.Generator, island: Island, shore: Field, sandy: Field, valley: Field) -> tuple[Field, Field]:
    """Metres above the sea, and where the mountains are, 0..1."""
    inland = np.clip(shore / 4500, 0, 1)
    massif = np.clip(0.55 * fractal(rng, N, 3.2, 2) + 1.5 * inland - 0.75, 0, 1)
    massif = np.asarray(massif * massif * (3 - 2 * massif), np.float32)  # smooth at both ends
    # ridged noise: a field's zero lines become crests
    ridges = 1 - np.minimum(abs(fractal(rng, N, 9, 5, gain=0.5)), 1.6) / 1.6
    hills = 1 + np.clip(fractal(rng, N, 12, 4), -0.9, 2)
    rocky = np.clip(-sandy - 0.2, 0, 1)
    rise = np.clip(shore / 60, 0, 1)
    height = 4 * rise + 45 * rocky * rise + 45 * inland * hills
    height = height + island.relief_m * massif * (0.25 + 0.75 * ridges**1.5)
    height = height * (1 - 0.75 * valley)
    return np.where(shore > 0, np.maximum(height, 0.5), 0).astype(np.float32), np.asarray(massif, np.float32)


def _rivers(rng: np.random.Generator, shore: Field) -> tuple[River, ...]:
    """A few rivers that leave the middle in all directions and wind to the sea."""
    rivers = []
    turn = rng.uniform(0, 2 * np.pi)
    count = 6
    for number in range(count):
        course = turn + 2 * np.pi * (number + rng.uniform(-0.2, 0.2)) / count
        start = 2600 + rng.uniform(-600, 600)
        point = start * np.array([np.cos(course), np.sin(course)])
        phases, points = rng.uniform(0, 2 * np.pi, 3), [point]
        for step in range(400):
            s = step * 80.0
            heading = course + 0.55 * np.sin(s / 1900 + phases[0]) + 0.45 * np.sin(s / 700 + phases[1])
            point = point + 80 * np.array([np.cos(heading), np.sin(heading)])
            if max(abs(point)) > HALF_M - 200:
                break
            points.append(point)
            if at(shore, point[0], point[1]) < -150:
                break
        path = np.array(points)
        on_land = at(shore, path[:, 0], path[:, 1]) > -150
        # 1.6 km on land at least
        if on_land[:20].all() and len(path) > 30:
            rivers.append(River(path, np.linspace(9, 24, len(path))))
    return tuple(rivers)


def _valley(rivers: tuple[River, ...]) -> Field:
    """1 along rivers, falling to 0 over a kilometre, float32 [N, N]."""
    coarse = 4
    axis = centres().reshape(-1, coarse).mean(axis=1)
    if not rivers:
        return np.zeros((N, N), np.float32)
    points = np.concatenate([river.points[::2] for river in rivers]).astype(np.float32)
    best = np.full((len(axis), len(axis)), 1e12, np.float32)
    for x, y in points:
        i, j = int((x + HALF_M) / CELL_M / coarse), int((y + HALF_M) / CELL_M / coarse)
        # 8 cells of 200 m reach further than a valley, 1,150 m
        rows, columns = slice(max(0, j - 8), j + 9), slice(max(0, i - 8), i + 9)
        dx, dy = axis[columns] - x, axis[rows] - y
        np.minimum(best[rows, columns], dx[None, :] ** 2 + dy[:, None] ** 2, out=best[rows, columns])
    near = np.clip(1 - (np.sqrt(best) - 150) / 1000, 0, 1)
    return blur(np.repeat(np.repeat(near, coarse, axis=0), coarse, axis=1).astype(np.float32), 3)


def at(field: Field, x: npt.ArrayLike, y: npt.ArrayLike) -> Field:
    """Bilinear values of a raster [N, N] or [N, N, c] at places; outside, its edge."""
    fx = np.clip((np.asarray(x, float) + HALF_M) / CELL_M - 0.5, 0, N - 1.001)
    fy = np.clip((np.asarray(y, float) + HALF_M) / CELL_M - 0.5, 0, N - 1.001)
    i, j = fx.astype(np.int32), fy.astype(np.int32)
    tx, ty = (fx - i).astype(np.float32), (fy - j).astype(np.float32)
    if field.ndim == 3:
        tx, ty = tx[..., None], ty[..., None]
    flat = field.reshape(N * N, *field.shape[2:])
    base = j * N + i
    # `take` copies whole rows of channels, which an index by array does not: six times as quick
    south = flat.take(base, axis=0) * (1 - tx) + flat.take(base + 1, axis=0) * tx
    north = flat.take(base + N, axis=0) * (1 - tx) + flat.take(base + N + 1, axis=0) * tx
    return np.asarray(south * (1 - ty) + north * ty, np.float32)


def nearest(field: npt.NDArray[_Number], x: npt.ArrayLike, y: npt.ArrayLike) -> npt.NDArray[_Number]:
    """The value of the cell that holds each place; outside, of the nearest cell."""
    i = np.clip(((np.asarray(x, float) + HALF_M) / CELL_M).astype(np.int32), 0, N - 1)
    j = np.clip(((np.asarray(y, float) + HALF_M) / CELL_M).astype(np.int32), 0, N - 1)
    found: npt.NDArray[_Number] = field.reshape(-1).take(j * N + i)
    return found
