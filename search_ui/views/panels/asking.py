"""Where a person asks: the box, examples, words with weights, a picture, an area, dates and the least relevance.

It does not know how questions are answered.
"""

import re
from collections.abc import Sequence
from datetime import date

import streamlit as st

from ingest.places.coordinates import parse_coordinates
from search_ui.search.query import NOT_WEIGHT
from search_ui.search.wording import weighted
from search_ui.service.service import Service, Shown
from search_ui.views import pieces, words
from search_ui.views.app_words import told
from search_ui.views.map.search_map import DRAWING
from search_ui.views.state.address import change, held, value
from search_ui.views.state.question import area_of_file, where
from trainer.errors import AreaError, GroundcastError

_SOMEWHERE = re.compile(r"^(?P<what>.{3,}?),?\s+(?:in|near|around|at)\s+(?P<where>[A-ZÀ-Þ].{1,60})$")
_NOTICE = "notice"
_DONE = "done"
_CHOICES = "area choices"  # places of the name that was typed
_AWAY = "area choices away"  # how far each of them is


def notice(text: str) -> None:
    """Say something at the next showing of the page, below what is to be said there already."""
    st.session_state[_NOTICE] = "\n\n".join(filter(None, (st.session_state.get(_NOTICE), text)))


def succeeded(text: str) -> None:
    """Say at the next showing of the page that something was done: in green, where a notice is yellow."""
    st.session_state[_DONE] = text


def typed(key: str) -> str:
    """What stands in a box by now, for a callback.

    The page before may not have known it: what is typed is sent when the box is left, such as by the click on the very
    button that the callback belongs to. So no such button waits, disabled, for a text either.
    """
    return " ".join(str(st.session_state.get(key) or "").split())


def show_notice() -> None:
    """What was to be said, once."""
    if done := st.session_state.pop(_DONE, None):
        st.success(done)
    if noticed := st.session_state.pop(_NOTICE, None):
        st.warning(noticed)


def box(service: Service, names: Sequence[str]) -> Shown:
    """The collection, of those that have tiles, and the question; returns the collection."""
    called = service.aliases.present_name(value("collection"))
    if called != value("collection") and called in names:
        st.info(f"The collection “{pieces.as_words(value('collection'))}” is called “{pieces.as_words(called)}” now.")
        change(collection=called)
    if value("collection") not in names:
        # an empty name is the first visit, not a link to something that is gone
        if value("collection"):
            gone = pieces.as_words(value("collection"))
            st.error(f"There is no collection “{gone}” here any more; this is another one.")
            _another_collection()  # its tiles and labels are not here either
        change(collection=names[0])
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.selectbox(
            "Collection", names, **held("collection"), width=190, on_change=_another_collection,
            label_visibility="collapsed",
        )  # fmt: skip
        shown = service.shown(value("collection"))
        if _is_point(value("q")):  # nobody typed it, for then its tile is open already: it comes from a link
            _go_to_coordinates(service)
        st.text_input(
            "What would one see there?",
            **held("q"),
            placeholder="What would one see there? A crowded beach · a place name · 27.63, 85.52",
            on_change=_go_to_coordinates,
            args=(service,),
            label_visibility="collapsed",
        )
        with st.popover("Picture", icon=":material/image:", width="content"):
            _picture(service)
        with st.popover(_counted("Refine", [*value("plus"), *value("minus")]), icon=":material/tune:", width="content"):
            _refine()
        with st.popover("Area" + (" ✓" if value("area") else ""), icon=":material/crop_free:", width="content"):
            _area(service)
        set_ = [name for name in ("from", "to") if value(name)]
        with st.popover(_counted("Filter", set_), icon=":material/filter_alt:", width="content"):
            _filters()
    return shown


def examples(prompts: Sequence[str]) -> None:
    """Questions that this collection can answer, to be clicked on."""
    if not prompts:
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption("Try:", width="content")
        for prompt in prompts:
            st.button(prompt, key=f"example {prompt}", type="tertiary", on_click=_ask, args=(prompt,))


def asked_chips(service: Service) -> None:
    """What is asked beside the words, each with a button that takes it away."""
    chips: list[tuple[str, dict[str, object]]] = []
    for name, sign in (("plus", "+"), ("minus", "−")):
        for one in value(name):
            text, weight = weighted(one, 1.0 if name == "plus" else NOT_WEIGHT / len(value(name)))
            rest = [other for other in value(name) if other != one]
            chips.append((f"{sign} {text} ×{weight:g}", {name: rest}))
    if value("image"):
        kind = "ground photo" if value("image").startswith("photo:") else "overhead picture"
        chips.append((f"like the {kind}", {"image": ""}))
    if value("like"):
        chips.append((f"like tile {value('like')}", {"like": ""}))
    if value("up") or value("down"):
        thumbs = f"{len(value('up'))} thumbs up, {len(value('down'))} down"
        chips.append((f"steered by {thumbs}", {"up": [], "down": []}))
    if value("area"):
        chips.append((f"only {_said(service)}", {"area": ""}))
    if value("from") or value("to"):
        chips.append((f"imagery {value('from') or '…'} to {value('to') or '…'}", {"from": "", "to": ""}))
    if value("min"):
        chips.append((f"relevance from {value('min'):.2f}", {"min": 0.0}))
    if not chips:
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        for number, (text, without) in enumerate(chips):
            label = f"{pieces.as_words(text[:90])}  ✕"
            st.button(label, key=f"chip {number}", help="Take this away", on_click=change, kwargs=without)


def place_hint(service: Service) -> None:
    """Whether the words name a place, with buttons to search there; nothing is taken for a place unasked."""
    text = " ".join(value("q").split())
    if not text or len(text) > 120 or value("area"):
        return
    found = _SOMEWHERE.match(text)
    what, name = (found["what"], found["where"]) if found else ("", text)
    awaited = service.names_awaited()
    if awaited is not None:
        asked = pieces.as_words(name)
        st.caption(f"Whether “{asked}” is also a place is not known yet: {awaited}. It is taken as words.")
        return
    known = _places(service, name)
    if not known:
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        also = f" So are {pieces.as_words('; '.join(known[1:]))}." if known[1:] else ""
        st.caption(f"“{pieces.as_words(name)}” is also a place: {pieces.as_words(known[0])}.{also}", width="content")
        for number, label in enumerate(known):
            told = f"Search only in {pieces.as_words(label)}" if known[1:] else "Search only there"
            then = {"area": f"place:{label}", "q": what}
            key = f"only there {number}" if number else "only there"
            st.button(told, key=key, type="tertiary", on_click=change, kwargs=then)


@st.cache_data(max_entries=500, show_spinner=False)
def _known_places(_service: Service, name: str, collection: str) -> list[str]:
    return _service.places(name, collection)


def _places(service: Service, name: str) -> list[str]:
    try:
        return _known_places(service, name, value("collection"))
    except GroundcastError:
        return []  # the hint is a convenience; the question stands without it


def _said(service: Service) -> str:
    try:
        return where(service).says
    except GroundcastError:
        return "an area that cannot be found"  # why is told beside it


def _counted(name: str, things: Sequence[object]) -> str:
    return f"{name} ({len(things)})" if things else name


def _ask(prompt: str) -> None:
    change(q=prompt, tile="", panel="places", up=[], down=[])


def _another_collection() -> None:
    change(tile="", like="", up=[], down=[], gallery="", middle="", panel="places", labels="")


def _is_point(text: str) -> bool:
    """Whether it is written as coordinates, even such as cannot be."""
    try:
        return parse_coordinates(text) is not None
    except AreaError:
        return True


def _go_to_coordinates(service: Service) -> None:
    """Coordinates in the box, or a place as hits name theirs, open the tile there; other words are a new question."""
    change(up=[], down=[], panel="places")
    try:
        tile = service.point(value("q"), value("collection"))
        if tile is None:
            return
        change(tile=tile, q="", panel="place")
    except GroundcastError as error:
        change(q="")
        notice(told(error))


def _picture(service: Service) -> None:
    st.markdown("**Find what looks like a picture**")
    kind = st.radio(
        "It shows", ["photo", "overhead"], horizontal=True, key="picture kind",
        format_func={"photo": "the ground, as one sees it", "overhead": "a place from above"}.__getitem__,
    )  # fmt: skip
    number = st.session_state.setdefault("picture number", 0)
    file = st.file_uploader(
        "Drop a picture here",
        ["jpg", "jpeg", "png", "webp", "tif", "tiff"],
        key=f"picture {number}",
        max_upload_size=20,
    )
    if file is not None:
        try:
            service.require_writable()
            change(image=f"{kind}:{service.uploads.keep(file.getvalue())}")
        except GroundcastError as error:
            notice(f"This picture cannot be used. {told(error)}")
        # another key is another, empty uploader: else the same file would be taken again in every run
        st.session_state["picture number"] = number + 1
        st.rerun()


def _refine() -> None:
    for name, title, mark in (("plus", "Also like", "+"), ("minus", "But not like", "−")):
        st.multiselect(
            title, list(value(name)), **held(name), accept_new_options=True, max_selections=8,
            placeholder=f"{mark} words, then Enter", help=words.WEIGHT,
        )  # fmt: skip
        for number, one in enumerate(value(name)):
            text, weight = weighted(one, 1.0 if name == "plus" else round(NOT_WEIGHT / len(value(name)), 2))
            key = f"weight {name} {number}"
            # before the slider is shown: Streamlit lets a widget's value be set until then
            st.session_state[key] = min(max(weight, 0.1), 3.0)
            st.slider(
                f"{mark} {text}", 0.1, 3.0, step=0.05, key=key, on_change=_weigh, args=(name, number, text, key),
                help=words.WEIGHT,
            )  # fmt: skip


def _weigh(name: str, number: int, text: str, key: str) -> None:
    changed = list(value(name))
    changed[number] = f"{text}^{st.session_state[key]:g}"
    change(**{name: changed})


def _area(service: Service) -> None:
    st.markdown("**Search only here**", help=words.AREA)
    if choices := st.session_state.get(_CHOICES):
        st.caption("Several places bear this name. Which one?")
        away = st.session_state.get(_AWAY) or [""] * len(choices)
        for number, (label, far) in enumerate(zip(choices, away, strict=True)):
            st.button(
                f"{label} · {far}" if far else label,
                key=f"area choice {number}",
                on_click=_choose,
                args=(label,),
                width="stretch",
            )
    if value("area"):
        _asked_area(service)
        st.button("Everywhere again", on_click=change, kwargs={"area": ""}, icon=":material/close:")
    st.text_input(
        "Town, country or coordinates", key="area name", placeholder="Banepa, 5 km", on_change=_area_by_name,
        args=(service,), help="A radius may stand behind it, such as “, 5 km”.",
    )  # fmt: skip
    st.button(
        "Draw on the map", icon=":material/draw:", width="stretch", on_click=st.session_state.update,
        kwargs={DRAWING: "area"},
    )  # fmt: skip
    number = st.session_state.setdefault("area number", 0)
    file = st.file_uploader(
        "Or drop a file: GeoJSON or KML", ["geojson", "json", "kml"],
        key=f"area {number}", max_upload_size=5,
    )  # fmt: skip
    if file is not None:
        try:
            change(area=area_of_file(service, file, notice))
        except GroundcastError as error:
            notice(f"This file cannot be used as an area. {told(error)}")
        # an empty uploader again, as for pictures
        st.session_state["area number"] = number + 1
        st.rerun()


def _asked_area(service: Service) -> None:
    try:
        found = where(service)
    except GroundcastError as error:  # a link may name an area that cannot be
        st.caption(told(error))
        return
    st.caption(pieces.as_words(found.says))
    if found.others:
        st.caption(f"Others of that name: {pieces.as_words('; '.join(found.others))}")
    if found.attribution:
        st.caption(found.attribution)


def _area_by_name(service: Service) -> None:
    name = st.session_state["area name"].strip()
    if not name:
        return
    st.session_state[_CHOICES] = ()
    try:
        awaited = service.names_awaited()
        if awaited is not None and parse_coordinates(name) is None:
            notice(f"Names of places cannot be asked for yet: {awaited}. Coordinates can.")
            return
        found = service.place(name, value("collection"))
        # several are offered, and none of them is taken
        st.session_state[_CHOICES], st.session_state[_AWAY] = found.choices, found.away
        if not found.choices:
            change(area=f"place:{name}")
    except AreaError as error:
        notice(told(error))
    st.session_state["area name"] = ""


def _choose(label: str) -> None:
    st.session_state[_CHOICES] = ()
    change(area=f"place:{label}")


def _filters() -> None:
    st.number_input("Number of places at most", 1, 10_000, **held("k"), help=words.LISTED)
    for name, title in (("from", "Imagery taken from"), ("to", "Imagery taken until")):
        key = f"date {name}"
        st.session_state[key] = _date(value(name))
        st.date_input(
            title, key=key, min_value=date(1900, 1, 1), max_value=date(2100, 12, 31), on_change=_dated,
            args=(name, key), help=words.DATES,
        )  # fmt: skip


def _dated(name: str, key: str) -> None:
    chosen = st.session_state[key]
    change(**{name: chosen.isoformat() if chosen else ""})


def _date(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
