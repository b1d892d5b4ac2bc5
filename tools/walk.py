"""The walk of a whole task through the app, in a real browser, with a picture of every step.

    python -m tools.walk --home HOME --work FOLDER [--size 1440x900]

Somebody with only a browser finds a beach in summer, sees it empty in January, labels places by key, click, box and
polygon, gets a map of the probability and polygons that GeoPandas opens, adds an orthophoto with white borders and
searches it. HOME is one in which `groundcast demo` was run; it is copied. What was done stays in FOLDER: the same
command goes on behind the last step that came to its end, at the address where that left the page. Needs Debian's
chromium.
"""

import argparse
import json
import re
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import rasterio
from affine import Affine
from playwright.sync_api import Page, expect, sync_playwright

from tools.screenshots import FLAGS, PATIENCE_MS, serving

BEACH = "people swimming at a sandy beach"
SIZE = "1440x900"
BORDER, WIDTH_PX, PIXEL_M = 90, 360, 0.5  # of the orthophoto
Step = Callable[[Page, Path], None]


def main() -> None:
    """Do what is not done yet."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--home", type=Path, required=True, help="Home in which `groundcast demo` was run.")
    parser.add_argument("--work", type=Path, required=True, help="Folder for the copy of the home and the pictures.")
    parser.add_argument("--size", default=SIZE, help="Of the window, such as 390x844.")
    asked = parser.parse_args()
    asked.work.mkdir(parents=True, exist_ok=True)
    home, done = asked.work / "home", asked.work / "done.json"
    if not done.exists():
        shutil.rmtree(home, ignore_errors=True)
        shutil.copytree(asked.home, home)
        done.write_text("[]")
    with sync_playwright() as playwright, serving(home) as url:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
        width, height = map(int, asked.size.split("x"))
        page = browser.new_page(viewport={"width": width, "height": height})
        page.set_default_timeout(PATIENCE_MS)
        expect.set_options(timeout=PATIENCE_MS)
        finished: list[dict[str, Any]] = json.loads(done.read_text())
        while finished and finished[-1]["step"] in ("form", "white-left-out", "estimate"):  # no address holds a form
            finished.pop()
        page.goto(url + (finished[-1]["address"] if finished else "/"))
        for number, (name, step) in enumerate(STEPS.items(), start=1):
            if number <= len(finished):
                continue
            began = time.monotonic()
            step(page, asked.work)
            seconds = time.monotonic() - began
            _settle(page)
            page.screenshot(path=asked.work / f"{number:02}-{name}.png", timeout=PATIENCE_MS)
            finished.append({"step": name, "address": page.url.removeprefix(url), "seconds": round(seconds, 1)})
            done.write_text(json.dumps(finished, indent=1))
            sys.stdout.write(f"{number:02}-{name}.png {seconds:.1f} s\n")
        browser.close()


def _settle(page: Page) -> None:
    """Until nothing is worked out any more; a map that is drawn without a graphics card comes a little later."""
    page.wait_for_function("document.querySelector('.stApp')?.getAttribute('data-test-script-state') === 'notRunning'")
    page.wait_for_timeout(2_500)


# -- the steps, in their order: each begins where the one before left the page ---------------------------------------


def _opened(page: Page, _: Path) -> None:
    page.get_by_role("textbox", name="What would one see there?").wait_for()


def _asked(page: Page, _: Path) -> None:
    _fill(page, "What would one see there?", BEACH)
    expect(page.get_by_role("option").first).to_contain_text("relevance")
    page.locator(".gc-map[data-heat0]").wait_for()


def _july(page: Page, _: Path) -> None:
    _moved(page, "month", 7)
    _moved(page, "hour", 14)
    expect(page.get_by_role("option").first).to_contain_text("strong")


def _swiped(page: Page, _: Path) -> None:
    page.get_by_text("Compare", exact=True).click()
    page.locator(".gc-map[data-heat1]").wait_for()
    expect(page.locator(".gc-map .name")).to_have_text(["Jul, 14:00", "Jan, 14:00"])
    knob, room = page.locator(".gc-map .knob").bounding_box(), page.locator(".gc-map").bounding_box()
    assert knob is not None and room is not None  # noqa: S101 - they were waited for
    page.mouse.move(knob["x"] + 15, knob["y"] + 15)
    page.mouse.down()
    page.mouse.move(room["x"] + 0.3 * room["width"], knob["y"] + 15, steps=6)
    page.mouse.up()


def _january(page: Page, _: Path) -> None:
    page.get_by_text("Map", exact=True).click()
    _moved(page, "month", 1)
    expect(page.get_by_text("Not now.")).to_be_visible()


def _summer_again(page: Page, _: Path) -> None:
    page.get_by_role("button", name="Ask for Jul").click()
    expect(page.get_by_role("option").first).to_contain_text("strong")


def _place(page: Page, _: Path) -> None:
    page.get_by_role("option").first.click()
    expect(page.locator(".gc-photos img")).to_have_count(9)


def _set(page: Page, _: Path) -> None:
    page.get_by_role("button", name="Back").click()
    _panel(page, "Labels")
    page.get_by_role("textbox", name="Name", exact=True).fill("bathing")
    page.get_by_role("button", name="Begin a set").click()
    expect(page.get_by_text("0 yes ·")).to_be_visible()


def _by_key(page: Page, _: Path) -> None:
    page.get_by_role("button", name="Begin with the first place").click()
    expect(page.get_by_text("not labelled yet")).to_be_visible()
    place = page.url
    for _ in range(10):
        page.keyboard.press("y")  # faster than the page
    expect(page.get_by_text(re.compile(r"\b10 yes · "))).to_be_visible()
    expect(page).not_to_have_url(place)  # the next place of the list


def _by_click(page: Page, _: Path) -> None:
    page.get_by_role("button", name="show all of it").click()
    page.wait_for_timeout(1_500)
    for count, at in enumerate(((0.45, 0.5), (0.5, 0.42), (0.55, 0.55)), start=1):
        place = page.url
        page.mouse.click(*_on_map(page, at))
        expect(page).not_to_have_url(place)
        page.get_by_role("button", name="NoN").click()
        expect(page.get_by_text(re.compile(rf"\b{count} no · "))).to_be_visible()
        page.get_by_role("button", name="show all of it").click()
        page.wait_for_timeout(1_500)


def _by_box(page: Page, _: Path) -> None:
    page.get_by_role("button", name="Draw", exact=True).click()
    page.get_by_role("button", name="Box").wait_for()
    page.mouse.move(*_on_map(page, (0.46, 0.3)))
    page.mouse.down()
    page.mouse.move(*_on_map(page, (0.56, 0.36)), steps=4)
    page.mouse.up()
    page.get_by_role("button", name="Label these").click()
    expect(page.get_by_text(re.compile(r"^\d+ places?: no\.$"))).to_be_visible()


def _by_polygon(page: Page, _: Path) -> None:
    page.get_by_role("button", name="Draw", exact=True).click()
    page.get_by_role("button", name="Polygon").click()
    for at in ((0.4, 0.6), (0.5, 0.62), (0.46, 0.68)):
        page.mouse.click(*_on_map(page, at))
        page.wait_for_timeout(400)  # two clicks at once would end the shape
    page.locator(".gc-map .maplibregl-canvas").first.focus()
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Label these").click()
    expect(page.get_by_text(re.compile(r"^\d+ places?: no\.$"))).to_be_visible()
    expect(page.get_by_text("Learnt from the labels")).to_be_visible()


def _probability(page: Page, _: Path) -> None:
    page.get_by_role("button", name="Show the probability on the map").click()
    expect(page.locator(".gc-map .legend")).to_contain_text("probability")
    page.get_by_role("slider", name="Least probability").press("ArrowRight")
    page.wait_for_function("new URLSearchParams(location.search).get('cut') == '0.55'")


def _polygons(page: Page, work: Path) -> None:
    areas = page.get_by_text(re.compile(r"[\d,]+ areas, "))
    with page.expect_download() as taken:
        page.get_by_role("button", name="GeoParquet").first.click()
    taken.value.save_as(work / "areas.parquet")
    opened = gpd.read_parquet(work / "areas.parquet")
    said = int(areas.inner_text().split()[0].replace(",", ""))
    if len(opened) != said or not (opened["area_km2"] > 0).all() or str(opened.crs) != "OGC:CRS84":
        raise SystemExit(f"areas.parquet: {len(opened)} areas in {opened.crs}, the page says {said}")
    sys.stdout.write(f"   GeoPandas opens {len(opened)} polygons, {opened['area_km2'].sum():.2f} km²\n")
    areas.scroll_into_view_if_needed()


def _collections(page: Page, _: Path) -> None:
    page.get_by_role("link", name="Collections").click()
    page.get_by_text("Add imagery").first.wait_for()
    page.get_by_test_id("stDeckGlJsonChart").locator("canvas").first.wait_for()


def _form(page: Page, work: Path) -> None:
    path = orthophoto(work / "ortho.tif")
    page.get_by_text("Add imagery").first.click()
    _fill(page, "Path on the server's machine, or URL", str(path.resolve()))
    _fill(page, "Name of the collection", "ortho")
    side = page.get_by_role("spinbutton", name="Side of a tile, metres")
    side.fill("20")
    side.press("Enter")
    expect(page.get_by_role("button", name="Leave white out")).to_be_visible()


def _left_out(page: Page, _: Path) -> None:
    page.get_by_role("button", name="Leave white out").click()
    expect(page.get_by_role("button", name="Leave white out")).to_have_count(0)
    expect(page.get_by_text("hold too little imagery")).to_be_visible()
    expect(page.get_by_role("button", name="See what it would take")).to_be_visible()


def _estimate(page: Page, _: Path) -> None:
    page.get_by_role("button", name="See what it would take").click()
    expect(page.get_by_text("Time on this machine")).to_be_visible()
    page.get_by_role("button", name="Start", exact=True).scroll_into_view_if_needed()


def _added(page: Page, _: Path) -> None:
    page.get_by_role("button", name="Start", exact=True).click()
    expect(page.get_by_text("Imagery into ortho: done")).to_be_visible()


def _searched(page: Page, _: Path) -> None:
    page.get_by_role("button", name="Search it").first.click()
    page.wait_for_function("new URLSearchParams(location.search).get('collection') == 'ortho'")
    _fill(page, "What would one see there?", "a market")
    expect(page.get_by_role("option").first).to_be_visible()
    page.locator(".gc-map[data-heat0]").wait_for()


STEPS: dict[str, Step] = {
    "opened": _opened, "asked": _asked, "july": _july, "swiped": _swiped, "january": _january,
    "summer-again": _summer_again, "place": _place, "set": _set, "by-key": _by_key, "by-click": _by_click,
    "by-box": _by_box, "by-polygon": _by_polygon, "probability": _probability, "polygons": _polygons,
    "collections": _collections, "form": _form, "white-left-out": _left_out, "estimate": _estimate, "added": _added,
    "searched": _searched,
}  # fmt: skip


def orthophoto(path: Path) -> Path:
    """An orthophoto of a made-up field, turned within a white border, as many are delivered; UTM, 0.5 m a pixel."""
    row, column = np.mgrid[:WIDTH_PX, :WIDTH_PX]
    field = np.stack([110 + 40 * np.sin(column / 9), 140 + 30 * np.sin(row / 13), np.full(row.shape, 70.0)])
    field += np.random.default_rng(0).normal(0, 9, field.shape)
    inside = np.abs(row - WIDTH_PX / 2) + np.abs(column - WIDTH_PX / 2) < WIDTH_PX / 2 + BORDER / 2 - 20
    image = np.where(inside, field.clip(20, 230), 255).astype(np.uint8)
    place = Affine(PIXEL_M, 0, 465_000, 0, -PIXEL_M, 5_247_000)
    kind = {"driver": "GTiff", "count": 3, "dtype": "uint8", "crs": "EPSG:32632", "photometric": "RGB"}
    with rasterio.open(path, "w", width=WIDTH_PX, height=WIDTH_PX, transform=place, **kind) as raster:
        raster.write(image)
    return path


def _fill(page: Page, name: str, text: str) -> None:
    box = page.get_by_role("textbox", name=name)
    box.fill(text)
    box.press("Enter")


def _panel(page: Page, name: str) -> None:
    page.locator(".st-key-panel").get_by_text(name, exact=True).click()


def _moved(page: Page, control: str, to: int) -> None:
    """A slider by its keys, one quickly after the other, until the address says so."""
    slider = page.locator(f".st-key-{control}").get_by_role("slider")
    now = int(page.evaluate(f"new URLSearchParams(location.search).get('{control}') ?? -1"))
    # month 0 is no month: “any” lies beside January
    steps = max(to, 0) - max(now, 0) if control == "month" else to - now
    for _ in range(abs(steps)):
        slider.press("ArrowRight" if steps > 0 else "ArrowLeft")
        page.wait_for_timeout(60)
    page.wait_for_function(f"new URLSearchParams(location.search).get('{control}') === '{to}'")


def _on_map(page: Page, at: tuple[float, float]) -> tuple[float, float]:
    """A place of the window, from shares of the map's width and height."""
    room = page.locator(".gc-map").bounding_box()
    assert room is not None  # noqa: S101 - it was waited for
    return room["x"] + room["width"] * at[0], room["y"] + room["height"] * at[1]


if __name__ == "__main__":
    main()
