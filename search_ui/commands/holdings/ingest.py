"""`groundcast ingest`: imagery into a collection that can be searched."""

from pathlib import Path
from typing import Any

import click

from search_ui.commands.area_options import area_options, asked_area, reading_options, source_options
from search_ui.commands.context import CommandContext, json_option, pass_command_context
from search_ui.commands.previewing import preview_request
from search_ui.commands.queueing import queue_options, queue_request
from search_ui.commands.running import PRECISION, run_request


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
@reading_options
@click.option("--precision", type=PRECISION, help="Arithmetic of the model, see above [settings, else auto].")
@click.option(
    "--preview",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE.png",
    help="Ingest nothing: draw the imagery under its tiles, and some of them as the model gets them.",
)
@click.option("--through-app", is_flag=True, hidden=True)  # a URL that a visitor of the app gave: listed hosts alone
@queue_options
@json_option
@pass_command_context
def command(
    ctx: CommandContext,
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
    preview: Path | None,
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
    from ingest.geo.grid import Grid
    from ingest.jobs.request import Request
    from ingest.opening import source_location

    request = Request(
        kind="tiles",
        collection=collection,
        source=source_location(source),
        grid=Grid(size_m=tile_size_m, stride_m=tile_size_m if stride_m is None else stride_m),
        area=asked_area(bbox, near, area),
        min_valid=min_valid,
        options=source_options(allowed_hosts=ctx.settings.allowed_hosts if through_app else None, **reading),
    )
    if preview is not None:
        preview_request(ctx, request, preview, model=model, as_json=as_json)
    elif queue:
        queue_request(ctx, request, model=model, priority=priority, as_json=as_json)
    else:
        run_request(ctx, request, model=model, precision=precision, as_json=as_json)
