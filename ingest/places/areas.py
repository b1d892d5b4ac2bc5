"""A place as an area: coordinates or a name in, a shape on the globe out, with a sentence that says what was taken.

A town is a disc whose size follows from its people, because nobody draws towns offline; coordinates are a disc of one
kilometre; ``, 5 km`` behind either says another radius. A country is the union of its time zones from the package
`tzfpy` (OpenStreetMap, ODbL): the real border, a little simplified, with its coastal waters; 99.97 % of GeoNames' towns
lie inside that of their own country. A region, and a country without a time zone of its own, is the hull of its towns,
which is not the border; the sentence says so.

It does not know how names are found (`ingest.places.gazetteer`) or coordinates are written
(`ingest.places.coordinates`).
"""

import importlib.resources
import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt
import shapely
from shapely.geometry.base import BaseGeometry

from ingest.geo.geometry import MAX_DISC_M, buffer_m, disc, distance_m, split_antimeridian
from ingest.places.coordinates import parse_coordinates, show
from ingest.places.gazetteer import Gazetteer
from ingest.places.own_places import Rows, named_of, similar_of
from ingest.places.place import Offset, Place
from ingest.places.plus_codes import recover_plus_code, short_plus_code
from ingest.places.store import ATTRIBUTION
from trainer.errors import AreaError

POINT_RADIUS_M = 1_000.0
NEAR_M = 100_000.0  # so near to the ground that is looked at a place is meant before others of its name
OSM = "borders © OpenStreetMap contributors, ODbL"

_PEOPLE_PER_KM2 = 1_500.0  # of a town with its outskirts; dense ones have more, so a disc rather holds too much
_SMALLEST_M, _LARGEST_M = 1_000.0, 40_000.0
_HULL_MARGIN_M = 10_000.0
_RADIUS = re.compile(r"^(.+?)[\s,]\s?(\d{1,5}(?:\.\d{1,6})?)\s?(km|m|mi|miles?)$", re.IGNORECASE)
_METRES = {"km": 1_000.0, "m": 1.0, "mi": 1_609.344, "mile": 1_609.344, "miles": 1_609.344}
_OTHERS = 4  # places of the same name that are told besides
_ALIKE = 100  # places of the same name among which coordinates choose
GUESTS = {"Asia/Bangkok": ("VN", shapely.box(102, 17, 110, 24))}
"""Part of a zone that belongs to another country: northern Vietnam has kept Bangkok's time since 1970."""


@dataclass(frozen=True)
class PlaceArea:
    """What a place was understood as.

    Attributes:
        area: WGS84 degrees, x = longitude, split at ±180°.
        says: What was taken, and how large.
        others: Other places of that name, the likeliest first.
        choices: Of a name that several places bear, a text for each, this one first, that finds it alone.
        away: How far each of these is, in words; empty where nobody said from where.
        attribution: Whose table the name comes from; empty for coordinates.
    """

    area: BaseGeometry
    says: str
    others: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()
    away: tuple[str, ...] = ()
    attribution: str = ""


@dataclass(frozen=True)
class Ground:
    """Where a person looks, such as the ground of a collection: a place there is meant before others of its name.

    Attributes:
        lat: Of its middle, degrees.
        lon: Degrees.
        reach_m: How far it goes from there.
    """

    lat: float
    lon: float
    reach_m: float

    def away_m(self, places: Sequence[Place]) -> npt.NDArray[np.float64]:
        """How far places are from its edge, [n]; 0 on it."""
        lats, lons = [one.lat for one in places], [one.lon for one in places]
        return np.maximum(distance_m(lat=self.lat, lon=self.lon, lats=lats, lons=lons) - self.reach_m, 0.0)

    def say(self, places: Sequence[Place]) -> tuple[str, ...]:
        """How far each place is, in words."""
        return tuple("here" if away < 1_000 else f"{away / 1000:,.0f} km away" for away in self.away_m(places).tolist())


def area_of(text: str, gazetteer: Gazetteer, own: Rows = (), ground: Ground | None = None) -> PlaceArea:
    """The area of a place given by name or coordinates.

    Args:
        text: A name, coordinates, a link of a map; a radius may stand behind it.
        gazetteer: The Earth's places.
        own: Name, latitude and longitude of places that the collection's source names; they go first.
        ground: What is looked at; of places of one name those that lie near it are meant, where there are such.

    Raises:
        AreaError: No place of that name is known (the nearest spellings are told), or the coordinates cannot be.
        GroundcastError: The files of the gazetteer cannot be made.
    """
    text = " ".join(text.split())
    found = _RADIUS.match(text)
    if found is not None and not _is_coordinates(text):  # as UTM may end in metres
        radius_m = float(found[2]) * _METRES[found[3].lower()]
        if not 0 < radius_m <= MAX_DISC_M:
            raise AreaError(
                f"place '{text[:60]}' has a radius of {radius_m:g} m: give more than 0 and at most 10000 km"
            )
        return _placed(found[1], radius_m, gazetteer, own, ground)
    return _placed(text, None, gazetteer, own, ground)


def shape_of(place: Place, gazetteer: Gazetteer, radius_m: float | None = None) -> tuple[BaseGeometry, str]:
    """The shape of a place of the gazetteer, and what it is.

    Raises:
        AreaError: A radius is given for a country or a region, or there is nothing to draw it from.
    """
    if place.kind == "town":
        told = radius_m or town_radius_m(place.population)
        people = f"{place.population:,} people" if place.population else "people unknown"
        size = f"disc of {told / 1000:.3g} km" + ("" if radius_m else f" for {people}")
        return disc(lat=place.lat, lon=place.lon, radius_m=told), size
    if radius_m is not None:
        raise AreaError(f"'{place.label}' is a {place.kind} and has a shape: a radius goes with a town or coordinates")
    border = country_outline(place.country) if place.kind == "country" else None
    if border is not None:
        return border, f"its border, with coastal waters, from time zones ({OSM})"
    towns = gazetteer.towns_of(place.country, place.admin_code or None)
    return _hull(towns), f"hull of its {len(towns)} towns and 10 km more, which is not its border"


def town_radius_m(population: int) -> float:
    """Radius of the disc that stands for a town: 1,500 people to a square kilometre, 1 to 40 km."""
    return min(_LARGEST_M, max(_SMALLEST_M, 1_000 * math.sqrt(population / _PEOPLE_PER_KM2 / math.pi)))


def country_outline(code: str) -> BaseGeometry | None:
    """The union of a country's time zones, or None where it has none of its own.

    Args:
        code: Two letters, ISO 3166.
    """
    parts = country_parts(code)
    return split_antimeridian(shapely.union_all(parts)) if parts else None


def country_parts(code: str) -> list[BaseGeometry]:
    """The polygons of a country's time zones; they may touch one another, and longitudes may run past ±180°."""
    import tzfpy

    parts: list[BaseGeometry] = []
    for zone in _zones_of(code):
        guest, where = GUESTS.get(zone, (None, None))
        for part in _parts(shapely.from_geojson(tzfpy.get_tz_polygon_geojson(zone))):
            is_guest = where is not None and where.contains(part.representative_point())
            # the guest gets its part of the zone, the owner the others
            if is_guest == (guest == code):
                parts.append(part)
    return parts


def country_codes() -> tuple[str, ...]:
    """Two letters of every country that has a time zone of its own."""
    return tuple(sorted({*countries_of_zones().values(), *(guest for guest, _ in GUESTS.values())}))


def countries_of_zones() -> dict[str, str]:
    """Two letters of the country by time zone; of one in `GUESTS`, the country that it is named for."""
    return {zone: code for code in _zones() for zone in _zones_of(code) if GUESTS.get(zone, ("",))[0] != code}


def bbox_of(area: BaseGeometry) -> tuple[float, float, float, float]:
    """West, south, east and north of an area split at ±180°; west > east where the smallest box crosses it."""
    bounds = shapely.bounds(shapely.get_parts(area))  # [n, 4]
    spans = sorted((float(west), float(east)) for west, _, east, _ in bounds)
    # the smallest box is the globe's turn without the widest gap between the parts
    gaps, reach = [], spans[0][1]
    for west, east in spans[1:]:
        gaps.append((west - reach, west, reach))
        reach = max(reach, east)
    gaps.append((spans[0][0] + 360 - reach, spans[0][0], reach))  # round the back
    _, first, last = max(gaps)
    return first, float(bounds[:, 1].min()), last, float(bounds[:, 3].max())


def places_of(text: str, gazetteer: Gazetteer, own: Rows = (), ground: Ground | None = None) -> list[Place]:
    """The places of that very name, those near the ground first, then the likeliest.

    Of ``NAME at COORDINATES``, as `told_apart` says it, the one.

    Raises:
        AreaError: It is no name.
        GroundcastError: The files of the gazetteer cannot be made.
    """
    name, _, where = text.rpartition(" at ")
    at = parse_coordinates(where) if name else None
    found = named_of(own, name if at else text)
    room = max(0, 1 + _OTHERS - len(found))  # a source may have more of a name than are told
    found += gazetteer.find_places(name if at else text, room if at is None and ground is None else _ALIKE, exact=True)
    if at is None:
        return _nearest_first(found, ground)[: 1 + _OTHERS]
    metres = distance_m(lat=at[0], lon=at[1], lats=[one.lat for one in found], lons=[one.lon for one in found])
    return [found[int(metres.argmin())]] if len(found) and metres.min() < POINT_RADIUS_M else []


def _nearest_first(places: list[Place], ground: Ground | None) -> list[Place]:
    """Places near the ground first, the nearest of them before all; the others as they were."""
    if ground is None or not places:
        return places
    away = ground.away_m(places)
    return [places[i] for i in np.argsort(np.where(away <= NEAR_M, away, NEAR_M + 1), kind="stable").tolist()]


def _placed(text: str, radius_m: float | None, gazetteer: Gazetteer, own: Rows, ground: Ground | None) -> PlaceArea:
    at = parse_coordinates(text)
    if at is None:
        code, offset = short_plus_code(text), Offset.parse(text)
        if offset is not None:
            return _beside(offset, radius_m, gazetteer, own, ground)
        if code is None:
            return _named(text, radius_m, gazetteer, own, ground)
        town = _chosen(code[1], gazetteer, own, ground)[0]
        at = recover_plus_code(code[0], (town.lat, town.lon))
    shape = disc(lat=at[0], lon=at[1], radius_m=radius_m or POINT_RADIUS_M)
    return PlaceArea(shape, f"{show(*at)}, disc of {(radius_m or POINT_RADIUS_M) / 1000:.3g} km")


def _beside(
    offset: Offset, radius_m: float | None, gazetteer: Gazetteer, own: Rows, ground: Ground | None
) -> PlaceArea:
    """The disc around a point that is said by its distance from a place."""
    place = _named(offset.name, None, gazetteer, own, ground)
    town = _chosen(offset.name, gazetteer, own, ground)[0]
    lat, lon = offset.point(lat=town.lat, lon=town.lon)
    radius = radius_m or POINT_RADIUS_M
    return PlaceArea(
        disc(lat=lat, lon=lon, radius_m=radius),
        f"{offset.of(town.label)}: {show(lat, lon)}, disc of {radius / 1000:.3g} km",
        tuple(map(offset.of, place.others)),
        tuple(offset.of(choice) + _typed(radius_m) for choice in place.choices),
        place.away,
        place.attribution,
    )


def _named(text: str, radius_m: float | None, gazetteer: Gazetteer, own: Rows, ground: Ground | None) -> PlaceArea:
    found = _chosen(text, gazetteer, own, ground)
    shape, size = shape_of(found[0], gazetteer, radius_m)
    labels = told_apart(found)
    # a small place that has the name among others, in some language, is no rival
    # and one that lies elsewhere is none of one that lies on the ground that is looked at
    near = np.ones(len(found), bool) if ground is None else ground.away_m(found) <= NEAR_M
    rivals = [
        (place, label)
        for place, label, is_near in zip(found, labels, near.tolist(), strict=True)
        if place is found[0]
        or ((is_near or not near[0]) and (place.match == "name" or place.population >= found[0].population / 10))
    ]
    several = len(rivals) > 1
    choices = tuple(label + _typed(radius_m) for _, label in rivals) if several else ()
    away = ground.say([place for place, _ in rivals]) if several and ground is not None else ()
    whose = ATTRIBUTION if found[0].country else ""
    return PlaceArea(shape, f"{found[0].label}, {size}", tuple(labels[1:]), choices, away, whose)


def _typed(radius_m: float | None) -> str:
    """A radius as it stands behind a name."""
    return "" if radius_m is None else f", {radius_m / 1000:g} km"


def told_apart(places: Sequence[Place]) -> list[str]:
    """A label for each place, with coordinates where several have the same, so that each can be asked for."""
    labels = Counter(place.label for place in places)
    return [place.label + (f" at {show(place.lat, place.lon)}" if labels[place.label] > 1 else "") for place in places]


def _chosen(text: str, gazetteer: Gazetteer, own: Rows, ground: Ground | None) -> list[Place]:
    """The likeliest place of a name, and others that bear it too."""
    found = places_of(text, gazetteer, own, ground)
    if found:
        return found
    similar = [*similar_of(own, text, _OTHERS), *gazetteer.find_places(text, _OTHERS)][:_OTHERS]
    offered = ", ".join(f"'{place.label}'" for place in similar)
    raise AreaError(
        f"no place '{text}' is known"
        + (f": do you mean {offered}?" if similar else " (towns of 500 people or more, countries, US states).")
        + " Give another name, or coordinates"
    )


def _is_coordinates(text: str) -> bool:
    try:
        return parse_coordinates(text) is not None
    except AreaError:
        return False


@cache
def _zones() -> dict[str, tuple[str, ...]]:
    """Time zones by country, as the table ``zone.tab`` of the tz database has them."""
    zones: dict[str, tuple[str, ...]] = {}
    table = importlib.resources.files("tzdata").joinpath("zoneinfo", "zone.tab").read_text("utf-8")
    for line in table.splitlines():
        if line and not line.startswith("#"):
            code, _, zone = line.split("\t")[:3]
            zones[code] = (*zones.get(code, ()), zone)
    return zones


def _zones_of(code: str) -> list[str]:
    """A country's zones, without those in Antarctica, whose sectors reach the pole."""
    import tzfpy

    known = set(tzfpy.timezonenames())
    guest_of = [zone for zone, (guest, _) in GUESTS.items() if guest == code]
    own = [zone for zone in _zones().get(code, ()) if code == "AQ" or not zone.startswith("Antarctica/")]
    return [zone for zone in own + guest_of if zone in known]


def _parts(shape: BaseGeometry) -> list[BaseGeometry]:
    """Valid polygons in a collection; simplifying has made a few of them cross themselves."""
    pieces = shapely.get_parts(shapely.get_parts(shape))
    solid = [piece if shapely.is_valid(piece) else shapely.make_valid(piece) for piece in pieces]
    return [part for piece in solid for part in shapely.get_parts(piece) if part.area > 0]


def _hull(towns: np.ndarray) -> BaseGeometry:
    """A hull of places [n, 2] (lat, lon), hollow where it may be, 10 km wider."""
    if not len(towns):
        raise AreaError("no town and no border of it is known: give coordinates, or draw the area")
    lats, lons = towns[:, 0], np.unwrap(towns[:, 1], period=360) if np.ptp(towns[:, 1]) > 180 else towns[:, 1]
    # 1 would be the convex hull
    hull = shapely.concave_hull(shapely.MultiPoint(np.column_stack([lons, lats])), ratio=0.25)
    return buffer_m(split_antimeridian(hull), _HULL_MARGIN_M)
