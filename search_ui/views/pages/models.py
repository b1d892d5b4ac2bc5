"""The same question to two collections, such as the same imagery seen by two models, side by side."""

import streamlit as st

from search_ui.components.base_path import own
from search_ui.components.hit_list import hit_list
from search_ui.components.map_view import HeatOnMap, MapData, show_map
from search_ui.search.feedback import NOTHING_SAID
from search_ui.search.query import Part, Query
from search_ui.service.place_list import Listed
from search_ui.service.service import Service, Shown
from search_ui.views import words
from search_ui.views.map.backdrop import ground_of
from search_ui.views.map.heat import heats
from search_ui.views.panels.answer import cards_of
from search_ui.views.panels.prompts import prompts_of

_K = 6


def models_page(service: Service, shown: list[Shown]) -> None:
    """Show the page."""
    st.title("Models side by side")
    if len(shown) < 2:
        st.info(
            "This needs two collections: bring the same imagery in once more under another name with another model, "
            "on the page “Collections”. Searching the first goes on meanwhile."
        )
        return
    names = [one.name for one in shown]
    first, second, text = st.columns([1, 1, 2])
    chosen = [
        first.selectbox("One", names, key="first model", format_func=lambda name: _titled(shown, name)),
        second.selectbox(
            "The other", names, index=1, key="second model", format_func=lambda name: _titled(shown, name)
        ),
    ]
    asked = text.text_input("What would one see there?", key="both asked", value=prompts_of(service, shown[0])[0])
    if not asked.strip():
        return
    query = Query(parts=(Part("text", asked),), k=_K)
    for column, name, side in zip(st.columns(2), chosen, ("first", "second"), strict=True):
        one = next(one for one in shown if one.name == name)
        with column:
            _side(service, one, query, side)
    st.caption(words.RELEVANCE)


def _side(service: Service, one: Shown, query: Query, side: str) -> None:
    listed = service.place_lists.show(one.name, query, Listed(k=_K), NOTHING_SAID)
    drawn = heats(service, one.name, query, [None], "relevance")[0]
    layer = HeatOnMap(drawn.tiles, one.model or one.name)
    pins, at = (own(f"/shown/lists/{listed.name}/{file}.json") for file in ("pins", "at"))
    data = MapData(
        name=f"{side} {one.name}", label=f"Map of relevance by model {one.model}", **ground_of(one),
        frames=[[layer]], legend=drawn.legend, pins=pins, at=at,
    )  # fmt: skip
    show_map(data, key=f"side {side} {one.name}", height=340)
    if listed.found.nothing:
        st.warning("Nothing here looks like it; these are the nearest.")
    hit_list(cards_of(one, listed, votes=False), chosen=None, key=f"hits {side}", height="content")


def _titled(shown: list[Shown], name: str) -> str:
    one = next(one for one in shown if one.name == name)
    return f"{name} · model {one.model}" if one.model else f"{name} · its model is not here"
