"""A version of a collection whose vectors are those of the one before: where two models see tiles alike.

What a tile shows, O, comes of the overhead tower alone. A model that differs only in what place and time make of it
(and in the texts it knows) needs no new vector: the parts are taken over under its name, with the ledger's rows, and
index and field are made of them as ever. Nothing is read from the source, nothing is embedded.

It does not know when a version takes over.
"""

import hashlib
import logging
from dataclasses import replace

from ingest.archive.parts import Archive
from ingest.catalog.catalog import Catalog, Chunk, Collection, Job
from ingest.index.upkeep import IndexHolder, adopt_chunk
from ingest.jobs.plan import keep_records
from ingest.jobs.run import only_writer
from ingest.settings import Settings
from trainer.checkpoint import overhead_id
from trainer.errors import CatalogError, CheckpointError

log = logging.getLogger(__name__)


def vectors_stay(settings: Settings, catalog: Catalog, present: Collection, model_id: str) -> bool:
    """Whether a model sees the tiles of a collection as its own does; not known where that one is not here any more."""
    if present.kind != "tiles":
        return False
    try:
        folders = [settings.models_dir / catalog.model(model_id=each).name for each in (present.model_id, model_id)]
        before, now = (overhead_id(folder) for folder in folders)
    except (CatalogError, CheckpointError) as error:
        log.warning("%s is embedded anew: whether its vectors may stay cannot be told (%s)", present.name, error)
        return False
    return before == now


def carry_over(settings: Settings, catalog: Catalog, present: Collection, into: Collection) -> int:
    """Takes over what one version holds into another, which lacks it; returns how many tiles were not there before.

    Whatever is interrupted, the same call goes on.

    Raises:
        ArchiveError: A part is broken or cannot be written.
        CatalogError: Somebody is writing the new version.
    """
    source, target = (Archive(settings.archive_dir(each.name), each.kind) for each in (present, into))
    carried = 0
    with only_writer(settings, into.name), IndexHolder(settings, catalog, into) as holder:
        target.require_space()
        for job in catalog.jobs(present.name):
            carried += _job(catalog, job, source, target, into)
        keep_records(catalog, target, into)
        holder.catch_up(target)
    return carried


def _job(catalog: Catalog, job: Job, source: Archive, target: Archive, into: Collection) -> int:
    """The finished chunks of a job as those of a job of the new version."""
    identity = hashlib.sha256(f"{into.name} {into.model_id} {job.id}".encode()).hexdigest()[:16]
    chunks = {
        identity + chunk.key.removeprefix(job.id): chunk
        for chunk in catalog.chunks(job=job.id, states=["archived", "done"])
    }
    if catalog.find_job(identity) is None:
        catalog.add_job(
            identity,
            collection=into.name,
            source=job.source,
            spec=job.spec | {"collection": into.name},
            chunks=[(key, chunk.item_ids) for key, chunk in chunks.items()],
            failures=[failure for failure in catalog.failures(job.id) if failure.chunk is None],
        )
    elif missing := {key: chunk for key, chunk in chunks.items() if not catalog.has_chunk(key)}:
        catalog.add_chunks(identity, [(key, chunk.item_ids) for key, chunk in missing.items()])
    waiting = [chunk.key for chunk in catalog.chunks(job=identity, states=["pending"])]
    carried = sum(_chunk(catalog, key, chunks[key], source, target, into) for key in waiting if key in chunks)
    catalog.set_job_state(identity, "done")
    return carried


def _chunk(catalog: Catalog, key: str, chunk: Chunk, source: Archive, target: Archive, into: Collection) -> int:
    """One chunk and its part, if it has one; returns how many tiles are in it."""
    if chunk.done:
        if not target.has(key):
            meta = {"collection": into.name, "model_id": into.model_id}
            target.take_over(source, chunk.key, as_key=key, meta=meta)
        return adopt_chunk(catalog, target, key)
    failures = [replace(each, chunk=key) for each in catalog.failures(chunk.job) if each.chunk == chunk.key]
    catalog.finish_chunk(key, state="done", skipped=chunk.skipped, failures=failures)
    return 0
