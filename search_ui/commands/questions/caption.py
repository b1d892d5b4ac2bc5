"""`groundcast caption`: what one would see on the ground, in words."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from search_ui.commands.context import CommandContext, json_option, pass_command_context

if TYPE_CHECKING:
    from search_ui.ground.captions import CaptionView

FOLDER = click.Path(path_type=Path, exists=True, file_okay=False)
FILE = click.Path(path_type=Path, exists=True, dir_okay=False)


@click.command(short_help="What one would see in a tile, in words.")
@click.option("--tile", metavar="ID", help="Look from this tile of the collection.")
@click.option("--at", metavar="LAT,LON", help="Look from the tile that holds this place; in any usual notation.")
@click.option("--collection", metavar="NAME", required=True, help="Whose tiles.")
@click.option(
    "--when",
    "whens",
    multiple=True,
    metavar="MOMENT",
    help="Wall-clock time there: 2025-07-14T18, 2025-07-14, 2025-07 or T18; may be given repeatedly.",
)
@click.option("--moments", is_flag=True, help="At 8, 13, 18 and 23 h in the middle of January, April, July, October.")
@click.option("--phrases", is_flag=True, help="The nearest phrase of a bank, also where the model has a captioner.")
@click.option("--bank", type=FILE, metavar="FILE", help="Your own phrases, one a line, for --phrases.")
@click.option("--captioner", type=FOLDER, metavar="DIR", help="A captioner's folder [the model's own].")
@json_option
@pass_command_context
def command(
    ctx: CommandContext,
    tile: str | None,
    at: str | None,
    collection: str,
    whens: tuple[str, ...],
    moments: bool,
    phrases: bool,
    bank: Path | None,
    captioner: Path | None,
    as_json: bool,
) -> None:
    """Say in words what one would see in a tile, at moments or at any time.

    A model that has a captioner speaks freely (the bundled one has; `groundcast captioner` makes others); any other
    answers with the nearest phrase of a bank. Each caption's cosine says how like the predicted scene it is.

    \b
    groundcast caption --at "43.1 N 165.0 W" --collection demo --when 2025-07-12T14 --when 2025-01-12T22
    groundcast caption --tile ID --collection demo --moments
    """
    ctx.aliases.collection(collection)  # a wrong name is told before the wait for the model
    from search_ui.ground.captions import CaptionQuery, Captions, usual_moments
    from search_ui.search.engine import Engine
    from search_ui.search.moments import parse_moment
    from trainer.errors import UsageError

    if moments and whens:
        raise UsageError("--when and --moments: give one of them")
    if bank is not None and not phrases:
        raise UsageError("--bank is for --phrases: give that too")
    if captioner is not None and phrases:
        raise UsageError("--captioner and --phrases: give one of them")
    asked = usual_moments() if moments else tuple(map(parse_moment, whens)) or (None,)
    query = CaptionQuery(tile_id=tile, place=None if at is None else _place(at), whens=asked, phrases=phrases)
    view = Captions(Engine(ctx.settings, ctx.catalog), captioner, bank).say(collection, query)
    if as_json:
        click.echo(view.to_json())
        return
    _show(view)


def _place(text: str) -> tuple[float, float]:
    from ingest.places.angles import HELP
    from ingest.places.coordinates import parse_coordinates
    from trainer.errors import AreaError

    place = parse_coordinates(text)
    if place is None:
        raise AreaError(f"--at {text[:60]!r} is no place: {HELP}")
    return place


def _show(view: "CaptionView") -> None:
    from search_ui.search.moments import say_moment

    click.echo(f"{view.tile_id} at {view.lat:.5f}, {view.lon:.5f}, by {view.method}")
    if view.note:
        click.echo(view.note)
    for said in view.captions:
        click.echo(f"{said.cosine:>z7.4f}  {say_moment(said.when):24}  {said.text}")
