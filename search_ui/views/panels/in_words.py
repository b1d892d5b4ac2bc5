"""What one would see at a place, in words: at the moment of the question, and through the year."""

import streamlit as st

from search_ui.ground.captions import CaptionQuery, usual_moments
from search_ui.service.service import Service, Shown
from search_ui.views import pieces, words
from search_ui.views.app_words import told
from search_ui.views.state.address import held
from search_ui.views.state.question import say_when, when_of
from trainer.encoding import When
from trainer.errors import GroundcastError


def in_words(service: Service, shown: Shown, tile_id: str) -> None:
    """A caption of the tile; where a bank of phrases must be embedded first, only if it is asked for."""
    if not shown.words:  # words mean nothing to its vectors
        return
    try:
        if not service.has_captioner(shown.name) and not st.toggle(
            "Say it in words", **held("words"), help="By the nearest of some phrases; the first time takes seconds."
        ):
            return
        with st.spinner("Putting it into words …"):
            view = service.caption(shown.name, CaptionQuery(tile_id=tile_id, whens=(when_of("month", "hour"),)))
    except GroundcastError as error:
        st.warning(told(error))
        return
    (said,) = view.captions
    st.markdown(
        f"> {pieces.as_words(said.text)}\n>\n> {say_when(said.when)} · cosine {said.cosine:.3f}",
        help=f"{words.CAPTION} {words.COSINE}",
    )
    if view.note:
        st.caption(told(view.note))


def through_the_year(service: Service, shown: Shown, tile_id: str) -> None:
    """A caption for each of some moments, if asked for; nothing where the model has no captioner."""
    try:
        if not (shown.knows_time and service.has_captioner(shown.name)):
            return
        if st.toggle("In words through the year", **held("wordy"), help=words.CAPTION):
            query = CaptionQuery(tile_id=tile_id, whens=usual_moments())
            with st.spinner("Putting it into words …"):
                year = service.caption(shown.name, query).captions
            pieces.facts([(say_when(said.when), said.text) for said in year])
    except GroundcastError as error:
        st.warning(told(error))


def at_the_moment(service: Service, shown: Shown, tile_id: str, when: When) -> None:
    """One caption, for a column of two moments; nothing where the model has no captioner."""
    try:
        if service.has_captioner(shown.name):
            (said,) = service.caption(shown.name, CaptionQuery(tile_id=tile_id, whens=(when,))).captions
            st.markdown(f"> {pieces.as_words(said.text)}")
    except GroundcastError as error:
        st.warning(told(error))
