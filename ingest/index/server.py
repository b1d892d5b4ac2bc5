"""The index on a Qdrant server or cluster, through `qdrant-client`.

``QdrantClient(":memory:")`` is its test double. The server makes its search graph by itself, and refuses filters on
fields without a payload index. Vectors are stored as float16; of a large collection it keeps int8 copies in memory,
searches those, and scores the best again with the stored ones, which then lie on its disk.

It does not know the archive. Areas and the order of hits are `ingest.index.protocol`'s.
"""

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from qdrant_client import QdrantClient, models

from ingest.index.batches import batches
from ingest.index.conditions import condition
from ingest.index.ownership import AS_USUAL, NewCollection, Owner, Ownership
from ingest.index.protocol import (
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
from ingest.index.refusals import ERRORS, refusal
from ingest.index.sharding import Sharding
from trainer.errors import VectorIndexError

log = logging.getLogger(__name__)

_PAGE = 1_000  # payloads in one answer


class ServerIndex:
    """One collection on a server; see `ingest.index.protocol.Index`.

    Args:
        client: From `ingest.index.connection.connect`.
        name: Of the collection on the server.
        dim: Length of its vectors.
        called: How people ask for it, for messages; None: by its name on the server.
        new: How it is made when missing; None: it is there, it is read alone, and nothing is written.
        owner: Whose it must be; None: anybody's.
        int8_above: Above so many vectors the search goes over int8 copies of them.
        closes_client: `close` closes the client too; otherwise it stays the caller's.

    Raises:
        IndexRightsError: The key may not do it.
        IndexTakenError: It is somebody else's.
        VectorIndexError: The server does not answer, or has this collection with other vectors.
    """

    def __init__(
        self,
        client: QdrantClient,
        name: str,
        dim: int,
        *,
        called: str | None = None,
        new: NewCollection | None = AS_USUAL,
        owner: Owner | None = None,
        int8_above: int = 1_000_000,
        closes_client: bool = False,
    ) -> None:
        self._closes_client = closes_client
        self.client = client
        self.name = name
        self.dim = dim
        self._called = called or name
        options = client.init_options
        self._local = options.get("location") == ":memory:" or options.get("path") is not None  # no server
        self._int8_above = int8_above
        try:
            with self._engine():
                whose = Ownership(client, name, self._called, owner)
                if new is not None and not client.collection_exists(name):
                    whose.create(new, dim)
                self._info = client.get_collection(name)
                whose.check(self._info, dim)
                if new is not None and not self._local:  # where neither rights nor payload indexes have an effect
                    whose.prepare(self._info)
        except BaseException:
            self.close()
            raise
        self._int8 = self._info.config.quantization_config is not None  # copies of its vectors

    def __repr__(self) -> str:
        return f"ServerIndex({self.name!r}, dim={self.dim})"

    @property
    def sharding(self) -> Sharding:
        """How it lies on the nodes of a cluster."""
        return Sharding.of(self._info)

    def upsert(self, points: Points) -> None:
        """Adds or replaces items; returns when the server has them."""
        for batch in batches(points, name=self.name, dim=self.dim):
            vectors: list[list[float]] = batch.vectors.tolist()
            new = [
                models.PointStruct(id=point_id(self.name, item), vector={VECTOR: vector}, payload=payload)
                for item, vector, payload in zip(batch.ids, vectors, batch.payloads, strict=True)
            ]
            with self._engine():
                self.client.upsert(self.name, new, wait=True)
        if points.ids and not self._int8 and not self._local:
            with self._engine():
                self._quantize_if_large()

    def query(self, vector: npt.ArrayLike, k: int, filter: Filter | None = None) -> list[Match]:
        """The k best items; see `ingest.index.protocol.Index.query`."""
        unit: list[float] = query_vector(vector, k, name=self.name, dim=self.dim).tolist()
        if filter is not None and filter.nothing:
            return []
        where = condition(filter)

        def fetch(limit: int, exact: bool) -> list[Match]:
            # local mode is always exact, and warns about parameters that it does not use
            params = None if self._local else self._search_params(exact)
            with self._engine():
                hits = self.client.query_points(
                    self.name,
                    query=unit,
                    using=VECTOR,
                    query_filter=where,
                    limit=limit,
                    with_payload=True,
                    search_params=params,
                ).points
            return [_match(hit.score, hit.payload or {}) for hit in hits]

        return ranked(fetch, k, filter)

    def candidates(self, vectors: npt.ArrayLike, k: int, filter: Filter | None = None) -> Candidates:
        """What several vectors find; see `ingest.index.protocol.Index.candidates`."""
        where = condition(filter)

        def ask(units: list[list[float]], limit: int, exact: bool) -> list[list[Any]]:
            params = None if self._local else self._search_params(exact)
            requests = [
                models.QueryRequest(
                    query=unit,
                    using=VECTOR,
                    filter=where,
                    limit=limit,
                    with_payload=False,
                    with_vector=False,
                    params=params,
                )
                for unit in units
            ]
            with self._engine():
                answers = self.client.query_batch_points(self.name, requests)
            return [[hit.id for hit in answer.points] for answer in answers]

        def read(keys: list[Any]) -> Iterator[tuple[Payload, list[float]]]:
            with self._engine():
                records = self.client.retrieve(self.name, keys, with_payload=list(COLUMNS), with_vectors=[VECTOR])
            found: dict[Any, models.Record] = {record.id: record for record in records}
            return ((found[key].payload or {}, _direction(found[key], self._called)) for key in keys)

        return gathered(ask, read, vectors, k, filter, name=self.name, dim=self.dim)

    def count(self, filter: Filter | None = None) -> int:
        """Number of items, exactly."""
        if filter is not None and filter.nothing:
            return 0
        if filter is None or filter.area is None:
            with self._engine():
                return self.client.count(self.name, count_filter=condition(filter), exact=True).count
        area = filter.area
        pages = self._pages([LOCATION, "size_m"], condition(filter))
        return sum(int(touching_payloads(page, area).sum()) for page in pages)

    def ids(self) -> set[str]:
        """Ids of all items."""
        return {item_id(payload) for page in self._pages(list(ID_FIELDS), None) for payload in page}

    def vectors(self, ids: Iterable[str]) -> dict[str, Vector]:
        """Unit vectors [d] of those ids that are there."""
        found: dict[str, Vector] = {}
        for keys in self._keys(ids):
            with self._engine():
                records = self.client.retrieve(self.name, keys, with_payload=list(ID_FIELDS), with_vectors=[VECTOR])
            for record in records:
                if isinstance(record.vector, dict):
                    found[item_id(record.payload or {})] = np.asarray(record.vector[VECTOR], dtype=np.float32)
        return found

    def delete(self, ids: Iterable[str]) -> None:
        """Removes items; unknown ids are no error."""
        for keys in self._keys(ids):
            with self._engine():
                self.client.delete(self.name, models.PointIdsList(points=list(keys)), wait=True)

    def drop(self) -> None:
        """Removes the collection from the server."""
        with self._engine():
            self.client.delete_collection(self.name)

    def serve_as(self, aliases: Iterable[str], *, own: Iterable[str] = ()) -> None:
        """Points aliases of the server here, in one step; one that leads to a collection that is not `own` stays."""
        wanted = set(aliases)
        with self._engine():
            wanted -= {known.alias_name for known in self.client.get_collection_aliases(self.name).aliases}
            if not wanted:
                return
            there = {known.alias_name: known.collection_name for known in self.client.get_aliases().aliases}
            steps: list[models.AliasOperations] = []
            for alias in sorted(wanted):
                if alias in there and there[alias] not in {*own, self.name}:
                    log.warning("alias %s on the Qdrant server is somebody else's and stays", alias)
                    continue
                # in one request: readers find the old collection or the new one, never none
                if alias in there:
                    steps.append(models.DeleteAliasOperation(delete_alias=models.DeleteAlias(alias_name=alias)))
                new = models.CreateAlias(collection_name=self.name, alias_name=alias)
                steps.append(models.CreateAliasOperation(create_alias=new))
            if steps:
                self.client.update_collection_aliases(steps)

    def optimize(self) -> None:
        """Nothing to call: the server builds its graph in the background."""

    def close(self) -> None:
        """Closes the client, where it is this index's own."""
        if self._closes_client:
            self.client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @contextmanager
    def _engine(self) -> Iterator[None]:
        try:
            yield
        except ERRORS as error:
            raise refusal(error, name=self._called) from error

    def _quantize_if_large(self) -> None:
        """Lets the server make int8 copies once there are many vectors; those it has in memory, the others on disk."""
        if self.client.count(self.name, exact=False).count <= self._int8_above:
            return
        int8 = models.ScalarQuantizationConfig(type=models.ScalarType.INT8, quantile=0.99, always_ram=True)
        self.client.update_collection(
            self.name,
            vectors_config={VECTOR: models.VectorParamsDiff(on_disk=True)},
            quantization_config=models.ScalarQuantization(scalar=int8),
        )
        self._int8 = True

    def _search_params(self, exact: bool) -> models.SearchParams:
        # an exact search looks at the vectors as stored
        rescored = models.QuantizationSearchParams(ignore=exact, rescore=True, oversampling=OVERSAMPLING)
        return models.SearchParams(hnsw_ef=HNSW_EF, exact=exact, quantization=rescored if self._int8 else None)

    def _pages(self, fields: list[str], where: models.Filter | None) -> Iterator[list[dict[str, Any]]]:
        offset: Any = None
        while True:
            with self._engine():
                records, offset = self.client.scroll(
                    self.name,
                    scroll_filter=where,
                    limit=_PAGE,
                    offset=offset,
                    with_payload=fields,
                    with_vectors=False,
                )
            yield [record.payload or {} for record in records]
            if offset is None:
                return

    def _keys(self, ids: Iterable[str]) -> Iterator[list[str]]:
        keys = sorted(point_id(self.name, item) for item in set(ids))
        for start in range(0, len(keys), BATCH):
            yield keys[start : start + BATCH]


def _direction(record: models.Record, called: str) -> list[float]:
    """The vector of a record that was read with it."""
    vector = record.vector[VECTOR] if isinstance(record.vector, dict) else None
    if not isinstance(vector, list):
        raise VectorIndexError(
            f"point {record.id} on the Qdrant server has no vector {VECTOR!r}: "
            f"run `groundcast verify {called} --rebuild-index`"
        )
    return vector  # type: ignore[return-value]  # of numbers: the collection holds no multivectors


def _match(score: float, payload: dict[str, Any]) -> Match:
    return Match(item_id(payload), round(float(score), SCORE_DIGITS), payload)
