"""The app's script: Streamlit runs it for every change; `search_ui.server` serves it.

It only chooses the page; what a page shows stands in `search_ui.views`.
"""

import streamlit as st

from search_ui.service import Service, service
from search_ui.views import pieces
from trainer.errors import GroundcastError


def main() -> None:
    """Show the page that was chosen."""
    st.set_page_config(page_title="groundcast", page_icon="🛰️", layout="wide", initial_sidebar_state="collapsed")
    st.html(pieces.STYLE)
    try:
        running = service()
    except GroundcastError as error:
        st.error(str(error))
        return
    pages = [
        st.Page(lambda: _search(running), title="Search", icon=":material/search:", url_path="search", default=True),
    ]
    st.navigation(pages, position="top").run()


def _search(running: Service) -> None:
    from search_ui.views.search import search_page

    shown = [one for one in running.collections() if one.tiles]
    if not shown:
        st.info("empty")
        return
    search_page(running, shown)


main()
