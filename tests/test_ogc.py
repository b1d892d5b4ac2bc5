"""OGC API Features and Tiles: what the abstract tests of the standards' core ask for, and what a GIS then sees."""

import io
import json
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace

import morecantile
import numpy as np
import pytest
import shapely
from home_copy import copy_of
from openapi_spec_validator import validate
from PIL import Image
from starlette.applications import Starlette
from starlette.testclient import TestClient

from ingest.field.scorer import NO_DATE
from ingest.geo.footprints import Places, Squares
from ingest.settings import load_settings
from search_ui import server
from search_ui.routes.ogc.asking import FeatureParameters
from search_ui.routes.ogc.features import _near_the_edge, _one_kind
from search_ui.routes.ogc.holdings import box_of
from search_ui.service import service as running
from search_ui.service.place_list import Listed, listed_rows
from tests.made_up import SIDE, scores
from trainer.errors import AreaError

WHEAT = "farmers harvesting wheat"  # what `groundcast demo` asks is embedded already
QUESTION = {"q": WHEAT, "when": "2025-07-12T14"}
ITEMS = "/ogc/collections/demo/items"
TILES = "/ogc/collections/demo/map/tiles"


@pytest.fixture(scope="module")
def service(demo, tmp_path_factory):
    home = copy_of(demo.home, tmp_path_factory.mktemp("ogc") / "home")
    yield running.start(load_settings(home))
    running.stop()


@pytest.fixture(scope="module")
def client(service):
    return TestClient(
        Starlette(routes=server.routes(service, "/ground")), root_path="", base_url="https://maps.example.org"
    )


def get(client, path, status=200, **asked):
    answer = client.get(f"/ground{path}" if path.startswith("/") else path, params=asked or None)
    assert answer.status_code == status, answer.text[:300]
    return answer


def links(document):
    return {link["rel"]: link for link in document["links"]}


# -- landing page, definition, conformance -----------------------------------------------------------------------------


def test_every_link_of_the_landing_page_leads_to_what_it_says(client) -> None:
    for address in ("/ogc", "/ogc/"):
        page = get(client, address).json()
        assert {"self", "service-desc", "service-doc", "conformance", "data"} <= links(page).keys()
        for link in page["links"]:
            assert link["href"].startswith("https://maps.example.org/ground/")
            assert get(client, link["href"]).headers["content-type"].startswith(link["type"].partition(";")[0])


def test_the_definition_is_openapi_3_0_and_words_the_parameters_as_the_standard_does(client) -> None:
    document = get(client, "/ogc/api").json()
    validate(document)
    assert document["openapi"].startswith("3.0") and document["servers"] == [
        {"url": "https://maps.example.org/ground/ogc"}
    ]
    named = document["components"]["parameters"]
    assert named["limit"]["schema"] == {"type": "integer", "minimum": 1, "maximum": 10_000, "default": 100}
    assert named["bbox"]["schema"]["oneOf"] == [{"minItems": 4, "maxItems": 4}, {"minItems": 6, "maxItems": 6}]
    assert all((one["style"], one["explode"], one["in"]) == ("form", False, "query") for one in named.values())
    assert {"$ref": "#/components/parameters/datetime"} in document["paths"]["/collections/{collectionId}/items"][
        "get"
    ]["parameters"]
    assert "'null'" not in str(document)


def test_what_is_claimed_is_what_the_tests_here_are_about(client) -> None:
    claimed = get(client, "/ogc/conformance").json()["conformsTo"]
    for one in ("core", "geojson", "oas30"):
        assert f"http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/{one}" in claimed
    assert "http://www.opengis.net/spec/ogcapi-tiles-1/1.0/conf/tileset" in claimed


# -- collections -------------------------------------------------------------------------------------------------------


def test_a_collection_says_where_and_when_its_features_are(client, service) -> None:
    every = get(client, "/ogc/collections").json()
    (one,) = [one for one in every["collections"] if one["id"] == "demo"]
    alone = get(client, "/ogc/collections/demo").json()
    assert {key: value for key, value in alone.items() if key != "links"} == {
        key: value for key, value in one.items() if key != "links"
    }
    assert links(one)["items"]["type"] == "application/geo+json" and "self" in links(one)
    assert one["extent"]["spatial"]["bbox"] == [list(service.shown("demo").bounds)]
    assert one["extent"]["temporal"]["interval"][0][0].endswith("Z")
    assert get(client, "/ogc/collections/nowhere", 404).json()["error"]["kind"] == "MissingError"
    assert get(client, "/ogc/collections/search:none", 404).json()["error"]["kind"] == "MissingError"
    get(client, "/ogc/collections/other:none", 404)


# -- features ----------------------------------------------------------------------------------------------------------


def test_pages_follow_each_other_and_hold_every_tile_once(client, service) -> None:
    seen, address = [], f"{ITEMS}?limit=1000"
    while address:
        answer = get(client, address)
        assert answer.headers["content-type"] == "application/geo+json" and "sandbox" in answer.headers["x-attribution"]
        page = answer.json()
        assert page["type"] == "FeatureCollection" and page["numberReturned"] == len(page["features"]) <= 1000
        assert abs((datetime.now(UTC) - datetime.fromisoformat(page["timeStamp"])).total_seconds()) < 60
        seen += [feature["id"] for feature in page["features"]]
        address = links(page).get("next", {}).get("href")
    assert len(seen) == len(set(seen)) == page["numberMatched"] == service.shown("demo").tiles
    back = links(page)["prev"]["href"]
    assert get(client, back).json()["features"][0]["id"] in seen


def test_a_limit_that_is_too_large_is_the_largest_and_what_is_wrong_is_400(client) -> None:
    assert get(client, ITEMS, limit=100_000).json()["numberReturned"] == 3054
    wrong = [
        *({"limit": 0}, {"limit": "x"}, {"offset": -1}, {"unknown": 1}, {"f": "xml"}),
        *({"bbox": "1,2,3"}, {"bbox": "0,0,0"}, {"bbox": "a,b,c,d"}, {"bbox": "1,nan,2,3"}),
        *({"datetime": "yesterday"}, {"datetime": "2020-01-01/2019-01-01"}, {"datetime": "a/b/c"}, {"datetime": ".."}),
        *({"when": "T18"}, {"k": 3}, {"q": " "}),
    ]
    for asked in wrong:
        assert get(client, ITEMS, 400, **asked).json()["error"]["message"], asked


def test_a_box_finds_what_touches_it_with_heights_or_without_and_nothing_across_the_world(client) -> None:
    middle = get(client, ITEMS, limit=1).json()["features"][0]["properties"]
    west, south, east, north = (middle["lon"] - 1e-5, middle["lat"] - 1e-5, middle["lon"] + 1e-5, middle["lat"] + 1e-5)
    flat = get(client, ITEMS, bbox=f"{west},{south},{east},{north}").json()
    assert [one["id"] for one in flat["features"]] == [middle["tile_id"]]
    high = get(client, ITEMS, bbox=f"{west},{south},-10,{east},{north},9000").json()
    assert high["features"] == flat["features"]
    assert get(client, ITEMS, bbox="-180,-90,180,90").json()["numberMatched"] == 3054
    assert get(client, ITEMS, bbox="170,-90,-170,90").json()["numberMatched"] == 0
    # two areas that do not meet are no error: the map shows another place than the question is about
    asked = {"near": "43.0,-165.0,1", "bbox": "10,10,11,11"}
    assert get(client, ITEMS, **asked).json()["numberMatched"] == 0
    assert get(client, ITEMS, **asked, **QUESTION).json()["numberMatched"] == 0


def test_a_time_finds_the_imagery_of_that_time(client) -> None:
    day = get(client, "/ogc/collections/demo").json()["extent"]["temporal"]["interval"][0][0]
    for time in (day, f"{day}/..", f"../{day}", f"/{day}", f"{day}/", day[:10], "2000-01-01/9999-12-31T00:00:00Z"):
        assert get(client, ITEMS, datetime=time).json()["numberMatched"] == 3054, time
        assert get(client, ITEMS, datetime=time, **QUESTION).json()["numberMatched"], time
    for time in ("1999-01-01", "../1999-01-01", "2100-01-01T00:00:00Z/.."):
        assert get(client, ITEMS, datetime=time).json()["numberMatched"] == 0
        assert get(client, ITEMS, datetime=time, **QUESTION).json()["numberMatched"] == 0


def test_hits_of_unknown_date_stay_whatever_time_is_asked_as_the_standard_has_it() -> None:
    taken = np.full(SIDE**2, 1_000, np.int64)
    taken[:3], taken[3:6] = NO_DATE, 5_000
    rows = listed_rows(scores(), Listed(k=200, apart=False, taken_us=(4_000, 6_000)), taken)
    assert sorted(rows.tolist()) == [0, 1, 2, 3, 4, 5]


def test_a_question_finds_its_hits_in_the_order_of_search_and_says_what_is_to_be_read_beside_them(client) -> None:
    found = get(client, ITEMS, **QUESTION, limit=5).json()
    searched = get(client, "/api/search", collection="demo", **QUESTION, k=5).json()
    told = [one["properties"] for one in found["features"]]
    assert (told[0]["rank"], told[0]["tile_id"]) == (1, searched["hits"][0]["tile_id"])
    assert {one["tile_id"]: one["relevance"] for one in searched["hits"]}[told[0]["tile_id"]] == told[0]["relevance"]
    assert [one["relevance"] for one in told] == sorted((one["relevance"] for one in told), reverse=True)
    assert min(one["relevance"] for one in told) >= 0.1
    assert found["nothing"] is False and found["query"]["text"] == WHEAT
    assert found["provenance"]["model_id"] == searched["hits"][0]["model_id"]
    following = get(client, links(found)["next"]["href"]).json()
    assert following["features"][0]["properties"]["rank"] == 6
    assert get(client, ITEMS, **QUESTION, k=3).json()["numberMatched"] == 3


def test_an_answer_that_is_not_now_or_nothing_says_so_and_has_no_features_that_hide_it(client) -> None:
    winter = get(client, ITEMS, q=WHEAT, when="2025-01-12T03").json()
    assert "not now" in winter["note"] and winter["not_now"]["best"]["month"] in range(4, 11)
    nothing = get(client, ITEMS, **QUESTION, min_relevance=0.999).json()
    assert (nothing["features"], nothing["numberMatched"]) == ([], 0) and "nothing" in nothing["note"]


def test_a_feature_alone_is_that_of_the_list_and_leads_back_to_it(client) -> None:
    for asked in ({}, QUESTION):
        listed = get(client, ITEMS, **asked, limit=2).json()["features"][1]
        alone = get(client, f"{ITEMS}/{listed['id']}", **asked)
        assert alone.headers["content-type"] == "application/geo+json"
        feature = alone.json()
        assert {key: value for key, value in feature.items() if key != "links"} == listed
        assert {"self", "collection"} <= links(feature).keys()
        assert get(client, links(feature)["self"]["href"]).json()["id"] == listed["id"]
    assert get(client, f"{ITEMS}/no-such-tile", 404).json()["error"]["kind"] == "MissingError"


def test_parameters_that_a_program_puts_behind_a_link_a_second_time_change_nothing(client) -> None:
    once = get(client, ITEMS, **QUESTION, limit=3).json()["features"]
    again = "q=farmers%20harvesting%20wheat&when=2025-07-12T14"
    twice = f"{ITEMS}?q=farmers+harvesting+wheat&when=2025-07-12T14&limit=3&{again}"
    assert get(client, twice).json()["features"] == once
    assert get(client, f"{ITEMS}?limit=3&limit=4", 400).json()["error"]["kind"] == "UsageError"
    for document in ("/ogc", "/ogc/api", "/ogc/conformance", "/ogc/collections", "/ogc/collections/demo"):
        get(client, document, **QUESTION)
    assert "q=" in links(get(client, "/ogc/collections/demo", **QUESTION).json())["items"]["href"]
    assert FeatureParameters(also=["a", "b", "a"]).also == ["a", "b"]


def test_a_saved_search_and_a_set_of_labels_are_collections_of_their_own(client, service) -> None:
    saved = service.save("Harvest", "demo", QUESTION)
    found = get(client, ITEMS, **QUESTION, limit=4).json()
    own = get(client, f"/ogc/collections/search:{saved.id}/items", limit=4).json()
    assert (own["features"], own["numberMatched"]) == (found["features"], found["numberMatched"])
    get(client, f"/ogc/collections/search:{saved.id}/items", 400, q="another question")
    labels = service.labelling.create("Fields", "demo", {})
    tiles = [one["id"] for one in found["features"]]
    service.labelling.label(labels.id, tiles[:3], "yes")
    service.labelling.label(labels.id, tiles[3:], "no")
    listed = {one["id"]: one["title"] for one in get(client, "/ogc/collections").json()["collections"]}
    assert listed == {"demo": "demo", f"search:{saved.id}": "Harvest", f"labels:{labels.id}": "Fields"}
    points = get(client, f"/ogc/collections/labels:{labels.id}/items").json()["features"]
    assert {one["id"]: one["properties"]["label"] for one in points} == dict.fromkeys(tiles[:3], "yes") | {
        tiles[3]: "no"
    }
    assert points[0]["geometry"]["type"] == "Point"
    away = get(client, f"/ogc/collections/labels:{labels.id}/items", bbox="10,10,11,11").json()
    assert away["numberMatched"] == 0
    map_of = f"/ogc/collections/search:{saved.id}/map/tiles/WebMercatorQuad"
    assert get(client, map_of).json()["title"] == "Harvest: scores"
    assert (
        get(client, f"{map_of}/8/93/10").content == get(client, f"{TILES}/WebMercatorQuad/8/93/10", **QUESTION).content
    )
    get(client, map_of, 400, q="another question")
    service.forget(saved.id)
    get(client, f"/ogc/collections/search:{saved.id}", 404)


def test_a_collection_near_180_degrees_has_one_kind_of_outline_and_a_box_that_does_not_cross(service) -> None:
    shown = replace(service.shown("demo"), bounds=(179.9, -17.1, 180.1, -16.9))
    assert box_of(shown) == (-180.0, -17.1, 180.0, -16.9)
    assert box_of(replace(shown, bounds=None)) is None
    lat, lon = np.array([-17.0, -17.0]), np.array([179.9, 179.9999])
    near, far = (SimpleNamespace(n=2, lat=lat, lon=lon - away) for away in (0, 10))
    assert (_near_the_edge(near), _near_the_edge(far)) == (True, False)
    outlines = shapely.to_geojson(Squares.of(Places(lat, lon, np.full(2, 480.0))).polygons())
    made = [_one_kind({"geometry": json.loads(one)}, True)["geometry"] for one in outlines]
    assert [one["type"] for one in made] == ["MultiPolygon"] * 2 and len(made[1]["coordinates"]) == 2
    assert shapely.from_geojson(json.dumps(made[0])).is_valid


def test_datetime_without_a_moment_is_an_error_of_the_tree() -> None:
    with pytest.raises(AreaError):
        FeatureParameters(datetime="..").taken()


# -- tiles -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("asked", "route"), [({}, "/tiles/demo/{}.webp"), (QUESTION, "/scores/demo/{}.png")])
def test_a_tile_set_leads_to_the_tiles_that_the_xyz_route_draws(client, service, monkeypatch, asked, route) -> None:
    webp = io.BytesIO()  # to paint the planet takes half a minute
    Image.effect_noise((256, 256), 80).convert("RGBA").save(webp, "WEBP", lossless=True)
    monkeypatch.setattr(service, "map_tile", lambda *_: webp.getvalue())
    monkeypatch.setattr(service, "imagery_version", lambda _: "1")
    place = get(client, ITEMS, limit=1).json()["features"][0]["properties"]
    at = morecantile.tms.get("WebMercatorQuad").tile(place["lon"], place["lat"], 15)
    (short,) = get(client, TILES, **asked).json()["tilesets"]
    told = get(client, links(short)["self"]["href"]).json()
    assert told["dataType"] == "map" and told["tileMatrixSetURI"].endswith("/WebMercatorQuad")
    matrices = get(client, links(told)["http://www.opengis.net/def/rel/ogc/1.0/tiling-scheme"]["href"]).json()
    assert [one["id"] for one in matrices["tileMatrices"]] == [str(zoom) for zoom in range(23)]
    limits = next(one for one in told["tileMatrixSetLimits"] if one["tileMatrix"] == "15")
    assert limits["minTileRow"] <= at.y <= limits["maxTileRow"] and limits["minTileCol"] <= at.x <= limits["maxTileCol"]
    item = links(told)["item"]
    ours = get(client, item["href"].format(tileMatrix=15, tileRow=at.y, tileCol=at.x))
    assert item["templated"] and ours.headers["content-type"] == item["type"] == "image/png"
    xyz = get(client, route.format(f"15/{at.x}/{at.y}"), **asked).content
    drawn, expected = (Image.open(io.BytesIO(one)).convert("RGBA") for one in (ours.content, xyz))
    assert drawn.tobytes() == expected.tobytes() and drawn.getextrema()[3][1] == 255
    tilejson = get(client, links(told)["describedby"]["href"]).json()
    assert tilejson["tilejson"] == "3.0.0" and len(tilejson["bounds"]) == 4
    assert get(client, tilejson["tiles"][0].format(z=15, x=at.x, y=at.y)).content == xyz


def test_what_is_no_tile_of_the_matrix_set_is_404_and_a_wrong_parameter_400(client) -> None:
    for tile in ("1/2/0", "1/0/2", "23/0/0"):
        assert get(client, f"{TILES}/WebMercatorQuad/{tile}", 404).json()["error"]["kind"] == "MissingError"
    get(client, f"{TILES}/WorldCRS84Quad/1/0/0", 404)
    get(client, "/ogc/tileMatrixSets/WorldCRS84Quad", 404)
    get(client, f"{TILES}/WebMercatorQuad", 400, low=0.5)  # of a question that is not asked
    get(client, f"{TILES}/WebMercatorQuad", 400, unknown=1)
