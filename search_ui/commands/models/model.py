"""`groundcast model`: add, list and show models."""

import shutil
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from search_ui.commands.context import CommandContext, json_option, pass_command_context, print_json, tell

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from trainer.checkpoint import Meta

FOLDER = click.Path(path_type=Path, exists=True)


@click.group(short_help="Add, list and show models.")
def command() -> None:
    """Add, list and show models."""


@command.command("add")
@click.argument("name")
@click.option(
    "--open-clip", "arch", metavar="ARCH", help="An open_clip architecture, such as ViT-B-32, or a JSON file of one."
)
@click.option("--checkpoint", type=FOLDER, metavar="DIR", help="A groundcast checkpoint folder.")
@click.option("--bundled", is_flag=True, help="The small model of the sandbox planet that comes with groundcast.")
@click.option("--sat2cap", type=FOLDER, metavar="DIR_OR_CKPT", help="The authors' Hub folder or Lightning file.")
@click.option(
    "--pretrained", metavar="TAG", help="Weights that open_clip downloads: of ARCH, or of the CLIP beside --sat2cap."
)
@click.option(
    "--weights", type=FOLDER, metavar="FILE_OR_DIR", help="Weights on this machine, of ARCH or of what they say."
)
@click.option(
    "--random-seed", type=int, metavar="N", help="Weights made on the spot: for trying the way of the data only."
)
@click.option("--known", metavar="KNOWN", help="One of `groundcast model known`, which is downloaded.")
@click.option("--url", metavar="URL", help="Weights that are downloaded, in place of --weights.")
@click.option("--through-app", is_flag=True, hidden=True)  # a URL that a visitor of the app gave: listed hosts alone
@json_option
@pass_command_context
def add(
    ctx: CommandContext,
    name: str,
    arch: str | None,
    checkpoint: Path | None,
    bundled: bool,
    sat2cap: Path | None,
    pretrained: str | None,
    weights: Path | None,
    random_seed: int | None,
    known: str | None,
    url: str | None,
    through_app: bool,
    as_json: bool,
) -> None:
    """Add a model under NAME.

    \b
    groundcast model add clip --known clip-b32
    groundcast model add mine --url https://…/weights.safetensors
    groundcast model add clip --open-clip ViT-B-32-quickgelu --pretrained openai
    groundcast model add clip --weights HUGGING_FACE_FOLDER
    groundcast model add try --open-clip ViT-B-32 --random-seed 0
    groundcast model add sat2cap --sat2cap DIR --pretrained openai
    """
    from trainer.bundled import add_bundled
    from trainer.embedder import Embedder
    from trainer.errors import UsageError
    from trainer.weights import zoo
    from trainer.weights.known import known_model

    if known is not None:
        if (
            url is not None
            or any(one is not None for one in (arch, checkpoint, sat2cap, pretrained, weights))
            or bundled
        ):
            raise UsageError("model add: --known says all of it: leave the other options out")
        chosen = known_model(known)
        arch, pretrained, url, through_app = chosen.arch, chosen.pretrained, chosen.url, False
    if url is not None and weights is not None:
        raise UsageError("model add: --url and --weights: give one of them")
    kinds = sum((arch is not None, checkpoint is not None, sat2cap is not None, bundled))
    if kinds > 1 or (kinds == 0 and weights is None and url is None):
        raise UsageError(
            "model add: give exactly one of --known, --open-clip, --checkpoint, --sat2cap, --bundled, or --weights or "
            "--url alone"
        )
    whole = "--bundled" if bundled else "--checkpoint" if checkpoint is not None else None
    if whole is not None and any(option is not None for option in (pretrained, weights, random_seed, url)):
        raise UsageError(
            f"model add: {whole} has its weights; --pretrained, --weights and --random-seed do not go with it"
        )

    def make(target: Path) -> "Meta":
        if bundled:
            return add_bundled(target)
        if sat2cap is not None:
            return zoo.add_sat2cap(target, sat2cap, pretrained=pretrained, weights=weights, random_seed=random_seed)
        if checkpoint is not None:
            return zoo.add_checkpoint(target, checkpoint)
        return zoo.add_open_clip(target, arch, pretrained=pretrained, weights=weights, random_seed=random_seed)

    require_free_name(ctx, name)
    with tempfile.TemporaryDirectory(prefix="groundcast-weights-") as folder:
        if url is not None:
            weights = _downloaded(url, Path(folder), ctx.settings.allowed_hosts if through_app else None)
        tell("reading the weights …")
        meta = keep_model(ctx, name, make)
    # now, so that no question has to wait for it
    tell("making its text tower ready …")
    Embedder.load(ctx.settings.models_dir / name, export_texts=True).texts_without_torch()
    if as_json:
        print_json({"name": name, **asdict(meta)})
        return
    click.echo(f"model {name}: {_describe(meta)}")
    if random_seed is not None:
        click.echo("its weights are random: it finds what looks the same, it understands no words")


def _downloaded(url: str, folder: Path, allowed: "Sequence[str] | None") -> Path:
    """The file of a URL, under a progress bar."""
    from tqdm import tqdm

    from ingest.sources.download import download

    every_s = 0.1 if sys.stderr.isatty() else 1.0
    with tqdm(unit="B", unit_scale=True, desc="downloading the weights", mininterval=every_s) as bar:

        def show(done: int, size: int | None) -> None:
            bar.total = size
            bar.update(done - bar.n)

        return download(url, folder, progress=show, allowed_hosts=allowed)


def require_free_name(ctx: CommandContext, name: str) -> None:
    """Refuse a name that a model has, before anything is downloaded or made for it.

    Raises:
        CatalogError: The name is taken.
        UsageError: It cannot be a name.
    """
    from ingest.catalog.names import check_name
    from trainer.errors import CatalogError

    target = ctx.settings.models_dir / check_name(name)
    if any(model.name == name for model in ctx.catalog.models()) and _is_sound(target):
        raise CatalogError(f"model {name!r} exists ({target}): take another name")


def keep_model(ctx: CommandContext, name: str, make: "Callable[[Path], Meta]") -> "Meta":
    """Make a checkpoint in the home folder and enter it in the catalog.

    Args:
        ctx: The command's context: home folder and catalog.
        name: Of the model; not taken yet.
        make: Writes the checkpoint into a folder that does not exist yet.

    Raises:
        CatalogError: The name is taken.
    """
    require_free_name(ctx, name)
    target = ctx.settings.models_dir / name
    known = {model.name: model.model_id for model in ctx.catalog.models()}
    if target.exists():  # broken, or an earlier add was killed before the catalog knew of it
        shutil.rmtree(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    meta = make(target)
    if known.get(name, meta.model_id) != meta.model_id:
        shutil.rmtree(target)
    ctx.catalog.add_model(name, meta.model_id)
    return meta


@command.command("languages")
@click.argument("name")
@json_option
@pass_command_context
def learn(ctx: CommandContext, name: str, as_json: bool) -> None:
    """Let a model read about a hundred languages, where its own text tower reads English alone.

    \b
    groundcast model languages clip

    Texts that its tower understands are asked as before; every other is read by multilingual-e5-small, which the extra
    `languages` brings. Takes a minute; asked again it is made anew.
    """
    from trainer.languages import learn_languages

    model = ctx.catalog.model(name)
    tell("reading English texts by both towers …")
    adapter = learn_languages(ctx.settings.models_dir / model.name)
    if as_json:
        print_json({"name": name, "model_id": model.model_id, "texts": len(adapter.anchors), "limit": adapter.limit})
        return
    click.echo(f"model {name}: reads other languages, by {len(adapter.anchors):,} English texts")


@command.command("known")
@json_option
def list_known(as_json: bool) -> None:
    """List models that `groundcast model add NAME --known KNOWN` downloads, with their size and licence."""
    from trainer.weights.known import KNOWN

    if as_json:
        print_json([asdict(one) for one in KNOWN])
        return
    for one in KNOWN:
        click.echo(f"{one.name:16} {one.title:24} {one.megabytes:>6,} MB  {one.licence:12} {one.says}")


@command.command("list")
@json_option
@pass_command_context
def list_models(ctx: CommandContext, as_json: bool) -> None:
    """List the models here."""
    models = ctx.catalog.models()
    if as_json:
        print_json([{"name": m.name, "model_id": m.model_id, "added_at": m.added_at.isoformat()} for m in models])
        return
    for model in models:
        click.echo(f"{model.name:24} {model.model_id}  added {model.added_at:%Y-%m-%d %H:%M} UTC")
    if not models:
        click.echo("no model yet: add one with `groundcast model add NAME --open-clip ARCH …`")


@command.command("show")
@click.argument("name")
@json_option
@pass_command_context
def show(ctx: CommandContext, name: str, as_json: bool) -> None:
    """Show what a model is and where it is from."""
    from trainer.checkpoint import read_meta

    model = ctx.catalog.model(name)
    meta = read_meta(ctx.settings.models_dir / model.name)
    if as_json:
        print_json({"name": name, **asdict(meta)})
        return
    click.echo(f"{name}: {_describe(meta)}")
    click.echo(f"  folder  {ctx.settings.models_dir / model.name}")


def _is_sound(folder: Path) -> bool:
    from trainer.checkpoint import read_meta
    from trainer.errors import CheckpointError

    try:
        read_meta(folder)
    except CheckpointError:
        return False
    return True


def _describe(meta: "Meta") -> str:
    moment = f"place and time as {meta.encoding}" if meta.encoding else "no place or time"
    origin = ", ".join(f"{key} {value}" for key, value in meta.origin.items() if value is not None)
    trained = "" if meta.tile_size_m is None else f", tiles of {meta.tile_size_m:g} m at {meta.gsd_m:g} m"
    return f"{meta.model_id}, {meta.dim}-d, {meta.overhead_input.size_px} px, {moment}{trained} ({origin})"
