"""`groundcast calendar`: in which months and at which hours one would see something in an area."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from search_ui.commands.area_options import area_options, asked_area
from search_ui.commands.context import CommandContext, json_option, pass_command_context, print_json
from search_ui.commands.question_options import question_options

if TYPE_CHECKING:
    from search_ui.search.scores import Frames
    from trainer.encoding import When

OUTPUT = click.Path(path_type=Path, dir_okay=False)


@click.command(short_help="In which months and at which hours one would see it.")
@question_options
@click.option("--collection", metavar="NAME", required=True, help="Whose tiles.")
@area_options
@click.option("--acquired-from", metavar="DATE", help="Only imagery taken on this day (UTC) or later.")
@click.option("--acquired-to", metavar="DATE", help="Only imagery taken on this day (UTC) or earlier.")
@click.option("--top", type=int, default=9, show_default=True, help="Average so many of the highest tiles.")
@click.option("--year", type=int, help="The year that is asked about [this one].")
@click.option("-o", "--output", type=OUTPUT, metavar="FILE", help="Also write a picture .png, or .json or .csv.")
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
    bbox: str | None,
    near: str | None,
    area: Path | None,
    acquired_from: str | None,
    acquired_to: str | None,
    top: int,
    year: int | None,
    output: Path | None,
    as_json: bool,
) -> None:
    """Ask for TEXT in every month at every hour, on any weekday, in a collection or an area of it.

    Each number is the mean cosine of the highest tiles at that moment. Compare them within one calendar: across texts
    cosines say little.
    """
    from ingest.geo.area import parse_dates
    from search_ui.maps.calendars import calendar_of, check_target, check_top, table, write_calendar
    from search_ui.maps.snapshots import About, places_of, say_question
    from search_ui.search.query import Query
    from search_ui.search.remarks import say_likeliest
    from search_ui.search.series import Reel, calendar_moments, check_year, this_year
    from search_ui.search.wording import asked_parts

    if output is not None:
        check_target(output)
    check_top(top)
    check_year(year)
    first, last = parse_dates(acquired_from, acquired_to)
    query = Query(
        parts=asked_parts(text, also, negatives, image, photo, tile),
        area=asked_area(bbox, near, area),
        acquired_from=first,
        acquired_to=last,
        ensemble=ensemble,
    )
    ctx.aliases.collection(collection)  # a wrong name is told before the wait for the model
    from search_ui.search.engine import Engine

    engine = Engine(ctx.settings, ctx.catalog)

    def ask(whens: "Sequence[When]") -> "Frames":
        return engine.frames(collection, query, whens)

    reel = Reel(ask, calendar_moments(year or this_year()))
    # for its error alone: an area without a tile
    places_of(reel.tiles)
    calendar = calendar_of(reel, top=top)
    asked = {name: value for name, value in query.as_dict().items() if name not in ("k", "distinct")}
    about = About(say_question(query), {"query": asked, "method": "exact"} | engine.provenance(collection).facts())
    place, likeliest = engine.likeliest(collection, query)
    note = "; ".join(filter(None, (reel.tiles.note, say_likeliest(place, likeliest))))
    if output is not None:
        words = about.words(about.question, calendar.description, note)
        write_calendar(calendar, output, words, dict(about.provenance))
    if as_json:
        told = {"place": round(place, 4), "likeliest": None if likeliest is None else likeliest.as_dict(), "note": note}
        print_json({"query": asked, "collection": collection} | calendar.as_dict() | told)
        return
    click.echo(calendar.description)
    click.echo(table(calendar))
    click.echo(note)
    if output is not None:
        click.echo(f"wrote {output}", err=True)
