"""The login, where one is set up: Streamlit's own, by OpenID Connect.

It does not know who may log in: the provider does.
"""

import streamlit as st

from search_ui.service.login import login_wanted


def may_see() -> bool:
    """Whether the pages may be shown: nobody needs to log in here, or somebody has. Else the login is shown."""
    if not login_wanted() or getattr(st.user, "is_logged_in", False):
        return True
    st.title("groundcast")
    st.write("Search the map by what you would see on the ground. This one wants to know who you are.")
    st.button("Log in", type="primary", icon=":material/login:", on_click=st.login)
    return False
