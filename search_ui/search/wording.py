"""Questions as people write them: texts with weights behind them, and what is to be away, as parts of a query."""

import re
from pathlib import Path

from search_ui.search.query import NOT_WEIGHT, Part
from trainer.errors import UsageError

# the last ^ counts; what is no good weight is matched too, to be refused and not to be searched for as words
_WEIGHTED = re.compile(r"(.*)\^([-+.\deE]+|nan|inf)", re.DOTALL)


def asked_parts(
    text: str | None,
    also: tuple[str, ...],
    negatives: tuple[str, ...],
    image: Path | None,
    photo: Path | None,
    tile: str | None,
) -> tuple[Part, ...]:
    """The parts of a query; together the texts of ``--not`` weigh `NOT_WEIGHT`, unless they say otherwise.

    Raises:
        UsageError: A text is empty, or a weight is no number.
    """
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
    try:
        weight = float(match[2])
    except ValueError:
        return words, usual  # a text that happens to end like that
    if not 0 < weight < float("inf"):
        raise UsageError(f"weight {match[2]} of {match[1][:40]!r}: give a number above 0; --not takes away")
    return match[1], weight
