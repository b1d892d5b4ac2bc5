"""What the owner of a collection does with all of it: another name, its deletion, and the way back for a day.

It does not know what is in a collection.
"""

import streamlit as st

from ingest.catalog.names import GALLERY
from search_ui.service.service import Service
from search_ui.views import pieces
from search_ui.views.app_words import told
from search_ui.views.panels.asking import notice, succeeded
from trainer.errors import GroundcastError

_WHAT = {True: "gallery", False: "collection"}


def keeping(service: Service, name: str) -> None:
    """Buttons to rename and delete a collection or gallery; nothing on a server that may only be looked at.

    Args:
        service: The app's service.
        name: What it is called; of a gallery with the prefix of the catalog.
    """
    if service.read_only:
        return
    shown, what = name.removeprefix(GALLERY), _WHAT[name.startswith(GALLERY)]
    with st.popover("Rename", icon=":material/edit:", key=f"rename {name}"):
        st.text_input("New name", shown, key=f"new name {name}")
        st.caption("Saved searches and labels go with it, and links that say the old name go on leading here.")
        st.button("Rename it", key=f"do rename {name}", on_click=_rename, args=(service, name))
    with st.popover("Delete", icon=":material/delete:", key=f"delete {name}"):
        st.markdown(f"**Delete the {what} “{pieces.as_words(shown)}”?**")
        lost = str(service.keeping.belongings(name))
        st.markdown(
            "It is not searched any more, and what is being brought into it pauses. For a day it can be brought back "
            f"from this page; then it is gone{f', and with it {lost}' if lost else ''}. "
            + ("The photos themselves stay where they are." if what == "gallery" else "The imagery itself stays.")
        )
        st.button("Delete it", key=f"do delete {name}", type="primary", on_click=_delete, args=(service, name))


def deleted(service: Service) -> None:
    """What was deleted in the last day, each with a button that brings it back."""
    for one in service.keeping.deleted():
        shown = one.name.removeprefix(GALLERY)
        with st.container(border=True, horizontal=True, vertical_alignment="center"):
            what = _WHAT[one.name.startswith(GALLERY)]
            st.markdown(
                f":material/delete: The {what} **{pieces.as_words(shown)}** was deleted on "
                f"{one.deleted_at:%d %B at %H:%M}. It can be brought back until {one.until:%d %B, %H:%M} UTC."
            )
            if not service.read_only:
                st.button(
                    "Bring it back", key=f"undelete {one.name}", icon=":material/undo:",
                    on_click=_undelete, args=(service, one.name),
                )  # fmt: skip


def _rename(service: Service, name: str) -> None:
    new = str(st.session_state[f"new name {name}"]).strip()
    try:
        made = service.keeping.rename(name, new)
    except GroundcastError as error:
        notice(told(error))
    else:
        old, now = (pieces.as_words(one.removeprefix(GALLERY)) for one in (name, made))
        succeeded(f"“{old}” is called “{now}” now. Links that say “{old}” go on leading to it.")


def _delete(service: Service, name: str) -> None:
    try:
        service.keeping.delete(name)
    except GroundcastError as error:
        notice(told(error))
    else:
        shown = pieces.as_words(name.removeprefix(GALLERY))
        succeeded(f"“{shown}” is deleted. For a day “Bring it back” takes that back.")


def _undelete(service: Service, name: str) -> None:
    try:
        service.keeping.undelete(name)
    except GroundcastError as error:
        notice(told(error))
    else:
        succeeded(f"“{pieces.as_words(name.removeprefix(GALLERY))}” is back.")
