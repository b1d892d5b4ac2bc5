"""Rate limit: while others ask too, who asks for very much waits a little, and they are served between.

Alone, one is never held up: a page that draws a whole map, or a program that asks for everything. The measure is the
generic cell rate algorithm (ITU-T I.371, annex A), for each address by itself, of IPv6 for each network (`asker`); a
person's clicks never come near it. Pages that are opened have one of their own, for each may hold half of a message in
memory. It does not know what is asked.
"""

import asyncio
import time
from collections import OrderedDict
from dataclasses import dataclass, field

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from search_ui.routes.admission.asker import asker
from search_ui.routes.problems import refuse

OTHERS_S = 1.0
"""So long after a request its address counts as one that asks."""
MOST_WAIT_S = 10.0
_KEPT = 4_096  # addresses


@dataclass
class Rate:
    """How often each address may ask; for one event loop.

    Args:
        a_second: In the long run.
        at_once: So many at once after a pause.
    """

    a_second: float
    at_once: int
    _due: OrderedDict[str, float] = field(default_factory=OrderedDict)  # when what it asked is paid off; oldest first

    def wait(self, who: str, now: float, *, alone: bool) -> float:
        """Seconds that a request of an address has to wait, counting it.

        Args:
            who: The address.
            now: Seconds of a steady clock.
            alone: Nobody else asks: then it waits for nothing, and owes no more than it may ask at once.
        """
        credit = self.at_once / self.a_second
        due = max(self._due.pop(who, now), now) + 1 / self.a_second
        if alone:
            due = min(due, now + credit)
        wait = max(0.0, due - now - credit)
        self._due[who] = due if wait <= MOST_WAIT_S else due - 1 / self.a_second  # refused, it owes nothing
        while len(self._due) > _KEPT:
            self._due.popitem(last=False)
        return wait


class RateLimit:
    """ASGI middleware; see the top.

    Args:
        app: Gets the requests in their time.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self._requests, self._pages = Rate(80, 50), Rate(5, 20)
        self._newest, self._other = ("", -OTHERS_S), ("", -OTHERS_S)  # the last two addresses, and when they asked

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on what is asked, when it is its turn."""
        if scope["type"] in ("http", "websocket"):
            asked = HTTPConnection(scope)
            who, now = asker(asked), time.monotonic()
            rate = self._requests if scope["type"] == "http" else self._pages
            wait = rate.wait(who, now, alone=not self._others(who, now))
            if wait > MOST_WAIT_S:
                told, again = f"this address asks too often while others ask: wait {wait:.0f} s", f"{wait:.0f}"
                await refuse(scope, receive, send, 429, told, kind="Busy", headers={"Retry-After": again})
                return
            if wait:
                await asyncio.sleep(wait)
        await self.app(scope, receive, send)

    def _others(self, who: str, now: float) -> bool:
        if self._newest[0] != who:
            self._other = self._newest
        self._newest = who, now
        return now - self._other[1] < OTHERS_S
