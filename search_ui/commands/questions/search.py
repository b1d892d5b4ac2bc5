"""`groundcast search`: places that look like a text, an image, a photo or a tile, at a moment."""

import gc
import time
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from search_ui.commands.area_options import area_options, asked_area
from search_ui.commands.context import CommandContext, json_option, pass_command_context
from search_ui.commands.question_options import question_options

if TYPE_CHECKING:
    from search_ui.search.query import Answer, Hit

OUTPUT = click.Path(path_type=Path, dir_okay=False)


@click.command(short_help="Places that look like a text, an image, a photo or a tile.")
@question_options
@click.option("--collection", metavar="NAME", required=True, help="Where to search.")
@click.option("--when", metavar="MOMENT", help="As it is then: 2025-07-14T18, 2025-07 or T18, the place's own time.")
@area_options
@click.option("--acquired-from", metavar="DATE", help="Only imagery taken on this day (UTC) or later.")
@click.option("--acquired-to", metavar="DATE", help="Only imagery taken on this day (UTC) or earlier.")
@click.option("-k", type=int, default=9, show_default=True, help="How many hits.")
@click.option("--min-relevance", type=float, default=0.0, help="Only tiles of at least this relevance, 0 to 1.")
@click.option("--overlapping", is_flag=True, help="Also tiles that overlap a better one.")
@click.option("-o", "--output", type=OUTPUT, metavar="FILE", help="Also write .json, .geojson, .csv, .parquet or .kml.")
@json_option
@pass_command_context
def command(
    ctx: CommandContext,
    text: str | None,
    also: tuple[str, ...],
    negatives: tuple[str, ...],
    image: Path | None,
    photo: Path | None,
    tile: str | None,
    ensemble: bool,
    collection: str,
    when: str | None,
    bbox: str | None,
    near: str | None,
    area: Path | None,
    acquired_from: str | None,
    acquired_to: str | None,
    k: int,
    min_relevance: float,
    overlapping: bool,
    output: Path | None,
    as_json: bool,
) -> None:
    """Search a collection for TEXT, for what looks like an image, a photo or a tile, or for their sum.

    The cosine compares tiles for one query; the relevance, 0 to 1, says how likely one would see it there.
    """
    ctx.aliases.collection(collection)  # a wrong name is told before the wait for the model
    gc.disable()  # importing is a fifth quicker, and a search is over before there is a cycle to collect
    click.get_current_context().call_on_close(gc.enable)
    started = time.perf_counter()
    from ingest.geo.area import parse_dates
    from search_ui.search.engine import Engine
    from search_ui.search.moments import parse_moment
    from search_ui.search.query import Query
    from search_ui.search.wording import asked_parts

    imported_s = time.perf_counter() - started
    if output is not None:
        from search_ui.files.answers import check_target

        check_target(output)
    first, last = parse_dates(acquired_from, acquired_to)
    query = Query(
        parts=asked_parts(text, also, negatives, image, photo, tile),
        when=None if when is None else parse_moment(when),
        area=asked_area(bbox, near, area),
        acquired_from=first,
        acquired_to=last,
        k=k,
        min_relevance=min_relevance,
        distinct=not overlapping,
        ensemble=ensemble,
    )
    engine = Engine(ctx.settings, ctx.catalog)
    answer = engine.search(collection, query)
    if output is not None:
        from search_ui.files.answers import write_answer

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
    from search_ui.search.relevance.calibration import say_relevance

    width = max(len(hit.tile_id) for hit in answer.hits)
    place = f"{'lat':>10}  {'lon':>11}  {'tile':{width}}"
    click.echo(f"rank  {'relevance':16}  {'cosine':>7}  {place}  {'acquired':10}  near")
    for hit in answer.hits:
        relevance = f"{say_relevance(hit.relevance)} {'not now' if hit.not_now else hit.grade}"
        place = f"{hit.lat:>10.5f}  {hit.lon:>11.5f}  {hit.tile_id:{width}}"
        click.echo(
            f"{hit.rank:>4}  {relevance:16}  {hit.cosine:>7.4f}  {place}  {_day(hit.acquired_at):10}  {_where(hit)}"
        )


def _where(hit: "Hit") -> str:
    """The nearest named place, and when it is likeliest where that is not now."""
    then = f"then {hit.place:.2f}, {hit.likeliest}" if hit.not_now else None
    return " · ".join(filter(None, (hit.near, then)))


def _day(moment: datetime | None) -> str:
    return "unknown" if moment is None else f"{moment:%Y-%m-%d}"
