"""Opens the index of a collection where the settings say it lives, and brings it up to date with the archive.

A server's index always follows the archive: whoever ingests or mends brings it up to date, whoever searches only reads
it. The embedded one is made when a collection passes `exact_tiles`, or when
asked for; below that every tile is scored, nobody would read it, and it would take several times the archive's disk.
Who holds the index picks up parts that others wrote; who finds it held goes on without it.
"""

import logging
import shutil
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from ingest.archive.parts import Archive
from ingest.catalog.aliases import Aliases
from ingest.catalog.catalog import Catalog, Collection, Failure
from ingest.catalog.server_names import ServerNames
from ingest.index.points import points
from ingest.index.protocol import Index, Points
from ingest.settings import Settings
from trainer.errors import IndexAwayError, IndexBehindError, IndexLockedError, VectorIndexError

log = logging.getLogger(__name__)

REST_S = 5.0  # before a server that failed is asked again
_AT_ONCE = 10_000  # items that the embedded index is brought up by before a search, which takes about a second
_POINT_B = 700  # of a point on the disk beside its vector: payload, graph, ids


def is_kept(settings: Settings, catalog: Catalog, collection: Collection) -> bool:
    """Whether a collection has an index that follows the archive: on a server always, else one made or needed."""
    if is_made(settings, collection):
        return True
    return (
        collection.kind == "tiles"  # photos are searched by their field alone
        and catalog.items_done(collection.name, ("archived", "done")) > settings.exact_tiles
    )


def is_made(settings: Settings, collection: Collection) -> bool:
    """Whether there is an index, whole or begun: on a server always."""
    return settings.qdrant_url is not None or (settings.index_dir(collection.name) / "index.json").exists()


def is_present(settings: Settings, catalog: Catalog, index: Index, collection: Collection) -> bool:
    """Whether an index that was opened before is still the one of its collection."""
    if settings.qdrant_url is None:
        return is_made(settings, collection)
    return ServerNames(catalog, settings.qdrant_prefix).of(collection.name) == index.name


def require_room(settings: Settings, collection: Collection, items: int) -> None:
    """Refuses to begin an embedded index of so many items where the disk has no room for it.

    Raises:
        VectorIndexError: It has none; nothing was written.
    """
    if settings.qdrant_url is not None:
        return
    # float32 and int8; the graph's segment is written beside the first ones
    needed = 2 * items * (5 * collection.dim + _POINT_B)
    folder = settings.index_dir(collection.name)
    free = shutil.disk_usage(next(path for path in (folder, *folder.parents) if path.exists())).free
    if free < needed:
        raise VectorIndexError(
            f"{folder} needs {needed / 1e9:.1f} GB for the index of {items:,} items and the disk has "
            f"{free / 1e9:.1f} GB: every tile is scored without it; free space, then run "
            f"`groundcast verify {collection.name} --index`"
        )


def open_index(settings: Settings, catalog: Catalog, collection: Collection) -> Index:
    """The writable index of a collection: a Qdrant server when ``qdrant_url`` is set, else Qdrant Edge.

    Raises:
        IndexLockedError: Another process holds the embedded index.
        IndexRightsError: The key of the server may not write it.
        VectorIndexError: It is broken, of another dimension or of another catalog, or the server cannot be reached.
    """
    if settings.qdrant_url is not None:
        from ingest.index.on_server import open_to_write

        return open_to_write(settings, catalog, collection)
    from ingest.index.edge import EdgeIndex

    called = Aliases(catalog).asked_for(collection.name)
    return EdgeIndex(settings.index_dir(collection.name), collection.name, collection.dim, called=called)


def refuse_unwritable(settings: Settings, catalog: Catalog, collection: Collection) -> None:
    """Refuses what the server of the index will not take, before anything is planned; it is made there if it is new.

    A server that is away is no refusal: it may be back by the time that there is something to write.

    Raises:
        IndexRightsError: The key may not write it, or not make it.
        IndexTakenError: Another catalog has it.
        VectorIndexError: It is of another model, or cannot be made as the settings ask.
    """
    if settings.qdrant_url is not None:
        try:
            open_index(settings, catalog, collection).close()
        except IndexAwayError as error:
            log.warning("the index cannot be written for now: %s", error)


def remove_index(settings: Settings, catalog: Catalog, collection: Collection) -> None:
    """Removes the index of a collection; on a server only what is this catalog's.

    Raises:
        IndexLockedError: Another process holds the embedded index.
        VectorIndexError: The server cannot be reached, or refuses.
    """
    if settings.qdrant_url is not None:
        from ingest.index.on_server import remove

        remove(settings, catalog, collection)
    else:
        open_index(settings, catalog, collection).drop()


def open_for_search(settings: Settings, catalog: Catalog, collection: Collection) -> Index:
    """The index, to be brought up to date by `follow`: a server's is only read.

    Raises:
        IndexBehindError: The embedded index lacks more than is indexed while somebody waits.
        IndexLockedError: Another process holds the embedded index.
        VectorIndexError: It is broken, of another dimension, the disk has no room for it, or the server cannot be
            reached.
    """
    if not is_made(settings, collection):  # before the folder is made
        items = catalog.items_done(collection.name, ("archived", "done"))
        if items > _AT_ONCE:
            raise _behind(collection, items, items)
        require_room(settings, collection, items)
    if settings.qdrant_url is not None:
        from ingest.index.on_server import open_to_read

        return open_to_read(settings, catalog, collection)
    return open_index(settings, catalog, collection)


def follow(settings: Settings, catalog: Catalog, index: Index, collection: Collection) -> int:
    """Brings an open embedded index up to date with the archive while somebody waits.

    Returns:
        How many items of the archive it lacks; below 0 it has some that the archive has not.

    Raises:
        IndexBehindError: The embedded index lacks more than is indexed while somebody waits.
        VectorIndexError: It fails.
    """
    items = catalog.items_done(collection.name, ("archived", "done"))
    lacking = items - index.count()
    if settings.qdrant_url is not None:  # whoever searches may only read it
        return lacking
    if lacking > _AT_ONCE:
        raise _behind(collection, lacking, items)
    catch_up(catalog, Archive(settings.archive_dir(collection.name), collection.kind), index, collection)
    return items - index.count()


def _behind(collection: Collection, lacking: int, items: int) -> IndexBehindError:
    return IndexBehindError(
        f"the index of {collection.name} lacks {lacking:,} of {items:,} items, so every tile was scored: "
        f"`groundcast verify {collection.name} --index` builds it"
    )


def catch_up(catalog: Catalog, archive: Archive, index: Index, collection: Collection) -> int:
    """Indexes the parts that are archived and not indexed yet; returns how many parts.

    An index that holds fewer items than the ledger calls done, such as one whose folder was removed, is filled again.
    """
    count = 0
    for chunk in catalog.chunks(collection=collection.name, states=["archived"]):
        index.upsert(points(archive.read(chunk.key), collection.kind))
        # after the points: a kill in between repeats an upsert, which changes nothing
        catalog.set_chunk_state(chunk.key, "done")
        count += 1
    recorded, found = catalog.items_done(collection.name), index.count()
    if found < recorded:
        log.warning(
            "the index of %s holds %d of %d items: filling it from the archive", collection.name, found, recorded
        )
        count += fill(archive, index, set(archive.ids()) - index.ids())
    return count


def settle(catalog: Catalog, collection: Collection) -> None:
    """Records archived parts as done where no index is kept, for which they would wait."""
    for chunk in catalog.chunks(collection=collection.name, states=["archived"]):
        catalog.set_chunk_state(chunk.key, "done")


def adopt(catalog: Catalog, archive: Archive, collection: Collection) -> None:
    """Records parts that were renamed into place before their process died: the part tells the rest."""
    there = archive.keys()
    for chunk in catalog.chunks(collection=collection.name, states=["pending"]):
        if chunk.key in there:
            adopt_chunk(catalog, archive, chunk.key)


def adopt_chunk(catalog: Catalog, archive: Archive, key: str) -> int:
    """Records the part of one chunk; returns how many items it has."""
    part = archive.read(key, summed=True)
    failures = [Failure(**failure) for failure in part.meta["failures"]]
    done, skipped = part.table.num_rows, part.meta["skipped"]
    catalog.finish_chunk(key, state="archived", done=done, skipped=skipped, failures=failures, sha256=part.sha256)
    return int(done)


def fill(archive: Archive, index: Index, missing: set[str]) -> int:
    """Indexes those parts that hold any of the missing items; returns how many parts."""
    count = 0
    for part in archive.read_all() if missing else ():
        if not missing.isdisjoint(part.table[archive.id_column].to_pylist()):
            index.upsert(points(part, archive.kind))
            count += 1
    return count


class IndexHolder:
    """The index during an ingest: held if it can be had, tried for again before each use if not.

    Args:
        settings: Say where the index lives.
        catalog: The ledger that it follows, which knows its name on a server.
        collection: Whose it is.
        server_only: The embedded index is left to whoever searches: several workers cannot share it.
        patient: A server that fails is no reason to stop: parts wait in the archive until it answers again.
    """

    def __init__(
        self,
        settings: Settings,
        catalog: Catalog,
        collection: Collection,
        *,
        server_only: bool = False,
        patient: bool = False,
    ) -> None:
        self._settings = settings
        self._catalog = catalog
        self._collection = collection
        self._never = server_only and settings.qdrant_url is None
        self._patient = patient
        self._index: Index | None = None
        self._not_before = 0.0

    def get(self) -> Index | None:
        """The index, or None while another process holds it; one that was built anew beside it takes its place."""
        served = self._settings.qdrant_url is not None
        if served and self._index and not is_present(self._settings, self._catalog, self._index, self._collection):
            self.close()
        if self._index is None and not self._never:
            try:
                self._index = open_index(self._settings, self._catalog, self._collection)
            except IndexLockedError:
                return None
        return self._index

    def put(self, make: Callable[[], Points]) -> bool:
        """Indexes points; False where that is for later. Where no index is kept, there is nothing to wait for.

        Raises:
            VectorIndexError: The index fails, and the holder is not patient.
        """
        if not is_made(self._settings, self._collection):
            return True
        if time.monotonic() < self._not_before:
            return False
        try:
            index = self.get()
            if index is not None:
                index.upsert(make())
        except VectorIndexError as error:
            if not self._patient:
                raise
            log.warning("parts wait in the archive, the index fails: %s", error)
            self._not_before = time.monotonic() + REST_S
            self.close()  # opened anew for the next try
            return False
        return index is not None

    def catch_up(self, archive: Archive) -> None:
        """Brings the index up to the archive if it can be had; builds it where the collection has grown to need one.

        An index that cannot be built is no reason to fail: the log says why, and every tile is scored without it.
        """
        new = not is_made(self._settings, self._collection)
        if not is_kept(self._settings, self._catalog, self._collection):
            settle(self._catalog, self._collection)
            return
        try:
            if new and not self._never:
                items = self._catalog.items_done(self._collection.name, ("archived", "done"))
                require_room(self._settings, self._collection, items)
            index = self.get()
            if index is not None and catch_up(self._catalog, archive, index, self._collection):
                index.optimize()
        except VectorIndexError as error:
            if not new:
                raise
            log.warning("no index: %s", error)
            self._throw_away()
            settle(self._catalog, self._collection)

    def _throw_away(self) -> None:
        """Removes an index that was begun and cannot be finished, so that it takes no disk."""
        if self._index is not None:
            self._index.drop()
            self._index = None

    def close(self) -> None:
        """Gives the index back."""
        if self._index is not None:
            self._index.close()
            self._index = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Gives the index back; what stopped the work is told, not what its end then broke in the index."""
        try:
            self.close()
        except VectorIndexError as broken:
            if error is None:
                raise
            log.warning("the index was not closed well, it is mended from the archive: %s", broken)
