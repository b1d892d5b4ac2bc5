"""`groundcast recover`: takes into the catalog what lies in the home and the catalog does not know."""

from dataclasses import asdict

import click

from search_ui.commands.context import CommandContext, json_option, pass_command_context, print_json


@click.command(short_help="Make a lost catalog again from models and archive.")
@json_option
@pass_command_context
def command(ctx: CommandContext, as_json: bool) -> None:
    """Take models and parts that the catalog does not know into it.

    Saved searches, sets of labels and fitted relevance stand in the catalog alone: a backup has those of a lost one.

    A job that gains a part counts as replaced: the same ingest command finds what is still missing of it.
    """
    from ingest.jobs.recover import recover

    done = recover(ctx.settings, ctx.catalog)
    if as_json:
        print_json(asdict(done))
        return
    for name in done.models:
        click.echo(f"model       {name}")
    for name, items in done.items.items():
        click.echo(f"collection  {name}: {items} items")
    for problem in done.problems:
        click.echo(f"problem     {problem}")
    if done.made:
        click.echo(
            "note        saved searches, sets of labels and fitted relevance stood in the lost catalog alone: "
            "`groundcast restore` brings those of a backup"
        )
    if not (done.models or done.items or done.problems):
        click.echo("the catalog knows everything that is here")
