"""A request becomes a job: the chunks of items that the archive does not hold yet, recorded in the ledger at once.

The same request over the same files is the same job, so a second call finds the first one's.
"""

import hashlib
import itertools
import json
from collections.abc import Iterable, Iterator
from typing import Any

from ingest.archive import Archive
from ingest.catalog import Catalog, Collection, Failure, Job
from ingest.intake import Intake
from ingest.request import READING_OPTIONS


def job_id(collection: Collection, request: dict[str, Any], fingerprint: str) -> str:
    """16 hexadecimal digits that are the same for the same request over the same files.

    How politely a server is asked, and whom to credit, makes no other request.
    """
    options = {key: value for key, value in request.get("options", {}).items() if key in READING_OPTIONS}
    text = json.dumps(
        [collection.name, collection.model_id, request | {"options": options}, fingerprint], sort_keys=True
    )
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def plan(
    catalog: Catalog, archive: Archive, collection: Collection, intake: Intake, request: dict[str, Any], chunk_size: int
) -> Job:
    """Finds or records the job of a request: its chunks are the items that the archive does not hold yet.

    Args:
        catalog: Ledger.
        archive: Of the collection.
        collection: Recorded already.
        intake: Open items.
        request: JSON values; with the collection and the files' fingerprint they are the job's identity.
        chunk_size: Items a chunk.
    """
    identity = job_id(collection, request, intake.fingerprint())
    found = catalog.find_job(identity)
    problems = [Failure(problem.subject, problem.reason, problem.message) for problem in intake.problems]
    if found is not None:
        catalog.replace_file_failures(identity, problems)
        for chunk in catalog.chunks(job=identity, states=["done", "archived"]):
            if chunk.done and not archive.path(chunk.key).exists():  # a part was lost: make it again
                catalog.set_chunk_state(chunk.key, "pending")
        return catalog.job(identity)
    known = set(archive.ids())
    fresh = (item for item in intake.ids() if item not in known)
    catalog.add_job(
        identity,
        collection=collection.name,
        source=collection.spec["source"],
        spec=request,
        chunks=_chunked(identity, fresh, chunk_size),
        failures=problems,
    )
    return catalog.job(identity)


def retry(catalog: Catalog, job: Job, *, reason: str | None, chunk_size: int) -> int:
    """Adds chunks for the failed items of a job, or those of one reason; returns how many items."""
    failed = [f.subject for f in catalog.failures(job.id) if f.chunk is not None and reason in (None, f.reason)]
    attempt = sum(1 for chunk in catalog.chunks(job=job.id) if "-r" in chunk.key)
    if failed:
        catalog.add_chunks(job.id, _chunked(f"{job.id}-r{attempt:04d}", failed, chunk_size))
    return len(failed)


def _chunked(prefix: str, items: Iterable[str], size: int) -> Iterator[tuple[str, list[str]]]:
    iterator = iter(items)
    for number in itertools.count():
        block = list(itertools.islice(iterator, size))
        if not block:
            return
        yield f"{prefix}-{number:06d}", block
