"""What Prometheus reads of a worker: items, seconds of each stage, failures by reason, memory of the GPU, the backlog.

The child that works counts into files of a folder, the parent serves them: prometheus-client's multiprocess mode. Its
folder is named in the environment before that library is first imported, so it is imported inside functions here. What
counts for the whole ledger is the same from every worker: take the maximum, not the sum.

It knows no broker and no screen.
"""

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from trainer.errors import SettingsError
from workers.queue_statistics import QueueStatistics

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
    from prometheus_client.core import GaugeMetricFamily

    from ingest.jobs.work import IngestSummary

FOLDER = "PROMETHEUS_MULTIPROC_DIR"  # the library's own variable
HOST = "0.0.0.0"  # noqa: S104 - Prometheus is elsewhere
_SECONDS = (0.5, 1, 2, 5, 10, 20, 30, 45, 60, 90, 120, 300, 900)


@dataclass(frozen=True)
class _Worked:
    """The counters of a child."""

    items: "Counter"
    skipped: "Counter"
    failed: "Counter"
    stages: "Counter"
    turns: "Histogram"
    gpu: "Gauge"


class QueueCollector:
    """Metrics of what stands in ledger and broker.

    Args:
        look: What stands there now; None where it is not known.
    """

    def __init__(self, look: Callable[[], QueueStatistics | None]) -> None:
        self._look = look

    def describe(self) -> "list[GaugeMetricFamily]":
        """Nothing that would have to be looked at for the names alone."""
        return []

    def collect(self) -> "Iterator[GaugeMetricFamily]":
        """One family a metric."""
        from prometheus_client.core import GaugeMetricFamily

        statistics = self._look()
        if statistics is None:
            return
        backlog = statistics.backlog
        chunks = GaugeMetricFamily("groundcast_chunks", "Chunks of the ledger by state.", labels=["state"])
        for state in ("pending", "leased", "archived"):
            chunks.add_metric([state], getattr(backlog, state))
        yield chunks
        oldest = "Age of the oldest job with pending chunks."
        yield GaugeMetricFamily("groundcast_oldest_chunk_seconds", oldest, value=backlog.oldest_s)
        idle = "Time since a chunk was finished, while others are pending."
        yield GaugeMetricFamily("groundcast_idle_seconds", idle, value=backlog.idle_s)
        yield GaugeMetricFamily("groundcast_workers", "Workers with chunks at hand.", value=backlog.workers)
        messages = GaugeMetricFamily("groundcast_messages", "Messages that wait in the broker.", labels=["queue"])
        for queue, count in statistics.messages.items():
            messages.add_metric([queue], count)
        yield messages


def serve(port: int, look: Callable[[], QueueStatistics | None]) -> int:
    """Serves ``/metrics`` of this worker, its children's included, from a thread; returns the port.

    To be called before the first child is forked. The thread reads files and memory only.

    Args:
        port: TCP port; 0: any that is free.
        look: What stands in ledger and broker, as last seen.

    Raises:
        SettingsError: The port is taken.
    """
    # before the import: the library chooses files or memory when it is first imported
    os.environ[FOLDER] = tempfile.mkdtemp(prefix="groundcast-metrics-")
    from prometheus_client import start_http_server

    try:
        server, _ = start_http_server(port, addr=HOST, registry=_registry(Path(os.environ[FOLDER]), look))
    except OSError as error:
        remove_files()
        raise SettingsError(
            f"metrics_port = {port}: {error.strerror}; every worker of a machine needs a port of its own, 0 takes any"
        ) from error
    return int(server.server_port)


def record(report: "IngestSummary", collection: str) -> None:
    """Counts what a task did; nothing where nobody serves metrics.

    Args:
        report: What a task did: items, failures by reason, seconds of each stage.
        collection: Name of the collection, the label of every counter.
    """
    if FOLDER not in os.environ:
        return
    worked = _worked()
    worked.items.labels(collection).inc(report.done)
    for reason, count in report.skipped.items():
        worked.skipped.labels(collection, reason).inc(count)
    for reason, count in report.failed.items():
        worked.failed.labels(collection, reason).inc(count)
    for stage in ("read", "embed", "write", "held_up"):
        worked.stages.labels(collection, stage).inc(getattr(report, f"{stage}_s"))
    worked.turns.labels(collection).observe(report.wall_s)
    from trainer.device_memory import gpu_memory

    for kind, count in gpu_memory().items():
        worked.gpu.labels(kind).set(count)


def forget_the_dead() -> None:
    """Removes what dead children said of the present; what they counted stays."""
    if FOLDER not in os.environ:
        return
    from prometheus_client.multiprocess import mark_process_dead

    for file in Path(os.environ[FOLDER]).glob("gauge_live*_*.db"):
        number = file.stem.rpartition("_")[2]
        try:
            # signal 0 reaches nobody: it only tells whether there is such a process
            os.kill(int(number), 0)
        except ProcessLookupError:
            mark_process_dead(int(number))  # type: ignore[no-untyped-call]


def remove_files() -> None:
    """Removes the folder, at the end of the worker."""
    if FOLDER in os.environ:
        folder = Path(os.environ.pop(FOLDER))
        for file in folder.glob("*.db"):
            file.unlink(missing_ok=True)
        with suppress(OSError):
            folder.rmdir()


def _registry(folder: Path, look: Callable[[], QueueStatistics | None]) -> "CollectorRegistry":
    from prometheus_client import CollectorRegistry
    from prometheus_client.multiprocess import MultiProcessCollector

    registry = CollectorRegistry()
    # sums what the children wrote into their files, those of dead ones too: counters never go back
    MultiProcessCollector(registry, path=str(folder))  # type: ignore[no-untyped-call]
    registry.register(QueueCollector(look))
    return registry


@cache
def _worked() -> _Worked:
    from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

    here = CollectorRegistry()  # the parent reads the files
    of = ["collection"]
    return _Worked(
        items=Counter("groundcast_items", "Items embedded.", of, registry=here),
        skipped=Counter("groundcast_skipped", "Items left out, by reason.", [*of, "reason"], registry=here),
        failed=Counter("groundcast_failed", "Items that failed, by reason.", [*of, "reason"], registry=here),
        stages=Counter(
            "groundcast_stage_seconds", "Seconds of each stage; they overlap.", [*of, "stage"], registry=here
        ),
        turns=Histogram(
            "groundcast_task_seconds", "Duration of a worker's tasks.", of, buckets=_SECONDS, registry=here
        ),
        gpu=Gauge(
            "groundcast_gpu_memory_bytes",
            "Memory of the GPU: reserved, its peak, total.",
            ["kind"],
            multiprocess_mode="livemax",
            registry=here,
        ),
    )
