"""The search page: the question above, the map and its moment on the left, the answer or one place on the right."""

from collections.abc import Mapping

import shapely
import streamlit as st
from shapely.geometry.base import BaseGeometry

from search_ui.search.feedback import Feedback
from search_ui.search.query import Query
from search_ui.service.service import Found, Service, Shown
from search_ui.views import pieces, words
from search_ui.views.map.backdrop import bounds_of, style_of, tiles_url
from search_ui.views.map.deck import Drawn, show
from search_ui.views.map.heat import Bounds, HeatPicture, heats
from search_ui.views.map.moment_bar import moment_bar
from search_ui.views.panels.answer import answer_list
from search_ui.views.panels.asking import asked_chips, box, examples, notice, place_hint, show_notice
from search_ui.views.panels.in_time import show_in_time
from search_ui.views.panels.keeping import exports
from search_ui.views.panels.place import drawer
from search_ui.views.panels.prompts import prompts_of
from search_ui.views.panels.saved import saved_searches, whats_new
from search_ui.views.state import address
from search_ui.views.state.address import VIEWS, change, value
from search_ui.views.state.question import query_of, say_when, shown_value, where
from trainer.errors import GroundcastError

_CLICKABLE = 30_000  # tiles; more outlines than that make a browser slow
_NEAR_ZOOM = 13.0
_VIEW_NAMES = {view: view.capitalize() for view in VIEWS} | {"two moments": "Compare", "best moment": "Best time"}


def search_page(service: Service, tiles: Mapping[str, int]) -> None:
    """Show the page and keep its state in the address.

    Args:
        service: Answers.
        tiles: How many tiles can be searched, by the name of their collection.
    """
    address.load()
    collection = box(service, tiles)
    try:
        _page(service, collection)
    except GroundcastError as error:
        st.error(str(error))
    address.store()


def _page(service: Service, shown: Shown) -> None:
    _drop_lost_tile(service, shown)
    show_notice()
    whats_new(service)
    asked_chips(service)
    query = query_of(service)
    said = Feedback(tuple(value("up")), tuple(value("down")))
    # its place on the page, above the map; filled last
    prompts = st.container()
    place_hint(service)
    found = None if query is None else service.search(shown.name, query, said)
    # two moments of photos side by side need room
    wide = bool(value("tile")) and st.session_state.get("beside")
    left, right = st.columns([1, 1.1] if wide else [1.45, 1], gap="medium")
    with left:
        _views(service, shown, query, found, said)
        if query is not None and value("view") not in ("map", None):
            show_in_time(service, shown, query)
        else:
            opened = _map(service, shown, query, found, said)
            if opened and opened != value("tile"):
                change(tile=opened)
                st.rerun()
        imagery = shown.attribution and f"Imagery: {shown.attribution}"
        pieces.credit(imagery, "Names of places: GeoNames, CC BY 4.0", f"Model: {shown.model or shown.model_id}")
    with right:
        if value("tile"):
            drawer(service, shown, query, said)
        elif found is not None:
            opened = answer_list(shown, found)
            if opened:
                change(tile=opened)
                st.session_state.pop("focus", None)  # to the tile, which may be of the list before this one
                st.rerun()
        else:
            _welcome(shown)
    if query is None:
        with prompts:  # last, because what they are is found out when they are first shown
            examples(prompts_of(service, shown))


def _drop_lost_tile(service: Service, shown: Shown) -> None:
    """A link may name a tile that is not here: say so once, and go on without it."""
    try:
        if value("tile"):
            service.tile(shown.name, value("tile"))
    except GroundcastError as error:
        notice(str(error))
        change(tile="")


def _views(service: Service, shown: Shown, query: Query | None, found: Found | None, said: Feedback) -> None:
    """Which view of the answer is shown, and what can be done with it."""
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute", gap="xsmall"):
        st.segmented_control(
            "View", VIEWS, key="view", format_func=_VIEW_NAMES.__getitem__, required=True, disabled=query is None,
            label_visibility="collapsed", width="content",
        )  # fmt: skip
        with st.popover("Show", icon=":material/layers:", width="content"):
            st.radio(
                "Colours show", ["relevance", "cosine", "nothing"], key="show",
                help=f"{words.RELEVANCE} {words.COSINE}",
            )  # fmt: skip
            st.slider("Opacity of the colours, %", 0, 100, step=5, key="opacity")
            st.radio(
                "Under the imagery", ["imagery", "OpenStreetMap"], key="base",
                format_func={"imagery": "nothing", "OpenStreetMap": "OpenStreetMap, from the internet"}.__getitem__,
                help="Nothing is loaded from the internet unless you choose so here.",
            )  # fmt: skip
            st.number_input("Year of the moments", 0, 9999, key="year", help="0: this year.")
        if query is not None and found is not None:
            exports(service, shown, query, found, said)
        saved_searches(service, shown)


def _map(service: Service, shown: Shown, query: Query | None, found: Found | None, said: Feedback) -> str | None:
    """The map with its legend and its moment; returns a tile that was clicked on just now."""
    heat: HeatPicture | None = None
    if query is not None and value("show") != "nothing":
        drawn = heats(service, shown.name, query, [query.when], shown_value(), said)
        heat = drawn[0] if drawn else None
    tile, area = value("tile"), where(service).area
    clickable = shown.tiles <= _CLICKABLE
    opened = show(
        Drawn(
            style=style_of(shown),
            bounds=_seen(shown, area),
            tiles=tiles_url(shown.name, service.version(shown.name)) if clickable else None,
            picture=None if heat is None else (heat.url, heat.bounds),
            opacity=value("opacity") / 100,
            hits=() if found is None else found.answer.hits,
            chosen=(tile, service.tile(shown.name, tile).footprint) if tile else None,
            area=area,
        ),
        focus=_focus(service, shown),
        key=f"map {shown.name}",
        alt=_said(query),
    )
    if heat is not None:
        pieces.legend(heat.scale, heat.clear)
    moment_bar(shown, "month", "hour")
    if not clickable:
        st.caption(f"More than {_CLICKABLE:,} tiles: click on a number, or give coordinates in the box.")
    return opened


def _seen(shown: Shown, area: BaseGeometry | None) -> Bounds:
    """What the map shows at first: the collection, or of it the area that is searched."""
    whole = bounds_of(shown)
    both = None if area is None else shapely.intersection(area, shapely.box(*whole))
    return whole if both is None or both.is_empty else tuple(shapely.bounds(both).tolist())


def _focus(service: Service, shown: Shown) -> tuple[float, float, float] | None:
    """Where the map was moved to: to the hit that was chosen, or to the tile that a link names."""
    if "focus" not in st.session_state:
        place = service.tile(shown.name, value("tile")).footprint if value("tile") else None
        change(focus=None if place is None else (place.lat, place.lon, _NEAR_ZOOM))
    chosen: tuple[float, float, float] | None = st.session_state["focus"]
    return chosen


def _said(query: Query | None) -> str:
    if query is None:
        return "Map of the collection's imagery; click on a tile to see what one would see there"
    return f"Map of {value('show')} for the question at {say_when(query.when)}, with the hits numbered"


def _welcome(shown: Shown) -> None:
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
