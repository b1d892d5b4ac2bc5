"""Work under random kills, and the account of it: which tiles were done, how often, and whether the books agree.

`tools/soak.py` runs it for minutes, a test for seconds.
"""

import os
import random
import signal
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.crew import Crew
from tests.services import Redis


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
    broker: Redis,
    source: Path,
    collection: str,
    *,
    workers: int,
    every_s: float,
    kill_s: float,
    seed: int = 0,
) -> Account:
    """Lets workers do imagery while something is killed again and again.

    Args:
        crew: Has a home; workers are started here.
        broker: Killed too, and started again.
        source: Imagery.
        collection: A new name.
        workers: So many are kept at work.
        every_s: About so many seconds from kill to kill.
        kill_s: After so many seconds the killing ends.
        seed: Of what is killed and when.
    """
    chance = random.Random(seed)
    job = crew.queue(source, collection, min_valid=0.0)
    planned = {item for chunk in crew.catalog.chunks(job=job.id) for item in chunk.item_ids}
    kills = Counter[str]()
    crew.start()
    crew.begun(job, 0.0)
    started = time.monotonic()
    while crew.catalog.job_state(job.id) != "done":
        while len(crew.at_work()) < workers:
            crew.start()
        time.sleep(every_s * chance.uniform(0.5, 1.5))
        if time.monotonic() - started < kill_s:
            kills[_kill(chance, crew, broker)] += 1
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


def _kill(chance: random.Random, crew: Crew, broker: Redis) -> str:
    """Kills something, and says what."""
    worker = chance.choice(crew.at_work())
    what = chance.choices(["child", "worker", "worker and child", "Redis"], [6, 2, 2, 1])[0]
    with suppress(ProcessLookupError):
        if what == "child":
            worker.kill_child()
        elif what == "worker":
            os.kill(worker.pid, signal.SIGKILL)
        elif what == "worker and child":
            worker.kill(with_child=True)
        else:
            broker.kill()
            broker.start()
    return what
