"""What can be seen from where: for every place of an island, how likely a person in the 480 m tile around it sees the
place of each concept, and what lies around.

Sites are seen when the tile holds a clear part of them; what covers land (forest, crops, streets) by its share of the
tile. Both are kept as rasters of 80 m that places are looked up in. The time of year or day plays no part.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ingest.sandbox.concepts import NAMES, index
from ingest.sandbox.land.islands import HALF_M, Island
from ingest.sandbox.land.noise import Field, blur
from ingest.sandbox.land.parcels import GREEN, PASTURE, PLOUGHED, WHEAT, Farmland, parcels
from ingest.sandbox.land.settlements import Way
from ingest.sandbox.land.sites import Site, along
from ingest.sandbox.land.terrain import BARE, CELL_M, FARM, FOREST, LEAFY, SANDY, SHORE, TOWN, N, Terrain, at, centres
from ingest.sandbox.scene import BACKDROPS

STEP_M = 80.0
M = int(2 * HALF_M / STEP_M)  # 500
SEEN = 0.95  # nobody sees all there is
# Probability by how far (in metres, the larger of east-west and north-south) the nearest clear part of a site lies
# from the middle of the tile, whose edge is at 240 m.
_REACH_M = (204.0, 238.0, 272.0, 390.0)
_REACH_P = (SEEN, 0.55, 0.13, 0.0)
DENSE, CITY = 0.42, 0.62  # levels of TOWN from which streets are built up closely, and from which they are a city's


@dataclass(frozen=True)
class Visibility:
    """Rasters of an island, row 0 in the south.

    Attributes:
        presence: Probability times 250, uint8 [M, M, 45].
        backdrops: Weights times 250, uint8 [M, M, 15].
    """

    presence: npt.NDArray[np.uint8]
    backdrops: npt.NDArray[np.uint8]


def survey(
    island: Island, terrain: Terrain, land: Farmland, ways: tuple[Way, ...], sites: tuple[Site, ...]
) -> Visibility:
    """Look around from everywhere on an island."""
    cover = _cover(terrain, land, sites)
    presence = np.zeros((len(NAMES), M, M), np.float32)
    for name, share, low, high in _by_share(cover):
        if name not in island.absent:
            presence[index()[name]] = _thin(SEEN * np.clip((_mean(share) - low) / (high - low), 0, 1))
    for site in sites:
        _add(presence[index()[site.kind]], *site.points(40.0, core=True))
    for kind, name in (("motorway", "motorway_trucks"),):
        for way in ways:
            if way.kind == kind:
                # in pieces: `_add` works on the window around all points that it is given
                for part in _split(along(way.points, 40.0), 20):
                    _add(presence[index()[name]], part[:, 0], part[:, 1])
    for river in terrain.rivers:
        # wider than 21 m, more than 30 m from the sea
        for part in _split(
            along(river.points[(river.half_m > 10.5) & (at(terrain.layers[..., SHORE], *river.points.T) > 30)], 40.0),
            20,
        ):
            _add(presence[index()["river_anglers"]], part[:, 0], part[:, 1])
    backdrops = _backdrops(cover, terrain, ways, presence)
    return Visibility(_pack(presence), _pack(backdrops))


def look_up(packed: npt.NDArray[np.uint8], x: npt.ArrayLike, y: npt.ArrayLike) -> Field:
    """Bilinear values at places in metres, float32 [n, c]."""
    # −0.5: values stand at the middles of cells; M − 1.001: the next cell must be there
    fx = np.clip((np.asarray(x, float) + HALF_M) / STEP_M - 0.5, 0, M - 1.001)
    fy = np.clip((np.asarray(y, float) + HALF_M) / STEP_M - 0.5, 0, M - 1.001)
    i, j = fx.astype(np.int64), fy.astype(np.int64)
    tx, ty = (fx - i).astype(np.float32)[:, None], (fy - j).astype(np.float32)[:, None]
    south = packed[j, i] * (1 - tx) + packed[j, i + 1] * tx
    north = packed[j + 1, i] * (1 - tx) + packed[j + 1, i + 1] * tx
    return np.asarray((south * (1 - ty) + north * ty) / 250, np.float32)


def _cover(terrain: Terrain, land: Farmland, sites: tuple[Site, ...]) -> dict[str, Field]:
    """What covers each cell of 50 m, as float32 [N, N] of 0 and 1."""
    layers = terrain.layers
    x, y = np.meshgrid(centres(), centres())
    free = np.ones((N, N), np.float32)
    for site in sites:
        px, py = site.points(35.0)
        free[((py + HALF_M) / CELL_M).astype(int), ((px + HALF_M) / CELL_M).astype(int)] = 0
    dry = (layers[..., SHORE] > 0).astype(np.float32)
    built = (layers[..., TOWN] > 0.06) * dry
    bare = (layers[..., BARE] > 0.5) * dry * (1 - built)
    wood = (layers[..., FOREST] > 0.5) * dry * (1 - built) * (1 - bare)
    open_ = dry * (1 - built) * (1 - bare) * (1 - wood) * (layers[..., SHORE] > 70) * free
    field = open_ * (layers[..., FARM] > 0.5)
    crop = parcels(land, x, y).crop
    coast = (abs(layers[..., SHORE]) < 40).astype(np.float32)
    return {
        "dry": dry,
        "sea": 1 - dry,
        "beach": coast * (layers[..., SANDY] > 0.1),
        "cliff": coast * (layers[..., SANDY] < -0.5) * free,
        "forest": wood * free,
        "leafy": wood * free * (layers[..., LEAFY] > 0.5),
        "mountain": bare,
        "wheat": field * (crop == WHEAT),
        "ploughed": field * (crop == PLOUGHED),
        "pasture": field * (crop == PASTURE),
        "green": field * (crop == GREEN),
        "suburb": built * (layers[..., TOWN] < DENSE) * free,
        "dense": built * (layers[..., TOWN] >= DENSE),
        "town": built * (layers[..., TOWN] >= DENSE) * (layers[..., TOWN] < CITY),
        "city": built * (layers[..., TOWN] >= CITY),
    }


def _by_share(cover: dict[str, Field]) -> tuple[tuple[str, Field, float, float], ...]:
    """Concepts seen by their share of the tile: name, cover, share at which it is never and always seen."""
    return (
        ("cliffs", cover["cliff"], 0.01, 0.05),
        ("forest_hike", cover["forest"], 0.18, 0.42),
        ("autumn_leaves", cover["leafy"], 0.14, 0.36),
        ("snow_cover", cover["dry"], 0.1, 0.4),
        ("wheat_harvest", cover["wheat"], 0.06, 0.20),
        ("ploughing", cover["ploughed"], 0.06, 0.20),
        ("grazing_cattle", cover["pasture"], 0.10, 0.28),
        ("night_lights", cover["dense"], 0.08, 0.30),
        ("quiet_suburb", cover["suburb"], 0.10, 0.30),
    )


def _mean(share: Field) -> Field:
    """Mean over a tile's width around each cell of 50 m."""
    return blur(np.asarray(share, np.float32), 4)  # 9 cells of 50 m


def _thin(field: Field) -> Field:
    """From cells of 50 m to those of 80 m."""
    axis = (np.arange(M) + 0.5) * STEP_M - HALF_M
    low = np.clip((axis + HALF_M) / CELL_M - 0.5, 0, N - 1.001)
    i, t = low.astype(int), (low - low.astype(int)).astype(np.float32)
    columns = field[:, i] * (1 - t) + field[:, i + 1] * t
    return np.asarray(columns[i] * (1 - t)[:, None] + columns[i + 1] * t[:, None], np.float32)


def _split(points: npt.NDArray[np.float64], size: int) -> list[npt.NDArray[np.float64]]:
    return [points[i : i + size] for i in range(0, len(points), size)]


def _add(raster: Field, x: npt.NDArray[np.float64], y: npt.NDArray[np.float64]) -> None:
    """Raise the probability around clear parts of a site, in place."""
    if not len(x):
        return
    reach = _REACH_M[-1]
    low_i, high_i = (int((v + HALF_M) / STEP_M) for v in (x.min() - reach, x.max() + reach))
    low_j, high_j = (int((v + HALF_M) / STEP_M) for v in (y.min() - reach, y.max() + reach))
    columns, rows = slice(max(0, low_i), high_i + 1), slice(max(0, low_j), high_j + 1)
    axis = (np.arange(M) + 0.5) * STEP_M - HALF_M
    dx = abs(axis[columns][None, :] - x[:, None]).astype(np.float32)  # [k, columns]
    dy = abs(axis[rows][None, :] - y[:, None]).astype(np.float32)
    away = np.maximum(dx[:, None, :], dy[:, :, None]).min(axis=0)  # [rows, columns]
    part = raster[rows, columns]
    np.maximum(part, np.interp(away, _REACH_M, _REACH_P), out=part)


def _backdrops(cover: dict[str, Field], terrain: Terrain, ways: tuple[Way, ...], presence: Field) -> Field:
    """Weights of what lies around, float32 [15, M, M], at least one above 0."""
    seen = {name: presence[column] for name, column in index().items()}
    road = np.zeros((M, M), np.float32)
    for way in ways:
        for part in _split(along(way.points, 40.0), 20):
            _add(road, part[:, 0], part[:, 1])
    share = {name: _thin(_mean(values)) for name, values in cover.items()}
    height = _thin(terrain.height_m)
    near_sea = np.clip(4 * share["sea"], 0, 1)
    weights = {
        "sea": 0.9 * np.sqrt(share["sea"]),
        "beach": np.clip(12 * share["beach"], 0, 1),
        "cliff": np.clip(12 * share["cliff"], 0, 1) * near_sea,
        "lake": seen["lake_rowing"],
        "river": seen["river_anglers"],
        "forest": share["forest"],
        "field": share["wheat"] + share["ploughed"] + share["green"],
        "pasture": share["pasture"] + 0.3 * np.maximum(share["dry"] - sum(share[k] for k in _LAND), 0),
        "mountain": np.clip(share["mountain"] + np.clip((height - 500) / 1500, 0, 0.4), 0, 1),
        "suburb": share["suburb"],
        "town": share["town"],
        "city": share["city"],
        "industry": 0.8 * np.maximum.reduce([seen["factory"], seen["warehouse_trucks"], seen["container_port"]]),
        "road": 0.25 * road,
        "park": 0.7 * np.maximum.reduce([seen["running_trail"], seen["golf"], 0.6 * seen["playground"]]),
    }
    stacked = np.stack([np.asarray(weights[name], np.float32) for name in BACKDROPS])
    return np.clip(stacked, 0, 1)


_LAND = ("forest", "mountain", "wheat", "ploughed", "pasture", "green", "suburb", "dense")


def _pack(fields: Field) -> npt.NDArray[np.uint8]:
    """Fields [c, M, M] of 0..1 as whole numbers up to 250, [M, M, c]."""
    packed = np.empty((M, M, len(fields)), np.uint8)
    for column, values in enumerate(fields):
        packed[..., column] = values * np.float32(250) + np.float32(0.5)  # the half rounds: a cast cuts off
    return packed
