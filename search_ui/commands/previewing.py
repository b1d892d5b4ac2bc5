"""A preview of what an ingest would read: a picture and what is known of it; nothing is entered anywhere."""

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from search_ui.commands.context import CommandContext, print_json

if TYPE_CHECKING:
    from ingest.jobs.preview import Preview
    from ingest.jobs.request import Request

_SHOWN = 5  # problems and notes


def preview_request(ctx: CommandContext, request: "Request", output: Path, *, model: str | None, as_json: bool) -> None:
    """Writes the picture, and says what is known.

    Raises:
        UsageError: The picture is no PNG.
        CatalogError: No such model.
        SourceError: Nothing can be read.
    """
    from ingest.jobs.preview import preview
    from search_ui.files.writing import write_whole
    from search_ui.maps.previews import draw_preview
    from trainer.errors import UsageError

    if output.suffix.lower() != ".png":
        raise UsageError(f"--preview {output}: the picture is a .png")
    input_px = _input_px(ctx, request, model)
    with closing(request.open(input_px=input_px, reading=ctx.settings.reading())) as intake:
        found = preview(intake, input_px=input_px)
    from io import BytesIO

    png = BytesIO()
    draw_preview(found).save(png, "PNG")
    write_whole(output, png.getvalue())
    facts = _facts(found, request, input_px)
    if as_json:
        print_json(facts | {"picture": str(output)})
        return
    for line in _lines(found, facts):
        click.echo(line)
    click.echo(f"written: {output}")


def _input_px(ctx: CommandContext, request: "Request", model: str | None) -> int:
    from trainer.checkpoint import read_meta

    existing = ctx.aliases.find(request.collection)
    chosen = ctx.catalog.model(model_id=existing.model_id) if model is None and existing else ctx.catalog.model(model)
    return read_meta(ctx.settings.models_dir / chosen.name).overhead_input.size_px


def _facts(found: "Preview", request: "Request", input_px: int) -> dict[str, Any]:
    cells = found.view.cells if found.view is not None else []
    return {
        "tiles": found.count,
        "shown": len(cells),
        "left_out": sum(not cell.kept for cell in cells),
        "whole": found.view is None or found.view.whole,
        "gsd_m": found.gsd_m,
        "seen_m": None if request.grid is None else request.grid.size_m / input_px,
        "acquired_at": [when.isoformat() for when in found.acquired_at],
        "edge": found.edge,
        "problems": found.problems[:_SHOWN],
        "notes": found.notes[:_SHOWN],
    }


def _lines(found: "Preview", facts: dict[str, Any]) -> list[str]:
    lines = [f"{found.count:,} tiles"]
    if facts["left_out"]:
        lines.append(
            f"of {facts['shown']:,} in the picture about {facts['left_out']:,} would be left out: too little imagery"
        )
    if found.gsd_m is not None and facts["seen_m"] is not None:
        lines.append(
            f"a pixel of the imagery shows {found.gsd_m:.2g} m, a pixel that the model sees {facts['seen_m']:.2g} m"
        )
    if found.edge is not None:
        lines.append(f"its edge is {'white' if found.edge else 'black'}: --nodata {found.edge} leaves that out")
    return [*lines, *(f"warning: {problem}" for problem in facts["problems"]), *(f"note: {n}" for n in facts["notes"])]
