"""Where a raster lies: its outline in degrees, even where not all of it is on Earth.

A picture of the whole disc, or a map of the world in one piece, has corners that are nowhere. It does not know files.
"""

import math

import numpy as np
import numpy.typing as npt
import shapely
from shapely.geometry.base import BaseGeometry

from ingest.geo.geometry import Floats, outline, split_antimeridian
from ingest.sources.rasters.warp import Georeference
from trainer.errors import AreaError, ItemError

_SIDE = 16  # points of an edge
_LOOK = 64  # points along a raster's side, to find what is on Earth
_CELLS = 256  # along a side of the area found, at most


def outline_of(where: Georeference, width: int, height: int, name: str) -> BaseGeometry:
    """The area of a raster of so many pixels: degrees, WGS84, split at ±180°.

    Raises:
        ItemError: It lies nowhere on Earth.
    """
    t = np.arange(_SIDE) / _SIDE
    one, zero = np.ones(_SIDE), np.zeros(_SIDE)
    columns = np.concatenate([t, one, 1 - t, zero]) * width
    rows = np.concatenate([one, 1 - t, zero, t]) * height
    a = where.transform
    x, y = a.a * columns + a.b * rows + a.c, a.d * columns + a.e * rows + a.f
    lons, lats = (x, y) if where.is_lonlat else where.from_lonlat.transform(x, y, direction="INVERSE")
    if not (np.isfinite(lons).all() and np.isfinite(lats).all()) or np.abs(lats).max() > 90.5:
        return _on_earth(where, width, height, name)
    if not where.is_lonlat and not _comes_back(where, lons, lats, x, y).all():
        return _on_earth(where, width, height, name)
    try:
        found = outline(np.asarray(lons), np.clip(lats, -90, 90))
    except AreaError as error:
        raise ItemError("bad_georeference", f"{name}: {error}") from error
    return found if found.is_valid else _on_earth(where, width, height, name)


def _on_earth(where: Georeference, width: int, height: int, name: str) -> BaseGeometry:
    """The part of a raster that is on Earth, in cells of degrees."""
    columns, rows = np.meshgrid(np.linspace(0, width, _LOOK + 1), np.linspace(0, height, _LOOK + 1))
    a = where.transform
    x, y = a.a * columns + a.b * rows + a.c, a.d * columns + a.e * rows + a.f
    lon, lat = where.from_lonlat.transform(x, y, direction="INVERSE")
    seen = np.isfinite(lon) & np.isfinite(lat)
    seen[seen] = _comes_back(where, lon[seen], lat[seen], x[seen], y[seen])
    if not seen.any():
        crs = where.crs.to_string()[:60]
        raise ItemError("bad_georeference", f"{name}: its corners and its middle lie nowhere on Earth in {crs}")
    west, east = _span(lon[seen])
    south, north = float(lat[seen].min()), float(lat[seen].max())
    margin = max(north - south, east - west) * 2 / _LOOK + 1e-9  # between the points looked at
    south, north = max(-90.0, south - margin), min(90.0, north + margin)
    west, east = (west - margin, east + margin) if east - west + 2 * margin < 360 else (-180.0, 180.0)
    lons, lats = np.linspace(west, east, _CELLS + 1), np.linspace(south, north, _CELLS + 1)
    inside = _inside(where, width, height, *np.meshgrid(lons, lats))
    cells = inside[1:, 1:] | inside[1:, :-1] | inside[:-1, 1:] | inside[:-1, :-1]
    boxes = []
    for row, low, high in zip(cells, lats, lats[1:], strict=False):
        edges = np.flatnonzero(np.diff(np.concatenate([[False], row, [False]]).astype(np.int8)))
        boxes += [shapely.box(lons[i], low, lons[j], high) for i, j in edges.reshape(-1, 2)]
    return split_antimeridian(shapely.union_all(boxes))


def _inside(where: Georeference, width: int, height: int, lon: Floats, lat: Floats) -> npt.NDArray[np.bool_]:
    """Which places lie in the raster."""
    x, y = where.from_lonlat.transform(lon, lat)
    back = ~where.transform
    seen = np.isfinite(x) & np.isfinite(y)
    x, y = np.where(seen, x, 0), np.where(seen, y, 0)
    columns, rows = back.a * x + back.b * y + back.c, back.d * x + back.e * y + back.f
    return np.asarray(seen & (columns >= 0) & (columns <= width) & (rows >= 0) & (rows <= height))


def _comes_back(where: Georeference, lon: Floats, lat: Floats, x: Floats, y: Floats) -> npt.NDArray[np.bool_]:
    """Which places in a CRS are those of the longitude and latitude that it gives them: some are beside the Earth."""
    again_x, again_y = where.from_lonlat.transform(lon, lat)
    step = math.hypot(where.transform.a, where.transform.d) + math.hypot(where.transform.b, where.transform.e)
    with np.errstate(invalid="ignore"):
        off = np.hypot(np.asarray(again_x) - x, np.asarray(again_y) - y)
    turned = np.abs(np.abs(np.asarray(again_x) - x) - where.jump) < step  # ±180° has two places
    return (off < step) | turned


def _span(lons: Floats) -> tuple[float, float]:
    """The shortest range of degrees that holds all, its end beyond 180 where it crosses ±180°."""
    ordered = np.unique(np.asarray(lons))
    gaps = np.diff(np.append(ordered, ordered[0] + 360))
    widest = int(gaps.argmax())
    west = float(ordered[(widest + 1) % len(ordered)])
    east = float(ordered[widest])
    return west, east if east >= west else east + 360
