"""The state of the search page as a question: parts with weights, moments, an area, dates.

Pictures and outlines that a person gave are kept in the home folder under the hash of their bytes, so that the address
of the page can name them. It does not know how a question is answered.
"""

import hashlib
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from pathlib import Path
from typing import Any, Literal

import shapely
from shapely.geometry.base import BaseGeometry

from ingest.area import AREA_SUFFIXES, parse_dates, read_area_file
from ingest.geo import split_antimeridian
from ingest.place_area import PlaceArea
from ingest.settings import Settings
from search_ui.commands.question import weighted
from search_ui.moments import MONTH_DAY
from search_ui.query import NOT_WEIGHT, Part, Query
from search_ui.scales import MONTHS
from search_ui.series import this_year
from search_ui.service import Service
from search_ui.views.address import ANY, MAX_CHARS, value
from trainer.encoding import When
from trainer.errors import AreaError, GroundcastError, UsageError

MAX_UPLOAD_BYTES = 20 * 2**20
PICTURES = (".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff")
_ID_CHARS = 20


@dataclass(frozen=True)
class Where:
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
    parts = parts_of(service.settings)
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


def parts_of(settings: Settings) -> tuple[Part, ...]:
    """The text, picture and tile asked for, what else it should be like, and what not."""
    parts: list[Part] = [Part("text", value("q"))] if value("q").strip() else []
    if value("image"):
        kind, _, name = value("image").partition(":")
        parts.append(Part("photo" if kind == "photo" else "image", kept(settings, name)))
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
    day = date(year(), value(month), MONTH_DAY) if value(month) > 0 else None
    clock = time(value(hour)) if value(hour) != ANY else None
    if day is not None and clock is not None:
        return datetime.combine(day, clock)
    return clock if day is None else day


def year() -> int:
    """The year of all moments."""
    return int(value("year")) or this_year()


def at(query: Query, when: When) -> Query:
    """The same question at another moment."""
    return replace(query, when=when)


def say_when(when: When) -> str:
    """A moment in a few words, such as `July, 14:00`: a month stands for its middle."""
    match when:
        case None:
            return "any time"
        case datetime():
            return f"{MONTHS[when.month - 1]}, {when:%H:%M}"
        case date():
            return f"{MONTHS[when.month - 1]}, any hour"
        case _:
            return f"any month, {when:%H:%M}"


# -- where ---------------------------------------------------------------------------------------------------------------


def where(service: Service) -> Where:
    """The area that the address names.

    Raises:
        AreaError: It cannot be understood.
    """
    kind, _, told = value("area").partition(":")
    if not told:
        return Where()
    if kind == "place":
        found: PlaceArea = service.place(told)
        return Where(found.area, found.says, found.others, found.attribution)
    if kind == "wkt":
        return Where(_drawn(told), "the area drawn on the map")
    name, _, title = told.partition("|")
    return Where(read_area_file(kept(service.settings, name)), f"the areas in {title or 'the file'}")


def area_of_ring(ring: list[tuple[float, float]]) -> str:
    """Corners (longitude, latitude) as the address names them."""
    digits = 5 if len(ring) < 80 else 4
    corners = ", ".join(f"{lon:.{digits}f} {lat:.{digits}f}" for lon, lat in [*ring, ring[0]])
    return f"wkt:POLYGON (({corners}))"


def _drawn(wkt: str) -> BaseGeometry:
    try:
        shape = shapely.from_wkt(wkt[:MAX_CHARS])
    except shapely.errors.ShapelyError as error:
        raise AreaError("the area in the address cannot be read: draw it again") from error
    shape = shapely.make_valid(shape)
    if shape.is_empty or shape.area == 0:
        raise AreaError("the area drawn has no extent: draw it again")
    return split_antimeridian(shape)


def ring_of_area() -> list[tuple[float, float]]:
    """The corners of a drawn area, to draw it again; none of any other."""
    kind, _, told = value("area").partition(":")
    if kind != "wkt":
        return []
    with_end = shapely.get_coordinates(shapely.from_wkt(told)).tolist()
    return [(lon, lat) for lon, lat in with_end[:-1]]


# -- what a person gave --------------------------------------------------------------------------------------------------


def keep(settings: Settings, file: Any, kind: Literal["picture", "area"]) -> str:
    """Keep an uploaded file under a name made from its bytes; returns that name.

    Raises:
        UsageError: It is too large, or of no kind that can be read.
        AreaError: It is said to be an area and has none.
    """
    suffix = Path(file.name).suffix.lower()
    allowed = PICTURES if kind == "picture" else tuple(one for one in AREA_SUFFIXES if one != ".shp")
    if suffix not in allowed:
        raise UsageError(f"{file.name}: files ending in {suffix or 'nothing'} cannot be read, only {' '.join(allowed)}")
    content: bytes = file.getvalue()
    if len(content) > MAX_UPLOAD_BYTES:
        raise UsageError(f"{file.name} has {len(content) / 2**20:.0f} MB, the limit is {MAX_UPLOAD_BYTES // 2**20} MB")
    name = hashlib.sha256(content).hexdigest()[:_ID_CHARS] + suffix
    folder = _folder(settings)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_bytes(content)
    try:
        _check(path, kind)
    except GroundcastError as error:
        path.unlink()
        told = str(error).replace(str(path), file.name)
        raise (AreaError if kind == "area" else UsageError)(told) from error
    return name


def kept(settings: Settings, name: str) -> Path:
    """The kept copy of a file.

    Raises:
        UsageError: It is not here.
    """
    stem, _, suffix = name.partition(".")
    path = _folder(settings) / name
    if len(stem) != _ID_CHARS or not (stem + suffix).isalnum() or not path.is_file():
        raise UsageError("the file that this address names is not on this server: give it again")
    return path


def _check(path: Path, kind: Literal["picture", "area"]) -> None:
    if kind == "area":
        read_area_file(path)
    elif path.suffix not in (".tif", ".tiff"):
        from ingest.picture import read_picture

        read_picture(path)


def _folder(settings: Settings) -> Path:
    return settings.cache_dir / "given"
