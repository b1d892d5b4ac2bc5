"""`groundcast collections`: what can be searched here, and which versions there are."""

from typing import TYPE_CHECKING, Any

import click

from search_ui.commands.context import CommandContext, json_option, pass_command_context, print_json

if TYPE_CHECKING:
    from ingest.catalog.aliases import Version
    from ingest.catalog.catalog import Collection


@click.command(short_help="List collections and galleries.")
@click.option("--deleted", is_flag=True, help="What was deleted in the last day instead, and can be brought back.")
@json_option
@pass_command_context
def command(ctx: CommandContext, deleted: bool, as_json: bool) -> None:
    """List collections and galleries with their sizes, sources and models.

    Where a name has several versions, they follow it.
    """
    if deleted:
        _list_deleted(ctx, as_json=as_json)
        return
    from ingest.catalog.foreign import names_of_models

    models = names_of_models(ctx.catalog)
    there = _on_server(ctx)
    rows = [_row(ctx, name, found, models, there) for name, found in ctx.aliases.in_service().items()]
    if as_json:
        print_json(rows)
        return
    for row in rows:
        click.echo(f"{row['name']:24} {row['items']:>9} {row['kind']:8} {_model(row)}  {row['source']}")
        for version in row["versions"] if len(row["versions"]) > 1 else ():
            click.echo(f"  {version['name']:22} {version['items']:>9} {version['role']:10} {_model(version)}")
        for version in row["versions"]:
            if told := version.get("index"):
                click.echo(f"  {version['name']:22} on the server {told['name']}, {told['lies'] or told['problem']}")
    if not rows:
        click.echo("no collection yet: make one with `groundcast ingest SOURCE --collection NAME`")


def _list_deleted(ctx: CommandContext, *, as_json: bool) -> None:
    from ingest.catalog.deletions import Deletions

    found = Deletions(ctx.catalog).all()
    if as_json:
        told = [{"name": one.name, "deleted_at": one.deleted_at.isoformat()} for one in found]
        print_json([one | {"until": each.until.isoformat()} for one, each in zip(told, found, strict=True)])
        return
    for one in found:
        click.echo(
            f"{one.name:24} {_items(ctx, one.collection):>9} {one.collection.kind:8} until {one.until:%F %H:%M} UTC"
        )
    if not found:
        click.echo("nothing was deleted in the last day")


def _row(
    ctx: CommandContext, name: str, found: "Collection", models: dict[str, str], there: dict[str, Any] | None
) -> dict[str, Any]:
    """A name and what it stands for."""
    versions = ctx.aliases.versions(name)
    return {
        "name": name,
        "kind": found.kind,
        "items": _items(ctx, found),
        "model_id": found.model_id,
        "model": models.get(found.model_id),
        "source": found.spec["source"],
        "attribution": found.spec.get("attribution"),
        "created_at": found.created_at.isoformat(),
        "version": next(version.number for version in versions if version.role == "in service"),
        "versions": [_version(ctx, version, models, there) for version in versions],
    }


def _on_server(ctx: CommandContext) -> dict[str, dict[str, Any]] | None:
    """By stored name, how the collections lie on a Qdrant server; None: there is none, or it does not answer."""
    from trainer.errors import VectorIndexError

    if ctx.settings.qdrant_url is None:
        return None
    from ingest.index.on_server import connect, look

    try:
        client = connect(ctx.settings)
    except VectorIndexError:  # which `groundcast doctor` tells
        return None
    found = look(ctx.settings, ctx.catalog, client)
    client.close()
    return {
        stored: {"name": one.name, "lies": one.sharding and str(one.sharding), "problem": one.problem}
        for stored, one in found.items()
    }


def _version(
    ctx: CommandContext, version: "Version", models: dict[str, str], there: dict[str, Any] | None
) -> dict[str, Any]:
    collection = version.collection
    told = {
        "version": version.number,
        "name": version.name,
        "role": version.role,
        "items": _items(ctx, collection),
        "model_id": collection.model_id,
        "model": models.get(collection.model_id),
    }
    return told if there is None else told | {"index": there.get(collection.name)}


def _items(ctx: CommandContext, collection: "Collection") -> int:
    return ctx.catalog.items_done(collection.name, ("archived", "done"))


def _model(row: dict[str, Any]) -> str:
    return f"model {row['model'] or row['model_id'][:12]}"
