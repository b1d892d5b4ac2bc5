"""A map file that somebody brings, under and over the imagery: its tiles as they are, and a style that draws them."""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from ingest.settings import Settings
from ingest.sources.tiles.vector import VectorTiles
from search_ui import server
from search_ui.service.service import Service
from tests.vector_map import LINE, POINT, POLYGON, write_map
from trainer.errors import SourceError

FEATURES = [
    ("earth", POLYGON, [(19.0, 9.0), (21.0, 9.0), (21.0, 11.0), (19.0, 11.0)], {"kind": "earth"}),
    ("roads", LINE, [(19.5, 10.0), (20.5, 10.2)], {"kind": "major_road", "name": "Long Road"}),
    ("places", POINT, [(20.0, 10.0)], {"kind": "locality", "name": "Hereby"}),
]


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    settings = Settings(home=tmp_path / "home", basemap=write_map(tmp_path / "map.pmtiles", FEATURES, range(6)))
    service = Service(settings)
    yield TestClient(Starlette(routes=server.routes(service)))
    service.close()


def test_the_style_draws_land_below_the_imagery_and_names_above_all_from_here(client: TestClient) -> None:
    style = client.get("/basemap/style.json").json()
    source = style["sources"]["basemap"]
    assert source["tiles"][0].startswith("http://testserver/basemap/tiles/{z}/{x}/{y}.mvt?v=")
    assert (source["minzoom"], source["maxzoom"], source["bounds"]) == (0, 5, [19.0, 9.0, 21.0, 11.0])
    assert source["attribution"] == "© OpenStreetMap"  # what the file says, without its markup
    of = [layer["type"] for layer in style["layers"]]
    assert of.index("fill") < of.index("line") < of.index("symbol")
    assert {layer["source-layer"] for layer in style["layers"] if "source-layer" in layer} > {"roads", "boundaries"}
    assert len({layer["id"] for layer in style["layers"]}) == len(style["layers"])
    assert "glyphs" not in style  # the browser draws the letters
    assert "http" not in json.dumps(style).replace("http://testserver", "")
    plain = client.get("/basemap/style.json?plain=1").json()
    assert "basemap" not in plain["sources"]
    assert "symbol" not in {layer["type"] for layer in plain["layers"]}


def test_a_tile_comes_as_it_is_and_where_there_is_none_nothing(client: TestClient) -> None:
    answer = client.get("/basemap/tiles/0/0/0.mvt")
    assert answer.headers["content-type"] == "application/vnd.mapbox-vector-tile"
    assert answer.headers["content-encoding"] == "gzip"
    assert b"Hereby" in answer.content
    assert client.get("/basemap/tiles/5/0/0.mvt").status_code == 204


def test_a_server_without_a_map_file_says_so(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home")
    service = Service(settings)
    answer = TestClient(Starlette(routes=server.routes(service))).get("/basemap/tiles/0/0/0.mvt")
    assert answer.status_code == 404
    service.close()


@pytest.mark.parametrize(("content", "says"), [(b"", "can be read"), (b"PMTiles" + bytes(40), "can be read")])
def test_a_file_that_is_none_is_told_with_what_to_do(tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "map.pmtiles"
    path.write_bytes(content)
    with pytest.raises(SourceError, match=f"basemap .*{says}.*settings"):
        VectorTiles(path)


def test_tiles_of_pictures_are_no_map(tmp_path: Path) -> None:
    path = write_map(tmp_path / "map.pmtiles", FEATURES, range(2))
    content = bytearray(path.read_bytes())
    content[99] = 2  # PNG, in the header of version 3
    path.write_bytes(content)
    with pytest.raises(SourceError, match="no vector tiles but PNG"):
        VectorTiles(path)
    content[99] = 1
    path.write_bytes(content)
    assert gzip.decompress(VectorTiles(path).get(0, 0, 0) or b"")
