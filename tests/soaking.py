"""Work under random kills, and the account of it: which tiles were done, how often, and whether the books agree.

`tools/soak.py` runs it for minutes, a test for seconds.
"""

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from ingest.catalog.catalog import Catalog
from tests.crew import Crew
from tests.services import S3, Service
from trainer.errors import CatalogError

_HANGS_S = 3.0


@dataclass
class Account:
    """The closing table.

    Attributes:
        planned: Tiles that were asked for.
        once: Tiles that are in the archive once.
        double: Tiles that are there more than once.
        failed: Tiles that failed, by reason.
        skipped: Tiles that were left out as they should, by reason.
        lost: Tiles that are nowhere.
        archived: Items that `verify` found in the archive.
        recorded: Items that the ledger calls done.
        indexed: Items in the index.
        problems: What else `verify` found.
        kills: What was killed, how often.
        seconds: From the first message to the last tile.
    """

    planned: int
    once: int
    double: int
    failed: dict[str, int]
    skipped: dict[str, int]
    lost: int
    archived: int
    recorded: int
    indexed: int | None
    problems: list[str]
    kills: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0

    def sound(self) -> bool:
        """Whether nothing was lost, nothing is double, and archive, ledger and index agree."""
        return not (self.lost or self.double or self.problems) and self.archived == self.recorded == self.indexed


def soak(
    crew: Crew,
    services: Mapping[str, Service],
    source: Path,
    collection: str,
    *,
    workers: int,
    every_s: float,
    kill_s: float,
    seed: int = 0,
    most_kills: int | None = None,
) -> Account:
    """Lets workers do imagery while something is killed again and again.

    Args:
        crew: Has a home; workers are started here.
        services: What is killed too, and started again, by name.
        source: Imagery.
        collection: A new name.
        workers: So many are kept at work.
        every_s: About so many seconds from kill to kill.
        kill_s: After so many seconds the killing ends.
        seed: Of what is killed and when.
        most_kills: After so many it ends, too.
    """
    chance = random.Random(seed)
    ledger = crew.catalog
    job = crew.queue(source, collection, min_valid=0.0)
    planned = {item for chunk in ledger.chunks(job=job.id) for item in chunk.item_ids}
    kills = Counter[str]()
    crew.start()
    crew.begun(job, 0.0)
    started = time.monotonic()
    while _state(ledger, job.id) != "done":
        while len(crew.at_work()) < workers:
            crew.start()
        time.sleep(every_s * chance.uniform(0.5, 1.5))
        if time.monotonic() - started < kill_s and (most_kills is None or kills.total() < most_kills):
            kills[_kill(chance, crew, services)] += 1
    seconds = time.monotonic() - started
    tiles = crew.tiles(collection)
    failures = [failure for failure in crew.catalog.failures(job.id) if failure.subject not in tiles]
    skipped = crew.catalog.job(job.id).skipped
    findings = crew.verified(collection)
    return Account(
        planned=len(planned),
        once=sum(1 for count in tiles.values() if count == 1),
        double=sum(1 for count in tiles.values() if count > 1),
        failed=dict(Counter(failure.reason for failure in failures)),
        skipped=skipped,
        lost=len(planned - tiles.keys() - {failure.subject for failure in failures}) - sum(skipped.values()),
        archived=findings.archived,
        recorded=findings.recorded,
        indexed=findings.indexed,
        problems=findings.problems,
        kills=kills,
        seconds=seconds,
    )


def _kill_service(service: Service) -> None:
    if isinstance(service, S3):  # moto's forgets everything at its end, which no object store does: it hangs instead
        service.pause()
        time.sleep(_HANGS_S)
        service.resume()
    else:
        service.kill()
        service.start()


def _state(ledger: Catalog, job: str) -> str | None:
    """The state of a job; None while the database, or what stands before it, comes back."""
    try:
        return ledger.job_state(job)
    except CatalogError:
        return None


def _kill(chance: random.Random, crew: Crew, services: Mapping[str, Service]) -> str:
    """Kills something, and says what."""
    worker = chance.choice(crew.at_work())
    # one service alone is killed now and then; of several, each as often as workers are
    each = 1 if len(services) == 1 else 10 / len(services)
    what = chance.choices(["child", "worker", "worker and child", *services], [6, 2, 2, *[each] * len(services)])[0]
    with suppress(ProcessLookupError):
        if what == "child":
            worker.kill_child()
        elif what == "worker":
            os.kill(worker.pid, signal.SIGKILL)
        elif what == "worker and child":
            worker.kill(with_child=True)
        else:
            _kill_service(services[what])
    return what
