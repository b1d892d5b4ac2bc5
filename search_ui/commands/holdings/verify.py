"""`groundcast verify`: do ledger, archive and index agree, and are the files what was written?"""

import click

from search_ui.commands.context import CommandContext, as_lines, json_option, pass_command_context, print_json


@click.command(short_help="Compare ledger, archive and index; mend the index.")
@click.argument("collection")
@click.option("--repair", is_flag=True, help="Mend the index from the archive; give lost chunks back to the ledger.")
@click.option("--index", is_flag=True, help="Build the index now, though every tile could still be scored without.")
@click.option("--rebuild-index", is_flag=True, help="Make the index anew beside the one there is, then change over.")
@click.option("--deep", is_flag=True, help="Compare every byte of parts, field and model with its checksum.")
@json_option
@pass_command_context
def command(
    ctx: CommandContext, collection: str, repair: bool, index: bool, rebuild_index: bool, deep: bool, as_json: bool
) -> None:
    """Compare ledger, archive and index of COLLECTION. Exit code 1 where they disagree and nothing was mended."""
    from tqdm import tqdm

    from ingest.jobs.verify import verify

    found = ctx.aliases.collection(collection)
    with tqdm(unit=" parts", desc="comparing", disable=not deep or as_lines()) as bar:
        findings = verify(
            ctx.settings,
            ctx.catalog,
            found,
            repair=repair,
            index=index,
            rebuild_index=rebuild_index,
            deep=deep,
            progress=lambda _: bar.update(),
        )
    if as_json:
        print_json(findings.to_json())
    else:
        none = "unreadable" if findings.index_needed else "none, and none needed"
        indexed = none if findings.indexed is None else findings.indexed
        click.echo(f"ledger {findings.recorded} · archive {findings.archived} · index {indexed}")
        for problem in findings.problems:
            click.echo(f"problem   {problem}")
        for repaired in findings.repaired:
            click.echo(f"repaired  {repaired}")
        click.echo(
            "they agree"
            if not findings.problems
            else "they do not agree"
            if not findings.repaired
            else "mended: run verify again"
        )
    if findings.problems and not findings.repaired:
        raise SystemExit(1)
