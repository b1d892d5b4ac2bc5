"""The first page of an empty home: the demonstration planet, or one's own imagery."""

from collections.abc import Callable

import streamlit as st

from search_ui.service.service import Service
from search_ui.views.app_words import told
from search_ui.views.work import background, ended, watch
from trainer.errors import GroundcastError

DEMO = "demo"


def first_start(service: Service, own_imagery: Callable[[], None]) -> None:
    """Offer the two ways to begin.

    Args:
        service: The app's service: where work is started, and whether it may be.
        own_imagery: Shows the page on which imagery is added.
    """
    st.title("Search the map by what you would see there")
    st.markdown(
        "groundcast looks at overhead imagery, tile by tile, and predicts what somebody standing there would see, "
        "in any month and at any hour."
    )
    task = background(service).task(DEMO)
    ended(service, task)
    if task is not None and task.running:
        watch(service, DEMO)
        st.caption("You may close this page; the work goes on. The search opens when the island is ready.")
        return
    st.markdown("There is no imagery here yet. How would you like to begin?")
    left, right = st.columns(2)
    with left, st.container(border=True):
        st.subheader(":material/public: The demo planet")
        st.markdown(
            "An island that the program makes up itself, with beaches, harvests, harbours and night life, seen from "
            "above and in 400 ground photos. Nothing is downloaded; two to three minutes."
        )
        if st.button("Make the demo planet", type="primary", key="make demo", disabled=service.read_only):
            try:
                service.require_writable()
                background(service).start(DEMO, "The demo planet", ["demo"])
            except GroundcastError as error:
                st.error(told(error))
            else:
                st.rerun()
    with right, st.container(border=True):
        st.subheader(":material/add_photo_alternate: Your own imagery")
        st.markdown(
            "A GeoTIFF or a folder of them, map tiles by URL, MBTiles, PMTiles, STAC: from this machine, from the web, "
            "or uploaded here."
        )
        if st.button("Add imagery", key="own imagery", disabled=service.read_only):
            own_imagery()
    if service.read_only:
        st.info("This server is read-only: run a groundcast of your own to add imagery.")
