"""The places of an answer as cards that can be scrolled, clicked, walked through with the arrow keys, and voted on.

The first cards come with the page; the rest is asked for as it is scrolled to. It does not know how places are found.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import streamlit as st

from search_ui.components.assets import asset

_HTML = '<div class="hits" role="listbox" aria-label="places"></div>'


@dataclass(frozen=True, kw_only=True)
class CardList:
    """What a list shows.

    Attributes:
        name: Says what it holds: another name is another list.
        total: How many places there are.
        first: The first page of them; see `search_ui.service.place_list.card`.
        page: How many make a page.
        url: Answers with other pages; empty: there are none.
        help: What relevance means; shown where a person asks for it.
        votes: Whether thumbs are shown.
    """

    name: str
    total: int
    first: Sequence[Mapping[str, Any]]
    page: int
    url: str = ""
    help: str = ""
    votes: bool = False


@dataclass(frozen=True)
class TouchedList:
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
        "groundcast_hit_list", html=_HTML, css=asset("hit_list.css"), js=asset("renewal.js", "hit_list.js")
    )


def hit_list(
    cards: CardList, *, chosen: str | None, key: str, height: Literal["stretch", "content"] = "stretch"
) -> TouchedList:
    """Show the cards.

    Args:
        cards: What is listed.
        chosen: The tile that is open.
        key: Streamlit's key of the widget.
        height: All that the container has, so that the list scrolls in it; or as high as all cards.
    """
    data = vars(cards) | {"chosen": chosen, "scrolls": height == "stretch"}
    # callbacks that do nothing: named, they make what was chosen and voted attributes of the result; a list that the
    # server has let go of is made again by the very run that it causes
    nothing = {f"on_{name}_change": lambda: None for name in ("chosen", "voted", "lapsed")}
    result = _component()(key=key, data=data, height=height, **nothing)
    voted: Mapping[str, Any] | None = result.voted
    return TouchedList(result.chosen, None if not voted else (str(voted["id"]), int(voted["vote"])))
