"""Outlines as squares on the ground: any polygon, in any reference system, as its middle and the side of equal area.

Tiles are squares here. A footprint of another shape is kept as the square of its area around its middle, which is
exact for the chips that models look at, but for their turn against north. It does not know files.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import shapely

from ingest.embeddings.geo_header import GeoHeader
from ingest.embeddings.middles import middles_of
from ingest.geo.grid import MAX_SIZE_M, MIN_SIZE_M

Degrees = npt.NDArray[np.float64]
Reasons = npt.NDArray[np.object_]  # [n] texts; None where there is nothing to say against a row

_SLACK = 1e-6  # of a box that a file says its geometries lie in, as a share of it: boxes are rounded

WHY = {
    "no_geometry": "it has no geometry",
    "bad_geometry": "its geometry is no well-known binary: it is cut short, or of another kind than it says",
    "extended_wkb": "its geometry is extended WKB, with a reference system in it, which GeoParquet has not",
    "wrong_geometry_type": "its geometry is of a type that the file does not say it has",
    "not_a_footprint": "its geometry is neither a polygon nor a point",
    "no_size": "its geometry is a point, which has no size: pass --tile-size-m",
    "clockwise": "an outer ring of it runs clockwise or a hole does not, and the file says the contrary",
    "out_of_range": "its geometry does not lie on the globe; are longitude and latitude swapped?",
    "outside_box": "its geometry lies outside the box that the file says all of it lies in",
    "degrees": (
        "its coordinates are degrees, and the file says that they are of a projected reference system: pass --crs "
        "EPSG:4326 if they are degrees indeed"
    ),
    "no_extent": f"its footprint is narrower than {MIN_SIZE_M:g} m or wider than {MAX_SIZE_M / 1000:,.0f} km",
}
"""Why a row has no footprint, by the reason code that it is counted under."""


@dataclass(frozen=True)
class GroundSquares:
    """n footprints.

    Attributes:
        lat: Middles, degrees north, NaN where there is none.
        lon: Degrees east, −180..180.
        size_m: Sides, metres.
        reasons: Why a row has none, a key of `WHY`; None where it has one.
    """

    lat: Degrees
    lon: Degrees
    size_m: npt.NDArray[np.float64]
    reasons: Reasons


def squares_of_wkb(stored: npt.NDArray[np.object_], header: GeoHeader, side_m: float | None) -> GroundSquares:
    """Squares of geometries as well-known binary.

    Args:
        stored: Bytes, or None where there is none, [n].
        header: What the file says of them.
        side_m: Side of the tile around a point, metres; None: a point is no footprint.
    """
    missing = np.array([one is None or len(one) == 0 for one in stored.tolist()], np.bool_)
    shapes = np.asarray(shapely.from_wkb(_without(stored, missing), on_invalid="ignore"), np.object_)
    reasons = np.full(len(stored), None, np.object_)
    _say(reasons, missing, "no_geometry")
    _say(reasons, shapely.is_missing(shapes), "bad_geometry")
    # an empty geometry is none
    _say(reasons, shapely.is_empty(shapes), "no_geometry")
    _say(reasons, shapely.get_srid(shapes) > 0, "extended_wkb")
    kinds = shapely.get_type_id(shapes)
    if header.kinds:
        _say(reasons, ~_declared(shapes, header.kinds), "wrong_geometry_type")
    point, areal = kinds == shapely.GeometryType.POINT, np.isin(kinds, _AREAL)
    _say(reasons, ~point & ~areal, "not_a_footprint")
    if side_m is None:
        _say(reasons, point, "no_size")
    shapes = shapely.force_2d(shapes)
    if header.anticlockwise:
        _say(reasons, areal & _clockwise(shapes), "clockwise")
    _check_place(shapes, header, reasons)
    lat, lon, area_m2 = middles_of(_without(shapes, ~undecided(reasons)), header)
    size_m = np.where(point, np.nan if side_m is None else side_m, np.sqrt(area_m2))
    return checked(lat, lon, size_m, reasons)


def checked(lat: Degrees, lon: Degrees, size_m: npt.NDArray[np.float64], reasons: Reasons) -> GroundSquares:
    """Squares of middles in degrees and sides in metres, [n], those without a place or an extent with the reason."""
    with np.errstate(invalid="ignore"):
        on_globe = (np.abs(lat) <= 90) & (np.abs(lon) <= 180 + 1e-9)
        _say(reasons, ~on_globe, "out_of_range")
        _say(reasons, ~((size_m >= MIN_SIZE_M) & (size_m <= MAX_SIZE_M)), "no_extent")
    return GroundSquares(lat, np.clip(lon, -180, 180), size_m, reasons)


_AREAL = [shapely.GeometryType.POLYGON, shapely.GeometryType.MULTIPOLYGON]
_NAMES = {
    0: "Point", 1: "LineString", 2: "LineString", 3: "Polygon", 4: "MultiPoint", 5: "MultiLineString",
    6: "MultiPolygon", 7: "GeometryCollection",
}  # fmt: skip


def _declared(shapes: npt.NDArray[np.object_], kinds: frozenset[str]) -> npt.NDArray[np.bool_]:
    """Whether each is of a type that was declared, with heights or without; missing ones are."""
    found = shapely.get_type_id(shapes)
    deep = shapely.has_z(shapes)
    names = [_NAMES.get(kind, "") + (" Z" if z else "") for kind, z in zip(found.tolist(), deep.tolist(), strict=True)]
    return np.array([kind < 0 or name in kinds for kind, name in zip(found.tolist(), names, strict=True)], np.bool_)


def _check_place(shapes: npt.NDArray[np.object_], header: GeoHeader, reasons: Reasons) -> None:
    """Against the box that the file says, and against the units that its reference system has."""
    bounds = shapely.bounds(shapes)
    with np.errstate(invalid="ignore"):
        if header.crs is not None and header.crs.is_projected:
            # a footprint at the very origin of a projection is all but impossible, one in degrees a common slip
            small = (np.abs(bounds[:, [0, 2]]) <= 180).all(axis=1) & (np.abs(bounds[:, [1, 3]]) <= 90).all(axis=1)
            _say(reasons, small, "degrees")
        if header.box is not None and header.box[0] <= header.box[2]:  # one across ±180° holds whatever lies there
            west, south, east, north = header.box
            slack = _SLACK * max(1.0, *map(abs, header.box))
            inside = (bounds[:, 0] >= west - slack) & (bounds[:, 2] <= east + slack)
            inside &= (bounds[:, 1] >= south - slack) & (bounds[:, 3] <= north + slack)
            _say(reasons, ~inside & ~np.isnan(bounds[:, 0]), "outside_box")


def _clockwise(shapes: npt.NDArray[np.object_]) -> npt.NDArray[np.bool_]:
    """Which have an outer ring that runs clockwise, or a hole that does not."""
    parts, owner = shapely.get_parts(shapes, return_index=True)
    parts, owner = parts[areal := np.isin(shapely.get_type_id(parts), _AREAL)], owner[areal]
    rings, part = shapely.get_rings(parts, return_index=True)
    outer = np.ones(len(part), np.bool_)
    outer[1:] = part[1:] != part[:-1]
    wrong = np.zeros(len(shapes), np.bool_)
    wrong[owner[part[shapely.is_ccw(rings) != outer]]] = True
    return wrong


def _say(reasons: Reasons, where: Any, reason: str) -> None:
    """Give a reason to rows that have none yet."""
    reasons[np.asarray(where, np.bool_) & undecided(reasons)] = reason


def undecided(reasons: Reasons) -> npt.NDArray[np.bool_]:
    """Which rows have no reason yet, [n]."""
    return np.array([one is None for one in reasons.tolist()], np.bool_)


def _without(values: npt.NDArray[np.object_], where: npt.NDArray[np.bool_]) -> npt.NDArray[np.object_]:
    """The same with None where it says so."""
    kept = values.copy()
    kept[where] = None
    return kept
