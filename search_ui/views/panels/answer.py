"""The answer as a list beside the map: what was found, how sure it is, and the cards.

It does not know how the map shows it.
"""

import re
from collections.abc import Sequence

import streamlit as st

from search_ui.components.hit_list import Card, hit_list
from search_ui.maps.scales import MONTHS
from search_ui.search.likeliest import Likeliest, say_not_now
from search_ui.search.query import Hit
from search_ui.service.service import Found, Shown
from search_ui.views import words
from search_ui.views.map.backdrop import chip_url
from search_ui.views.state.address import change, value
from search_ui.views.state.question import say_when, when_of

_AWAY = re.compile(r"([\d,.]+) km ")
_FAR_KM = 100.0


def answer_list(shown: Shown, found: Found) -> str | None:
    """Show the answer; returns the id of a tile that was opened just now."""
    answer = found.answer
    hits = answer.hits
    if answer.not_now is not None:
        _not_now(found, answer.not_now)
    elif found.nothing:
        _nothing(found)
    elif answer.note:
        st.info(answer.note)
    counted = f"**{len(hits)} place{'s' if len(hits) != 1 else ''}** of {answer.candidates:,} tiles"
    st.markdown(f"{counted} · {answer.method}", help=f"{words.RELEVANCE} {words.COSINE}")
    touched = hit_list(
        cards(shown, hits), chosen=value("tile") or None, help_text=words.RELEVANCE, votes=True, key="hits"
    )
    if touched.voted is not None:
        _vote(*touched.voted)
        st.rerun()
    return touched.chosen


def cards(shown: Shown, hits: Sequence[Hit]) -> list[Card]:
    """Hits as cards."""
    votes = dict.fromkeys(value("up"), 1) | dict.fromkeys(value("down"), -1)
    return [
        Card(
            id=hit.tile_id,
            rank=hit.rank,
            title=title_of(hit.near, hit.lat, hit.lon),
            place=_place_line(hit),
            grade=hit.grade,
            relevance=f"{hit.relevance:.2f}",
            cosine=f"{hit.cosine:.3f}",
            image=chip_url(shown.name, hit.tile_id, 144),
            alt=f"The tile from above, {hit.size_m:.0f} m wide",
            vote=votes.get(hit.tile_id, 0),
            says="not now" if hit.not_now else "",
        )
        for hit in hits
    ]


def title_of(near: str | None, lat: float, lon: float) -> str:
    """What to call a place: the nearest named one if that is near enough to say something, else its coordinates."""
    away = _AWAY.match(near or "")
    far = away is not None and float(away[1].replace(",", "")) > _FAR_KM
    return near if near and not far else say_place(lat, lon)


def say_place(lat: float, lon: float) -> str:
    """Degrees with letters."""
    return f"{abs(lat):.4f}° {'N' if lat >= 0 else 'S'}, {abs(lon):.4f}° {'E' if lon >= 0 else 'W'}"


def _place_line(hit: Hit) -> str:
    """What the title does not say."""
    where = say_place(hit.lat, hit.lon)
    said = hit.near if title_of(hit.near, hit.lat, hit.lon) == where else where
    then = f"likeliest {hit.likeliest}, then {hit.place:.2f}" if hit.not_now else None
    return " · ".join(filter(None, (then, say_taken(hit), said)))


def say_taken(hit: Hit) -> str:
    """When the imagery was taken."""
    return f"imagery of {hit.acquired_at:%Y-%m-%d}" if hit.acquired_at else "imagery without a date"


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
        st.caption(more)


def _nothing(found: Found) -> None:
    """Say that nothing there looks like the question, with the nearest candidate."""
    note = (found.answer.note or "nothing here looks like it").removeprefix("nothing here: ")
    st.warning(f"**Nothing here.** {note[0].upper()}{note[1:]}.", icon=":material/search_off:")
    near = found.nearest
    if near is not None and not found.answer.hits:
        st.button(
            f"Show the nearest candidate: {title_of(near.near, near.lat, near.lon)}, relevance {near.relevance:.2f}",
            on_click=change, kwargs={"tile": near.tile_id}, key="nearest",
        )  # fmt: skip
    if found.answer.query.get("when") is not None:
        asked = say_when(when_of("month", "hour"))
        st.caption(f"Asked for {asked}; it is not likely at another time either.")


def _vote(tile: str, vote: int) -> None:
    # out of both first: a second click on the other thumb changes the vote
    up, down = ([one for one in value(name) if one != tile] for name in ("up", "down"))
    change(up=[*up, tile] if vote > 0 else up, down=[*down, tile] if vote < 0 else down)
