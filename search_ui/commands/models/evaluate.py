"""`groundcast evaluate`: a collection against truth, or checkpoints on pairs and maps that they never saw."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from search_ui.commands.area_options import area_options, asked_area
from search_ui.commands.context import CommandContext, json_option, pass_command_context, print_json
from search_ui.commands.planet import known_and_new_words
from search_ui.commands.running import PRECISION

if TYPE_CHECKING:
    from trainer.measures.evaluate import Evaluation, Maps
    from trainer.measures.maps import Prompt, Truth

FOLDER = click.Path(path_type=Path, exists=True, file_okay=False)
FILE = click.Path(path_type=Path, exists=True, dir_okay=False)
OUTPUT = click.Path(path_type=Path)
OF_CHECKPOINTS = ("also", "gallery", "tiles", "prompts", "as_published", "precision")
OF_TRUTH = (
    *("texts", "when", "where", "class_column", "negative", "negative_class", "min_share"),
    *("bbox", "near", "area", "fit", "unfit"),
)


@click.command(short_help="Measure a collection against your truth, or checkpoints on pairs.")
@click.argument("target", metavar="COLLECTION|CHECKPOINT")
@click.argument("shards", type=FOLDER, required=False)
@click.option(
    "--truth", type=FILE, metavar="FILE",
    help="What is where: polygons or points. Beside SHARDS a Parquet: tile_id, concept, probability, when.",
)  # fmt: skip
@click.option(
    "--text", "texts", multiple=True, metavar="TEXT", help="What one would see there; CLASS=TEXT with --class-column."
)
@click.option("--when", metavar="MOMENT", help="The moment of the truth: 2025-07-14T18, 2025-07 or T18, local time.")
@click.option("--where", multiple=True, metavar="COLUMN[=VALUE]", help="Only such rows: building, building=yes,house.")
@click.option("--class-column", metavar="COLUMN", help="The column that says what each object is.")
@click.option("--negative", type=FILE, metavar="FILE", help="Where it is not to be seen; the rest is then unknown.")
@click.option("--negative-class", metavar="CLASS", help="Rows of this class are negative areas, as in --negative.")
@click.option("--min-share", type=float, metavar="SHARE", help="A tile is positive from this cover on, and only so.")
@area_options
@click.option("--fit", is_flag=True, help="Fit the relevance of the texts to this truth, and keep that.")
@click.option("--unfit", is_flag=True, help="Take the fits of the --text away, or without any all of them.")
@click.option("--also", multiple=True, metavar="NAME=DIR", help="Another checkpoint on the same gallery; repeatable.")
@click.option("--gallery", type=click.IntRange(2), default=10_000, show_default=True, help="Pairs to tell apart.")
@click.option("--tiles", type=FOLDER, metavar="DIR", help="Shards of the tiles of a Parquet of truth.")
@click.option("--prompts", type=FILE, metavar="FILE", help='JSON: {"seen": {concept: [text, …]}, "unseen": {…}}.')
@click.option("--as-published", is_flag=True, help="The paper's Table 1, its two median columns swapped as there.")
@click.option("-o", "--output", type=OUTPUT, metavar="PATH", help="A page, .html; of SHARDS a folder for all files.")
@click.option("--draws", type=click.IntRange(2), default=1000, show_default=True, help="Bootstrap draws.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of the gallery and the draws.")
@click.option("--precision", type=PRECISION, help="Of the towers [GROUNDCAST_PRECISION or auto].")
@json_option
@pass_command_context
def command(
    ctx: CommandContext,
    /,
    target: str,
    shards: Path | None,
    truth: Path | None,
    output: Path | None,
    draws: int,
    seed: int,
    as_json: bool,
    **options: Any,
) -> None:
    """Measure a COLLECTION against a file of truth, or a CHECKPOINT on SHARDS of pairs.

    A file of truth has polygons or points of what is there: GeoJSON, GeoPackage, Shapefile, KML, GeoParquet. It is
    taken as complete within its extent, or within --bbox, --near, --area or --place; other tiles are left out.

    \b
    groundcast evaluate town --truth pools.geojson --text "a swimming pool" -o pools.html
    groundcast evaluate town --truth osm.gpkg --where building --text "houses" --fit
    groundcast evaluate town --truth all.gpkg --class-column kind --text pool="a swimming pool" --text pier="a pier"

    CHECKPOINT is a checkpoint folder, a model's name, or a folder of checkpoints or runs: all of them, side by side.
    SHARDS is a folder of tars, or a folder of splits: its test splits, and maps where it has truth.parquet and tiles.

    \b
    groundcast evaluate runs/strong/model shards/test_strict
    groundcast evaluate runs shards -o report
    """
    from trainer.errors import UsageError

    of_checkpoints = shards is not None
    _check_options(OF_TRUTH if of_checkpoints else OF_CHECKPOINTS, of_checkpoints=of_checkpoints)
    if options["unfit"]:
        _check_unfit()
    if shards is not None:
        chosen = {name: options[name] for name in OF_CHECKPOINTS}
        _checkpoints(ctx, Path(target), shards, truth, output, draws=draws, seed=seed, as_json=as_json, **chosen)
        return
    if truth is None and not options["unfit"]:
        raise UsageError(
            f"evaluate {target!r}: give --truth FILE to measure a collection, or SHARDS to measure a checkpoint"
        )
    from search_ui.commands.questions.against_truth import TruthQuestion, against_truth

    area = asked_area(*(options.pop(name) for name in ("bbox", "near", "area")))
    question = TruthQuestion(
        target, truth, area=area, output=output, draws=draws, seed=seed,
        **{name: options[name] for name in OF_TRUTH if name in options},
    )  # fmt: skip
    against_truth(ctx, question, as_json=as_json)


def _check_options(strange: tuple[str, ...], *, of_checkpoints: bool) -> None:
    """Refuse options that mean nothing here."""
    from trainer.errors import UsageError

    context = click.get_current_context()
    given = [name for name in strange if context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE]
    if given:
        name = "--text" if given[0] == "texts" else f"--{given[0].replace('_', '-')}"
        of, rather = ("a checkpoint on SHARDS", "a collection") if of_checkpoints else ("a collection", "SHARDS")
        raise UsageError(f"{name} says nothing of {of}: it belongs to {rather}; leave it out, or see --help")


def _check_unfit() -> None:
    """Refuse options that do nothing where fits are taken away."""
    from trainer.errors import UsageError

    context = click.get_current_context()
    given = [
        max(one.opts, key=len) for one in context.command.params
        if one.name not in ("target", "texts", "unfit", "as_json")
        and context.get_parameter_source(str(one.name)) is click.core.ParameterSource.COMMANDLINE
    ]  # fmt: skip
    if given:
        raise UsageError(f"--unfit only takes fits away: leave {given[0]} out")


def _checkpoints(
    ctx: CommandContext,
    checkpoint: Path,
    shards: Path,
    truth: Path | None,
    output: Path | None,
    *,
    also: tuple[str, ...],
    gallery: int,
    tiles: Path | None,
    prompts: Path | None,
    as_published: bool,
    precision: str | None,
    draws: int,
    seed: int,
    as_json: bool,
) -> None:
    """Retrieval both ways, time swap, silhouette, maps against truth."""
    from trainer.errors import UsageError
    from trainer.measures.evaluate import Options, evaluate
    from trainer.measures.report import report, to_json
    from trainer.shards.tars import Shards

    if output is not None and output.is_file():
        raise UsageError(f"'{output}' is a file: of SHARDS tables and plots are written, give a folder")
    models = checkpoints(ctx, checkpoint, also)
    splits = _splits(shards)
    maps = _maps(truth or _there(shards / "truth.parquet"), tiles or _there(shards / "tiles"), prompts)
    done: list[Evaluation] = []
    with bars() as progress:
        options = Options(
            gallery=gallery,
            draws=draws,
            seed=seed,
            device=ctx.settings.device,
            precision=precision or ctx.settings.precision,
            progress=progress,
        )
        for split in splits:
            asked = maps if split == splits[-1] else None  # the maps are the same for all of them
            done.append(evaluate(models, Shards(split), maps=asked, options=options))
    document = {"evaluations": [to_json(one) for one in done]}
    text = "\n".join(report(one, as_published=as_published) for one in done)
    if output is not None:
        _write(output, done, document, text)
    if as_json:
        print_json(document)
    else:
        click.echo(text)


def checkpoints(ctx: CommandContext, checkpoint: Path, also: tuple[str, ...]) -> dict[str, Path]:
    """Name → checkpoint folder, of a folder of one or of several, or of a model's name, and of NAME=DIR."""
    from trainer.checkpoint import META
    from trainer.errors import UsageError

    if (checkpoint / META).is_file() or (checkpoint / "model" / META).is_file():
        models = {_name(checkpoint): _whole(checkpoint)}
    elif checkpoint.is_dir():
        models = {p.name: _whole(p) for p in sorted(checkpoint.iterdir()) if (_whole(p) / META).is_file()}
        if not models:
            raise UsageError(f"{checkpoint} holds no checkpoint and no run with one: give a folder with {META}")
    else:
        models = {checkpoint.name: ctx.settings.models_dir / ctx.catalog.model(str(checkpoint)).name}
    for one in also:
        name, equals, folder = one.partition("=")
        if not equals or not name or name in models:
            raise UsageError(f"--also {one!r}: write NAME=DIR, with a name that is not taken by {', '.join(models)}")
        models[name] = _whole(Path(folder))
    return models


def _whole(folder: Path) -> Path:
    """The checkpoint folder of a run's folder, or the folder itself."""
    return folder / "model" if (folder / "model" / "meta.json").is_file() else folder


def _name(folder: Path) -> str:
    folder = folder.resolve()
    return folder.parent.name if folder.name == "model" else folder.name


def _splits(shards: Path) -> list[Path]:
    """The folder itself if it has tars, else its test splits."""
    from trainer.errors import UsageError

    if any(shards.glob("*.tar")):
        return [shards]
    splits = sorted(p for p in shards.glob("test*") if any(p.glob("*.tar")))
    if not splits:
        raise UsageError(f"{shards} has neither *.tar nor a split named test… with some: give a folder of shards")
    return splits


def _there(path: Path) -> Path | None:
    return path if path.exists() else None


def _maps(truth: Path | None, tiles: Path | None, prompts: Path | None) -> "Maps | None":
    from trainer.errors import UsageError
    from trainer.measures.evaluate import Maps
    from trainer.measures.maps import read_truth
    from trainer.shards.tars import Shards

    if truth is None and tiles is None and prompts is None:
        return None
    if truth is None or tiles is None:
        raise UsageError("maps need both --truth FILE and --tiles DIR: give the other one too, or none")
    known = read_truth(truth)
    return Maps(Shards(tiles, needs=("overhead",)), known, _prompts(prompts, known))


def _prompts(path: Path | None, truth: "Truth") -> "list[Prompt]":
    """The texts to map: those of the file, or the sandbox planet's for its own concepts."""
    from trainer.errors import UsageError
    from trainer.measures.maps import Prompt

    if path is None:
        seen_words, new_words = known_and_new_words()
        concepts = set(truth.concepts.tolist())
        if not concepts <= set(seen_words):
            raise UsageError(
                f"--truth has concepts of its own ({min(concepts - set(seen_words))}): give --prompts FILE"
            )
        seen = [Prompt(c, text) for c, texts in seen_words.items() if c in concepts for text in texts]
        return seen + [Prompt(c, text, unseen=True) for c, text in new_words if c in concepts]
    try:
        document = json.loads(path.read_text("utf-8"))
        return [
            Prompt(concept, text, unseen=part == "unseen")
            for part in ("seen", "unseen")
            for concept, texts in document.get(part, {}).items()
            for text in ([texts] if isinstance(texts, str) else texts)
        ]
    except (ValueError, AttributeError, TypeError) as error:
        raise UsageError(
            f'--prompts {path} must be JSON {{"seen": {{concept: [text, …]}}, "unseen": …}}: {error}'
        ) from error


def _write(folder: Path, done: "list[Evaluation]", document: dict[str, Any], text: str) -> None:
    """Tables, JSON and plots; the plots of several splits in a folder each."""
    from trainer.measures.plots import plot

    folder.mkdir(parents=True, exist_ok=True)
    (folder / "evaluation.json").write_text(json.dumps(document, indent=2) + "\n", "utf-8")
    (folder / "evaluation.md").write_text(text, "utf-8")
    for one in done:
        plots = plot(one, folder if len(done) == 1 else folder / Path(one.shards).name)
        click.echo(f"wrote {', '.join(str(p) for p in plots)}", err=True)


@contextmanager
def bars() -> "Iterator[Any]":
    """A progress bar for each thing that is done in turn."""
    from tqdm import tqdm

    open_bar: list[tqdm[Any]] = []

    def progress(what: str, done: int, total: int) -> None:
        # what is done next has a bar of its own
        if not open_bar or open_bar[0].desc != what:
            for bar in open_bar:
                bar.close()
            open_bar[:] = [tqdm(total=total, desc=what)]
        open_bar[0].update(done - open_bar[0].n)

    try:
        yield progress
    finally:
        for bar in open_bar:
            bar.close()
