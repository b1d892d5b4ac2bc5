"""`groundcast map`: the score of every tile as a raster, a picture, a table or a film."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from search_ui.commands.area_options import area_options, asked_area
from search_ui.commands.context import CommandContext, json_option, pass_command_context, print_json
from search_ui.commands.question_options import question_options

if TYPE_CHECKING:
    from search_ui.maps.snapshots import Kind, Value
    from search_ui.search.engine import Engine
    from search_ui.search.query import Query
    from search_ui.search.scores import Frames
    from trainer.encoding import When

OUTPUT = click.Path(path_type=Path, dir_okay=False)
MOMENT = "Wall-clock time there: 2025-07-14T18, 2025-07-14, 2025-07 or T18."


@click.command(short_help="The score of every tile as GeoTIFF, picture, GeoParquet or film.")
@question_options
@click.option("--collection", metavar="NAME", required=True, help="Whose tiles.")
@click.option("--when", metavar="MOMENT", help=MOMENT)
@click.option("--minus-when", metavar="MOMENT", help="Map the difference: --when less this moment.")
@area_options
@click.option("--acquired-from", metavar="DATE", help="Only imagery taken on this day (UTC) or later.")
@click.option("--acquired-to", metavar="DATE", help="Only imagery taken on this day (UTC) or earlier.")
@click.option(
    "--value", type=click.Choice(["cosine", "relevance"]), default="cosine", show_default=True,
    help="What a picture of one moment, a difference or hexagons show; .tif and .parquet hold both.",
)  # fmt: skip
@click.option("--as-published", is_flag=True, help="As in the Sat2Cap paper: scaled to 0..1, below 0.5 not shown.")
@click.option("--h3", "resolution", type=int, metavar="RES", help="Gather tiles into H3 hexagons, 0 to 15.")
@click.option(
    "--h3-stat", type=click.Choice(["mean", "max"]), default="mean", show_default=True, help="What a hexagon shows."
)
@click.option("--best-moment", is_flag=True, help="In which month and at which hour each tile is most like TEXT.")
@click.option("--frames", metavar="MOMENTS", help="Many moments on one scale: hours, months, calendar, or a list.")
@click.option("--year", type=int, help="Of months, calendar and --best-moment [this one].")
@click.option("--fps", type=float, default=4, show_default=True, help="Frames a second of a film.")
@click.option("-o", "--output", type=OUTPUT, metavar="FILE", required=True, help=".tif .png .parquet .gif .mp4")
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
    minus_when: str | None,
    bbox: str | None,
    near: str | None,
    area: Path | None,
    acquired_from: str | None,
    acquired_to: str | None,
    value: "Value",
    as_published: bool,
    resolution: int | None,
    h3_stat: str,
    best_moment: bool,
    frames: str | None,
    year: int | None,
    fps: float,
    output: Path,
    as_json: bool,
) -> None:
    """Score every tile of a collection, or of an area of it, and write a map.

    A .tif is a cloud-optimised GeoTIFF whose pixels take the tile that holds their centre. A .gif or .mp4 needs
    --frames.
    """
    kind = _kind(minus_when, resolution, frames, best_moment=best_moment)
    given = _given(minus_when, resolution, frames)
    _check_together(when, minus_when, kind, value=value, as_published=as_published, given=given)
    from ingest.geo.area import parse_dates
    from search_ui.maps.snapshots import check_target
    from search_ui.search.moments import parse_moment
    from search_ui.search.query import Query
    from search_ui.search.wording import asked_parts

    check_target(output, kind)
    # all that can be refused is refused here: loading the model and scoring take far longer
    _check_numbers(resolution, fps, year)
    first, last = parse_dates(acquired_from, acquired_to)
    query = Query(
        parts=asked_parts(text, also, negatives, image, photo, tile),
        when=None if when is None else parse_moment(when),
        area=asked_area(bbox, near, area),
        acquired_from=first,
        acquired_to=last,
        ensemble=ensemble,
    )
    minus = None if minus_when is None else parse_moment(minus_when)
    whens = _moments(kind, frames, query.when, year)
    ctx.aliases.collection(collection)  # a wrong name is told before the wait for the model
    from search_ui.search.engine import Engine

    engine = Engine(ctx.settings, ctx.catalog)
    write: Callable[[], dict[str, Any]]
    drawn = _Map(engine, collection, query, output)
    match kind:
        case "difference":
            write = lambda: drawn.difference(minus, value)  # noqa: E731
        case "hexagons":
            assert resolution is not None  # noqa: S101 - that is what the kind says
            write = lambda: drawn.hexagons(value, resolution, h3_stat)  # noqa: E731
        case "frames":
            write = lambda: drawn.frames(whens, fps, published=as_published)  # noqa: E731
        case "best moment":
            write = lambda: drawn.best_moment(whens)  # noqa: E731
        case _:
            write = lambda: drawn.scores(value, published=as_published)  # noqa: E731
    written = {"output": str(output), "kind": kind} | write()
    if as_json:
        print_json({"query": drawn.asked} | written)
        return
    click.echo(f"wrote {output}: {_say(written)}")


class _Map:
    """The engine's answers handed to the writers of `search_ui.maps.snapshots`, and what is told about them."""

    def __init__(self, engine: "Engine", collection: str, query: "Query", output: Path) -> None:
        self.engine, self.collection, self.query, self.output = engine, collection, query, output
        self.asked = {name: value for name, value in query.as_dict().items() if name not in ("k", "distinct")}

    def scores(self, value: "Value", *, published: bool) -> dict[str, Any]:
        from search_ui.maps import snapshots as maps

        scores = self.engine.scores(self.collection, self.query)
        about = self._about(value=value, as_published=published or None)
        written = maps.write_scores(self.output, scores, about, value=value, published=published)
        return _counted(scores.tile_id, scores.note) | written

    def difference(self, minus: "When", value: "Value") -> dict[str, Any]:
        from dataclasses import replace

        from search_ui.maps import snapshots as maps

        scores = self.engine.scores(self.collection, self.query)
        other = self.engine.scores(self.collection, replace(self.query, when=minus))
        about = self._about(value=value, minus_when=None if minus is None else minus.isoformat())
        written = maps.write_difference(self.output, scores, other, about, value=value)
        return _counted(scores.tile_id, scores.note) | written

    def hexagons(self, value: "Value", resolution: int, statistic: Any) -> dict[str, Any]:
        from search_ui.maps import snapshots as maps

        scores = self.engine.scores(self.collection, self.query)
        about = self._about(value=value, statistic=statistic)
        written = maps.write_hexagons(
            self.output, scores, about, value=value, resolution=resolution, statistic=statistic
        )
        return _counted(scores.tile_id, scores.note) | written

    def frames(self, whens: "Sequence[When]", fps: float, *, published: bool) -> dict[str, Any]:
        from search_ui.maps import time_series as time_maps
        from search_ui.search.series import Reel

        reel = Reel(self._ask, whens)
        about = self._about(as_published=published or None)
        written = time_maps.write_frames(self.output, reel, about, published=published, fps=fps)
        return _counted(reel.tiles.tile_id, reel.tiles.note) | written

    def best_moment(self, whens: "Sequence[When]") -> dict[str, Any]:
        from search_ui.maps import time_series as time_maps
        from search_ui.search.series import Reel

        reel = Reel(self._ask, whens)
        first = whens[0]
        about = self._about(moments="12 months at 24 hours, on any weekday", year=getattr(first, "year", None))
        written = time_maps.write_best_moment(self.output, reel, about)
        return _counted(reel.tiles.tile_id, reel.tiles.note) | written

    def _ask(self, whens: "Sequence[When]") -> "Frames":
        return self.engine.frames(self.collection, self.query, whens)

    def _about(self, **more: Any) -> Any:
        from search_ui.maps.snapshots import About, say_question

        told = {name: value for name, value in more.items() if value is not None}
        facts = self.engine.provenance(self.collection).facts()
        return About(say_question(self.query), {"query": self.asked, "method": "exact"} | told | facts)


def _kind(minus_when: str | None, resolution: int | None, frames: str | None, *, best_moment: bool) -> "Kind":
    from trainer.errors import UsageError

    asked: dict[Kind, tuple[bool, str]] = {
        "difference": (minus_when is not None, "--minus-when"),
        "hexagons": (resolution is not None, "--h3"),
        "frames": (frames is not None, "--frames"),
        "best moment": (best_moment, "--best-moment"),
    }
    given = [kind for kind, (is_asked, _) in asked.items() if is_asked]
    if len(given) > 1:
        raise UsageError(f"{' and '.join(asked[kind][1] for kind in given)}: give one of them")
    return given[0] if given else "scores"


def _given(minus_when: str | None, resolution: int | None, frames: str | None) -> str:
    options = {"--minus-when": minus_when, "--h3": resolution, "--frames": frames}
    return next((name for name, value in options.items() if value is not None), "--best-moment")


def _check_together(
    when: str | None, minus_when: str | None, kind: "Kind", *, value: "Value", as_published: bool, given: str
) -> None:
    """Refuse options that make no sense together."""
    from trainer.errors import UsageError

    if minus_when is not None and when is None:
        raise UsageError("--minus-when needs --when: the map shows the scores at --when less those at --minus-when")
    if as_published and kind not in ("scores", "frames"):
        raise UsageError(f"--as-published scales one map of scores to 0..1: it cannot go with {given}")
    if value == "relevance" and kind in ("frames", "best moment"):
        raise UsageError(f"{given} shows the cosine, which compares moments of one question: leave --value out")
    if kind == "best moment" and when is not None:
        raise UsageError("--best-moment looks at all months and hours: leave --when out, or name the --year")


def _check_numbers(resolution: int | None, fps: float, year: int | None) -> None:
    from search_ui.maps.films import check_fps
    from search_ui.search.series import check_year

    if resolution is not None:
        from search_ui.maps.hexagons import check_resolution

        check_resolution(resolution)
    check_fps(fps)
    check_year(year)


def _moments(kind: "Kind", frames: str | None, when: "When", year: int | None) -> "tuple[When, ...]":
    from search_ui.search.series import calendar_moments, parse_frames, this_year

    if kind == "best moment":
        return calendar_moments(year or this_year())
    if frames is None:
        return ()
    return parse_frames(frames, when=when, year=year or this_year())


def _counted(tile_id: "Sequence[str]", note: str | None) -> dict[str, Any]:
    return {"tiles": len(tile_id)} | ({"note": note} if note else {})


def _say(written: dict[str, Any]) -> str:
    said = [f"{written['tiles']:,} tiles"]
    if "moments" in written:
        said.append(f"{written['moments']} moments")
    if "hexagons" in written:
        said.append(f"{written['hexagons']:,} hexagons")
    if "pixel_m" in written:
        said.append(f"{written['width']:,} × {written['height']:,} pixels of {written['pixel_m']:.3g} m")
    if written.get("hidden"):
        said.append(f"{written['hidden']:,} tiles are under others or smaller than a pixel")
    if written.get("note"):
        said.append(written["note"])
    return "; ".join(said)
