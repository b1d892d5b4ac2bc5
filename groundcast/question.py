"""What a method is asked in arguments, as the `Query` that the command line and the app make of theirs.

Pictures may be arrays: they are written into a folder of the open home, named by what they show, so that the same
picture is the same question. It does not know how a question is answered.
"""

import hashlib
import inspect
import io
import operator
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypedDict, TypeVar

import numpy as np
import numpy.typing as npt
from PIL import Image

from groundcast.areas import asked_area
from groundcast.moments import Date, date_text, moment_of
from ingest.geo.area import parse_dates
from ingest.places.areas import PlaceArea
from search_ui.files.writing import write_whole
from search_ui.search.query import Query
from search_ui.search.wording import asked_parts
from trainer.errors import UsageError

F = TypeVar("F", bound=Callable[..., Any])
Picture = str | os.PathLike[str] | npt.NDArray[np.uint8] | Image.Image
"""A file, uint8 [height, width, 3] in RGB, or a Pillow image."""


_OWN = ("text", "when", "min_relevance", "overlapping", "gallery", "tile_size_m", "stride_m", "model", "progress")


class SearchOptions(TypedDict, total=False):
    """What may be said beside the text and the moment, wherever something is asked; None: not said.

    Attributes:
        also: And like these texts; ``TEXT^2`` weighs 2.
        not_: Away from these texts.
        image: Like this overhead picture.
        photo: Where this ground photo could have been taken.
        tile: Like this tile of the collection, by its id.
        ensemble: Say each text in several ways and ask for their mean.
        bbox: Only tiles that touch this box: west, south, east, north in degrees; west > east across ±180°.
        near: Only tiles that touch this disc: latitude and longitude in degrees, and kilometres.
        area: Only tiles that touch this: a shapely geometry in WGS84 degrees, x = longitude; a GeoDataFrame or
            GeoSeries in any CRS that it names; the path of a file of polygons.
        place: Only tiles that touch this town or country, or a disc at these coordinates.
        acquired_from: Only imagery taken then (UTC) or later; a tile without a date never matches.
        acquired_to: Only imagery taken then (UTC) or earlier; a date takes in its whole day.
    """

    also: str | Sequence[str] | None
    not_: str | Sequence[str] | None
    image: Picture | None
    photo: Picture | None
    tile: str | None
    ensemble: bool | None
    bbox: str | Sequence[float] | None
    near: str | Sequence[float] | None
    area: Any
    place: str | None
    acquired_from: Date
    acquired_to: Date


def spelled_out(options: type) -> Callable[[F], F]:
    """Shows a method's further options in its signature one by one, for `help`, and editors that complete them."""

    def decorate(function: F) -> F:
        own = inspect.signature(function)
        parameters = [one for one in own.parameters.values() if one.kind is not inspect.Parameter.VAR_KEYWORD]
        parameters += [
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=kind)
            for name, kind in options.__annotations__.items()
        ]
        function.__signature__ = own.replace(parameters=parameters)  # type: ignore[attr-defined] # `inspect` heeds it
        return function

    return decorate


def check_options(given: dict[str, Any], options: type) -> dict[str, Any]:
    """Those that say something.

    Raises:
        UsageError: One is unknown.
    """
    known = list(options.__annotations__)
    for name in given:
        if name not in known:
            # one of the method's own may be meant, or of another's, which has it by that very name
            near = [one for one in get_close_matches(name, [*_OWN, *known], 2) if one != name]
            meant = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(known)}"
            raise UsageError(f"there is no argument {name!r}: {meant}")
    return {name: value for name, value in given.items() if value is not None}


@dataclass(frozen=True)
class QuestionReader:
    """Makes queries of arguments.

    Attributes:
        pictures: The folder for pictures that are no files.
        placed: What a place is in a collection: its name or coordinates in, the area out.
    """

    pictures: Path
    placed: Callable[[str], PlaceArea]

    def query(
        self,
        text: str | None,
        when: Any,
        given: dict[str, Any],
        *,
        k: int = 1,
        min_relevance: float = 0.0,
        overlapping: bool = False,
    ) -> tuple[Query, str | None]:
        """The query, and what should be known of how it was understood.

        Args:
            text: What one would see there; None: the options say it.
            when: The moment, see `groundcast.moments`.
            given: `SearchOptions`.
            k: How many hits.
            min_relevance: Tiles of less are no hits.
            overlapping: Tiles that overlap a better one are hits, too.

        Raises:
            UsageError: An argument cannot be understood, or nothing is asked.
            AreaError: The area or a date cannot.
        """
        asked = check_options(given, SearchOptions)
        area, note = asked_area(
            *(asked.get(name) for name in ("bbox", "near", "area", "place")), placed=self.placed
        )  # fmt: skip
        first, last = parse_dates(
            *(date_text(name, asked.get(name)) for name in ("acquired_from", "acquired_to"))
        )  # fmt: skip
        parts = asked_parts(
            None if text is None else one_text("text", text),
            texts("also", asked.get("also")),
            texts("not_", asked.get("not_")),
            self._picture("image", asked.get("image")),
            self._picture("photo", asked.get("photo")),
            None if "tile" not in asked else one_text("tile", asked["tile"]),
        )
        query = Query(
            parts=parts,
            when=moment_of("when", when),
            area=area,
            acquired_from=first,
            acquired_to=last,
            k=whole("k", k),
            min_relevance=number("min_relevance", min_relevance),
            distinct=not yes_or_no("overlapping", overlapping),
            ensemble=yes_or_no("ensemble", asked.get("ensemble", False)),
        )
        return query, note

    def _picture(self, name: str, value: Any) -> Path | None:
        """A picture as a file; one that is none is written to the folder."""
        if value is None:
            return None
        if isinstance(value, str | os.PathLike):
            return Path(value)
        if isinstance(value, np.ndarray):
            if value.dtype != np.uint8 or value.ndim != 3 or value.shape[2] != 3 or 0 in value.shape:
                raise UsageError(
                    f"{name} is {value.dtype} {list(value.shape)}: give uint8 [height, width, 3] in RGB, "
                    "a Pillow image or a file"
                )
            value = Image.fromarray(np.ascontiguousarray(value))
        if not isinstance(value, Image.Image):
            raise UsageError(f"{name} = {value!r:.60}: give a file, an array or a Pillow image")
        sink = io.BytesIO()
        value.convert("RGB").save(sink, "PNG", compress_level=1)
        content = sink.getvalue()
        path = self.pictures / f"{hashlib.sha256(content).hexdigest()[:32]}.png"
        if not path.exists():
            write_whole(path, content)
        return path


def whole(name: str, value: Any) -> int:
    """A whole number; NumPy's are, True is none.

    Raises:
        UsageError: It is none.
    """
    try:
        if not isinstance(value, bool):
            return operator.index(value)
    except TypeError:
        pass
    raise UsageError(f"{name} = {value!r}: give a whole number")


def number(name: str, value: Any) -> float:
    """A number.

    Raises:
        UsageError: It is none.
    """
    if isinstance(value, str | bytes):
        raise UsageError(f"{name} = {value!r}: give a number")
    try:
        return float(value)
    except (TypeError, ValueError) as error:
        raise UsageError(f"{name} = {value!r}: give a number") from error


def yes_or_no(name: str, value: Any) -> bool:
    """True or False; any other text, such as ``"no"``, would be taken for True.

    Raises:
        UsageError: It is neither.
    """
    if isinstance(value, bool) or type(value).__name__ == "bool":  # NumPy's, too
        return bool(value)
    raise UsageError(f"{name} = {value!r:.60}: give True or False")


def file_path(name: str, value: Any) -> Path:
    """The path of a file.

    Raises:
        UsageError: It is none.
    """
    try:
        return Path(value)
    except TypeError as error:
        raise UsageError(f"{name} = {value!r:.60}: give the path of a file") from error


def one_text(name: str, value: Any) -> str:
    """A text.

    Raises:
        UsageError: It is none.
    """
    if not isinstance(value, str):
        raise UsageError(f"{name} = {value!r:.60} is no text: give text")
    return value


def texts(name: str, value: Any) -> tuple[str, ...]:
    """One text or several.

    Raises:
        UsageError: Something else is among them.
    """
    if value is None:
        return ()
    if isinstance(value, str):
        return (value,)
    try:
        return tuple(one_text(name, one) for one in value)
    except TypeError as error:
        raise UsageError(f"{name} = {value!r:.60}: give text, or a list of texts") from error
