"""A lost catalog, made again from what lies beside it: models, and parts of the archive with the records of their jobs.

The archive is the truth, so whatever part the ledger does not know is taken into it. What a part does not tell is lost:
saved searches, label sets, fitted relevance, and which version of a collection a name stood for (the newest is taken).
A job's record may hold fits of when it was planned: they are not taken, for they may have been taken away since.
"""

from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from ingest.archive.files import FilePath
from ingest.archive.job_records import JobRecord, read_records
from ingest.archive.parts import Archive, Kind
from ingest.catalog.aliases import MARK, Aliases, name_of, number_of
from ingest.catalog.catalog import FITS, Catalog, Collection
from ingest.catalog.leases import before_splits
from ingest.catalog.names import GALLERY
from ingest.index.upkeep import adopt_chunk
from ingest.jobs.plan import unknown_parts
from ingest.jobs.run import only_writer
from ingest.settings import Settings
from trainer.checkpoint import read_meta
from trainer.errors import ArchiveError, CheckpointError

_JOB_DIGITS = 16  # a part is called JOB-NUMBER, and a job's id has so many hexadecimal digits


@dataclass
class Recovered:
    """What was taken into the catalog.

    Attributes:
        models: Names of models.
        items: How many items of each collection, by its stored name.
        problems: One sentence for each thing that could not be taken, or not wholly.
        made: Stored names of collections that the catalog did not know at all.
    """

    models: list[str] = field(default_factory=list)
    items: dict[str, int] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    made: list[str] = field(default_factory=list)


def recover(settings: Settings, catalog: Catalog) -> Recovered:
    """Takes into the catalog what it does not know of the home's models and archive; saying it twice changes nothing.

    Raises:
        CatalogError: Somebody is ingesting.
        StorageError: The archive cannot be read.
    """
    done = Recovered()
    _models(settings, catalog, done)
    for folder in _folders(settings.archive_root):
        with only_writer(settings, folder.name):
            _collection(catalog, folder, done)
    _names(catalog, done)
    return done


def _models(settings: Settings, catalog: Catalog, done: Recovered) -> None:
    known = {model.name for model in catalog.models()}
    for folder in sorted(settings.models_dir.glob("*/")):
        if folder.name in known or folder.name.startswith("."):  # what a killed process began has a hidden name
            continue
        try:
            catalog.add_model(folder.name, read_meta(folder).model_id)
            done.models.append(folder.name)
        except CheckpointError as error:
            done.problems.append(str(error))


def _folders(root: FilePath) -> list[FilePath]:
    """Folders of collections, first versions before later ones."""
    if not root.exists():
        return []
    return sorted((path for path in root.iterdir() if path.is_dir()), key=lambda path: path.name)


def _collection(catalog: Catalog, folder: FilePath, done: Recovered) -> None:
    kind: Kind = "gallery" if folder.name.startswith(GALLERY) else "tiles"
    archive = Archive(folder, kind)
    _set_aside_split(catalog, archive, folder.name, done)
    unknown = sorted(unknown_parts(catalog, archive, folder.name))
    if not unknown:
        return
    records = {record.job: record for record in read_records(folder)}
    by_job: dict[str, list[str]] = defaultdict(list)
    for key in unknown:
        by_job[key[:_JOB_DIGITS]].append(key)
    for job in sorted(by_job, key=lambda job: (records[job].planned_at if job in records else "", job)):
        taken: set[str] = set()
        for key in by_job[job]:  # a chunk before those that it was split into
            if before_splits([key]) & taken:
                _set_aside(archive, key, done)
                continue
            try:
                _part(catalog, archive, folder.name, key, job, records, done)
                taken.add(key)
            except ArchiveError as error:
                done.problems.append(str(error))
        if catalog.find_job(job) is not None:
            # what the lost ledger still had to do is not known: the same request finds what is missing
            catalog.set_job_state(job, "superseded")


def _set_aside_split(catalog: Catalog, archive: Archive, name: str, done: Recovered) -> None:
    """Parts of chunks that were split, where all that they hold stands in the parts of their pieces."""
    known = catalog.chunk_keys(name)
    pending = {chunk.key for chunk in catalog.chunks(collection=name, states=["pending"])}
    for key in sorted(archive.keys() & before_splits(known - pending) - before_splits(pending)):
        _set_aside(archive, key, done)


def _set_aside(archive: Archive, key: str, done: Recovered) -> None:
    aside = archive.set_aside(archive.path(key))
    done.problems.append(f"part {key} is of a split chunk and stands in other parts too: set aside as {aside.name}")


def _part(
    catalog: Catalog,
    archive: Archive,
    name: str,
    key: str,
    job: str,
    records: dict[str, JobRecord],
    done: Recovered,
) -> None:
    """One part into the ledger, with its collection and job where they are not there."""
    part = archive.read(key)
    ids = [*part.table[archive.id_column].to_pylist(), *(failure["subject"] for failure in part.meta["failures"])]
    if catalog.find_collection(name) is None:
        catalog.add_collection(_described(archive, name, part.meta, part.vectors().shape[1], records, done))
        done.made.append(name)
    chunk = (key, ids)
    if catalog.find_job(job) is None:
        record = records.get(job)
        source = record.source if record else str(part.meta.get("source"))
        request = record.request if record else {}
        catalog.add_job(job, collection=name, source=source, spec=request, chunks=[chunk], failures=[])
    else:
        catalog.add_chunks(job, [chunk])
    done.items[name] = done.items.get(name, 0) + adopt_chunk(catalog, archive, key)


def _described(
    archive: Archive, name: str, meta: dict[str, Any], dim: int, records: dict[str, JobRecord], done: Recovered
) -> Collection:
    """The collection by the newest record of its jobs, else by what its parts say."""
    newest = max(records.values(), key=lambda record: record.planned_at, default=None)
    made = datetime.now(UTC)
    if newest is not None:
        first = min(record.planned_at for record in records.values())
        spec = {key: value for key, value in newest.spec.items() if key != FITS}
        return Collection(name, archive.kind, newest.model_id, newest.dim, spec, datetime.fromisoformat(first))
    done.problems.append(
        f"{name}: no record of its jobs, they are from before records were kept: it is searched as before, and new "
        "imagery goes into another collection"
    )
    spec = {
        "kind": archive.kind, "source": str(meta.get("source")), "grid": None, "options": {},
        "attribution": meta.get("attribution"), "largest_tile_m": _largest_tile_m(archive), "gsd_m": None,
    }  # fmt: skip
    return Collection(name, archive.kind, str(meta["model_id"]), dim, spec, made)


def _largest_tile_m(archive: Archive) -> float:
    """Of all parts that can be read, for searches widen an area by it; 0 for photos."""
    largest = 0.0
    for path in archive.parts() if archive.kind == "tiles" else []:
        with suppress(ArchiveError):  # a broken part is told where it is taken in
            largest = max([largest, *archive.column(path, "size_m").to_pylist()])
    return largest


def _names(catalog: Catalog, done: Recovered) -> None:
    """Lets a name stand for its newest version where the catalog does not say which."""
    aliases = Aliases(catalog)
    versions: dict[str, list[str]] = defaultdict(list)
    for stored in done.items:
        versions[name_of(stored)].append(stored)
    for name, all_of in versions.items():
        newest = max(all_of, key=number_of)
        present = aliases.stored(name)
        if MARK in newest and number_of(newest) > number_of(present):
            aliases.point(name, newest, instead_of=present)
            done.problems.append(f"{name}: which version it stood for is not known: it stands for {newest} now")
