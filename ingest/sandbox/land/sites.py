"""The sites of the concepts on an island: oriented rectangles, each where one would expect it and none on another.

A site has its own axes: u along it, v across; at the coast v points to the sea and v = 0 is the shore, on a slope v
points uphill. It does not draw: `aerial/` has one painter for each kind.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ingest.sandbox.land.islands import HALF_M, Island
from ingest.sandbox.land.settlements import Settled, Way
from ingest.sandbox.land.terrain import (
    BARE,
    CELL_M,
    FOREST,
    SANDY,
    SHORE,
    TOWN,
    N,
    Points,
    Terrain,
    at,
    centres,
    nearest,
    rise,
)

Mask = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.integer]
Floats = npt.NDArray[np.float64]
Span = tuple[float, float]

ANY: Span = (-1e9, 1e9)
_TAKEN_CELL_M = 25.0
_TAKEN_N = int(2 * HALF_M / _TAKEN_CELL_M)
_TRIES = 1500


@dataclass(frozen=True, slots=True)
class SitePlan:
    """How many sites of a kind there are and where.

    Attributes:
        kind: Name of the concept, which is that of its painter.
        count: How many an island has, if there is room.
        hu: Half its length along u, metres.
        hv: Half its length along v, metres.
        where: coast, land, town, rail, peak or lake.
        town: Range of the layer TOWN.
        forest: Range of the layer FOREST.
        sandy: Range of the layer SANDY.
        height_m: Range of heights above the sea.
        slope: Range of slopes, metres of height a metre.
        shore_m: Range of distances from the coast.
        apart_m: Smallest distance between two of the kind.
        core: Part of the rectangle that makes the concept visible: centre and half sizes in halves of the site.
    """

    kind: str
    count: int
    hu: float
    hv: float
    where: str = "land"
    town: Span = (-1, 0.03)
    forest: Span = (-9, 0.45)
    sandy: Span = ANY
    height_m: Span = (0, 420)
    slope: Span = (0, 0.22)
    shore_m: Span = (150, 1e9)
    apart_m: float = 900
    core: tuple[float, float, float, float] = (0, 0, 0.8, 0.8)


_STREETS: dict[str, object] = {"where": "town", "forest": ANY, "slope": (0, 0.5), "shore_m": (60, 1e9), "apart_m": 420}


def _town(kind: str, count: int, hu: float, hv: float, low: float, high: float = 9, **more: object) -> SitePlan:
    return SitePlan(kind, count, hu, hv, town=(low, high), **{**_STREETS, **more})  # type: ignore[arg-type]


# In the order of placing: what is large or choosy goes first.
PLANS: tuple[SitePlan, ...] = (
    SitePlan("airport_planes", 5, 640, 190, town=(-1, 0.02), slope=(0, 0.12), forest=(-9, 0.7), apart_m=4000,
          height_m=(0, 260), core=(0, 0, 0.88, 0.75)),
    SitePlan("surfing", 26, 205, 180, "coast", town=(-1, 0.3), sandy=(0.0, 9), apart_m=500, core=(0, 0.38, 0.8, 0.34)),
    SitePlan("beach_bathers", 34, 200, 110, "coast", town=ANY, sandy=(0.0, 9), apart_m=450, core=(0, -0.2, 0.85, 0.4)),
    SitePlan("container_port", 15, 250, 190, "coast", town=ANY, sandy=(-0.8, 0.45), apart_m=1500,
         core=(0, -0.38, 0.85, 0.4)),
    SitePlan("ferry_terminal", 24, 120, 160, "coast", town=ANY, sandy=(-0.8, 0.45), apart_m=1200,
         core=(0, 0.1, 0.5, 0.6)),
    SitePlan("sailing_boats", 30, 125, 125, "coast", town=ANY, sandy=(-0.8, 0.45), apart_m=900,
         core=(0, 0.38, 0.7, 0.32)),
    SitePlan("fishing_boats", 30, 105, 105, "coast", town=ANY, sandy=(-0.8, 0.45), apart_m=900,
         core=(0, 0.1, 0.7, 0.7)),
    SitePlan("lighthouse", 36, 80, 90, "coast", town=ANY, sandy=(-9, 0.0), apart_m=1100, core=(0, -0.25, 0.4, 0.4)),
    SitePlan("lake_rowing", 12, 300, 240, "lake", forest=(-9, 0.75), town=(-1, 0.01), slope=(0, 0.14),
         height_m=(0, 600),
          apart_m=2500, core=(0, 0, 0.6, 0.6)),
    SitePlan("mountain_summit", 18, 190, 190, "peak", apart_m=1500, forest=ANY, height_m=(300, 9e9), slope=ANY, core=(0,
          0, 0.5, 0.5)),
    SitePlan("ski_slope", 16, 210, 400, "slope", forest=ANY, height_m=(260, 9e9), slope=(0.12, 0.9), apart_m=1200),
    SitePlan("train_station", 16, 210, 70, "rail", town=(0.02, 9), apart_m=900, slope=ANY, forest=ANY),
    SitePlan("golf", 10, 330, 260, town=(-1, 0.05), forest=(-9, 0.8), apart_m=2500, core=(0, 0, 0.72, 0.72)),
    SitePlan("wind_turbines", 16, 330, 120, height_m=(10, 700), slope=(0, 0.5), apart_m=1500, core=(0, 0, 0.78, 0.2)),
    SitePlan("quarry", 20, 150, 140, height_m=(25, 700), slope=(0.03, 0.6), forest=(-9, 0.9), apart_m=1500, core=(0, 0,
          0.62, 0.62)),
    SitePlan("vineyard", 20, 190, 160, height_m=(10, 420), slope=(0.0, 0.35), apart_m=900),
    SitePlan("solar_park", 20, 180, 140, apart_m=1200),
    SitePlan("orchard_blossom", 22, 180, 150, apart_m=900),
    SitePlan("greenhouse", 20, 160, 120, slope=(0, 0.15), apart_m=900),
    SitePlan("horse_riding", 24, 140, 120, apart_m=1000, core=(0, 0, 0.68, 0.68)),
    SitePlan("camping", 24, 125, 105, forest=(-9, 0.8), apart_m=1000),
    _town("traffic_jam", 18, 150, 150, 0.35, apart_m=520),
    _town("shopping_crowd", 16, 125, 95, 0.45),
    _town("running_trail", 20, 170, 140, 0.08, 0.9, apart_m=700, core=(0, 0, 0.68, 0.68)),
    _town("factory", 16, 160, 130, 0.03, 0.45, apart_m=700),
    _town("warehouse_trucks", 16, 170, 140, 0.03, 0.45, apart_m=700),
    _town("school_yard", 26, 90, 75, 0.12, apart_m=500),
    _town("church_square", 30, 75, 65, 0.15, apart_m=500),
    _town("market_stalls", 24, 62, 55, 0.3),
    _town("cafe_terrace", 24, 62, 52, 0.3),
    _town("building_site", 24, 85, 75, 0.12, apart_m=500),
    _town("soccer_match", 28, 95, 72, 0.03, 0.6, apart_m=600),
    _town("tennis_courts", 26, 75, 62, 0.03, 0.7, apart_m=500),
    _town("playground", 28, 55, 50, 0.06, 0.9),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Site:
    """One site.

    Attributes:
        kind: Name of the concept.
        x: Metres east of the island's centre, of its centre.
        y: Metres north.
        angle: Of u against east, radians.
        hu: Half its length along u, metres.
        hv: Half its length along v, metres.
        core: As in `SitePlan`.
        seed: Of everything drawn by chance on it.
    """

    kind: str
    x: float
    y: float
    angle: float
    hu: float
    hv: float
    core: tuple[float, float, float, float]
    seed: int

    def world(self, u: npt.ArrayLike, v: npt.ArrayLike) -> tuple[Floats, Floats]:
        """Metres on the island of places on the site."""
        cos, sin = np.cos(self.angle), np.sin(self.angle)
        u, v = np.asarray(u, float), np.asarray(v, float)
        return self.x + u * cos - v * sin, self.y + u * sin + v * cos

    def points(self, step_m: float, *, core: bool = False) -> tuple[Floats, Floats]:
        """Places all over the rectangle, or its core, at most `step_m` apart, edges included, metres on the island."""
        mu, mv, su, sv = self.core if core else (0, 0, 1, 1)
        us = np.linspace(mu - su, mu + su, max(2, int(2 * su * self.hu / step_m) + 2)) * self.hu
        vs = np.linspace(mv - sv, mv + sv, max(2, int(2 * sv * self.hv / step_m) + 2)) * self.hv
        u, v = np.meshgrid(us, vs)
        return self.world(u.ravel(), v.ravel())


def place(island: Island, terrain: Terrain, settled: Settled, seed: int) -> tuple[Site, ...]:
    """All sites of an island."""
    rng = np.random.default_rng([seed, 5])
    taken = _ways(settled.ways, terrain)
    ground = _Ground(island, terrain, settled)
    sites: list[Site] = []
    for plan in PLANS:
        if plan.kind in island.absent:
            continue
        mine: list[Site] = []
        for site in ground.candidates(plan, rng):
            if any(np.hypot(site.x - other.x, site.y - other.y) < plan.apart_m for other in mine):
                continue
            x, y = site.points(_TAKEN_CELL_M)
            # a station lies on the railway, which is taken
            if not taken[_cells(x, y)].any() or plan.where in ("rail", "peak"):
                taken[_cells(x, y)] = True
                mine.append(site)
                if len(mine) == plan.count:
                    break
        sites += mine
    return tuple(sites)


def _cells(x: Floats, y: Floats) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    limit = _TAKEN_N - 1
    rows = np.clip(((y + HALF_M) / _TAKEN_CELL_M).astype(np.int64), 0, limit)
    return rows, np.clip(((x + HALF_M) / _TAKEN_CELL_M).astype(np.int64), 0, limit)


def _ways(ways: tuple[Way, ...], terrain: Terrain) -> Mask:
    """Ground under ways and rivers, where no site may be, bool [_TAKEN_N, _TAKEN_N]."""
    taken = np.zeros((_TAKEN_N, _TAKEN_N), bool)
    lines = [(way.points, {"road": 18.0, "rail": 22.0, "motorway": 45.0}[way.kind]) for way in ways]
    lines += [(river.points, 45.0) for river in terrain.rivers]
    for points, half in lines:
        dense = along(points, 15.0)
        for dx in np.arange(-half, half + 1, _TAKEN_CELL_M / 1.5):
            for dy in np.arange(-half, half + 1, _TAKEN_CELL_M / 1.5):
                taken[_cells(dense[:, 0] + dx, dense[:, 1] + dy)] = True
    return taken


def along(points: Points, step_m: float) -> Points:
    """Places on a line, `step_m` apart, [k, 2]."""
    length = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(points, axis=0).T))])
    at_m = np.arange(0, length[-1] + step_m / 2, step_m)
    return np.stack([np.interp(at_m, length, points[:, 0]), np.interp(at_m, length, points[:, 1])], axis=1)


class _Ground:
    """Where on an island sites of a kind may be."""

    def __init__(self, island: Island, terrain: Terrain, settled: Settled) -> None:
        self.island, self.terrain, self.settled = island, terrain, settled
        self.rise_x, self.rise_y = rise(terrain.height_m, CELL_M)
        self.slope = np.hypot(self.rise_x, self.rise_y)
        self.to_land_x, self.to_land_y = rise(terrain.layers[..., SHORE], 2 * CELL_M)
        self.axis = centres()

    def candidates(self, plan: SitePlan, rng: np.random.Generator) -> list[Site]:
        """Sites that fit the land, in random order; whether the ground is still free is not asked."""
        x, y, angle = self._along_rails(plan, rng) if plan.where == "rail" else self._on_cells(plan, rng)
        # lakes are of many sizes, everything else is built to one
        size = rng.uniform(0.7, 1.25, len(x)) if plan.where == "lake" else np.ones(len(x))
        if plan.where != "rail":
            fit = self._fits(plan, x, y, angle, size)
            x, y, angle, size = x[fit], y[fit], angle[fit], size[fit]
        seeds = rng.integers(1, 2**31, len(x))
        columns = zip(x.tolist(), y.tolist(), angle.tolist(), size.tolist(), seeds.tolist(), strict=True)
        return [Site(plan.kind, a, b, c, plan.hu * d, plan.hv * d, plan.core, e) for a, b, c, d, e in columns]

    def _along_rails(self, plan: SitePlan, rng: np.random.Generator) -> tuple[Floats, Floats, Floats]:
        """Places on the railway and its direction there."""
        lines = [along(way.points, 40.0) for way in self.settled.ways if way.kind == "rail"]
        places = np.concatenate([np.empty((0, 2)), *lines])
        ahead = np.concatenate([np.empty((0, 2)), *(np.gradient(line, axis=0) for line in lines)])
        fits = self._inside(plan.town, nearest(self.terrain.layers[..., TOWN], places[:, 0], places[:, 1]))
        rows = rng.permutation(np.flatnonzero(fits))[:_TRIES]
        return places[rows, 0], places[rows, 1], np.arctan2(ahead[rows, 1], ahead[rows, 0])

    def _on_cells(self, plan: SitePlan, rng: np.random.Generator) -> tuple[Floats, Floats, Floats]:
        """Places in cells that suit a plan, and how a site there is turned."""
        ys, xs = np.nonzero(self._mask(plan))
        order = rng.permutation(len(xs))
        if plan.where == "peak":
            order = np.argsort(-self.terrain.height_m[ys, xs], kind="stable")
        rows, columns = ys[order[:_TRIES]], xs[order[:_TRIES]]
        x, y = self.axis[columns], self.axis[rows]
        angle = self._angles(plan, rng, rows, columns)
        if plan.where == "coast":
            x, y = self._to_shore(x, y)
        return x, y, angle

    def _mask(self, plan: SitePlan) -> Mask:
        """Cells whose middle suits a plan, bool [N, N]."""
        layers, height = self.terrain.layers, self.terrain.height_m
        shore_m = (-30.0, 30.0) if plan.where == "coast" else plan.shore_m
        mask = self._inside(shore_m, layers[..., SHORE]) & self._inside(plan.town, layers[..., TOWN])
        mask &= self._inside(plan.sandy, layers[..., SANDY])
        if plan.where == "coast":
            return np.asarray(mask)
        mask &= self._inside(plan.forest, layers[..., FOREST]) & self._inside(plan.slope, self.slope)
        low = min(plan.height_m[0], 0.45 * self.island.treeline_m) if plan.where == "slope" else plan.height_m[0]
        high = min(plan.height_m[1], 1.25 * self.island.treeline_m) if plan.where == "slope" else plan.height_m[1]
        mask &= self._inside((low, high), height)
        if plan.where == "peak":
            peak = np.ones((N, N), bool)
            # no lower than eight cells 150 to 210 m away, and four at 300 m
            for dy, dx in (
                (0, 3),
                (3, 0),
                (0, -3),
                (-3, 0),
                (3, 3),
                (-3, -3),
                (3, -3),
                (-3, 3),
                (0, 6),
                (6, 0),
                (0, -6),
                (-6, 0),
            ):
                peak &= height >= np.roll(height, (dy, dx), axis=(0, 1))
            return np.asarray(mask & peak)
        if plan.where != "slope":
            mask &= layers[..., BARE] < 0.5
        return np.asarray(mask)

    @staticmethod
    def _inside(span: Span, values: npt.NDArray[np.floating]) -> Mask:
        if span == ANY:
            return np.ones(values.shape, bool)
        return np.asarray((values >= span[0]) & (values <= span[1]))

    def _to_shore(self, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        """The shore nearest to places beside it."""
        shore = self.terrain.layers[..., SHORE]
        for _ in range(3):
            # Newton's steps to where SHORE is 0; doubled, since `to_land` was taken with twice the step
            gx, gy = 2 * at(self.to_land_x, x, y), 2 * at(self.to_land_y, x, y)
            away = at(shore, x, y) / np.maximum(gx**2 + gy**2, 0.05)
            x, y = x - np.clip(gx * away, -40, 40), y - np.clip(gy * away, -40, 40)
        return x, y

    def _angles(self, plan: SitePlan, rng: np.random.Generator, rows: Ints, columns: Ints) -> Floats:
        """How sites are turned, radians [n]."""
        if plan.where == "coast":
            return np.arctan2(self._mean(self.to_land_x, rows, columns), -self._mean(self.to_land_y, rows, columns))
        if plan.where == "slope" or plan.kind == "quarry":
            return np.arctan2(-self._mean(self.rise_x, rows, columns), self._mean(self.rise_y, rows, columns))
        if plan.where == "town":
            streets = np.array([settlement.angle for settlement in self.settled.settlements])
            return np.asarray(streets[self.settled.home[rows, columns]] + rng.integers(0, 4, len(rows)) * np.pi / 2)
        return rng.uniform(-np.pi, np.pi, len(rows))

    @staticmethod
    def _mean(field: npt.NDArray[np.floating], rows: Ints, columns: Ints) -> Floats:
        """Mean over 5 × 5 cells around each of n, float64 [n]."""
        steps = np.arange(-2, 3)
        i, j = (np.clip(values[:, None] + steps, 0, N - 1) for values in (rows, columns))
        return np.asarray(field[i[:, :, None], j[:, None, :]].mean(axis=(1, 2)), float)

    def _fits(self, plan: SitePlan, x: Floats, y: Floats, angle: Floats, size: Floats) -> Mask:
        """Whether whole sites lie as they should, bool [n]: at the coast half on land, else all on land."""
        shore, town = self.terrain.layers[..., SHORE], self.terrain.layers[..., TOWN]
        if plan.where == "coast":
            us = np.array([-1.0, -0.5, 0.5, 1.0, 0, 0, -0.7, 0.7, 0, -1.5, 1.5])
            vs = np.array([0, 0, 0, 0, 1.0, -1.0, 1.0, -1.0, 3.5, 3.0, 3.0])  # the last in the open sea
        else:
            us, vs = np.array([-1.0, 1, 1, -1]), np.array([-1.0, -1, 1, 1])
        u, v = us[:, None] * plan.hu * size, vs[:, None] * plan.hv * size  # [corners, n]
        px, py = x + u * np.cos(angle) - v * np.sin(angle), y + u * np.sin(angle) + v * np.cos(angle)
        found = at(shore, px, py)
        if plan.where == "coast":
            bend = 36.0 if plan.kind in ("beach_bathers", "surfing") else max(45.0, 0.26 * plan.hu)
            straight = (abs(found[:4]) < bend).all(axis=0) & (found[8:] < -60).all(axis=0)
            return np.asarray(straight & (found[4] < -40) & (found[6] < -10) & (found[5] > 30))
        dry = (found > min(plan.shore_m[0], 80.0)).all(axis=0)
        if plan.where in ("town", "peak"):
            return np.asarray(dry)
        return np.asarray(dry & (nearest(town, px, py) <= max(plan.town[1], 0.1)).all(axis=0))
