"""Areas as a notebook has them: a box, a disc, a shape, a table of shapes, a file, a name; read into WGS84 degrees.

It does not know tiles or questions.
"""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyproj
import shapely
from shapely.geometry.base import BaseGeometry

from ingest.geo.area import parse_bbox, parse_near
from ingest.geo.area_file import read_area_file
from ingest.geo.degrees import doubtful_datum, no_way_from, polygons_of, to_degrees
from ingest.places.areas import PlaceArea
from trainer.errors import AreaError, UsageError

_THE_AREA = "the area"


def asked_area(
    bbox: str | Sequence[float] | None,
    near: str | Sequence[float] | None,
    area: Any,
    place: str | None,
    *,
    placed: Callable[[str], PlaceArea],
) -> tuple[BaseGeometry | None, str | None]:
    """The area of four arguments of which one is given at most, and what should be known of it.

    Args:
        bbox: West, south, east, north in degrees; west > east across ±180°.
        near: Latitude and longitude in degrees, and a radius in kilometres.
        area: A shapely geometry in WGS84 degrees, x = longitude; a GeoDataFrame or GeoSeries, which says its CRS; or
            the path of a file of polygons.
        place: A place by its name or coordinates.
        placed: Reads such.

    Raises:
        AreaError: It cannot be understood.
        UsageError: More than one is given.
    """
    given = [name for name, value in zip(("bbox", "near", "area", "place"), (bbox, near, area, place), strict=True)
             if value is not None]  # fmt: skip
    if len(given) > 1:
        raise UsageError(f"{' and '.join(given)}: give one of them")
    if place is not None:
        found = placed(_text("place", place))
        others = f"others of that name: {', '.join(found.others)}" if found.others else None
        return found.area, "; ".join(filter(None, (f"place: {found.says}", found.attribution, others)))
    if bbox is not None:
        return parse_bbox(_numbers("bbox", bbox)), None
    if near is not None:
        return parse_near(_numbers("near", near)), None
    if area is None:
        return None, None
    if isinstance(area, str | os.PathLike):
        told: list[str] = []
        return read_area_file(Path(area), told.append), "; ".join(told) or None
    return _of_shapes(area)


def _of_shapes(area: Any) -> tuple[BaseGeometry, str | None]:
    """The polygons of a geometry, or of a table of geometries, as one area."""
    if isinstance(area, BaseGeometry):
        shapes, crs = [area], "EPSG:4326"
    elif hasattr(area, "to_crs") and hasattr(area, "geometry"):  # GeoPandas', without importing it
        if area.crs is None:
            raise AreaError(f"{_THE_AREA} is a table that names no reference system: set it with set_crs")
        shapes, crs = [shape for shape in area.geometry if shape is not None], area.crs.to_wkt()
    else:
        raise AreaError(f"{_THE_AREA} is {area!r:.60}: give a shapely geometry in degrees, a GeoDataFrame, or a file")
    if not all(np.isfinite(shapely.get_coordinates(shape)).all() for shape in shapes):
        raise AreaError(f"{_THE_AREA} has coordinates that are no numbers")
    polygons, _ = to_degrees([polygon for shape in shapes for polygon in polygons_of(shape)], crs, _THE_AREA)
    whole = shapely.union_all(polygons)
    if whole.is_empty or whole.area == 0:
        raise AreaError(f"{_THE_AREA} holds no polygon with an extent: buffer points and lines, or draw an outline")
    middle = whole.representative_point()
    datum = doubtful_datum(pyproj.CRS.from_user_input(crs), lat=middle.y, lon=middle.x)
    return whole, None if datum is None else f"{_THE_AREA}: {no_way_from(datum)}"


def _numbers(name: str, value: str | Sequence[float]) -> str:
    """As the command line takes them."""
    if isinstance(value, str):
        return value
    try:
        return ",".join(repr(float(part)) for part in value)
    except (TypeError, ValueError) as error:
        raise AreaError(f"{name} = {value!r}: give numbers, or text with commas between them") from error


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise AreaError(f"{name} = {value!r}: give text")
    return value
