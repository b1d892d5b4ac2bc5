"""The set of labels of the search page: which one it is, what it says of tiles, and how the last change is undone.

Where there is no set, thumbs in the address steer the question; they become the first labels of one.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import streamlit as st
from shapely.geometry.base import BaseGeometry

from ingest.catalog.labels import Label, LabelSet, Verdict
from search_ui.search.feedback import Feedback
from search_ui.service.service import Service, Shown
from search_ui.views.app_words import told
from search_ui.views.state.address import change, value
from search_ui.views.state.question import question
from trainer.errors import GroundcastError, MissingError

_LAST = "last labelling"
_WORDS = ("q", "also", "negative", "image", "photo", "tile")


@dataclass(frozen=True)
class Change:
    """What was done last.

    Attributes:
        set_id: To which set.
        tiles: Which tiles it touched.
        before: Their labels before.
        says: What it was, in words.
    """

    set_id: str
    tiles: Sequence[str]
    before: Sequence[Label]
    says: str


def label_set(service: Service, shown: Shown, tell: Callable[[str], None]) -> LabelSet | None:
    """The set that the address names; one that is not there, or of another collection, is told once and let go."""
    if not value("labels"):
        return None
    try:
        found = service.labelling.sets.get(value("labels"))
    except MissingError as error:
        tell(told(error))
        let_go()
        return None
    if found.collection != shown.name:
        let_go()
        return None
    return found


def let_go() -> None:
    """Go on without a set."""
    change(labels="")
    if value("show") == "probability":
        change(show="relevance")


def steers(found: LabelSet) -> bool:
    """Whether a set says something about the question on the page: it began from the same words, or from none."""
    if not any(name in found.question for name in _WORDS):
        return True
    asked = question()
    return all(asked.get(name) == found.question.get(name) for name in _WORDS)


def said_of(service: Service, found: LabelSet | None) -> Feedback:
    """What was said of tiles: the labels of the set, or thumbs."""
    if found is None:
        return Feedback(tuple(value("up")), tuple(value("down")))
    return service.labelling.feedback(found.id, found.collection) if steers(found) else Feedback()


def begin(service: Service, shown: Shown, name: str) -> LabelSet:
    """Make a set from the question on the page, with the thumbs as its first labels."""
    thumbs: dict[str, Verdict] = dict.fromkeys(value("up"), "yes") | dict.fromkeys(value("down"), "no")
    made = service.labelling.create(name, shown.name, question(), thumbs, who())
    change(labels=made.id, up=[], down=[])
    return made


def give(service: Service, set_id: str, tiles: Sequence[str], verdict: Verdict | None) -> None:
    """Label tiles, or take their labels away."""
    before = service.labelling.label(set_id, tiles, verdict, who())
    st.session_state[_LAST] = Change(set_id, tiles, before, _says(tiles, verdict))


def give_area(service: Service, set_id: str, area: BaseGeometry, verdict: Verdict | None) -> str:
    """Label the tiles of a drawn area; returns what was done, in words."""
    tiles, before = service.labelling.label_area(set_id, area, verdict, who())
    told = _says(tiles, verdict)
    st.session_state[_LAST] = Change(set_id, tiles, before, told)
    return told


def last(set_id: str) -> Change | None:
    """The last change of a set, if it was made on this page."""
    found: Change | None = st.session_state.get(_LAST)
    return found if found is not None and found.set_id == set_id else None


def undo(service: Service, done: Change) -> None:
    """Take the last change back."""
    service.labelling.restore(done.set_id, done.before, done.tiles)
    st.session_state.pop(_LAST, None)


def who() -> str | None:
    """Who is logged in; None: nobody has to."""
    try:
        told = st.user.to_dict() if st.user.is_logged_in else {}
    except AttributeError:  # no login is set up
        return None
    named = told.get("name") or told.get("email")
    return None if named is None else str(named)


def try_to(act: Callable[[], object], tell: Callable[[str], None]) -> bool:
    """Do something that may be refused, and tell why it is."""
    try:
        act()
    except GroundcastError as error:
        tell(told(error))
        return False
    return True


def _says(tiles: Sequence[str], verdict: Verdict | None) -> str:
    count = "1 place" if len(tiles) == 1 else f"{len(tiles):,} places"
    return f"{count}: label taken away" if verdict is None else f"{count}: {verdict}"
