"""Who may ask: the host that is asked for, the page that asks, and whether somebody is logged in.

    Host     bound to this machine alone, the app answers to its own names only; a page elsewhere that has its name
             point here (DNS rebinding) gets nothing
    Origin   what changes something is taken from the app's own pages, or from programs, which send no origin; and so
             are the connections that the pages work by
    frame    no page of another site shows the app in a frame of its own, where clicks could be led onto it
    pages    of the connections that they work by so many at once, for each may hold half of a message in memory; the
             last of them are for addresses that have few
    address  what means a route and misses it is told so, where Streamlit would answer any address with its page
    login    where Streamlit's login is set up (``[auth]`` in its secrets), the routes want its cookie, as the pages do

It does not know what is asked.
"""

import re
from collections import Counter
from collections.abc import Collection
from urllib.parse import urlsplit

from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from search_ui.routes.admission.asker import asker
from search_ui.routes.admission.page_uploads import PLACE
from search_ui.routes.problems import refuse
from search_ui.service.login import logged_in, login_wanted

LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})
OWN = ("/tiles/", "/scores/", "/shown/", "/chips/", "/photos/", "/basemap/", "/api/", "/ogc", "/mcp", "/metrics")
"""What the routes answer; `/healthz` is open to all, the rest is Streamlit's and guarded by it."""
_NAMES = frozenset(start.strip("/") for start in OWN)
_TILE = re.compile(r"/-?\d+/-?\d+/-?\d+(\.\w+)?/?$")  # …/z/x/y.png
_MOST_PAGES = 100  # times what a message may have: 0.8 GB
_LAST_PAGES, _FEW_PAGES = 20, 5
_HARMLESS = frozenset({"GET", "HEAD", "OPTIONS"})


class Guard:
    """ASGI middleware; see the top.

    Args:
        app: What is guarded.
        hosts: Names that the app answers to, without port; empty: any.
        base: The path that it is served under; `search_ui.components.base_path`.
    """

    def __init__(self, app: ASGIApp, *, hosts: Collection[str] = (), base: str = "") -> None:
        self.app = app
        self._base = base
        self._hosts = frozenset(host.lower() for host in hosts)
        self._pages = Counter[str]()  # of each address

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on what may be asked, refuse the rest."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        asked = HTTPConnection(scope)
        host = _hostname(asked.headers.get("host", ""))
        path = scope["path"]
        if path.startswith(f"{self._base}/"):
            path = path.removeprefix(self._base)
        if scope["type"] == "http":
            send = _framed_by_itself(send)
        if (self._hosts and host not in self._hosts) or (not host and asked.headers.get("host")):
            told = f"this app does not go by the name {host[:100]!r}: start it with --allow-host to let it"
            await refuse(scope, receive, send, 421, told)
        elif scope["type"] == "websocket" and not _own_page(asked, host):
            await refuse(scope, receive, send, 403, "this is answered to the app's own pages")
        elif scope["type"] == "websocket":
            await self._page(scope, receive, send)
        elif scope["type"] == "http" and path.startswith(OWN) and not _same_origin(asked):
            await refuse(scope, receive, send, 403, "a page of another site may not change anything here")
        elif scope["type"] == "http" and _wants_login(path) and login_wanted() and not logged_in(asked):
            await refuse(scope, receive, send, 401, "log in first: open the app in this browser")
        elif scope["type"] == "http" and _misses_a_route(path):
            await refuse(scope, receive, send, 404, f"nothing at {scope['path'][:100]!r}: see /api/docs")
        else:
            await self.app(scope, receive, send)

    async def _page(self, scope: Scope, receive: Receive, send: Send) -> None:
        asked = HTTPConnection(scope)
        who, every = asker(asked), self._pages.total()
        if every >= _MOST_PAGES - (_LAST_PAGES if self._pages[who] >= _FEW_PAGES else 0):
            await refuse(scope, receive, send, 503, f"{every} pages are open already: close some")
            return
        self._pages[who] += 1
        # judged by now: where the two differ by a port, Streamlit would ask the internet for this machine's address; it
        # tells by the origin who is logged in
        judged, origin = scope["headers"], asked.headers.get("origin")
        if origin is not None:
            others = [(name, value) for name, value in judged if name != b"host"]
            judged = [*others, (b"host", origin.partition("://")[2].encode("latin-1"))]
        try:
            await self.app({**scope, "headers": judged}, _binary(receive), send)
        finally:
            self._pages[who] -= 1
            if not self._pages[who]:
                del self._pages[who]


def _wants_login(path: str) -> bool:
    return path.startswith(OWN) or PLACE in path  # Streamlit itself takes files for pages from anybody


def _misses_a_route(path: str) -> bool:
    """Whether an address means one of the routes and misses it: Streamlit would answer it with a page, and 200."""
    if path.startswith(OWN):
        return not path.isprintable()  # no route takes a line break
    return bool(_NAMES.intersection(path.lower().split("/"))) or _TILE.search(path) is not None


def _hostname(host: str) -> str:
    """The name in a Host header, in small letters and without port or brackets; empty where it is malformed."""
    try:
        parts = urlsplit(f"//{host}")
        name, _ = parts.hostname or "", parts.port
    except ValueError:  # such as an IPv6 address that lacks a bracket, or a port that is no number
        return ""
    return name if parts.netloc == host and "@" not in host else ""  # links to the app are made of it


def _binary(receive: Receive) -> Receive:
    """What a page sends; who sends text, which no page does, is gone: Streamlit would fail with a traceback."""

    async def binary() -> Message:
        message = await receive()
        if message["type"] == "websocket.receive" and message.get("bytes") is None:
            return {"type": "websocket.disconnect", "code": 1003}
        return message

    return binary


def _framed_by_itself(send: Send) -> Send:
    """Answers that browsers show in frames of the app's own pages alone."""

    async def with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers.setdefault("X-Frame-Options", "SAMEORIGIN")
            headers.append("Content-Security-Policy", "frame-ancestors 'self'")  # beside another: both count
        await send(message)

    return with_headers


def _own_page(asked: HTTPConnection, host: str) -> bool:
    """Whether a connection comes from a page of the app, or from no page; on this machine ports tell apps apart.

    Elsewhere a proxy may leave the port out of the host that it passes on.
    """
    origin = asked.headers.get("origin")
    if origin is None:
        return True
    told = origin.lower().partition("://")[2]
    return told == asked.headers.get("host", "").lower() or (host not in LOCAL and _hostname(told) == host)


def _same_origin(asked: HTTPConnection) -> bool:
    """Whether what changes something comes from a page of the app itself, or from no page."""
    if asked.scope["method"] in _HARMLESS:
        return True
    origin = asked.headers.get("origin")
    return origin is None or origin.lower().partition("://")[2] == asked.headers.get("host", "").lower()
