"""`groundcast ground`: what one would see on the ground, as photos of a gallery; and when a photo was taken there."""

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from search_ui.commands.context import CommandContext, json_option, pass_command_context

if TYPE_CHECKING:
    from search_ui.ground.gallery import PhotoFilter
    from search_ui.ground.photo_time import PhotoTimeView
    from search_ui.ground.view import GroundView

FILE = click.Path(path_type=Path, dir_okay=False)
OUTPUT = click.Path(path_type=Path, dir_okay=False)


@click.command(short_help="Photos that look like what one would see in a tile.")
@click.option("--tile", metavar="ID", help="Look from this tile of the collection.")
@click.option("--at", metavar="LAT,LON", help="Look from the tile that holds this place; in any usual notation.")
@click.option("--collection", metavar="NAME", required=True, help="Whose tiles.")
@click.option("--gallery", metavar="NAME", help="Whose photos [that of the collection's name, or the only one].")
@click.option("--when", metavar="MOMENT", help="Wall-clock time there: 2025-07-14T18, 2025-07-14, 2025-07 or T18.")
@click.option("--photo", type=FILE, metavar="FILE", help="A photo that was taken there, for --when?.")
@click.option(
    "--when?", "when_taken", is_flag=True, help="When was the --photo taken? Some shells want this option quoted."
)
@click.option("--within-km", type=float, metavar="KM", help="Only photos taken at most so far from the place.")
@click.option(
    "--licence", "licences", multiple=True, metavar="NAME", help="Only such photos, as CC-BY; may be given repeatedly."
)
@click.option(
    "--season", "seasons", multiple=True, metavar="NAME", help="Only photos of spring, summer, autumn or winter there."
)
@click.option("--months", metavar="MONTHS", help="Only photos of these months: 6-8, 12,1,2 or nov-feb.")
@click.option("--hours", metavar="FROM-TO", help="Only photos of these hours of the camera's clock: 6-10 or 22-4.")
@click.option("-k", type=int, default=9, show_default=True, help="How many photos.")
@click.option(
    "-o", "--output", type=OUTPUT, metavar="FILE", help="Also write a contact sheet .png, or .json, .geojson, .csv."
)
@json_option
@pass_command_context
def command(
    ctx: CommandContext,
    tile: str | None,
    at: str | None,
    collection: str,
    gallery: str | None,
    when: str | None,
    photo: Path | None,
    when_taken: bool,
    within_km: float | None,
    licences: tuple[str, ...],
    seasons: tuple[str, ...],
    months: str | None,
    hours: str | None,
    k: int,
    output: Path | None,
    as_json: bool,
) -> None:
    """Find the photos most like what one would see in a tile, at a moment or at any time.

    The photos need not have been taken there: each says how far away it was, and whether inside the tile. A filter
    never matches what is not known of a photo; how many it lost that way is told.

    With --photo and --when? it is the other way round: the months and hours in which that photo was likely taken there,
    and how likely each is.

    \b
    groundcast ground --at "43.1 N 165.0 W" --collection demo --photo beach.jpg '--when?'
    """
    tiles = ctx.aliases.collection(collection)  # wrong names are told before the wait for the model
    if when_taken or photo is not None:
        _check_asked_when(photo, when_taken, tile, at)
        _tell_when(ctx, collection, photo, tile, at, as_json)
        return
    started = time.perf_counter()
    from search_ui.ground.files import check_target, write_view
    from search_ui.ground.retrieval import GroundRetriever, find_gallery
    from search_ui.ground.view import GroundQuery
    from search_ui.search.engine import Engine
    from search_ui.search.moments import parse_moment

    imported_s = time.perf_counter() - started
    # for its errors alone, before the model is loaded; `look` finds it again
    find_gallery(ctx.catalog, tiles, gallery)
    query = GroundQuery(
        tile_id=tile,
        place=None if at is None else _place(at),
        when=None if when is None else parse_moment(when),
        k=k,
        photos=_filter(within_km, licences, seasons, months, hours),
    )
    if output is not None:
        check_target(output, k)
    engine = Engine(ctx.settings, ctx.catalog)
    view = GroundRetriever(engine).look(collection, query, gallery)
    troubles = [] if output is None else write_view(view, output)
    for trouble in troubles:
        click.echo(f"groundcast: warning: {trouble}", err=True)
    if as_json:
        click.echo(view.to_json())
        return
    _show(view)
    spent = {"imports": imported_s} | engine.seconds
    stages = " · ".join(f"{stage.replace('_', ' ')} {seconds:.2f} s" for stage, seconds in spent.items())
    click.echo(f"exact, {view.candidates} of {view.photos} photos · {stages}", err=True)
    if output is not None:
        click.echo(f"wrote {output}", err=True)


def _check_asked_when(photo: Path | None, when_taken: bool, tile: str | None, at: str | None) -> None:
    """Refuse half a question, and what would play no part in it."""
    from trainer.errors import UsageError

    if photo is None:
        raise UsageError("--when? asks when a photo was taken: give it with --photo FILE")
    if not when_taken:
        raise UsageError(
            "--photo is for --when?, which asks when it was taken (quoted: '--when?'); "
            "where it could have been taken, `groundcast search --photo` says"
        )
    if tile is None and at is None:
        raise UsageError("--when? needs the place where the photo was taken: give --at LAT,LON or --tile ID")
    context, used = click.get_current_context(), {"photo", "when_taken", "tile", "at", "collection", "as_json"}
    for option in context.command.params:
        name = option.name or ""
        if name not in used and context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            raise UsageError(f"{option.opts[-1]} plays no part in --when?: leave it out")


def _tell_when(
    ctx: CommandContext, collection: str, photo: Path | None, tile: str | None, at: str | None, as_json: bool
) -> None:
    from search_ui.ground.photo_time import PhotoTimeQuery, PhotoTimes
    from search_ui.search.engine import Engine

    assert photo is not None  # noqa: S101 - see _check_asked_when
    query = PhotoTimeQuery(photo=photo, tile_id=tile, place=None if at is None else _place(at))
    view = PhotoTimes(Engine(ctx.settings, ctx.catalog)).tell(collection, query)
    if as_json:
        click.echo(view.to_json())
        return
    _show_when(view, photo)


def _show_when(view: "PhotoTimeView", photo: Path) -> None:
    from search_ui.ground.photo_time import say_posterior, table

    click.echo(f"{photo} in {view.tile_id} at {view.lat:.5f}, {view.lon:.5f}, cosine at best {view.cosine:.4f}")
    if view.note:
        click.echo(view.note)
    click.echo(say_posterior(view.posterior))
    click.echo(table(view.posterior))


def _place(text: str) -> tuple[float, float]:
    from ingest.places.angles import HELP
    from ingest.places.coordinates import parse_coordinates
    from trainer.errors import AreaError

    place = parse_coordinates(text)
    if place is None:
        raise AreaError(f"--at {text[:60]!r} is no place: {HELP}")
    return place


def _filter(
    within_km: float | None, licences: tuple[str, ...], seasons: tuple[str, ...], months: str | None, hours: str | None
) -> "PhotoFilter":
    from search_ui.ground.gallery import PhotoFilter, parse_hours, parse_months

    return PhotoFilter(
        within_m=None if within_km is None else within_km * 1000,
        licences=licences,
        seasons=frozenset(name.strip().lower() for item in seasons for name in item.split(",")),
        months=frozenset() if months is None else parse_months(months),
        hours=None if hours is None else parse_hours(hours),
    )


def _show(view: "GroundView") -> None:
    from search_ui.ground.contact_sheet import say_credit, say_taken, say_where
    from search_ui.search.moments import say_moment

    click.echo(f"{view.tile_id} at {view.lat:.5f}, {view.lon:.5f}, {say_moment(view.when)}, gallery {view.gallery}")
    if view.note:
        click.echo(view.note)
    for hit in view.hits:
        said = f"{say_where(hit):30}  {say_taken(hit):25}  {say_credit(hit):36}"
        click.echo(f"{hit.rank:>4}  {hit.cosine:>z7.4f}  {said}  {hit.photo_id}")
