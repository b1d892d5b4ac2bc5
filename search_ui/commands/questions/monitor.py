"""`groundcast monitor`: what appeared and what vanished between two collections of one area."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from search_ui.commands.area_options import area_options, asked_area
from search_ui.commands.context import CommandContext, json_option, pass_command_context, print_json

if TYPE_CHECKING:
    from search_ui.monitor.comparing import Monitored, TextChanges

OUTPUT = click.Path(path_type=Path, dir_okay=False)
_SHOWN = 20  # changes of a text in a terminal


@click.command(short_help="What appeared and vanished between two collections.")
@click.argument("before")
@click.argument("after")
@click.option("--text", "texts", multiple=True, required=True, metavar="TEXT", help="What to look for; repeatable.")
@click.option("--when", metavar="MOMENT", help="As it is then, in both: 2025-07-14T18, 2025-07 or T18, local time.")
@area_options
@click.option("--fdr", type=float, default=0.05, show_default=True, help="Share of the changes told that may be none.")
@click.option("-o", "--output", type=OUTPUT, metavar="FILE", help="Also write .geojson, .csv, .parquet or .png.")
@json_option
@pass_command_context
def command(
    ctx: CommandContext,
    before: str,
    after: str,
    texts: tuple[str, ...],
    when: str | None,
    bbox: str | None,
    near: str | None,
    area: Path | None,
    fdr: float,
    output: Path | None,
    as_json: bool,
) -> None:
    """Compare two collections of one area, such as of two dates: what appeared, and what vanished.

    A change is told against how far tiles move that did not change, on these very two. The grids may differ, the model
    may not.

    \b
    groundcast monitor town-2015 town-2025 --text "a swimming pool" -o pools.geojson
    groundcast monitor before after --text "houses" --text "a forest" -o map.png
    """
    for name in (before, after):
        ctx.aliases.collection(name)  # a wrong name is told before the wait for the model
    from search_ui.monitor.change import check_fdr
    from search_ui.monitor.change_files import check_target, write_changes
    from search_ui.monitor.comparing import monitor
    from search_ui.search.engine import Engine
    from search_ui.search.moments import parse_moment
    from search_ui.search.query import Part, Query

    check_fdr(fdr)
    if output is not None:
        check_target(output, len(texts))
    asked = tuple(dict.fromkeys(texts))
    query = Query(
        parts=tuple(Part("text", text) for text in asked),
        when=None if when is None else parse_moment(when),
        area=asked_area(bbox, near, area),
    )
    engine = Engine(ctx.settings, ctx.catalog)
    with engine.request():  # rows of all texts are of the same tiles, whatever is ingested meanwhile
        found = monitor(engine, before, after, asked, query, fdr=fdr)
    if output is not None:
        write_changes(output, found, engine.provenance(after).facts())
    if as_json:
        print_json(found.as_dict() | ({} if output is None else {"output": str(output)}))
        return
    _show(found)
    if output is not None:
        click.echo(f"wrote {output}", err=True)


def _show(found: "Monitored") -> None:
    for note in found.notes:
        click.echo(f"note: {note}")
    grids = "of one grid" if found.same_grid else "of different grids, by the ground that they share"
    missing = f"{found.unmatched[0]:,} of {found.after} and {found.unmatched[1]:,} of {found.before} have no other"
    click.echo(f"{len(found.tile_id):,} tiles in both, {grids}; {missing}")
    for one in found.texts:
        _show_text(found, one)


def _show_text(found: "Monitored", one: "TextChanges") -> None:
    from search_ui.monitor.change import WORDS
    from search_ui.search.relevance.calibration import say_relevance

    counts = ", ".join(f"{one.changes.count(word):,} {word}" for word in WORDS)
    click.echo("")
    click.echo(f"“{one.text}”: {counts}")
    usual = f"usual difference {one.changes.shift:+.4f} ± {one.changes.spread:.4f}"
    click.echo(f"{usual}; of the changes told {found.fdr:.0%} may be none")
    rows = found.rows(one)
    if not rows:
        click.echo("no change is more than what tiles move without one")
        return
    width = max(len(row["tile_id"]) for row in rows[:_SHOWN])
    click.echo(f"{'change':9}  {'z':>6}  {'q':>8}  {'relevance':>12}  {'lat':>10}  {'lon':>11}  {'tile':{width}}")
    for row in rows[:_SHOWN]:
        moved = f"{say_relevance(row['relevance_before'])} → {say_relevance(row['relevance_after'])}"
        place = f"{row['lat']:>10.5f}  {row['lon']:>11.5f}  {row['tile_id']:{width}}"
        click.echo(f"{row['change']:9}  {row['z']:>+6.1f}  {row['q']:>8.2g}  {moved:>12}  {place}")
    if len(rows) > _SHOWN:
        click.echo(f"… and {len(rows) - _SHOWN:,} more: see --json or -o")
