"""The door for agents, on a real app: asked by the protocol's own client over HTTP, and by whom it must refuse."""

import asyncio
import base64
import io
import json
import socket
import urllib.error
import urllib.request
from contextlib import suppress

import pytest
from home_copy import copy_of
from mcp import Client
from owslib.ogcapi.features import Features
from PIL import Image

from ingest.settings import Settings
from search_ui import server
from search_ui.routes.admission import guard
from search_ui.routes.agents.tools import Tools
from search_ui.routes.lanes import Lanes
from tests.conftest import start_groundcast
from tests.crew import wait_until
from tests.services import free_port
from trainer.errors import ItemError, UsageError

WHEAT = "farmers harvesting wheat"  # what `groundcast demo` asks is embedded already


@pytest.fixture(scope="module")
def address(demo, tmp_path_factory):
    """A read-only app that answers agents, under a path."""
    home, port = copy_of(demo.home, tmp_path_factory.mktemp("agents") / "home"), free_port()
    (home / "settings.toml").write_text("agents = true\n", "utf-8")
    options = ("ui", "--no-browser", "--read-only", "--port", port, "--base-path", "/ground")
    app = start_groundcast(home, *options)
    assert app.stdout is not None
    assert "The app is at" in app.stdout.readline()
    assert app.stdout.readline().strip() == f"Agents are answered at http://127.0.0.1:{port}/ground/mcp"
    wait_until(lambda: listens(port))
    yield f"http://127.0.0.1:{port}/ground"
    app.terminate()
    app.communicate(timeout=60)


def listens(port):
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=5):
        return True
    return False


def ask(address, *calls):
    """Results of tools, asked one after the other by one client."""

    async def together():
        async with Client(f"{address}/mcp") as client:
            return [await client.call_tool(name, asked) for name, asked in calls]

    return asyncio.run(together())


def post(address, body=b"{}", **headers):
    """Status and answer of a bare request."""
    told = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"} | headers
    request = urllib.request.Request(f"{address}/mcp", body, told)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


def test_every_tool_only_reads_and_says_what_it_takes_and_gives(address) -> None:
    async def listed():
        async with Client(f"{address}/mcp") as client:
            return (await client.list_tools()).tools

    tools = {tool.name: tool for tool in asyncio.run(listed())}
    assert set(tools) == {"collections", "search", "ground", "calendar", "places", "evaluate"}
    for tool in tools.values():
        assert tool.input_schema["additionalProperties"] is False
        assert tool.annotations.read_only_hint and tool.description and tool.output_schema["properties"]
        assert all(one.get("description") for one in tool.input_schema["properties"].values()), tool.name


def test_a_client_asks_and_gets_places_photos_months_and_names(address) -> None:
    have, found, place = ask(
        address,
        ("collections", {}),
        ("search", {"text": WHEAT, "when": "2025-07-12T14", "k": 3}),
        ("places", {"name": "43.1 N 165.0 W"}),
    )
    assert [(one["name"], one["words"]) for one in have.structured_content["collections"]] == [("demo", True)]
    told = found.structured_content
    assert not told["nothing"] and [hit["rank"] for hit in told["hits"]] == [1, 2, 3]
    assert told["hits"][0]["relevance"] > 0.1 and "sandbox" in told["provenance"]["attribution"]
    assert json.loads(found.content[0].text) == told  # for clients that know no structure
    west, south, east, north = place.structured_content["bbox"]
    assert west < -165 < east and south < 43.1 < north
    [fiji] = ask(address, ("places", {"name": "16.5 S 179.999 E"}))
    assert fiji.structured_content["bbox"][0] > 179 and fiji.structured_content["bbox"][2] < -179
    tile = told["hits"][0]["tile_id"]
    ground, plain, calendar = ask(
        address,
        ("ground", {"tile": tile, "when": "2025-07-12T14", "k": 2, "pictures": True}),
        ("ground", {"tile": tile, "k": 2}),
        ("calendar", {"text": WHEAT, "year": 2025}),
    )
    photos = ground.structured_content["photos"]
    assert len(photos) == 2 and "path" not in photos[0] and len(plain.content) == 1
    with Image.open(io.BytesIO(base64.b64decode(ground.content[1].data))) as picture:
        assert picture.format == "WEBP" and max(picture.size) <= 384
    months = calendar.structured_content
    assert not months["nothing"] and months["likeliest"]["best_month"] in range(5, 10)
    assert len(months["by_month"]) == 12 and len(months["by_hour"]) == 24 and "likeliest" in months["says"]


def test_an_agent_holds_answers_against_what_it_knows_to_be_there(address, demo) -> None:
    asked = {"text": WHEAT, "when": "2025-07-12T14"}
    [found] = ask(address, ("search", asked | {"k": 40}))
    boxes = [hit["bbox"] for hit in found.structured_content["hits"]]
    west, south, east, north = (pick(box[side] for box in boxes) for side, pick in enumerate((min, min, max, max)))
    squares = [
        {"type": "Feature", "properties": {}, "geometry": {"type": "Polygon", "coordinates": [
            [[w, s], [e, s], [e, n], [w, n], [w, s]]
        ]}} for w, s, e, n in boxes
    ]  # fmt: skip
    truth = {"type": "FeatureCollection", "features": squares}
    box = f"{west - 0.05},{south - 0.05},{east + 0.05},{north + 0.05}"
    told, wrong, empty, deep = ask(
        address,
        ("evaluate", asked | {"truth": json.dumps(truth), "bbox": box}),
        ("evaluate", asked | {"truth": '{"type": "Topology"}'}),
        ("evaluate", asked | {"truth": '{"type": "FeatureCollection", "features": []}'}),
        ("evaluate", asked | {"truth": "[" * 100_000}),
    )
    # what the program itself found best cannot but be found
    numbers = told.structured_content["measures"]
    assert numbers["average_precision"]["value"] > 0.8 > numbers["average_precision"]["knows_nothing"]
    assert numbers["roc_auc"]["knows_nothing"] == 0.5 and told.structured_content["positive"] >= 40
    assert wrong.is_error and "no GeoJSON FeatureCollection" in wrong.content[0].text
    assert deep.is_error and "no JSON" in deep.content[0].text
    assert empty.is_error and "/tmp" not in empty.content[0].text and "truth" in empty.content[0].text


def test_nothing_here_and_not_now_are_answers_that_say_so(address) -> None:
    winter, nothing = ask(
        address,
        ("search", {"text": WHEAT, "when": "2025-01-12T03"}),
        ("search", {"text": WHEAT, "when": "2025-07-12T14", "min_relevance": 0.999}),
    )
    assert winter.structured_content["not_now"]["best_month"] in range(5, 10)
    assert winter.structured_content["says"].startswith("not now")
    told = nothing.structured_content
    assert told["nothing"] and told["hits"] == [] and "nothing here" in told["says"] and told["nearest"]["tile_id"]


def a_point_in(crs):
    """Truth in a reference system."""
    point = {"type": "Feature", "geometry": {"type": "Point", "coordinates": [0, 0]}}
    return json.dumps({"type": "FeatureCollection", "features": [point], "crs": crs})


@pytest.mark.parametrize(
    ("tool", "asked", "says"),
    [
        ("search", {"text": " "}, "the text is empty"),
        ("search", {"text": "a beach", "collection": "nowhere"}, "no collection 'nowhere' here (have: demo)"),
        ("search", {"text": "a beach", "when": "yesterday"}, "yesterday"),
        ("search", {"text": "a beach", "bbox": "0,10,20,5"}, "south"),
        ("search", {"text": "a beach", "k": 0}, "greater than or equal to 1"),
        ("search", {"text": "a beach", "month": 7}, "month"),
        ("evaluate", {"text": "a beach", "truth": a_point_in({"type": "link"})}, "otherwise than by a name"),
        ("evaluate", {"text": "a beach", "truth": a_point_in({"properties": {"name": "EPSG:2154"}})}, "Lambert"),
        ("search", {"text": "x" * 3000}, "2000"),
        ("ground", {}, "tile"),
        ("ground", {"tile": "none"}, "none"),
        ("places", {"name": "Xyzzyville-on-Nowhere"}, "Xyzzyville"),
        ("no-such-tool", {}, "no-such-tool"),
    ],
)
def test_what_cannot_be_answered_is_told_in_a_sentence_that_an_agent_can_act_on(address, tool, asked, says) -> None:
    (told,) = ask(address, (tool, asked))
    assert told.is_error and says in told.content[0].text and "Traceback" not in told.content[0].text


def test_the_guard_stands_before_it_and_only_messages_are_taken(address) -> None:
    assert post(address, Host="evil.example")[0] == 421
    assert post(address, Origin="https://evil.example")[0] == 403
    assert post(address, b"x" * 300_000)[0] == 413
    assert post(address, b"{")[0] in (400, 415)
    assert post(address, b"[" * 20 + b"]" * 20)[0] in (400, 413)
    with pytest.raises(urllib.error.HTTPError, match="405"):
        urllib.request.urlopen(f"{address}/mcp", timeout=30)
    with urllib.request.urlopen(f"{address}/metrics", timeout=30) as answer:
        assert b'groundcast_requests_total{route="/mcp",status="405"} 1.0' in answer.read()


def test_a_photo_whose_file_is_gone_is_told_in_its_place() -> None:
    class Gone:
        def photo(self, gallery, photo_id, *, px):
            raise ItemError("missing", "the file a.jpg is not there any more")

    told = Tools(Gone(), Lanes())._picture("demo", "a")
    assert told.text == "photo a: the file a.jpg is not there any more"


def test_it_wants_the_login_as_the_other_routes_do() -> None:
    assert all(guard._wants_login(path) for path in ("/mcp", "/ogc", "/ogc/collections", "/api/search"))
    assert not guard._wants_login("/healthz")


def test_owslib_finds_collections_and_features_of_the_same_app(address) -> None:
    ours = Features(f"{address}/ogc/")
    assert ours.feature_collections() == ["demo"] and ours.api()["openapi"].startswith("3.0")
    assert any(one.endswith("features-1/1.0/conf/core") for one in ours.conformance()["conformsTo"])
    page = ours.collection_items("demo", limit=3, bbox=[-166, 42, -164, 44])
    assert page["numberReturned"] == 3 < page["numberMatched"]
    one = page["features"][0]["id"]
    assert ours.collection_item("demo", one)["id"] == one


def test_it_is_closed_unless_asked_for_and_a_missing_package_is_told_at_the_start(tmp_path, monkeypatch) -> None:
    assert Settings(home=tmp_path).agents is False
    monkeypatch.setattr(server, "find_spec", lambda _: None)
    with pytest.raises(UsageError, match=r"pip install 'groundcast\[agents\]'"):
        server._check_agents(Settings(home=tmp_path, agents=True))
