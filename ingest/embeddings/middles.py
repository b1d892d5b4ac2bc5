"""Middles and areas of shapes on the ground, whose edges are straight in degrees, on a map, or over the globe.

An edge of a kilometre is the same in all three to the centimetre; one of a thousand leaves the others by kilometres. It
does not know files.
"""

import numpy as np
import numpy.typing as npt
import pyproj
import shapely

from ingest.embeddings.geo_header import GeoHeader
from ingest.geo.footprints import AUTHALIC_RADIUS_M, Places, Squares, authalic, offsets_m

Degrees = npt.NDArray[np.float64]

_BENT_M = 10_000.0  # between points of an edge that is straight elsewhere: it leaves the chord by 2 m at most
_QUARTER = 0.1  # cosine of 84°


def middles_of(shapes: npt.NDArray[np.object_], header: GeoHeader) -> tuple[Degrees, Degrees, Degrees]:
    """Where shapes lie and how large they are.

    Args:
        shapes: Polygons and points, None where there is none, [n].
        header: What the file says of their coordinates and edges.

    Returns:
        Latitudes and longitudes of the middles, degrees, and areas, m², each [n]; NaN for missing shapes and for those
        that do not lie on the globe.
    """
    if header.crs is not None and header.crs.is_projected:
        unit_m = header.crs.axis_info[0].unit_conversion_factor or 1.0
        return _middles_on_ground(_in_degrees(shapely.segmentize(shapes, _BENT_M / unit_m), header.crs))
    degrees = shapes if header.crs is None else _in_degrees(shapes, header.crs)
    return _middles_on_ground(_along_great_circles(degrees)) if header.spherical else _middles_in_degrees(degrees)


def _middles_in_degrees(degrees: npt.NDArray[np.object_]) -> tuple[Degrees, Degrees, Degrees]:
    """Of shapes whose edges are straight in longitude and latitude."""
    coordinates, owner = shapely.get_coordinates(degrees, return_index=True)
    off = _off_globe(coordinates, owner, len(degrees))
    coordinates[off[owner]] = 0  # they have no middle, and what is not finite warns
    first = np.full(len(degrees), np.nan)
    first[owner[::-1]] = coordinates[::-1, 0]
    # longitudes around the first of each footprint, so that one across ±180° is in one piece
    coordinates[:, 0] = first[owner] + (coordinates[:, 0] - first[owner] + 180) % 360 - 180
    whole = np.array(degrees, copy=True)
    shapely.set_coordinates(whole, coordinates)
    middles = shapely.centroid(whole)
    lat = np.where(off, np.nan, shapely.get_y(middles))
    lon = np.where(off, np.nan, _around(shapely.get_x(middles)))
    # on the sphere of the same surface, longitude and the sine of latitude keep areas
    flat = np.column_stack([np.radians(coordinates[:, 0]), authalic(np.clip(coordinates[:, 1], -90, 90))[0]])
    area = shapely.area(shapely.set_coordinates(np.array(degrees, copy=True), flat)) * AUTHALIC_RADIUS_M**2
    return lat, lon, np.where(off | np.isnan(lat), np.nan, area)


def _middles_on_ground(degrees: npt.NDArray[np.object_]) -> tuple[Degrees, Degrees, Degrees]:
    """Of shapes that may hold a pole: each in the equal-area projection around the mean of its points."""
    coordinates, owner = shapely.get_coordinates(degrees, return_index=True)
    off = _off_globe(coordinates, owner, len(degrees))
    coordinates[off[owner]] = 0
    means = np.column_stack([np.bincount(owner, axis, len(degrees)) for axis in _on_sphere(coordinates).T])
    length = np.linalg.norm(means, axis=1)
    off |= length == 0  # also what is missing
    lat = np.degrees(np.arcsin(np.clip(means[:, 2] / np.where(off, 1, length), -1, 1)))
    around = Squares.of(Places(lat, np.degrees(np.arctan2(means[:, 1], means[:, 0])), np.ones(len(degrees))))
    east = np.radians(coordinates[:, 0] - around.lon[owner])
    sine, cosine = authalic(coordinates[:, 1])
    x, y = offsets_m(
        around.take(owner), sine=sine, cosine=cosine, east_sine=np.sin(east), east_cosine=np.cos(east)
    )  # fmt: skip
    flat = shapely.set_coordinates(np.array(degrees, copy=True), np.column_stack([x, y]))
    middles = shapely.centroid(flat)
    lons, lats = around.to_lonlat(shapely.get_x(middles)[:, None], shapely.get_y(middles)[:, None])
    off |= np.isnan(lats[:, 0])
    return (
        np.where(off, np.nan, lats[:, 0]), np.where(off, np.nan, _around(lons[:, 0])),
        np.where(off, np.nan, shapely.area(flat)),
    )  # fmt: skip


def _along_great_circles(degrees: npt.NDArray[np.object_]) -> npt.NDArray[np.object_]:
    """Shapes with points along their edges, which are the shortest ways: straight in a gnomonic projection."""
    coordinates, owner = shapely.get_coordinates(degrees, return_index=True)
    off = _off_globe(coordinates, owner, len(degrees))
    if not len(coordinates):
        return degrees
    coordinates[off[owner]] = 0
    vectors = _on_sphere(coordinates)
    middle: Degrees = np.column_stack([np.bincount(owner, axis, len(degrees)) for axis in vectors.T])
    middle = middle / np.maximum(np.linalg.norm(middle, axis=1, keepdims=True), 1e-300)
    # any two directions at right angles to the middle and to each other
    side = np.cross(middle, np.where(np.abs(middle[:, 2:]) < 0.9, [[0.0, 0, 1]], [[1.0, 0, 0]]))
    side /= np.maximum(np.linalg.norm(side, axis=1, keepdims=True), 1e-300)
    other = np.cross(middle, side)
    forward = np.einsum("nd,nd->n", vectors, middle[owner])
    far = np.zeros(len(degrees), np.bool_)  # no tile reaches a quarter around the globe
    far[owner[forward < _QUARTER]] = True
    ordinary = ~far[owner]
    flat = np.zeros((len(coordinates), 2))
    for axis, direction in enumerate((side, other)):
        along = np.einsum("nd,nd->n", vectors, direction[owner])
        flat[ordinary, axis] = along[ordinary] / forward[ordinary]
    drawn = np.array(degrees, copy=True)
    drawn[off | far] = None
    shapely.set_coordinates(drawn, flat[~(off | far)[owner]])
    dense = shapely.segmentize(drawn, _BENT_M / AUTHALIC_RADIUS_M)
    flat, owner = shapely.get_coordinates(dense, return_index=True)
    found = middle[owner] + flat[:, :1] * side[owner] + flat[:, 1:] * other[owner]
    lon = np.degrees(np.arctan2(found[:, 1], found[:, 0]))
    lat = np.degrees(np.arctan2(found[:, 2], np.hypot(found[:, 0], found[:, 1])))
    result = np.asarray(shapely.set_coordinates(dense, np.column_stack([lon, lat])))
    result[off] = degrees[off]  # their reason is found later
    return result


def _on_sphere(coordinates: Degrees) -> Degrees:
    """Longitudes and latitudes [n, 2] as unit vectors [n, 3]."""
    lon, lat = np.radians(coordinates).T
    return np.column_stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])


def _off_globe(coordinates: Degrees, owner: npt.NDArray[np.int64], n: int) -> npt.NDArray[np.bool_]:
    """Which of n shapes have a point that is not on the globe."""
    with np.errstate(invalid="ignore"):
        wrong = ~((np.abs(coordinates[:, 1]) <= 90) & (np.abs(coordinates[:, 0]) <= 360))
    off = np.zeros(n, np.bool_)
    off[owner[wrong]] = True
    return off


def _around(lon: Degrees) -> Degrees:
    return (lon + 180) % 360 - 180


def _in_degrees(shapes: npt.NDArray[np.object_], crs: pyproj.CRS) -> npt.NDArray[np.object_]:
    way = pyproj.Transformer.from_crs(crs, "OGC:CRS84", always_xy=True)
    coordinates = shapely.get_coordinates(shapes)
    lon, lat = way.transform(coordinates[:, 0], coordinates[:, 1])
    return np.asarray(shapely.set_coordinates(shapes.copy(), np.column_stack([lon, lat])))
