"""How long a server is waited for that asks for it with Retry-After: up to a minute silently, longer with a count-down.

Beyond ten minutes nobody waits: what is asked of the server fails with a line that says when to come back.
"""

import logging
import threading
import time
from datetime import datetime, timedelta
from typing import Any, Self
from urllib.parse import urlsplit

from urllib3 import BaseHTTPResponse
from urllib3.exceptions import InvalidHeader
from urllib3.util import Retry

from trainer.errors import ItemError

_SAID_S = 60.0
_LONGEST_S = 600.0
_HEEDING: dict[str, Any] = {"respect_retry_after_header": True, "retry_after_max": 10**9}  # told as it was asked

log = logging.getLogger(__name__)


class Patience:
    """Hosts that asked to be left alone for longer than anybody waits, and until when; for all threads."""

    def __init__(self) -> None:
        self._until: dict[str, float] = {}
        self._told: set[str] = set()
        self._lock = threading.Lock()

    def check(self, url: str) -> None:
        """Raises while the host of a URL is closed, without asking it."""
        host = urlsplit(url).hostname or ""
        left_s = self._until.get(host, 0.0) - time.monotonic()
        if left_s > 0:
            opens = datetime.now().astimezone() + timedelta(seconds=left_s)
            raise ItemError(
                "http",
                f"{host} asks not to be asked for {left_s:.0f} s: after {opens:%H:%M} on {opens:%Y-%m-%d}, "
                "`groundcast jobs retry` does what is left",
            )

    def heed(self, url: str, retry_after: str | None) -> None:
        """Closes the host of an answer that nobody retries, if it asks for longer than anybody waits."""
        asked_s = 0.0 if retry_after is None else _Retry(**_HEEDING).parse_retry_after(retry_after)
        if asked_s > _LONGEST_S:
            self.wait(urlsplit(url).hostname or "", asked_s)

    def retry(self, **options: Any) -> Retry:
        """What an adapter takes as `max_retries`, which waits as this says; options as of `urllib3.util.Retry`."""
        made = _Retry(**_HEEDING, **options)
        made.patience = self
        return made

    def wait(self, host: str, seconds: float) -> None:
        """Waits as long as a host asks, and counts down where that is long; or closes it."""
        if seconds > _LONGEST_S:
            self._until[host] = time.monotonic() + seconds
            log.warning("%s asks to wait %.0f s, which is too long: what is left of it fails", host, seconds)
            self.check(f"//{host}")
        with self._lock:
            teller = seconds > _SAID_S and host not in self._told  # one thread tells for all
            self._told |= {host} if teller else set()
        try:
            left_s = seconds
            while left_s > 0:
                if teller:
                    log.warning("%s asks to wait: going on in %.0f s", host, left_s)
                step_s = min(left_s, _SAID_S / 2) if teller else left_s
                time.sleep(step_s)
                left_s -= step_s
        finally:
            with self._lock:
                self._told -= {host} if teller else set()


class _Retry(Retry):
    """Waits as servers ask, within reason."""

    patience: Patience
    host: str

    def increment(self, *arguments: Any, **options: Any) -> Self:
        """The state after one more try."""
        made = super().increment(*arguments, **options)
        pool = options.get("_pool")
        made.patience, made.host = self.patience, "" if pool is None else pool.host
        return made

    def parse_retry_after(self, retry_after: str) -> float:
        """Seconds that an answer asks for; 0 for what is neither a number of them nor a date, such as ``0.5``."""
        try:
            return super().parse_retry_after(retry_after)
        except InvalidHeader:
            return 0.0

    def sleep_for_retry(self, response: BaseHTTPResponse) -> bool:
        """Waits as long as the answer asks, if it does."""
        seconds = self.get_retry_after(response)
        if not seconds:
            return False
        self.patience.wait(self.host, seconds)
        return True
