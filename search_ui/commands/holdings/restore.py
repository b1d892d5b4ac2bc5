"""`groundcast restore`: a backup back into an empty home or served mode, the index filled anew."""

import click

from search_ui.commands.context import CommandContext, json_option, pass_command_context
from search_ui.commands.holdings.backup import bar, place, tell


@click.command(short_help="Bring a backup back.")
@click.argument("source")
@click.option("--check", is_flag=True, help="Read everything and compare checksums; change nothing.")
@json_option
@pass_command_context
def command(ctx: CommandContext, source: str, check: bool, as_json: bool) -> None:
    """Bring the backup SOURCE back: a folder, a FILE.zip, or a URL of fsspec.

    Into an empty home, or the empty database and archive that the settings name; nothing is overwritten. A backup of a
    laptop may be restored into the served mode, and the other way round. Then the index is filled from the archive.
    Interrupted, the same command goes on.
    """
    from ingest.backup.bundle import BundleReader
    from ingest.backup.home import check as read_all
    from ingest.backup.home import restore

    with BundleReader(place(ctx, source)) as reader:
        if check:
            with bar("checked") as progress:
                done = read_all(reader, progress)
            tell(done, as_json, "whole", made_at=reader.about["made_at"])
            return
        with bar("restored") as progress:
            done = restore(ctx.settings, ctx.catalog, reader, progress)
        indexed = {name: _filled(ctx, name) for name in done.collections}
        tell(done, as_json, "restored", made_at=reader.about["made_at"], indexed=indexed)
    if not as_json:
        for name, count in indexed.items():
            click.echo(f"{name}: {count} items indexed" if count else f"{name}: no index needed")


def _filled(ctx: CommandContext, name: str) -> int:
    """Fills the index of a collection from the archive; returns how many items it has."""
    from ingest.jobs.verify import verify

    # what `verify --repair` does with a lost index: fill it from the archive
    findings = verify(ctx.settings, ctx.catalog, ctx.catalog.collection(name), repair=True)
    return findings.indexed or 0
