"""A named place, and how far it is to one.

It does not know how names are found.
"""

from dataclasses import dataclass
from typing import Any, Literal

Matched = Literal["name", "other name", "beginning", "words", "similar"]

_WINDS = ("N", "NE", "E", "SE", "S", "SW", "W", "NW")


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


def wind(azimuth: float) -> str:
    """The direction of an azimuth in degrees: ``N``, ``NE`` …"""
    return _WINDS[round(azimuth / 45) % 8]
