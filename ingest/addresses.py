"""Addresses and keys of servers: refused where they cannot be understood or sent, and shown without what is secret.

It knows no server, and its errors quote nothing of an address.
"""

from pathlib import Path
from urllib.parse import unquote, urlsplit, urlunsplit

HIDDEN = "…"
_ENCODE = "in a user or password write @ as %40, / as %2F, ? as %3F, # as %23, [ as %5B, ] as %5D, a space as %20"
_TLS_FILES = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile")
_TLS = {"CERT_NONE": "none", "CERT_OPTIONAL": "optional", "CERT_REQUIRED": "required"}


def checked(url: str) -> str:
    """An address whose parts are where they seem to be.

    Raises:
        ValueError: A character of its user or password would end that early; the message holds nothing of it.
    """
    authority, behind = _parted(url)
    user = authority.rpartition("@")[0]
    early = "@" in behind and ":" in authority  # a raw / ? # has ended the password, and the host follows behind it
    if early or any(sign in user for sign in "@[]") or not url.isprintable() or " " in url:
        raise ValueError(f"not an address that can be understood: {_ENCODE}; line breaks go")
    return url


def for_header(key: str) -> str:
    """A key as a request carries it, in a header of its own.

    Raises:
        ValueError: It cannot stand there; the message holds nothing of it.
    """
    if not (key.isascii() and key.isprintable()) or key != key.strip():
        raise ValueError("a key is of printable ASCII: the line break or space before or behind it, as of a file, goes")
    return key


def without_password(url: str) -> str:
    """An address that may be shown; what authorises goes into a setting of its own.

    Raises:
        ValueError: It holds a password, or may hold one.
    """
    if ":" in _parted(checked(url))[0].rpartition("@")[0]:
        raise ValueError("a password in this address would be shown: it goes into the setting beside it")
    return url


def of_nodes(urls: str) -> str:
    """The address of a server over HTTP, or those of the nodes of its cluster with commas between them.

    Raises:
        ValueError: One cannot be understood or holds a password, or they differ by more than host and port.
    """
    parts = [urlsplit(without_password(url.strip().rstrip("/"))) for url in urls.split(",")]
    if not all(part.scheme in ("http", "https") and part.hostname and part.port != 0 for part in parts):
        raise ValueError("not an address such as http://qdrant:6333; nodes of a cluster have commas between them")
    if len({(part.scheme, part.path) for part in parts}) > 1:
        raise ValueError("nodes of one cluster differ by host and port alone")
    return urls


def for_redis(url: str) -> str:
    """A Redis server's address as all read it: Celery has names of its own for how far certificates are checked.

    Raises:
        ValueError: It cannot be understood, or a file that it names is not here.
    """
    parts = urlsplit(checked(url))
    options, checks = [], False
    for option in filter(None, parts.query.split("&")):
        name, _, value = option.partition("=")
        if name == "ssl_cert_reqs":
            value, checks = _TLS.get(value, value), True
            if value not in _TLS.values():
                raise ValueError("ssl_cert_reqs in this address is one of required, optional and none")
        if name in _TLS_FILES and not Path(unquote(value)).is_file():
            raise ValueError(f"{name} in this address names no file that is here")
        options.append(f"{name}={value}")
    if parts.scheme == "rediss" and not checks:
        options.append("ssl_cert_reqs=required")  # Celery would check nothing
    return urlunsplit(parts._replace(query="&".join(options)))


def shown(url: str) -> str:
    """Scheme, host, port and path; without user, password and options."""
    try:
        parts = urlsplit(checked(url))
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return HIDDEN
    host = f"[{parts.hostname}]" if parts.hostname and ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}{port}{parts.path}" if host else HIDDEN


def _parted(url: str) -> tuple[str, str]:
    """What stands between :// and the next sign that ends it, and what comes behind."""
    rest = url.partition("://")[2]
    end = min((place for place in map(rest.find, "/?#") if place >= 0), default=len(rest))
    return rest[:end], rest[end:]
