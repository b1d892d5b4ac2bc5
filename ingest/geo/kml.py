"""The outlines of a KML document, from its text alone: nothing that it links to is opened.

KML has WGS84 longitudes and latitudes, a height that is passed over, and straight edges between them. It does not know
what is done with outlines.
"""

import codecs
import math
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeAlias
from xml.parsers import expat

import shapely
from shapely.geometry.base import BaseGeometry

from trainer.errors import AreaError, reason

Element: TypeAlias = "ET.Element[Any]"
Place = tuple[float, float]  # longitude, latitude

_PREFIX = re.compile(rb"(</?)[\w.-]+:|(?<=\s)[\w.-]+:(?=[\w.-]+\s*=)")


def read_kml(content: bytes, tell: Callable[[str], None] = lambda _: None) -> list[BaseGeometry]:
    """Polygons, lines and points of every folder of a document, in degrees; a ring without a polygon is a line.

    The box or the corners of an overlay are a closed line.

    Args:
        content: The document.
        tell: Called with a line for what was passed over.

    Raises:
        AreaError: It is no KML, or has a place that is none.
    """
    content = _in_utf_8(content)
    if b"<kml" not in content[:4096].lower():
        raise AreaError("it is no KML")
    _refuse_entities(content)
    shapes: list[BaseGeometry] = []
    inside: set[Element] = set()  # rings of polygons
    root = _root(content)
    for polygon in _all(root, "Polygon"):
        outer = [ring for side in polygon if _named(side, "outerBoundaryIs") for ring in _all(side, "coordinates")]
        inner = [ring for side in polygon if _named(side, "innerBoundaryIs") for ring in _all(side, "coordinates")]
        inside.update(_all(polygon, "coordinates"))
        if outer:
            shapes.append(shapely.Polygon(_ring(outer[0]), [_ring(ring) for ring in inner]))
    rings = [*_all(root, "LinearRing"), *_all(root, "LatLonQuad")]
    closed = {element for ring in rings for element in _all(ring, "coordinates")}
    for element in _all(root, "coordinates"):
        if element not in inside:
            places = _places(element)
            shapes.append(_line(places + places[:1] if element in closed and places[:1] != places[-1:] else places))
    for track in _all(root, "Track"):
        shapes.append(_line([_place((element.text or "").split()) for element in _all(track, "coord")]))
    shapes += [_box(box) for box in _all(root, "LatLonBox")]
    if links := _all(root, "NetworkLink"):
        if not shapes:
            raise AreaError("it does nothing but lead to another file, which is not opened: save what it shows as KML")
        tell(f"its links to other files ({len(links)}) are not followed")
    return shapes


def _in_utf_8(content: bytes) -> bytes:
    """A document that begins with the mark of UTF-16, without its declaration, which names that."""
    if not content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return content
    try:
        return re.sub(r"^<\?xml.*?\?>", "", content.decode("utf-16")).encode()
    except UnicodeError as error:
        raise AreaError(f"it is no readable KML: {error}") from error


def _box(element: Element) -> BaseGeometry:
    """The outline of an overlay, closed."""
    said = {inner.tag.rpartition("}")[2]: (inner.text or "").strip() for inner in element if isinstance(inner.tag, str)}
    if said.get("rotation", "0").strip("0.+-"):
        raise AreaError(f"the KML has an overlay that is turned by {said['rotation']}°: draw its outline as a polygon")
    (west, south), (east, north) = (
        _place([said.get(x, ""), said.get(y, "")]) for x, y in (("west", "south"), ("east", "north"))
    )
    return shapely.LineString([(west, south), (east, south), (east, north), (west, north), (west, south)])


def _refuse_entities(content: bytes) -> None:
    """Entities that name each other grow without bound while they are read (“billion laughs”), or name files."""

    def refuse(*_: object) -> None:
        raise AreaError("it declares XML entities, which no KML needs: export it again")

    # by the parser, not by the letters of the document: those may be of an encoding that its first line names
    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = refuse
    with suppress(expat.ExpatError, LookupError, ValueError):  # told by who reads it
        parser.Parse(content, True)


def _root(content: bytes) -> Element:
    unreadable = (ET.ParseError, LookupError, ValueError)  # an encoding that does not exist, or of several bytes
    try:
        return ET.fromstring(content)  # noqa: S314 - entities were refused before
    except unreadable as error:
        # extensions whose prefix is not declared, such as gx:, are in many files
        if "unbound prefix" not in str(error):
            raise AreaError(f"it is no readable KML: {reason(error)}") from error
    try:
        return ET.fromstring(_PREFIX.sub(rb"\1", content))  # noqa: S314 - as above
    except unreadable as error:
        raise AreaError(f"it is no readable KML: {reason(error)}") from error


def _ring(element: Element) -> list[Place]:
    places = _places(element)
    if len(places) < 3:
        raise AreaError("the KML has a ring of fewer than three places")
    return places


def _line(places: list[Place]) -> BaseGeometry:
    return shapely.LineString(places) if len(places) > 1 else shapely.MultiPoint(places)


def _places(element: Element) -> list[Place]:
    """Longitude and latitude of each place; some write a blank behind the comma."""
    return [_place(place.split(",")) for place in re.sub(r"\s*,\s*", ",", element.text or "").split()]


def _place(parts: list[str]) -> Place:
    if len(parts) < 2:
        raise AreaError("the KML has a place without latitude")
    try:
        place = float(parts[0]), float(parts[1])
    except ValueError as error:
        raise AreaError(f"the KML has a coordinate that is no number: {error}") from error
    if not all(map(math.isfinite, place)):
        raise AreaError(f"the KML has a coordinate that is no number: {','.join(parts[:2])}")
    return place


def _all(element: Element, name: str) -> list[Element]:
    return [inner for inner in element.iter() if _named(inner, name)]


def _named(element: Element, name: str) -> bool:
    return isinstance(element.tag, str) and element.tag.rpartition("}")[2] == name  # of any namespace
