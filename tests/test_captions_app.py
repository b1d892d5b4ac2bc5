"""Captions on the demonstration's island: the command line, the service and its route, the drawer of a place."""

import re
import shutil
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
from conftest import Demo, Groundcast
from home_copy import copy_of
from starlette.applications import Starlette
from starlette.testclient import TestClient
from streamlit.testing.v1 import AppTest

from ingest.settings import load_settings
from search_ui import server
from search_ui.ground.captions import CaptionQuery, usual_moments
from search_ui.service import service as running
from search_ui.service.service import Service
from trainer.bundled import bundle_folder
from trainer.captioning import daytime
from trainer.captioning.folder import BUNDLED

BEACH = "43.1 N 165.0 W"
APP = str(Path(running.__file__).parents[1] / "app.py")


@pytest.fixture(scope="module")
def service(demo: Demo, tmp_path_factory: pytest.TempPathFactory, places_folder: Path) -> Iterator[Service]:
    home = copy_of(demo.home, tmp_path_factory.mktemp("captions") / "home")
    yield running.start(load_settings(home))
    running.stop()


@pytest.fixture(scope="module")
def client(service: Service) -> TestClient:
    return TestClient(Starlette(routes=server.routes(service)))


@pytest.fixture(scope="module")
def beach(service: Service) -> str:
    """The tile of the demonstration that is most like a beach full of bathers."""
    from search_ui.search.query import Part, Query

    query = Query(parts=(Part("text", "people swimming at a sandy beach"),), when=datetime(2025, 7, 12, 14), k=1)
    return service.search("demo", query).answer.hits[0].tile_id


def test_a_caption_of_a_beach_names_the_beach_and_the_moment(service: Service, beach: str) -> None:
    whens = (datetime(2025, 7, 12, 14), datetime(2025, 1, 12, 23), None)
    summer, winter, timeless = service.caption("demo", CaptionQuery(tile_id=beach, whens=whens)).captions
    assert re.search(r"beach|sea|sand|swim|bath|shore", summer.text), summer.text
    assert daytime.said_seasons(summer.text) <= {"summer"} and daytime.said_parts(summer.text) <= {"afternoon", "noon"}
    assert daytime.said_seasons(winter.text) <= {"winter"} and daytime.said_parts(winter.text) == {"night"}
    assert len({summer.text, winter.text, timeless.text}) == 3
    assert 0.2 < summer.cosine < 1
    assert winter.when == whens[1] and timeless.when is None


def test_captions_over_a_year_tell_day_from_night_everywhere(service: Service, beach: str) -> None:
    view = service.caption("demo", CaptionQuery(tile_id=beach, whens=usual_moments(2025)))
    assert view.method == "captioner" and view.note is None
    night = [said for said in view.captions if said.when.hour == 23]
    day = [said for said in view.captions if said.when.hour == 13]
    assert all("night" in daytime.said_parts(said.text) for said in night)
    assert not any("night" in daytime.said_parts(said.text) for said in day)


def test_the_route_says_what_the_service_says_and_is_in_the_document(client: TestClient, beach: str) -> None:
    asked = {"collection": "demo", "tile": beach, "when": ["2025-07-12T14", "T23"]}
    answer = client.get("/api/caption", params=asked)
    assert answer.status_code == 200
    document = answer.json()
    assert [said["when"] for said in document["captions"]] == ["2025-07-12T14:00:00", "23:00:00"]
    assert all(said["text"] and -1 <= said["cosine"] <= 1 for said in document["captions"])
    assert "sandbox" in document["attribution"] and document["tile_id"] == beach
    again = client.get("/api/caption", params=asked, headers={"If-None-Match": answer.headers["ETag"]})
    assert again.status_code == 304
    assert "/api/caption" in client.get("/api/openapi.json").json()["paths"]


@pytest.mark.parametrize(
    ("asked", "status", "said"),
    [
        ({}, 400, "give the tile to look from, or a place"),
        ({"tile": "none"}, 404, "has no tile 'none'"),
        ({"at": BEACH, "when": "yesterday"}, 400, "cannot be read"),
        ({"at": BEACH, "when": "T10", "moments": "true"}, 400, "give one of them"),
        ({"at": "10 N 10 E"}, 400, "the nearest"),
        ({"at": BEACH, "bogus": "1"}, 422, "bogus"),
    ],
)
def test_a_route_asked_wrongly_says_what_is_wrong(client: TestClient, asked, status: int, said: str) -> None:
    answer = client.get("/api/caption", params={"collection": "demo"} | asked)
    assert answer.status_code == status
    assert said in answer.json()["error"]["message"]


@pytest.mark.filterwarnings("default")  # Streamlit's own are not ours to mend
def test_the_drawer_of_a_place_says_it_in_words_and_through_the_year(service: Service, beach: str) -> None:
    app = AppTest.from_file(APP, default_timeout=240)
    for name, value in {"collection": "demo", "tile": beach}.items():
        app.query_params[name] = value
    app.run()
    assert not app.exception
    expected = service.caption("demo", CaptionQuery(tile_id=beach)).captions[0].text
    assert any(expected in str(one.value).replace("\\", "") for one in app.markdown)
    app.toggle(key="wordy").set_value(True).run()
    assert not app.exception
    through = service.caption("demo", CaptionQuery(tile_id=beach, whens=usual_moments())).captions
    shown = " ".join(str(one.proto.body) for one in app.get("html"))
    assert all(said.text in shown for said in through)


def test_the_command_line_prints_captions_and_their_cosines(
    service: Service, groundcast: Groundcast, beach: str
) -> None:
    home = service.settings.home
    asked = ("--home", home, "caption", "--tile", beach, "--collection", "demo")
    document = groundcast(*asked, "--moments", "--json").json()
    assert document["method"] == "captioner" and len(document["captions"]) == 16
    printed = groundcast(*asked, "--when", "2025-07-12T14", "--when", "2025-01")
    assert printed.code == 0
    first, july, january = printed.out.splitlines()
    assert first.startswith(beach) and "by captioner" in first
    assert "  12 July 2025, 14:00 " in july and "  January 2025 " in january


def test_phrases_of_ones_own_are_chosen_by_their_cosine(
    service: Service, groundcast: Groundcast, beach: str, tmp_path: Path
) -> None:
    (tmp_path / "mine.txt").write_text("people swimming at a sandy beach\na quarry with excavators\na ski slope\n")
    home = service.settings.home
    asked = ("--home", home, "caption", "--tile", beach, "--collection", "demo", "--bank", tmp_path / "mine.txt")
    (said,) = groundcast(*asked, "--phrases", "--when", "2025-07-12T14", "--json").json()["captions"]
    assert said["text"].startswith("people swimming at a sandy beach") and "night" not in said["text"]
    (timeless,) = groundcast(*asked, "--phrases", "--json").json()["captions"]
    assert timeless["text"] == "people swimming at a sandy beach"
    wrong = groundcast(*asked)
    assert wrong.code == 2 and "--bank is for --phrases" in wrong.err


def test_a_captioner_that_belongs_to_another_model_is_refused_in_one_line(
    service: Service, groundcast: Groundcast, beach: str, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    shutil.copytree(bundle_folder() / BUNDLED, other)
    meta = (other / "meta.json").read_text()
    own = service.tiles("demo").model_id
    (other / "meta.json").write_text(meta.replace(own, "f" * 16))
    home = service.settings.home
    failed = groundcast("--home", home, "caption", "--tile", beach, "--collection", "demo", "--captioner", other)
    assert failed.code == 1 and failed.err.count("\n") == 1
    assert "belongs to model ffffffffffffffff" in failed.err
