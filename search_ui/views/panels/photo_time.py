"""When a photo was taken at a place: a photo that is given, and the months and hours that it may be of."""

import streamlit as st

from search_ui.ground.photo_time import PhotoTimeQuery, PhotoTimeView, draw_photo_time, say_posterior
from search_ui.service.service import Service, Shown
from search_ui.views import words
from search_ui.views.app_words import told
from search_ui.views.state.address import held, value
from trainer.errors import GroundcastError

_FILES = ["jpg", "jpeg", "png", "webp", "tif", "tiff"]


def when_taken(service: Service, shown: Shown, tile_id: str) -> None:
    """The question, if it is asked; nothing where the model knows no time."""
    if not shown.knows_time or not st.toggle("When was this photo taken?", **held("dated"), help=words.PHOTO_TIME):
        return
    try:
        photo = _given(service, tile_id)
        if photo is not None:
            query = PhotoTimeQuery(photo=service.uploads.path(photo), tile_id=tile_id)
            _show(service.photo_time(shown.name, query), query)
    except GroundcastError as error:
        st.warning(told(error))


def _given(service: Service, tile_id: str) -> str | None:
    """The id of the photo that is given here, or that the search was asked with; None: there is none yet."""
    file = st.file_uploader("A photo taken here", _FILES, key=f"taken in {tile_id}", max_upload_size=20)
    if file is not None:
        service.require_writable()
        return service.uploads.keep(file.getvalue())
    kind, _, name = value("image").partition(":")
    return name if kind == "photo" else None


def _show(view: PhotoTimeView, query: PhotoTimeQuery) -> None:
    left, right = st.columns([1, 3])
    left.image(str(query.photo), width="stretch")
    left.caption(f"cosine at best {view.cosine:.3f}", help=words.COSINE)
    for line in say_posterior(view.posterior).splitlines():
        right.markdown(f"{line[0].upper()}{line[1:]}.")
    right.image(draw_photo_time(view), width="stretch", output_format="PNG")
    right.caption("Months down, hours across, local time. The likeliest is framed.")
    if view.note:
        right.caption(told(view.note))
