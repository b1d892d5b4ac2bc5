"""What a pyramid of map tiles says of itself: `tilemapresource.xml` of TMS, `metadata.json` of MBTiles, TileJSON.

Which way rows count, where the tiles lie, in which reference system and zooms. What says nothing of a thing leaves it
None; what cannot be meant, or is not Web Mercator, is an error. It does not look at tiles.
"""

import json
import math
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pyproj
from shapely.geometry.base import BaseGeometry

from ingest.geo.geometry import box
from trainer.earth import EQUATOR_RADIUS_M
from trainer.errors import AreaError, SourceError

_MERCATOR = ("3857", "900913", "3785", "3587", "102100", "102113", "41001")  # names it has had
_PROFILES = ("mercator", "global-mercator", "googlemapscompatible")
_MAX_JSON_BYTES = 4 * 2**20
_WORLD_M = 2 * math.pi * EQUATOR_RADIUS_M


@dataclass(frozen=True)
class Described:
    """What is said of a pyramid, None or empty where nothing is.

    Attributes:
        told_by: The file that says it.
        south: Rows count from the south.
        area: Where its tiles lie, degrees.
        min_zoom: The coarsest level.
        max_zoom: The finest.
        attribution: Whom to credit.
        spans: Metres that a tile spans, by the name of its level's folder.
    """

    told_by: str = ""
    south: bool | None = None
    area: BaseGeometry | None = None
    min_zoom: int | None = None
    max_zoom: int | None = None
    attribution: str | None = None
    spans: Mapping[str, float] = field(default_factory=dict)

    def rows_from_south(
        self, where: str, *, tms: bool, template: bool, area_of: Callable[[bool], BaseGeometry]
    ) -> bool:
        """Which way a row number counts, where nothing but this and the options tell.

        Args:
            where: What is read, for messages.
            tms: The option that says so.
            template: The user wrote {y}, and could write {-y}.
            area_of: Where the tiles are, degrees, if rows count from the south, and if not.

        Raises:
            SourceError: The two contradict each other, or the tiles lie outside the area that is said.
        """
        if self.south is False and tms:
            raise SourceError(f"{where}: {self.told_by} says that rows count from the north: leave --tms out")
        if self.south and template and not tms:
            raise SourceError(f"{where}: {self.told_by} says that rows count from the south: write {{-y}} for {{y}}")
        south = tms or bool(self.south)
        if self.area is None or area_of(south).intersects(self.area):
            return south
        if not area_of(not south).intersects(self.area):
            raise SourceError(
                f"{where}: its tiles lie at {_told(area_of(south))}, outside the bounds in {self.told_by}, "
                f"{_told(self.area)}: correct or remove that file"
            )
        if self.south is None and not tms and not template:
            return True  # its bounds say so
        way, other = ("south", "{y}") if south else ("north", "{-y}")
        mend = "leave --tms out" if tms else f"write {other}"
        mend = mend if self.south is None else "correct or remove that file"
        raise SourceError(
            f"{where}: if rows count from the {way}, its tiles lie at {_told(area_of(south))}, outside the bounds in "
            f"{self.told_by}, {_told(self.area)}: {mend}"
        )

    def check_spans(self, where: str) -> None:
        """Refuses levels whose folders are not named after Web Mercator's zooms.

        Raises:
            SourceError: A level is one; it says which.
        """
        for name, span_m in self.spans.items():
            zoom = math.log2(_WORLD_M / span_m)
            if not name.isdecimal() or abs(zoom - int(name)) > 0.02:
                told = f"zoom {zoom:.0f}" if abs(zoom - round(zoom)) <= 0.02 else "no zoom"
                raise SourceError(
                    f"{where}: {self.told_by} says that tiles in {name} span {span_m:g} m, which is {told} of Web "
                    "Mercator: name the folders after zooms, and correct or remove that file"
                )

    def within(self, tiles: BaseGeometry) -> BaseGeometry:
        """The area of its tiles, without what lies beyond the area that is said."""
        return tiles if self.area is None else tiles.intersection(self.area)


NOTHING_SAID = Described()


def describe_folder(folder: Path) -> Described:
    """What the files in a pyramid's folder say.

    Raises:
        SourceError: One cannot be read, they disagree, or the tiles are not in Web Mercator.
    """
    found = []
    if (folder / "tilemapresource.xml").is_file():
        found.append(_tile_map(folder / "tilemapresource.xml"))
    for path in sorted(folder.glob("*.json")):
        named = path.name == "metadata.json"
        if path.stat().st_size > _MAX_JSON_BYTES:
            continue
        try:
            values = json.loads(path.read_bytes())
        except (OSError, ValueError, RecursionError) as error:
            if named:
                raise SourceError(f"{path}: not JSON that can be read ({error}): mend or remove it") from error
            continue
        if isinstance(values, dict) and (named or "tilejson" in values):
            found.append(describe(values, str(path)))
    rows = {told.south: told.told_by for told in found if told.south is not None}
    if len(rows) > 1:
        raise SourceError(
            f"{folder}: {rows[True]} says that rows count from the south, {rows[False]} from the north: remove the "
            "one that is wrong"
        )
    result = NOTHING_SAID
    for told in found:
        said = {k: v for k, v in vars(told).items() if v is not None and v != {} and not getattr(result, k)}
        result = replace(result, **said)
    return result


def describe(values: Mapping[str, Any], told_by: str) -> Described:
    """What TileJSON, or the metadata of an MBTiles archive, say.

    Args:
        values: The document's members, or the table's rows: numbers may be texts.
        told_by: The file, for messages.

    Raises:
        SourceError: A value cannot be meant, or the tiles are not in Web Mercator.
    """
    for key in ("crs", "srs", "projection", "profile"):
        if isinstance(values.get(key), str):
            _check_mercator(values[key], told_by)
    scheme = str(values.get("scheme") or "").strip().lower()
    if scheme not in ("", "tms", "xyz"):
        raise SourceError(f"{told_by}: its scheme is {scheme!r}, and only 'xyz' and 'tms' are known: correct it")
    low, high = _zoom(values, "minzoom", told_by), _zoom(values, "maxzoom", told_by)
    if low is not None and high is not None and low > high:
        raise SourceError(f"{told_by}: it says zooms from {low} to {high}: correct minzoom and maxzoom")
    credit = values.get("attribution")
    return Described(
        told_by=told_by,
        south={"tms": True, "xyz": False}.get(scheme),
        area=_area(values.get("bounds"), told_by),
        min_zoom=low,
        max_zoom=high,
        attribution=credit if isinstance(credit, str) and credit else None,
    )


def _tile_map(path: Path) -> Described:
    """What a TMS TileMap resource says: rows count from its origin, which is a lower corner but for some writers."""
    try:
        tree = ET.fromstring(path.read_bytes())  # noqa: S314 - expat refuses entities that explode
        tiles = tree.find("TileFormat")
        width = float("256" if tiles is None else tiles.get("width", "256"))
        origin = tree.find("Origin")
        top = origin is not None and float(origin.get("y", "-1")) > 0
        sets = tree.find("TileSets")
        levels = [] if sets is None else sets.findall("TileSet")
        spans = {
            level.get("href", "").rstrip("/").rpartition("/")[2]: float(level.get("units-per-pixel", "nan")) * width
            for level in levels
        }
    except (OSError, ET.ParseError, LookupError, ValueError) as error:  # an encoding that is not known
        raise SourceError(f"{path}: no TileMap that can be read ({error}): mend or remove it") from error
    _check_mercator("" if sets is None else sets.get("profile", ""), str(path))
    _check_mercator(tree.findtext("SRS") or "", str(path))
    spans = {name: span for name, span in spans.items() if span > 0}  # what says none is taken by its name
    return Described(told_by=str(path), south=not top, spans=spans)


def _check_mercator(text: str, told_by: str) -> None:
    """Refuses a profile or a reference system that is said and is not Web Mercator."""
    said = text.strip()
    if not said or said.lower() in _PROFILES or re.split(r"\W+", said)[-1] in _MERCATOR:
        return
    try:
        if pyproj.CRS.from_user_input(said).equals(pyproj.CRS(3857), ignore_axis_order=True):
            return
    except pyproj.exceptions.CRSError:
        pass  # a profile's name, or nonsense: neither is Web Mercator
    shown = " ".join(said.split())[:60]
    raise SourceError(
        f"{told_by}: these tiles are cut in {shown!r}, and only those in Web Mercator are read: give the image that "
        "they were cut from, or tiles cut with gdal2tiles --profile=mercator"
    )


def _zoom(values: Mapping[str, Any], key: str, told_by: str) -> int | None:
    value = values.get(key)
    if value is None or value == "":
        return None
    try:
        zoom = int(value)
    except (TypeError, ValueError):
        zoom = -1
    if not 0 <= zoom <= 30:
        raise SourceError(f"{told_by}: its {key} is {value!r}, and zooms go from 0 to 30: correct it")
    return zoom


def _area(value: Any, told_by: str) -> BaseGeometry | None:
    """Bounds as a list or as a text with commas: west, south, east, north, which may cross ±180°."""
    if value is None or value == "":
        return None
    try:
        west, south, east, north = (float(v) for v in (value.split(",") if isinstance(value, str) else value))
        if west == south == east == north == 0:  # what programs write that do not know them
            return None
        return box(west, south, east, north)
    except (TypeError, ValueError, AreaError) as error:
        raise SourceError(
            f"{told_by}: its bounds are {value!r}, and must be west, south, east and north in degrees: correct or "
            f"remove them ({error})"
        ) from error


def _told(area: BaseGeometry) -> str:
    return ",".join(f"{v:.5g}" for v in area.bounds)
