"""The one command, `groundcast`: loads a command when it is called, and turns errors into one line and an exit code.

Exit codes: 0 done, 1 the work failed or was stopped, 2 wrong usage.
"""

import atexit
import gc
import importlib
import logging
import os
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import click

from search_ui.commands.context import CommandContext
from trainer.errors import GroundcastError
from workers.log_lines import Style, as_json, configure

COMMANDS = {  # in the order of a first use: name and module in search_ui.commands
    "demo": "demo",
    "model": "models.model",
    "ingest": "holdings.ingest",
    "import": "holdings.embeddings",
    "photos": "holdings.photos",
    "search": "questions.search",
    "ground": "questions.ground",
    "caption": "questions.caption",
    "captioner": "models.captioner",
    "map": "questions.map",
    "calendar": "questions.place_calendar",
    "monitor": "questions.monitor",
    "places": "questions.places",
    "searches": "questions.searches",
    "labels": "holdings.labels",
    "collections": "holdings.versions",
    "collection": "holdings.collection",
    "sandbox": "models.sandbox",
    "ui": "ui",
    "pairs": "models.pairs",
    "train": "models.train",
    "moments": "models.moments",
    "evaluate": "models.evaluate",
    "experiment": "models.experiment",
    "jobs": "holdings.jobs",
    "worker": "holdings.worker",
    "publish": "holdings.publish",
    "verify": "holdings.verify",
    "backup": "holdings.backup",
    "restore": "holdings.restore",
    "recover": "holdings.recover",
    "doctor": "doctor",
}


class LazyGroup(click.Group):
    """Imports a module of ``search_ui.commands`` when a command is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - the library's signature
        """Names in the order of a first use."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """The command of that name, or None."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"search_ui.commands.{COMMANDS[cmd_name]}").command
        return command


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.option(
    "--home",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder that holds all state [GROUNDCAST_HOME or ~/.groundcast].",
)
@click.option("-v", "--verbose", is_flag=True, help="Log each step; show tracebacks.")
@click.version_option(package_name="groundcast")
@click.pass_context
def cli(context: click.Context, home: Path | None, verbose: bool) -> None:
    """Search the map by what you would see on the ground."""
    # rasterio hides this one inside reproject() with catch_warnings, which reader threads undo for one another
    warnings.filterwarnings("ignore", message="Dataset has no geotransform")
    context.obj = CommandContext(home)
    configure(_log_style(context.obj), verbose=verbose)
    context.call_on_close(context.obj.close)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Runs the command line and exits."""
    atexit.register(_leave)
    # read when torch is loaded. Threads that wait for one another spin otherwise: alone that gains nothing, and on a
    # machine with other work each waits for one that does not run, so that two threads are slower than one
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    verbose = "-v" in arguments or "--verbose" in arguments
    try:
        # not click's own way to end: it would print its errors, and knows nothing of ours
        sys.exit(cli.main(args=arguments, prog_name="groundcast", standalone_mode=False) or 0)
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except (KeyboardInterrupt, click.Abort):
        code = _say("stopped; what was done is kept, the same command goes on from there")
    except BrokenPipeError:  # the reader of a pipe has had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except GroundcastError as error:
        if verbose:
            logging.getLogger(__name__).exception("failed")
        code = _say(str(error), error.exit_code)
    except Exception as error:
        if verbose:
            logging.getLogger(__name__).exception("failed")
        advice = _advice(error) if isinstance(error, ModuleNotFoundError) else None
        code = _say(advice or f"{type(error).__name__}: {error} (run with --verbose to see where)")
    sys.exit(code)


def _leave() -> None:
    """Keep Python from looking through all objects of torch for cycles before it ends, which takes a second."""
    gc.disable()
    if "triton" not in sys.modules:  # whose library would complain of every object that was not freed
        gc.freeze()


def _advice(error: ModuleNotFoundError) -> str | None:
    """Which extra to install."""
    from search_ui.service.extras import advice

    return advice(error)


def _log_style(door: CommandContext) -> Style:
    """Of the settings; if those are wrong the command itself will say so."""
    try:
        return door.settings.log
    except GroundcastError:
        return "text"


def _say(message: str, code: int = 1) -> int:
    if as_json():
        logging.getLogger(__name__).error(" ".join(message.split()))
    else:
        click.echo(f"groundcast: {' '.join(message.split())}", err=True)
    return code


if __name__ == "__main__":
    main()
