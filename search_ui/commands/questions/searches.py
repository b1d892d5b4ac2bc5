"""`groundcast searches`: saved searches, and what has come for them."""

import click

from search_ui.commands.context import CommandContext, json_option, pass_command_context, print_json


@click.group(short_help="List saved searches; look into what is new for them, and tell of it.")
def command() -> None:
    """Saved searches: made in the app or over HTTP, asked again when new imagery has come."""


@command.command("list")
@json_option
@pass_command_context
def list_(ctx: CommandContext, as_json: bool) -> None:
    """List them."""
    from ingest.catalog.saved_searches import SavedSearches
    from search_ui.routes.saved import say

    every = SavedSearches(ctx.catalog).all()
    if as_json:
        print_json({"searches": [say(saved) for saved in every]})
        return
    for saved in every:
        click.echo(f"{saved.id}  {saved.name}, asked of {saved.collection}")
    if not every:
        click.echo("none yet: save one in the app, or POST /api/searches", err=True)


@command.command("check")
@click.option("--collection", metavar="NAME", help="Only those that are asked of it.")
@json_option
@pass_command_context
def check(ctx: CommandContext, collection: str | None, as_json: bool) -> None:
    """Look into what has come since the last check, and tell of it by webhook and mail, as the settings say.

    `groundcast ingest` does it when it ends, and the app once a minute. Each place is told of once.
    """
    from search_ui.routes.watch import look, tell
    from search_ui.service.service import Service
    from trainer.errors import GroundcastError

    service = Service(ctx.settings)
    wanted = None if collection is None else service.aliases.present_name(collection)
    rows, failures = list[dict[str, object]](), list[str]()
    try:
        for saved in service.saved_searches.all():
            if wanted not in (None, saved.collection):
                continue
            row: dict[str, object] = {"id": saved.id, "name": saved.name, "collection": saved.collection}
            try:
                row["new"] = look(service, saved)
                row["told"] = tell(service, saved)
            except GroundcastError as error:  # the others are checked all the same
                row["error"] = str(error)
                failures.append(f"{saved.name!r}: {error}")
            rows.append(row)
    finally:
        service.close()
    if as_json:
        print_json({"searches": rows})
    else:
        for row in rows:
            click.echo(f"{row['name']}: {row.get('new', 0)} new, told of {row.get('told', 0)}")
    if failures:
        raise GroundcastError("; ".join(failures))
