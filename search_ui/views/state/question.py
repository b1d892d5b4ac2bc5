"""The state of the search page as a question: parts with weights, moments, an area, dates.

Pictures and long outlines that a person gave are kept in the home folder under the hash of their content, so that the
address of the page can name them. It does not know how a question is answered.
"""

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

import shapely
from shapely.geometry.base import BaseGeometry

from ingest.geo.area import parse_dates, parse_wkt
from ingest.places.areas import PlaceArea
from ingest.settings import Settings
from search_ui.files.writing import write_whole
from search_ui.maps.scales import MONTHS
from search_ui.maps.snapshots import Value
from search_ui.search.query import NOT_WEIGHT, Part, Query
from search_ui.search.series import this_year
from search_ui.search.wording import weighted
from search_ui.service.brought.uploads import Uploads, read_area
from search_ui.service.links import MAX_CHARS
from search_ui.service.service import Service
from search_ui.views.state.address import ANY, value
from trainer.encoding import Month, When, at_hour
from trainer.errors import AreaError


@dataclass(frozen=True)
class SearchArea:
    """The area that is searched.

    Attributes:
        area: WGS84 degrees, or None: everywhere.
        says: What was understood, for people.
        others: Other places of that name.
        attribution: Whose table the name comes from.
    """

    area: BaseGeometry | None = None
    says: str = "everywhere in the collection"
    others: tuple[str, ...] = ()
    attribution: str = ""


def query_of(service: Service) -> Query | None:
    """What is asked, or None while nothing is.

    Raises:
        UsageError: A part of the question cannot be understood.
        AreaError: The area or the dates cannot be.
    """
    parts = parts_of(service.uploads)
    if not any(part.weight > 0 for part in parts):
        return None
    first, last = parse_dates(value("from") or None, value("to") or None)
    return Query(
        parts=parts,
        when=when_of("month", "hour"),
        area=where(service).area,
        acquired_from=first,
        acquired_to=last,
        k=value("k"),
        min_relevance=float(value("min")),
    )


def parts_of(uploads: Uploads) -> tuple[Part, ...]:
    """The text, picture and tile asked for, what else it should be like, and what not."""
    parts: list[Part] = [Part("text", value("q"))] if value("q").strip() else []
    if value("image"):
        kind, _, name = value("image").partition(":")
        parts.append(Part("photo" if kind == "photo" else "image", uploads.path(name)))
    if value("like"):
        parts.append(Part("tile", value("like")))
    parts += [Part("text", *weighted(words, 1.0)) for words in value("plus") if words.strip()]
    taken_away = [words for words in value("minus") if words.strip()]
    for words in taken_away:
        text, weight = weighted(words, NOT_WEIGHT / len(taken_away))
        parts.append(Part("text", text, -weight))
    return tuple(parts)


def when_of(month: str, hour: str) -> When:
    """The moment of two fields; either may say any."""
    day = Month.of(year(), value(month)) if value(month) > 0 else None
    clock = time(value(hour)) if value(hour) > ANY else None
    if day is not None and clock is not None:
        return at_hour(day, clock)
    return clock if day is None else day


def question() -> dict[str, Any]:
    """The question on the page in the words of the HTTP routes, as far as they have them."""
    kind, _, picture = value("image").partition(":")
    area_kind, _, place = value("area").partition(":")
    when = when_of("month", "hour")
    said: dict[str, Any] = {
        "q": value("q").strip() or None,
        "also": list(value("plus")),
        "negative": list(value("minus")),
        "image": picture if kind == "overhead" else None,
        "photo": picture if kind == "photo" else None,
        "tile": value("like") or None,
        "when": None if when is None else when.isoformat(),
        "place": place if area_kind == "place" else None,
        "acquired_from": value("from") or None,
        "acquired_to": value("to") or None,
        "liked": list(value("up")),
        "disliked": list(value("down")),
        "k": value("k"),
        "min_relevance": float(value("min")),
    }
    return {name: one for name, one in said.items() if one not in (None, [], 0.0)}


def year() -> int:
    """The year of all moments."""
    return int(value("year") or this_year())


def at(query: Query, when: When) -> Query:
    """The same question at another moment."""
    return replace(query, when=when)


def shown_value() -> Value:
    """What colours show: relevance unless cosine is asked for."""
    return "cosine" if value("show") == "cosine" else "relevance"


def say_when(when: When) -> str:
    """A moment in a few words, such as `July, 14:00`."""
    match when:
        case None:
            return "any time"
        case datetime():
            return f"{MONTHS[when.month - 1]}, {when:%H:%M}"
        case date():
            return f"{MONTHS[when.month - 1]}, any hour"
        case _:
            return f"any month, {when:%H:%M}"


# -- where ----------------------------------------------------------------------------------------------------------


def where(service: Service) -> SearchArea:
    """The area that the address names.

    Raises:
        AreaError: It cannot be understood.
    """
    if not value("area"):
        return SearchArea()
    kind, _, told = value("area").partition(":")
    if kind == "place":
        found: PlaceArea = service.place(told, value("collection") or None)
        return SearchArea(found.area, found.says, found.others, found.attribution)
    if kind == "wkt":
        return SearchArea(parse_wkt(told), "the area drawn or uploaded")
    if kind != "file":  # else a link that was cut short would find what lies anywhere
        raise AreaError(f"the area {value('area')[:40]!r} of this address cannot be understood: name or draw it again")
    name, _, title = told.partition("|")
    return SearchArea(_kept_area(service.settings, name), f"the areas in {title or 'the file'}")


def area_of_ring(ring: list[tuple[float, float]]) -> str:
    """Corners (longitude, latitude) as the address names them."""
    # a metre, or ten: many corners must still fit into an address
    digits = 5 if len(ring) < 80 else 4
    corners = ", ".join(f"{lon:.{digits}f} {lat:.{digits}f}" for lon, lat in [*ring, ring[0]])
    return f"wkt:POLYGON (({corners}))"


def shape_of_ring(ring: list[tuple[float, float]]) -> BaseGeometry:
    """The same as a geometry, split at ±180°.

    Raises:
        AreaError: It has no extent.
    """
    return parse_wkt(area_of_ring(ring).removeprefix("wkt:"))


# -- what a person gave ---------------------------------------------------------------------------------------------


def area_of_file(service: Service, file: Any, tell: Callable[[str], None]) -> str:
    """An uploaded outline as the address names it: written out, or where it is long kept here under its hash.

    Args:
        file: As Streamlit gives it.
        tell: Called with a line for what of the file was passed over.

    Raises:
        UploadError: It is too large, or neither GeoJSON nor KML.
        AreaError: It holds no polygon, or one that cannot be understood.
        ReadOnlyError: It is long, and nothing may be kept here.
    """
    shape = read_area(file.getvalue(), _folder(service.settings), tell)
    told = shapely.to_wkt(shape, rounding_precision=5)
    if len(told) < MAX_CHARS - 100:
        return f"wkt:{told}"
    service.require_writable()
    content = shapely.to_wkb(shape)
    name = hashlib.sha256(content).hexdigest()[:32]
    write_whole(_folder(service.settings) / f"{name}.wkb", content)
    return f"file:{name}|{file.name[:60]}"


def _kept_area(settings: Settings, name: str) -> BaseGeometry:
    path = _folder(settings) / f"{name}.wkb"
    # the name comes from an address that anybody may write: only a hash becomes a path
    if not re.fullmatch("[0-9a-f]{32}", name) or not path.is_file():
        raise AreaError("the area that this address names is not on this server: upload it again")
    return shapely.from_wkb(path.read_bytes())


def _folder(settings: Settings) -> Path:
    return settings.cache_dir / "areas"
