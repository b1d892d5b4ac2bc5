"""`groundcast import`: embeddings that somebody else made into a collection that can be searched."""

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from search_ui.commands.context import (
    CommandContext,
    as_lines,
    json_option,
    pass_command_context,
    print_json,
    tell,
)
from search_ui.commands.running import check_saved_searches, job_json

if TYPE_CHECKING:
    from ingest.embeddings.brought import VectorSource
    from ingest.embeddings.importing import ImportResult, PresentModel


@click.command(name="import", short_help="Embeddings that you have, as tables or rasters, into a collection.")
@click.argument("source")
@click.option("--collection", required=True, metavar="NAME", help="Collection to make or go on with.")
@click.option("--model", metavar="NAME", help="The model here that made them [as the files say, else none].")
@click.option("--model-name", metavar="WORDS", help="What made them, where it is not here and no file says it.")
@click.option("--vector-column", metavar="NAME", help="Column of the vectors, where several could be.")
@click.option("--id-column", metavar="NAME", help="Column of the tiles' ids [found; else file and row].")
@click.option("--date-column", metavar="NAME", help="Column of when the imagery was taken [found].")
@click.option("--acquired-at", metavar="DATE", help="When it was taken, for files that do not say it.")
@click.option("--tile-size-m", type=float, help="Side of the tile around a point; of a raster's tiles, 480.")
@click.option("--stride-m", type=float, help="From tile to tile of a raster, metres [the size].")
@click.option("--crs", metavar="CRS", help="Reference system of geometries, such as EPSG:4326 [as the files say].")
@click.option("--scale", type=float, help="Whole numbers are multiplied by it, where nothing says what they stand for.")
@click.option("--offset", type=float, help="And this is added.")
@click.option("--attribution", metavar="TEXT", help="Whom to credit; it goes into every exported file.")
@json_option
@pass_command_context
def command(
    ctx: CommandContext,
    /,
    source: str,
    collection: str,
    model: str | None,
    attribution: str | None,
    as_json: bool,
    **said: Any,
) -> None:
    """Bring the embeddings at SOURCE into a collection.

    SOURCE is a Parquet or GeoParquet file, a folder or a pattern such as 'tiles/*.parquet', a URL such as
    s3://bucket/folder, a STAC item whose assets are embeddings, or rasters of vectors (AlphaEarth, Tessera, any GeoTIFF
    with a band a number), of which each tile gets the mean of its pixels.

    Known by their columns: groundcast's own, Clay v0 and v1.5, LGND, Earth Index, Major TOM, EarthEmbeddings, Planet;
    of any other table the column of vectors and that of footprints or places. What was taken for what is said first.

    The same command again goes on where the last run stopped. Without --model such a collection is searched by its own
    tiles (`groundcast search --tile ID`), by labels and what is learnt from them; words take the model that made the
    vectors.
    """
    from ingest.embeddings.importing import bring_in
    from ingest.embeddings.options import ImportOptions
    from ingest.embeddings.request import ImportRequest
    from ingest.opening import source_location
    from ingest.places.making import make_ahead
    from trainer.errors import SourceError

    options = ImportOptions(**said)
    request = ImportRequest(collection, source_location(source), options, attribution)
    make_ahead(ctx.settings.places_dir)  # beside the work, so that the first question by name need not wait
    bars: list[Any] = []
    try:
        result = bring_in(
            ctx.settings, ctx.catalog, request, _progress(collection, bars), model=_model(ctx, collection, model)
        )
    finally:
        for bar in bars:
            bar.close()
    if as_json:
        report = result.report
        run = (
            None if report is None else vars(report) | {"skipped": dict(report.skipped), "failed": dict(report.failed)}
        )
        told = {"read_as": result.said, "unread_dates": result.unread_dates}
        print_json({"job": job_json(result.job), "run": run} | told)
    else:
        for line in _lines(ctx, collection, result, named=model is not None):
            click.echo(line)
    if result.report is not None and result.report.done:
        check_saved_searches(ctx, collection)
    if not result.stopped and not ctx.catalog.items_done(result.job.collection, ("archived", "done")):
        reasons = ", ".join(f"{reason} {count}" for reason, count in (result.job.skipped | result.job.failed).items())
        raise SourceError(
            f"{result.job.source}: no row could be taken ({reasons}); `groundcast jobs show {result.job.id}` says why"
        )


def _model(ctx: CommandContext, collection: str, name: str | None) -> "PresentModel | None":
    """The model that is named, or that an earlier import into the collection named."""
    from ingest.catalog.foreign import KEY as FOREIGN
    from ingest.embeddings.importing import PresentModel
    from trainer.checkpoint import read_meta

    existing = ctx.aliases.find(collection)
    if name is None:
        if existing is None or FOREIGN in existing.spec:
            return None
        return PresentModel(existing.model_id, existing.dim)
    meta = read_meta(ctx.settings.models_dir / ctx.catalog.model(name).name)
    return PresentModel(meta.model_id, meta.dim)


def _progress(collection: str, bars: list[Any]) -> "Callable[[VectorSource, int], Callable[[int], object]]":
    from tqdm import tqdm

    def start(source: "VectorSource", left: int) -> Callable[[int], object]:
        for line in source.said:
            tell(line)
        tell(f"{left} rows to do")
        every_s = 0.1 if sys.stderr.isatty() else 30.0  # a log file wants a line now and then
        bars.append(
            tqdm(
                total=left, unit=" rows", desc=collection, mininterval=every_s, maxinterval=every_s, disable=as_lines()
            )
        )
        update: Callable[[int], object] = bars[0].update
        return update

    return start


def _lines(ctx: CommandContext, name: str, result: "ImportResult", *, named: bool) -> list[str]:
    """The closing lines for people."""
    from ingest.catalog.foreign import foreign_model

    job, report = result.job, result.report
    gone = [f"{reason} {count}" for reason, count in sorted((job.skipped | job.failed).items())]
    totals = f"{job.done} tiles" + (f", left out: {', '.join(gone)}" if gone else "")
    which = f"; `groundcast jobs show {job.id}` says which" if job.failed else ""
    if report is None:
        lines = [f"nothing to do: job {job.id} is complete, {totals}{which}"]
    else:
        rate = report.done / report.wall_s if report.wall_s > 0 else 0.0
        verb = job.state if report.cancelled else "complete"
        lines = [f"{rate:,.0f} tiles/s in {report.wall_s:.1f} s", f"job {job.id} {verb}: {totals}{which}"]
    if result.unread_dates:
        lines.append(f"{result.unread_dates} dates could not be read: those tiles have none")
    collection = ctx.catalog.collection(job.collection)
    foreign = foreign_model(ctx.catalog, collection)
    if foreign is None and named:
        lines.append(f"vectors taken for those of model {collection.model_id}, as you say: nothing here can check it")
    elif foreign is None:
        lines.append(f"vectors of model {collection.model_id}, as the files or an import before say")
    else:
        lines.append(
            f"vectors of {foreign}, which is not here: ask by a tile (`groundcast search --collection {name} --tile "
            "ID`) or by labels; there is no relevance, and words are refused"
        )
    return lines
