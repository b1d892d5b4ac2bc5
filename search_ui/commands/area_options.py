"""Options that several commands share, and what they mean: an area, dates, a source."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from search_ui.commands.context import CommandContext

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

    from ingest.sources.source import SourceOptions

F = TypeVar("F", bound=Callable[..., Any])
AREA_FILE = click.Path(path_type=Path, dir_okay=False)
READING = (
    "acquired_at",
    "date_in_name",
    "bands",
    "nodata",
    "scale",
    "zoom",
    "tms",
    "asset",
    "attribution",
    "rate",
    "missing_403",
)
"""Parameters of `reading_options`."""


_PLACE = f"{__name__}.place"  # where the context keeps --place, so that commands need no parameter for it


def area_options(function: F) -> F:
    """``--bbox``, ``--near``, ``--area``, ``--place``."""
    for option in (
        click.option(
            "--place",
            metavar="PLACE",
            expose_value=False,
            callback=lambda context, _, place: context.meta.__setitem__(_PLACE, place),
            help="Only tiles that touch this town or country, or a disc at these coordinates.",
        ),
        click.option(
            "--area",
            type=AREA_FILE,
            metavar="FILE",
            help="Only tiles that touch the areas in this GeoJSON or KML file.",
        ),
        click.option("--near", metavar="LAT,LON,KM", help="Only tiles that touch this disc."),
        click.option(
            "--bbox", metavar="W,S,E,N", help="Only tiles that touch this box, in degrees; it may cross ±180."
        ),
    ):
        function = option(function)
    return function


def asked_area(bbox: str | None, near: str | None, file: Path | None) -> "BaseGeometry | None":
    """The area of the four options, or None where none is given; ``--place`` comes from the command's context.

    Raises:
        AreaError: It cannot be understood.
        UsageError: More than one is given.
    """
    from trainer.errors import UsageError

    # silent: also called where no command runs
    context = click.get_current_context(silent=True)
    place: str | None = None if context is None else context.meta.get(_PLACE)
    options = {"--bbox": bbox, "--near": near, "--area": file, "--place": place}
    given = [name for name, value in options.items() if value is not None]
    if len(given) > 1:
        raise UsageError(f"{' and '.join(given)}: give one of them")
    if not given:
        return None
    if place is not None:
        return _placed(place)
    from ingest.geo.area import parse_bbox, parse_near
    from ingest.geo.area_file import read_area_file

    if bbox is not None:
        return parse_bbox(bbox)
    if near is not None:
        return parse_near(near)
    assert file is not None  # noqa: S101 - the last of the four
    return read_area_file(file, lambda line: click.echo(line, err=True))


def _placed(place: str) -> "BaseGeometry":
    """The area of a place, told on stderr, because a name may mean several."""
    from ingest.places.areas import area_of
    from ingest.places.gazetteer import Gazetteer
    from trainer.errors import AreaError

    context = click.get_current_context()
    ctx = context.find_object(CommandContext)
    assert ctx is not None  # noqa: S101 - the command line has one
    # an ingest may be of a collection that is not there yet
    named = context.params.get("collection") or context.params.get("target")
    collection = ctx.aliases.find(str(named or ""))
    own = () if collection is None else collection.spec.get("places") or ()
    try:
        found = area_of(place, Gazetteer(ctx.settings.places_dir, tell=told), own)
    except AreaError as error:
        raise AreaError(f"{error}; or give --near or --area. `groundcast places` says what a name means") from error
    click.echo("; ".join(filter(None, (f"place: {found.says}", found.attribution))), err=True)
    if found.others:
        click.echo(f"others of that name: {'; '.join(found.others)}", err=True)
    return found.area


def told(line: str) -> None:
    """Says on stderr that something takes a while."""
    click.echo(f"{line} …", err=True)


def numbers(option: str, text: str | None, count: int) -> tuple[float, ...] | None:
    """Comma-separated numbers of an option, or None.

    Raises:
        UsageError: They are not that many numbers.
    """
    from trainer.errors import UsageError

    if text is None:
        return None
    try:
        values = tuple(float(part) for part in text.split(","))
    except ValueError:
        values = ()
    if len(values) != count:
        raise UsageError(f"{option} {text!r}: give {count} numbers with commas between")
    return values


def reading_options(function: F) -> F:
    """How imagery is read, where its files do not say it: the arguments of `source_options`, see `READING`."""
    for option in (
        click.option("--rate", type=float, default=10.0, show_default=True, help="Requests a second to one server."),
        click.option(
            "--missing-403", is_flag=True, help="The tile server answers 403 for tiles that it lacks, as S3 does."
        ),
        click.option("--attribution", help="Whom to credit for the imagery."),
        click.option(
            "--asset",
            metavar="NAME",
            help="Asset of STAC items, or layer of a scene's folder [the true-colour picture].",
        ),
        click.option("--tms", is_flag=True, help="Rows of the tile pyramid count from the south."),
        click.option("--zoom", type=int, help="Zoom level of a tile pyramid [by the size of a tile]."),
        click.option(
            "--scale", metavar="LO,HI", help="Values to show black and white, for imagery of more than 8 bits."
        ),
        click.option(
            "--nodata", type=float, help="Value of no data where files do not say, such as 255 for white holes."
        ),
        click.option("--bands", metavar="R,G,B", help="Bands to use as red, green and blue, counted from 1."),
        click.option("--date-in-name", metavar="FORMAT", help="How file names hold the date, such as %Y%m%d."),
        click.option("--acquired-at", metavar="DATE", help="When the imagery was taken, UTC, whatever the files say."),
    ):
        function = option(function)
    return function


def source_options(
    *,
    acquired_at: str | None,
    date_in_name: str | None,
    bands: str | None,
    scale: str | None,
    rate: float,
    **same_name: Any,
) -> "SourceOptions":
    """What `reading_options` were given, and arguments of `SourceOptions` by their own names.

    Raises:
        UsageError: One cannot be understood.
    """
    from ingest.sources.source import SourceOptions

    chosen = numbers("--bands", bands, 3)
    stretch = numbers("--scale", scale, 2)
    return SourceOptions(
        acquired_at=None if acquired_at is None else _moment(acquired_at),
        date_in_name=date_in_name,
        bands=None if chosen is None else _whole(chosen),
        scale="auto" if stretch is None else (stretch[0], stretch[1]),
        rate_per_s=rate,
        **same_name,
    )


def _moment(text: str) -> datetime:
    from ingest.geo.area import parse_date

    return parse_date(text)


def _whole(numbers_: tuple[float, ...]) -> tuple[int, int, int]:
    from trainer.errors import UsageError

    if any(number != int(number) for number in numbers_):
        raise UsageError(f"--bands {numbers_}: a band is a whole number")
    red, green, blue = (int(number) for number in numbers_)
    return red, green, blue
