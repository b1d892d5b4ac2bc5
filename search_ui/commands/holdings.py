"""`groundcast collections`: what can be searched here."""

import click

from search_ui.door import Door, json_option, pass_door, print_json


@click.command(short_help="List collections and galleries.")
@json_option
@pass_door
def command(door: Door, as_json: bool) -> None:
    """List collections and galleries with their sizes, sources and models."""
    rows = []
    for collection in door.catalog.collections():
        jobs = door.catalog.jobs(collection.name)
        rows.append(
            {
                "name": collection.name,
                "kind": collection.kind,
                "items": sum(job.done for job in jobs),
                "model_id": collection.model_id,
                "source": collection.spec["source"],
                "attribution": collection.spec.get("attribution"),
                "created_at": collection.created_at.isoformat(),
            }
        )
    if as_json:
        print_json(rows)
        return
    for row in rows:
        click.echo(f"{row['name']:24} {row['items']:>9} {row['kind']:8} model {row['model_id'][:12]}  {row['source']}")
    if not rows:
        click.echo("no collection yet: make one with `groundcast ingest SOURCE --collection NAME`")
