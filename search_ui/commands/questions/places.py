"""`groundcast places`: what a name means, for `--place`."""

from typing import TYPE_CHECKING, Any

import click

from search_ui.commands.area_options import told
from search_ui.commands.context import CommandContext, json_option, pass_command_context, print_json

if TYPE_CHECKING:
    from ingest.places.gazetteer import Gazetteer
    from ingest.places.place import Place


@click.command(
    short_help="Places of a name, as --place takes them.",
    context_settings={"ignore_unknown_options": True},  # -33.8,151.2 is a place
)
@click.argument("name")
@click.option("-k", type=click.IntRange(1, 100), default=10, show_default=True, help="How many places.")
@json_option
@pass_command_context
def command(ctx: CommandContext, name: str, k: int, as_json: bool) -> None:
    """List towns, countries and regions called NAME, the likeliest first; `--place` takes the first of that very name.

    NAME may be in any script, with a country or state behind it: "Banepa, Nepal", "Paris, TX". It may be coordinates,
    which are then read: 27.63N 85.52E, 27°37'58"N 85°31'15"E, 45RUL5413057430, a plus code, a link of a map.
    """
    from ingest.places.coordinates import parse_coordinates, show
    from ingest.places.gazetteer import Gazetteer

    gazetteer = Gazetteer(ctx.settings.places_dir, tell=told)
    at = parse_coordinates(name)
    if at is not None:
        (near,) = gazetteer.nearest_place(*at)
        if as_json:
            document = {"lat": at[0], "lon": at[1], "near": None if near is None else near.as_dict()}
            print_json({"query": name, "coordinates": document, "places": [], "attribution": _attribution([])})
        else:
            click.echo(f"{show(*at)}  {near}")
        return
    places = gazetteer.find_places(name, k)
    if as_json:
        listed = [_document(place, gazetteer) for place in places]
        print_json({"query": name, "coordinates": None, "places": listed, "attribution": _attribution(places)})
        return
    _show(name, places)


def _document(place: "Place", gazetteer: "Gazetteer") -> dict[str, Any]:
    from ingest.places.areas import bbox_of, shape_of

    area, size = shape_of(place, gazetteer)
    return place.as_dict() | {"bbox": [round(side, 5) for side in bbox_of(area)], "area": size}


def _show(name: str, places: "list[Place]") -> None:
    if not places:
        click.echo(f"no place is called {name!r}, or nearly so")
        return
    width = max(len(place.label) for place in places)
    click.echo(f"{'place':{width}}  {'lat':>9}  {'lon':>10}  {'people':>13}  found by")
    for place in places:
        people = f"{place.population:,}" if place.population else "unknown"
        click.echo(f"{place.label:{width}}  {place.lat:>9.4f}  {place.lon:>10.4f}  {people:>13}  {place.match}")
    click.echo(_attribution(places), err=True)


def _attribution(places: "list[Place]") -> str:
    from ingest.places.areas import OSM
    from ingest.places.store import ATTRIBUTION

    return f"{ATTRIBUTION}; {OSM}" if any(place.kind == "country" for place in places) else ATTRIBUTION
