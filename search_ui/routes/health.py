"""Whether the app is well, and how it is used: `/healthz`, and counters that Prometheus reads.

No question, name or address of anybody is counted.
"""

import time
from http import HTTPStatus

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Metrics:
    """Counters of one process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        self._requests = Counter(
            "groundcast_requests", "Requests by route and status.", ["route", "status"], registry=self.registry
        )
        self._seconds = Histogram(
            "groundcast_request_seconds",
            "Time from a request to its answer.",
            ["route"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._tiles = Gauge("groundcast_tiles", "Tiles that can be searched.", ["collection"], registry=self.registry)

    def count(self, route: str, status: int, seconds: float) -> None:
        """A request was answered."""
        self._requests.labels(route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def tiles(self, collection: str, count: int) -> None:
        """So many tiles of a collection can be searched."""
        self._tiles.labels(collection).set(count)

    def text(self) -> bytes:
        """What Prometheus reads."""
        return generate_latest(self.registry)


class Counted:
    """An application that is no route of FastAPI's, and whose requests are counted all the same.

    Args:
        app: The application.
        route: What it is counted as.
        metrics: Where.
    """

    def __init__(self, app: ASGIApp, route: str, metrics: Metrics) -> None:
        self._app, self._route, self._metrics = app, route, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and count its answer."""
        started, status = time.perf_counter(), int(HTTPStatus.INTERNAL_SERVER_ERROR)

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, noted)
        finally:
            self._metrics.count(self._route, status, time.perf_counter() - started)
