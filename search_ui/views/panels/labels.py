"""Labels: places called yes, no or unsure, one by one, by key, or by a shape on the map; and what follows from them.

It does not know where they are kept: `search_ui.service.labelling` does.
"""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import streamlit as st

from ingest.catalog.labels import MAX_NAME_CHARS, VERDICTS, Label, LabelSet, Verdict
from ingest.geo.geometry import Footprint
from search_ui.components.verdicts import PlaceToLabel, Press, verdicts
from search_ui.labels.tables import MEDIA
from search_ui.service.place_list import title_of
from search_ui.service.place_lists import ShownList
from search_ui.service.service import Service, Shown
from search_ui.views import pieces, words
from search_ui.views.app_words import told
from search_ui.views.map.backdrop import chip_url
from search_ui.views.map.search_map import DRAWING
from search_ui.views.panels.asking import notice, succeeded, typed
from search_ui.views.panels.learnt import learnt_panel
from search_ui.views.state import labelled
from search_ui.views.state.address import change, held, value
from search_ui.views.state.question import shape_of_ring
from trainer.errors import GroundcastError

COLOURS: dict[Verdict, str] = {"yes": "#1E90FF", "no": "#F5F5F5", "unsure": "#8C8C8C"}
"""Of the outlines on the map; none of them is a colour of heat."""
SHAPE = "shape says"
"""Of the session: what a shape that is drawn says of its tiles."""
_KEPT = "verdicts kept"
"""Of the session: the number of the last press that was heeded."""
_AHEAD = 10  # places that somebody may label before the page has caught up
_NEW = "a new set"
_NAME, _OTHER_NAME = "new set", "rename set"
_MOST_MARKS = 2_000
_CHIP_PX = 384


def labels_panel(service: Service, shown: Shown, found: LabelSet | None, listed: ShownList | None) -> None:
    """Choose or make a set, label, and see what is learnt.

    Args:
        service: Keeps the labels, and learns from them.
        shown: The collection.
        found: The set of the page; None: none is chosen.
        listed: The places of the question; None: nothing is asked.
    """
    _choose(service, shown, found)
    if found is None:
        return
    counted = (
        f':color[◼]{{foreground="{COLOURS[verdict]}" background="#22282c"}} **{found.counts[verdict]:,}** {verdict}'
        for verdict in VERDICTS
    )
    st.markdown(" · ".join(counted), help=words.LABELS)
    if not labelled.steers(found):
        asked = pieces.as_words(str(found.question.get("q", "another question")))
        st.caption(f"This set began from “{asked}”, so it does not order the places of the question above.")
    if service.read_only:
        st.caption("Labels can be looked at here, not given.")
    else:
        _label(service, shown, found, listed)
        _shape()
        _undo(service, found)
    learnt_panel(service, shown, found)
    _keeping(service, shown, found)


def _choose(service: Service, shown: Shown, found: LabelSet | None) -> None:
    sets = {one.id: one for one in service.labelling.sets.all(shown.name)}
    if sets:
        # the browser tells an option by its text: one that counted the labels would be another after each of them
        st.selectbox(
            "Set of labels", ["", *sets], **held("labels"),
            format_func=lambda one: sets[one].name if one in sets else "– none –",
        )  # fmt: skip
    if service.read_only or found is not None:
        if not sets:
            st.caption("No set of labels is here.")
        return
    thumbs = len(value("up")) + len(value("down"))
    st.markdown(
        "Say **yes** or **no** to places: a no leaves the list, and from "
        "some of each a classifier learns what you mean, for every tile of the map.",
    )
    st.text_input("Name", key=_NAME, max_chars=MAX_NAME_CHARS, placeholder=_new_name())
    told = "Begin a set" if not thumbs else f"Begin a set with your {thumbs} thumbs"
    st.button(
        told, key="begin set", icon=":material/add:", type="primary", on_click=_begin, args=(service, shown),
    )  # fmt: skip
    _bring(service, shown)


def _new_name() -> str:
    return value("q").strip()[:MAX_NAME_CHARS] or _NEW


def _begin(service: Service, shown: Shown) -> None:
    taken = {one.name for one in service.labelling.sets.all(shown.name)}
    given = typed(_NAME)
    usual = _new_name()
    # a name that nobody chose may be numbered; one that somebody typed is refused where it is taken
    chosen = given or next(
        one
        for number in range(1, len(taken) + 2)
        if (one := usual if number == 1 else f"{usual} {number}") not in taken
    )
    labelled.try_to(lambda: labelled.begin(service, shown, chosen), notice)


def _label(service: Service, shown: Shown, found: LabelSet, listed: ShownList | None) -> None:
    """Buttons and keys for the place that is open, which then make way for the next."""
    tile = value("tile")
    if not tile:
        st.caption("Click on a tile of the map, or on a place of the list, and say what it is.")
        following = _next(service, found, listed)
        if following is not None:
            st.button(
                "Begin with the first place", key="first place", icon=":material/arrow_forward:", on_click=change,
                kwargs={"tile": following},
            )  # fmt: skip
        return
    known = service.labelling.said(found.id).get(tile)
    ahead = [one for one in _unlabelled(service, found, listed, _AHEAD + 1) if one != tile]
    shown_places = st.container()
    onward = st.toggle("Then the next place of the list", key="go on", value=True)
    with shown_places:
        verdicts(
            _place(service, shown, tile, known), [_place(service, shown, one) for one in ahead[:_AHEAD]],
            onward=onward, done=st.session_state.get(_KEPT, 0), key=f"verdicts {found.id}",
            heed=partial(_heed, service, found, listed),
        )  # fmt: skip


def _place(service: Service, shown: Shown, tile: str, known: Label | None = None) -> PlaceToLabel:
    facts = service.tile(shown.name, tile)
    footprint = facts.footprint
    length, share = pieces.scale_bar(footprint.size_m)
    return PlaceToLabel(
        id=tile, title=title_of(facts.near, footprint.lat, footprint.lon),
        image=chip_url(shown.name, tile, _CHIP_PX) if shown.pictures else None,
        length=pieces.say_length(length), share=share,
        verdict=None if known is None else known.verdict, by=None if known is None else known.labelled_by,
    )  # fmt: skip


def _heed(service: Service, found: LabelSet, listed: ShownList | None, pressed: Sequence[Press]) -> None:
    """Keep what was pressed and is not kept yet, and open the place that is next."""
    for press in heeded(pressed, st.session_state.get(_KEPT, 0)):
        st.session_state[_KEPT] = press.number
        kept = labelled.try_to(partial(labelled.give, service, found.id, [press.tile], press.verdict), notice)
        if kept and press.verdict is not None and st.session_state.get("go on"):
            change(tile=_next(service, found, listed) or press.tile)


def heeded(pressed: Sequence[Press], kept: int) -> list[Press]:
    """Of what a page told, which is told again until it hears, what is new; in the order in which it was pressed."""
    return sorted((one for one in pressed if one.number > kept), key=lambda one: one.number)


def _next(service: Service, found: LabelSet, listed: ShownList | None) -> str | None:
    """The first place of the list that has no label."""
    return next(iter(_unlabelled(service, found, listed, 1)), None)


def _unlabelled(service: Service, found: LabelSet, listed: ShownList | None, count: int) -> list[str]:
    """The first places of the list that have no label."""
    if listed is None:
        return []
    known = service.labelling.said(found.id)
    tiles = listed.places.scores.tile_id
    return list(islice((tiles[row] for row in listed.places.rows.tolist() if tiles[row] not in known), count))


def _shape() -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.segmented_control(
            "Many at once", [*VERDICTS, "none"], key=SHAPE, default="no", required=True, help=words.SHAPE,
            format_func=lambda one: "Take away" if one == "none" else str(one).capitalize(), width="content",
        )  # fmt: skip
        st.button(
            "Draw", key="draw labels", icon=":material/draw:", on_click=_draw, width="content",
            help="A box or a polygon on the map: every tile whose middle lies in it.",
        )  # fmt: skip


def _draw() -> None:
    st.session_state[DRAWING] = "labels"


def shape_drawn(service: Service, found: LabelSet | None, ring: list[tuple[float, float]]) -> None:
    """Label the tiles of a shape that was drawn on the map."""
    if found is None:
        return
    said = st.session_state.get(SHAPE, "no")
    verdict = next((one for one in VERDICTS if one == said), None)
    labelled.try_to(
        lambda: succeeded(f"{labelled.give_area(service, found.id, shape_of_ring(ring), verdict)}."), notice
    )


def voted(service: Service, found: LabelSet, tile: str, vote: int) -> None:
    """Take a thumb of the list as a label."""
    verdict: Verdict | None = "yes" if vote > 0 else "no" if vote < 0 else None
    labelled.try_to(lambda: labelled.give(service, found.id, [tile], verdict), notice)


def _undo(service: Service, found: LabelSet) -> None:
    done = labelled.last(found.id)
    if done is not None:
        st.button(
            f"Undo ({done.says})", key="undo labels", icon=":material/undo:", type="tertiary",
            on_click=_do, args=(partial(labelled.undo, service, done),),
        )  # fmt: skip


def _do(act: Callable[[], object]) -> None:
    labelled.try_to(act, notice)


def _keeping(service: Service, shown: Shown, found: LabelSet) -> None:
    """Files, name and end of a set."""
    with st.expander("Keep, share, rename, delete"):
        st.caption("The address of this page names the set: who opens it sees and goes on with the same labels.")
        with st.container(horizontal=True):
            for suffix, mime in MEDIA.items():
                st.download_button(
                    {".geojson": "GeoJSON", ".parquet": "GeoParquet", ".csv": "CSV"}[suffix],
                    partial(service.labelling.export, found.id, suffix), f"{shown.name}-labels{suffix}",
                    mime, key=f"labels {suffix}", on_click="ignore",
                )  # fmt: skip
        if service.read_only:
            return
        _bring(service, shown, found)
        st.text_input("Another name", key=_OTHER_NAME, max_chars=MAX_NAME_CHARS, placeholder=found.name)
        with st.container(horizontal=True):
            st.button("Rename", key="rename", on_click=_rename, args=(service, found))
            sure = st.checkbox(f"Delete all {found.total:,} labels", key=f"sure to delete {found.id}")
            st.button("Delete", key="delete set", disabled=not sure, on_click=_delete, args=(service, found))


def _rename(service: Service, found: LabelSet) -> None:
    name = typed(_OTHER_NAME)
    if not name:
        notice("Type the set's other name first.")
    elif labelled.try_to(lambda: service.labelling.rename(found.id, name), notice):
        change(labels=found.id)  # the browser tells it by its name, and has the old one


def _delete(service: Service, found: LabelSet) -> None:
    if labelled.try_to(lambda: service.labelling.delete(found.id), notice):
        labelled.let_go()


def _bring(service: Service, shown: Shown, found: LabelSet | None = None) -> None:
    """Take a file of labels."""
    number = st.session_state.setdefault("labels file", 0)
    file = st.file_uploader(
        "Labels from a file" if found is None else "Labels from a file into this set",
        ["geojson", "json", "parquet", "csv"], key=f"labels file {number}", max_upload_size=20, help=words.LABEL_FILE,
    )  # fmt: skip
    if file is None:
        return
    # an empty uploader again: else the same file would be taken in every run
    st.session_state["labels file"] = number + 1
    try:
        into = None if found is None else found.id
        made, taken = service.labelling.bring(file.getvalue(), Path(file.name).name, shown.name, into=into)
    except GroundcastError as error:
        notice(f"This file cannot be taken. {told(error)}")
    else:
        lines = [f"{len(taken.labels):,} labels taken into “{made.name}”.", *taken.lines()]
        succeeded("\n\n".join(map(pieces.as_words, lines)))
        st.session_state["labels arrived"] = made.id
    st.rerun()


def arrived() -> None:
    """Choose the set of a file that was just taken; before the control is shown, which it moves."""
    if made := st.session_state.pop("labels arrived", None):
        change(labels=made)


def marks(service: Service, found: LabelSet) -> dict[str, Any] | None:
    """The labelled tiles as outlines for the map, each in the colour of what was said; the latest."""
    labels = service.labelling.sets.labels(found.id)[-_MOST_MARKS:]
    features = [
        {
            "type": "Feature",
            "properties": {"colour": COLOURS[label.verdict]},
            "geometry": Footprint(label.lat, label.lon, label.size_m).polygon.__geo_interface__,
        }
        for label in labels
    ]
    return {"type": "FeatureCollection", "features": features} if features else None
