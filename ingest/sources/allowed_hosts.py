"""What a stranger's URL may reach: hosts on a list, at public addresses, at every hop of a redirect.

A URL that came through the app is fetched by this machine, which stands inside somebody's network. So the name must be
on the list, every address that it resolves to must be public, and the connection must have gone to a public address: a
name may resolve anew between the two. Only who keeps the list may open a private address, by naming the address itself.
Proxies and ``.netrc`` of the environment play no part. It does not know what is fetched.
"""

import ipaddress
import socket
from collections.abc import Sequence
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import LocationParseError
from urllib3.util import parse_url

from trainer.errors import ItemError

REASON = "not_allowed"
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def check_url(url: str, allowed: Sequence[str]) -> None:
    """Refuses a URL whose protocol is not http(s) or whose host is not on the list.

    Args:
        url: Any; templates with braces too.
        allowed: Names such as ``tiles.example.org``; ``*.example.org`` for all names below one; addresses.

    Raises:
        ItemError: With reason ``not_allowed``.
    """
    scheme, hosts = "", {""}
    with suppress(ValueError, LocationParseError):  # read in both ways that the libraries below have
        parts, again = urlsplit(url), parse_url(url)
        scheme = parts.scheme
        hosts = {(host or "").strip("[]").rstrip(".").lower() for host in (parts.hostname, again.host)}
    host = min(hosts)
    # two readings that differ: an address made to pass as one host and reach another
    if scheme not in ("http", "https") or len(hosts) > 1 or not any(_fits(host, entry.lower()) for entry in allowed):
        listed = ", ".join(allowed) or "none"
        raise ItemError(
            REASON,
            f"{host or 'this address'!r} is not among the hosts whose imagery may be read through the app ({listed}): "
            "ask who runs it to add the host to the setting allowed_hosts",
        )


class GuardedAdapter(HTTPAdapter):
    """Checks every request of a session, those of redirects too, and where each connection goes.

    Args:
        allowed: As in `check_url`.
        options: Of `requests.adapters.HTTPAdapter`.
    """

    def __init__(self, allowed: Sequence[str], **options: Any) -> None:
        self.allowed = tuple(allowed)
        super().__init__(**options)

    def send(self, request: requests.PreparedRequest, *arguments: Any, **options: Any) -> requests.Response:
        """Sends a request to an allowed host."""
        check_url(str(request.url), self.allowed)
        return super().send(request, *arguments, **options)

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        """Lets all connections be made by guarded classes."""
        super().init_poolmanager(*arguments, **options)
        named = frozenset(address for entry in self.allowed if (address := _address(entry)) is not None)
        self.poolmanager.pool_classes_by_scheme = {
            "http": _pool(HTTPConnectionPool, HTTPConnection, named),
            "https": _pool(HTTPSConnectionPool, HTTPSConnection, named),
        }


def _pool(pool: type[Any], connection: type[Any], named: frozenset[Address]) -> type[Any]:
    """A pool whose connections go to public addresses, or to those that are named."""

    class Guarded(connection):  # type: ignore[misc]
        def _new_conn(self) -> socket.socket:
            found = socket.getaddrinfo(self._dns_host, self.port, type=socket.SOCK_STREAM)
            for *_, place in found:  # every one of them, before anything is sent
                _check_address(self.host, str(place[0]), named)
            made: socket.socket = super()._new_conn()
            try:
                _check_address(self.host, str(made.getpeername()[0]), named)  # the name may have been resolved anew
            except ItemError:
                made.close()
                raise
            return made

    return type("GuardedPool", (pool,), {"ConnectionCls": Guarded})


def _check_address(host: str, text: str, named: frozenset[Address]) -> None:
    address = _address(text.partition("%")[0])  # fe80::1%eth0 without its zone
    inner = getattr(address, "ipv4_mapped", None) or address  # ::ffff:10.0.0.1 is 10.0.0.1
    if inner is None or (not (inner.is_global and not inner.is_multicast) and inner not in named):
        raise ItemError(
            REASON, f"{host!r} stands for {text}, which is no public address: it is not read through the app"
        )


def _address(text: str) -> Address | None:
    try:
        return ipaddress.ip_address(text.strip("[]"))
    except ValueError:
        return None


def _fits(host: str, entry: str) -> bool:
    if entry.startswith("*."):
        return host.endswith(entry[1:]) and len(host) > len(entry) - 1
    return bool(host) and host == entry.strip("[]")
