"""The index on a Qdrant server or cluster, through `qdrant-client`.

``QdrantClient(":memory:")`` is its test double. The server makes its search graph by itself, and refuses filters on
fields without a payload index. Vectors are stored as float16; of a large collection it keeps int8 copies in memory,
searches those, and scores the best again with the stored ones, which then lie on its disk.

It does not know the archive. Areas and the order of hits are `ingest.index.protocol`'s.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Literal, Self
from urllib.parse import urlsplit

import httpx
import numpy as np
import numpy.typing as npt
from qdrant_client import QdrantClient, models
from qdrant_client.http.exceptions import ApiException

from ingest.geo.outline import Box, Ring, regions
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
    batches,
    gathered,
    item_id,
    point_id,
    query_vector,
    ranked,
    touching_payloads,
)
from trainer.errors import VectorIndexError

TIMEOUT_S = 60
CONNECT_S = 5
CONNECT_AGAIN = 3  # with pauses of 0.5, 1, 2 s: a restart goes unnoticed; who must survive more, waits and comes again
_PAGE = 1_000  # payloads in one answer

Datatype = Literal["float32", "float16"]


class _Transport(httpx.HTTPTransport):
    """Tries again to connect, and gives up on that long before it gives up on an answer."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.extensions["timeout"]["connect"] = CONNECT_S
        return super().handle_request(request)


def connect(url: str, api_key: str | None = None) -> QdrantClient:
    """A client of a server that answers.

    Raises:
        VectorIndexError: It does not answer, or refuses the key.
    """
    # uncompressed: a server that gzips its answers stalls two queries in five by 40 ms
    headers = {"accept-encoding": "identity"}
    if api_key is not None:
        headers["api-key"] = api_key  # as a header: `doctor` warns where it goes over plain http
    try:
        client = QdrantClient(
            url=url,
            headers=headers,
            timeout=TIMEOUT_S,
            # it would ask for the server's version once more, and only warn
            check_compatibility=False,
            transport=_Transport(retries=CONNECT_AGAIN, verify=url.startswith("https:")),  # else none is loaded
        )
        # nothing has gone over the wire until here: a wrong address or key shows now
        client.get_collections()
    except (ApiException, ValueError, OSError) as error:
        raise VectorIndexError(
            f"no Qdrant server answers at {_shown(url)} ({_first_line(error)}); start it, or check its address and key"
        ) from error
    return client


class ServerIndex:
    """One collection on a server; see `ingest.index.protocol.Index`.

    Args:
        client: From `connect`.
        name: Collection, made when missing.
        dim: Length of its vectors.
        datatype: How a new collection stores them.
        int8_above: Above so many vectors the search goes over int8 copies of them.
        closes_client: `close` closes the client too; otherwise it stays the caller's.

    Raises:
        VectorIndexError: The server does not answer, or has this collection with other vectors.
    """

    def __init__(
        self,
        client: QdrantClient,
        name: str,
        dim: int,
        *,
        datatype: Datatype = "float16",
        int8_above: int = 1_000_000,
        closes_client: bool = False,
    ) -> None:
        self._closes_client = closes_client
        self.client = client
        self.name = name
        self.dim = dim
        options = client.init_options
        self._local = options.get("location") == ":memory:" or options.get("path") is not None  # no server
        self._int8_above = int8_above
        try:
            with self._engine():
                if not client.collection_exists(name):
                    self._create(datatype)
                self._int8 = self._check()
                self._index_payload()
        except BaseException:
            self.close()
            raise

    def __repr__(self) -> str:
        return f"ServerIndex({self.name!r}, dim={self.dim})"

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
        condition = _condition(filter)

        def fetch(limit: int, exact: bool) -> list[Match]:
            # local mode is always exact, and warns about parameters that it does not use
            params = None if self._local else self._search_params(exact)
            with self._engine():
                hits = self.client.query_points(
                    self.name,
                    query=unit,
                    using=VECTOR,
                    query_filter=condition,
                    limit=limit,
                    with_payload=True,
                    search_params=params,
                ).points
            return [_match(hit.score, hit.payload or {}) for hit in hits]

        return ranked(fetch, k, filter)

    def candidates(self, vectors: npt.ArrayLike, k: int, filter: Filter | None = None) -> Candidates:
        """What several vectors find; see `ingest.index.protocol.Index.candidates`."""
        condition = _condition(filter)

        def ask(units: list[list[float]], limit: int, exact: bool) -> list[list[Any]]:
            params = None if self._local else self._search_params(exact)
            requests = [
                models.QueryRequest(
                    query=unit,
                    using=VECTOR,
                    filter=condition,
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
            return ((found[key].payload or {}, _direction(found[key])) for key in keys)

        return gathered(ask, read, vectors, k, filter, name=self.name, dim=self.dim)

    def count(self, filter: Filter | None = None) -> int:
        """Number of items, exactly."""
        if filter is not None and filter.nothing:
            return 0
        if filter is None or filter.area is None:
            with self._engine():
                return self.client.count(self.name, count_filter=_condition(filter), exact=True).count
        area = filter.area
        pages = self._pages([LOCATION, "size_m"], _condition(filter))
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

    def serve_as(self, alias: str) -> None:
        """Points an alias of the server here, in one step; a second call changes nothing."""
        with self._engine():
            there = {known.alias_name: known.collection_name for known in self.client.get_aliases().aliases}
            if there.get(alias) == self.name:
                return
            new = models.CreateAlias(collection_name=self.name, alias_name=alias)
            steps: list[models.AliasOperations] = [models.CreateAliasOperation(create_alias=new)]
            # in one request: readers find the old collection or the new one, never none
            if alias in there:
                old = models.DeleteAlias(alias_name=alias)
                steps.insert(0, models.DeleteAliasOperation(delete_alias=old))
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
        except VectorIndexError:
            raise
        except (ApiException, ValueError, OSError) as error:
            raise VectorIndexError(
                f"index {self.name!r} on the Qdrant server failed ({_first_line(error)}); "
                "check the server, then run `groundcast verify NAME --repair` if points are missing"
            ) from error

    def _create(self, datatype: Datatype) -> None:
        """Makes the collection. Payload indexes come before the first point, and a filter without one is refused."""
        try:
            self.client.create_collection(
                self.name,
                vectors_config={
                    VECTOR: models.VectorParams(
                        size=self.dim, distance=models.Distance.COSINE, datatype=models.Datatype(datatype)
                    )
                },
                strict_mode_config=models.StrictModeConfig(
                    enabled=True, unindexed_filtering_retrieve=False, unindexed_filtering_update=False
                ),
            )
        except (ApiException, ValueError):
            if not self.client.collection_exists(self.name):  # another process may have been faster
                raise

    def _index_payload(self) -> None:
        """Makes the payload indexes that are missing: whoever made the collection may have died before them."""
        if self._local:  # where they have no effect and a warning says so
            return
        kinds = models.PayloadSchemaType
        there = self.client.get_collection(self.name).payload_schema or {}
        for field, kind in ((LOCATION, kinds.GEO), (ACQUIRED_AT, kinds.DATETIME)):
            if field not in there:
                self.client.create_payload_index(self.name, field, field_schema=kind, wait=True)

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

    def _check(self) -> bool:
        """Whether the collection has int8 copies already.

        Raises:
            VectorIndexError: It has other vectors than were asked for.
        """
        config = self.client.get_collection(self.name).config
        vectors = config.params.vectors
        params = vectors.get(VECTOR) if isinstance(vectors, dict) else None
        if params is None or (params.size, params.distance) != (self.dim, models.Distance.COSINE):
            found = "no such vectors" if params is None else f"{params.size} values, {params.distance.value}"
            raise VectorIndexError(
                f"index {self.name!r} on the Qdrant server has {found}; asked for were vectors {VECTOR!r} of "
                f"{self.dim} values, Cosine: use the model it was made with, or another collection name"
            )
        return config.quantization_config is not None

    def _pages(self, fields: list[str], condition: models.Filter | None) -> Iterator[list[dict[str, Any]]]:
        offset: Any = None
        while True:
            with self._engine():
                records, offset = self.client.scroll(
                    self.name,
                    scroll_filter=condition,
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


def _condition(filter: Filter | None) -> models.Filter | None:
    """A filter in Qdrant's words: any of the outlines, and the dates."""
    if filter is None:
        return None
    must: list[models.Condition] = []
    if filter.area is not None:
        must.append(models.Filter(should=[_place(region) for region in regions(filter.area, filter.reach_m)]))
    if filter.acquired_from or filter.acquired_to:
        dates = models.DatetimeRange(gte=filter.acquired_from, lte=filter.acquired_to)
        must.append(models.FieldCondition(key=ACQUIRED_AT, range=dates))
    return models.Filter(must=must) if must else None


def _place(region: Box | Ring) -> models.FieldCondition:
    if isinstance(region, Ring):
        ring = [models.GeoPoint(lon=lon, lat=lat) for lon, lat in region.corners]
        polygon = models.GeoPolygon(exterior=models.GeoLineString(points=ring))
        return models.FieldCondition(key=LOCATION, geo_polygon=polygon)
    west, south, east, north = region
    box = models.GeoBoundingBox(
        top_left=models.GeoPoint(lon=west, lat=north), bottom_right=models.GeoPoint(lon=east, lat=south)
    )
    return models.FieldCondition(key=LOCATION, geo_bounding_box=box)


def _direction(record: models.Record) -> list[float]:
    """The vector of a record that was read with it."""
    vector = record.vector[VECTOR] if isinstance(record.vector, dict) else None
    if not isinstance(vector, list):
        raise VectorIndexError(
            f"point {record.id} on the Qdrant server has no vector {VECTOR!r}; run `groundcast verify`"
        )
    return vector  # type: ignore[return-value]  # of numbers: the collection holds no multivectors


def _match(score: float, payload: dict[str, Any]) -> Match:
    return Match(item_id(payload), round(float(score), SCORE_DIGITS), payload)


def _shown(url: str) -> str:
    """An address without a password in it."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname}" + (f":{parts.port}" if parts.port else "")


def _first_line(error: Exception) -> str:
    return next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
