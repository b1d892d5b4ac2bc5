"""Vector engines that `benchmarks.index` compares: how each is built, and how it is asked.

An engine holds the tiles of a `World`. Asked with a text it gives the best nine; in a box, those that touch it; at a
moment, what `search_ui.search.candidates` asks an index for, put in order by the field's formula. Ours do that through
`ingest.index`; the others know neither boxes nor moments, so they get the rows of the box, and the same questions.
"""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.field import SIZE_M, STEP_LAT, STEP_LON, WEST, encoder, make, opened
from ingest.field.columns import Layout, read_state
from ingest.field.scorer import ExactScorer
from ingest.geo.geometry import box
from ingest.index.protocol import BATCH, Filter, Index, Points
from search_ui.search import candidates as proposed
from search_ui.search.candidates import Sample, candidates, questions
from search_ui.search.ranking import best_rows

K = 9
SOUTH = 22.5  # the tropic runs through the tiles, which is where most questions are asked at a moment
REACH_M = SIZE_M / 2 * 2**0.5
DOUBLE_TILES = 20_000  # beyond them the double of a server takes minutes

Rows = np.ndarray
Ask = Callable[[np.ndarray, datetime | None, bool], list[int]]  # text, moment, in the box: best first
Nearest = Callable[[np.ndarray, int, Rows | None], list[Rows]]  # unit vectors [q, d], how many of each, among which


class LeftOutError(Exception):
    """An engine that cannot be measured here, and why."""


@dataclass(frozen=True)
class World:
    """Tiles, and a box that about one in a hundred touches.

    Attributes:
        field: Their exact scorer; it holds the vectors, float16.
        sample: Some of them, which tell what a moment does.
        box: The box as a filter.
        threads: How many each engine may use, where that can be said.
    """

    field: ExactScorer
    sample: Sample
    box: Filter
    threads: int

    def units(self, start: int, stop: int) -> np.ndarray:
        """Unit vectors of rows, float32 [m, d]."""
        vectors = self.field.vectors(np.arange(start, stop)).astype(np.float32)
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    def blocks(self, size: int = 20_000) -> Iterator[tuple[int, int]]:
        """All rows, some at a time."""
        return ((start, min(start + size, self.field.n)) for start in range(0, self.field.n, size))


def make_world(folder: Path, n: int, dim: int, threads: int) -> World:
    """The tiles of `benchmarks.field` around the tropic, made where they are not in the folder yet."""
    form = encoder(dim, "full")
    if read_state(folder, Layout("tiles", "m", form)) is None:
        make(folder, n, dim, form, SOUTH)
    field = opened(folder, n, dim, threads, form)
    some = np.sort(np.random.default_rng(0).choice(n, min(n, proposed.SAMPLE), replace=False))
    sample = Sample(field.lat[some], field.lon[some], field.vectors(some).astype(np.float32), form)
    side = np.sqrt(n) / 10
    south, west = SOUTH + 3.5 * side * STEP_LAT, WEST + 3.5 * side * STEP_LON
    area = box(west, south, west + side * STEP_LON, south + side * STEP_LAT)
    return World(field, sample, Filter(area=area, reach_m=REACH_M), threads)


class Field:
    """Every tile by the formula; nothing is built."""

    def build(self, world: World, at: Path) -> None:
        """The world has made it."""

    def ask(self, world: World, _: Path) -> Ask:
        """As the engine does."""
        return exactly(world)


def exactly(world: World) -> Ask:
    """The best nine of all tiles, or of those in the box."""
    field = world.field

    def ask(query: np.ndarray, when: datetime | None, boxed: bool) -> list[int]:
        rows = field.rows(world.box) if boxed else None
        return _best(field, query, when, rows)

    return ask


def _best(field: ExactScorer, query: np.ndarray, when: datetime | None, rows: Rows | None) -> list[int]:
    cosine = field.best(query, K, when=when, rows=rows)
    best = best_rows(cosine, K, lambda some: field.ids(some if rows is None else rows[some]))[:K]
    found: list[int] = (best if rows is None else rows[best]).tolist()
    return found


class Ours:
    """An index of this program: Qdrant Edge in a folder, or a server."""

    def __init__(self, *, served: bool) -> None:
        self.served = served
        self._double: Any = None

    def build(self, world: World, at: Path) -> None:
        """Fills it, from where a run before was stopped, and makes the graph."""
        with self.open(world, at) as index:
            for start in range(index.count(), world.field.n, BATCH):
                index.upsert(_points(world, start, min(start + BATCH, world.field.n)))
            index.optimize()

    def ask(self, world: World, at: Path) -> Ask:
        """What the engine of `search_ui` does above `exact_tiles`."""
        if self._double is not None or (self.served and not _server_url()):
            self.build(world, at)  # the double lives as long as its process
        index = self.open(world, at)

        def ask(query: np.ndarray, when: datetime | None, boxed: bool) -> list[int]:
            filter_ = world.box if boxed else Filter()
            pool = candidates(index, world.sample, query, when=when, k=K, filter=filter_)
            best = best_rows(pool.cosine, K, pool.ids)[:K]
            return [world.field.row(one) or 0 for one in pool.ids(best)]

        return ask

    def open(self, world: World, at: Path) -> Index:
        """The index, empty where there is none."""
        if not self.served:
            from ingest.index.edge import EdgeIndex

            return EdgeIndex(at, "tiles", world.field.dim)
        from qdrant_client import QdrantClient

        from ingest.index.connection import connect
        from ingest.index.server import ServerIndex

        url = _server_url()
        if url:
            return ServerIndex(connect(url), f"benchmark-{world.field.n}", world.field.dim, closes_client=True)
        if world.field.n > DOUBLE_TILES:
            raise LeftOutError(f"GROUNDCAST_TEST_QDRANT_URL names no server, and its double takes {DOUBLE_TILES:,}")
        self._double = self._double or QdrantClient(":memory:")
        return ServerIndex(self._double, "tiles", world.field.dim)


def _server_url() -> str | None:
    return os.environ.get("GROUNDCAST_TEST_QDRANT_URL")


def _points(world: World, start: int, stop: int) -> Points:
    """With the payload of a tile of a GeoTIFF."""
    field, rows = world.field, np.arange(start, stop)
    vectors, ids = field.vectors(rows).astype(np.float32), field.ids(rows)
    places = zip(ids, field.lat[rows].tolist(), field.lon[rows].tolist(), np.linalg.norm(vectors, axis=1), strict=True)
    scene = {"acquired_at": "2024-06-01T00:00:00+00:00", "gsd_m": 0.6, "valid_fraction": 1.0, "origin": "scene.tif"}
    payloads = [
        {"tile_id": one, "location": {"lon": lon, "lat": lat}, "size_m": SIZE_M, "norm": float(norm), **scene}
        | {"bbox": [lon - STEP_LON / 2, lat - STEP_LAT / 2, lon + STEP_LON / 2, lat + STEP_LAT / 2]}
        for one, lat, lon, norm in places
    ]
    return Points(ids, vectors, payloads)


class Others:
    """An engine of others: it knows unit vectors, and at best which rows it may look at."""

    def build(self, world: World, at: Path) -> None:
        """Writes its file or folder."""
        raise NotImplementedError

    def nearest(self, world: World, at: Path) -> Nearest:
        """Opens it."""
        raise NotImplementedError

    def ask(self, world: World, at: Path) -> Ask:
        """At a moment it is asked what an index of ours is, and the field's formula puts the answers in order."""
        nearest, field = self.nearest(world, at), world.field

        def ask(query: np.ndarray, when: datetime | None, boxed: bool) -> list[int]:
            rows = field.rows(world.box) if boxed else None
            if when is None:
                found: list[int] = nearest(query[None], K, rows)[0].tolist()
                return found
            asked = [*questions(world.sample, query, when=when, filter=world.box if boxed else Filter()), query]
            union = np.unique(np.concatenate(nearest(np.array(asked), proposed.LEAST, rows))).astype(np.int64)
            return _best(field, query, when, union)

        return ask


class Faiss(Others):
    """FAISS over float16: `ivf` lists, or a graph."""

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def build(self, world: World, at: Path) -> None:
        """Trains on some, adds all."""
        import faiss

        faiss.omp_set_num_threads(world.threads)
        dim, inner = world.field.dim, faiss.METRIC_INNER_PRODUCT
        half = faiss.ScalarQuantizer.QT_fp16
        if self.kind == "ivf":
            lists = int(4 * np.sqrt(world.field.n))
            index = faiss.IndexIVFScalarQuantizer(faiss.IndexFlatIP(dim), dim, lists, half, inner, False)
            index.cp.niter = 8
            index.train(world.units(0, min(world.field.n, 39 * lists)))
        else:
            index = faiss.IndexHNSWSQ(dim, half, 16, inner)
            index.hnsw.efConstruction = 100  # as Qdrant has it
            index.train(world.units(0, min(world.field.n, 1_000)))
        for start, stop in world.blocks():
            index.add(world.units(start, stop))
        faiss.write_index(index, str(at))

    def nearest(self, world: World, at: Path) -> Nearest:
        """A selector of rows in a box, as FAISS has it."""
        import faiss

        faiss.omp_set_num_threads(world.threads)
        index = faiss.read_index(str(at))

        def nearest(units: np.ndarray, count: int, rows: Rows | None) -> list[Rows]:
            among: dict[str, Any] = {} if rows is None else {"sel": faiss.IDSelectorBatch(rows)}
            if self.kind == "ivf":
                params = faiss.SearchParametersIVF(nprobe=max(16, index.nlist // 16), **among)
            else:
                params = faiss.SearchParametersHNSW(efSearch=256, **among)
            found = index.search(units.astype(np.float32), count, params=params)[1]
            return [some[some >= 0] for some in found]

        return nearest


class Usearch(Others):
    """usearch's graph over float16, mapped from its file."""

    def build(self, world: World, at: Path) -> None:
        """In memory, then saved."""
        from usearch.index import Index as Graph

        graph = Graph(ndim=world.field.dim, metric="ip", dtype="f16", connectivity=16, expansion_add=100)
        for start, stop in world.blocks():
            graph.add(np.arange(start, stop), world.units(start, stop).astype(np.float16), threads=world.threads)
        graph.save(str(at))

    def nearest(self, world: World, at: Path) -> Nearest:
        """It cannot be held to rows."""
        from usearch.index import Index as Graph

        graph = Graph(
            ndim=world.field.dim, metric="ip", dtype="f16", connectivity=16, expansion_add=100, expansion_search=256
        )
        graph.view(str(at))

        def nearest(units: np.ndarray, count: int, rows: Rows | None) -> list[Rows]:
            if rows is not None:
                raise LeftOutError("usearch has no filter in Python")
            # all questions in one call, which the threads share
            found = graph.search(units.astype(np.float16), count, threads=world.threads)
            return list(np.asarray(found.keys).reshape(len(units), -1).astype(np.int64))

        return nearest


class Lance(Others):
    """LanceDB's IVF lists of product-quantized vectors, the best scored again with float32."""

    def build(self, world: World, at: Path) -> None:
        """A table, then its index."""
        import lancedb
        import pyarrow as pa

        def batches() -> Iterator[pa.RecordBatch]:
            for start, stop in world.blocks():
                vectors = pa.FixedSizeListArray.from_arrays(world.units(start, stop).ravel(), world.field.dim)
                yield pa.record_batch({"row": pa.array(np.arange(start, stop)), "vector": vectors})

        first = next(batches())
        table = lancedb.connect(at).create_table("tiles", batches(), schema=first.schema, mode="overwrite")
        table.create_index(
            metric="dot",
            vector_column_name="vector",
            num_partitions=max(4, world.field.n // 4_096),
            num_sub_vectors=world.field.dim // 8,
        )
        table.create_scalar_index("row")

    def nearest(self, world: World, at: Path) -> Nearest:
        """The rows of a box as a condition that acts before the search."""
        import lancedb

        table = lancedb.connect(at).open_table("tiles")

        def nearest(units: np.ndarray, count: int, rows: Rows | None) -> list[Rows]:
            found = []
            for unit in units:
                asked = table.search(unit.astype(np.float32)).distance_type("dot").limit(count).select(["row"])
                asked = asked.nprobes(max(8, world.field.n // 65_536)).refine_factor(4)
                if rows is not None:
                    asked = asked.where(f"row in ({', '.join(map(str, rows.tolist()))})", prefilter=True)
                found.append(asked.to_arrow()["row"].to_numpy())
            return found

        return nearest


ENGINES: dict[str, Any] = {
    "field": Field(),
    "edge": Ours(served=False),
    "server": Ours(served=True),
    "faiss-ivf": Faiss("ivf"),
    "faiss-hnsw": Faiss("hnsw"),
    "usearch": Usearch(),
    "lancedb": Lance(),
}
