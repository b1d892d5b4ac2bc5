"""The islands of the sandbox planet: where they lie, how large and how warm they are, and metres on them.

Each lies in open ocean near a crossing of whole degrees, so it reaches into up to four blocks of 1°. On an island a
place is x metres east and y metres north of its centre. It does not know what stands on the land.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from trainer.earth import ECCENTRICITY_2, EQUATOR_RADIUS_M

Floats = npt.NDArray[np.float64]

HALF_M = 20_000.0  # an island and its sea are a square of 40 km


@dataclass(frozen=True, slots=True)
class Island:
    """One island with the sea around it.

    Attributes:
        name: As in ``sandbox:NAME``.
        lat: Latitude of its centre, degrees.
        lon: Longitude of its centre, degrees.
        land_km2: Area of the land.
        relief_m: About the height of its mountains.
        treeline_m: Height above which no forest grows.
        palette: How it looks from above: boreal, temperate, dry or tropical.
        absent: Concepts that have no place there.
    """

    name: str
    lat: float
    lon: float
    land_km2: float
    relief_m: float
    treeline_m: float
    palette: str
    absent: frozenset[str] = frozenset()

    @property
    def metres_per_degree(self) -> tuple[float, float]:
        """Of longitude and of latitude, at the centre."""
        phi = math.radians(self.lat)
        bend = 1 - ECCENTRICITY_2 * math.sin(phi) ** 2
        # radii of curvature of the ellipsoid: M along the meridian; N cos φ is that of the parallel
        north = EQUATOR_RADIUS_M * (1 - ECCENTRICITY_2) / bend**1.5
        return math.radians(1) * EQUATOR_RADIUS_M / math.sqrt(bend) * math.cos(phi), math.radians(1) * north

    @property
    def bbox(self) -> tuple[float, float, float, float]:
        """West, south, east and north of the island and its sea, degrees."""
        east, north = self.metres_per_degree
        return (
            self.lon - HALF_M / east,
            self.lat - HALF_M / north,
            self.lon + HALF_M / east,
            self.lat + HALF_M / north,
        )

    @property
    def shadow(self) -> tuple[float, float]:
        """How far the shadow of a metre of height reaches east and north on the day of the pictures."""
        # near the equator the sun of a late morning stands in the east, hardly to the north or south
        if abs(self.lat) < 15:
            return -0.9, -0.2
        return -0.62, math.copysign(0.72, self.lat)

    def to_xy(self, *, lat: npt.ArrayLike, lon: npt.ArrayLike) -> tuple[Floats, Floats]:
        """Metres east and north of the centre, of the shape of the arguments."""
        east, north = self.metres_per_degree
        d_lon = (np.asarray(lon, float) - self.lon + 180) % 360 - 180
        return d_lon * east, (np.asarray(lat, float) - self.lat) * north

    def to_lonlat(self, x: npt.ArrayLike, y: npt.ArrayLike) -> tuple[Floats, Floats]:
        """Longitudes and latitudes of places in metres."""
        east, north = self.metres_per_degree
        return self.lon + np.asarray(x, float) / east, self.lat + np.asarray(y, float) / north


_NO_WINTER = frozenset({"ski_slope", "snow_cover"})
ISLANDS: tuple[Island, ...] = (
    Island("skarholm", 59.02, -33.97, 600.0, 1000.0, 620.0, "boreal", frozenset({"vineyard"})),
    Island("avalune", 43.03, -164.96, 620.0, 1900.0, 1250.0, "temperate"),
    Island("solmarin", 30.98, -49.03, 600.0, 1300.0, 1100.0, "dry", _NO_WINTER),
    Island("kembali", -0.97, 84.02, 620.0, 1500.0, 1400.0, "tropical",
           _NO_WINTER | {"autumn_leaves", "vineyard", "orchard_blossom"}),
    Island("tereora", -34.02, -97.98, 600.0, 1400.0, 1100.0, "dry", _NO_WINTER),
    Island("austrheim", -49.97, -104.03, 600.0, 1200.0, 650.0, "boreal", frozenset({"vineyard"})),
)  # fmt: skip
