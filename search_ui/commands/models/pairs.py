"""`groundcast pairs`: photo metadata and imagery into shards to train on."""

import sys
from contextlib import contextmanager, nullcontext
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from search_ui.commands.area_options import READING, reading_options, source_options
from search_ui.commands.context import CommandContext, json_option, pass_command_context, print_json

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

    from tqdm import tqdm

    from ingest.pairs.recipe import Recipe
    from trainer.embedder import Embedder

SHARE = click.FloatRange(0, 0.5)


@click.group(short_help="Photos and imagery into shards to train on.")
def command() -> None:
    """Pairs of ground-level photo and overhead image, to train on."""


@command.command("build")
@click.argument("photos", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option(
    "--overhead", required=True, metavar="SOURCE", help="Imagery, of any kind that `groundcast ingest` takes."
)
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path, file_okay=False), metavar="FOLDER")
@click.option(
    "--size-px", type=click.IntRange(32, 4096), default=800, show_default=True, help="Side of an overhead image."
)
@click.option(
    "--gsd-m", type=click.FloatRange(0.01, 10_000), default=0.6, show_default=True, help="Metres to a pixel of it."
)
@click.option(
    "--jitter-m",
    type=click.FloatRange(0),
    default=0.0,
    show_default=True,
    help="The photo stands up to so far off its middle.",
)
@click.option(
    "--min-valid",
    type=click.FloatRange(0, 1),
    default=0.5,
    show_default=True,
    help="Smallest share of it with imagery.",
)
@click.option(
    "--photo-px",
    type=click.IntRange(64, 4096),
    default=512,
    show_default=True,
    help="Longer side of a photo; larger ones are scaled down.",
)
@click.option(
    "--min-accuracy",
    type=float,
    default=16,
    show_default=True,
    help="Of a place, Flickr's 1 (world) to 16 (street), where one is told.",
)
@click.option(
    "--licence",
    "licences",
    multiple=True,
    metavar="CODE",
    help="Only photos of this licence: by, by-sa, by-nc, cc0 … May be repeated.",
)
@click.option(
    "--country",
    "countries",
    multiple=True,
    metavar="CODE",
    help="Only photos from here, ISO 3166 such as NP. May be repeated.",
)
@click.option(
    "--exclude-country",
    "without_countries",
    multiple=True,
    metavar="CODE",
    help="No photos from here; the paper leaves out US. May be repeated.",
)
@click.option(
    "--earliest",
    type=click.DateTime(["%Y-%m-%d"]),
    default="1990-01-01",
    show_default=True,
    help="Earlier dates are not believed.",
)
@click.option("--keep-undated", is_flag=True, help="Keep photos whose date is missing or not believed, without it.")
@click.option(
    "--burst-m",
    type=click.FloatRange(0),
    default=50.0,
    show_default=True,
    help="One photographer's photos nearer than that …",
)
@click.option(
    "--burst-s", type=click.FloatRange(0), default=60.0, show_default=True, help="… and within so many seconds are one."
)
@click.option(
    "--model", metavar="NAME", help="Photos that look the same to this model are one [only those of the same bytes]."
)
@click.option(
    "--near-identical",
    type=click.FloatRange(0, 1),
    default=0.97,
    show_default=True,
    help="With --model: cosine above which they are.",
)
@click.option(
    "--split",
    type=click.Choice(["random", "strict", "both"]),
    default="both",
    show_default=True,
    help="Test sets, see above.",
)
@click.option("--val-share", type=SHARE, default=0.02, show_default=True, help="For validation.")
@click.option("--test-share", type=SHARE, default=0.02, show_default=True, help="For each test set.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Another seed, other splits.")
@click.option(
    "--per-shard", type=click.IntRange(1, 100_000), default=1000, show_default=True, help="Photos tried for one shard."
)
@click.option(
    "--yfcc-base-url",
    "yfcc_base",
    metavar="URL",
    default="https://live.staticflickr.com",
    show_default=True,
    help="Where pictures of YFCC100M are, or a folder.",
)
@click.option(
    "--workers",
    type=click.IntRange(1, 256),
    default=8,
    show_default=True,
    help="Threads that fetch photos and read imagery.",
)
@click.option("--queue", is_flag=True, help="Have `groundcast worker` make the shards; this command waits for them.")
@reading_options
@json_option
@pass_command_context
def build(
    ctx: CommandContext,
    /,
    photos: tuple[Path, ...],
    overhead: str,
    output: Path,
    model: str | None,
    workers: int,
    queue: bool,
    as_json: bool,
    earliest: datetime,
    yfcc_base: str,
    **chosen: Any,
) -> None:
    """Make training pairs from the photos at PHOTOS and the imagery at SOURCE, in FOLDER.

    PHOTOS are one or more of: metadata of YFCC100M, as it comes (.bz2, .gz or plain); a CSV, TSV or Parquet manifest
    with lat, lon, path or url and, if known, id, taken_local, uploaded, accuracy, owner, licence, title, description,
    tags; a folder of photos with EXIF. Whatever cannot be used is left out and counted by reason.

    \b
    --split random   test_random: photos drawn beside those of training, as in the paper
    --split strict   test_strict and val: blocks of 1° and photographers that training never sees
    --split both     both tests

    FOLDER gets the shards, which `groundcast train` takes as they are, statistics.json and .png, and a data card. The
    same command again goes on where the last run stopped; beside one that is at work it shares the work. With --queue
    workers share it, which see photos, imagery and FOLDER under the same paths.
    """
    from ingest.opening import source_location
    from ingest.pairs.build import Means, build_pairs
    from ingest.pairs.recipe import Recipe
    from ingest.places.countries import open_countries
    from trainer.errors import SourceError

    reading = {name: chosen.pop(name) for name in READING}
    embedder = None if model is None else _embedder(ctx, model)
    codes = {name: _codes(name, chosen[name]) for name in ("licences", "countries", "without_countries")}
    recipe = Recipe(
        # absolute: workers stand in other folders, and the same build must have the same recipe from anywhere
        photos=tuple(str(path.expanduser().resolve()) for path in photos),
        overhead=source_location(overhead),
        options=source_options(**ctx.settings.reading(), **reading),
        earliest=earliest,
        yfcc_base=source_location(yfcc_base),
        model_id=None if embedder is None else embedder.model_id,
        **(chosen | codes),
    )
    with _called(ctx, recipe, output, workers) if queue else nullcontext() as call, _Bars() as bars:
        means = Means(
            threads=workers,
            countries=open_countries(ctx.settings.places_dir),
            embedder=embedder,
            reading=bars.reading,
            planned=bars.planned,
            call=call,
        )
        found = build_pairs(recipe, output, means)
    if not sum(found["pairs"].values()):
        counts = {reason: count for step in found["left_out"].values() for reason, count in step.items()}
        reasons = ", ".join(f"{reason} {count}" for reason, count in counts.items()) or "there are no rows"
        raise SourceError(f"none of {found['rows']} rows became a pair: {reasons}")
    if as_json:
        print_json({"folder": str(output), **found})
    else:
        for line in _lines(found, output):
            click.echo(line)


@contextmanager
def _called(ctx: CommandContext, recipe: "Recipe", folder: Path, threads: int) -> "Iterator[Callable[[int], Any]]":
    """The build is left to workers; what is given calls them."""
    from ingest.pairs.handover import hand_over, take_back
    from workers.app import make_app
    from workers.pair_builds import Caller

    app = make_app(ctx.settings)
    key = hand_over(ctx.catalog, recipe, folder, threads=threads)
    with_model = recipe.model_id is not None
    try:
        yield Caller(app, ctx.catalog, key, with_model=with_model, tell=lambda text: click.echo(text, err=True))
    finally:
        take_back(ctx.catalog, key)


def _embedder(ctx: CommandContext, model: str) -> "Embedder":
    """The model that compares photos."""
    from trainer.embedder import Embedder

    chosen = ctx.catalog.model(model)
    return Embedder.load(ctx.settings.models_dir / chosen.name, precision="float32", device=ctx.settings.device)


def _codes(name: str, values: tuple[str, ...]) -> tuple[str, ...]:
    """Codes of licences or countries as they are compared.

    Raises:
        UsageError: One is unknown.
    """
    from trainer.errors import UsageError

    if name == "licences":
        from ingest.pairs.metadata.licences import CODES

        known: Collection[str] = CODES
        codes = tuple(value.lower().removeprefix("cc-") for value in values)
    else:
        from ingest.places.areas import country_codes

        known, codes = country_codes(), tuple(value.upper() for value in values)
    for value, code in zip(values, codes, strict=True):
        if code not in known:
            such = "two letters, ISO 3166, such as US" if name != "licences" else f"one of {', '.join(known)}"
            raise UsageError(f"{value!r} is no {'licence' if name == 'licences' else 'country'}: give {such}")
    return codes


class _Bars:
    """A bar for the rows of metadata, then one for the candidates."""

    def __init__(self) -> None:
        self._bars: list[tqdm[Any]] = []

    def __enter__(self) -> "_Bars":
        return self

    def __exit__(self, *_: object) -> None:
        for bar in self._bars:
            bar.close()

    def reading(self, rows: int) -> None:
        """Rows of metadata are read."""
        if not self._bars:
            self._start("metadata", "rows", None, 0)
        self._bars[0].update(rows)

    def planned(self, total: int, done: int) -> "Callable[[int], Any]":
        """The shards are planned."""
        # the metadata is read: its bar ends before the next begins
        self.__exit__()
        return self._start("pairs", "photos", total, done).update

    def _start(self, what: str, unit: str, total: int | None, done: int) -> "tqdm[Any]":
        from tqdm import tqdm

        every_s = 0.2 if sys.stderr.isatty() else 30.0  # a log file wants a line now and then
        self._bars.append(
            tqdm(
                total=total,
                initial=done,
                desc=what,
                unit=f" {unit}",
                mininterval=every_s,
                maxinterval=every_s,
                unit_scale=True,
            )
        )
        return self._bars[-1]


def _lines(found: "Mapping[str, Any]", folder: Path) -> list[str]:
    """The closing lines for people."""
    pairs = ", ".join(f"{split} {count}" for split, count in found["pairs"].items())
    told = {"metadata": "left out of the metadata", "plan": "left out of the plan", "picture": "no pair"}
    reasons = [
        f"{told[step]}: " + ", ".join(f"{reason} {count}" for reason, count in counts.items())
        for step, counts in found["left_out"].items()
        if counts
    ]
    empty = [split for split, count in found["pairs"].items() if not count]
    warning = f"no pair in {', '.join(empty)}: in another folder, ask for larger shares, --seed or --split random"
    return [
        f"{found['rows']} rows, {found['candidates']} candidates, {sum(found['pairs'].values())} pairs: {pairs}",
        *reasons,
        *([warning] if empty else []),
        f"wrote {folder}: train on {folder / 'train'}; about the pairs: {folder / 'README.md'}",
    ]
