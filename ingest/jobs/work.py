"""What a job is done with, and what came of it: `Work` with its model and pace, and the `IngestSummary` of a run.

It does nothing: `ingest.jobs.pipeline` does the work.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from ingest.archive.parts import Archive
from ingest.catalog.catalog import Catalog, Collection
from ingest.catalog.leases import Leases
from ingest.index.upkeep import IndexHolder
from ingest.jobs.items import Intake


@dataclass(frozen=True)
class Encoder:
    """The model as the pipeline sees it.

    Attributes:
        prepare: uint8 [h, w, 3] → one model input; called from reader threads.
        embed: [n, …] model inputs → float32 [n, d], unnormalised; called from threads of `threads`.
        streams: How many batches are embedded at once, each in a thread of its own.
        threads: Makes so many threads that compute; left, they are gone.
    """

    prepare: Callable[[npt.NDArray[np.uint8]], npt.NDArray[Any]]
    embed: Callable[[npt.NDArray[Any]], npt.NDArray[np.float32]]
    streams: int = 1
    threads: Callable[[int], AbstractContextManager[Executor]] = ThreadPoolExecutor


@dataclass(frozen=True)
class Pace:
    """How a run uses the machine."""

    read_threads: int = 2
    batch_size: int = 32


@dataclass(frozen=True)
class Target:
    """Where the chunks of a job are finished.

    Attributes:
        collection: The job's.
        catalog: The ledger in which chunks are recorded as done.
        archive: Where parts go.
        index: Held if it can be had; without it parts are written and left for whoever holds it.
        leases: Say which chunks are this process's to do.
    """

    collection: Collection
    catalog: Catalog
    archive: Archive
    index: IndexHolder
    leases: Leases


@dataclass(frozen=True)
class Work(Target):
    """What a job is done with.

    Attributes:
        intake: Reads the items, in several threads.
        encoder: Makes model inputs of images, and vectors of those.
        pace: Threads that read, images in a batch.
        progress: Called with the number of items that have been dealt with since the last call.
    """

    intake: Intake
    encoder: Encoder
    pace: Pace = field(default_factory=Pace)
    progress: Callable[[int], object] = lambda _: None


@dataclass(frozen=True)
class Spent:
    """Where the time of a job went, in seconds; of all its runs and workers together.

    Attributes:
        starved_s: How long the model waited for items to be read.
        embed_s: How long it computed.
        held_up_s: How long it waited for a chunk to be written and indexed.
        reading_s: Seconds of all readers together.
        read_cpu_s: What they computed in them.
    """

    starved_s: float = 0.0
    embed_s: float = 0.0
    held_up_s: float = 0.0
    reading_s: float = 0.0
    read_cpu_s: float = 0.0

    @classmethod
    def of(cls, told: Mapping[str, float]) -> "Spent":
        """As the ledger keeps them."""
        return cls(**{name: told.get(name, 0.0) for name in cls.__dataclass_fields__})

    def bottleneck(self) -> tuple[Literal["reading", "model", "writing"], float]:
        """The stage that set the pace, and the share of the time for which the model computed, or waited for it."""
        spent: dict[Literal["reading", "model", "writing"], float] = {
            "reading": self.starved_s,
            "model": self.embed_s,
            "writing": self.held_up_s,
        }
        stage = max(spent, key=lambda name: spent[name])
        whole = sum(spent.values())
        return stage, spent[stage] / whole if whole > 0 else 0.0

    @property
    def readers_computed(self) -> float:
        """The share of their time for which readers computed; the rest they waited, for a network or a disk."""
        return min(1.0, self.read_cpu_s / self.reading_s) if self.reading_s > 0 else 0.0


@dataclass
class IngestSummary:
    """What a run did, with the seconds of each stage (reading, model: summed over threads, divided by their number).

    Attributes:
        reading_s: Seconds of all readers together.
        read_cpu_s: What they computed in them.
        starved_s: How long the model waited for items to be read.
        held_up_s: How long the model waited for a chunk to be written and indexed.
        readers: How many read at once in the end.
        unindexed: Chunks of the collection that are not in the index yet.
        cancelled: The job was cancelled or paused meanwhile.
        lost: Chunks whose lease had passed to another before they were written.
    """

    job: str
    done: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    read_s: float = 0.0
    reading_s: float = 0.0
    read_cpu_s: float = 0.0
    embed_s: float = 0.0
    write_s: float = 0.0
    starved_s: float = 0.0
    held_up_s: float = 0.0
    readers: int = 0
    wall_s: float = 0.0
    unindexed: int = 0
    cancelled: bool = False
    lost: int = 0

    def rates(self) -> dict[str, float]:
        """Items done per second, end to end and of each stage had it run alone; reading counts what it left out too."""
        read = self.done + self.skipped.total() + self.failed.total()
        stages = {
            "all": (self.done, self.wall_s),
            "read": (read, self.read_s),
            "embed": (self.done, self.embed_s),
            "write": (self.done, self.write_s),
        }
        return {name: count / seconds if seconds > 0 else 0.0 for name, (count, seconds) in stages.items()}

    def spent(self) -> dict[str, float]:
        """Seconds by stage, as the ledger keeps them; `Spent.of` reads them."""
        return {name: getattr(self, name) for name in Spent.__dataclass_fields__}
