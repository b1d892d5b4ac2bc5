"""`groundcast moments`: fits what a moment changes anew, to many photos of few tiles."""

from pathlib import Path
from typing import Any

import click

from search_ui.commands.context import json_option, print_json

FOLDER = click.Path(path_type=Path, file_okay=False, exists=True)
RANK = 64


@click.command(short_help="Fit what a moment changes to photos of the same places over and over.")
@click.argument("model", type=FOLDER)
@click.argument("panels", type=FOLDER)
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), metavar="FOLDER", help="The new model.")
@click.option("--teacher", type=FOLDER, help="A model whose ground tower the new one has, such as one taught further.")
@click.option(
    "--interaction",
    type=click.Choice(["full", "diagonal", "untied", "none"]),
    default="full",
    show_default=True,
    help="How the moment meets the tile; none: it adds the same to all.",
)
@click.option(
    "--rank", type=click.IntRange(1), show_default=str(RANK), help="Directions along which it does, unless it is none."
)
@click.option("--hidden", type=click.IntRange(1), default=64, show_default=True, help="Numbers of a moment.")
@json_option
def command(
    model: Path,
    panels: Path,
    output: Path,
    teacher: Path | None,
    interaction: Any,
    rank: int | None,
    hidden: int,
    as_json: bool,
) -> None:
    """Give the checkpoint MODEL its moments anew, fitted to PANELS by least squares, and write it to FOLDER.

    PANELS is a folder of two kinds of shards: `tiles`, each with the picture from above, and `photos`, each of one of
    those places (`place`) at a time; `groundcast sandbox panels` makes one. The overhead tower of MODEL stays as it
    is, so collections that were embedded with it stay valid: only the moment is another, and how photos are compared.
    With --teacher galleries of photos are embedded anew.
    """
    from tqdm import tqdm

    from trainer.encoder import Form
    from trainer.training.moment_refit import refit_moments

    if interaction == "none" and rank is not None:
        raise click.UsageError(f"--rank {rank} with --interaction none: without an interaction there are no directions")
    form = Form(hidden, "linear", interaction, 0 if interaction == "none" else rank or RANK)
    with tqdm(total=0, unit=" photos", desc="embedding photos") as bar:

        def progress(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        meta = refit_moments(model, panels, output, teacher=teacher, form=form, progress=progress)
    if as_json:
        print_json({"model_id": meta.model_id, "folder": str(output), "panels": meta.data_card["panels"]})
        return
    card = meta.data_card["panels"]
    click.echo(f"fitted to {card['photos']} photos of {card['tiles']} tiles")
    click.echo(f"model {meta.model_id} in {output}; add it with `groundcast model add NAME --checkpoint {output}`")
