"""A named place, and how far it is to one.

It does not know how names are found.
"""

import re
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from pyproj import Geod

Matched = Literal["name", "other name", "beginning", "words", "similar"]

_WINDS = ("N", "NE", "E", "SE", "S", "SW", "W", "NW")
_OFFSET = re.compile(r"^(\d{1,5}(?:[.,]\d{1,3})?)\s?(km|m|mi)\s(NE|NW|SE|SW|N|E|S|W)\sof\s(\S.*)$", re.IGNORECASE)
_METRES = {"km": 1_000.0, "m": 1.0, "mi": 1_609.344}
_ROUNDED_M = 51.0  # half of a tenth of a kilometre
_GEOD = Geod(ellps="WGS84")


@dataclass(frozen=True, kw_only=True)
class Place:
    """A place of the gazetteer.

    Attributes:
        kind: ``town``, ``country`` or ``region`` (a state of the USA, a nation of the United Kingdom).
        name: As GeoNames has it.
        country: Two letters, ISO 3166.
        country_name: In English.
        admin: Name of the region it lies in, where it is known.
        admin_code: GeoNames' code of the province it lies in.
        lat: Degrees; of a country the capital's, of a region its largest town's.
        lon: Degrees.
        population: 0 where it is unknown; of a region that of its towns.
        match: What of it is like the name that was asked for.
    """

    kind: str
    name: str
    country: str
    country_name: str
    admin: str | None
    admin_code: str
    lat: float
    lon: float
    population: int
    match: Matched

    @property
    def label(self) -> str:
        """The name with region and country, which finds the place again."""
        if self.kind == "country":
            return self.name
        return ", ".join(filter(None, (self.name, self.admin, self.country_name)))

    def as_dict(self) -> dict[str, Any]:
        """Say the place in JSON types."""
        return {
            "name": self.name,
            "kind": self.kind,
            "country": self.country_name,
            "country_code": self.country,
            "admin": self.admin,
            "lat": round(self.lat, 5),
            "lon": round(self.lon, 5),
            "population": self.population or None,
            "match": self.match,
        }


@dataclass(frozen=True, kw_only=True)
class Nearby:
    """The named place nearest to a point.

    Attributes:
        name: As GeoNames has it.
        country: Two letters, ISO 3166; empty where there is none.
        distance_m: Geodesic, from the middle of the place.
        bearing: Where the point lies, seen from the place: ``N``, ``NE`` …
    """

    name: str
    country: str
    distance_m: float
    bearing: str

    def __str__(self) -> str:
        """Such as ``2.3 km NE of Banepā, NP``."""
        country = f", {self.country}" if self.country else ""
        return f"{self.distance_m / 1000:.1f} km {self.bearing} of {self.name}{country}"

    def as_dict(self) -> dict[str, Any]:
        """Say it in JSON types."""
        return {
            "name": self.name,
            "country_code": self.country,
            "distance_m": round(self.distance_m),
            "bearing": self.bearing,
        }


@dataclass(frozen=True, kw_only=True)
class Offset:
    """A point as `Nearby` says it, such as ``2.3 km NE of Banepā, NP``; read by `Offset.parse`.

    Attributes:
        distance_m: From the middle of the place.
        bearing: Where the point lies, seen from the place.
        name: Of the place.
    """

    distance_m: float
    bearing: str
    name: str

    @classmethod
    def parse(cls, text: str) -> "Offset | None":
        """Of a text; None where it is written otherwise."""
        found = _OFFSET.match(text)
        if found is None:
            return None
        metres = float(found[1].replace(",", ".")) * _METRES[found[2].lower()]
        return cls(distance_m=metres, bearing=found[3].upper(), name=found[4])

    def of(self, name: str) -> str:
        """The same distance and bearing from a place of another name."""
        return f"{round(self.distance_m / 1000, 3)} km {self.bearing} of {name}"  # to a metre

    def point(self, *, lat: float, lon: float) -> tuple[float, float]:
        """Latitude and longitude of the point, from those of the place, degrees."""
        east, north, _ = _GEOD.fwd(lon, lat, 45.0 * _WINDS.index(self.bearing), self.distance_m)
        return float(north), float(east)

    def matches(
        self, lats: npt.NDArray[np.float64], lons: npt.NDArray[np.float64], *, lat: float, lon: float
    ) -> npt.NDArray[np.int64]:
        """Which points [n] lie at this distance, as it is rounded, and bearing from the place, the closest first."""
        there = np.full(len(lats), lat), np.full(len(lats), lon)
        azimuths, _, metres = _GEOD.inv(there[1], there[0], lons, lats)
        off = np.abs(metres - self.distance_m)
        some = np.flatnonzero((off <= _ROUNDED_M) & (np.round(azimuths / 45) % 8 == _WINDS.index(self.bearing)))
        return some[np.argsort(off[some], kind="stable")]


def wind(azimuth: float) -> str:
    """The direction of an azimuth in degrees: ``N``, ``NE`` …"""
    return _WINDS[round(azimuth / 45) % 8]
