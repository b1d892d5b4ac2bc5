"""Sets of labels over HTTP, on the demonstration's island."""

import io
import json

import geopandas
import numpy as np
import pytest
from home_copy import copy_of
from PIL import Image
from starlette.applications import Starlette
from starlette.testclient import TestClient

from ingest.settings import load_settings
from search_ui import server
from search_ui.service import service as running

BEACH = "people swimming at a sandy beach"
ASKED = {"q": BEACH, "when": "2025-07-12T14"}


@pytest.fixture(scope="module")
def service(demo, tmp_path_factory):
    home = copy_of(demo.home, tmp_path_factory.mktemp("labels") / "home")
    yield running.start(load_settings(home))
    running.stop()


@pytest.fixture(scope="module")
def client(service):
    return TestClient(Starlette(routes=server.routes(service)))


@pytest.fixture
def made(client):
    """A set of ten yes, the best, and ten no, from the middle of the order."""
    found = client.post("/api/labels", json={"name": "Bathers", "collection": "demo"} | ASKED).json()
    hits = client.get("/api/search", params={"collection": "demo", "k": 1000} | ASKED).json()["hits"]
    for label, some in (("yes", hits[:10]), ("no", hits[-10:])):
        tiles = [hit["tile_id"] for hit in some]
        answer = client.post(f"/api/labels/{found['id']}/tiles", json={"label": label, "tiles": tiles, "by": "Ada"})
        assert answer.status_code == 200, answer.text
    yield client.get(f"/api/labels/{found['id']}").json()
    client.delete(f"/api/labels/{found['id']}")


def test_a_set_is_made_listed_renamed_and_deleted(client) -> None:
    made = client.post("/api/labels", json={"name": "a", "collection": "demo"} | ASKED).json()
    assert made["question"] == ASKED and made["counts"] == {"yes": 0, "no": 0, "unsure": 0}
    assert client.patch(f"/api/labels/{made['id']}", json={"name": "b"}).json()["name"] == "b"
    assert [one["name"] for one in client.get("/api/labels?collection=demo").json()["sets"]] == ["b"]
    few = client.get(f"/api/labels/{made['id']}/classifier")
    assert few.status_code == 400 and "label 5 more yes and 5 more no" in few.json()["error"]["message"]
    assert client.delete(f"/api/labels/{made['id']}").json() == {"deleted": made["id"]}
    assert client.get(f"/api/labels/{made['id']}").status_code == 404


def test_a_no_leaves_the_list_and_labels_steer_it(client, made) -> None:
    asked = {"collection": "demo", "k": 9, "labels": made["id"]} | ASKED
    first = client.get("/api/search", params=asked)
    best = first.json()["hits"][0]["tile_id"]
    assert "10 yes and 10 no" in first.json()["note"]
    client.post(f"/api/labels/{made['id']}/tiles", json={"label": "no", "tiles": [best]})
    again = client.get("/api/search", params=asked, headers={"If-None-Match": first.headers["ETag"]})
    assert again.status_code == 200
    assert best not in [hit["tile_id"] for hit in again.json()["hits"]] and len(again.json()["hits"]) == 9


def test_the_classifier_says_how_sure_it_is_and_its_map_and_areas_can_be_taken(client, made, tmp_path) -> None:
    told = client.get(f"/api/labels/{made['id']}/classifier").json()
    assert told["classifier"]["area"] >= told["classifier"]["interval"][0] > 0.5
    assert told["question"]["area"] > 0.9 and told["yes"] == told["no"] == 10
    assert any("10 yes and 10 no are few" in note for note in told["notes"])
    asked = {"value": "probability", "labels": made["id"]}
    whole = client.get("/scores/demo/image.png", params=asked | {"px": 256, "min_probability": 0.5})
    shown = np.asarray(Image.open(io.BytesIO(whole.content)).convert("RGBA"))[..., 3] > 0
    assert 0 < shown.mean() < 0.5
    legend = client.get("/scores/demo/legend.json", params=asked).json()
    assert (legend["legend"]["low"], legend["legend"]["high"]) == (0, 1) and "probability" in legend["legend"]["unit"]
    taken = client.get(f"/api/labels/{made['id']}/areas", params={"threshold": 0.5, "format": "parquet"})
    areas = geopandas.read_parquet(io.BytesIO(taken.content))
    assert len(areas) and (areas["area_km2"] >= 0.22).all() and "sandbox" in taken.headers["X-Attribution"]
    assert areas["area_km2"].sum() == pytest.approx(0.48**2 * areas["tiles"].sum(), rel=0.02)


@pytest.mark.parametrize("format", ["geojson", "parquet", "csv"])
def test_a_set_goes_out_and_comes_in(client, made, format) -> None:
    content = client.get(f"/api/labels/{made['id']}/export", params={"format": format}).content
    asked = {"collection": "demo", "format": format, "name": f"again {format}"}
    other = client.post("/api/labels/import", params=asked, content=content).json()
    assert other["taken"] == {"labels": 20, "by_place": 0, "left_out": []}
    assert client.get(f"/api/labels/{other['id']}").json()["labels"] == made["labels"]
    client.delete(f"/api/labels/{other['id']}")


@pytest.mark.parametrize(
    ("path", "body", "status", "told"),
    [
        ("/tiles", {"label": "perhaps", "tiles": ["a"]}, 422, "label"),
        ("/tiles", {"label": "yes"}, 400, "nothing is labelled"),
        ("/tiles", {"label": "yes", "tiles": ["a"], "bbox": "1,2,3,4"}, 400, "tiles and bbox: give one"),
        ("/tiles", {"label": "yes", "tiles": ["a"]}, 404, "no tile 'a'"),
        ("/tiles", {"label": "yes", "bbox": "1,2,3,4"}, 400, "no tile has its middle"),
        ("/tiles", {"label": "yes", "near": "1,2"}, 400, "LAT,LON,KM"),
    ],
)
def test_what_cannot_be_labelled_is_told(client, made, path, body, status, told) -> None:
    answer = client.post(f"/api/labels/{made['id']}{path}", json=body)
    assert answer.status_code == status and told in answer.json()["error"]["message"]


def test_labels_of_another_collection_or_none_draw_no_map(client, made) -> None:
    for asked, status in (({"labels": "nothing"}, 404), ({}, 400), ({"labels": made["id"], "low": 1}, 400)):
        assert client.get("/scores/demo/0/0/0.png", params={"value": "probability"} | asked).status_code == status
    both = {"collection": "demo", "labels": made["id"], "liked": ["a"]} | ASKED
    assert "give one of them" in client.get("/api/search", params=both).json()["error"]["message"]


def test_where_nothing_may_be_changed_labels_are_read_only(client, service, made) -> None:
    service.read_only = True
    try:
        for method, path in (
            ("POST", "/api/labels"),
            ("POST", "/api/labels/import?collection=demo&format=csv"),
            ("POST", f"/api/labels/{made['id']}/tiles"),
            ("PATCH", f"/api/labels/{made['id']}"),
            ("DELETE", f"/api/labels/{made['id']}"),
        ):
            assert client.request(method, path, content=json.dumps({})).status_code == 403
        assert client.get(f"/api/labels/{made['id']}/classifier").status_code == 200
    finally:
        service.read_only = False


def test_a_file_that_is_too_large_or_bad_is_refused(client) -> None:
    asked = {"collection": "demo", "format": "csv"}
    bad = client.post("/api/labels/import", params=asked, content=b"lat,lon,label\n-165,43,yes\n")
    assert bad.status_code == 422 and "swapped coordinates" in bad.json()["error"]["message"]
    large = client.post("/api/labels/import", params=asked, content=b"x" * (21 * 2**20))
    assert large.status_code == 422 and "20 MiB" in large.json()["error"]["message"]
    assert client.get("/api/labels").json()["sets"] == []
