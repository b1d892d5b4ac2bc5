"""The service on the demonstration's island, and the routes that answer with it."""

import asyncio
import io
import json
import shutil
import threading
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime
from functools import partial
from urllib.parse import quote

import numpy as np
import pytest
from home_copy import copy_of
from PIL import Image
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.types import Message
from starlette.websockets import WebSocket, WebSocketDisconnect

from ingest.archive.parts import Archive
from ingest.settings import load_settings
from search_ui import server
from search_ui.maps.heatmap import Layer
from search_ui.maps.mercator import ordinate
from search_ui.routes.admission import guard as guard_module
from search_ui.routes.admission import page_uploads
from search_ui.routes.admission.guard import LOCAL, Guard
from search_ui.routes.admission.page_uploads import PageUploads
from search_ui.routes.parameters import SearchParameters
from search_ui.routes.problems import STATUS, status_of
from search_ui.search.feedback import NOTHING_SAID, Feedback
from search_ui.search.query import Part, Query
from search_ui.search.recent import Recent
from search_ui.service import service as running
from search_ui.service.brought.clean_picture import MAX_PICTURE_BYTES
from search_ui.service.brought.overlays import Overlays
from search_ui.service.place_list import Listed
from trainer import errors
from trainer.errors import UploadError

BEACH = "people swimming at a sandy beach"
WHEAT = "farmers harvesting wheat"  # what `groundcast demo` asks is embedded already
SUMMER, WINTER = datetime(2025, 7, 12, 14), datetime(2025, 1, 11, 12)
NIGHT = datetime(2025, 7, 12, 2)
QUERY = Query(parts=(Part("text", BEACH),), when=SUMMER)


@pytest.fixture(scope="module")
def service(demo, tmp_path_factory):
    home = copy_of(demo.home, tmp_path_factory.mktemp("app") / "home")
    yield running.start(load_settings(home))
    running.stop()


@pytest.fixture(scope="module")
def client(service):
    return TestClient(Starlette(routes=server.routes(service)))


def search(client, **asked):
    return client.get("/api/search", params={"collection": "demo", "q": BEACH, "when": "2025-07-12T14"} | asked)


# -- the service ---------------------------------------------------------------------------------------------------


def test_there_is_one_service_a_process(service) -> None:
    assert running.service() is service


def test_a_collection_says_what_the_app_must_know_of_it(service) -> None:
    (shown,) = service.collections()
    west, south, east, north = shown.bounds
    scores = service.scores("demo", QUERY)
    assert west < scores.lon.min() and scores.lon.max() < east
    assert south < scores.lat.min() and scores.lat.max() < north
    assert (shown.name, shown.gallery, shown.knows_time, shown.tiles) == ("demo", "demo", True, len(scores.tile_id))
    assert "sandbox" in shown.attribution


def test_one_round_of_thumbs_brings_back_what_was_liked_and_moves_away_from_the_rest(service) -> None:
    nine = [hit.tile_id for hit in service.search("demo", QUERY).answer.hits]
    found = service.search("demo", QUERY, Feedback(tuple(nine[-2:]), tuple(nine[:3])))
    order = {tile: rank for rank, tile in enumerate(service.scores("demo", QUERY).tile_id)}
    liked, disliked = ([order[tile] for tile in tiles] for tiles in (nine[-2:], nine[:3]))
    before = service.scores("demo", QUERY).cosine
    after = service.scores("demo", QUERY, Feedback(tuple(nine[-2:]), tuple(nine[:3]))).cosine
    assert before[liked].max() < before[disliked].min() and after[liked].mean() > after[disliked].mean()
    assert (after - before)[liked].min() > (after - before)[disliked].max()
    assert "2 yes and 3 no" in found.answer.note
    assert not {hit.tile_id for hit in found.answer.hits} & set(nine[:3])
    assert len(found.answer.hits) == len(nine)
    plain = {hit.tile_id: hit.relevance for hit in service.search("demo", replace(QUERY, k=200)).answer.hits}
    for hit in found.answer.hits:
        if hit.tile_id in plain:  # the relevance stays that of the question
            assert hit.relevance == pytest.approx(plain[hit.tile_id], abs=1e-4)


def test_colours_of_cosines_have_their_range_from_what_thumbs_made_of_them(service) -> None:
    nine = [hit.tile_id for hit in service.search("demo", QUERY).answer.hits]
    for said in (Feedback(tuple(nine[:4])), Feedback((), tuple(nine[:4]))):
        heat = service.heat("demo", Layer(query=QUERY, value="cosine"), said)
        low, high = heat.scale.low, heat.scale.high
        # as without thumbs: only the outermost tiles, of all moments, share the colour of an end
        assert np.mean((heat.values <= low) | (heat.values >= high)) < 0.1
        colours = np.bincount(heat.indexes, minlength=256)
        assert colours.max() < len(heat.values) / 10


def test_nothing_here_is_said_and_the_nearest_candidate_named(service) -> None:
    nothing = service.search("demo", replace(QUERY, min_relevance=0.99))
    assert nothing.nothing and not nothing.answer.hits and "nothing here" in nothing.answer.note
    assert nothing.nearest.tile_id == service.search("demo", QUERY).answer.hits[0].tile_id
    assert not service.search("demo", QUERY).nothing


def test_a_heat_map_follows_the_moment_on_one_scale(service) -> None:
    summer, winter = (service.heat("demo", Layer(query=replace(QUERY, when=when))) for when in (SUMMER, WINTER))
    assert summer.scale == replace(winter.scale, below=summer.scale.below, above=summer.scale.above)
    assert np.nanmean(summer.values) > 1.3 * np.nanmean(winter.values)
    low, high = service.usual_range("demo", QUERY)
    assert (low, high) == service.usual_range("demo", replace(QUERY, when=WINTER))


def test_new_tiles_are_seen_by_the_next_question_and_by_a_saved_search(service) -> None:
    saved = service.save("Bathers", "demo", {"q": BEACH, "when": "2025-07-12T14"})
    before = service.replay(saved.id, QUERY)
    assert (before.new_tiles, before.new_hits) == (0, [])
    best = before.found.answer.hits[0]
    archive = Archive(service.settings.archive_dir("demo"), "tiles")
    record, vector = archive.find(best.tile_id)
    new = record | {"tile_id": "new-tile", "lon": best.lon + 0.5}
    archive.write("zzz-new", [{k: v for k, v in new.items() if k != "norm"}], vector[None], {"collection": "demo", "model_id": best.model_id, "source": "sandbox:", "attribution": None, "skipped": {}, "failures": []})  # fmt: skip # noqa: E501
    path = archive.path("zzz-new")
    try:
        version = service.version("demo")
        after = service.replay(saved.id, QUERY)
        assert after.new_tiles == 1 and [hit.tile_id for hit in after.new_hits] == ["new-tile"]
        assert "new-tile" in [hit.tile_id for hit in after.found.answer.hits]
        assert service.replay(saved.id, QUERY).new_tiles == 0  # it has been seen
    finally:
        path.unlink()
        service.forget(saved.id)
    assert service.version("demo") != version


def test_not_now_and_nothing_here_are_two_answers(service) -> None:
    night = service.search("demo", replace(QUERY, when=NIGHT))
    assert night.answer.not_now is not None and not night.nothing
    nowhere = service.search("demo", replace(QUERY, parts=(Part("text", "elephants in the savannah"),), when=NIGHT))
    assert nowhere.nothing and nowhere.answer.not_now is None


def test_a_read_only_service_changes_nothing(service) -> None:
    service.read_only = True
    try:
        client = TestClient(Starlette(routes=server.routes(service)))
        asked = {"collection": "demo", "q": BEACH, "name": "Bathers"}
        assert client.post("/api/searches", json=asked).status_code == 403
        assert client.delete("/api/searches/any").status_code == 403
        assert client.post("/api/uploads", content=b"x").status_code == 403
        assert client.get("/api/collections").json()["read_only"] is True
        assert search(client).status_code == 200
    finally:
        service.read_only = False
    assert not (service.settings.home / "uploads").exists()


# -- the routes ----------------------------------------------------------------------------------------------------


def test_a_search_answers_like_the_command_line_with_whom_to_credit(client, service) -> None:
    answer = search(client).json()
    expected = service.engine.search("demo", QUERY).as_dict()
    assert {name: answer[name] for name in expected} == json.loads(json.dumps(expected))
    assert (answer["nothing"], answer["nearest"]) == (False, None)
    assert "sandbox" in answer["attribution"]


def test_every_answer_about_a_collection_names_whom_to_credit(client) -> None:
    tile = search(client).json()["hits"][0]["tile_id"]
    for path in (
        "/api/search?collection=demo&q=city+lights+at+night",
        f"/api/tile?collection=demo&tile={tile}",
        f"/api/ground?collection=demo&tile={tile}",
        "/api/map?collection=demo&q=city+lights+at+night",
        "/tiles/demo.json",
        "/tiles/demo/12/0/0.webp",
        "/scores/demo/image.png?q=city+lights+at+night&px=64",
        "/scores/demo/12/172/1504.png?q=city+lights+at+night",
        "/scores/demo/legend.json?q=city+lights+at+night",
        "/basemap/style.json",
    ):
        answer = client.get(path)
        assert answer.status_code == 200, answer.text
        assert "sandbox planet" in answer.headers["x-attribution"], path


def test_an_unchanged_answer_is_not_sent_again_and_a_changed_one_is(client, service) -> None:
    first = search(client)
    again = search_with(client, first.headers["etag"])
    assert (again.status_code, again.content) == (304, b"")
    (part, *_) = service.settings.archive_dir("demo").glob("*.parquet")
    shutil.copy2(part, part.with_name("zzz-again.parquet"))
    try:
        assert search_with(client, first.headers["etag"]).status_code == 200
    finally:
        part.with_name("zzz-again.parquet").unlink()


def search_with(client, tag):
    asked = {"collection": "demo", "q": BEACH, "when": "2025-07-12T14"}
    return client.get("/api/search", params=asked, headers={"If-None-Match": tag})


@pytest.mark.parametrize(
    ("path", "status", "told"),
    [
        ("/api/search?collection=nowhere&q=city+lights+at+night", 404, "have: demo"),
        ("/api/search?collection=gallery.demo&q=city+lights+at+night", 404, "no collection"),
        ("/api/search?q=city+lights+at+night", 422, "collection: Field required"),
        ("/api/search?collection=demo&q=city+lights+at+night&whenn=T12", 422, "whenn"),
        ("/api/search?collection=demo&q=city+lights+at+night&k=1001", 422, "k"),
        ("/api/search?collection=demo&q=" + "x" * 2001, 422, "q"),
        ("/api/search?collection=demo&q=%20", 400, "empty"),
        ("/api/search?collection=demo", 400, "nothing to search for"),
        ("/api/search?collection=demo&q=city+lights+at+night&when=noon", 400, "cannot be read"),
        ("/api/search?collection=demo&q=city+lights+at+night&bbox=1,2,3", 400, "W,S,E,N"),
        ("/api/search?collection=demo&q=city+lights+at+night&bbox=0,0,1,1&near=0,0,1", 400, "one of them"),
        ("/api/search?collection=demo&q=city+lights+at+night&liked=x&disliked=x", 400, "both right and wrong"),
        ("/api/search?collection=demo&q=city+lights+at+night&liked=nothing", 404, "no tile 'nothing'"),
        ("/api/search?collection=demo&image=../../catalog", 404, "upload it again"),
        ("/api/tile?collection=demo", 400, "one of"),
        ("/api/tile?collection=demo&at=0,0", 400, "the nearest"),
        ("/api/ground?collection=demo&tile=x&season=monsoon", 422, "season"),
        ("/tiles/demo/30/0/0.webp", 422, "z"),
        ("/tiles/demo/3/9/0.webp", 400, "x and y"),
        ("/tiles/nowhere/3/1/1.webp", 404, "no collection"),
        ("/chips/demo/nothing.webp", 404, "tile id"),
        ("/photos/demo/..%2f..%2fcatalog.sqlite.webp", 404, "no photo"),
        ("/photos/nowhere/x.webp", 404, "no gallery"),
        ("/scores/demo/image.png?q=city+lights+at+night&low=1&high=0", 400, "empty"),
        ("/scores/demo/image.png?q=city+lights+at+night&px=9999", 422, "px"),
        ("/scores/demo/image.png?q=city+lights+at+night&scale=jet", 422, "scale"),
        ("/scores/demo/image.png?q=city+lights+at+night&bbox=0,0,1,1", 400, "no tile"),
        ("/api/searches/nothing", 404, "no saved search"),
        ("/api/places?name=Xyzzyville", 400, "no place"),
    ],
)
def test_what_cannot_be_answered_says_what_and_why(client, path, status, told) -> None:
    answer = client.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/json")
    assert told in answer.json()["error"]["message"]


GARBAGE = ["", "-1", "nan", "1e999", "\x00", "\u202e", "💥", "../..", "[]", "0000-00-00", "180,0,-180,1", "demo@x"]


@pytest.mark.parametrize("path", ["/api/search", "/scores/{collection}/image.png", "/api/ground", "/api/tile"])
def test_no_garbage_brings_the_server_out_of_step(client, path) -> None:
    told = client.get("/api/openapi.json").json()["paths"][path]["get"]["parameters"]
    places = {one["name"]: one["in"] for one in told}
    sound = {name: value for name, value in {"collection": "demo", "q": BEACH, "px": 64}.items() if name in places}
    for name in set(places) - {"also", "negative"}:
        for value in GARBAGE[:1] if name == "q" else GARBAGE:  # other texts would be embedded, which takes long
            asked = sound | {name: value}
            at = path.format_map({key: quote(asked[key], safe="") for key in asked if places[key] == "path"})
            answer = client.get(at, params={key: asked[key] for key in asked if places[key] == "query"})
            assert answer.status_code < 500, (name, value, answer.text)


def test_every_error_has_a_status_and_a_defect_tells_nothing_of_the_inside(client, service, monkeypatch) -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, Exception)]
    assert {status_of(kind("x", "y") if kind is errors.ItemError else kind("x")) for kind in kinds} <= set(
        STATUS.values()
    )
    monkeypatch.setattr(service, "search", lambda *_: 1 / 0)
    answer = search(client)
    assert answer.status_code == 500 and "division" not in answer.text


def test_text_of_a_question_or_a_name_is_data_and_never_a_page(client) -> None:
    script = "<script>alert(1)</script>"
    asked = {"collection": "demo", "q": script, "name": script}
    answer = client.post("/api/searches", json=asked)
    for got in (answer, client.get("/api/searches"), client.get(f"/api/search?collection={script}&q=a")):
        assert got.headers["content-type"] == "application/json"
        assert got.headers["x-content-type-options"] == "nosniff"
        assert "default-src 'none'" in got.headers["content-security-policy"]
    client.delete(f"/api/searches/{answer.json()['id']}")


def test_a_picture_that_was_uploaded_can_be_searched_with(client, service) -> None:
    png = io.BytesIO()
    Image.open(io.BytesIO(client.get("/photos/demo/photo-0001.jpg.webp?px=192").content)).save(png, "PNG")
    kept = client.post("/api/uploads", content=png.getvalue()).json()["id"]
    hits = client.get("/api/search", params={"collection": "demo", "photo": kept}).json()["hits"]
    asked = Query(parts=(Part("photo", service.uploads.path(kept)),))
    assert [hit["tile_id"] for hit in hits] == [hit.tile_id for hit in service.search("demo", asked).answer.hits]
    assert len({hit["tile_id"] for hit in hits}) == 9


@pytest.mark.parametrize(("content", "told"), [(b"<svg/>", "no picture"), (b"x" * (MAX_PICTURE_BYTES + 1), "20 MiB")])
def test_a_bad_upload_is_refused_with_a_reason(client, content, told) -> None:
    answer = client.post("/api/uploads", content=content)
    assert answer.status_code == 422 and told in answer.json()["error"]["message"]


def test_a_saved_search_is_listed_asked_again_and_deleted(client) -> None:
    asked = {"collection": "demo", "q": BEACH, "when": "2025-07", "negative": [WHEAT], "k": 3, "name": "Bathers"}
    saved = client.post("/api/searches", json=asked).json()
    assert saved["question"] == {"q": BEACH, "when": "2025-07", "negative": [WHEAT], "k": 3}
    assert saved in client.get("/api/searches").json()["searches"]
    replay = client.get(f"/api/searches/{saved['id']}").json()
    plain = search(client, when="2025-07", negative=WHEAT, k=3).json()
    assert replay["hits"] == plain["hits"] and replay["new_since"] == {"tiles": 0, "hits": []}
    assert client.delete(f"/api/searches/{saved['id']}").status_code == 200
    assert client.post("/api/searches", json=asked | {"k": 0}).status_code == 422
    assert client.post("/api/searches", content=b"[").status_code == 400


def test_the_ground_view_names_no_file_of_this_machine(client) -> None:
    tile = search(client).json()["hits"][0]["tile_id"]
    answer = client.get("/api/ground", params={"collection": "demo", "tile": tile, "when": "T23", "k": 2})
    assert len(answer.json()["hits"]) == 2 and "demo-photos" not in answer.text
    photo = client.get(f"/photos/demo/{answer.json()['hits'][0]['photo_id']}.webp?px=64")
    assert max(Image.open(io.BytesIO(photo.content)).size) == 64


def test_a_photo_that_was_uploaded_tells_when_it_was_taken_in_a_tile(client, service) -> None:
    photo = service.settings.home / "demo-photos" / "photo-0000.jpg"
    kept = client.post("/api/uploads", content=photo.read_bytes()).json()["id"]
    tile = search(client).json()["hits"][0]["tile_id"]
    asked = {"collection": "demo", "tile": tile, "photo": kept}
    told = client.get("/api/ground/when", params=asked).json()
    assert sum(map(sum, told["chances"])) == pytest.approx(1, abs=1e-3)
    assert told["note"] is None and "sandbox" in told["attribution"]
    assert told["spans"][1]["chance"] >= 0.8 and told["says"]
    for wrong, status, said in (
        ({"tile": None}, 400, "one of --tile and --at"),
        ({"photo": None}, 422, "photo"),
        ({"photo": "0" * 32}, 404, "upload it again"),
        ({"tile": None, "at": "10 N 10 E"}, 400, "the nearest"),
        ({"when": "2025-07"}, 422, "when"),
    ):
        params = {name: value for name, value in (asked | wrong).items() if value is not None}
        answer = client.get("/api/ground/when", params=params)
        assert answer.status_code == status and said in answer.json()["error"]["message"]


@pytest.mark.parametrize(("form", "starts"), [("tif", b"II"), ("png", b"\x89PNG"), ("parquet", b"PAR1")])
def test_a_map_comes_as_a_file(client, form, starts) -> None:
    answer = client.get(f"/api/map?collection=demo&q=city+lights+at+night&format={form}")
    assert answer.content.startswith(starts) and f"map.{form}" in answer.headers["content-disposition"]


def test_an_answer_out_of_its_hours_says_when_it_is_likeliest(client) -> None:
    answer = search(client, when="2025-07-12T02").json()
    assert answer["nothing"] is False and answer["not_now"]["says"] in answer["note"]
    assert answer["hits"][0]["not_now"] is True
    assert "not_now" not in search(client).json()


def test_a_calendar_and_a_place_are_answered(client) -> None:
    calendar = client.get("/api/calendar", params={"collection": "demo", "q": BEACH, "year": 2025}).json()
    assert len(calendar["cosine"]) == 12 and len(calendar["cosine"][0]) == 24
    assert calendar["best"]["cosine"] <= max(map(max, calendar["cosine"])) and "sandbox" in calendar["attribution"]
    first, last = calendar["likeliest"]["hours"]
    assert first < 12 < last and calendar["place"] > 0.25
    assert "Nepal" in client.get("/api/places?name=Banepa").json()["says"]
    west, _, east, _ = client.get("/api/places?name=16.5 S 179.999 E").json()["bbox"]
    assert west > 179 and east < -179  # across ±180°, not round the globe
    wrong = [hit["tile_id"] for hit in search(client).json()["hits"]]
    asked = {"collection": "demo", "q": BEACH, "year": 2025, "disliked": wrong, "top": 1}
    steered, alone = (client.get("/api/calendar", params=asked | {"disliked": some}).json() for some in (wrong, []))
    assert steered["best"]["cosine"] < alone["best"]["cosine"] and steered["query"]["disliked"] == wrong


def test_the_basemap_style_points_at_the_routes_and_nowhere_else(client) -> None:
    style = client.get("/basemap/style.json").json()
    (source,) = style["sources"].values()
    assert source["tiles"][0].startswith("http://testserver/tiles/demo/{z}/{x}/{y}.webp")
    assert style["layers"][0]["type"] == "background"
    assert "openstreetmap" not in json.dumps(style)
    assert "openstreetmap" in client.get("/basemap/style.json?online=osm").text
    address = source["tiles"][0].replace("{z}", "12").replace("{x}", "0").replace("{y}", "0")
    assert client.get(address).headers["content-type"] == "image/webp"


def test_what_a_page_shows_is_asked_for_by_its_name_page_by_page(client, service) -> None:
    shown = service.place_lists.show("demo", QUERY, Listed(k=70), NOTHING_SAID)
    whole = client.get(f"/shown/lists/{shown.name}/places.json?count=70").json()
    some = client.get(f"/shown/lists/{shown.name}/places.json?first=60&count=50").json()
    assert some["total"] == 70 and some["places"] == whole["places"][60:]
    assert [place["rank"] for place in whole["places"]] == list(range(1, 71))
    pins = client.get(f"/shown/lists/{shown.name}/pins.json").json()
    assert [[pin[0], *pin[4:]] for pin in pins] == [
        [place[name] for name in ("id", "relevance", "grade", "colour")] for place in whole["places"]
    ]
    first = whole["places"][0]
    there = client.get(f"/shown/lists/{shown.name}/at.json", params={"lat": first["lat"], "lon": first["lon"]})
    assert there.json() == first and "max-age=86400" in there.headers["cache-control"]
    assert client.get(f"/shown/lists/{shown.name}/at.json?lat=0&lon=0").json() is None
    for name, status in (
        ("lists/none/places.json", 410),  # a page asks anew
        ("maps/none/3/0/3.png", 410),
        (f"overlays/{'0' * 32}.json", 404),
    ):
        assert client.get(f"/shown/{name}").status_code == status


def test_a_list_that_was_let_go_of_comes_back_under_its_name_with_the_next_run(client, service, monkeypatch) -> None:
    shown = service.place_lists.show("demo", QUERY, Listed(k=70), NOTHING_SAID)
    pins = f"/shown/lists/{shown.name}/pins.json"
    before = client.get(pins)
    # others have asked for so much meanwhile
    monkeypatch.setattr(service.place_lists, "_lists", Recent(4, max_bytes=2**30))
    assert (before.status_code, client.get(pins).status_code) == (200, 410)
    service.place_lists.show("demo", QUERY, Listed(k=70), NOTHING_SAID)
    assert client.get(pins).json() == before.json()


def test_a_tile_of_a_shown_map_and_outlines_of_ones_own_come_by_their_names(client, service) -> None:
    name = service.heat_layers.keep("demo", "test", lambda: service.heat("demo", Layer(query=QUERY)))
    west, south, east, north = service.shown("demo").bounds
    column, row = int(((west + east) / 2 + 180) / 360 * 2**9), int((180 - ordinate((south + north) / 2)) / 360 * 2**9)
    picture = Image.open(io.BytesIO(client.get(f"/shown/maps/{name}/9/{column}/{row}.png").content))
    assert picture.size == (512, 512) and np.asarray(picture.convert("RGBA"))[..., 3].any()
    kept = service.overlays.keep(b'{"type": "Point", "coordinates": [10, 20]}')
    assert client.get(f"/shown/overlays/{kept}.json").json() == {"type": "Point", "coordinates": [10, 20]}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"{", "no GeoJSON"),
        (b'{"type": "Point", "coordinates": [500000, 4649776]}', "save it in WGS84"),
        (b'{"type": "FeatureCollection", "features": []}', "no shape"),
    ],
)
def test_outlines_that_cannot_be_laid_over_a_map_are_refused(tmp_path, content, said) -> None:
    with pytest.raises(UploadError, match=said):
        Overlays(tmp_path / "overlays").keep(content)
    assert not list(tmp_path.iterdir())


ROUTES = {
    "GET /basemap/tiles/{z}/{x}/{y}.mvt",
    "GET /api/calendar",
    "GET /api/caption",
    "GET /api/collections",
    "GET /api/ground",
    "GET /api/ground/when",
    "GET /api/labels",
    "GET /api/labels/{set_id}",
    "GET /api/labels/{set_id}/areas",
    "GET /api/labels/{set_id}/classifier",
    "GET /api/labels/{set_id}/export",
    "GET /api/map",
    "GET /api/places",
    "GET /api/search",
    "GET /api/searches",
    "GET /api/searches/{search_id}",
    "GET /api/searches/{search_id}/feed.xml",
    "GET /api/tile",
    "GET /basemap/style.json",
    "GET /basemap/tiles.json",
    "GET /ogc",
    "GET /ogc/api",
    "GET /ogc/collections",
    "GET /ogc/collections/{collectionId}",
    "GET /ogc/collections/{collectionId}/items",
    "GET /ogc/collections/{collectionId}/items/{featureId}",
    "GET /ogc/collections/{collectionId}/map/tiles",
    "GET /ogc/collections/{collectionId}/map/tiles/{tileMatrixSetId}",
    "GET /ogc/collections/{collectionId}/map/tiles/{tileMatrixSetId}/{tileMatrix}/{tileRow}/{tileCol}",
    "GET /ogc/conformance",
    "GET /ogc/tileMatrixSets",
    "GET /ogc/tileMatrixSets/{tileMatrixSetId}",
    "GET /scores/{collection}.json",
    "GET /chips/{collection}/{tile_id}.webp",
    "GET /photos/{gallery}/{photo_id}.webp",
    "GET /scores/{collection}/bounds",
    "GET /scores/{collection}/image.png",
    "GET /scores/{collection}/legend.json",
    "GET /scores/{collection}/{z}/{x}/{y}.png",
    "GET /shown/lists/{name}/at.json",
    "GET /shown/lists/{name}/pins.json",
    "GET /shown/lists/{name}/places.json",
    "GET /shown/maps/{name}/{z}/{x}/{y}.png",
    "GET /shown/overlays/{name}.json",
    "GET /tiles/{collection}.json",
    "GET /tiles/{collection}/{z}/{x}/{y}.webp",
    "POST /api/labels",
    "POST /api/labels/import",
    "POST /api/labels/{set_id}/tiles",
    "POST /api/searches",
    "POST /api/uploads",
    "PATCH /api/labels/{set_id}",
    "DELETE /api/labels/{set_id}",
    "DELETE /api/searches/{search_id}",
}


def test_the_document_tells_every_route_and_every_parameter(client) -> None:
    document = client.get("/api/openapi.json").json()
    told = {
        f"{method.upper()} {path}": one for path in document["paths"] for method, one in document["paths"][path].items()
    }
    assert set(told) == ROUTES
    for route, operation in told.items():
        for one in operation.get("parameters", []):
            assert (one["in"] == "path") == (f"{{{one['name']}}}" in route), route
            assert one["description"], (route, one["name"])
    search = {one["name"]: one for one in told["GET /api/search"]["parameters"]}
    assert set(search) == set(SearchParameters.model_fields)
    assert search["k"]["schema"] == {
        "default": 9,
        "description": "How many hits.",
        "maximum": 1000,
        "minimum": 1,
        "title": "K",
        "type": "integer",
    }
    saved = document["components"]["schemas"]["NewSearchParameters"]["properties"]
    assert set(saved) == set(search) | {"name"}


@pytest.mark.parametrize("route", sorted(ROUTES))
def test_a_parameter_that_is_not_known_is_refused_everywhere(client, route) -> None:
    method, path = route.split(" ")
    answer = client.request(method, path.format_map(defaultdict(lambda: 1)), params={"whenn": "T12"})
    status = 400 if path.startswith("/ogc") else 422  # as the standard has it
    assert answer.status_code == status and "whenn ('T12')" in answer.json()["error"]["message"]


def test_a_parameter_is_given_once_unless_it_may_be_repeated(client) -> None:
    def ask(**asked):
        return client.get("/api/search", params={"collection": "demo", **asked})

    told = ask(q=["a beach", "a forest"])
    assert told.status_code == 400
    assert "q is given 2 times ('a beach', 'a forest'): give it once" in told.json()["error"]["message"]
    assert client.get("/tiles/demo/3/3/3.webp?v=1&v=2").status_code == 400
    assert ask(q="a beach", also=["sand", "people"], negative=["a forest", "snow"]).status_code == 200
    told = ask(**{f"a{number}": 1 for number in range(500)})
    assert told.status_code == 400 and "more than 500 parameters" in told.json()["error"]["message"]


def test_the_page_of_the_routes_tells_all_of_them_and_loads_nothing(client) -> None:
    page = client.get("/api/docs")
    assert page.headers["content-security-policy"] == "default-src 'none'; style-src 'unsafe-inline'"
    assert all(f"<code>{route}</code>" in page.text for route in ROUTES)
    assert all(f"<code>{name}</code>" in page.text for name in SearchParameters.model_fields)
    assert "<script" not in page.text and "src=" not in page.text and "//" not in page.text


def test_an_address_that_no_route_has_is_told_as_json(client) -> None:
    for method, path, status in (
        ("GET", "/api/serach", 404),
        ("GET", "/tiles/demo/a/0/0.webp", 404),
        ("POST", "/api/search", 405),
    ):
        answer = client.request(method, path)
        assert answer.status_code == status and "/api/docs" in answer.json()["error"]["message"]


def test_headers_alone_can_be_asked_for(client) -> None:
    asked, told = client.get("/tiles/demo.json"), client.head("/tiles/demo.json")
    assert (told.status_code, told.headers["etag"]) == (200, asked.headers["etag"])


def test_of_very_many_problems_some_are_told(client) -> None:
    answer = client.get("/api/search", params={f"unknown{i}": 1 for i in range(500)})
    assert answer.status_code == 422 and "and 491 more" in answer.json()["error"]["message"]
    assert len(answer.content) < 2_000


@pytest.mark.parametrize("body", ["[]", "1", "{", '"x"'])
def test_a_body_that_is_no_json_object_is_told(client, body) -> None:
    for headers in ({}, {"content-type": "application/json"}):
        answer = client.post("/api/searches", content=body, headers=headers)
        assert answer.status_code == 400 and "JSON object" in answer.json()["error"]["message"]


def test_health_and_counters(client) -> None:
    search(client)
    assert client.get("/healthz").json()["status"] == "ok"
    text = client.get("/metrics").text
    assert 'groundcast_requests_total{route="/api/search",status="200"}' in text
    assert "process_resident_memory_bytes" in text and BEACH not in text


def test_a_long_piece_of_work_of_one_does_not_keep_others_from_searching(service, monkeypatch) -> None:
    begun, go = threading.Event(), threading.Event()

    def calendar(*_, **__):
        begun.set()
        assert go.wait(60)
        raise errors.UsageError("it took its time")

    monkeypatch.setattr(service, "calendar", calendar)
    with TestClient(Starlette(routes=server.routes(service))) as client, ThreadPoolExecutor(12) as users:
        ask = partial(client.get, "/api/calendar", params={"collection": "demo", "q": BEACH})
        heavy = [users.submit(ask) for _ in range(10)]
        assert begun.wait(60)
        try:
            assert [search(client).status_code for _ in range(3)] == [200] * 3
        finally:
            go.set()
        assert [one.result().status_code for one in heavy] == [400] * 10


# -- who may ask ---------------------------------------------------------------------------------------------------


def guarded(service, hosts=LOCAL):
    return TestClient(
        Starlette(routes=server.routes(service), middleware=[Middleware(Guard, hosts=hosts)]),
        base_url="http://localhost:8501",
    )


def test_the_app_answers_to_its_own_names_alone(service) -> None:
    client = guarded(service)
    for host, status in (
        ("localhost:8501", 200),
        ("127.0.0.1", 200),
        ("[::1]:8501", 200),
        ("evil.example", 421),
        ("", 421),
        ("[::1", 421),
        ("[localhost]", 421),
    ):
        assert client.get("/healthz", headers={"host": host}).status_code == status, host
    assert guarded(service, ()).get("/healthz", headers={"host": "any.example"}).status_code == 200


@pytest.mark.parametrize(
    ("address", "status"),
    [
        *(
            (page, 200)
            for page in ("/", "/search", "/collections", "/static/js/index.1a2b.js", "/search/_stcore/health")
        ),
        ("/tiles/demo/1/2/3.webp", 200),  # for the routes to judge
        *((f"/{name}", 404) for name in ("tiles", "scores", "chips", "photos", "shown", "basemap", "api")),
        ("//tiles/demo/1/2/3.webp", 404),
        ("/Tiles/demo/1/2/3.webp", 404),
        ("/search/tiles/demo/1/2/3.webp", 404),
        ("/demo/1/2/3.webp", 404),
        ("/tile/demo/1/2/3", 404),
        ("/demo/-1/2/3.png", 404),
        ("/tiles/demo/1/2/3%0A.webp", 404),
    ],
)
def test_an_address_that_misses_a_route_is_no_page(address: str, status: int) -> None:
    async def page(_: Request) -> Response:  # as Streamlit: any address is its page
        return HTMLResponse("<html>")

    guard = Guard(Starlette(routes=[Route("/{rest:path}", page)]))
    answer = TestClient(guard).get(f"http://testserver{address}")
    assert answer.status_code == status
    if status == 404:
        assert "/api/docs" in answer.json()["error"]["message"]


def test_a_malformed_host_is_refused_by_whatever_name_the_app_goes(service) -> None:
    for hosts in ((), LOCAL):
        for host in ("[::1", "a[b", "[x]", "localhost:x", "evil@localhost", "localhost/../x?", "localhost#"):
            assert guarded(service, hosts).get("/basemap/style.json", headers={"host": host}).status_code == 421


def test_no_page_of_another_site_shows_the_app_in_a_frame(service) -> None:
    async def page(_: Request) -> Response:  # as Streamlit's own
        return HTMLResponse("<html>")

    pages = TestClient(Guard(Starlette(routes=[Route("/{rest:path}", page)])))
    for answer in (
        pages.get("/"),
        pages.get("/api"),
        guarded(service).get("/api/docs"),
        guarded(service).get("/healthz"),
    ):
        assert answer.headers["x-frame-options"] == "SAMEORIGIN"
        assert "frame-ancestors 'self'" in answer.headers["content-security-policy"]
    assert "default-src 'none'" in guarded(service).get("/api/docs").headers["content-security-policy"]


@pytest.mark.parametrize(
    ("host", "origin", "taken"),
    [
        ("localhost:8501", "http://localhost:8501", True),
        ("localhost:8501", None, True),
        ("localhost:8501", "http://localhost:3000", False),
        ("localhost:8501", "http://127.0.0.1:8501", False),
        ("localhost:8501", "null", False),
        ("maps.example", "https://maps.example:8443", True),  # a proxy that passes no port on
        ("maps.example", "https://evil.example", False),
        ("maps.example", "http://[", False),
    ],
)
def test_the_pages_connections_come_from_the_pages(host: str, origin: str | None, taken: bool) -> None:
    seen = []

    async def connected(websocket: WebSocket) -> None:
        seen.append(websocket.headers)
        await websocket.accept()
        await websocket.close()

    client = TestClient(Guard(Starlette(routes=[WebSocketRoute("/_stcore/stream", connected)])))
    headers = {"host": host} | ({} if origin is None else {"origin": origin})
    if taken:
        with client.websocket_connect("/_stcore/stream", headers=headers):
            pass
        # Streamlit knows who is logged in by the origin, and asks the internet where the host is another
        assert seen[0].get("origin") == origin
        assert origin is None or seen[0]["host"] == origin.partition("://")[2]
    else:
        with (
            pytest.raises(WebSocketDisconnect) as refused,
            client.websocket_connect("/_stcore/stream", headers=headers),
        ):
            pass
        assert refused.value.code == 1008


def test_so_many_pages_and_no_more_are_open_at_once(monkeypatch) -> None:
    monkeypatch.setattr(guard_module, "_MOST_PAGES", 2)

    async def connected(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.receive()

    client = TestClient(Guard(Starlette(routes=[WebSocketRoute("/_stcore/stream", connected)])))
    address = "/_stcore/stream"
    with client.websocket_connect(address), client.websocket_connect(address):
        with pytest.raises(WebSocketDisconnect) as refused, client.websocket_connect(address):
            pass
        assert refused.value.code == 1013
    with client.websocket_connect(address):  # those that were closed count no more
        pass


def test_one_address_leaves_pages_for_others(monkeypatch) -> None:
    for name, value in (("_MOST_PAGES", 4), ("_LAST_PAGES", 2), ("_FEW_PAGES", 1)):
        monkeypatch.setattr(guard_module, name, value)

    async def connected(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.receive()

    guard = Guard(Starlette(routes=[WebSocketRoute("/_stcore/stream", connected)]))
    with ExitStack() as pages:
        opened = []
        for who in ("10.0.0.1", "10.0.0.1", "10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4"):
            try:
                pages.enter_context(TestClient(guard, client=(who, 1)).websocket_connect("/_stcore/stream"))
                opened.append(True)
            except WebSocketDisconnect:
                opened.append(False)
    assert opened == [True, True, False, True, True, False]
    assert not guard._pages


def test_who_sends_text_where_pages_send_bytes_is_gone() -> None:
    codes = []

    async def connected(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.receive_bytes()
        try:
            await websocket.receive_bytes()
        except WebSocketDisconnect as gone:
            codes.append(gone.code)

    client = TestClient(Guard(Starlette(routes=[WebSocketRoute("/_stcore/stream", connected)])))
    with client.websocket_connect("/_stcore/stream") as page:
        page.send_bytes(b"a page")
        page.send_text("a stranger")
    assert codes == [1003]


def test_files_that_pages_hold_are_bounded_together_and_who_stops_sending_is_told_so(monkeypatch) -> None:
    monkeypatch.setattr(page_uploads, "MOST_BYTES", 250)
    monkeypatch.setattr(page_uploads, "IDLE_S", 0.01)
    held = [0]
    monkeypatch.setattr(page_uploads, "_held", lambda: held[0])

    async def take(request: Request) -> Response:
        held[0] += len(await request.body())
        return Response("")

    app = PageUploads(Starlette(routes=[Route("/{rest:path}", take, methods=["PUT"])]))
    client, place = TestClient(app), f"/x{page_uploads.PLACE}session/file"
    assert [client.put(place, content=bytes(100)).status_code for _ in range(3)] == [200, 200, 503]
    assert client.put("/elsewhere", content=bytes(1_000)).status_code == 200
    held[0] = 0  # the pages were closed
    assert client.put(place, content=bytes(100)).status_code == 200
    sent: list[Message] = []

    async def keep(message: Message) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "PUT", "path": place, "headers": [], "query_string": b""}
    asyncio.run(app(scope, asyncio.Event().wait, keep))
    assert sent[0]["status"] == 408


def test_with_a_login_no_file_is_taken_for_a_page_without_it(monkeypatch) -> None:
    monkeypatch.setattr(guard_module, "login_wanted", lambda: True)
    guard = Guard(Starlette(routes=[Route("/{rest:path}", lambda _: Response(""), methods=["PUT"])]))
    client = TestClient(guard)
    assert [client.put(f"{path}a/b").status_code for path in (page_uploads.PLACE, "/page/")] == [401, 200]


@pytest.mark.parametrize(
    "ends", ["low=-1e308&high=1e308", "low=1e308", "high=-1e308", "low=0.5&high=0.5000000000000001"]
)
def test_a_scale_without_a_meaning_is_refused(client, ends: str) -> None:
    answer = client.get(f"/scores/demo/legend.json?q={BEACH}&{ends}")
    assert answer.status_code == 400 and "scale" in answer.json()["error"]["message"]


def test_a_page_of_another_site_changes_nothing(service) -> None:
    client = guarded(service)
    asked = {"collection": "demo", "q": BEACH, "name": "Bathers"}
    for origin, status in (
        ("http://evil.example", 403),
        ("null", 403),
        ("http://[", 403),
        ("http://localhost:8501", 200),
    ):
        answer = client.post("/api/searches", json=asked, headers={"origin": origin})
        assert answer.status_code == status, origin
    client.delete(f"/api/searches/{answer.json()['id']}")


def test_where_a_login_is_set_up_the_routes_want_it_too(service, tmp_path, monkeypatch) -> None:
    from streamlit import config
    from streamlit.runtime.secrets import Secrets
    from streamlit.web.server.starlette.starlette_app_utils import create_signed_value

    secret = "a secret of at least thirty-two letters"
    file = tmp_path / "secrets.toml"
    file.write_text(f'[auth]\nredirect_uri = "http://localhost:8501/oauth2callback"\ncookie_secret = "{secret}"\n')
    config.set_option("secrets.files", [str(file)])
    secrets = Secrets()
    for module in ("streamlit.runtime.secrets", "streamlit.auth_util", "streamlit.web.server.server_util"):
        monkeypatch.setattr(f"{module}.secrets_singleton", secrets)
    client = guarded(service)
    assert client.get("/healthz").status_code == 200
    assert search(client).status_code == 401

    def cookie(key=secret, **told):
        value = json.dumps({"origin": "http://localhost:8501", "is_logged_in": True, "email": "a@b.c"} | told)
        return {"_streamlit_user": create_signed_value(key, "_streamlit_user", value).decode()}

    for cookies, status in (
        (cookie(), 200),
        (cookie(is_logged_in=False), 401),
        (cookie(origin="http://evil.example"), 401),
        (cookie(key="another secret of thirty-two letters"), 401),
    ):
        client.cookies = cookies
        assert search(client).status_code == status
