"""The search page: the question above, the map and its moment on the left, a panel on the right."""

from collections.abc import Sequence
from functools import partial

import streamlit as st

from ingest.catalog.labels import LabelSet
from search_ui.components.map_view import TouchedMap
from search_ui.search.feedback import Feedback
from search_ui.search.query import Query
from search_ui.search.series import this_year
from search_ui.service.place_list import Listed
from search_ui.service.place_lists import ShownList
from search_ui.service.service import Service, Shown
from search_ui.views import frame, pieces, words
from search_ui.views.app_words import told
from search_ui.views.map.moment_bar import moment_bar
from search_ui.views.map.search_map import DRAWING, NOTHING_PAINTED, middle, search_map, tile_clicked
from search_ui.views.panels.answer import answer_list, thumb
from search_ui.views.panels.asking import asked_chips, box, examples, notice, place_hint, show_notice
from search_ui.views.panels.in_time import TWO, in_time, probability
from search_ui.views.panels.keeping import export_panel
from search_ui.views.panels.labels import arrived, labels_panel, marks, shape_drawn, voted
from search_ui.views.panels.place import place_panel
from search_ui.views.panels.prompts import prompts_of
from search_ui.views.panels.saved import saved_searches, whats_new
from search_ui.views.panels.when import when_panel
from search_ui.views.state import address
from search_ui.views.state.address import PANELS, VIEWS, change, held, set_second_moment, value
from search_ui.views.state.labelled import label_set, said_of
from search_ui.views.state.question import area_of_ring, query_of
from trainer.errors import GroundcastError

_Place = st.delta_generator.DeltaGenerator
_OPENED = "opened"
_VIEW_NAMES = {view: view.capitalize() for view in VIEWS} | {"two moments": "Compare", "best moment": "Best time"}


def search_page(service: Service, names: Sequence[str]) -> None:
    """Show the page and keep its state in the address.

    Args:
        service: Answers.
        names: Of the collections that can be searched.
    """
    for one in address.load():
        notice(f"“{pieces.as_words(one[:60])}” of this link cannot be: it is left out.")
    arrived()
    if opened := st.session_state.pop(_OPENED, None):  # before the panels' own control is shown, which it moves
        # who labels goes on labelling
        change(tile=opened, panel="labels" if value("panel") == "labels" else "place")
    st.html(frame.style())
    with st.container(key=frame.ASK):
        collection = box(service, names)
    # always there, so that what lies below keeps its place, and the map with it
    asked = st.container(key=frame.ASKED)
    told_once = st.container(key=frame.TOLD)  # lies over the page, which stays where it is
    body = st.container(key=frame.FRAME)
    try:
        _page(service, collection, asked, told_once, body)
    except GroundcastError as error:
        asked.error(told(error))
    address.store()


def _page(service: Service, shown: Shown, asked: _Place, told_once: _Place, body: _Place) -> None:
    _drop_lost_tile(service, shown)
    _drop_lost_overlay(service)
    labels = label_set(service, shown, notice)
    if value("view") in TWO or value("beside"):
        set_second_moment()
    with told_once:
        show_notice()
    with asked:
        asked_chips(service)
        place_hint(service)
    said = said_of(service, labels)
    with asked:
        query, listed = _asked(service, shown, said)
    with told_once:
        whats_new(service, query, labels)
    address.store()  # not only at the end: the sentence of a place takes longer than people look
    with body:
        with st.container(key=frame.LEFT):
            touched = _left(service, shown, query, listed, said, labels)
        with st.container(key=frame.RIGHT):
            _right(service, shown, query, listed, said, labels)
    _heed(service, shown, touched, labels)
    if query is None and not value("q").strip():
        with asked:  # last, because what they are is found out when they are first shown
            examples(prompts_of(service, shown))


def _asked(service: Service, shown: Shown, said: Feedback) -> tuple[Query | None, ShownList | None]:
    """The question and its places; where it cannot be understood that is told, and map and panels stay."""
    try:
        query = query_of(service)
        return query, None if query is None else service.place_lists.show(shown.name, query, listed_of(query), said)
    except GroundcastError as error:
        st.error(told(error))
        return None, None


def listed_of(query: Query) -> Listed:
    """What the list beside the map holds."""
    near = middle() if value("sort") == "distance" else None
    return Listed(order=value("sort"), near=near, k=query.k, least=query.min_relevance, apart=query.distinct)


def _drop_lost_tile(service: Service, shown: Shown) -> None:
    """A link may name a tile that is not here: say so once, and go on without it."""
    try:
        if value("tile"):
            service.tile(shown.name, value("tile"))
    except GroundcastError as error:
        notice(told(error))
        change(tile="", panel="places" if value("panel") == "place" else value("panel"))


def _drop_lost_overlay(service: Service) -> None:
    """A link may name outlines that are not here: say so once, and go on without them."""
    try:
        if value("overlay"):
            service.overlays.find(value("overlay"))
    except GroundcastError as error:
        notice(told(error))
        change(overlay="")


def _left(
    service: Service,
    shown: Shown,
    query: Query | None,
    listed: ShownList | None,
    said: Feedback,
    labels: LabelSet | None,
) -> TouchedMap:
    """Views, map and moments."""
    _views(service, shown, query, labels)
    asked = query is not None and listed is not None and bool(listed.found.answer.candidates)
    painted = in_time(service, shown, query, said) if query is not None and asked else NOTHING_PAINTED
    if labels is not None and value("show") == "probability" and value("view") == "map":
        painted = probability(service, shown, labels)
    outlines = marks(service, labels) if labels is not None and value("panel") == "labels" else None
    with st.container(key=frame.MAP):
        touched = search_map(service, shown, painted, listed, outlines)
    with st.container(key=frame.MOMENTS):
        moment_bar(shown, two=query is not None and value("view") in TWO)
    if painted.note:
        st.caption(told(painted.note))
    return touched


def _views(service: Service, shown: Shown, query: Query | None, labels: LabelSet | None) -> None:
    """Which view of the answer is shown, and what can be done with it."""
    with st.container(key=frame.VIEWS, horizontal=True, vertical_alignment="center"):
        st.segmented_control(
            "View", VIEWS, **held("view"), format_func=_VIEW_NAMES.__getitem__, required=True, disabled=query is None,
            label_visibility="collapsed", width="content",
        )  # fmt: skip
        match value("view"):
            case "two moments":
                _choice("How two moments lie", "side", {"swipe": "One over the other", "beside": "Side by side"})
            case "film":
                _choice("Play over", "over", {"months": "Months", "hours": "Hours"})
            case "best moment":
                _choice("Show the best", "best", {"month": "Month", "hour": "Hour"})
        with st.popover("Show", icon=":material/layers:", width="content"):
            st.radio(
                "Colours show", ["relevance", "cosine", *(["probability"] if labels else []), "nothing"],
                **held("show"), help=f"{words.RELEVANCE} {words.COSINE}",
            )  # fmt: skip
            st.slider("Opacity of the colours, %", 0, 100, step=5, **held("opacity"))
            _ground(service)
            st.number_input(
                "Year of month and hour", 1, 9999, **held("year"), placeholder=f"this year, {this_year()}",
                help="The sun stands nearly the same in every year.",
            )  # fmt: skip
            _overlay(service)
        saved_searches(service, shown, query, labels)


def _ground(service: Service) -> None:
    """What else is drawn of the ground."""
    online = {"OpenStreetMap": "OpenStreetMap under the imagery, from the internet"}
    nothing = "nothing but the imagery"
    file = {"imagery": "names, roads and borders", "plain": nothing}
    names = (file if service.settings.basemap else {"imagery": nothing}) | online
    if value("base") not in names:
        change(base="imagery")
    st.radio(
        "Map", list(names), **held("base"), format_func=names.__getitem__,
        help="Nothing is loaded from the internet unless you choose so here.",
    )  # fmt: skip


def _overlay(service: Service) -> None:
    """Outlines of one's own over the map."""
    if value("overlay"):
        st.button("Take your outlines away", icon=":material/close:", on_click=change, kwargs={"overlay": ""})
        return
    number = st.session_state.setdefault("overlay number", 0)
    file = st.file_uploader(
        "Your own outlines: GeoJSON", ["geojson", "json"], key=f"overlay {number}", max_upload_size=10
    )
    if file is not None:
        try:
            service.require_writable()
            change(overlay=service.overlays.keep(file.getvalue()))
        except GroundcastError as error:
            notice(f"This file cannot be laid over the map. {told(error)}")
        # an empty uploader again: else the same file would be taken in every run
        st.session_state["overlay number"] = number + 1
        st.rerun()


def _choice(label: str, key: str, names: dict[str, str]) -> None:
    st.segmented_control(
        label, list(names), **held(key), format_func=names.__getitem__, required=True, label_visibility="collapsed",
        width="content",
    )  # fmt: skip


def _right(
    service: Service,
    shown: Shown,
    query: Query | None,
    listed: ShownList | None,
    said: Feedback,
    labels: LabelSet | None,
) -> None:
    """The panels, one of them open."""
    _choice("Panel", "panel", {panel: panel.capitalize() for panel in PANELS})
    with st.container(key=frame.PANEL):
        match value("panel"):
            case "place":
                place_panel(service, shown, query, said)
            case "when":
                when_panel(service, shown, query, said)
            case "labels":
                labels_panel(service, shown, labels, listed)
            case "export":
                export_panel(service, shown, query, listed, said)
            case _ if listed is None:
                _welcome(shown)
            case _:
                opened = answer_list(shown, listed, thumb if labels is None else partial(voted, service, labels))
                if opened:
                    _open(opened)


def _heed(service: Service, shown: Shown, touched: TouchedMap, labels: LabelSet | None) -> None:
    """Do what was done with the map."""
    if touched.drawn is not None:
        drawn_for = st.session_state.pop(DRAWING, None)
        if touched.drawn and drawn_for == "area":
            change(area=area_of_ring(touched.drawn))
        if touched.drawn and drawn_for == "labels":
            shape_drawn(service, labels, touched.drawn)
        st.rerun()
    if touched.middle is not None and value("sort") == "distance":
        told = f"{touched.middle[0]:.4f},{touched.middle[1]:.4f}"
        if told != value("middle"):
            change(middle=told)
            st.rerun()
    opened = tile_clicked(service, shown, touched)
    if opened:
        _open(opened)


def _open(tile: str) -> None:
    st.session_state[_OPENED] = tile
    st.rerun()


def _welcome(shown: Shown) -> None:
    if not shown.words:
        st.markdown("#### Search the map by its own tiles")
        st.markdown(
            f"The vectors here were brought, and what made them, {pieces.as_words(shown.model or 'a model')}, is not "
            "here: words and pictures mean nothing to them.\n\n"
            "Click on any tile and choose **Similar places**, or label some tiles and learn from them."
        )
        return
    st.markdown("#### Search the map by what you would see there")
    st.markdown(
        "Type a scene, as somebody standing there would describe it, or take one of the examples. "
        "Every tile then gets a colour, and the best ones a number.\n\n"
        "Move **Month** and **Hour** to ask for a season and a time of day. "
        "Click on any tile to see the ground photos most like it."
    )
    model = f"model {shown.model}" if shown.model else "its model is not here"
    st.caption(
        f"Collection {shown.name}: {shown.tiles:,} tiles of {shown.tile_m:g} m, {model}"
        + (", which knows month and hour." if shown.knows_time else ", which knows no time.")
    )
