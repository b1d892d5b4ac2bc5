"""`groundcast worker`: works off what `groundcast ingest --queue` asked for."""

import sys

import click

from search_ui.commands.context import CommandContext, pass_command_context


@click.command(short_help="Work off what was ingested with --queue.")
@click.option(
    "--queues",
    metavar="NAME,…",
    default="embed,light",
    show_default=True,
    help="embed: what needs the model; light: indexes that are behind.",
)
@click.option("--device", metavar="NAME", help="Device of the model, such as cuda:1: one worker a GPU [settings].")
@pass_command_context
def command(ctx: CommandContext, queues: str, device: str | None) -> None:
    """Work off what was ingested with --queue, until SIGTERM or Ctrl-C.

    Start as many as there are GPUs, or as there are cores to spare (then with OMP_NUM_THREADS=1), on any machine that
    reaches the ledger, the archive, Redis and the imagery. One that is asked to end finishes the chunk at hand; one
    that is killed loses nothing: its chunk is done by another.
    """
    from trainer.errors import UsageError
    from workers.app import QUEUES
    from workers.serve import serve

    chosen = [name.strip() for name in queues.split(",") if name.strip()]
    unknown = sorted(set(chosen) - set(QUEUES))
    if unknown or not chosen:
        raise UsageError(f"--queues {queues!r}: name one or both of {', '.join(QUEUES)}")
    settings = ctx.settings if device is None else ctx.settings.model_copy(update={"device": device})
    sys.exit(serve(settings, chosen))
