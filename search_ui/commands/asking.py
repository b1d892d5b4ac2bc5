"""Options that several commands share, and what they mean: an area, dates, a source."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

F = TypeVar("F", bound=Callable[..., Any])
AREA_FILE = click.Path(path_type=Path, dir_okay=False)


def area_options(function: F) -> F:
    """``--bbox``, ``--near``, ``--area``."""
    for option in (
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
    """The area of the three options, or None where none is given.

    Raises:
        AreaError: It cannot be understood.
        UsageError: More than one is given.
    """
    from trainer.errors import UsageError

    given = [name for name, value in (("--bbox", bbox), ("--near", near), ("--area", file)) if value is not None]
    if len(given) > 1:
        raise UsageError(f"{' and '.join(given)}: give one of them")
    if not given:
        return None
    from ingest.area import parse_bbox, parse_near, read_area_file

    if bbox is not None:
        return parse_bbox(bbox)
    if near is not None:
        return parse_near(near)
    assert file is not None  # noqa: S101 - the third of the three
    return read_area_file(file)


def source_location(source: str) -> str:
    """A URL as it is, a path made absolute, so that the same source has the same name from everywhere."""
    if "://" in source or source.startswith("sandbox:"):
        return source
    return str(Path(source).expanduser().resolve())


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
