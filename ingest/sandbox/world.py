"""The sandbox planet: a few islands in open ocean of which all is known. Made from a seed, no file is read.

    world = World()
    world.presence(lat=[…], lon=[…])      which concepts have their place within sight
    world.island_at(lat=…, lon=…)         the land there, as drawn by `overhead.py`

An island is built when it is first asked about (under two seconds) and kept; reading is safe from many threads. The
planet knows no time: when a concept is to be seen is the business of `moment.py`.
"""

import threading
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
import numpy.typing as npt
import shapely
from shapely.geometry.base import BaseGeometry

from ingest.sandbox import view
from ingest.sandbox.concepts import NAMES
from ingest.sandbox.land import parcels, terrain
from ingest.sandbox.land.islands import HALF_M, ISLANDS, Island
from ingest.sandbox.land.noise import Field
from ingest.sandbox.land.settlements import Settled, settle
from ingest.sandbox.land.sites import Site, place
from ingest.sandbox.scene import BACKDROPS
from trainer.errors import UsageError

Mask = npt.NDArray[np.bool_]
_BIN_M = 1000.0  # a square of the index of sites
_OUTLINE_M = 500.0


@dataclass(frozen=True)
class Land:
    """One island with everything on it.

    Attributes:
        island: Where it lies, how large and how warm it is.
        seed: Of everything on this island that is drawn by chance.
        terrain: Its bare land, with the layer TOWN.
        settled: Settlements and ways.
        farmland: From which the parcel of any place is told.
        sites: In the order of drawing.
        sight: What is seen from where, as rasters.
    """

    island: Island
    seed: int
    terrain: terrain.Terrain
    settled: Settled
    farmland: parcels.Farmland
    sites: tuple[Site, ...]
    sight: view.Visibility

    @cached_property
    def _bins(self) -> dict[tuple[int, int], list[int]]:
        """Numbers of the sites that may touch each square kilometre."""
        bins: dict[tuple[int, int], list[int]] = {}
        for number, site in enumerate(self.sites):
            reach = float(np.hypot(site.hu, site.hv)) + 120  # shadows and smoke reach beyond the rectangle
            for i in range(int((site.x - reach) // _BIN_M), int((site.x + reach) // _BIN_M) + 1):
                for j in range(int((site.y - reach) // _BIN_M), int((site.y + reach) // _BIN_M) + 1):
                    bins.setdefault((i, j), []).append(number)
        return bins

    def sites_near(self, x: float, y: float, half_m: float) -> list[Site]:
        """Sites that may touch a square, in the order of drawing."""
        found: set[int] = set()
        for i in range(int((x - half_m) // _BIN_M), int((x + half_m) // _BIN_M) + 1):
            for j in range(int((y - half_m) // _BIN_M), int((y + half_m) // _BIN_M) + 1):
                found.update(self._bins.get((i, j), ()))
        return [self.sites[number] for number in sorted(found)]


class World:
    """The planet.

    Args:
        seed: Another seed, another land on the same islands.
    """

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed
        self.islands: tuple[Island, ...] = ISLANDS
        self._lands: dict[str, Land] = {}
        self._locks = {island.name: threading.Lock() for island in ISLANDS}
        self._coasts: dict[str, Field] = {}

    def __reduce__(self) -> tuple[type["World"], tuple[int]]:
        return World, (self.seed,)  # another process builds it again from the seed

    def island(self, name: str) -> Island:
        """The island of a name.

        Raises:
            UsageError: There is none.
        """
        for island in self.islands:
            if island.name == name:
                return island
        names = ", ".join(island.name for island in self.islands)
        raise UsageError(f"island {name!r}: the sandbox planet has none of that name, only {names}")

    def land(self, island: Island) -> Land:
        """An island with everything on it, built once."""
        found = self._lands.get(island.name)
        if found is None:
            with self._locks[island.name]:
                # looked for again under the lock: another thread may have built it meanwhile
                found = self._lands.get(island.name)
                if found is None:
                    found = self._lands[island.name] = _build(island, self._seed_of(island))
        return found

    def island_at(self, *, lat: float, lon: float) -> Island | None:
        """The island in whose square of sea and land a place lies, or None."""
        for island in self.islands:
            x, y = island.to_xy(lat=lat, lon=lon)
            if max(abs(float(x)), abs(float(y))) <= HALF_M:
                return island
        return None

    def presence(self, *, lat: npt.ArrayLike, lon: npt.ArrayLike) -> Field:
        """Probability that a person in the 480 m tile centred at each place can see the place of each concept.

        The moment is left out. Far from any island, 0.

        Args:
            lat: Degrees, [n].
            lon: Degrees, [n].

        Returns:
            float32 [n, 45], columns in the order of `concepts.NAMES`.
        """
        return self._gather(lat, lon, len(NAMES), lambda land, x, y: view.look_up(land.sight.presence, x, y))

    def backdrops(self, *, lat: npt.ArrayLike, lon: npt.ArrayLike) -> Field:
        """How much of each backdrop lies around each place, float32 [n, 15] weights in the order of `BACKDROPS`."""
        weights = self._gather(lat, lon, len(BACKDROPS), lambda land, x, y: view.look_up(land.sight.backdrops, x, y))
        weights[weights.sum(axis=1) == 0, 0] = 1  # the open sea
        return weights

    def elevation_m(self, *, lat: npt.ArrayLike, lon: npt.ArrayLike) -> Field:
        """Metres above the sea, float32 [n]."""
        found = self._gather(lat, lon, 1, lambda land, x, y: terrain.at(land.terrain.height_m, x, y)[:, None])
        return found[:, 0]

    def is_land(self, *, lat: npt.ArrayLike, lon: npt.ArrayLike) -> Mask:
        """Whether places are land (rivers and lakes included), bool [n]; needs only the coasts, which are quick."""
        lats, lons = np.atleast_1d(np.asarray(lat, float)), np.atleast_1d(np.asarray(lon, float))
        found = np.zeros(lats.shape, bool)
        for island in self.islands:
            x, y = island.to_xy(lat=lats, lon=lons)
            here = np.maximum(abs(x), abs(y)) <= HALF_M
            if here.any():
                found[here] = terrain.at(self._coast(island), x[here], y[here]) > 0
        return found

    @cached_property
    def outline(self) -> BaseGeometry:
        """The land of all islands in coarse steps of 500 m, degrees WGS84."""
        return shapely.union_all([self.outline_of(island) for island in self.islands])

    def outline_of(self, island: Island) -> BaseGeometry:
        """The land of one island in coarse steps of 500 m; no land lies outside it."""
        k = int(_OUTLINE_M / terrain.CELL_M)
        n = terrain.N // k
        # a margin of a cell: between cells the coast is interpolated
        wet = self._coast(island).reshape(n, k, n, k).max(axis=(1, 3)) <= -terrain.CELL_M
        rows, columns = np.nonzero(~wet)
        west, south = island.to_lonlat(columns * _OUTLINE_M - HALF_M, rows * _OUTLINE_M - HALF_M)
        east, north = island.to_lonlat((columns + 1) * _OUTLINE_M - HALF_M, (rows + 1) * _OUTLINE_M - HALF_M)
        return shapely.union_all(shapely.box(west, south, east, north))

    def _coast(self, island: Island) -> Field:
        # no lock: two threads that come at once compute the same
        if island.name not in self._coasts:
            self._coasts[island.name] = terrain.coast(island, self._seed_of(island))
        return self._coasts[island.name]

    def _seed_of(self, island: Island) -> int:
        return 1000 * self.seed + self.islands.index(island)

    def _gather(self, lat: npt.ArrayLike, lon: npt.ArrayLike, columns: int, read: "_Read") -> Field:
        """Values of whichever island each place is on, float32 [n, columns]; 0 on none."""
        lats, lons = np.atleast_1d(np.asarray(lat, float)), np.atleast_1d(np.asarray(lon, float))
        values = np.zeros((len(lats), columns), np.float32)
        for island in self.islands:
            x, y = island.to_xy(lat=lats, lon=lons)
            here = np.maximum(abs(x), abs(y)) <= HALF_M
            if here.any():
                values[here] = read(self.land(island), x[here], y[here])
        return values


class _Read(Protocol):
    """The type of what reads values off an island."""

    def __call__(self, land: Land, x: npt.NDArray[np.float64], y: npt.NDArray[np.float64], /) -> Field: ...


def _build(island: Island, seed: int) -> Land:
    bare = terrain.build(island, seed)
    settled = settle(bare, seed)
    angles = np.array([settlement.angle for settlement in settled.settlements])
    farmland = parcels.farm(bare, settled.home, angles, seed)
    sites = place(island, bare, settled, seed)
    return Land(island, seed, bare, settled, farmland, sites, view.survey(island, bare, farmland, settled.ways, sites))
