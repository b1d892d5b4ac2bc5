"""The pictures of the app in README and docs, taken in a real browser over a home in which `groundcast demo` was run.

    python -m tools.screenshots --home HOME [--out docs/screens] [--only NAME …]

Needs Debian's chromium and playwright. Nothing but the sandbox planet is shown.
"""

import argparse
import io
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).resolve().parents[1]
FLAGS = ["--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist", "--no-sandbox"]
SIZE, PHONE = {"width": 1440, "height": 900}, {"width": 390, "height": 844}
WIDTH_PX, QUALITY = 1200, 82
PATIENCE_MS = 120_000
BEACH = "q=people+swimming+at+a+sandy+beach"
SUMMER = f"/?{BEACH}&month=7&hour=14"


def main() -> None:
    """Take every picture."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--home", type=Path, required=True, help="Home in which `groundcast demo` was run.")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "screens")
    parser.add_argument("--only", nargs="*", default=["first-start", *SCREENS], help="Names of pictures.")
    asked = parser.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        home = Path(shutil.copytree(asked.home, Path(folder) / "home"))
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
        if "first-start" in asked.only:
            with serving(Path(folder) / "empty") as url:
                _take(browser, asked.out / "first-start.webp", url, lambda page: _wait(page, "Make the demo planet"))
        with serving(home) as url:
            for name, (address, act, dark) in SCREENS.items():
                if name not in asked.only:
                    continue
                _take(browser, asked.out / f"{name}.webp", url + address, act, dark=dark)
        browser.close()


def _search(page: Page) -> None:
    page.get_by_role("option").first.wait_for()
    _maps(page)


def _place(page: Page) -> None:
    _search(page)
    page.get_by_role("option").first.click()
    page.wait_for_function("document.querySelectorAll('.gc-photos img').length == 9")
    page.locator("label").filter(has_text="Beside it a second moment").click()
    page.wait_for_function("document.querySelectorAll('.gc-photos img').length == 18")
    page.wait_for_function("[...document.querySelectorAll('.gc-photos img')].slice(0, 6).every(i => i.naturalWidth)")
    page.get_by_text("Beside it a second moment").scroll_into_view_if_needed()
    page.locator(".gc-photos").last.scroll_into_view_if_needed()


def _maps(page: Page) -> None:
    page.locator(".gc-map[data-heat0]").first.wait_for()  # all colours are there


def _calendar(page: Page) -> None:
    _wait(page, "Best in")


def _collections(page: Page) -> None:
    page.get_by_text("Add imagery").first.wait_for()
    page.get_by_test_id("stDeckGlJsonChart").locator("canvas").first.wait_for()
    page.wait_for_function(
        "performance.getEntriesByType('resource').filter(e => e.name.includes('/tiles/')).length >= 4"
    )
    page.wait_for_timeout(12_000)  # it is drawn without a graphics card


def _area(page: Page) -> None:
    _search(page)
    page.get_by_role("button", name="Area").click()
    page.get_by_role("button", name="Draw on the map").click()
    page.get_by_role("button", name="Polygon").wait_for()
    page.keyboard.press("Escape")  # closes what the button stood in
    page.get_by_role("button", name="Polygon").click()
    room = page.locator(".gc-map").bounding_box()
    assert room is not None  # noqa: S101 - it was waited for
    for x, y in ((0.3, 0.12), (0.5, 0.14), (0.56, 0.38), (0.42, 0.45), (0.28, 0.3)):
        page.mouse.click(room["x"] + room["width"] * x, room["y"] + room["height"] * y)
        page.wait_for_timeout(400)  # two clicks at once would end the shape
    page.locator(".gc-map .maplibregl-canvas").focus()
    page.keyboard.press("Enter")


def _wait(page: Page, text: str) -> None:
    page.get_by_text(text).first.wait_for()


SCREENS: dict[str, tuple[str, Callable[[Page], None], bool]] = {
    "search": (SUMMER, _search, False),
    "place": (f"{SUMMER}&month2=1&hour2=23", _place, False),
    "compare": (f"{SUMMER}&view=two+moments&month2=1&hour2=14", _maps, False),
    "difference": (f"{SUMMER}&view=difference&month2=1&hour2=14", _maps, False),
    "calendar": (f"{SUMMER}&panel=when", _calendar, False),
    "area": (SUMMER, _area, False),
    "collections": ("/collections", _collections, False),
    "phone": (SUMMER, _search, False),
    "dark": ("/?q=city+lights+at+night&month=7&hour=23", _search, True),
}


def _take(browser: Browser, path: Path, url: str, act: Callable[[Page], None], *, dark: bool = False) -> None:
    phone = path.stem == "phone"
    context = browser.new_context(viewport=PHONE if phone else SIZE, color_scheme="dark" if dark else "light")
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    page.goto(url)
    act(page)
    _settle(page)
    picture = Image.open(io.BytesIO(page.screenshot(timeout=PATIENCE_MS))).convert("RGB")
    if not phone:
        picture = picture.resize((WIDTH_PX, round(picture.height * WIDTH_PX / picture.width)), Image.Resampling.LANCZOS)
    picture.save(path, "WEBP", quality=QUALITY, method=6)
    sys.stdout.write(f"{path} {path.stat().st_size // 1024} kB\n")
    context.close()


def _settle(page: Page) -> None:
    """Until nothing is loaded any more: tiles come for a while after the page is done."""
    page.mouse.move(5, 5)
    page.wait_for_function("document.querySelector('.stApp')?.getAttribute('data-test-script-state') == 'notRunning'")
    page.wait_for_timeout(6_000)


@contextmanager
def serving(home: Path) -> Iterator[str]:
    """Address of an app over a home, on a free port, until the end of the block."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "search_ui.cli", "--home", str(home), "ui", "--no-browser", "--port", str(port)]
    process = subprocess.Popen(command, cwd=ROOT, env=os.environ, stdout=subprocess.DEVNULL)
    try:
        url = f"http://127.0.0.1:{port}"
        for _ in range(300):
            try:
                urllib.request.urlopen(f"{url}/healthz", timeout=5).close()  # noqa: S310 - our own server
                break
            except OSError:
                time.sleep(0.2)
        yield url
    finally:
        process.terminate()
        process.wait(20)


if __name__ == "__main__":
    main()
