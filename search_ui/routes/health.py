"""Whether the app is well, and how it is used: `/healthz`, and counters that Prometheus reads.

No question, name or address of anybody is counted.
"""

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)

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
