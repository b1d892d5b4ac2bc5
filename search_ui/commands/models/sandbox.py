"""`groundcast sandbox`: a planet whose truth is known; its concepts, its training data, its truth."""

import os
from datetime import datetime
from pathlib import Path

import click

from search_ui.commands.context import CommandContext, json_option, pass_command_context, print_json

FOLDER = click.Path(path_type=Path, file_okay=False)
PARQUET = click.Path(path_type=Path, dir_okay=False)


@click.group(short_help="A planet whose truth is known: concepts, training data, truth.")
def command() -> None:
    """A planet whose truth is known: its concepts, its training data, its truth.

    Its imagery is the source `sandbox:`, or one island of it, such as `sandbox:NAME`.
    """


@command.command("concepts")
@json_option
def concepts(as_json: bool) -> None:
    """What there is to see, with a query for each."""
    from ingest.sandbox.concepts import CONCEPTS

    if as_json:
        print_json([{"name": c.name, "group": c.group, "prompt": c.prompt} for c in CONCEPTS])
        return
    width, group = max(len(concept.name) for concept in CONCEPTS), ""
    for concept in CONCEPTS:
        if concept.group != group:
            group = concept.group
            click.echo(f"{group}:")
        click.echo(f"  {concept.name:{width}}  {concept.prompt}")


@command.command("shards")
@click.argument("folder", type=FOLDER)
@click.option("--train", type=click.IntRange(1), default=40_000, show_default=True, help="Pairs for training.")
@click.option("--val", type=click.IntRange(1), default=1_000, show_default=True, help="Pairs that training watches.")
@click.option("--test", type=click.IntRange(1), default=10_000, show_default=True, help="Pairs of each test split.")
@click.option("--tiles", type=click.IntRange(1), help="At most so many tiles with truth [all of the test's blocks].")
@click.option("--seed", type=int, default=0, show_default=True, help="Other photographs, other blocks held out.")
@click.option("--size-px", type=click.IntRange(32, 800), default=160, show_default=True, help="Side of a tile.")
@click.option("--photo-px", type=click.IntRange(32, 800), default=96, show_default=True, help="Side of a photo.")
@click.option("--processes", type=click.IntRange(1), help="Side by side [as many as there are cores].")
@json_option
def shards(
    folder: Path,
    train: int,
    val: int,
    test: int,
    tiles: int | None,
    seed: int,
    size_px: int,
    photo_px: int,
    processes: int | None,
    as_json: bool,
) -> None:
    """Write training data into FOLDER, in the layout of the paper's authors.

    \b
    train, val     pairs of tile and photo, with captions
    test_random    other photos of the same land
    test_strict    photos of blocks of 1° that training never saw, by other people
    tiles          the tiles of those blocks; truth.parquet: what is to be seen there

    The same command again goes on where the last run stopped.
    """
    from tqdm import tqdm

    from ingest.sandbox.pairs import Amounts, total, write_shards

    amounts = Amounts(train, val, test, test, tiles or 0, seed, size_px, photo_px)
    with tqdm(total=total(amounts), unit=" samples", desc=folder.name) as bar:
        write_shards(folder, amounts, processes=processes or os.cpu_count() or 1, progress=bar.update)
    if as_json:
        print_json({"folder": str(folder), "samples": total(amounts)})
    else:
        click.echo(f"{total(amounts)} samples in {folder}: train on {folder / 'train'}")


@command.command("panels")
@click.argument("folder", type=FOLDER)
@click.option(
    "--each", type=click.IntRange(0), default=3, show_default=True, help="Tiles of each concept on each island."
)
@click.option("--others", type=click.IntRange(1), default=40, show_default=True, help="Tiles of each island at random.")
@click.option("--photos", type=click.IntRange(1), default=128, show_default=True, help="Photos of each tile.")
@click.option("--seed", type=int, default=0, show_default=True, help="Other tiles, other photographs.")
@click.option("--size-px", type=click.IntRange(32, 800), default=160, show_default=True, help="Side of a tile.")
@click.option("--photo-px", type=click.IntRange(32, 800), default=96, show_default=True, help="Side of a photo.")
@click.option("--processes", type=click.IntRange(1), help="Side by side [as many as there are cores].")
@json_option
def panels(folder: Path, processes: int | None, as_json: bool, **extent: int) -> None:
    """Write panels into FOLDER: few tiles, each photographed over and over through year, week and day.

    From them `groundcast moments`, or `groundcast train` with panels=FOLDER, learns what a moment changes. None of the
    tiles lies on the demonstration's island or in blocks of 1° that are held out. The same command again goes on where
    the last run stopped.
    """
    from tqdm import tqdm

    from ingest.sandbox.panels import Extent, total, write_panels

    wanted = Extent(**extent)
    with tqdm(total=total(wanted), unit=" pictures", desc=folder.name) as bar:
        write_panels(folder, wanted, processes=processes or os.cpu_count() or 1, progress=bar.update)
    if as_json:
        print_json({"folder": str(folder), "pictures": total(wanted)})
    else:
        click.echo(f"{total(wanted)} pictures in {folder}: fit moments with `groundcast moments MODEL {folder}`")


@command.command("truth")
@click.argument("concept")
@click.option("--collection", required=True, metavar="NAME", help="Whose tiles.")
@click.option("--when", type=click.DateTime(["%Y-%m-%dT%H", "%Y-%m-%dT%H:%M"]), help="Wall-clock time at the place.")
@click.option("-o", "--output", type=PARQUET, required=True, metavar="FILE", help="Parquet: tile_id, probability.")
@json_option
@pass_command_context
def truth_(
    ctx: CommandContext, concept: str, collection: str, when: datetime | None, output: Path, as_json: bool
) -> None:
    """For each tile of a collection the probability that a person who looks around there sees CONCEPT.

    With --when at that moment, otherwise at the moment of the year at which it is likeliest.
    """
    from ingest.archive.parts import Archive
    from ingest.sandbox.source import planet
    from ingest.sandbox.truth import write_truth

    found = ctx.aliases.collection(collection)
    archive = Archive(ctx.settings.archive_dir(found.name), found.kind)
    probability = write_truth(output, planet(), archive, concept=concept, when=when)
    places = int((probability >= 0.5).sum())
    if as_json:
        document = {"concept": concept, "when": when and when.isoformat(), "tiles": len(probability), "places": places}
        print_json(document | {"file": str(output)})
    else:
        click.echo(f"wrote {output}: {len(probability)} tiles, in {places} of them {concept} is more likely than not")
