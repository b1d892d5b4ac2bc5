"""Neighbouring tiles of enough probability, merged into areas with their size on the ground.

Tiles are neighbours where their footprints touch or nearly do: at a side or at a corner. Areas are in WGS84 degrees,
x = longitude, cut at ±180°; their size is that on the ellipsoid (pyproj's `Geod`), which counts ground that two tiles
share once.
"""

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import shapely
from shapely.geometry.base import BaseGeometry

from ingest.geo.footprints import Places, Squares
from trainer.errors import UsageError

MOST_TILES = 200_000
_NEAR = 0.02  # of a side: so far apart tiles are still neighbours, such as those that a source cut without overlap

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Area:
    """Neighbouring tiles.

    Attributes:
        number: Counted from 1, the largest first.
        outline: Polygon or multipolygon, WGS84 degrees.
        tiles: How many.
        area_km2: On the ellipsoid.
        mean: Probability of its tiles.
        highest: Probability of the best of them.
        lat: Of a point inside, degrees.
        lon: Of a point inside, degrees.
    """

    number: int
    outline: BaseGeometry
    tiles: int
    area_km2: float
    mean: float
    highest: float
    lat: float
    lon: float

    def as_dict(self) -> dict[str, Any]:
        """Say it in JSON types, without the outline."""
        return {name: value for name, value in vars(self).items() if name != "outline"}


def areas_of(places: Places, probability: Floats, threshold: float) -> list[Area]:
    """Areas of the tiles of at least so much probability, the largest first; none where no tile reaches it.

    Raises:
        UsageError: The threshold is no probability above 0, or more tiles reach it than can be merged.
    """
    if not 0 < threshold <= 1:
        raise UsageError(f"threshold {threshold:g}: give a probability above 0, at most 1")
    rows = np.flatnonzero(np.nan_to_num(probability, nan=-1.0) >= threshold)
    if len(rows) > MOST_TILES:
        raise UsageError(
            f"{len(rows):,} tiles reach {threshold:g}, at most {MOST_TILES:,} are merged: raise the threshold"
        )
    if not len(rows):
        return []
    squares = Squares.of(Places(places.lat[rows], places.lon[rows], places.size_m[rows]))
    shapes, chances = squares.polygons(), probability[rows].astype(np.float64)
    group = _groups(shapes, squares)
    order = np.argsort(group, kind="stable")
    found = []
    for members in np.split(order, np.flatnonzero(np.diff(group[order])) + 1):
        outline = shapely.union_all(shapes[members])
        inside = outline.representative_point()
        found.append(
            Area(
                number=0,
                outline=outline,
                tiles=len(members),
                area_km2=round(area_km2(outline), 6),
                mean=round(float(chances[members].mean()), 4),
                highest=round(float(chances[members].max()), 4),
                lat=round(inside.y, 7),
                lon=round(inside.x, 7),
            )
        )
    found.sort(key=lambda one: (-one.area_km2, one.lat, one.lon))
    return [Area(**(vars(one) | {"number": number})) for number, one in enumerate(found, start=1)]


def area_km2(outline: BaseGeometry) -> float:
    """Size of polygons on the ellipsoid, km²."""
    return abs(float(_ellipsoid().geometry_area_perimeter(shapely.orient_polygons(outline))[0])) / 1e6


@cache
def _ellipsoid() -> Any:
    from pyproj import Geod

    return Geod(ellps="WGS84")


def _groups(shapes: npt.NDArray[np.object_], squares: Squares) -> npt.NDArray[np.int32]:
    """The number of the group of neighbours that each tile is in, [n]."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    up, along = squares.reach_deg()
    west, south, east, north = shapely.bounds(shapes).T
    # boxes that touch may be of tiles that do not, near the poles: the distance decides
    boxes = shapely.box(west - along * _NEAR, south - up * _NEAR, east + along * _NEAR, north + up * _NEAR)
    one, other = shapely.STRtree(boxes).query(shapes, predicate="intersects")
    near = one < other
    one, other = one[near], other[near]
    touching = shapely.distance(shapes[one], shapes[other]) <= 2 * _NEAR * up[one]
    one, other = one[touching], other[touching]
    links = coo_array((np.ones(len(one), np.int8), (one, other)), shape=(len(shapes), len(shapes)))
    return np.asarray(connected_components(links, directed=False)[1], np.int32)
