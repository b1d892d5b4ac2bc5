"""`groundcast ingest`: imagery into a collection that can be searched."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from search_ui.commands.asking import area_options, asked_area, numbers, source_location
from search_ui.commands.queueing import queue_options, queue_request
from search_ui.commands.running import PRECISION, run_request
from search_ui.door import Door, json_option, pass_door

if TYPE_CHECKING:
    from ingest.sources.source import SourceOptions


@click.command(short_help="Imagery into a collection that can be searched.")
@click.argument("source")
@click.option("--collection", required=True, metavar="NAME", help="Collection to make or go on with.")
@click.option(
    "--tile-size-m", type=float, default=480.0, show_default=True, help="Side of a tile on the ground, metres."
)
@click.option("--stride-m", type=float, help="From tile to tile, metres; below the size, tiles overlap [the size].")
@click.option("--model", metavar="NAME", help="Model [the collection's, or the only one there is].")
@area_options
@click.option(
    "--min-valid", type=click.FloatRange(0, 1), default=0.5, show_default=True, help="Smallest share of valid pixels."
)
@click.option("--acquired-at", metavar="DATE", help="When the imagery was taken, UTC, whatever the files say.")
@click.option("--date-in-name", metavar="FORMAT", help="How file names hold the date, such as %Y%m%d.")
@click.option("--bands", metavar="R,G,B", help="Bands to use as red, green and blue, counted from 1.")
@click.option("--nodata", type=float, help="Value of no data where files do not say, such as 255 for white holes.")
@click.option("--scale", metavar="LO,HI", help="Values to show black and white, for imagery of more than 8 bits.")
@click.option("--zoom", type=int, help="Zoom level of a tile pyramid [by the size of a tile].")
@click.option("--tms", is_flag=True, help="Rows of the tile pyramid count from the south.")
@click.option("--asset", metavar="NAME", help="Asset of STAC items to read [visual, else the only raster].")
@click.option("--attribution", help="Whom to credit for the imagery.")
@click.option("--rate", type=float, default=10.0, show_default=True, help="Requests a second to a tile server.")
@click.option("--precision", type=PRECISION, help="Arithmetic of the model, see above [settings, else auto].")
@click.option("--through-app", is_flag=True, hidden=True)  # a URL that a visitor of the app gave: listed hosts alone
@queue_options
@json_option
@pass_door
def command(
    door: Door,
    /,
    source: str,
    collection: str,
    tile_size_m: float,
    stride_m: float | None,
    model: str | None,
    bbox: str | None,
    near: str | None,
    area: Path | None,
    min_valid: float,
    precision: str | None,
    queue: bool,
    priority: str,
    as_json: bool,
    through_app: bool,
    **reading: Any,
) -> None:
    """Bring the imagery at SOURCE into a collection.

    SOURCE is a GeoTIFF or VRT or a folder of them, an XYZ folder (z/x/y.png), a tile URL with {z}/{x}/{y}, an MBTiles
    or PMTiles file, a folder of chips with manifest.csv, or a STAC item, collection or search.

    The same command again goes on where the last run stopped, and does nothing when nothing is left. With --queue it
    only plans, and `groundcast worker` does the work, here or elsewhere.

    Precision: for more than 500 tiles `auto` measures which arithmetic is the fastest on this machine among those whose
    vectors agree with float32 to a cosine of .9999, and takes it; shorter jobs take float32.
    """
    from ingest.grid import Grid
    from ingest.request import Request

    request = Request(
        kind="tiles",
        collection=collection,
        source=source_location(source),
        grid=Grid(size_m=tile_size_m, stride_m=tile_size_m if stride_m is None else stride_m),
        area=asked_area(bbox, near, area),
        min_valid=min_valid,
        options=_source_options(allowed_hosts=door.settings.allowed_hosts if through_app else None, **reading),
    )
    if queue:
        queue_request(door, request, model=model, priority=priority, as_json=as_json)
    else:
        run_request(door, request, model=model, precision=precision, as_json=as_json)


def _source_options(
    *,
    acquired_at: str | None,
    date_in_name: str | None,
    bands: str | None,
    scale: str | None,
    rate: float,
    **same_name: Any,
) -> "SourceOptions":
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
    from ingest.area import parse_date

    return parse_date(text)


def _whole(numbers_: tuple[float, ...]) -> tuple[int, int, int]:
    from trainer.errors import UsageError

    if any(number != int(number) for number in numbers_):
        raise UsageError(f"--bands {numbers_}: a band is a whole number")
    red, green, blue = (int(number) for number in numbers_)
    return red, green, blue
