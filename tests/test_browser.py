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
from conftest import LONG, Demo, make_raster, start_groundcast
from home_copy import whole_copy_of
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright
from test_preview import bordered
from vector_map import LINE, POINT, write_map

from search_ui.components.assets import asset

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = ["--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist", "--no-sandbox"]
PATIENCE_MS = 60_000
COUNTED = re.compile(r"places? of [\d,]+ tiles")
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
    """A window in which the map is not drawn: without a graphics card it takes longer than all the rest."""
    page = context.new_page()
    page.route("**/maplibre/**", lambda route: route.abort())
    return page


@pytest.fixture(scope="module")
def mapped(browser: Browser, url: str) -> Iterator[Page]:
    """One window with the map, on a question in July."""
    # fewer pixels and no flights: all of it is drawn without a graphics card
    context = browser.new_context(viewport={"width": 900, "height": 640}, reduced_motion="reduce")
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    page.goto(url + LINK)
    _painted(page)
    yield page
    context.close()


def _painted(page: Page, pane: int = 0, *, other_than: str | None = None) -> str:
    """The heat that a pane of the map shows, once it is there and another than before."""
    shown = page.locator(".gc-map")
    known = re.compile(r"^/shown/maps/" if other_than is None else rf"^(?!{re.escape(other_than)}$)/shown/maps/")
    expect(shown).to_have_attribute(f"data-heat{pane}", known, timeout=2 * PATIENCE_MS)
    return shown.get_attribute(f"data-heat{pane}") or ""


def _view(page: Page) -> str:
    """Where the map looks, as the address says."""
    return urlsplit(page.url).fragment


def _draw_box(page: Page, corner: tuple[float, float], opposite: tuple[float, float]) -> None:
    """Drags over the map; corners are shares of its width and height, from the upper left."""
    room = page.locator(".gc-map").bounding_box()
    assert room is not None
    (x, y), (to_x, to_y) = (
        (room["x"] + room["width"] * across, room["y"] + room["height"] * down) for across, down in (corner, opposite)
    )
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(to_x, to_y, steps=3)
    page.mouse.up()


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


def test_what_the_server_has_let_go_of_is_asked_for_once_fetched_a_few_times_and_then_told(browser: Browser) -> None:
    page = browser.new_page()
    page.clock.install(time=0)
    page.clock.pause_at(1_000)
    page.add_script_tag(
        content=asset("renewal.js")
        + """;const said = [];
        const renewal = new Renewal((name) => said.push(`run for ${name}`), () => said.push("lost"));
        const lapse = () => renewal.again("a list", () => said.push("fetched"));"""
    )
    for milliseconds, said in ((700, ["run for a list", "fetched"]), (2000, ["fetched"]), (5000, ["fetched"])):
        page.evaluate("said.length = 0; lapse()")
        page.clock.run_for(milliseconds - 1)
        assert "fetched" not in page.evaluate("said")
        page.clock.run_for(1)
        assert page.evaluate("said") == said
    assert page.evaluate("said.length = 0; lapse(); said") == ["lost"]
    assert page.evaluate('said.length = 0; renewal.came("a list"); lapse(); said') == ["run for a list"]
    page.close()


@pytest.mark.skipif(
    not LONG, reason="starts a server of its own: make test-long; tests/test_app.py reads the same pages"
)
def test_an_empty_home_offers_two_ways_to_begin(window: Page, tmp_path: Path) -> None:
    with Serving(tmp_path / "home") as address:
        page = _without_map(window.context)
        page.goto(address)
        expect(page.get_by_role("button", name="Make the demo planet")).to_be_visible(timeout=PATIENCE_MS)
        page.get_by_role("button", name="Add imagery").click()
        expect(page.get_by_text("There is no model here yet that could look at imagery")).to_be_visible(
            timeout=PATIENCE_MS
        )
        page.close()


def test_a_search_lists_hits_that_the_arrow_keys_walk_through_and_enter_opens(window: Page, url: str) -> None:
    window.goto(url + LINK)
    box = window.get_by_role("textbox", name="What would one see there?")
    hits = window.get_by_role("option")
    expect(hits.first).to_contain_text("relevance")
    before = _hits(window)
    box.fill("a beach with many people")
    box.press("Enter")
    expect(hits.first).not_to_have_text(before[0], use_inner_text=True)
    expect(hits.first).to_have_attribute("aria-setsize", "100")
    hits.first.focus()
    hits.first.press("End")  # the list is drawn, and asked for, as far as it is looked at
    last = window.get_by_role("option", name=re.compile(r"^100\. "))
    expect(last).to_be_focused()
    last.press("Home")
    hits.first.press("ArrowDown")
    second = window.get_by_role("option", name=re.compile(r"^2\. "))
    expect(second).to_be_focused()
    second.press("Enter")
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


def test_the_page_never_scrolls_and_map_and_panel_are_both_in_sight(window: Page) -> None:
    """Goes on where the test before has left the window: one place with two moments, the longest panel."""
    for width, height in ((1440, 900), (390, 844), (1024, 768)):
        window.set_viewport_size({"width": width, "height": height})
        for selector in (".stMain", ".stMainBlockContainer", "body"):
            over = f"e => e.scrollHeight - e.clientHeight + e.scrollWidth - e.clientWidth"  # noqa: F541
            assert window.locator(selector).first.evaluate(over) <= 1, (selector, width)
        panel = window.locator(".st-key-gc-panel")
        assert panel.evaluate("e => e.scrollHeight > e.clientHeight")
        map_room, panel_room = window.locator(".gc-map").bounding_box(), panel.bounding_box()
        assert map_room is not None and panel_room is not None
        for room in (map_room, panel_room):
            assert room["width"] > 330 and room["height"] > 200 and room["y"] + room["height"] <= height
        assert map_room["x"] + map_room["width"] <= panel_room["x"] or map_room["y"] < panel_room["y"]


def test_a_click_on_the_map_opens_the_tile_there_and_the_map_stays(mapped: Page) -> None:
    chart = mapped.locator(".gc-map canvas").first
    room = chart.bounding_box()
    assert room is not None
    middle = room["x"] + room["width"] / 2, room["y"] + room["height"] / 2
    before = _view(mapped)
    assert before.startswith("map=")
    mapped.mouse.move(*middle)
    tip = mapped.locator(".gc-map .tip")
    expect(tip).to_contain_text(re.compile(r"(nothing|weak|possible|strong) 0\.\d\d\n.+\n"))
    expect(mapped.locator(".gc-map .where")).to_have_text(re.compile(r"^\d+\.\d{4}° N, \d+\.\d{4}° W$"))
    mapped.mouse.click(*middle)
    _wait_for_address(mapped, "tile")
    assert _asked(mapped)["tile"][0].startswith("g480-")
    expect(mapped.locator(".gc-photos img")).to_have_count(9)
    expect(mapped.locator(".gc-chip img")).to_have_attribute("alt", re.compile("Overhead picture of tile g480-"))
    mapped.get_by_role("button", name="Back").click()
    expect(mapped.get_by_role("option").first).to_be_visible()
    mapped.wait_for_function("!new URLSearchParams(location.search).has('tile')")
    mapped.wait_for_function("before => location.hash == '#' + before", arg=before)


def test_a_place_of_the_list_is_brought_into_sight_and_the_button_shows_all_again(mapped: Page) -> None:
    """Goes on where the test before has left the window."""
    before = _view(mapped)
    mapped.get_by_role("option").first.click()
    _wait_for_address(mapped, "tile")
    mapped.wait_for_function("Number(location.hash.match(/map=([\\d.]+)/)?.[1]) > 13")
    mapped.get_by_role("button", name="show all of it").click()
    mapped.wait_for_function("before => location.hash == '#' + before", arg=before)
    mapped.get_by_role("button", name="Back").click()
    mapped.wait_for_function("!new URLSearchParams(location.search).has('tile')")
    expect(mapped.get_by_role("option").first).to_be_visible()


def test_the_hour_is_moved_by_key_and_everything_follows(mapped: Page) -> None:
    """Goes on where the test before has left the window."""
    first = mapped.get_by_role("option").first
    before, heat = first.inner_text(), _painted(mapped)
    expect(mapped.get_by_text("Jul, 14:00 there: daylight")).to_be_visible()
    hour = mapped.locator(".st-key-hour").get_by_role("slider")
    hour.focus()
    hour.press("End")
    expect(mapped.get_by_text("Jul, 23:00 there: night")).to_be_visible()
    mapped.wait_for_function("new URLSearchParams(location.search).get('hour') == '23'")
    expect(first).not_to_have_text(before, use_inner_text=True)
    assert _painted(mapped, other_than=heat) != heat


def test_two_moments_are_compared_in_different_colours(mapped: Page) -> None:
    """Goes on where the test before has left the window."""
    mapped.get_by_text("Compare", exact=True).click()
    expect(mapped.locator(".gc-map .pane")).to_have_count(2)
    assert _painted(mapped, 1) != _painted(mapped, 0)
    expect(mapped.locator(".gc-map .name")).to_have_text(["Jul, 23:00", "Jan, 23:00"])
    expect(mapped.locator(".gc-map .swipe .knob")).to_be_visible()
    mapped.get_by_text("Map", exact=True).click()
    expect(mapped.locator(".gc-map .pane")).to_have_count(1)


def test_an_area_is_drawn_and_the_address_shows_others_the_same(mapped: Page, window: Page) -> None:
    """Goes on where the test before has left the window with the map."""
    expect(mapped.get_by_text("of 3,054 tiles")).to_be_visible()
    mapped.get_by_role("button", name="Area").click()
    mapped.get_by_role("button", name="Draw on the map").click()
    expect(mapped.get_by_role("button", name="Search here")).to_be_visible()
    mapped.keyboard.press("Escape")  # closes what the button stood in
    _draw_box(mapped, (0.4, 0.3), (0.55, 0.6))
    mapped.get_by_role("button", name="Search here").click()
    _wait_for_address(mapped, "area")
    expect(mapped.get_by_text("of 3,054 tiles")).to_have_count(0)
    count = mapped.get_by_text(COUNTED).inner_text()
    hits = _hits(mapped)
    window.goto(mapped.url)
    expect(window.get_by_text(COUNTED)).to_have_text(count)
    expect(window.get_by_role("option").first).to_be_visible()
    assert _hits(window)[:5] == hits[:5]


def test_a_box_on_the_map_labels_what_lies_in_it(mapped: Page) -> None:
    """Goes on where the test before has left the window with the map."""
    mapped.locator(".st-key-panel").get_by_text("Labels").click()
    mapped.get_by_role("textbox", name="Name", exact=True).fill("by a box")
    mapped.get_by_role("button", name="Begin a set").click()
    mapped.get_by_role("button", name="Draw", exact=True).click()
    expect(mapped.get_by_role("button", name="Label these")).to_be_visible()
    _draw_box(mapped, (0.45, 0.4), (0.5, 0.5))
    room = mapped.locator(".gc-map").bounding_box()
    mapped.get_by_role("button", name="Label these").click()
    expect(mapped.get_by_text(re.compile(r"^\d+ places: no\.$"))).to_be_visible()
    assert mapped.locator(".gc-map").bounding_box() == room  # what is told lies over the page
    labelled = int(mapped.get_by_text(re.compile(r"^\d+ places: no\.$")).inner_text().split()[0])
    expect(mapped.get_by_text(f"{labelled} no ·")).to_be_visible()
    mapped.get_by_role("button", name=re.compile("^Undo")).click()
    expect(mapped.get_by_text(re.compile(r"\b0 yes · .* 0 no · "))).to_be_visible()


def test_keys_that_are_faster_than_the_page_label_one_place_each(mapped: Page) -> None:
    """Goes on where the test before has left the window: with a set that has no labels."""
    mapped.get_by_role("button", name="Begin with the first place").click()
    expect(mapped.get_by_text("not labelled yet")).to_be_visible()
    for key in "yyynuynyyynn":  # more than the page knows places ahead
        mapped.keyboard.press(key)
    expect(mapped.get_by_text(re.compile(r"\b7 yes · .* 4 no · .* 1 unsure"))).to_be_visible()


def test_the_hits_are_exported_as_they_are_on_the_screen(window: Page) -> None:
    """Goes on where the test before has left the window: in the area that was drawn."""
    hits = [None] * _places(window)
    window.locator(".st-key-panel").get_by_text("Export").click()
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
    written = len(gpd.read_parquet(_downloaded(window, "GeoParquet", -1)))
    window.locator(".st-key-panel").get_by_text("Places").click()
    assert written == _tiles(window)


def _places(page: Page) -> int:
    """How many places the list says that it has."""
    said = re.search(r"([\d,]+) places? of", page.get_by_text(COUNTED).inner_text())
    assert said is not None
    return int(said[1].replace(",", ""))


def _tiles(page: Page) -> int:
    """How many tiles the answer says it looked at."""
    said = re.search(r"of ([\d,]+) tiles", page.get_by_text(COUNTED).inner_text())
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
    before = _hits(window)[:5]  # more come as the list is looked at
    window.get_by_role("button", name="Picture").click()
    window.get_by_test_id("stFileUploaderDropzoneInput").set_input_files(broken)
    expect(window.get_by_text("This picture cannot be used")).to_be_visible()
    assert _hits(window)[:5] == before
    window.get_by_test_id("stFileUploaderDropzoneInput").set_input_files(next(demo.home.glob("demo-photos/*.jpg")))
    expect(window.get_by_role("button", name="like the ground photo")).to_be_visible()
    assert _hits(window)[:5] != before


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
    said = window.locator(".gc-map .player .said")
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


@pytest.mark.skipif(not LONG, reason="takes long: `make test-long` runs it")
def test_a_set_of_ten_labels_gives_areas_that_geopandas_opens(window: Page, url: str, tmp_path: Path) -> None:
    """The walk of a whole task: ask, label ten, see what is learnt, raise the threshold, take the areas along."""
    window.goto(f"{url}{LINK}&panel=labels")
    window.get_by_role("button", name="Begin a set").click()
    window.get_by_role("button", name="Begin with the first place").click()
    _wait_for_address(window, "tile")
    for count in range(1, 6):
        expect(window.get_by_text("not labelled yet")).to_be_visible()
        place = window.url
        window.keyboard.press("y")
        expect(window.get_by_text(re.compile(rf"\b{count} yes · "))).to_be_visible()
        expect(window).not_to_have_url(place)  # the next place of the list
    asked = "collection=demo&k=900&q=people+swimming+at+a+sandy+beach&when=2025-07-15T14"
    with urllib.request.urlopen(f"{url}/api/search?{asked}") as answer:
        unlike = [hit["tile_id"] for hit in json.load(answer)["hits"]][500::90]
    link = re.sub(r"&tile=[^&#]*|#.*", "", window.url)
    for count, tile in enumerate(unlike, start=1):
        window.goto(f"{link}&tile={tile}")
        expect(window.get_by_role("img", name=re.compile(tile))).to_be_visible()
        window.get_by_role("button", name="NoN").click()
        expect(window.get_by_text(re.compile(rf"\b5 yes · .* {count} no · "))).to_be_visible()
    expect(window.get_by_text("Learnt from the labels")).to_be_visible()
    expect(window.get_by_role("img", name=re.compile("ROC curve"))).to_be_visible()
    expect(window.get_by_text("5 yes and 5 no are few")).to_be_visible()
    areas = window.get_by_text(re.compile(r"[\d,]+ areas, "))
    before = areas.inner_text()
    threshold = window.get_by_role("slider", name="Least probability")
    threshold.press("ArrowRight")
    expect(areas).not_to_have_text(before, use_inner_text=True)
    with window.expect_download() as taken:
        window.get_by_role("button", name="GeoParquet").first.click()
    taken.value.save_as(tmp_path / "areas.parquet")
    opened = gpd.read_parquet(tmp_path / "areas.parquet")
    assert len(opened) == int(areas.inner_text().split()[0].replace(",", ""))
    assert (opened["area_km2"] > 0.22).all() and set(opened["threshold"]) == {0.55}


@pytest.mark.skipif(not LONG, reason="takes long: `make test-long` runs it")
def test_a_place_is_chosen_by_name_outlines_are_laid_over_and_a_watch_is_read_by_its_feed(
    window: Page, url: str, tmp_path: Path
) -> None:
    window.goto(url + LINK)
    expect(window.get_by_text("of 3,054 tiles")).to_be_visible()
    expect(window.get_by_role("alert")).to_be_visible()  # that there is no map, which renews the page
    _settled(window)
    urllib.request.urlopen(f"{url}/api/places?name=Springfield").close()  # waits until names can be asked for
    window.get_by_role("button", name="Area").click()
    _fill(window, "Town, country or coordinates", "Springfield")
    expect(window.get_by_text("Several places bear this name. Which one?")).to_be_visible()
    expect(window.get_by_role("button", name=re.compile(r"Springfield.* · .*km")).first).to_be_visible()
    _fill(window, "Town, country or coordinates", "Fenoport, 5 km")
    _wait_for_address(window, "area")
    assert _asked(window)["area"] == ["place:Fenoport, 5 km"]
    expect(window.get_by_text("of 3,054 tiles")).to_have_count(0)
    assert 0 < _tiles(window) < 3054
    window.keyboard.press("Escape")
    outlines = {"type": "Polygon", "coordinates": [[[-165.1, 43], [-165, 43], [-165, 43.1], [-165.1, 43]]]}
    (tmp_path / "bad.geojson").write_text("{nothing")
    (tmp_path / "good.geojson").write_text(json.dumps(outlines))
    window.get_by_role("button", name="Show", exact=True).click()
    for name, said in (("bad", "This file cannot be laid over the map"), ("good", "Take your outlines away")):
        window.get_by_test_id("stFileUploaderDropzoneInput").set_input_files(tmp_path / f"{name}.geojson")
        expect(window.get_by_text(said)).to_be_visible()
    _wait_for_address(window, "overlay")
    window.keyboard.press("Escape")
    window.get_by_role("button", name="Saved").click()
    _fill(window, "Save this search as", "bathers at Fenoport")
    window.get_by_role("button", name="Save", exact=True).click()
    expect(window.get_by_text("Saved as")).to_be_visible()
    window.goto(url + LINK)
    expect(window.get_by_role("alert")).to_be_visible()
    _settled(window)
    window.get_by_role("button", name="Saved").click()
    href = window.locator("a[href*='feed.xml']").last.get_attribute("href")
    assert href is not None
    with urllib.request.urlopen(f"{url}{href}") as answer:
        told = ET.parse(answer)
    assert "bathers at Fenoport" in str(told.findtext("{http://www.w3.org/2005/Atom}title"))


def _settled(page: Page) -> None:
    """Waits until the page is as it stays."""
    expect(page.locator(".stApp")).to_have_attribute("data-test-script-state", "notRunning")


def _fill(page: Page, name: str, text: str) -> None:
    box = page.get_by_role("textbox", name=name)
    box.fill(text)
    box.press("Enter")


def _say_imagery(window: Page, url: str, path: Path, name: str) -> None:
    """Fills the form that adds imagery, in tiles of 20 m."""
    window.set_viewport_size({"width": 1024, "height": 768})
    window.goto(f"{url}/collections")
    window.get_by_text("Add imagery").first.click()
    _fill(window, "Path on the server's machine, or URL", str(path))
    _fill(window, "Name of the collection", name)
    side = window.get_by_role("spinbutton", name="Side of a tile, metres")
    side.fill("20")
    side.press("Enter")


@pytest.mark.skipif(not LONG, reason="a minute long: `make test-long` runs it")
def test_an_orthophoto_with_a_white_border_is_added_searched_renamed_deleted_and_brought_back(
    window: Page, url: str, tmp_path: Path
) -> None:
    path = bordered(tmp_path / "ortho.tif", 255)
    _say_imagery(window, url, path, "ortho")
    leave_out = window.get_by_role("button", name="Leave white out")
    expect(leave_out).to_be_visible()
    with_border = window.get_by_test_id("stImage").locator("img").first.get_attribute("src")
    leave_out.click()
    expect(window.get_by_text("hold too little imagery")).to_contain_text("about 3")
    expect(leave_out).to_have_count(0)
    assert window.get_by_test_id("stImage").locator("img").first.get_attribute("src") != with_border
    window.get_by_role("button", name="See what it would take").click()
    window.get_by_role("button", name="Start").click()
    expect(window.get_by_text("Imagery into ortho: done")).to_be_visible()
    window.get_by_role("button", name="Search it").first.click()
    _wait_for_address(window, "collection")
    assert _asked(window)["collection"] == ["ortho"]
    _fill(window, "What would one see there?", "a market")
    expect(window.get_by_role("option").first).to_be_visible()
    expect(window.get_by_text("unlike what the model learned from")).to_be_visible()
    expect(window.get_by_text("strong", exact=True)).to_have_count(0)
    window.get_by_role("link", name="Collections").click()
    window.locator("[class*='st-key-rename-ortho']").get_by_role("button").click()
    _fill(window, "New name", "field")
    window.get_by_role("button", name="Rename it").click()
    expect(window.get_by_text("is called “field” now")).to_be_visible()
    window.locator("[class*='st-key-delete-field']").get_by_role("button").click()
    window.get_by_role("button", name="Delete it").click()
    window.get_by_role("button", name="Bring it back").click()
    expect(window.get_by_text("“field” is back")).to_be_visible()


@pytest.mark.skipif(not LONG, reason="a minute long: `make test-long` runs it")
def test_an_ingest_is_paused_goes_on_and_is_cancelled_while_another_person_searches(
    window: Page, url: str, tmp_path: Path
) -> None:
    path = make_raster(tmp_path / "large.tif", width=4000, height=4000)  # a minute's work: it must not end before
    _say_imagery(window, url, path, "large")
    window.get_by_role("button", name="See what it would take").click()
    window.get_by_role("button", name="Start").click()
    window.get_by_role("button", name="Pause").first.wait_for()
    window.get_by_role("button", name="Pause").first.click()
    expect(window.get_by_text(re.compile("^paused: [0-9,]+ of [0-9,]+ tiles"))).to_be_visible()
    window.get_by_role("button", name="Go on").click()
    cancel = window.get_by_role("button", name="Cancel").first
    expect(cancel).to_be_visible()
    expect(window.get_by_text(re.compile("kept [1-9][0-9,]* of")).first).to_be_visible()
    other = _without_map(window.context)
    other.goto(f"{url}/?collection=demo&q=a+vineyard&month=9&hour=12")
    expect(other.get_by_role("option").first).to_be_visible()
    other.close()
    cancel.click()
    expect(window.get_by_test_id("stException")).to_have_count(0)
    expect(window.get_by_text(re.compile("^cancelled: [0-9,]+ of [0-9,]+ tiles"))).to_be_visible()
    window.goto(f"{url}/?collection=large&q=a+market")
    expect(window.get_by_role("option").first).to_be_visible()  # what was done before stays


def test_a_list_of_every_place_is_walked_to_its_end_and_only_what_is_in_sight_is_drawn(window: Page, url: str) -> None:
    window.set_viewport_size({"width": 1024, "height": 768})
    window.goto(f"{url}/?q=a+forest&k=10000")
    _hits(window)
    first = window.get_by_role("option").first
    places = int(first.get_attribute("aria-setsize") or 0)
    assert places > 3_000
    first.focus()
    window.keyboard.press("End")
    last = window.locator(f"[role=option][aria-posinset='{places}']")
    expect(last).to_have_attribute("aria-label", re.compile(rf"^{places}\. "))  # its page of the list has arrived
    assert window.get_by_role("option").count() < 30


@pytest.mark.skipif(not LONG, reason="starts a server of its own, and draws its map: make test-long")
def test_the_owners_map_file_lays_names_and_roads_over_the_imagery(
    browser: Browser, demo: Demo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole_copy_of(demo.home, tmp_path / "home")
    road = ("roads", LINE, [(-165.2, 42.9), (-164.8, 43.2)], {"kind": "highway", "name": "Long Road"})
    town = ("places", POINT, [(-165.0, 43.05)], {"kind": "locality", "name": "Hereby"})
    monkeypatch.setenv("GROUNDCAST_BASEMAP", str(write_map(tmp_path / "map.pmtiles", [road, town], range(13))))
    context = browser.new_context(viewport={"width": 900, "height": 640}, reduced_motion="reduce")
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    with Serving(tmp_path / "home") as address:
        with page.expect_response(re.compile(r"/basemap/tiles/.*\.mvt")) as tile:
            page.goto(address + LINK)
        assert tile.value.ok
        with_names = _painted(page)
        page.get_by_text("© OpenStreetMap").first.wait_for(state="attached")  # a narrow map folds it
        page.goto(f"{address}{LINK}&base=plain")
        assert _painted(page) == with_names  # the same heat, over the imagery alone
        expect(page.get_by_text("© OpenStreetMap")).to_have_count(0)
    context.close()
