"""The app in a real browser: Debian's Chromium, driven by Playwright, on one server for all tests."""

import json
import re
import socket
import subprocess
import time
import urllib.request
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import geopandas as gpd
import pandas as pd
import pytest
import rasterio
from conftest import LONG, Demo, start_groundcast
from home_copy import whole_copy_of
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = ["--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist", "--no-sandbox"]
PATIENCE_MS = 60_000
BEACH = "people swimming at a sandy beach"
LINK = "/?q=people+swimming+at+a+sandy+beach&month=7&hour=14"

pytestmark = [
    pytest.mark.filterwarnings("default"),
    pytest.mark.skipif(not CHROMIUM.exists(), reason="Debian's chromium is not installed"),
]


@pytest.fixture(scope="module")
def url(demo: Demo, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a server over a copy of the demonstration's home."""
    home = tmp_path_factory.mktemp("browser") / "home"
    whole_copy_of(demo.home, home)
    with Serving(home) as address:
        yield address


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def window(browser: Browser) -> Iterator[Page]:
    """One window for most tests, so that the app's files are loaded once."""
    context = browser.new_context(viewport={"width": 1024, "height": 768})
    context.set_default_timeout(PATIENCE_MS)
    expect.set_options(timeout=PATIENCE_MS)
    yield _without_map(context)
    context.close()


def _without_map(context: BrowserContext) -> Page:
    """A window in which the large map is not drawn: without a graphics card it takes longer than all the rest."""
    page = context.new_page()
    page.route("**/DeckGlJsonChart*.js", lambda route: route.abort())
    return page


class Serving:
    """`groundcast ui` over a home, on a free port, until the end of the block."""

    def __init__(self, home: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.home = home

    def __enter__(self) -> str:
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self.process = start_groundcast(self.home, "ui", "--no-browser", "--port", self.port, **quiet)
        address = f"http://127.0.0.1:{self.port}"
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                urllib.request.urlopen(f"{address}/healthz", timeout=5).close()
                return address
            except OSError:
                time.sleep(0.2)
        self.__exit__()
        raise AssertionError("the server did not start")

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait(20)


def _asked(page: Page) -> dict[str, list[str]]:
    return parse_qs(urlsplit(page.url).query)


def _hits(page: Page) -> list[str]:
    """What the cards say, once the page is no longer being changed."""
    page.locator(".stApp[data-test-script-state='notRunning']").wait_for()
    expect(page.get_by_role("option").first).to_be_visible()
    return page.get_by_role("option").all_inner_texts()


def _wait_for_address(page: Page, name: str) -> None:
    page.wait_for_function("name => new URLSearchParams(location.search).has(name)", arg=name)


def test_an_empty_home_offers_two_ways_to_begin(window: Page, tmp_path: Path) -> None:
    with Serving(tmp_path / "home") as address:
        page = _without_map(window.context)
        page.goto(address)
        expect(page.get_by_role("button", name="Make the demo planet")).to_be_visible(timeout=PATIENCE_MS)
        page.get_by_role("button", name="Add imagery").click()
        expect(page.get_by_text("There is no model here yet")).to_be_visible(timeout=PATIENCE_MS)
        page.close()


def test_a_search_lists_hits_that_the_arrow_keys_walk_through_and_enter_opens(window: Page, url: str) -> None:
    window.goto(url + LINK)
    box = window.get_by_role("textbox", name="What would one see there?")
    box.fill("a beach with many people")
    box.press("Enter")
    hits = window.get_by_role("option")
    expect(hits).to_have_count(12)
    expect(hits.first).to_contain_text("relevance")
    hits.first.focus()
    hits.first.press("ArrowDown")
    expect(hits.nth(1)).to_be_focused()
    hits.nth(1).press("Enter")
    _wait_for_address(window, "tile")
    photos = window.locator(".gc-photos img")
    expect(photos).to_have_count(9)
    assert all(photo.get_attribute("alt") for photo in photos.all())
    expect(window.locator(".gc-facts")).to_contain_text("groundcast sandbox planet, seed 0")
    window.wait_for_function("[...document.querySelectorAll('.gc-photos img')].slice(0, 3).every(i => i.naturalWidth)")


def test_a_second_moment_is_shown_beside_the_first(window: Page) -> None:
    """Goes on where the test before has left the window: loading the app anew is what takes long."""
    window.locator("label").filter(has_text="Beside it a second moment").click()
    expect(window.locator(".gc-photos")).to_have_count(2)
    expect(window.locator(".gc-photos img")).to_have_count(18)


def test_a_click_on_the_map_opens_the_tile_there(window: Page, url: str) -> None:
    window = window.context.new_page()
    window.goto(url + LINK)
    expect(window.get_by_role("option")).to_have_count(12)
    chart = window.get_by_test_id("stDeckGlJsonChart")
    expect(chart.locator("canvas").first).to_be_visible()
    room = chart.bounding_box()
    assert room is not None
    deadline = time.monotonic() + 2 * PATIENCE_MS / 1000
    while "tile" not in _asked(window) and time.monotonic() < deadline:  # until the tiles' outlines have come
        window.mouse.click(room["x"] + room["width"] * 0.48, room["y"] + room["height"] / 2)
        window.wait_for_timeout(1_000)
    assert _asked(window)["tile"][0].startswith("g480-")
    expect(window.locator(".gc-photos img")).to_have_count(9)
    expect(window.locator(".gc-chip img")).to_have_attribute("alt", re.compile("Overhead picture of tile g480-"))
    window.get_by_role("button", name="Back").click()
    expect(window.get_by_role("option")).to_have_count(12)
    window.wait_for_function("!new URLSearchParams(location.search).has('tile')")
    window.close()


def test_the_hour_is_moved_by_key_and_everything_follows(window: Page, url: str) -> None:
    window.goto(url + LINK)
    first = window.get_by_role("option").first
    expect(first).to_be_visible()
    before = first.inner_text()
    expect(window.get_by_text("Jul, 14:00 there: daylight")).to_be_visible()
    hour = window.get_by_role("slider").nth(1)
    hour.focus()
    hour.press("End")
    expect(window.get_by_text("Jul, 23:00 there: night")).to_be_visible()
    window.wait_for_function("new URLSearchParams(location.search).get('hour') == '23'")
    expect(first).not_to_have_text(before)


def test_two_moments_stand_side_by_side_in_different_colours(window: Page) -> None:
    """Goes on where the test before has left the window."""
    window.get_by_text("Compare", exact=True).click()
    pictures = window.locator(".pair .over img")
    expect(pictures).to_have_count(2)
    one, other = (picture.get_attribute("src") for picture in pictures.all())
    assert one and other and one.startswith("data:image/png") and one != other
    expect(window.get_by_text("Both maps have one scale")).to_be_visible()


def test_an_area_is_drawn_and_the_address_shows_others_the_same(window: Page, url: str) -> None:
    window.goto(url + LINK)
    expect(window.get_by_text("of 3,054 tiles")).to_be_visible()
    window.get_by_role("button", name="Area").click()
    window.get_by_role("button", name="Draw on the map").click()
    field = window.locator(".drawer .slippy")
    expect(field).to_be_visible()
    window.get_by_role("button", name="Box").click()
    room = field.bounding_box()
    assert room is not None
    window.mouse.move(room["x"] + room["width"] * 0.4, room["y"] + room["height"] * 0.3)
    window.mouse.down()
    window.mouse.move(room["x"] + room["width"] * 0.55, room["y"] + room["height"] * 0.6, steps=3)
    window.mouse.up()
    window.get_by_role("button", name="Search here").click()
    _wait_for_address(window, "area")
    expect(window.get_by_text("of 3,054 tiles")).to_have_count(0)
    count = window.get_by_text("tiles · exact").inner_text()
    hits = _hits(window)
    other = _without_map(window.context)
    other.goto(window.url)
    expect(other.get_by_role("option").first).to_be_visible()
    assert other.get_by_text("tiles · exact").inner_text() == count
    assert _hits(other) == hits
    other.close()


def test_the_hits_are_exported_as_they_are_on_the_screen(window: Page) -> None:
    """Goes on where the test before has left the window: in the area that was drawn."""
    hits = _hits(window)
    window.get_by_role("button", name="Export").click()
    document = json.loads(_downloaded(window, "GeoJSON").read_text("utf-8"))
    assert len(document["features"]) == len(hits)
    assert document["provenance"]["query"]["area"]["type"] == "Polygon"
    assert document["provenance"]["query"]["text"] == BEACH
    assert document["provenance"]["attribution"] == "groundcast sandbox planet, seed 0"
    assert len(pd.read_csv(_downloaded(window, "CSV"), comment="#")) == len(hits)
    assert len(ET.parse(_downloaded(window, "KML")).findall(".//{*}Placemark")) == len(hits)
    assert len(gpd.read_parquet(_downloaded(window, "GeoParquet"))) == len(hits)


def test_the_map_is_exported_in_every_format(window: Page) -> None:
    """Goes on where the test before has left the window: the exports are open."""
    with rasterio.open(_downloaded(window, "GeoTIFF")) as raster:
        assert raster.descriptions[:2] == ("cosine", "relevance")
        assert raster.crs is not None
    with Image.open(_downloaded(window, "PNG")) as picture:
        assert min(picture.size) > 300
    assert len(gpd.read_parquet(_downloaded(window, "GeoParquet", -1))) == _tiles(window)


def _tiles(page: Page) -> int:
    """How many tiles the answer says it looked at."""
    said = re.search(r"of ([\d,]+) tiles", page.get_by_text("tiles · exact").inner_text())
    assert said is not None
    return int(said[1].replace(",", ""))


def _downloaded(page: Page, button: str, number: int = 0) -> Path:
    with page.expect_download() as download:
        page.get_by_role("button", name=button).nth(number).click()
    return Path(download.value.path())


def test_a_file_that_is_no_picture_is_refused_and_one_that_is_steers_the_search(
    window: Page, demo: Demo, tmp_path: Path
) -> None:
    """Goes on where the test before has left the window."""
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"\x89PNG\r\n\x1a\n no picture")
    before = _hits(window)
    window.get_by_role("button", name="Picture").click()
    window.get_by_test_id("stFileUploaderDropzoneInput").set_input_files(broken)
    expect(window.get_by_text("This picture cannot be used")).to_be_visible()
    assert _hits(window) == before
    window.get_by_test_id("stFileUploaderDropzoneInput").set_input_files(next(demo.home.glob("demo-photos/*.jpg")))
    expect(window.get_by_role("button", name="like the ground photo")).to_be_visible()
    assert _hits(window) != before


def test_two_people_ask_at_once_and_each_gets_their_own_answer(window: Page, url: str) -> None:
    questions = ("farmers harvesting wheat", "a container port with cranes")
    pages = [window, _without_map(window.context)]
    for page, question in zip(pages, questions, strict=True):
        page.goto(f"{url}/?q={question.replace(' ', '+')}", wait_until="commit")
    for page, question in zip(pages, questions, strict=True):
        expect(page.get_by_role("option").first).to_be_visible(timeout=PATIENCE_MS)
        expect(page.get_by_role("textbox", name="What would one see there?")).to_have_value(question)
    lists = [_hits(page) for page in pages]
    assert lists[0] != lists[1]


@pytest.mark.skipif(not LONG, reason="takes long: make test-long")
def test_thumbs_change_the_answer_and_a_film_plays(window: Page, url: str) -> None:
    window.goto(url + LINK)
    before = _hits(window)
    window.get_by_role("button", name=re.compile("unlike this|less like", re.IGNORECASE)).first.click()
    _wait_for_address(window, "down")
    assert _hits(window) != before
    window.get_by_text("Film", exact=True).click()
    said = window.locator(".pair .said")
    expect(said).to_contain_text("Jan")
    window.get_by_role("button", name="Play").click()
    expect(said).to_contain_text("Mar")
    window.get_by_role("button", name="Pause").click()


@pytest.mark.skipif(not LONG, reason="takes long: make test-long")
def test_an_area_is_read_from_a_kml_file_and_a_scribble_is_refused(window: Page, url: str, tmp_path: Path) -> None:
    window.goto(url + LINK)
    expect(window.get_by_text("of 3,054 tiles")).to_be_visible()
    west, south, east, north = -165.1, 43.0, -165.0, 43.1
    ring = f"{west},{south} {east},{south} {east},{north} {west},{north} {west},{south}"
    body = f"<outerBoundaryIs><LinearRing><coordinates>{ring}</coordinates></LinearRing></outerBoundaryIs>"
    placemark = f"<Placemark><Polygon>{body}</Polygon></Placemark>"
    kml = f'<kml xmlns="http://www.opengis.net/kml/2.2"><Document>{placemark}</Document></kml>'
    (tmp_path / "area.kml").write_text(kml)
    (tmp_path / "bad.kml").write_text("<kml>")
    for name in ("bad.kml", "area.kml"):
        window.get_by_role("button", name="Area").click()
        window.get_by_test_id("stFileUploaderDropzoneInput").set_input_files(tmp_path / name)
        if name == "bad.kml":
            expect(window.get_by_text("This file cannot be used as an area")).to_be_visible()
            window.keyboard.press("Escape")
    _wait_for_address(window, "area")
    assert 0 < _tiles(window) < 3054


def test_a_dead_index_is_told_with_what_to_do(
    window: Page, demo: Demo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An index is needed above `exact_tiles` only; its files are garbage here."""
    home = whole_copy_of(demo.home, tmp_path / "home")
    for file in (home / "index").rglob("*"):
        if file.is_file():
            file.write_bytes(b"garbage")
    monkeypatch.setenv("GROUNDCAST_EXACT_TILES", "0")
    with Serving(home) as address:
        page = _without_map(window.context)
        page.goto(address + LINK)
        expect(page.get_by_text("groundcast verify")).to_be_visible(timeout=PATIENCE_MS)
        expect(page.get_by_role("textbox", name="What would one see there?")).to_have_value(BEACH)
        page.close()
