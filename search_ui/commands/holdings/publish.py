"""`groundcast publish`: a collection as a folder of open formats, for others to use."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from search_ui.commands.context import CommandContext, as_lines, json_option, pass_command_context, print_json

if TYPE_CHECKING:
    from search_ui.publishing.publication import Published
    from search_ui.search.query import Query


@click.command(short_help="A collection as GeoParquet, STAC and score maps.")
@click.argument("collection")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--text", "texts", multiple=True, metavar="TEXT", help="Add a score map of this. May be repeated.")
@click.option("--when", "whens", multiple=True, metavar="MOMENT", help="Moment of the maps, or one for each --text.")
@click.option("--licence", metavar="SPDX", help="Under which licence you publish it, such as CC-BY-4.0.")
@click.option("--replace", is_flag=True, help="Replace the publication that stands in FOLDER.")
@json_option
@pass_command_context
def command(
    ctx: CommandContext,
    collection: str,
    folder: Path,
    texts: tuple[str, ...],
    whens: tuple[str, ...],
    licence: str | None,
    replace: bool,
    as_json: bool,
) -> None:
    """Publish COLLECTION in FOLDER: its tiles with their vectors as GeoParquet, a STAC collection with items, score
    maps of texts as cloud-optimised GeoTIFF and PMTiles, a data card, and checksums.

    FOLDER must be new or empty; it appears when all of it is written.
    """
    queries = _queries(texts, whens)
    _check_licence(licence)
    from tqdm import tqdm

    from search_ui.publishing.folder import check_folder
    from search_ui.publishing.publication import PublishOptions, publish
    from search_ui.search.engine import Engine

    check_folder(folder, replace=replace)
    ctx.aliases.collection(collection)  # a wrong name is told before anything is opened
    engine = Engine(ctx.settings, ctx.catalog)
    with tqdm(unit=" tiles", desc="written", disable=as_lines() or None) as shown:
        done = publish(engine, collection, folder, PublishOptions(queries, licence, replace), shown.update)
    if as_json:
        print_json({"output": str(folder)} | vars(done))
        return
    click.echo(_say(folder, done))


def _queries(texts: tuple[str, ...], whens: tuple[str, ...]) -> "tuple[Query, ...]":
    """What is asked: a moment for each text, or one for all."""
    from search_ui.search.moments import parse_moment
    from search_ui.search.query import Query
    from search_ui.search.wording import asked_parts
    from trainer.errors import UsageError

    if whens and not texts:
        raise UsageError("--when is the moment of a score map: give --text too")
    if len(whens) > 1 and len(whens) != len(texts):
        raise UsageError(
            f"--text is given {len(texts)} times and --when {len(whens)} times: give one for all, or one for each"
        )
    moments = [parse_moment(when) for when in whens] or [None]
    moments = moments * len(texts) if len(moments) == 1 else moments
    return tuple(
        Query(parts=asked_parts(text, (), (), None, None, None), when=moment)
        for text, moment in zip(texts, moments, strict=True)
    )


def _check_licence(licence: str | None) -> None:
    import re

    from trainer.errors import UsageError

    if licence is not None and not re.fullmatch(r"[A-Za-z0-9.+-]+", licence):
        raise UsageError(f"--licence {licence!r} is no SPDX id: give one such as CC-BY-4.0, see spdx.org/licenses")


def _say(folder: Path, done: "Published") -> str:
    maps = f", {len(done.maps)} score map{'s' if len(done.maps) != 1 else ''}" if done.maps else ""
    files = f"{len(done.tables)} file{'s' if len(done.tables) != 1 else ''}"
    said = f"published {done.tiles:,} tiles in {files}{maps}, {done.size_bytes / 2**20:.1f} MiB, in {folder}"
    return "\n".join([said, *done.notes, f"what it is and how it is opened: {folder / 'README.md'}"])
