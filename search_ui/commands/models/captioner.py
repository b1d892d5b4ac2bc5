"""`groundcast captioner`: makes captioners, which say in words what a model's vectors mean."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from search_ui.commands.context import CommandContext, json_option, pass_command_context, print_json

if TYPE_CHECKING:
    from trainer.captioning.folder import CaptionerMeta
    from trainer.captioning.samples import Samples
    from trainer.embedder import Embedder

FOLDER = click.Path(path_type=Path, exists=True, file_okay=False)
FILE = click.Path(path_type=Path, exists=True, dir_okay=False)
OUTPUT = click.Path(path_type=Path, file_okay=False)


@click.group(short_help="Make captioners for `groundcast caption`.")
def command() -> None:
    """Make a captioner for a model: train one, or take the authors' CLIPCap weights.

    A captioner belongs to one model and lies in its folder, where `groundcast caption` and the app find it.
    """


@command.command("train")
@click.argument("shards", type=FOLDER)
@click.option("--model", metavar="NAME", help="The model whose vectors it shall caption.")
@click.option("--checkpoint", type=FOLDER, metavar="DIR", help="The same by its checkpoint folder.")
@click.option("--val", type=FOLDER, metavar="DIR", help="Shards to measure it on in the end.")
@click.option("--lm", type=FOLDER, metavar="DIR", help="A GPT-2 to start from [a small one from nothing].")
@click.option("--frozen", is_flag=True, help="Leave the GPT-2 of --lm as it is and train the projector alone.")
@click.option("--steps", type=click.IntRange(1), default=2500, show_default=True, help="Optimiser steps.")
@click.option("--batch", type=click.IntRange(1), default=64, show_default=True, help="Samples a step.")
@click.option("--lr", type=click.FloatRange(1e-7, 1), default=2e-3, show_default=True, help="Peak learning rate.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of order, chance and weights.")
@click.option("--cache", type=OUTPUT, metavar="DIR", help="Where vectors are kept [.cache beside the shards].")
@click.option("-o", "--output", type=OUTPUT, metavar="DIR", help="The folder to write [captioner, in the model's].")
@json_option
@pass_command_context
def train(
    ctx: CommandContext,
    shards: Path,
    model: str | None,
    checkpoint: Path | None,
    val: Path | None,
    lm: Path | None,
    frozen: bool,
    steps: int,
    batch: int,
    lr: float,
    seed: int,
    cache: Path | None,
    output: Path | None,
    as_json: bool,
) -> None:
    """Train a captioner on SHARDS whose samples have captions.

    Each caption is learnt from the tile's vector with place and time, and says season and part of the day as far as
    they are known. The same command again goes on where the last one stopped.

    \b
    groundcast captioner train shards/train --val shards/val --checkpoint runs/strong/model
    groundcast captioner train shards/train --model clip --lm gpt2 --frozen
    """
    from tqdm import tqdm

    from trainer.captioning.folder import BESIDE
    from trainer.captioning.training import CaptionerConfig, train_captioner
    from trainer.embedder import Embedder
    from trainer.errors import UsageError

    recipe = CaptionerConfig(
        steps=steps, batch=batch, lr=lr, lm="" if lm is None else str(lm), frozen=frozen, seed=seed
    )
    folder = _checkpoint(ctx, model, checkpoint)
    out = output or folder / BESIDE
    if out.exists():  # before the slow part
        raise UsageError(f"{out} exists: choose another name with -o, or remove it first")
    embedder = Embedder.load(folder, precision=ctx.settings.precision, device=ctx.settings.device)
    samples = _samples(shards, embedder, cache)
    validation = None if val is None else _samples(val, embedder, cache)
    with tqdm(total=recipe.steps, desc="training", unit=" steps") as bar:

        def stepped(step: int, numbers: dict[str, float]) -> None:
            bar.set_postfix(loss=f"{numbers['loss']:.3f}", refresh=False)
            bar.update(step - bar.n)

        meta = train_captioner(
            samples,
            out,
            recipe,
            model_id=embedder.model_id,
            validation=validation,
            data_card={"shards": shards.name, "samples": len(samples)},
            report=stepped,
        )
    _tell(out, meta, as_json)


def _samples(where: Path, embedder: "Embedder", cache: Path | None) -> "Samples":
    """What is learnt from a folder of shards; a progress bar for the embedding of its tiles."""
    from tqdm import tqdm

    from trainer.captioning.samples import read_samples
    from trainer.shards.tars import Shards

    shards = Shards(where, needs=("overhead",))
    with tqdm(total=len(shards), desc=f"tiles of {where.name}", unit=" tiles") as bar:

        def embedded(done: int, _: int) -> None:
            bar.update(done - bar.n)

        return read_samples(shards, embedder, cache or where / ".cache", progress=embedded)


@command.command("clipcap")
@click.argument("weights", type=FILE)
@click.option("--model", metavar="NAME", help="The model whose vectors it shall caption.")
@click.option("--checkpoint", type=FOLDER, metavar="DIR", help="The same by its checkpoint folder.")
@click.option("--words", type=FOLDER, required=True, metavar="DIR", help="Folder with GPT-2's tokenizer.json.")
@click.option("--heads", type=click.IntRange(1), help="Attention heads of its GPT-2 [one for each 64 of its width].")
@click.option("-o", "--output", type=OUTPUT, metavar="DIR", help="The folder to write [captioner, in the model's].")
@json_option
@pass_command_context
def clipcap(
    ctx: CommandContext,
    weights: Path,
    model: str | None,
    checkpoint: Path | None,
    words: Path,
    heads: int | None,
    output: Path | None,
    as_json: bool,
) -> None:
    """Take the authors' CLIPCap WEIGHTS (.pt, the MLP variant), which caption vectors of CLIP ViT-B/32.

    A pickle is read as far as tensors go and refused if it holds anything else.
    """
    from trainer.captioning.clipcap import add_clipcap
    from trainer.captioning.folder import BESIDE
    from trainer.checkpoint import read_meta

    folder = _checkpoint(ctx, model, checkpoint)
    meta = read_meta(folder)
    out = output or folder / BESIDE
    _tell(out, add_clipcap(weights, words, out, model_id=meta.model_id, dim=meta.dim, heads=heads), as_json)


def _checkpoint(ctx: CommandContext, model: str | None, checkpoint: Path | None) -> Path:
    """The folder of the model asked for."""
    from trainer.errors import UsageError

    if (model is None) == (checkpoint is None):
        raise UsageError("say whose vectors it shall caption: one of --model and --checkpoint")
    if checkpoint is not None:
        return checkpoint
    return ctx.settings.models_dir / ctx.catalog.model(model).name


def _tell(out: Path, meta: "CaptionerMeta", as_json: bool) -> None:
    from dataclasses import asdict

    if as_json:
        print_json({"folder": str(out), "captioner": asdict(meta)})
        return
    measured = "".join(f"; {name} on --val {value:.3f}" for name, value in meta.metrics.items())
    click.echo(f"captioner of model {meta.model_id} in {out}{measured}")
