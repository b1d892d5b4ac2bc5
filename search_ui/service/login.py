"""Whether a login is asked for here, and whether a request brings one: Streamlit's own, by OpenID Connect.

It does not know who may log in: the provider does.
"""

import json
import logging

from starlette.requests import HTTPConnection

log = logging.getLogger(__name__)


def login_wanted() -> bool:
    """Whether Streamlit's login is set up."""
    from streamlit.runtime.secrets import secrets_singleton

    return bool(secrets_singleton.load_if_toml_exists() and secrets_singleton.get("auth"))


def logged_in(asked: HTTPConnection) -> bool:
    """Whether a request brings the cookie of somebody who is logged in, signed by Streamlit and for this origin."""
    from streamlit.auth_util import get_origin_from_redirect_uri
    from streamlit.web.server.starlette.starlette_server_config import USER_COOKIE_NAME
    from streamlit.web.server.starlette.starlette_websocket import (
        _get_signed_cookie_with_chunks,  # there is no public way to read it
    )

    try:
        cookie = _get_signed_cookie_with_chunks(dict(asked.cookies), USER_COOKIE_NAME)
        told = json.loads(cookie) if cookie else {}
    except ValueError:
        log.warning("a login cookie could not be read")
        return False
    return told.get("is_logged_in") is True and told.get("origin") == get_origin_from_redirect_uri()
