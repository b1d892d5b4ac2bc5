"""The hits as cards that can be clicked, walked through with the arrow keys, and voted on.

It does not know how hits are found.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any

import streamlit as st

from search_ui.components.assets import asset

_HTML = '<ul class="hits" role="listbox" aria-label="hits, best first"></ul>'


@dataclass(frozen=True)
class Card:
    """One hit as it is shown.

    Attributes:
        id: Id of the tile.
        rank: Place in the answer, counted from 1, the best.
        title: What to call the place.
        place: A line about where and when.
        grade: The relevance in a word.
        relevance: The relevance in digits, 0..1.
        cosine: The cosine in digits.
        image: URL of the chip.
        alt: What the chip shows, for those who cannot see it.
        vote: The thumb: 1 up, −1 down, 0 none.
        says: In place of the grade, such as "not now"; empty: the grade.
    """

    id: str
    rank: int
    title: str
    place: str
    grade: str
    relevance: str
    cosine: str
    image: str
    alt: str
    vote: int = 0
    says: str = ""


@dataclass(frozen=True)
class Touched:
    """What a person did with the list in this run.

    Attributes:
        chosen: The id of the tile that was opened.
        voted: A tile's id and 1, −1 or 0.
    """

    chosen: str | None = None
    voted: tuple[str, int] | None = None


@cache
def _component() -> Any:
    return st.components.v2.component(
        "groundcast_hit_list", html=_HTML, css=asset("hit_list.css"), js=asset("hit_list.js")
    )


def hit_list(cards: Sequence[Card], *, chosen: str | None, help_text: str, votes: bool, key: str) -> Touched:
    """Show the cards.

    Args:
        cards: The hits, best first.
        chosen: The tile that is open.
        help_text: What relevance means; shown where a person asks for it.
        votes: Whether thumbs are shown.
        key: Streamlit's key of the widget.
    """
    data = {"hits": [asdict(card) for card in cards], "chosen": chosen, "help": help_text, "votes": votes}
    # callbacks that do nothing: named, they make what was chosen and voted attributes of the result
    nothing = {"on_chosen_change": lambda: None, "on_voted_change": lambda: None}
    result = _component()(key=key, data=data, **nothing)
    voted: Mapping[str, Any] | None = result.voted
    return Touched(result.chosen, None if not voted else (str(voted["id"]), int(voted["vote"])))
