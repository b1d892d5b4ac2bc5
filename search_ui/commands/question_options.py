"""Options that say what is asked, shared by `search`, `map` and `calendar`: texts, pictures and tiles, with weights."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from search_ui.search.query import Part

F = TypeVar("F", bound=Callable[..., Any])
FILE = click.Path(path_type=Path, dir_okay=False)
_WEIGHTED = re.compile(r"(.*)\^([-+.\deE]+|nan|inf)", re.DOTALL)


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


def asked_parts(
    text: str | None,
    also: tuple[str, ...],
    negatives: tuple[str, ...],
    image: Path | None,
    photo: Path | None,
    tile: str | None,
) -> "tuple[Part, ...]":
    """The parts of a query; together the texts of ``--not`` weigh `NOT_WEIGHT`, unless they say otherwise.

    Raises:
        UsageError: A text is empty, or a weight is no number.
    """
    from search_ui.search.query import NOT_WEIGHT, Part

    asked: list[Part] = [Part("text", *weighted(words, 1.0)) for words in (text, *also) if words is not None]
    asked += [Part("image", image)] if image is not None else []
    asked += [Part("photo", photo)] if photo is not None else []
    asked += [Part("tile", tile)] if tile is not None else []
    for words in negatives:
        value, weight = weighted(words, NOT_WEIGHT / len(negatives))
        asked.append(Part("text", value, -weight))
    return tuple(asked)


def weighted(words: str, usual: float) -> tuple[str, float]:
    """A text and its weight, which may stand behind it: ``a beach^2``."""
    match = _WEIGHTED.fullmatch(words)
    if match is None:
        return words, usual
    from trainer.errors import UsageError

    try:
        weight = float(match[2])
    except ValueError:
        return words, usual  # a text that happens to end like that
    if not 0 < weight < float("inf"):
        raise UsageError(f"weight {match[2]} of {match[1][:40]!r}: give a number above 0; --not takes away")
    return match[1], weight
