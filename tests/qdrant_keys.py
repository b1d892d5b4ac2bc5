"""Who may do what on the double of a Qdrant server, as on a server: keys, and tokens for some collections.

Keys are those of a server's environment: QDRANT__SERVICE__API_KEY, QDRANT__SERVICE__READ_ONLY_API_KEY, and with
QDRANT__SERVICE__JWT_RBAC=true tokens signed with the first.
"""

import base64
import hashlib
import hmac
import json
import time
from typing import Any

Json = Any


class RefusedError(Exception):
    """An answer other than 200."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class TextError(RefusedError):
    """An answer other than 200 that is plain text."""


class Access:
    """What a key or token may do: of all collections, or of some."""

    def __init__(self, whole: str | None, each: dict[str, str] | None = None) -> None:
        self.whole = whole
        self.each = each or {}

    def require(self, need: str, name: str | None) -> None:
        """`need` is r, w or m; `name` a collection, or None for the server as a whole."""
        if self.whole is not None:
            if need != "r" and self.whole == "r":
                raise RefusedError(403, "Forbidden: Global manage access is required")
        elif name is None or need == "m":
            raise RefusedError(403, "Forbidden: Global access is required")
        elif name not in self.each:
            raise RefusedError(403, f"Forbidden: Access to collection {name} is required")
        elif need == "w" and self.each[name] == "r":
            raise RefusedError(403, f"Forbidden: Write access to collection {name} is required")

    def sees(self, name: str) -> bool:
        return self.whole is not None or name in self.each


class Keys:
    """The keys of a server, by its environment."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.key = environment.get("QDRANT__SERVICE__API_KEY")
        self.read_only = environment.get("QDRANT__SERVICE__READ_ONLY_API_KEY")
        self.tokens = environment.get("QDRANT__SERVICE__JWT_RBAC") == "true"

    def access(self, given: str | None) -> Access:
        if self.key is None and self.read_only is None:
            return Access("m")
        if given is None:
            raise TextError(401, "Must provide an API key or an Authorization bearer token")
        if given == self.key:
            return Access("m")
        if given == self.read_only:
            return Access("r")
        claims = self.claims(given) if self.tokens else None
        if claims is None:
            raise TextError(401, "Invalid API key or JWT")
        access = claims.get("access", "m")
        return (
            Access(access) if isinstance(access, str) else Access(None, {a["collection"]: a["access"] for a in access})
        )

    def claims(self, token: str) -> Json:
        head, _, signature = token.rpartition(".")
        if self.key is None or not hmac.compare_digest(signed(head, self.key), signature):
            return None
        body = head.partition(".")[2]
        claims = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
        return None if claims.get("exp", time.time() + 1) < time.time() else claims


def token(key: str, access: Json) -> str:
    """A token as Qdrant takes it: what may be done, signed with the server's key."""
    parts = [encoded(json.dumps(part).encode()) for part in ({"alg": "HS256", "typ": "JWT"}, {"access": access})]
    return ".".join([*parts, signed(".".join(parts), key)])


def signed(text: str, key: str) -> str:
    return encoded(hmac.new(key.encode(), text.encode(), hashlib.sha256).digest())


def encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode("ascii")
