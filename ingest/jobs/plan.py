"""A request becomes a job: the chunks of items that the archive does not hold yet, recorded in the ledger at once.

The same request over the same files is the same job, so a second call finds the first one's.
"""

import hashlib
import itertools
import json
import logging
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from ingest.archive.job_records import JobRecord, recorded_jobs, write_record
from ingest.archive.parts import Archive
from ingest.catalog.catalog import RETRY_MARK, Catalog, Collection, Failure, Job
from ingest.catalog.leases import before_splits
from ingest.index.upkeep import adopt
from ingest.jobs.items import Intake
from ingest.jobs.request import READING_OPTIONS
from ingest.sources.source import Problem, by_reason
from trainer.errors import CatalogError

log = logging.getLogger(__name__)


def job_id(collection: Collection, request: dict[str, Any], fingerprint: str) -> str:
    """16 hexadecimal digits that are the same for the same request over the same files.

    How politely a server is asked, and whom to credit, makes no other request; nor does what was noted of it.
    """
    request = {key: value for key, value in request.items() if key != "notes"}
    telling = (*READING_OPTIONS, "missing_403")  # with it, tiles that failed are no tiles
    options = {key: value for key, value in request.get("options", {}).items() if key in telling}
    text = json.dumps(
        [collection.name, collection.model_id, request | {"options": options}, fingerprint], sort_keys=True
    )
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def plan(
    catalog: Catalog, archive: Archive, collection: Collection, intake: Intake, request: dict[str, Any], chunk_size: int
) -> Job:
    """Finds or records the job of a request: its chunks are the items that the archive does not hold yet.

    Args:
        catalog: The ledger that gets the job and its chunks in one transaction.
        archive: Of the collection.
        collection: Recorded already.
        intake: Open items.
        request: JSON values; with the collection and the files' fingerprint they are the job's identity.
        chunk_size: Items a chunk, that is, a part.
    """
    # what a killed process archived counts as held
    adopt(catalog, archive, collection)
    identity = job_id(collection, request, intake.fingerprint())
    found = catalog.find_job(identity)
    problems = _by_subject(intake.problems)
    if found is not None:
        catalog.replace_file_failures(identity, problems)
        reopened = _reopen(catalog, archive, intake, found, chunk_size)
        return replace(catalog.job(identity), state="running" if reopened else found.state)
    fresh = _Fresh(intake, set(archive.ids()))
    catalog.add_job(
        identity,
        collection=collection.name,
        source=collection.spec["source"],
        spec=request | {"notes": by_reason(intake.notes)},
        chunks=_chunked(identity, fresh, chunk_size),
        failures=problems,
    )
    # counted while the chunks were drawn
    if fresh.known_count:
        log.warning(
            "%d items are in the archive already and are not read again, even where their files have changed since: "
            "take another collection for changed files",
            fresh.known_count,
        )
    return replace(catalog.job(identity), state="running")  # as it was recorded: who has stopped it since is heeded


def unknown_parts(catalog: Catalog, archive: Archive, collection: str) -> set[str]:
    """Keys of parts in the archive of a collection that its ledger knows nothing of.

    A part of a chunk that was split meanwhile is none of them: who wrote it may be about to remove it.
    """
    there, known = archive.keys(), catalog.chunk_keys(collection)
    return there - known - before_splits(known)


def require_known(catalog: Catalog, archive: Archive, collection: str) -> None:
    """Refuses to write among parts of which the catalog knows nothing, such as those of a catalog that was lost.

    Raises:
        CatalogError: There are some; the message says both ways out.
    """
    unknown = unknown_parts(catalog, archive, collection)
    if unknown:
        raise CatalogError(
            f"{archive.folder} holds {len(unknown)} parts that the catalog does not know, such as {min(unknown)}: take "
            "them into it with `groundcast recover`, or take another collection name"
        )


def keep_records(catalog: Catalog, archive: Archive, collection: Collection) -> None:
    """Writes beside the parts what each job was asked, where it does not stand there yet.

    Raises:
        ArchiveError: The folder cannot be written.
        StorageError: The folder cannot be read.
    """
    there = recorded_jobs(archive.folder)
    for job in catalog.jobs(collection.name):
        if job.id not in there:
            planned_at, model_id = job.created_at.isoformat(), collection.model_id
            record = JobRecord(job.id, job.source, job.spec, planned_at, model_id, collection.dim, collection.spec)
            write_record(archive.folder, record)


class _Fresh:
    """Items that the archive does not hold; counts the others."""

    def __init__(self, intake: Intake, known: set[str]) -> None:
        self.intake, self.known, self.known_count = intake, known, 0

    def __iter__(self) -> Iterator[str]:
        for item in self.intake.ids():
            if item in self.known:
                self.known_count += 1
            else:
                yield item


def _reopen(catalog: Catalog, archive: Archive, intake: Intake, job: Job, chunk_size: int) -> bool:
    """Gives back to the ledger what a job once had: chunks whose part was lost, and those of a superseded job.

    Returns whether the job was said to run again.
    """
    there = archive.keys()
    for chunk in catalog.chunks(job=job.id, states=["done", "archived"]):
        if chunk.done and chunk.key not in there:
            catalog.set_chunk_state(chunk.key, "pending")
    superseded = job.state == "superseded"
    if superseded:
        waiting = {item for chunk in catalog.chunks(job=job.id, states=["pending"]) for item in chunk.item_ids}
        fresh = _Fresh(intake, waiting.union(archive.ids()))
        # keys that none of its earlier chunks has
        catalog.add_chunks(job.id, _chunked(f"{job.id}-s{job.chunks:04d}", fresh, chunk_size))
    return superseded


def _by_subject(problems: Iterable[Problem]) -> list[Failure]:
    """One failure a file: several rows of a manifest may name the same one."""
    merged: dict[str, Failure] = {}
    for problem in problems:
        before = merged.get(problem.subject)
        message = problem.message if before is None else f"{before.message}; {problem.message}"
        merged[problem.subject] = Failure(problem.subject, problem.reason, message)
    return list(merged.values())


def retry(catalog: Catalog, job: Job, *, reason: str | None, chunk_size: int) -> int:
    """Adds chunks for the failed items of a job, or those of one reason; returns how many items.

    Raises:
        CatalogError: There is nothing to do again.
    """
    waiting = {item for chunk in catalog.chunks(job=job.id, states=["pending"]) for item in chunk.item_ids}
    failures = [failure for failure in catalog.failures(job.id) if reason in (None, failure.reason)]
    items = [failure.subject for failure in failures if failure.chunk is not None and failure.subject not in waiting]
    # one that was stopped at its last chunk has nothing left, and is then done
    if not items and not waiting and job.state not in ("paused", "cancelled"):
        files = sum(failure.chunk is None for failure in failures)
        hint = f"; {files} files failed: mend them and run the ingest command again" if files else ""
        raise CatalogError(f"job {job.id} has no failed items{f' for {reason!r}' if reason else ''} to do again{hint}")
    attempt = sum(1 for chunk in catalog.chunks(job=job.id) if RETRY_MARK in chunk.key)
    if items:
        # every retry has one chunk at least, so the number is new
        catalog.add_chunks(job.id, _chunked(f"{job.id}{RETRY_MARK}{attempt:04d}", items, chunk_size))
    return len(items)


def _chunked(prefix: str, items: Iterable[str], size: int) -> Iterator[tuple[str, list[str]]]:
    iterator = iter(items)
    for number in itertools.count():
        block = list(itertools.islice(iterator, size))
        if not block:
            return
        yield f"{prefix}-{number:06d}", block
