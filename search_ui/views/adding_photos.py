"""Adding ground photos to a gallery: a few that are uploaded, a folder on the server, or a table that names them.

It does not know how photos are read; a command of the command line does that, in a process of its own.
"""

from pathlib import Path

import streamlit as st

from ingest.catalog.names import gallery_name
from ingest.opening import source_location
from search_ui.service.brought.kept_files import PHOTO_MB, PHOTOS, keep_photos
from search_ui.service.service import Service
from search_ui.views.app_words import told
from search_ui.views.work import bring
from trainer.errors import GroundcastError

_KINDS = ("Upload", "On the server")


def add_photos(service: Service) -> None:
    """The form, and the start."""
    models = [model.name for model in service.catalog.models()]
    if not models:
        st.info("There is no model here yet that could look at photos: add one below.")
        return
    how = st.segmented_control("Where are they?", _KINDS, default=_KINDS[0], key="photos how", required=True)
    files, path = [], ""
    if how == "Upload":
        files = st.file_uploader(
            f"Photos, up to {PHOTO_MB} MB each; with them a CSV that names them, if there is one", PHOTOS,
            accept_multiple_files=True, key="photo files", max_upload_size=PHOTO_MB,
        )  # fmt: skip
    else:
        path = st.text_input(
            "Folder, or CSV or Parquet file, on the server's machine", key="photos path",
            placeholder="/data/photos · /data/photos.csv",
        ).strip()  # fmt: skip
    st.caption(
        "Where and when a photo was taken is read from the photo itself, or from the columns path, lat, lon and, if "
        "known, taken_local, owner and licence of the table."
    )
    left, right = st.columns(2)
    name = left.text_input("Name of the gallery", key="gallery name", placeholder="such as town").strip()
    known = service.named_galleries().get(name)
    of = {model.model_id: model.name for model in service.catalog.models()}
    model = right.selectbox(
        "Model", models, key="gallery model",
        help="That of the collection whose places show the photos: photos and tiles are compared by one model.",
    )  # fmt: skip
    if known is not None:
        model = of.get(known.model_id, model)
        right.caption(f"The gallery is there already; more photos are looked at by its model, {model}.")
    if st.button("Add them", key="add photos", type="primary"):
        if name and (files or path):
            _start(service, name, model, path, [(file.name, file.getbuffer()) for file in files])
        else:
            st.warning("Say where the photos are, and how to call their gallery.")


def _start(service: Service, name: str, model: str, path: str, files: list[tuple[str, memoryview]]) -> None:
    try:
        service.require_writable()
        stored = gallery_name(name)
        if files:
            # under its first name, which it keeps whatever it is called later
            folder = service.settings.home / "uploads" / "photos" / service.aliases.first_name(stored)
            where = str(keep_photos(folder, files))
        else:
            where = source_location(path)
            if not Path(where).exists():
                st.error(f"There is no folder or file {where} on the server's machine.")
                return
        bring(
            service,
            f"photos-{name}",
            f"Photos into {name}",
            ["photos", f"--gallery={name}", f"--model={model}", "--", where],
            stored,
        )
    except GroundcastError as error:
        st.error(told(error))
    else:
        st.rerun()
