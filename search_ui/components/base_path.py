"""The path under which this process serves the app: none, or what a proxy gives it, such as /ground.

Streamlit holds it, among its options. It does not know which addresses there are.
"""

import re

from trainer.errors import UsageError

_PATH = re.compile(r"(/[A-Za-z0-9._~-]+)*")


def checked_path(given: str) -> str:
    """A path as it stands before all addresses: empty, or with a slash before it and none behind.

    Raises:
        UsageError: It is none.
    """
    path = f"/{given.strip('/')}".rstrip("/")
    if not _PATH.fullmatch(path):
        raise UsageError(f"--base-path {given!r}: not a path of letters, digits and - . _ ~, such as /ground")
    return path


def base_path() -> str:
    """The path, empty or with a slash before it."""
    from streamlit import config

    given = str(config.get_option("server.baseUrlPath") or "").strip("/")
    return f"/{given}" if given else ""


def own(path: str) -> str:
    """The address of one of the routes, which begins with a slash, for a page of this app."""
    return base_path() + path
