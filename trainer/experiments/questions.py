"""What the experiments ask of a set of data: which texts, at which moments.

    {"about": "tiles of blocks that training never saw",
     "country": [{"text": "…", "concept": "…", "cover": ["…"]}, …],      figure-1, coarse-country
     "city": [{"text": "…", "concept": "…"}, …],                          figure-5
     "seasons": [{"text": "…", "concept": "…"}, …], "season_moments": ["2023-01-11T12", "2023-07-12T12"],
     "texts": [{"text": "…", "concept": "…"}, …],                         text-to-overhead, localisation
     "hours": ["2023-07-12T08", "2023-07-12T23"]}                         dynamic-retrieval, dynamic-captions

A concept is a name in the truth file, a cover a name in the file of the land cover. Nothing here knows either.
"""

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from trainer.errors import UsageError

FILE = "questions.json"
_FORM = 'it must be a JSON object as described in docs/experiments.md, such as {"texts": [{"text": …, "concept": …}]}'


@dataclass(frozen=True)
class Question:
    """A text, and what is true where it fits.

    Attributes:
        text: The words that are embedded.
        concept: Of the truth; empty: not known.
        cover: Classes of the land cover whose shares, summed, it should follow.
    """

    text: str
    concept: str = ""
    cover: tuple[str, ...] = ()


@dataclass(frozen=True)
class Questions:
    """What is asked of a set of data; see the module.

    Attributes:
        about: Where the data come from, and whether training saw them; printed with every table.
        country: Texts for maps of a country, each with a class of land cover or a concept.
        city: Texts for maps of a city, each with a concept.
        seasons: Texts for maps of two seasons, each with a concept.
        season_moments: Two moments, half a year apart; the truth must have them.
        texts: All that the truth can answer.
        hours: Two moments of one day.
    """

    about: str = ""
    country: tuple[Question, ...] = ()
    city: tuple[Question, ...] = ()
    seasons: tuple[Question, ...] = ()
    season_moments: tuple[datetime, ...] = (datetime(2023, 1, 11, 12), datetime(2023, 7, 12, 12))
    texts: tuple[Question, ...] = ()
    hours: tuple[datetime, ...] = (datetime(2023, 7, 12, 8), datetime(2023, 7, 12, 23))


def read_questions(path: Path) -> Questions:
    """Read a file of questions; see the module.

    Raises:
        UsageError: It is missing or not of that form.
    """
    try:
        document: dict[str, Any] = json.loads(path.read_text("utf-8"))
        if not isinstance(document, dict):
            raise UsageError(f"questions {path}: {_FORM}")
        # what is left over was misspelt: an error, for else a question would silently not be asked
        known = {name: document.pop(name) for name in tuple(document) if name in Questions.__dataclass_fields__}
        if document:
            raise UsageError(f"questions {path}: {min(document)!r} is unknown; {_FORM}")
        for name, value in known.items():
            if name in ("season_moments", "hours"):
                known[name] = tuple(datetime.fromisoformat(moment) for moment in value)
            elif name != "about":
                known[name] = tuple(_question(one) for one in value)
    except OSError as error:
        raise UsageError(f"questions {path} cannot be read: {error.strerror}") from error
    except (ValueError, TypeError, AttributeError, KeyError) as error:
        raise UsageError(f"questions {path}: {_FORM} ({error})") from error
    return Questions(**known)


def _question(one: dict[str, Any]) -> Question:
    return Question(one["text"], one.get("concept", ""), tuple(one.get("cover", ())))
