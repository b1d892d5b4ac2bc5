"""`groundcast backup`: everything that cannot be computed again, in a folder, a .zip file, or an object store."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import click

from search_ui.commands.context import CommandContext, as_lines, json_option, pass_command_context, print_json

if TYPE_CHECKING:
    from ingest.archive.files import FilePath
    from ingest.backup.home import Backup, Progress


@click.command(short_help="Save catalog, models and archive.")
@click.argument("target")
@json_option
@pass_command_context
def command(ctx: CommandContext, target: str, as_json: bool) -> None:
    """Save catalog, models, archive and uploaded pictures in TARGET: an empty folder, a FILE.zip, or a URL of fsspec
    such as s3://bucket/folder, which takes the setting archive_options.

    An ingest may go on meanwhile. The index is not saved: it is filled from the archive when the backup is restored.
    The settings are not saved either, they may hold passwords. Exit code 1 where something was missing.
    """
    from ingest.backup.bundle import BundleWriter
    from ingest.backup.home import back_up

    with BundleWriter(place(ctx, target)) as writer, bar("saved") as progress:
        done = back_up(ctx.settings, ctx.catalog, writer, progress)
    tell(done, as_json, f"saved in {target}")
    if done.problems:
        raise SystemExit(1)


def place(ctx: CommandContext, named: str) -> "FilePath":
    """The folder, file or URL that a person named."""
    from ingest.backup.bundle import open_place

    settings = ctx.settings
    # the archive's keys are for its own kind of store: they are not shown to any other
    same = settings.archive_url is not None and urlsplit(settings.archive_url).scheme == urlsplit(named).scheme
    options = settings.archive_options.get_secret_value() if same and settings.archive_options else {}
    return open_place(named, options)


@contextmanager
def bar(verb: str) -> Iterator["Progress"]:
    """A progress bar of bytes."""
    from tqdm import tqdm

    with tqdm(unit="B", unit_scale=True, desc=verb, disable=as_lines()) as shown:
        yield shown.update


def tell(done: "Backup", as_json: bool, what: str, **more: Any) -> None:
    """Prints what was done."""
    if as_json:
        print_json(done.to_json() | more)
        return
    click.echo(
        f"{len(done.models)} models and {len(done.collections)} collections, {done.files} files of "
        f"{done.size_bytes / 2**20:.1f} MiB, {what}"
    )
    for problem in done.problems:
        click.echo(f"problem   {problem}")
