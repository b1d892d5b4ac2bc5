"""An area as a vector engine takes it: a few boxes and rings that hold the centre of every tile that touches the area.

Engines know points, not footprints, so the area is widened by half a tile diagonal. What comes out may hold more than
the area, never less: large outlines are simplified and widened by as much, holes are filled, and the exact test of
footprints (`ingest.index.protocol.touching`) follows on the hits. It does not know any engine.
"""

import math
from typing import NamedTuple

import shapely
from shapely.geometry.base import BaseGeometry

from ingest.geo.geometry import buffer_m

MAX_VERTICES = 128  # of an outline before widening: engines test points against every edge
MAX_OUTLINES = 64

_SEAM = 1e-7  # degrees by which a box reaches over ±180°, whose edges the engine leaves out
_POLE = 90 - 1e-10  # a hundredth of a millimetre from the pole, where the engine's geohashes break
_DEGREE_M = 111_700.0  # the longest degree on the ellipsoid
_MARGIN_M = 1.0  # engines leave out points that lie on an edge


class Box(NamedTuple):
    """Degrees WGS84; west > east over ±180°."""

    west: float
    south: float
    east: float
    north: float


class Ring(NamedTuple):
    """A closed ring of (lon, lat), away from ±180° and the poles."""

    corners: list[tuple[float, float]]


def widened(area: BaseGeometry, reach_m: float) -> BaseGeometry:
    """Where the centres of all tiles lie that touch an area, at least; WGS84, split at ±180°.

    Args:
        area: WGS84 degrees, split at ±180°, not empty.
        reach_m: Half the diagonal of the largest tile.
    """
    parts = [_outline(part) for part in _few(list(getattr(area, "geoms", [area])))]
    grown = [buffer_m(part, reach_m + moved_m + _MARGIN_M) for part, moved_m in parts]
    return shapely.union_all([_on_globe(geometry) for geometry in grown])


def regions(area: BaseGeometry, reach_m: float) -> list[Box | Ring]:
    """`widened` as an engine takes it.

    Boxes reach over ±180° by a hair and stop short of the poles by one, because engines leave out edges there.
    """
    found: list[Box | Ring] = []
    for part in _few(list(getattr(whole := widened(area, reach_m), "geoms", [whole]))):
        west, south, east, north = part.bounds
        at_seam = west < _SEAM - 180 or east > 180 - _SEAM or max(-south, north) > 90 - _SEAM
        boxlike = part.area > 0.75 * (east - west) * (north - south)  # then a ring would save little
        if isinstance(part, shapely.Polygon) and not (at_seam or boxlike):
            found.append(Ring([(float(x), float(y)) for x, y in part.exterior.coords]))
        else:
            found += _boxes(west, max(south, -_POLE), east, min(north, _POLE))
    return found


def _few(parts: list[BaseGeometry]) -> list[BaseGeometry]:
    """At most `MAX_OUTLINES` parts; neighbours by longitude share an envelope where there are more."""
    if len(parts) <= MAX_OUTLINES:
        return parts
    parts = sorted(parts, key=lambda part: part.bounds)
    size = math.ceil(len(parts) / MAX_OUTLINES)
    groups = [parts[start : start + size] for start in range(0, len(parts), size)]
    return [shapely.box(*shapely.total_bounds(group)) for group in groups]


def _outline(part: BaseGeometry) -> tuple[BaseGeometry, float]:
    """A part without holes and with few vertices, and how many metres that moved its edge at most."""
    if isinstance(part, shapely.Polygon):
        part = shapely.Polygon(part.exterior)
    simple, tolerance = part, 0.0
    west, south, east, north = part.bounds
    step = max(east - west, north - south, 1e-9) / 1024
    while shapely.get_num_coordinates(simple) > MAX_VERTICES:
        tolerance = 2 * tolerance or step
        # a sixteenth of its extent, and still not simple
        if tolerance > 64 * step:
            return shapely.box(west, south, east, north), 0.0
        simple = part.simplify(tolerance, preserve_topology=True)
    return simple, tolerance * _DEGREE_M


def _on_globe(geometry: BaseGeometry) -> BaseGeometry:
    """The geometry, or the band of its latitudes where widening has left the valid range."""
    west, south, east, north = geometry.bounds
    if -180 <= west <= east <= 180 and -90 <= south <= north <= 90 and geometry.is_valid:
        return geometry
    return shapely.box(-180, max(south, -90), 180, min(north, 90))


def _boxes(west: float, south: float, east: float, north: float) -> list[Box | Ring]:
    over_west, over_east = west < _SEAM - 180, east > 180 - _SEAM
    if over_west and over_east:
        # the whole band in two halves, which overlap by a hair
        return [Box(180 - _SEAM, south, _SEAM, north), Box(-_SEAM, south, _SEAM - 180, north)]
    return [Box(180 - _SEAM if over_west else west, south, _SEAM - 180 if over_east else east, north)]
