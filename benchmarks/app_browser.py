"""The app as a person sees it, in Debian's Chromium, whose map is drawn on the processor: how soon what follows what.

It does not know homes or servers.
"""

import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

from playwright.sync_api import Browser, Page, sync_playwright

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = ["--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist", "--no-sandbox"]
PATIENCE_MS = 120_000
WORDS = "people swimming at a sandy beach"
LOOKED_S = 30.0  # at a page that is left open
SETTLED_S = 45.0  # before: for so long Chromium clears up after what was done
_PHOTOS = "[...document.querySelectorAll('.gc-photos img')]"
_NINE = f"{_PHOTOS}.length === 9 && {_PHOTOS}.slice(0, 3).every((photo) => photo.naturalWidth)"


def watched(port: int, collection: str) -> list[dict[str, Any]]:
    """Rows: the first question, a moved month, a clicked place, the way back, and a page that is left open."""
    address = f"http://127.0.0.1:{port}/"
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = _page(chromium)
        rows = _asked(page, f"{address}?month=7&hour=14")
        page.goto(f"{address}?collection={collection}&month=7&hour=14&q={quote_plus(WORDS)}")
        page.locator(".gc-map[data-heat0]").first.wait_for()
        rows += [_moved(page, _heat, "new pixels, in the browser"), *_opened(page, "with its map")]
        left_open = _left_open(page, port)
        page.context.close()
        bare = _page(chromium)
        bare.route("**/maplibre/**", lambda route: route.abort())
        bare.goto(f"{address}?collection={collection}&month=7&hour=14&q={quote_plus(WORDS)}")
        bare.get_by_role("option").first.wait_for()
        without = "without a map, which a graphics card would draw"
        rows += [_moved(bare, _first, f"the new list, in the browser, {without}"), *_opened(bare, without), left_open]
        chromium.close()
    return rows


def asked_first(port: int, *, mapped: bool) -> dict[str, float]:
    """Seconds to the page and to the first answer of a server that has just started; `mapped`: beside its map."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = _page(chromium)
        if not mapped:
            page.route("**/maplibre/**", lambda route: route.abort())
        told = _answered(page, f"http://127.0.0.1:{port}/?month=7&hour=14")
        if mapped:
            begun = time.perf_counter()
            page.locator(".gc-map[data-heat0]").first.wait_for()
            told["map_after_s"] = time.perf_counter() - begun
        chromium.close()
    return told


def _page(chromium: Browser) -> Page:
    page = chromium.new_context(viewport={"width": 1440, "height": 900}).new_page()
    page.set_default_timeout(PATIENCE_MS)
    return page


def _asked(page: Page, address: str) -> list[dict[str, Any]]:
    """The first page, and a first question on it."""
    told = _answered(page, address)
    begun = time.perf_counter()
    page.locator(".gc-map[data-heat0]").first.wait_for()
    told["map_s"] = told["places_s"] + time.perf_counter() - begun
    return [{"what": "first question in the browser", **{name: round(one, 2) for name, one in told.items()}}]


def _answered(page: Page, address: str) -> dict[str, float]:
    """Seconds to the page, and from its question to the list of places."""
    begun = time.perf_counter()
    page.goto(address)
    box = page.get_by_role("textbox", name="What would one see there?")
    box.wait_for()
    opened = time.perf_counter() - begun
    box.fill(WORDS)
    begun = time.perf_counter()
    box.press("Enter")
    page.get_by_role("option").first.wait_for()
    return {"page_s": opened, "places_s": time.perf_counter() - begun}


def _moved(page: Page, shown: Callable[[Page], str | None], what: str) -> dict[str, Any]:
    slider, took = page.locator(".st-key-month").get_by_role("slider"), []
    for key in ("ArrowLeft", "ArrowLeft", "ArrowRight", "ArrowLeft", "ArrowLeft", "ArrowLeft"):
        _still(page)
        before = shown(page)
        slider.focus()
        begun = time.perf_counter()
        slider.press(key)
        while shown(page) == before:
            page.wait_for_timeout(10)
        took.append(time.perf_counter() - begun)
    return {"what": f"month moved to {what}", **_times(took)}


def _opened(page: Page, how: str) -> list[dict[str, Any]]:
    page.get_by_role("option").first.wait_for()
    opened, back = [], []
    for number in range(6):
        _still(page)
        begun = time.perf_counter()
        page.get_by_role("option").nth(number).click()
        page.wait_for_function(_NINE, polling=10)
        opened.append(time.perf_counter() - begun)
        _still(page)
        begun = time.perf_counter()
        page.get_by_role("button", name="Back").click()
        page.get_by_role("option").first.wait_for()
        back.append(time.perf_counter() - begun)
    said = {"place clicked to nine photos": opened, "back to the list": back}
    # the first one loads what speaks and what the page has not shown yet
    return [{"what": f"{name}, in the browser, {how}", **_times(took[1:])} for name, took in said.items()]


def _heat(page: Page) -> str | None:
    """What the map's pixels are of; it stands there when all of them do."""
    return page.locator(".gc-map").first.get_attribute("data-heat0")


def _first(page: Page) -> str | None:
    """The first place of the list, with its numbers."""
    return page.get_by_role("option").first.inner_text()


def _still(page: Page) -> None:
    page.wait_for_function("document.querySelector('.stApp')?.getAttribute('data-test-script-state') === 'notRunning'")
    page.wait_for_timeout(600)


def _left_open(page: Page, port: int) -> dict[str, Any]:
    """Shares of a core while nobody touches the page."""
    _still(page)
    page.mouse.move(5, 5)
    page.wait_for_timeout(SETTLED_S * 1000)
    server = _listening(port)
    browser = [one for one in _processes() if "chromium" in _name(one)]
    before = _seconds([server]), _seconds(browser)
    page.wait_for_timeout(LOOKED_S * 1000)
    after = _seconds([server]), _seconds(browser)
    shares = [round(100 * (now - then) / LOOKED_S, 2) for then, now in zip(before, after, strict=True)]
    return {"what": "a page left open", "server_percent": shares[0], "browser_percent": shares[1]}


def _processes() -> list[int]:
    return [int(one.name) for one in Path("/proc").iterdir() if one.name.isdigit()]


def _name(process: int) -> str:
    try:
        return Path(f"/proc/{process}/cmdline").read_text().replace("\0", " ")
    except OSError:
        return ""


def _listening(port: int) -> int:
    return next(one for one in _processes() if f"--port {port}" in _name(one))


def _seconds(processes: list[int]) -> float:
    """Of a processor, spent so far."""
    ticks = 0
    for one in processes:
        try:
            words = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
        except OSError:  # it has ended
            continue
        ticks += int(words[11]) + int(words[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def _times(took: list[float]) -> dict[str, Any]:
    return {"p50_ms": round(1000 * statistics.median(took)), "max_ms": round(1000 * max(took))}
