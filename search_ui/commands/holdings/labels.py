"""`groundcast labels`: sets of places called right or wrong, what is learnt from them, and the areas that it finds."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from search_ui.commands.area_options import area_options, asked_area
from search_ui.commands.context import CommandContext, json_option, pass_command_context, print_json

if TYPE_CHECKING:
    from ingest.catalog.labels import LabelSet
    from search_ui.labels.areas import Area
    from search_ui.labels.classifier import Assessment
    from search_ui.service.labelling import Labelling
    from search_ui.service.learning import Learning, Probabilities

FILE = click.Path(path_type=Path, dir_okay=False)
_SHOWN = 10  # areas


@click.group(short_help="Places called right or wrong, and what is learnt from them.")
def command() -> None:
    """Sets of labels: tiles that somebody said yes, no or unsure of.

    A SET is given by its name or its id. It belongs to a collection, and keeps the question that it began from.
    """


@command.command("list")
@click.option("--collection", metavar="NAME", help="Only those of this collection.")
@json_option
@pass_command_context
def list_(ctx: CommandContext, collection: str | None, as_json: bool) -> None:
    """List the sets, the newest first."""
    from ingest.catalog.labels import LabelSets

    sets = LabelSets(ctx.catalog).all(collection)
    if as_json:
        print_json({"sets": [_said(found) for found in sets]})
        return
    for found in sets:
        click.echo(_line(found))
    if not sets:
        click.echo("no set of labels yet: `groundcast labels add` makes one, as do thumbs in the app")


@command.command("show")
@click.argument("name", metavar="SET")
@click.option("--collection", metavar="NAME", help="Where several collections have a set of that name.")
@json_option
@pass_command_context
def show(ctx: CommandContext, name: str, collection: str | None, as_json: bool) -> None:
    """Show a set and its labels."""
    from ingest.catalog.labels import LabelSets

    sets = LabelSets(ctx.catalog)
    found = sets.find(name, collection)
    labels = sets.labels(found.id)
    if as_json:
        told = [vars(label) | {"label": label.verdict} for label in labels]
        for one in told:
            del one["verdict"]
        print_json(_said(found) | {"labels": told})
        return
    click.echo(_line(found))
    for label in labels:
        by = f"  {label.labelled_by}" if label.labelled_by else ""
        day = f"{label.labelled_at:%Y-%m-%d}"
        click.echo(f"{label.verdict:6}  {label.lat:>10.5f}  {label.lon:>11.5f}  {label.tile_id}  {day}{by}")


@command.command("add")
@click.argument("name", metavar="SET")
@click.option("--collection", metavar="NAME", required=True, help="Whose tiles are labelled.")
@click.option("--label", type=click.Choice(["yes", "no", "unsure", "none"]), help="What is said; none takes it away.")
@click.option("--tile", "tiles", multiple=True, metavar="ID", help="This tile; may be repeated.")
@click.option("--at", multiple=True, metavar="LAT,LON", help="The tile that holds this place; may be repeated.")
@area_options
@click.option("--text", metavar="TEXT", help="Of a new set: the question that it begins from.")
@click.option("--when", metavar="MOMENT", help="Of a new set: the moment at which tiles are looked at.")
@click.option("--by", metavar="WHO", help="Who says so.")
@json_option
@pass_command_context
def add(
    ctx: CommandContext,
    name: str,
    collection: str,
    label: str | None,
    tiles: tuple[str, ...],
    at: tuple[str, ...],
    bbox: str | None,
    near: str | None,
    area: Path | None,
    text: str | None,
    when: str | None,
    by: str | None,
    as_json: bool,
) -> None:
    """Label tiles, or all whose middle lies in an area; a set that is not there yet is made."""
    from trainer.errors import MissingError, UsageError

    ctx.aliases.collection(collection)
    where = asked_area(bbox, near, area)
    if label is None and (tiles or at or where is not None):
        raise UsageError("--label is missing: say yes, no, unsure, or none to take labels away")
    if label is not None and not (tiles or at or where is not None):
        raise UsageError("nothing is labelled: give --tile, --at or an area")
    labelling = _labelling(ctx)
    ids = [*tiles, *(_tile_at(ctx, labelling, collection, place) for place in at)]
    if where is not None:
        ids += labelling.tiles_in(collection, where)
    try:
        found = labelling.sets.find(name, collection)
        if text is not None or when is not None:
            raise UsageError(f"the set {name!r} is there: --text and --when are for a new one")
    except MissingError:
        asked = {"q": text, "when": when}
        found = labelling.create(name, collection, {key: value for key, value in asked.items() if value is not None})
    if ids:
        labelling.label(found.id, ids, None if label in (None, "none") else label, by)  # type: ignore[arg-type]
    found = labelling.sets.get(found.id)
    if as_json:
        print_json(_said(found) | {"labelled": len(set(ids))})
        return
    click.echo(_line(found))
    if (few := _learning(labelling).lacking(found)) is not None:
        click.echo(few, err=True)


@command.command("rename")
@click.argument("name", metavar="SET")
@click.argument("to", metavar="NAME")
@click.option("--collection", metavar="NAME", help="Where several collections have a set of that name.")
@json_option
@pass_command_context
def rename(ctx: CommandContext, name: str, to: str, collection: str | None, as_json: bool) -> None:
    """Call a set otherwise."""
    from ingest.catalog.labels import LabelSets

    sets = LabelSets(ctx.catalog)
    found = sets.find(name, collection)
    sets.rename(found.id, to)
    _tell(sets.get(found.id), as_json)


@command.command("delete")
@click.argument("name", metavar="SET")
@click.option("--collection", metavar="NAME", help="Where several collections have a set of that name.")
@json_option
@pass_command_context
def delete(ctx: CommandContext, name: str, collection: str | None, as_json: bool) -> None:
    """Delete a set with its labels."""
    from ingest.catalog.labels import LabelSets

    sets = LabelSets(ctx.catalog)
    found = sets.find(name, collection)
    sets.delete(found.id)
    if as_json:
        print_json({"deleted": found.id})
    else:
        click.echo(f"deleted {found.name} with its {found.total:,} labels")


@command.command("import")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.option("--collection", metavar="NAME", required=True, help="Whose tiles are labelled.")
@click.option("--name", metavar="NAME", help="Of the new set [as the file says, else as it is called].")
@click.option("--into", metavar="SET", help="Into this set; labels of the same tiles are replaced.")
@json_option
@pass_command_context
def import_(
    ctx: CommandContext, file: Path, collection: str, name: str | None, into: str | None, as_json: bool
) -> None:
    """Take labels from a .geojson, .parquet or .csv.

    It needs a column label (yes, no, unsure) and a place: points, or columns lat and lon, or tile_id. Rows that lie on
    no tile, or cannot be understood, are counted by reason.
    """
    from search_ui.labels.tables import MAX_BYTES
    from trainer.errors import UploadError, UsageError

    if name is not None and into is not None:
        raise UsageError("--name and --into: give one of them")
    ctx.aliases.collection(collection)
    if file.stat().st_size > MAX_BYTES:
        raise UploadError(f"'{file}' has more than {MAX_BYTES >> 20} MiB: split it")
    labelling = _labelling(ctx)
    target = None if into is None else labelling.sets.find(into, collection).id
    found, taken = labelling.bring(file.read_bytes(), file.name, collection, name=name, into=target)
    if as_json:
        print_json(_said(found) | {"taken": taken.as_dict()})
        return
    click.echo(f"{len(taken.labels):,} labels taken: {_line(found)}")
    for line in taken.lines():
        click.echo(line, err=True)


@command.command("export")
@click.argument("name", metavar="SET")
@click.option("--collection", metavar="NAME", help="Where several collections have a set of that name.")
@click.option("-o", "--output", type=FILE, required=True, metavar="FILE", help="A .geojson, .parquet or .csv.")
@json_option
@pass_command_context
def export(ctx: CommandContext, name: str, collection: str | None, output: Path, as_json: bool) -> None:
    """Write a set as a file, which `import` reads back as it was."""
    from search_ui.files.writing import check_name, write_whole
    from search_ui.labels.tables import SUFFIXES

    check_name(output, SUFFIXES)
    labelling = _labelling(ctx)
    found = labelling.sets.find(name, collection)
    write_whole(output, labelling.export(found.id, output.suffix.lower()))
    if as_json:
        print_json(_said(found) | {"output": str(output)})
    else:
        click.echo(f"wrote {output}: {found.total:,} labels")


@command.command("classify")
@click.argument("name", metavar="SET")
@click.option("--collection", metavar="NAME", help="Where several collections have a set of that name.")
@click.option("--threshold", type=float, default=0.5, show_default=True, help="Least probability of an area's tiles.")
@click.option("-o", "--output", type=FILE, metavar="FILE", help="Write the areas: .geojson, .parquet or .kml.")
@click.option("--map", "map_", type=FILE, metavar="FILE", help="Write every tile's probability: .tif or .parquet.")
@json_option
@pass_command_context
def classify(
    ctx: CommandContext,
    name: str,
    collection: str | None,
    threshold: float,
    output: Path | None,
    map_: Path | None,
    as_json: bool,
) -> None:
    """Learn from a set: how well it does, how likely every tile is a yes, and the areas of those that are.

    How well is told by the area under the ROC curve, of labels held out in blocks of ground, with an interval of 95 %;
    beside it stands what the question alone reaches on the same labels. .5 is guessing, 1 is perfect.
    """
    from search_ui.files.writing import check_name
    from search_ui.labels.area_files import check_target, write_areas

    if output is not None:
        check_target(output)
    if map_ is not None:
        check_name(map_, (".tif", ".parquet"))
    labelling = _labelling(ctx)
    found, learning = labelling.sets.find(name, collection), _learning(labelling)
    learnt, made = learning.learnt(found.id), learning.probabilities(found.id)
    areas = learning.areas(found.id, threshold)
    if output is not None:
        write_areas(output, areas, threshold, learning.provenance(learnt, threshold))
    if map_ is not None:
        _write_map(map_, made, learning.provenance(learnt))
    if as_json:
        files = {"output": output, "map": map_}
        told = {"threshold": threshold, "areas": [area.as_dict() for area in areas]}
        print_json(learnt.as_dict() | told | {key: str(path) for key, path in files.items() if path is not None})
        return
    _show_assessment(learnt.assessment, learnt.lost)
    _show_areas(areas, threshold)
    for path in filter(None, (output, map_)):
        click.echo(f"wrote {path}", err=True)


def _labelling(ctx: CommandContext) -> "Labelling":
    from search_ui.search.engine import Engine
    from search_ui.service.brought.uploads import Uploads
    from search_ui.service.labelling import Labelling

    return Labelling(
        Engine(ctx.settings, ctx.catalog),
        tiles=ctx.aliases.collection,
        picture=Uploads(ctx.settings.home / "uploads").path,
        require_writable=lambda: None,
    )


def _learning(labelling: "Labelling") -> "Learning":
    from search_ui.service.learning import Learning

    return Learning(labelling)


def _tile_at(ctx: CommandContext, labelling: "Labelling", collection: str, place: str) -> str:
    """The tile that holds a place."""
    import numpy as np

    from ingest.places.coordinates import parse_coordinates
    from search_ui.ground.retrieval import row_at
    from trainer.errors import UsageError

    found = parse_coordinates(place)
    if found is None:
        raise UsageError(f"--at {place[:60]!r} is no pair of coordinates: write 43.1,-165.0 or 43.1 N 165.0 W")
    tiles = ctx.aliases.collection(collection)
    columns = labelling.engine.field(tiles)
    return columns.ids(np.array([row_at(tiles, columns, *found)]))[0]


def _write_map(path: Path, made: "Probabilities", provenance: dict[str, Any]) -> None:
    from search_ui.maps.snapshots import About, write_raster, write_table

    about = About(made.learnt.of.name, provenance)
    if path.suffix.lower() == ".parquet":
        write_table(path, made.tile_id, {"probability": made.probability}, made.places, about)
    else:
        bands = {"probability": ("chance of a yes", made.probability)}
        write_raster(path, bands, made.places, about, made.learnt.of.name)


def _said(found: "LabelSet") -> dict[str, Any]:
    return {name: value for name, value in vars(found).items() if name != "revision"}


def _line(found: "LabelSet") -> str:
    counted = ", ".join(f"{count:,} {verdict}" for verdict, count in found.counts.items())
    asked = f" · “{found.question['q']}”" if "q" in found.question else ""
    when = f" at {found.question['when']}" if "when" in found.question else ""
    return f"{found.id}  {found.name} · {found.collection} · {counted}{asked}{when} · {_day(found.created_at)}"


def _day(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d}"


def _tell(found: "LabelSet", as_json: bool) -> None:
    if as_json:
        print_json(_said(found))
    else:
        click.echo(_line(found))


def _show_assessment(told: "Assessment", lost: int) -> None:
    held = f"held out {told.folds} times in {told.blocks} blocks of {told.block_m / 1000:.3g} km"
    click.echo(f"{told.yeses} yes and {told.noes} no, {held}; area under the ROC curve, with its interval of 95 %:")
    click.echo(f"  classifier      {told.classifier}")
    if told.question is not None:
        click.echo(f"  question alone  {told.question}")
    for note in told.notes:
        click.echo(f"  {note}")
    if lost:
        click.echo(f"  {lost:,} labels lie where the collection has no tile any more")


def _show_areas(areas: "list[Area]", threshold: float) -> None:
    whole = sum(area.area_km2 for area in areas)
    tiles = sum(area.tiles for area in areas)
    click.echo(f"probability {threshold:g} or more: {len(areas):,} areas of {tiles:,} tiles, {whole:,.2f} km²")
    for area in areas[:_SHOWN]:
        place = f"{area.lat:>10.5f}  {area.lon:>11.5f}"
        click.echo(
            f"{area.number:>4}  {area.area_km2:>9.2f} km²  {place}  mean {area.mean:.2f}, best {area.highest:.2f}"
        )
    if len(areas) > _SHOWN:
        click.echo(f"  … and {len(areas) - _SHOWN:,} more: see -o or --json")
