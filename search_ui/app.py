"""The app's script: Streamlit runs it for every change; `search_ui.server` serves it.

It only chooses the page; what a page shows stands in `search_ui.views`.
"""

import streamlit as st

from search_ui.service.extras import advice
from search_ui.service.service import Service, service
from search_ui.views import pieces
from search_ui.views.app_words import told
from search_ui.views.login import may_see
from trainer.errors import GroundcastError


def main() -> None:
    """Show the page that was chosen."""
    st.set_page_config(page_title="groundcast", page_icon="🛰️", layout="wide", initial_sidebar_state="collapsed")
    st.html(pieces.STYLE)
    if not may_see():
        return
    try:
        with service().request():
            _Pages(service()).show()
    except GroundcastError as error:
        st.error(told(error))
        st.caption("The server goes on. If it stays so, tell whoever runs it.")
    except ModuleNotFoundError as error:
        advised = advice(error)
        if advised is None:
            raise
        st.error(advised)


class _Pages:
    """The pages of the app, over one service."""

    def __init__(self, running: Service) -> None:
        self._service = running
        self._adding = st.Page(self._collections, title="Collections", icon=":material/layers:", url_path="collections")
        self._all = [
            st.Page(self._search, title="Search", icon=":material/search:", url_path="search", default=True),
            self._adding,
            st.Page(self._models, title="Models", icon=":material/compare:", url_path="models"),
            st.Page(self._help, title="Help", icon=":material/help:", url_path="help"),
        ]

    def show(self) -> None:
        """The one that the address names."""
        st.navigation(self._all, position="top").run()

    def _search(self) -> None:
        pieces.wait_for(self._service.warming)
        from search_ui.views.pages.first_start import first_start
        from search_ui.views.pages.search import search_page

        names = list(self._service.searchable())
        if names and not self._making(set(names)):
            search_page(self._service, names)
        else:
            first_start(self._service, lambda: st.switch_page(self._adding))

    def _making(self, names: set[str]) -> bool:
        """Whether the demonstration is being made: its island is searched when all of it is there."""
        from search_ui.views.pages.first_start import DEMO
        from search_ui.views.work import background

        task = background(self._service).task(DEMO)
        return task is not None and task.running and names <= {DEMO}

    def _collections(self) -> None:
        from search_ui.views.pages.holdings import collections_page

        collections_page(self._service, lambda name: st.switch_page(self._all[0], query_params={"collection": name}))

    def _models(self) -> None:
        pieces.wait_for(self._service.warming)
        from search_ui.views.pages.models import models_page

        models_page(self._service, [one for one in self._service.collections() if one.tiles])

    def _help(self) -> None:
        from search_ui.views.pages.help_page import help_page

        help_page()


main()
