"""Places that a collection's source names itself, such as the towns of a planet that the gazetteer of the Earth lacks.

They are rows of name, latitude and longitude in degrees; what stands behind a comma in a name may be left out.
"""

import difflib
from collections.abc import Sequence
from typing import Any

import numpy as np
from pyproj import Geod

from ingest.places.names import normal
from ingest.places.place import Nearby, Place, wind

Rows = Sequence[Sequence[Any]]  # name, latitude, longitude

_GEOD = Geod(ellps="WGS84")


def nearest_of(places: Rows, *, lat: float, lon: float) -> Nearby:
    """Of the places the one nearest to a point in degrees."""
    names, lats, lons = zip(*places, strict=True)
    many = np.full(len(lats), lon), np.full(len(lats), lat)
    azimuths, _, metres = _GEOD.inv(np.array(lons, float), np.array(lats, float), *many)
    closest = int(np.argmin(metres))
    name, metre = str(names[closest]), float(metres[closest])
    return Nearby(name=name, country="", distance_m=metre, bearing=wind(azimuths[closest]))


def named_of(places: Rows, text: str) -> list[Place]:
    """The places of a name, accents and case aside."""
    wanted = normal(text)
    whole = [row for row in places if normal(str(row[0])) == wanted]
    return [_place(row) for row in whole or places if whole or normal(str(row[0]).partition(",")[0]) == wanted]


def similar_of(places: Rows, text: str, k: int) -> list[Place]:
    """The places whose names are most like a text, at most `k`."""
    rows = {normal(str(row[0]).partition(",")[0]): row for row in places}
    return [_place(rows[name]) for name in difflib.get_close_matches(normal(text), list(rows), k, 0.75)]


def _place(row: Sequence[Any]) -> Place:
    name, lat, lon = row
    return Place(
        kind="town", name=str(name), country="", country_name="", admin=None, admin_code="", lat=float(lat),
        lon=float(lon), population=0, match="name",
    )  # fmt: skip
