"""Options that say what is asked, shared by `search`, `map` and `calendar`: texts, pictures and tiles, with weights."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    pass

F = TypeVar("F", bound=Callable[..., Any])
FILE = click.Path(path_type=Path, dir_okay=False)


def question_options(function: F) -> F:
    """TEXT, ``--also``, ``--not``, ``--image``, ``--photo``, ``--tile``, ``--ensemble``."""
    for option in (
        click.option("--ensemble", is_flag=True, help="Say each text in several ways and ask for their mean."),
        click.option("--tile", metavar="ID", help="Like this tile of the collection."),
        click.option("--photo", type=FILE, metavar="FILE", help="Where this ground photo could have been taken."),
        click.option("--image", type=FILE, metavar="FILE", help="Like this overhead image."),
        click.option("--not", "negatives", multiple=True, metavar="TEXT", help="Away from this; may be repeated."),
        click.option("--also", multiple=True, metavar="TEXT", help="And like this; may be repeated. TEXT^2 weighs 2."),
        click.argument("text", required=False),
    ):
        function = option(function)
    return function
