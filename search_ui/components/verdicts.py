"""The place that is labelled, with buttons and keys: each that is pressed counts, however slow the page is.

What was said goes to the server again with every press until a run tells that it has it. It does not know where labels
are kept.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any, Literal

import streamlit as st

from search_ui.components.assets import asset

_HTML = '<div class="verdicts" role="group" aria-label="the place that is labelled"></div>'
Said = Literal["yes", "no", "unsure"] | None


@dataclass(frozen=True, kw_only=True)
class PlaceToLabel:
    """One place.

    Attributes:
        id: Of its tile.
        title: What to call it.
        image: URL of its picture from above; None: there is none, as of vectors without imagery.
        length: Of the scale bar, such as `200 m`.
        share: Of the picture's width that the bar takes, 0..1.
        verdict: What was said of it; None: nothing.
        by: Who said so.
    """

    id: str
    title: str
    image: str | None
    length: str
    share: float
    verdict: Said = None
    by: str | None = None


@dataclass(frozen=True)
class Press:
    """What was said of a place.

    Attributes:
        number: Grows from press to press.
        tile: Id of the tile.
        verdict: None: the label is taken away.
    """

    number: int
    tile: str
    verdict: Said


@cache
def _component() -> Any:
    return st.components.v2.component(
        "groundcast_verdicts", html=_HTML, css=asset("verdicts.css"), js=asset("verdicts.js")
    )


def verdicts(
    place: PlaceToLabel,
    following: Sequence[PlaceToLabel],
    *,
    onward: bool,
    done: int,
    heed: Callable[[list[Press]], None],
    key: str,
) -> None:
    """Show the place.

    Args:
        place: The one that is open.
        following: Those that come after it, without labels.
        onward: Whether the next is shown when something was said.
        done: Number of the last press that is kept.
        heed: Called before the page is shown again, with what was said; it may hold what is kept already.
        key: Streamlit's key of the widget.
    """
    data = {"place": asdict(place), "next": [asdict(one) for one in following], "onward": onward, "done": done}
    _component()(
        key=key, data=data, height="content", default={"said": {}},
        on_said_change=lambda: heed(presses(st.session_state[key].get("said"))),
    )  # fmt: skip


def presses(told: Any) -> list[Press]:
    """What a browser told, in its order; what makes no sense is left out."""
    rows = told.get("rows") if isinstance(told, Mapping) else None
    return [
        Press(int(row[0]), row[1], row[2])
        for row in (rows if isinstance(rows, list) else [])
        if isinstance(row, list) and len(row) == 3 and isinstance(row[0], int | float) and isinstance(row[1], str)
        and row[2] in ("yes", "no", "unsure", None)
    ]  # fmt: skip
