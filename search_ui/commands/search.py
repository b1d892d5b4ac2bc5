"""`groundcast search`: places that look like a text, an image or a tile."""

import time
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from search_ui.commands.asking import area_options, asked_area
from search_ui.door import Door, json_option, pass_door

if TYPE_CHECKING:
    from search_ui.query import Answer

IMAGE = click.Path(path_type=Path, dir_okay=False)
OUTPUT = click.Path(path_type=Path, dir_okay=False)


@click.command(short_help="Places that look like a text, an image or a tile.")
@click.argument("text", required=False)
@click.option("--collection", metavar="NAME", required=True, help="Where to search.")
@click.option("--image", type=IMAGE, metavar="FILE", help="Like this overhead image.")
@click.option("--tile", metavar="ID", help="Like this tile of the collection.")
@click.option("--not", "negatives", multiple=True, metavar="TEXT", help="Away from this; may be given several times.")
@area_options
@click.option("--acquired-from", metavar="DATE", help="Only imagery taken on this day (UTC) or later.")
@click.option("--acquired-to", metavar="DATE", help="Only imagery taken on this day (UTC) or earlier.")
@click.option("-k", type=int, default=9, show_default=True, help="How many hits.")
@click.option("-o", "--output", type=OUTPUT, metavar="FILE", help="Also write .json, .geojson, .csv, .parquet or .kml.")
@json_option
@pass_door
def command(
    door: Door,
    text: str | None,
    collection: str,
    image: Path | None,
    tile: str | None,
    negatives: tuple[str, ...],
    bbox: str | None,
    near: str | None,
    area: Path | None,
    acquired_from: str | None,
    acquired_to: str | None,
    k: int,
    output: Path | None,
    as_json: bool,
) -> None:
    """Search a collection for TEXT, for what looks like an image or a tile, or for their sum.

    The cosine compares tiles for one query; across queries it says little.
    """
    door.catalog.collection(collection)  # a wrong name is told before the wait for the model
    started = time.perf_counter()
    from ingest.area import parse_dates
    from search_ui.engine import Engine
    from search_ui.export import check_target, write_answer
    from search_ui.query import Query

    imported_s = time.perf_counter() - started
    if output is not None:
        check_target(output)
    first, last = parse_dates(acquired_from, acquired_to)
    query = Query(
        text=text,
        image=image,
        tile_id=tile,
        negatives=negatives,
        area=asked_area(bbox, near, area),
        acquired_from=first,
        acquired_to=last,
        k=k,
    )
    engine = Engine(door.settings, door.catalog)
    answer = engine.search(collection, query)
    if output is not None:
        write_answer(answer, output, engine.provenance(collection))
    if as_json:
        click.echo(answer.to_json())
        return
    _show(answer)
    spent = {"imports": imported_s} | engine.seconds
    stages = " · ".join(f"{stage.replace('_', ' ')} {seconds:.2f} s" for stage, seconds in spent.items())
    click.echo(f"{answer.method}, {answer.candidates} candidates · {stages}", err=True)
    if output is not None:
        click.echo(f"wrote {output}", err=True)


def _show(answer: "Answer") -> None:
    if answer.note:
        click.echo(answer.note)
    if not answer.hits:
        return
    width = max(len(hit.tile_id) for hit in answer.hits)
    click.echo(f"{'rank':>4}  {'cosine':>7}  {'lat':>10}  {'lon':>11}  {'tile':{width}}  acquired")
    for hit in answer.hits:
        acquired = _day(hit.acquired_at)
        click.echo(
            f"{hit.rank:>4}  {hit.cosine:>7.4f}  {hit.lat:>10.5f}  {hit.lon:>11.5f}  {hit.tile_id:{width}}  {acquired}"
        )


def _day(moment: datetime | None) -> str:
    return "unknown" if moment is None else f"{moment:%Y-%m-%d}"
