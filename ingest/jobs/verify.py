"""Compares ledger, archive and index of a collection, and mends what can be mended from the archive.

The archive is the truth. Every page of a part is read and held against its checksum; a deep comparison reads every file
of parts, field and model and holds it against the checksum that was kept when it was written. The index is always
rebuilt from the archive; a part that is lost or broken is lost, and its chunk goes back to the ledger as pending, so
that the same ingest command makes it again.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ingest.archive.files import FilePath, remove
from ingest.archive.job_records import damaged_records
from ingest.archive.parts import BROKEN, Archive
from ingest.archive.prefetch import prefetched
from ingest.catalog.catalog import Catalog, Chunk, Collection
from ingest.catalog.foreign import foreign_model
from ingest.catalog.leases import before_splits
from ingest.field import columns
from ingest.index.edge import discard
from ingest.index.protocol import Index
from ingest.index.rebuild import rebuild
from ingest.index.upkeep import catch_up, fill, is_kept, is_made, open_for_search, open_index, require_room, settle
from ingest.jobs.plan import keep_records
from ingest.places import store
from ingest.settings import Settings
from trainer.checkpoint import verify as verify_checkpoint
from trainer.errors import (
    ArchiveError,
    CatalogError,
    CheckpointError,
    IndexLockedError,
    StorageError,
    VectorIndexError,
)

SHOWN = 5  # items named as examples
_NAMED_BY_CONTENT = re.compile(r"[0-9a-f]{32}\.\w+")


@dataclass
class Findings:
    """What was compared and what does not agree.

    Attributes:
        collection: Its stored name.
        archived: Items in the archive.
        indexed: Items in the index; None where it could not be opened, or there is none.
        index_needed: Whether there is or should be one: below `exact_tiles` the embedded one is not needed.
        recorded: Items that the ledger calls done.
        unfinished: Chunks that are still to be done.
        problems: One sentence each; empty when everything agrees.
        repaired: What was mended, one sentence each.
    """

    collection: str
    archived: int = 0
    indexed: int | None = None
    index_needed: bool = True
    recorded: int = 0
    unfinished: int = 0
    problems: list[str] = field(default_factory=list)
    repaired: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self) | {"agree": not self.problems}


def verify(
    settings: Settings,
    catalog: Catalog,
    collection: Collection,
    *,
    repair: bool = False,
    index: bool = False,
    rebuild_index: bool = False,
    deep: bool = False,
    progress: Callable[[str], object] = lambda _: None,
) -> Findings:
    """Compares, and with `repair` mends.

    Args:
        settings: Where archive, index and locks lie.
        catalog: The ledger that archive and index are held against.
        collection: What to look at.
        repair: Mend the index from the archive and give lost chunks back to the ledger.
        rebuild_index: Make the index anew from the archive, beside the one there is, and let it take over.
        index: Build or mend the index, though the collection may be small enough to do without.
        deep: Compare the checksums of all files too: of the parts, the field, the model and what people brought; and
            look into the catalog's own file.
        progress: Called with the name of each file that was compared so.

    Raises:
        IndexLockedError: Another process holds the index; only its end can be waited for.
        StorageError: The archive cannot be reached; nothing is mended then.
    """
    archive = Archive(settings.archive_dir(collection.name), collection.kind)
    findings = Findings(collection.name)
    if deep:  # first: a repair writes records that are missing
        _check_made(settings, archive, findings, repair=repair)
    archived = _check_parts(catalog, archive, collection, findings, repair=repair, deep=deep, progress=progress)
    findings.archived = len(archived)
    if deep:
        _check_field(settings.field_dir(collection.name), findings, repair=repair)
        _check_model(settings, catalog, collection, findings)
        findings.problems += catalog.damage()
        _check_uploads(settings.home / "uploads", findings, repair=repair)
    findings.index_needed = index or rebuild_index or is_kept(settings, catalog, collection)
    if rebuild_index:
        findings.repaired += rebuild(settings, catalog, collection)
    if findings.index_needed:
        _check_index(settings, catalog, archive, collection, archived, findings, repair=repair or index)
    elif repair:
        settle(catalog, collection)
    return findings


def _check_field(folder: Path, findings: Findings, *, repair: bool) -> None:
    """The files of the field against their checksums; it is made anew from the archive by whoever asks next."""
    for name in (names := columns.damaged(folder)):
        findings.problems.append(f"field file {name} is not what was written")
    if names and repair:
        (folder / columns.STATE).unlink(missing_ok=True)
        findings.repaired.append("the field was thrown away and is made anew from the archive")


def _check_uploads(folder: Path, findings: Findings, *, repair: bool) -> None:
    """Pictures and imagery that people brought, whose names begin with the checksum of what is in them."""
    for path in sorted(path for path in folder.rglob("*") if _NAMED_BY_CONTENT.fullmatch(path.name)):
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if not found.startswith(path.stem):
            findings.problems.append(f"upload {path.name} is not what was brought")
            if repair:
                path.rename(path.with_name(path.name + BROKEN))
                findings.repaired.append(f"upload {path.name} set aside as {path.name}{BROKEN}: bring it again")


def _check_made(settings: Settings, archive: Archive, findings: Findings, *, repair: bool) -> None:
    """Records of jobs, and the table of the world's places: both are made anew."""
    for name in damaged_records(archive.folder):
        findings.problems.append(f"record {name} is not what was written")
        if repair:
            remove(archive.folder / name)  # what is missing is written from the ledger
    names = store.damaged(settings.places_dir)
    for name in names:
        findings.problems.append(f"table of places {name} is not what was written")
    if names and repair:
        store.forget(settings.places_dir)
        findings.repaired.append("the table of the world's places was thrown away and is made anew")


def _check_model(settings: Settings, catalog: Catalog, collection: Collection, findings: Findings) -> None:
    """The weights of the collection's model against its id, which is their hash."""
    if foreign_model(catalog, collection) is not None:
        return  # there is none to be checked
    try:
        name = catalog.model(model_id=collection.model_id).name
        found = verify_checkpoint(settings.models_dir / name)
    except (CatalogError, CheckpointError) as error:
        findings.problems.append(str(error))
        return
    if found.model_id != collection.model_id:
        findings.problems.append(f"model {name} is {found.model_id}, the collection's is {collection.model_id}")


def _check_parts(
    catalog: Catalog,
    archive: Archive,
    collection: Collection,
    findings: Findings,
    *,
    repair: bool,
    deep: bool,
    progress: Callable[[str], object],
) -> set[str]:
    """Ledger against archive; returns the ids of all sound parts."""
    counts: Counter[str] = Counter()
    sound: dict[str, _Part] = {}
    sums = {chunk.key: chunk.sha256 for chunk in catalog.chunks(collection=collection.name) if chunk.sha256}
    for path, part in prefetched(lambda path: (path, _read(archive, path, summed=deep)), archive.parts(), threads=4):
        if deep:
            progress(path.name)
        if part is None or (deep and sums.get(path.stem, part.sha256) != part.sha256):
            wrong = "cannot be read" if part is None else "is not what was written: its checksum is another"
            findings.problems.append(f"part {path.name} {wrong}")
            if repair:
                aside = archive.set_aside(path)
                findings.repaired.append(f"part {path.name} set aside as {aside.name}")
        else:
            counts.update(part.ids)
            sound[path.stem] = part
    known = set()
    for chunk in catalog.chunks(collection=collection.name):
        known.add(chunk.key)
        _check_chunk(catalog, chunk, sound.get(chunk.key), findings, repair=repair)
    if findings.unfinished:
        findings.problems.append(f"{findings.unfinished} chunks are not done yet: run the same ingest command again")
    left_over = before_splits(known)
    for path in archive.parts():
        if path.stem in left_over:
            findings.problems.append(f"part {path.name} is of a split chunk: `groundcast recover` sets it aside")
        elif path.stem not in known:
            findings.problems.append(f"part {path.name} has no chunk in the ledger: `groundcast recover` takes it in")
    if repair:
        keep_records(catalog, archive, collection)
    twice = [item for item, count in counts.items() if count > 1]
    if twice:
        findings.problems.append(f"{len(twice)} items are archived twice, such as {_some(twice)}")
    return set(counts)


@dataclass(frozen=True)
class _Part:
    """A part that could be read to its end.

    Attributes:
        ids: Of its items.
        skipped: Items left out, by reason.
        sha256: Checksum of its file; None: it was not asked for.
    """

    ids: list[str]
    skipped: dict[str, int]
    sha256: str | None


def _read(archive: Archive, path: FilePath, *, summed: bool) -> _Part | None:
    """A part, None where it cannot be read to its end."""
    try:
        part = archive.read(path.stem, summed=summed)
        return _Part(part.table[archive.id_column].to_pylist(), part.meta.get("skipped", {}), part.sha256)
    except StorageError:
        raise
    except ArchiveError:
        return None


def _check_chunk(catalog: Catalog, chunk: Chunk, part: _Part | None, findings: Findings, *, repair: bool) -> None:
    if chunk.state == "pending":
        findings.unfinished += 1
        return
    findings.recorded += chunk.done
    if not chunk.done:
        return
    rows = 0 if part is None else len(part.ids)
    if rows != chunk.done:
        findings.problems.append(f"chunk {chunk.key}: the ledger says {chunk.done} items, its part has {rows}")
        if repair:
            # so that `_mend_index` removes nothing from the index
            findings.unfinished += 1
            catalog.set_chunk_state(chunk.key, "pending")
            catalog.set_job_state(chunk.job, "running")
            findings.repaired.append(f"chunk {chunk.key} is to be done again: run the same ingest command")
    elif part is not None and (chunk.skipped != part.skipped or not set(part.ids) <= set(chunk.item_ids)):
        findings.problems.append(
            f"chunk {chunk.key}: the ledger names other items, or other reasons of what was left out, than its part: "
            "the catalog is damaged, restore a backup of it"
        )


def _check_index(
    settings: Settings,
    catalog: Catalog,
    archive: Archive,
    collection: Collection,
    archived: set[str],
    findings: Findings,
    *,
    repair: bool,
) -> None:
    made = is_made(settings, collection)
    if not made and not repair:
        findings.problems.append(
            f"no index of {len(archived)} items, so every tile is scored: `groundcast verify {collection.name} --index`"
        )
        return
    if not made:
        require_room(settings, collection, len(archived))
    index: Index | None = None
    try:
        # what only looks needs no more than reading rights on a server
        look = open_index if repair or settings.qdrant_url is None else open_for_search
        index = look(settings, catalog, collection)
        indexed = index.ids()
        index.query(np.ones(collection.dim), k=1)  # damaged vectors show only when they are read
    except IndexLockedError:
        raise
    except VectorIndexError as error:
        if index is not None:
            with suppress(VectorIndexError):
                index.close()
        findings.problems.append(str(error))
        if not repair or settings.qdrant_url is not None:  # a server that cannot be reached is not mended from here
            return
        discard(settings.index_dir(collection.name))
        index, indexed = open_index(settings, catalog, collection), set()
        findings.repaired.append("the index was thrown away and is built anew from the archive")
    with index:
        missing, extra = archived - indexed, indexed - archived
        if missing:
            findings.problems.append(f"{len(missing)} items are not in the index, such as {_some(missing)}")
        if extra:
            findings.problems.append(f"{len(extra)} items are in the index only, such as {_some(extra)}")
        if repair:
            _mend_index(archive, index, missing, extra, findings)
            catch_up(catalog, archive, index, collection)
            index.optimize()
        findings.indexed = index.count()


def _mend_index(archive: Archive, index: Index, missing: set[str], extra: set[str], findings: Findings) -> None:
    if missing:
        fill(archive, index, missing)
        findings.repaired.append(f"{len(missing)} items indexed from the archive")
    if extra and not findings.unfinished:  # while parts are lost, the index may hold the only copy of their vectors
        index.delete(sorted(extra))
        findings.repaired.append(f"{len(extra)} items removed from the index")


def _some(items: set[str] | list[str]) -> str:
    return ", ".join(sorted(items)[:SHOWN])
