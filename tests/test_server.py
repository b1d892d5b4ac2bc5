"""The app's server as a process: pages, routes, QGIS's way of reading tiles, the end."""

import http.client
import json
import signal
import socket
import time
from contextlib import closing

import numpy as np
import pytest
import rasterio
from conftest import start_groundcast
from home_copy import copy_of
from rasterio.warp import transform_bounds
from rasterio.windows import from_bounds
from streamlit.testing.v1 import AppTest

from ingest.settings import load_settings
from search_ui.maps.mercator import EQUATOR_M
from search_ui.server import SCRIPT, Listening, free_port, serve
from trainer.errors import UsageError

XYZ = """<GDAL_WMS><Service name="TMS"><ServerUrl>http://127.0.0.1:{port}{path}</ServerUrl></Service><DataWindow>
<UpperLeftX>-{half}</UpperLeftX><UpperLeftY>{half}</UpperLeftY><LowerRightX>{half}</LowerRightX>
<LowerRightY>-{half}</LowerRightY><TileLevel>13</TileLevel><TileCountX>1</TileCountX><TileCountY>1</TileCountY>
<YOrigin>top</YOrigin></DataWindow><Projection>EPSG:3857</Projection><BlockSizeX>256</BlockSizeX>
<BlockSizeY>256</BlockSizeY><BandsCount>4</BandsCount></GDAL_WMS>"""
"""What QGIS writes for a layer of XYZ tiles, and GDAL reads."""


@pytest.fixture(scope="module")
def port(demo, tmp_path_factory):
    home = copy_of(demo.home, tmp_path_factory.mktemp("server") / "home")
    chosen = free_port("127.0.0.1", None)
    process = start_groundcast(home, "ui", "--port", chosen, "--no-browser")
    for _ in range(1200):  # a busy machine takes a minute
        try:
            get(chosen, "/healthz")
            break
        except OSError:
            assert process.poll() is None, process.communicate()
            time.sleep(0.1)
    yield chosen
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=240)
    assert process.returncode == 0, (out, err)
    assert "Traceback" not in err


def get(port, path, **headers):
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read()


def test_one_port_serves_the_pages_the_routes_and_health(port) -> None:
    assert json.loads(get(port, "/healthz")[1])["status"] == "ok"
    status, page = get(port, "/")
    assert status == 200 and b"<html" in page
    status, found = get(port, "/api/search?collection=demo&q=city+lights+at+night&when=2025-01-15T12")
    assert status == 200 and len(json.loads(found)["hits"]) == 9
    assert get(port, "/_stcore/health") == (200, b"ok")


def test_it_is_bound_to_this_machine_alone_and_answers_to_its_own_names(port) -> None:
    assert get(port, "/healthz", Host="evil.example")[0] == 421
    for kind, *_, address in socket.getaddrinfo(socket.gethostname(), port, socket.AF_INET, socket.SOCK_STREAM):
        if not address[0].startswith("127."):
            with socket.socket(kind) as other:
                other.settimeout(5)
                assert other.connect_ex(address) != 0


@pytest.mark.parametrize(
    "path",
    [
        "/tiles/demo/${z}/${x}/${y}.webp",
        "/scores/demo/${z}/${x}/${y}.png?q=city+lights+at+night&amp;when=2025-01-15T12&amp;value=cosine",
    ],
)
def test_gdal_and_so_qgis_reads_imagery_and_scores_as_xyz_tiles(port, path, monkeypatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    half = EQUATOR_M / 2
    with rasterio.open(XYZ.format(port=port, path=path, half=half)) as layer:
        island = transform_bounds("EPSG:4326", "EPSG:3857", -165.03, 43.04, -164.96, 43.10)
        window = from_bounds(*island, layer.transform)
        pixels = layer.read(window=window, out_shape=(4, 150, 150))
    assert (pixels[3] == 255).mean() > 0.5  # land of the island
    assert len(np.unique(pixels[:3].reshape(3, -1).T, axis=0)) > 20


def test_a_port_that_is_taken_is_told_and_the_usual_one_gives_way() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(UsageError, match="choose another with --port"):
            free_port("127.0.0.1", taken.getsockname()[1])
    assert 8501 <= free_port("127.0.0.1", None) < 8551


def test_a_login_that_cannot_be_is_told_before_the_server_starts(tmp_path, monkeypatch) -> None:
    (tmp_path / "secrets.toml").write_text("[auth]\ncookie_secret = 'x'\n")
    monkeypatch.setattr("search_ui.server.find_spec", lambda _: None)
    with pytest.raises(UsageError, match=r"needs Authlib: pip install 'groundcast\[login\]'"):
        serve(load_settings(tmp_path), Listening(), browser=False)
    (tmp_path / "secrets.toml").write_text("[auth\n")
    with pytest.raises(UsageError, match="not valid TOML"):
        serve(load_settings(tmp_path), Listening(), browser=False)


def test_where_a_login_is_set_up_a_page_shows_nothing_but_the_login(monkeypatch) -> None:
    monkeypatch.setattr("search_ui.views.login.login_wanted", lambda: True)
    page = AppTest.from_file(SCRIPT, default_timeout=240).run()
    assert [button.label for button in page.button] == ["Log in"]
    assert not page.text_input and not page.exception
