"""Saved searches look into what has come: new hits once, nothing of what was there, and a feed of them."""

import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import sqlalchemy as sa
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.testclient import TestClient

from ingest.archive.parts import Archive
from ingest.catalog import search_hits
from ingest.catalog.migrations.tables import SearchHitRow
from ingest.catalog.saved_searches import SavedSearch
from ingest.catalog.search_hits import SearchHits
from ingest.settings import Settings
from search_ui import server
from search_ui.routes import watch
from search_ui.routes.watch import look, tell
from search_ui.search.query import Query
from search_ui.service.news import News
from search_ui.service.service import Service
from tests.test_requests import DIM, Model, fill
from trainer.errors import GroundcastError, MissingError, SettingsError

ATOM = "{http://www.w3.org/2005/Atom}"


class Sea(Model):
    """Finds the sea in tiles that lie along the second axis."""

    def query(self, collection: object, query: Query, spread: object = None) -> np.ndarray:  # type: ignore[override]
        return np.eye(DIM, dtype=np.float32)[1]


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    settings = Settings(home=tmp_path / "home", webhook_url=SecretStr("http://localhost/hook"))
    fill(settings, 1)
    running = Service(settings)
    running.engine._vectors = Sea()  # type: ignore[assignment]
    yield running
    running.close()


def come(service: Service, part: str, like: dict[str, int]) -> None:
    """Tiles by their id and axis, in a part of their own."""
    archive = Archive(service.settings.archive_dir("c0"), "tiles")
    told = {"size_m": 480.0, "acquired_at": None, "gsd_m": None, "valid_fraction": 1.0, "origin": "by hand"}
    rows = [{"tile_id": name, "lat": 11.0, "lon": 20 + n / 10} | told for n, name in enumerate(like)]
    archive.write(part, rows, 9 * np.eye(DIM, dtype=np.float32)[list(like.values())], {"failures": []})


@pytest.fixture
def saved(service: Service) -> SavedSearch:
    # many others first: what is usual in a collection is not told by five tiles
    come(service, "usual", {f"u{n}": 2 + n % (DIM - 2) for n in range(300)})
    return service.save("The sea", "c0", {"q": "the sea", "k": 1})


def test_what_comes_is_found_once_and_what_was_there_never(service: Service, saved: SavedSearch) -> None:
    assert look(service, saved) == 0
    come(service, "new", {"bay": 1, "wood": 4, "cove": 1})
    assert look(service, saved) == 2  # though the question asks for one place
    assert look(service, saved) == 0
    hits = SearchHits(service.catalog).latest(saved.id, 9)
    assert {hit.tile_id for hit in hits} == {"bay", "cove"}
    assert all(hit.hit["relevance"] >= 0.1 for hit in hits)
    come(service, "same", {"bay": 1})  # ingested again
    assert look(service, saved) == 0


@pytest.mark.parametrize("question", [{"k": 10_000}, {"when": "23:00:00"}])
def test_a_search_of_as_many_places_as_the_app_lists_or_at_an_hour_alone_has_news_too(
    service: Service, saved: SavedSearch, question: dict[str, object]
) -> None:
    wide = service.save("The sea", "c0", saved.question | question)
    come(service, "new", {"bay": 1, "wood": 4, "cove": 1})
    assert look(service, wide) == 2


def test_the_same_tiles_seen_by_another_model_are_no_news(service: Service, saved: SavedSearch) -> None:
    archive = Archive(service.settings.archive_dir("c0"), "tiles")
    for path in archive.parts():
        archive.path(path.stem).unlink()
    come(service, "moved", {"bay": 1})
    assert look(service, saved) == 0


def test_news_are_told_once_and_again_where_it_failed(
    service: Service, saved: SavedSearch, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[list[str]] = []

    def post(_: Settings, news: News) -> None:
        if not told:
            told.append([])
            raise GroundcastError("the webhook answers 500: see its own log")
        told.append([hit.tile_id for hit in news.hits])

    monkeypatch.setattr(watch, "post", post)
    come(service, "new", {"bay": 1})
    look(service, saved)
    with pytest.raises(GroundcastError, match="answers 500"):
        tell(service, saved)
    assert tell(service, saved) == 0, "not at once"
    monkeypatch.setattr(search_hits, "PAUSE", timedelta(0))
    with service.catalog.session() as session:
        session.execute(sa.update(SearchHitRow).values(post_after=None))
    assert tell(service, saved) == 1
    assert tell(service, saved) == 0
    assert told == [[], ["bay"]]


def test_news_that_an_unforeseen_error_kept_back_are_told_the_next_time(
    service: Service, saved: SavedSearch, monkeypatch: pytest.MonkeyPatch
) -> None:
    come(service, "new", {"bay": 1})
    look(service, saved)
    monkeypatch.setattr(search_hits, "PAUSE", timedelta(0))
    monkeypatch.setattr(watch, "post", lambda *_: {}["missing"])
    with pytest.raises(KeyError):
        tell(service, saved)
    monkeypatch.setattr(watch, "post", lambda *_: None)
    assert tell(service, saved) == 1


def test_settings_that_are_wrong_use_up_no_try(
    service: Service, saved: SavedSearch, monkeypatch: pytest.MonkeyPatch
) -> None:
    come(service, "new", {"bay": 1})
    look(service, saved)

    def post(*_: object) -> None:
        raise SettingsError("add it to allowed_hosts")

    monkeypatch.setattr(watch, "post", post)
    for _ in range(search_hits.MOST_TRIES + 1):
        with pytest.raises(SettingsError):
            tell(service, saved)


def test_whatever_goes_wrong_with_one_search_the_others_are_looked_at(
    service: Service, saved: SavedSearch, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    service.save("Another", "c0", {"q": "the sea"})
    looked, both = [], threading.Event()

    def look_at(_: Service, one: SavedSearch) -> None:
        looked.append(one.name)
        if len(looked) == 3:
            both.set()
        if one.name == "Another":
            raise KeyError("missing")

    monkeypatch.setattr(watch, "look", look_at)
    monkeypatch.setattr(watch, "tell", lambda *_: 0)
    watching = watch.Watching(service, every_s=0.01)
    watching.start()
    assert both.wait(30), "the thread is dead"
    watching.end()
    watching.join(30)
    assert set(looked[:2]) == {"Another", "The sea"}
    assert "saved search 'Another'" in caplog.text


def test_what_was_called_wrong_is_no_news_and_an_outline_bounds_them(service: Service, saved: SavedSearch) -> None:
    around = {"wkt": "POLYGON ((20.05 10, 20.35 10, 20.35 12, 20.05 12, 20.05 10))"}
    asked = service.save("Some", "c0", {"q": "the sea", "disliked": ["cove"]} | around)
    gone = service.save("Gone", "c0", {"q": "the sea", "labels": "0" * 16})
    come(service, "new", {"bay": 1, "wood": 4, "cove": 1, "gulf": 1, "fjord": 1})  # the first and the last lie outside
    with pytest.raises(MissingError, match="no set of labels"):  # told, not passed over
        look(service, gone)
    assert look(service, asked) == 1
    assert [hit.tile_id for hit in SearchHits(service.catalog).latest(asked.id, 9)] == ["gulf"]


def test_the_feed_looks_for_itself_and_keeps_its_entries(service: Service, saved: SavedSearch) -> None:
    client = TestClient(Starlette(routes=server.routes(service)))
    address = f"/api/searches/{saved.id}/feed.xml"
    come(service, "new", {"bay": 1})
    answer = client.get(address)
    assert answer.headers["content-type"] == "application/atom+xml"
    assert "Here" in ElementTree.fromstring(answer.content).findtext(f"{ATOM}entry/{ATOM}title", "")
    assert client.get(address).content == answer.content
    assert client.get("/api/searches/nothing/feed.xml").status_code == 404
