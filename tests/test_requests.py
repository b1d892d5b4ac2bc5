"""What a question costs beside its computing: statements and listings, which must not grow with what there is."""

import os
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace

import numpy as np
import pytest
import sqlalchemy as sa
from fsspec.implementations.memory import MemoryFileSystem
from s3fs import S3FileSystem
from starlette.applications import Starlette
from starlette.testclient import TestClient

from ingest.archive.parts import Archive
from ingest.catalog.catalog import Catalog, Collection
from ingest.catalog.migrations.tables import ChunkRow, CollectionRow, JobRow
from ingest.field.scorer import open_scorer
from ingest.settings import Settings
from search_ui import server
from search_ui.search.engine import Engine
from search_ui.search.query import Part, Query
from search_ui.search.recent import Recent
from search_ui.service.service import Service

DIM = 8
QUERY = Query(parts=(Part("text", "a beach"),), k=3)


class Model:
    """A model that makes a vector of any words, and knows no time."""

    has_encoder, meta, novelty = False, SimpleNamespace(encoding=None), None

    def query(self, collection: Collection, query: Query, spread: object = None) -> np.ndarray:
        return np.eye(DIM, dtype=np.float32)[0]

    def texts(self, collection: Collection, texts: list[str]) -> np.ndarray:
        return np.random.default_rng(0).normal(size=(len(texts), DIM)).astype(np.float32)

    def read_otherwise(self, collection: Collection, query: Query) -> list[str]:
        return []

    def embedder(self, collection: Collection) -> "Model":
        return self


def fill(settings: Settings, count: int) -> None:
    """As many jobs of a collection as parts, and as many collections beside it."""
    settings.home.mkdir()
    catalog = Catalog(settings.catalog_at)
    catalog.add_model("m", "m" * 16)
    spec = {"source": "by hand", "options": {}, "largest_tile_m": 480.0, "places": [["Here", 10.0, 20.0]]}
    now = datetime.now(UTC)
    job = {"collection": "c0", "source": "by hand", "spec": {}, "state": "done", "created_at": now, "updated_at": now}
    chunk = {"item_ids": [], "items": 1, "state": "done", "done": 1, "skipped": {}}
    collection = {"kind": "tiles", "model_id": "m" * 16, "dim": DIM, "spec": spec, "created_at": now}
    numbers = [f"{number:016d}" for number in range(count)]
    with catalog.session() as session:
        session.execute(sa.insert(CollectionRow), [{"name": f"c{int(one)}"} | collection for one in numbers])
        session.execute(sa.insert(JobRow), [{"id": one} | job for one in numbers])
        session.execute(sa.insert(ChunkRow), [{"key": f"{one}-000000", "job": one} | chunk for one in numbers])
    catalog.close()
    archive, random = Archive(settings.archive_dir("c0"), "tiles"), np.random.default_rng(1)
    unknown = {"size_m": 480.0, "acquired_at": None, "gsd_m": None, "valid_fraction": 1.0, "origin": "by hand"}
    tiles = [{"tile_id": f"t{row}", "lat": 10.0, "lon": 20 + row / 10} | unknown for row in range(5)]
    archive.write("0000", tiles, random.normal(size=(5, DIM)).astype(np.float32), {"failures": []})
    for number in range(1, count):  # the last of equal ids counts, so copies do
        archive.path(f"{number:04d}").write_bytes(archive.path("0000").read_bytes())


@pytest.fixture
def counted(monkeypatch):
    """How often SQL was said, and the archive's folder looked into."""
    told: Counter[str] = Counter()
    for name in ("scandir", "listdir"):
        real = getattr(os, name)

        def look(path=".", *, real=real):
            told["listings"] += "/archive/" in str(path)
            return real(path)

        monkeypatch.setattr(os, name, look)

    def said(*_: object) -> None:
        told["statements"] += 1

    sa.event.listen(sa.Engine, "before_cursor_execute", said)
    yield told
    sa.event.remove(sa.Engine, "before_cursor_execute", said)


def spent(counted: Counter[str], ask: Callable[..., object], *asked: object) -> dict[str, int]:
    counted.clear()
    ask(*asked)
    return dict(counted)


def by_api(service: Service) -> None:
    client = TestClient(Starlette(routes=server.routes(service)))
    client.get("/api/search", params={"collection": "c0", "q": "a beach"}).raise_for_status()


def page(service: Service) -> None:
    service.searchable()
    service.shown("c0")


def test_a_question_costs_the_same_with_10_and_with_1000_jobs_parts_and_collections(tmp_path, counted) -> None:
    costs = []
    for count in (10, 1_000):
        settings = Settings(home=tmp_path / str(count))
        fill(settings, count)
        catalog = Catalog(settings.catalog_at)
        engine = Engine(settings, catalog)
        engine._vectors = Model()  # type: ignore[assignment]
        cold = spent(counted, engine.search, "c0", QUERY)
        warm = spent(counted, engine.search, "c0", QUERY)
        catalog.close()
        service = Service(settings)
        service.engine._vectors = Model()  # type: ignore[assignment]
        service._known = Recent(64)  # not for half a second only: this machine may be busy
        app, shown = spent(counted, by_api, service), spent(counted, page, service)
        service.close()
        costs.append((cold, warm, app, shown))
    assert costs[0] == costs[1]
    assert [cost["listings"] for cost in costs[0]] == [1, 1, 1, 1]


def test_on_an_object_store_a_question_lists_the_archive_once(tmp_path, counted, monkeypatch) -> None:
    settings = Settings(home=tmp_path / "home", archive_url="memory://requests/archive")
    fill(settings, 1)
    for name in ("ls", "info", "exists", "find", "glob"):
        real = getattr(MemoryFileSystem, name)

        def look(self, *args, real=real, name=name, **kwargs):
            counted[name] += 1
            return real(self, *args, **kwargs)

        monkeypatch.setattr(MemoryFileSystem, name, look)
    catalog = Catalog(settings.catalog_at)
    engine = Engine(settings, catalog)
    engine._vectors = Model()  # type: ignore[assignment]
    cold = spent(counted, engine.search, "c0", QUERY)
    assert cold["ls"] == 1, "and the field made of the part"
    catalog.close()
    catalog = Catalog(settings.catalog_at)
    engine = Engine(settings, catalog)
    engine._vectors = Model()  # type: ignore[assignment]
    again = spent(counted, engine.search, "c0", QUERY)
    assert set(again) == {"ls", "statements"}
    assert again["ls"] == 1
    # a part that comes between two questions is in the second
    archive = Archive(settings.archive_dir("c0"), "tiles")
    tile = {"tile_id": "new", "lat": 10.0, "lon": 20.0, "size_m": 480.0, "acquired_at": None, "gsd_m": None}
    archive.write(
        "0001", [tile | {"valid_fraction": 1.0, "origin": ""}], np.eye(DIM, dtype=np.float32)[:1], {"failures": []}
    )
    assert engine.search("c0", QUERY).hits[0].tile_id == "new"
    catalog.close()


def test_a_known_archive_costs_an_s3_server_one_listing(tmp_path, counted, monkeypatch, s3) -> None:
    settings = Settings(home=tmp_path / "home", archive_url=s3.url, archive_options=s3.options)
    fill(settings, 3)
    real = S3FileSystem._call_s3

    def call(self, method, *args, **kwargs):
        counted[method] += 1
        return real(self, method, *args, **kwargs)

    monkeypatch.setattr(S3FileSystem, "_call_s3", call)
    catalog = Catalog(settings.catalog_at)
    engine = Engine(settings, catalog)
    engine._vectors = Model()  # type: ignore[assignment]
    assert spent(counted, engine.search, "c0", QUERY)["list_objects_v2"] == 1, "and the parts read for the field"
    assert set(spent(counted, engine.search, "c0", QUERY)) == {"list_objects_v2", "statements"}
    assert counted["list_objects_v2"] == 1
    catalog.close()


def test_an_answer_is_kept_under_what_its_name_stood_for(tmp_path) -> None:
    settings = Settings(home=tmp_path / "home")
    fill(settings, 2)
    service = Service(settings)
    service.engine._vectors = Model()  # type: ignore[assignment]
    service.catalog.add_collection(replace(service.catalog.collection("c0"), name="c0@2", model_id="n" * 16))
    service.catalog.add_model("n", "n" * 16)
    archive = Archive(settings.archive_dir("c0"), "tiles")
    tile = archive.read("0000").table.slice(0, 1).drop_columns(["norm", "vector"]).to_pylist()
    other = Archive(settings.archive_dir("c0@2"), "tiles")
    other.write("0000", tile, np.eye(DIM, dtype=np.float32)[:1], {"failures": []})
    asked = {
        "search": lambda: service.search("c0", QUERY).answer.hits[0].model_id,
        "scores": lambda: len(service.scores("c0", QUERY).tile_id),
    }
    assert service.tiles("c0").model_id == "m" * 16  # for half a second the service does not look again
    service.aliases.point("c0", "c0@2", instead_of="c0")
    at_once = {name: ask() for name, ask in asked.items()}
    service._known = Recent(1, seconds=0.0)
    assert {name: ask() for name, ask in asked.items()} == {"search": "n" * 16, "scores": 1}
    service.aliases.roll_back("c0")
    back = {name: ask() for name, ask in asked.items()}
    service.close()
    assert back == at_once == {"search": "m" * 16, "scores": 5}


def test_a_field_that_is_ahead_of_a_listing_is_not_made_anew(tmp_path) -> None:
    settings = Settings(home=tmp_path / "home")
    fill(settings, 2)
    archive, folder = Archive(settings.archive_dir("c0"), "tiles"), settings.field_dir("c0")
    listed_before = Archive(archive.folder, "tiles", {"0000.parquet": archive.stamps()["0000.parquet"]})
    made = [open_scorer(folder, one, model_id="m" * 16, encoder=None) for one in (archive, listed_before)]
    assert [one.n for one in made] == [5, 5]
    assert [path.name for path in folder.glob("g*")] == ["g000001"]
