"""`groundcast experiment`: the paper's tables and figures on any checkpoint and data, or on the sandbox planet."""

import os
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from search_ui.commands.context import CommandContext, json_option, pass_command_context, print_json
from search_ui.commands.models.evaluate import FOLDER, OUTPUT, bars, checkpoints
from search_ui.commands.running import PRECISION

if TYPE_CHECKING:
    from trainer.experiments.material import Material
    from trainer.experiments.running import Ran
    from trainer.measures.evaluate import Options

BUNDLED = "ours"
PAGE = "report.html"


@click.command(short_help="The paper's tables and figures, on any checkpoint and data.")
@click.argument("names", metavar="NAME|all|list", nargs=-1, required=True)
@click.option("--checkpoint", type=click.Path(path_type=Path), help="Folder or name of the model [the bundled one].")
@click.option(
    "--beside", multiple=True, metavar="NAME=DIR", help="Another model, for table-1 and figure-4; repeatable."
)
@click.option("--data", type=FOLDER, metavar="DIR", help="See docs/experiments.md [the sandbox planet, drawn once].")
@click.option(
    "--captioner", type=FOLDER, metavar="DIR", help="A captioner of the model [the one beside it, or bundled]."
)
@click.option("-o", "--output", type=OUTPUT, metavar="DIR", help="A folder for each experiment, and the report.")
@click.option("--gallery", type=click.IntRange(20), default=10_000, show_default=True, help="Pairs to tell apart.")
@click.option("--draws", type=click.IntRange(2), default=1000, show_default=True, help="Bootstrap draws.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of the gallery, the draws and the examples.")
@click.option("--precision", type=PRECISION, default="float32", show_default=True, help="Of the towers.")
@json_option
@pass_command_context
def command(
    ctx: CommandContext,
    names: tuple[str, ...],
    checkpoint: Path | None,
    beside: tuple[str, ...],
    data: Path | None,
    captioner: Path | None,
    output: Path | None,
    gallery: int,
    draws: int,
    seed: int,
    precision: str,
    as_json: bool,
) -> None:
    """Repeat tables and figures of the Sat2Cap paper; `list` says which there are, `all` adds the report as HTML.

    Each writes a table (Markdown, CSV), pictures and JSON into a folder of its name, with the paper's numbers beside.
    What was done before with the same model, data and settings is not done again.

    \b
    groundcast experiment all -o report
    groundcast experiment table-1 --checkpoint runs/strong/model --data shards -o report
    """
    from trainer.errors import UsageError
    from trainer.experiments.catalogue import EXPERIMENTS, experiment

    # before anything heavy is loaded
    if names == ("list",):
        _list(as_json)
        return
    chosen = EXPERIMENTS if "all" in names else tuple(experiment(name) for name in names)
    if output is None:
        raise UsageError("experiment: say where to with -o DIR")

    from trainer.experiments.kept import KeptVectors
    from trainer.measures.evaluate import Options

    with bars() as progress:
        options = Options(gallery, draws, seed, ctx.settings.device, precision, progress)
        data = data or _sandbox(ctx, gallery)
        kept = KeptVectors(ctx.settings.cache_dir / "experiments" / "vectors", precision)
        material = _material(ctx, checkpoint, beside, data, captioner, _with(options, kept))
        ran = _run(chosen, material, output, whole="all" in names)
    _print(ran, output, as_json=as_json, whole="all" in names)
    # one that was left out among others is told; if all were, the command did not do what it was asked
    if not any(one.stored for one in ran):
        raise UsageError(f"experiment {' '.join(names)}: {ran[0].why_not}")


def _list(as_json: bool) -> None:
    from trainer.experiments.catalogue import EXPERIMENTS

    if as_json:
        print_json([{"name": one.name, "paper": one.paper, "what": one.short} for one in EXPERIMENTS])
        return
    for one in EXPERIMENTS:
        click.echo(f"{one.name:18} {one.paper:11} {one.short}")


def _with(options: "Options", kept: Any) -> "Options":
    from dataclasses import replace

    return replace(options, embed=kept)


def _sandbox(ctx: CommandContext, gallery: int) -> Path:
    """The sandbox planet as data, drawn the first time."""
    from tqdm import tqdm

    from ingest.sandbox.laboratory import amounts, prepare, total_of

    folder = ctx.settings.cache_dir / "experiments" / f"sandbox-{gallery}"
    wanted = amounts(gallery)
    with tqdm(total=total_of(wanted), unit=" samples", desc="drawing the planet") as bar:
        prepare(folder, wanted, processes=os.cpu_count() or 1, progress=bar.update)
    return folder


def _material(
    ctx: CommandContext,
    checkpoint: Path | None,
    beside: tuple[str, ...],
    data: Path,
    captioner: Path | None,
    options: "Options",
) -> "Material":
    from dataclasses import replace

    from ingest.sandbox.laboratory import QUESTIONS
    from trainer.errors import UsageError
    from trainer.experiments.material import Material
    from trainer.experiments.questions import FILE, read_questions

    folder = checkpoint or _bundled(ctx)
    models = checkpoints(ctx, folder, beside)
    # the bundled model is called `ours` in tables, not by the name of a cache folder
    if checkpoint is None:
        models = {BUNDLED: folder} | {name: other for name, other in models.items() if other != folder}
    name, first = next(iter(models.items()))
    if len(models) > 1 + len(beside):
        raise UsageError(f"--checkpoint {checkpoint} holds {len(models)} models: name one, and others with --beside")
    own = (data / FILE).exists()
    questions = (
        read_questions(data / FILE) if own else replace(QUESTIONS, about="")
    )  # where they come from is not known
    others = {other: path for other, path in models.items() if other != name}
    return Material(name, first, data=data, questions=questions, beside=others, captioner=captioner, options=options)


def _bundled(ctx: CommandContext) -> Path:
    """The bundled model as a checkpoint, put together the first time."""
    from trainer.bundled import add_bundled, bundled_meta

    folder: Path = ctx.settings.cache_dir / "experiments" / f"model-{bundled_meta().model_id}"
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        add_bundled(folder)
    return folder


def _run(chosen: Sequence[Any], material: "Material", output: Path, *, whole: bool) -> "list[Ran]":
    from trainer.experiments.running import run_all

    started = time.perf_counter()
    ran = list(run_all(chosen, material, output, tell=lambda line: click.echo(line, err=True)))
    if whole:
        from trainer.experiments.page import write_page

        about = {
            "model": f"{material.name} ({material.embedder.model_id})",
            "data": material.questions.about or str(material.data.name),
            "gallery": f"{material.options.gallery:,} pairs",
            "this run": f"{time.perf_counter() - started:.0f} s",
        }
        write_page(output / PAGE, ran, about=about, made=datetime.now())
    return ran


def _print(ran: "list[Ran]", output: Path, *, as_json: bool, whole: bool) -> None:
    from trainer.experiments.finding import say

    if as_json:
        print_json(
            {
                "folder": str(output),
                "experiments": [
                    {"name": one.experiment.name, "paper": one.experiment.paper, "left_out": one.why_not or None}
                    | (
                        {"outcome": one.stored.finding.outcome, "numbers": one.stored.finding.numbers}
                        if one.stored
                        else {}
                    )
                    for one in ran
                ],
            }
        )
        return
    for one in ran:
        if one.stored is None:
            click.echo(f"{one.experiment.name}: left out: {one.why_not}")
        elif whole:
            click.echo(f"{one.experiment.name}: {one.stored.finding.outcome}")
        else:
            click.echo(say(one.stored.finding))
        if one.again:
            click.echo(f"{one.experiment.name} was done before with the same inputs", err=True)
    click.echo(f"wrote {output / PAGE if whole else output}", err=True)
