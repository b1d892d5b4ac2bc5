"""What a command of the command line starts from: settings and catalog of the home folder, opened when first needed."""

import json
import logging
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from workers.log_lines import as_json

if TYPE_CHECKING:
    from ingest.catalog.aliases import Aliases
    from ingest.catalog.catalog import Catalog
    from ingest.settings import Settings

log = logging.getLogger(__name__)


class CommandContext:
    """Opened once a command; `close` gives the catalog back."""

    def __init__(self, home: Path | None) -> None:
        self._home = home

    @cached_property
    def settings(self) -> "Settings":
        """Settings of the home folder."""
        from ingest.settings import load_settings

        return load_settings(self._home)

    @cached_property
    def catalog(self) -> "Catalog":
        """The open catalog."""
        from ingest.catalog.catalog import Catalog

        return Catalog(self.settings.catalog_at)

    @cached_property
    def aliases(self) -> "Aliases":
        """The names that people ask with."""
        from ingest.catalog.aliases import Aliases

        return Aliases(self.catalog)

    def close(self) -> None:
        """Closes what was opened."""
        if "catalog" in self.__dict__:
            self.catalog.close()


pass_command_context = click.make_pass_decorator(CommandContext)
json_option = click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")


def print_json(document: Any) -> None:
    """One JSON document on stdout."""
    click.echo(json.dumps(document, indent=2, default=str))


def as_lines() -> bool:
    """Whether what goes to stderr is JSON, an object a line, so that no bar may be drawn there."""
    return as_json()


def tell(message: str) -> None:
    """Says beside the answer how the work goes: to people on stderr, or as a line of the log where those are JSON."""
    if as_lines():
        log.info("%s", message)
    else:
        click.echo(message, err=True)
