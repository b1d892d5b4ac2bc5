"""What a proxy says of a request: the host that was asked for, the scheme, and who asked.

Anybody can send such headers, so they are taken from the proxies that were named and from nobody else. Uvicorn reads
scheme and client; here stands what it leaves out, the host.
"""

from collections.abc import Sequence
from ipaddress import ip_network

from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from search_ui.routes.admission.asker import address_of
from trainer.errors import UsageError


class Forwarded:
    """ASGI middleware; see the top.

    Args:
        app: Gets the requests.
        proxies: Addresses or networks of proxies.

    Raises:
        UsageError: One of them is neither.
    """

    def __init__(self, app: ASGIApp, *, proxies: Sequence[str]) -> None:
        self.app = app
        try:
            self._proxies = [ip_network(one) for one in proxies]
        except ValueError as error:
            raise UsageError(f"--proxy: {error}; give an address such as 127.0.0.1, or a network, 10.0.0.0/8") from None
        self._read = ProxyHeadersMiddleware(app, trusted_hosts=list(proxies))  # type: ignore[arg-type]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on what was asked, as the proxy was asked it."""
        proxy = self._proxy(scope)
        if proxy is None:
            await self.app(scope, receive, send)
            return
        scope = {**scope, "client": (proxy, scope["client"][1])}
        hosts = [value for name, value in scope["headers"] if name == b"x-forwarded-host"]
        if hosts:
            others = [(name, value) for name, value in scope["headers"] if name != b"host"]
            # what the last proxy says stands last; one before it may be anybody
            scope = {**scope, "headers": [*others, (b"host", hosts[-1].rpartition(b",")[2].strip())]}
        await self._read(scope, receive, send)  # type: ignore[arg-type]

    def _proxy(self, scope: Scope) -> str | None:
        """The address that asks, where it is that of a proxy."""
        try:
            client = address_of(scope["client"][0])
        except (KeyError, TypeError, ValueError):  # none, or a name that a test gave
            return None
        return str(client) if any(client in one for one in self._proxies) else None
