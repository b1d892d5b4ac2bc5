"""`groundcast photos`: ground photos into a gallery."""

import click

from search_ui.commands.context import CommandContext, json_option, pass_command_context
from search_ui.commands.running import PRECISION, run_request


@click.command(short_help="Ground photos into a gallery.")
@click.argument("path", type=click.Path())
@click.option("--gallery", required=True, metavar="NAME", help="Gallery to make or go on with.")
@click.option("--model", metavar="NAME", help="Model [the gallery's, or the only one there is].")
@click.option("--precision", type=PRECISION, help="Arithmetic of the model; see `groundcast ingest --help`.")
@json_option
@pass_command_context
def command(
    ctx: CommandContext, path: str, gallery: str, model: str | None, precision: str | None, as_json: bool
) -> None:
    """Bring the photos at PATH into a gallery.

    PATH is a folder of photos, whose EXIF gives place and time, else XMP or the JSON of Google Takeout beside them; or
    a CSV or Parquet manifest with the columns path, lat, lon and, if known, id, url, taken_local, taken_utc, owner,
    licence. What is missing stays missing, and the closing line says of how many; the same picture twice is one.

    Other commands, such as `groundcast verify`, know the gallery NAME as gallery.NAME.
    """
    from ingest.catalog.names import gallery_name
    from ingest.jobs.request import Request
    from ingest.opening import source_location

    request = Request(kind="gallery", collection=gallery_name(gallery), source=source_location(path))
    run_request(ctx, request, model=model, precision=precision, as_json=as_json)
