"""The preview beside the form: what of the imagery would be read with what the form says, before anything is.

It does not know how it is made; `search_ui.service.brought.previews` makes it, in a process of its own.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import uuid4

import streamlit as st

from ingest.jobs.request import Request
from search_ui.service.brought.previews import LIMIT_S, PreviewTask
from search_ui.service.service import Service
from search_ui.views.app_words import told
from search_ui.views.work import say_span
from trainer.checkpoint import read_meta

_EVERY_S = 0.5
_FIRST_S = 0.3  # for so long the page itself waits: what is kept, or quick, is there at once
_EDGES = {255: "white", 0: "black"}


def preview_pane(service: Service, request: Request, model: str, set_nodata: Callable[[int], None]) -> PreviewTask:
    """Show it, as soon as it is there; returns it, ended or not.

    Args:
        service: The app's service.
        request: What would be read.
        model: Name of the model that would look at it.
        set_nodata: Called back with the value that fills the edge, when it is to be left out.
    """
    visitor = st.session_state.setdefault("preview of", uuid4().hex)
    input_px = read_meta(service.settings.models_dir / model).overhead_input.size_px
    task = service.previews.of(visitor, request, input_px)
    if task.ended.wait(_FIRST_S):
        _show(task, set_nodata)
    else:
        _wait(task)
    return task


@st.fragment(run_every=_EVERY_S)
def _wait(task: PreviewTask) -> None:
    """Says how long it has taken; when it is there the whole page is shown anew."""
    if task.ended.is_set():
        st.rerun()
    seconds = task.seconds()
    st.progress(
        min(1.0, seconds / LIMIT_S), text=f"Opening the imagery and reading some tiles, for {say_span(seconds)} …"
    )


def _show(task: PreviewTask, set_nodata: Callable[[int], None]) -> None:
    if task.pictured is None:
        st.error(f"No preview: {told(task.error)}")
        return
    facts = task.pictured.facts
    picture, beside = st.columns([2.2, 1])
    picture.image(task.pictured.png, width="stretch")
    with beside:
        st.markdown("**What would be read**")
        st.markdown("\n".join(f"- {fact}" for fact in _facts(facts)))
        st.caption(_caption(facts))
        _edge(facts.get("edge"), set_nodata)
        for problem in facts.get("problems", []):
            st.warning(told(problem))
        for note in facts.get("notes", []):
            st.caption(f"Note: {told(note)}")


def _edge(value: int | None, set_nodata: Callable[[int], None]) -> None:
    """An edge of one colour is seldom imagery: say so, with a button that leaves it out."""
    if value not in _EDGES:
        return
    st.info(f"Its edge is plain {_EDGES[value]}. If that is no imagery, leave it out.")
    st.button(
        f"Leave {_EDGES[value]} out", key="leave edge out", icon=":material/crop:",
        on_click=set_nodata, args=(value,),
    )  # fmt: skip


def _caption(facts: dict[str, Any]) -> str:
    part = "" if facts["whole"] else "a part of "
    left = f"Left: {part}the imagery under its tiles; grey squares where there is none. " if facts["shown"] else ""
    out = " A cross: left out." if facts["left_out"] else ""
    return f"{left}{'Right: s' if left else 'S'}ome tiles as the model gets them.{out}"


def _facts(facts: dict[str, Any]) -> list[str]:
    said = [f"**{facts['tiles']:,} tiles** touch it"]
    if facts["left_out"]:
        which = "them" if facts["shown"] == facts["tiles"] else f"the {facts['shown']:,} that are shown"
        said.append(f"about {facts['left_out']:,} of {which} hold too little imagery and are left out")
    if facts["gsd_m"] is not None and facts["seen_m"] is not None:
        said.append(f"a pixel shows {facts['gsd_m']:.2g} m; the model gets pixels of {facts['seen_m']:.2g} m")
    dates = sorted({datetime.fromisoformat(one).date().isoformat() for one in facts["acquired_at"]})
    said.append(f"taken on {dates[0]}{f' to {dates[-1]}' if len(dates) > 1 else ''}" if dates else "date not known")
    return said
