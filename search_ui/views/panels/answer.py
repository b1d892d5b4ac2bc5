"""The answer as a list beside the map: what was found, how sure it is, in which order, and the cards.

It does not know how the map shows it.
"""

from collections.abc import Callable

import streamlit as st

from search_ui.components.base_path import own
from search_ui.components.hit_list import CardList, hit_list
from search_ui.maps.scales import MONTHS
from search_ui.search.likeliest import Likeliest, say_not_now
from search_ui.search.relevance.calibration import say_relevance
from search_ui.service.place_list import PAGE, card, title_of
from search_ui.service.place_lists import ShownList
from search_ui.service.service import Found, Shown
from search_ui.views import frame, pieces, words
from search_ui.views.app_words import in_passing, told
from search_ui.views.state.address import change, held, value
from search_ui.views.state.question import say_when, when_of

_ORDERS = {
    "relevance": "relevance",
    "cosine": "cosine",
    "date": "date, newest first",
    "distance": "distance from the map's middle",
}


def answer_list(shown: Shown, listed: ShownList, vote: Callable[[str, int], None]) -> str | None:
    """Show the answer; returns the id of a tile that was opened just now.

    Args:
        shown: The collection.
        listed: The places.
        vote: Called with a tile and 1, −1 or 0 for a thumb.
    """
    found, answer = listed.found, listed.found.answer
    if answer.not_now is not None:
        _not_now(found, answer.not_now)
    elif found.nothing:
        _nothing(found)
    elif answer.note:
        st.info(told(answer.note))
    _controls(listed)
    touched = hit_list(cards_of(shown, listed), chosen=value("tile") or None, key="hits")
    if touched.voted is not None:
        vote(*touched.voted)
        st.rerun()
    return touched.chosen


def _controls(listed: ShownList) -> None:
    """How many, in which order, of which relevance."""
    count, answer = len(listed.places.rows), listed.found.answer
    counted = f"**{count:,} place{'s' if count != 1 else ''}** of {answer.candidates:,} tiles"
    proposed = "" if answer.method == "exact" else ", of the likeliest that the index found"
    st.markdown(f"{counted}{proposed}", help=f"{words.LISTED} {words.RELEVANCE} {words.COSINE}")
    with st.container(key=frame.CONTROLS, horizontal=True, vertical_alignment="top"):
        st.selectbox("Sort by", list(_ORDERS), **held("sort"), format_func=_ORDERS.__getitem__, help=words.ORDER)
        if listed.places.scores.rated or value("min"):
            least = held("min")
            st.slider("Least relevance", 0.0, 1.0, step=0.05, **least, help=f"{words.MINIMUM} {words.RELEVANCE}")


def cards_of(shown: Shown, listed: ShownList, *, votes: bool = True) -> CardList:
    """A list as the component shows it."""
    marked = listed.places.votes
    return CardList(
        name=listed.name,
        total=len(listed.places.rows),
        first=[
            card(shown.name, hit, hit.rank, marked.get(hit.tile_id, 0), pictured=shown.pictures)
            for hit in listed.found.answer.hits
        ],
        page=PAGE,
        url=own(f"/shown/lists/{listed.name}/places.json"),
        help=words.RELEVANCE,
        votes=votes,
    )


def _not_now(found: Found, likeliest: Likeliest) -> None:
    """Say that it is there at another time, and ask for that time."""
    note = say_not_now(likeliest).removeprefix("not now: ")
    st.info(f"**Not now.** {note[0].upper()}{note[1:]}.", icon=":material/schedule:")
    st.button(
        f"Ask for {MONTHS[likeliest.month - 1]}, {likeliest.hour:02d}:00", on_click=change, key="take likeliest",
        kwargs={"month": likeliest.month, "hour": likeliest.hour},
    )  # fmt: skip
    more = (found.answer.note or "").replace(say_not_now(likeliest), "").strip("; ")
    if more:
        st.caption(told(more))


def _nothing(found: Found) -> None:
    """Say that nothing there looks like the question, with the nearest candidate."""
    note = found.answer.note or "nothing here looks like it"
    rest = note.removeprefix("nothing here: ")
    if rest.startswith("nothing here "):  # a sentence of its own
        said = f"**Nothing here** {in_passing(rest.removeprefix('nothing here '))}."
    else:
        said = f"**Nothing here.** {told(rest[0].upper() + rest[1:])}."
    st.warning(said, icon=":material/search_off:")
    near = found.nearest
    if near is not None and not found.answer.hits:
        st.button(
            f"Show the nearest candidate: {pieces.as_words(title_of(near.near, near.lat, near.lon))}, "
            f"relevance {say_relevance(near.relevance)}",
            on_click=change, kwargs={"tile": near.tile_id, "panel": "place"}, key="nearest",
        )  # fmt: skip
    if found.answer.query.get("when") is not None:
        asked = say_when(when_of("month", "hour"))
        st.caption(f"Asked for {asked}; it is not likely at another time either.")


def thumb(tile: str, vote: int) -> None:
    """Keep a thumb in the address."""
    # out of both first: a second click on the other thumb changes the vote
    up, down = ([one for one in value(name) if one != tile] for name in ("up", "down"))
    change(up=[*up, tile] if vote > 0 else up, down=[*down, tile] if vote < 0 else down)
