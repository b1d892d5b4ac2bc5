"""The preview beside the form: what of the imagery would be read with what the form says, before anything is.

It does not know how it is made; `search_ui.service.previews` makes it, in a process of its own.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any
from uuid import uuid4

import streamlit as st

from search_ui.service.previews import LIMIT_S, PreviewTask
from search_ui.service.service import Service
from search_ui.views.app_words import told
from search_ui.views.work import say_span

_EVERY_S = 0.5
_FIRST_S = 0.3  # for so long the page itself waits: what is kept, or quick, is there at once
_EDGES = {255: "white", 0: "black"}


def preview_pane(service: Service, arguments: Sequence[str], set_nodata: Callable[[int], None]) -> None:
    """Show it, as soon as it is there.

    Args:
        service: The app's service.
        arguments: Words of `groundcast ingest`.
        set_nodata: Called back with the value that fills the edge, when it is to be left out.
    """
    visitor = st.session_state.setdefault("preview of", uuid4().hex)
    task = service.previews.of(visitor, arguments)
    if task.ended.wait(_FIRST_S):
        _show(task, set_nodata)
    else:
        _wait(task)


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
    if task.picture is None:
        st.error(f"No preview: {told(task.error)}")
        return
    facts = task.facts
    st.image(task.picture, caption=_caption(facts), width=860)
    st.markdown(" · ".join(_facts(facts)))
    edge = facts.get("edge")
    if edge in _EDGES:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.info(f"Its edge is plain {_EDGES[edge]}. If that is no imagery, leave it out.")
            st.button(
                f"Leave {_EDGES[edge]} out", key="leave edge out", icon=":material/crop:",
                on_click=set_nodata, args=(edge,),
            )  # fmt: skip
    for problem in facts.get("problems", []):
        st.warning(told(problem))
    for note in facts.get("notes", []):
        st.caption(f"Note: {told(note)}")


def _caption(facts: dict[str, Any]) -> str:
    part = "" if facts["whole"] else "a part of "
    left = f"Left: {part}the imagery under its tiles; squares where there is none. " if facts["shown"] else ""
    out = " A cross: too little imagery, left out." if facts["left_out"] else ""
    return f"{left}{'Right: s' if left else 'S'}ome tiles as the model gets them.{out}"


def _facts(facts: dict[str, Any]) -> list[str]:
    told_ = [f"**{facts['tiles']:,} tiles**"]
    if facts["left_out"]:
        told_.append(f"about {facts['left_out']:,} of the {facts['shown']:,} shown are left out")
    if facts["gsd_m"] is not None and facts["seen_m"] is not None:
        told_.append(f"a pixel shows {facts['gsd_m']:.2g} m; the model sees pixels of {facts['seen_m']:.2g} m")
    dates = sorted({datetime.fromisoformat(one).date().isoformat() for one in facts["acquired_at"]})
    told_.append(f"taken on {dates[0]}{f' to {dates[-1]}' if len(dates) > 1 else ''}" if dates else "date not known")
    return told_
