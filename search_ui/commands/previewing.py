"""A preview of what an ingest would read: a picture and what is known of it; nothing is entered anywhere."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from search_ui.commands.context import CommandContext, print_json

if TYPE_CHECKING:
    from ingest.jobs.request import Request


def preview_request(ctx: CommandContext, request: "Request", output: Path, *, model: str | None, as_json: bool) -> None:
    """Writes the picture, and says what is known.

    Raises:
        UsageError: The picture is no PNG.
        CatalogError: No such model.
        SourceError: Nothing can be read.
    """
    from search_ui.files.writing import write_whole
    from search_ui.maps.previews import picture_of
    from trainer.errors import UsageError

    if output.suffix.lower() != ".png":
        raise UsageError(f"--preview {output}: the picture is a .png")
    found = picture_of(request, _input_px(ctx, request, model), ctx.settings.reading())
    write_whole(output, found.png)
    if as_json:
        print_json(found.facts | {"picture": str(output)})
        return
    for line in _lines(found.facts):
        click.echo(line)
    click.echo(f"written: {output}")


def _input_px(ctx: CommandContext, request: "Request", model: str | None) -> int:
    from trainer.checkpoint import read_meta

    existing = ctx.aliases.find(request.collection)
    chosen = ctx.catalog.model(model_id=existing.model_id) if model is None and existing else ctx.catalog.model(model)
    return read_meta(ctx.settings.models_dir / chosen.name).overhead_input.size_px


def _lines(facts: dict[str, Any]) -> list[str]:
    lines = [f"{facts['tiles']:,} tiles"]
    if facts["left_out"]:
        lines.append(
            f"of {facts['shown']:,} in the picture about {facts['left_out']:,} would be left out: too little imagery"
        )
    if facts["gsd_m"] is not None and facts["seen_m"] is not None:
        lines.append(
            f"a pixel of the imagery shows {facts['gsd_m']:.2g} m, a pixel that the model gets {facts['seen_m']:.2g} m"
        )
    if facts["edge"] is not None:
        edge = "white" if facts["edge"] else "black"
        lines.append(f"its edge is {edge}: --nodata {facts['edge']} leaves that out")
    return [*lines, *(f"warning: {problem}" for problem in facts["problems"]), *(f"note: {n}" for n in facts["notes"])]
