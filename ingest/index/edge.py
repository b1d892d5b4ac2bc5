"""The index in this process: Qdrant Edge, the server's own engine, without a server.

A folder holds one collection:

    lock         held while open; Edge admits one process
    index.json   format, name, dim, vector name, and how many points it holds at least
    shard/       Edge's own files

The shard is made under another name and renamed, so it is whole or absent. The number in ``index.json`` is written
after every change: Edge opens some damaged shards with fewer points and says nothing, and here that is an error.
Updates go through Edge's write-ahead log and survive a kill; the flush after each keeps the log, and opening, short.

It does not know the archive. Areas and the order of hits are `ingest.index.protocol`'s.
"""

import json
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import qdrant_edge as edge
from filelock import FileLock, Timeout

from ingest.geo.outline import Box, Ring, regions
from ingest.index.batches import batches
from ingest.index.protocol import (
    ACQUIRED_AT,
    BATCH,
    COLUMNS,
    HNSW_EF,
    ID_FIELDS,
    LOCATION,
    OVERSAMPLING,
    SCORE_DIGITS,
    VECTOR,
    Candidates,
    Filter,
    Match,
    Payload,
    Points,
    Vector,
    gathered,
    item_id,
    point_id,
    query_vector,
    ranked,
    touching_payloads,
)
from trainer.errors import IndexLockedError, VectorIndexError

FORMAT = 1
_PAGE = 10_000  # payloads read at once when walking the whole collection
_UNBOUNDED_KB = 2**40


class EdgeIndex:
    """One collection in an embedded index; see `ingest.index.protocol.Index`.

    Args:
        path: Folder of this collection alone; made when missing.
        name: Of the collection; it is part of every point's id.
        dim: Length of its vectors.
        called: How people ask for it, for messages; None: by its name.

    Raises:
        IndexLockedError: Another process, or another `EdgeIndex`, has it open.
        VectorIndexError: It is damaged, or holds another collection or dimension.
    """

    def __init__(self, path: Path, name: str, dim: int, *, called: str | None = None) -> None:
        self.path = path
        self.name = name
        self.dim = dim
        self._repair = f"run `groundcast verify {called or name} --repair`, which rebuilds it from the archive"
        self._shard: Any = None
        self._lock = _acquire(path)
        try:
            with self._engine():
                self._open()
        except BaseException:
            self.close()
            raise

    def __repr__(self) -> str:
        return f"EdgeIndex({self.name!r}, dim={self.dim}, path={str(self.path)!r})"

    def upsert(self, points: Points) -> None:
        """Adds or replaces items; on return they survive a kill."""
        for batch in batches(points, name=self.name, dim=self.dim):
            vectors = batch.vectors.tolist()
            new = [
                edge.Point(id=point_id(self.name, item), vector={VECTOR: vector}, payload=payload)
                for item, vector, payload in zip(batch.ids, vectors, batch.payloads, strict=True)
            ]
            with self._engine() as shard:
                shard.update(edge.UpdateOperation.upsert_points(new))
                shard.flush()
        # last: more points than recorded are no fault, fewer are
        if points.ids:
            self._record(self.count())

    def query(self, vector: npt.ArrayLike, k: int, filter: Filter | None = None) -> list[Match]:
        """The k best items; see `ingest.index.protocol.Index.query`."""
        unit = query_vector(vector, k, name=self.name, dim=self.dim).tolist()
        if filter is not None and filter.nothing:
            return []
        condition = _condition(filter)

        def fetch(limit: int, exact: bool) -> list[Match]:
            request = edge.QueryRequest(
                limit=limit,
                query=edge.Query.Nearest(unit, using=VECTOR),
                filter=condition,
                with_payload=True,
                params=_params(exact),
            )
            with self._engine() as shard:
                return [_match(hit) for hit in shard.query(request)]

        return ranked(fetch, k, filter)

    def candidates(self, vectors: npt.ArrayLike, k: int, filter: Filter | None = None) -> Candidates:
        """What several vectors find; see `ingest.index.protocol.Index.candidates`."""
        condition = _condition(filter)

        def ask(units: list[list[float]], limit: int, exact: bool) -> list[list[Any]]:
            requests = [
                edge.QueryRequest(
                    limit=limit,
                    query=edge.Query.Nearest(unit, using=VECTOR),
                    filter=condition,
                    params=_params(exact),
                )
                for unit in units
            ]
            with self._engine() as shard:
                return [[hit.id for hit in hits] for hits in shard.query_batch(edge.QueryBatchRequest(requests))]

        def read(keys: list[Any]) -> Iterator[tuple[Payload, list[float]]]:
            with self._engine() as shard:
                records = shard.retrieve(keys, with_payload=list(COLUMNS), with_vector=[VECTOR])
            # in the order of the keys
            by_key = {record.id: record for record in records}
            return ((by_key[key].payload, by_key[key].vector[VECTOR]) for key in keys)

        return gathered(ask, read, vectors, k, filter, name=self.name, dim=self.dim)

    def count(self, filter: Filter | None = None) -> int:
        """Number of items, exactly."""
        if filter is not None and filter.nothing:
            return 0
        if filter is None or filter.area is None:
            with self._engine() as shard:
                return int(shard.count(edge.CountRequest(exact=True, filter=_condition(filter))))
        # the engine counts centres in the widened area; here it is footprints that count
        area = filter.area
        pages = self._pages([LOCATION, "size_m"], _condition(filter))
        return sum(int(touching_payloads(page, area).sum()) for page in pages)

    def ids(self) -> set[str]:
        """Ids of all items."""
        return {item_id(payload) for page in self._pages(list(ID_FIELDS), None) for payload in page}

    def vectors(self, ids: Iterable[str]) -> dict[str, Vector]:
        """Unit vectors [d] of those ids that are there."""
        found: dict[str, Vector] = {}
        for batch in _requests(ids):
            with self._engine() as shard:
                keys = [point_id(self.name, item) for item in batch]
                records = shard.retrieve(keys, with_payload=list(ID_FIELDS), with_vector=[VECTOR])
            for record in records:
                found[item_id(record.payload)] = np.asarray(record.vector[VECTOR], dtype=np.float32)
        return found

    def delete(self, ids: Iterable[str]) -> None:
        """Removes items; unknown ids are no error."""
        for batch in _requests(set(ids)):
            self._record(max(0, self.count() - len(batch)))  # first the promise, so that a kill leaves no false alarm
            with self._engine() as shard:
                shard.update(edge.UpdateOperation.delete_points([point_id(self.name, item) for item in batch]))
                shard.flush()
            self._record(self.count())

    def drop(self) -> None:
        """Removes the folder and closes the index."""
        with suppress(VectorIndexError):  # a damaged one may be dropped too
            self._close_shard()
        # while the lock is held: nobody opens a folder that goes
        shutil.rmtree(self.path, ignore_errors=True)
        self._lock.release()

    def optimize(self) -> None:
        """Builds the search graph: then answers without a filter are approximate (benchmarks/index.py)."""
        with self._engine() as shard:
            shard.optimize()
            shard.flush()

    def close(self) -> None:
        """Flushes, and lets another process in."""
        try:
            self._close_shard()
        finally:
            self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @contextmanager
    def _engine(self) -> Iterator[Any]:
        """Gives the shard, and turns what Edge raises into an error that says what to do."""
        if self._shard is None and not self._lock.is_locked:
            raise VectorIndexError(f"index {self.name!r} at {self.path} is closed; open it again")
        try:
            yield self._shard
        except (VectorIndexError, KeyboardInterrupt, SystemExit, GeneratorExit):
            raise
        except BaseException as error:  # Edge raises plain Exception, and Rust's panics are no Exception at all
            raise VectorIndexError(
                f"index {self.name!r} failed in its engine ({type(error).__name__}: {error}); {self._repair}"
            ) from error

    def _open(self) -> None:
        shard, manifest = self.path / "shard", self.path / "index.json"
        if not shard.exists() and not manifest.exists():
            self._record(0)
        try:
            found = json.loads(manifest.read_text("utf-8"))
            stands = (found["format"], found["name"], int(found["dim"]), found["vector"], int(found["points"]))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise VectorIndexError(
                f"index {self.name!r}: {manifest.name} is not readable ({type(error).__name__}); {self._repair}"
            ) from error
        if stands[:4] != (FORMAT, self.name, self.dim, VECTOR):
            raise VectorIndexError(
                f"{self.path} holds collection {stands[1]!r} with vectors {stands[3]!r} of {stands[2]} values "
                f"(format {stands[0]}); asked for were {self.name!r}, {VECTOR!r}, {self.dim} (format {FORMAT}): "
                "use the model it was made with, or another collection name"
            )
        # new, or left by a process that died before it made one
        if not shard.exists() and stands[4] == 0:
            _create(shard, self.dim)
        self._shard = edge.EdgeShard.load(str(shard))
        self._check_whole(stands[4])

    def _check_whole(self, least: int) -> None:
        lacking = {LOCATION, ACQUIRED_AT} - set(self._shard.info().payload_schema)
        if lacking:
            raise VectorIndexError(f"index {self.name!r} has lost its payload indexes; {self._repair}")
        found = self.count()
        if found < least:
            raise VectorIndexError(f"index {self.name!r} has lost {least - found} of {least} points; {self._repair}")

    def _record(self, points: int) -> None:
        manifest = {"format": FORMAT, "name": self.name, "dim": self.dim, "vector": VECTOR, "points": points}
        temporary = self.path / "index.json.tmp"
        try:
            temporary.write_text(json.dumps(manifest) + "\n", "utf-8")
            temporary.replace(self.path / "index.json")
        except OSError as error:
            raise VectorIndexError(
                f"index {self.name!r} cannot be written ({error.strerror}); free disk space or mend its rights"
            ) from error

    def _pages(self, fields: list[str], condition: Any) -> Iterator[list[dict[str, Any]]]:
        offset: Any = None
        while True:
            request = edge.ScrollRequest(
                offset=offset, limit=_PAGE, filter=condition, with_payload=fields, with_vector=False
            )
            with self._engine() as shard:
                records, offset = shard.scroll(request)
            yield [record.payload for record in records]
            if offset is None:
                return

    def _close_shard(self) -> None:
        if self._shard is not None:
            with self._engine() as shard:
                self._shard = None  # first: a close that fails is not tried again
                shard.flush()
                shard.close()


def discard(path: Path) -> None:
    """Removes an index folder without opening it, when it is damaged; the archive fills a new one.

    Raises:
        IndexLockedError: It is open somewhere.
    """
    lock = _acquire(path)
    shutil.rmtree(path, ignore_errors=True)
    lock.release()


def _acquire(path: Path) -> FileLock:
    try:
        path.mkdir(parents=True, exist_ok=True)
        # a lock for each `EdgeIndex`, also within one process
        lock = FileLock(path / "lock", is_singleton=False)
        lock.acquire(blocking=False)
    except Timeout as error:
        raise IndexLockedError(
            f"{path} is open in another process, and the embedded index admits one: close that one, "
            "or use a Qdrant server"
        ) from error
    except OSError as error:
        raise VectorIndexError(
            f"{path} cannot be opened for writing ({error}); check the disk and its rights"
        ) from error
    return lock


def _create(shard: Path, dim: int) -> None:
    """Makes an empty shard. Payload indexes come before the first point: later they would have to be built over all."""
    new = shard.with_name("shard.new")
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir()
    # int8 copies make the graph and are walked; the scores come of float32 on the disk, which half would move
    int8 = edge.ScalarQuantizationConfig(edge.ScalarType.Int8, quantile=0.99, memory=edge.Memory.Cached)
    params = edge.EdgeVectorParams(
        size=dim,
        distance=edge.Distance.Cosine,
        quantization_config=int8,
        memory=edge.Memory.Cold,
    )
    # one segment: each would be one graph more to walk
    one = edge.EdgeOptimizersConfig(default_segment_number=1, max_segment_size=_UNBOUNDED_KB)
    # what is kept a point lies in mapped files, which the system takes back: else a million points take 350 MB
    mapped = edge.Memory.Cached
    config = edge.EdgeConfig(vectors={VECTOR: params}, optimizers=one, id_tracker_memory=mapped, payload_memory=mapped)
    made = edge.EdgeShard.create(str(new), config)
    indexes = ((LOCATION, edge.GeoIndexParams(memory=mapped)), (ACQUIRED_AT, edge.DatetimeIndexParams(memory=mapped)))
    for field, kind in indexes:
        made.update(edge.UpdateOperation.create_field_index(field, kind))
    made.flush()
    made.close()
    new.replace(shard)


def _params(exact: bool) -> Any:
    rescored = edge.QuantizationSearchParams(rescore=True, oversampling=OVERSAMPLING)
    return edge.SearchParams(hnsw_ef=HNSW_EF, exact=exact, quantization=rescored)


def _condition(filter: Filter | None) -> Any:
    """A filter in Edge's words: any of the outlines, and the dates."""
    if filter is None:
        return None
    must: list[Any] = []
    if filter.area is not None:
        must.append(edge.Filter(should=[_place(region) for region in regions(filter.area, filter.reach_m)]))
    if filter.acquired_from or filter.acquired_to:
        first, last = (when.isoformat() if when else None for when in (filter.acquired_from, filter.acquired_to))
        must.append(edge.FieldCondition(key=ACQUIRED_AT, range=edge.RangeDateTime(gte=first, lte=last)))
    return edge.Filter(must=must) if must else None


def _place(region: Box | Ring) -> Any:
    if isinstance(region, Ring):
        ring = [edge.GeoPoint(lon, lat) for lon, lat in region.corners]
        return edge.FieldCondition(key=LOCATION, geo_polygon=edge.GeoPolygon(exterior=ring))
    west, south, east, north = region
    box = edge.GeoBoundingBox(top_left=edge.GeoPoint(west, north), bottom_right=edge.GeoPoint(east, south))
    return edge.FieldCondition(key=LOCATION, geo_bounding_box=box)


def _match(hit: Any) -> Match:
    return Match(item_id(hit.payload), round(float(hit.score), SCORE_DIGITS), hit.payload)


def _requests(ids: Iterable[str]) -> Iterator[list[str]]:
    wanted = sorted(set(ids))
    for start in range(0, len(wanted), BATCH):
        yield wanted[start : start + BATCH]
