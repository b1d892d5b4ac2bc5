"""Saved searches: the question on the page under a name, asked again later, with what has come since.

It does not know where they are kept: `search_ui.service.service` does.
"""

from typing import Any

import shapely
import streamlit as st

from ingest.catalog.labels import LabelSet
from ingest.catalog.saved_searches import MAX_NAME_CHARS, SavedSearch
from search_ui.components.base_path import own
from search_ui.search.query import Query
from search_ui.search.relevance.calibration import say_relevance
from search_ui.service.answers import PAGE
from search_ui.service.service import Service, Shown
from search_ui.views import pieces
from search_ui.views.app_words import told
from search_ui.views.panels.asking import notice, succeeded, typed
from search_ui.views.state.address import FIELDS, change, fitting, value
from search_ui.views.state.labelled import said_of, steers
from search_ui.views.state.question import question, where
from trainer.errors import GroundcastError

_REPLAYED = "replayed"


def saved_searches(service: Service, shown: Shown, query: Query | None, labels: LabelSet | None) -> None:
    """A button that opens them.

    Args:
        service: Keeps them.
        shown: The collection.
        query: What could be saved; None: nothing is asked.
        labels: The set of the page.
    """
    with st.popover("Saved", icon=":material/bookmark:", width="content"):
        if not service.read_only and query is not None:
            st.text_input("Save this search as", key="save name", max_chars=MAX_NAME_CHARS)
            st.button("Save", key="save", on_click=_save, args=(service, shown, labels))
        every = service.saved_searches.all()
        for saved in every:
            with st.container(horizontal=True, vertical_alignment="center"):
                help_ = (
                    f"Collection {pieces.as_words(saved.collection)}, last asked {saved.asked_at:%Y-%m-%d %H:%M} UTC"
                )
                st.button(
                    pieces.as_words(saved.name), key=f"again {saved.id}", help=help_, on_click=_again,
                    args=(service, saved), icon=":material/replay:", width="stretch",
                )  # fmt: skip
                st.link_button(
                    "", own(f"/api/searches/{saved.id}/feed.xml"), icon=":material/rss_feed:", width="content",
                    help="What it finds in new imagery, as a feed for a feed reader",
                )  # fmt: skip
                if not service.read_only:
                    st.button(
                        "", key=f"forget {saved.id}", icon=":material/delete:", on_click=_forget,
                        args=(service, saved), help=f"Delete “{pieces.as_words(saved.name)}”", width="content",
                    )  # fmt: skip
        if not every:
            st.caption("No saved search yet. One that is saved tells later what new imagery has brought.")


def whats_new(service: Service, query: Query | None, labels: LabelSet | None) -> None:
    """What came since a saved search was last asked, once after it was asked again."""
    search_id = st.session_state.pop(_REPLAYED, None)
    if search_id is None or query is None:
        return
    replay = service.replay(search_id, query, said_of(service, labels))
    since = f"{replay.saved.asked_at:%Y-%m-%d %H:%M} UTC"
    if not replay.new_tiles:
        st.info(f"“{pieces.as_words(replay.saved.name)}”: no new imagery since {since}.")
        return
    best = replay.new_hits[0] if replay.new_hits else None
    told = f" The best of them has relevance {say_relevance(best.relevance)} ({best.grade})." if best else ""
    st.success(f"“{pieces.as_words(replay.saved.name)}”: {replay.new_tiles:,} new tiles since {since}.{told}")


def _save(service: Service, shown: Shown, labels: LabelSet | None) -> None:
    name = typed("save name")
    if not name:
        notice("Type a name for the search first.")
        return
    try:
        service.save(name, shown.name, question() | _beyond_words(service, labels) | {PAGE: _page()})
    except GroundcastError as error:
        notice(told(error))
        return
    st.session_state["save name"] = ""
    succeeded(f"Saved as “{pieces.as_words(name)}”.")


def _beyond_words(service: Service, labels: LabelSet | None) -> dict[str, Any]:
    """What else decides what is found: outlines that were drawn or brought, and labels in place of thumbs."""
    said: dict[str, Any] = {}
    if value("area").startswith(("wkt:", "file:")):
        said["wkt"] = shapely.to_wkt(where(service).area, rounding_precision=5)
    if labels is not None:
        said |= {"liked": [], "disliked": []} | ({"labels": labels.id} if steers(labels) else {})
    return said


def _page() -> dict[str, Any]:
    return {name: value(name) for name, field in FIELDS.items() if value(name) != field.default and name != "tile"}


def _again(service: Service, saved: SavedSearch) -> None:
    state = saved.question.get(PAGE) or {"q": saved.question.get("q", "")}
    known = fitting(state)
    if saved.collection not in service.searchable():
        asked = pieces.as_words(saved.name)
        notice(f"“{asked}” was asked of collection {saved.collection!r}, which is not here any more.")
        return
    change(**{name: field.default for name, field in FIELDS.items()})
    change(**(known | {"collection": saved.collection}))
    st.session_state[_REPLAYED] = saved.id


def _forget(service: Service, saved: SavedSearch) -> None:
    try:
        service.forget(saved.id)
    except GroundcastError as error:
        notice(told(error))
