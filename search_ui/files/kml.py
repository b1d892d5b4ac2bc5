"""KML of polygons with what is told of them, and their provenance as the document's description and data.

It is written with the standard library: `simplekml` leaves values unescaped and lets a prompt with ``<![CDATA[``
through. It does not know what the polygons are.
"""

import html
import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import shapely
from shapely.geometry import Polygon
from shapely.geometry.base import BaseGeometry

# what XML 1.0 does not allow, even escaped: other control characters, surrogates, U+FFFE and U+FFFF
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_KML = "http://www.opengis.net/kml/2.2"


@dataclass(frozen=True)
class Placemark:
    """One feature.

    Attributes:
        name: Shown beside it.
        values: Told of it, by name.
        outline: Polygon or multipolygon, WGS84 degrees, x = longitude.
        when: Its date, RFC 3339; None: it has none.
    """

    name: str
    values: Mapping[str, str]
    outline: BaseGeometry
    when: str | None = None


def write_kml(name: str, told: Mapping[str, Any], marks: Iterable[Placemark]) -> bytes:
    """A KML document.

    Args:
        name: Of the document.
        told: Its provenance, in JSON types; None is left out.
        marks: Its features.
    """
    root = ET.Element("kml", xmlns=_KML)
    document = ET.SubElement(root, "Document")
    _text(document, "name", name)
    texts = {name: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
             for name, value in told.items() if value is not None}  # fmt: skip
    # a viewer reads a description as HTML: the words of a prompt are escaped for it, then once more for XML
    _text(document, "description", "<br>".join(html.escape(f"{name}: {value}") for name, value in texts.items()))
    style = ET.SubElement(document, "Style", id="tile")
    _text(ET.SubElement(style, "LineStyle"), "color", "ff00a5ff")  # aabbggrr
    _text(ET.SubElement(style, "PolyStyle"), "color", "3300a5ff")
    _data(document, texts)
    for one in marks:
        mark = ET.SubElement(document, "Placemark")
        _text(mark, "name", one.name)
        if one.when is not None:
            _text(ET.SubElement(mark, "TimeStamp"), "when", one.when)
        _text(mark, "styleUrl", "#tile")
        _data(mark, one.values)
        _polygons(mark, one.outline)
    content: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return content


def _text(parent: ET.Element, tag: str, text: str) -> None:
    ET.SubElement(parent, tag).text = _NOT_XML.sub("\ufffd", text)


def _data(parent: ET.Element, values: Mapping[str, str]) -> None:
    extended = ET.SubElement(parent, "ExtendedData")
    for name, value in values.items():
        _text(ET.SubElement(extended, "Data", name=name), "value", value)


def _polygons(mark: ET.Element, outline: BaseGeometry) -> None:
    several = ET.SubElement(mark, "MultiGeometry")
    for part in shapely.get_parts(outline):
        if isinstance(part, Polygon):
            polygon = ET.SubElement(several, "Polygon")
            for side, rings in (("outerBoundaryIs", [part.exterior]), ("innerBoundaryIs", part.interiors)):
                for line in rings:
                    ring = ET.SubElement(ET.SubElement(polygon, side), "LinearRing")
                    _text(ring, "coordinates", " ".join(f"{lon:.9f},{lat:.9f}" for lon, lat in line.coords))
