"""How soon does the app answer: a moved month, a clicked tile, the first question, many users; and what does it keep?

    python -m benchmarks.app [PART …] [--work DIR] [--home DIR] [--users 50] [--seconds 60] [--searches 1000] [--json]

Each part is measured alone, in less than four minutes; without a name all are, one after another.

* page: what the page asks of the server when its month or hour is moved: scores, the first page of the list, its pins,
  and the tiles of 512 pixels that a map of 900 × 600 shows of the whole collection; and what it asks when a tile is
  clicked on: which one it is, what is known of it, its sentence and its nine photos. In process, without Streamlit's
  own share, of 15,270 tiles (the demonstration's, five times beside one another).
* million: the same of 1,001,712 tiles: 328 times, each moved a little.
* browser, browser-million: the same as a person sees it, in Debian's Chromium, which draws its map on these cores, with
  no graphics card: from the key that moves the month to the new pixels; from the click to the photos; back to the list.
  Beside them a window that is left open: its share of a core, the server's and the browser's.
* first: the first question to a server that has just started, in such a window, and in one whose map is not drawn: what
  lies between the two is the map without a graphics card, and no list can be there before the second. Beside it the
  same question over HTTP, which is the server's share.
* heat: `/scores/…/image.png`, 1024 pixels, of 15,270 tiles over HTTP, at a moment that was not asked before, of a text
  that was. Beside it the direct route in this process: S of every tile by the model, the cosine, the same drawing.
* users: each asks `/api/search` again as soon as it is answered, one of 40 questions at one of 288 moments: hardly any
  question comes twice. Told are errors and the time to the answer.
* start: seconds from the start of a fresh process to the page's HTML, then to the answer of a first question, and of a
  place's name; beside it an empty app of Streamlit's, from its start to its HTML. Names of places that are not made yet
  are waited for.
* memory: the server's resident memory over as many searches, after as many to warm up as are kept.

`--home` names a home in which `groundcast demo` ran; without it the demo runs first. What is made of it stays in
`--work`.
"""

import argparse
import http.client
import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import numpy as np

from benchmarks.app_browser import WORDS, asked_first, watched
from benchmarks.app_home import made, multiply
from ingest.catalog.catalog import Catalog
from ingest.sandbox.concepts import CONCEPTS
from ingest.settings import load_settings
from search_ui.ground.captions import CaptionQuery
from search_ui.ground.view import GroundQuery
from search_ui.maps.heatmap import Drawing, HeatValues, Layer, heat_of, scale_of
from search_ui.maps.mercator import ordinate
from search_ui.search.engine import Engine
from search_ui.search.feedback import NOTHING_SAID
from search_ui.search.moments import parse_moment
from search_ui.search.query import Part, Query
from search_ui.search.scores import Scores
from search_ui.service.place_list import Listed
from search_ui.service.service import Service
from search_ui.views.map.heat import heats

MANY, MILLION = "many", "million"
PARTS = ("page", "million", "browser", "browser-million", "first", "heat", "users", "start", "memory")
TEXTS = [concept.prompt for concept in CONCEPTS[:40]]
STARTS = 3  # processes, of whose seconds the median is told
WARM = 600  # searches: more than the service keeps answers
WHENS = [f"2025-{month:02d}T{hour:02d}" for month in range(1, 13) for hour in range(24)]
VIEW_PX = 900, 600


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "groundcast-benchmark-app")
    parser.add_argument("--home", type=Path, help="where `groundcast demo` ran")
    parser.add_argument("--users", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--searches", type=int, default=1000)
    parser.add_argument("--json", action="store_true", help="one JSON document")
    asked = parser.parse_args()
    parts = asked.parts or list(PARTS)
    if unknown := set(parts) - set(PARTS):
        parser.error(f"no part {min(unknown)!r}: there are {', '.join(PARTS)}")
    home = made(asked.work, asked.home)
    rows, ratios = list[dict[str, Any]](), dict[str, float]()
    for part in parts:
        if "million" in part:
            multiply(home, MILLION)
        found, of = measure(part, home, asked)
        rows, ratios = rows + found, ratios | of
    setting = {"users": asked.users, "cores": os.cpu_count(), "load": round(os.getloadavg()[0], 2)}
    if asked.json:
        told = {"benchmark": "app", "setting": setting, "rows": rows, "ratios": ratios}
        print(json.dumps(told | ({"variant": "-".join(parts)} if asked.parts else {})))
        return
    for row in rows:
        print("  ".join(f"{name} {value}" for name, value in row.items()))
    print(setting, ratios)


def measure(part: str, home: Path, asked: argparse.Namespace) -> tuple[list[dict[str, Any]], dict[str, float]]:
    """Rows and ratios of a part."""
    match part:
        case "page" | "million":
            return page(home, MILLION if part == "million" else MANY), {}
        case "browser" | "browser-million":
            with server(home) as port:
                return watched(port, MILLION if part == "browser-million" else MANY), {}
        case "first":
            rows = first(home)
            return rows, {"with its map ÷ without": round(rows[0]["places_s"] / rows[1]["places_s"], 2)}
        case "heat":
            with server(home) as port:
                rows = [heat_maps(port), direct(home)]
            return rows, {"direct route ÷ heat map over HTTP": round(rows[1]["p50_ms"] / rows[0]["p50_ms"], 2)}
        case "start":
            started = [start(home) for _ in range(STARTS)]
            told = {name: round(float(np.median([one[name] for one in started])), 2) for name in started[0]}
            ratio = round(told["page_s"] / told["streamlit_s"], 2)
            return [{"what": "start of the process", **told}], {"first page ÷ that of an empty Streamlit app": ratio}
    with server(home) as port:
        return [users(port, asked.users, asked.seconds) if part == "users" else remembered(port, asked.searches)], {}


def start(home: Path) -> dict[str, float]:
    """Seconds from the start of a process to what it answers first; and of Streamlit's alone."""
    begun = time.perf_counter()
    with server(home, asked="/") as port:
        told = {"page_s": time.perf_counter() - begun}
        new = f"a crowded beach at {time.time():.0f}"  # words that nobody asked before
        for name, words in (("question_s", new), ("one_word_s", "Paris")):
            connection, asked = http.client.HTTPConnection("127.0.0.1", port, timeout=120), time.perf_counter()
            status, body = get(connection, "/api/search", collection="demo", q=words)
            assert status == 200, body
            if name == "one_word_s":  # as the page does: are the words a place?
                get(connection, "/api/places", name=words)
            told[name] = time.perf_counter() - asked
    empty = home / "empty.py"
    empty.write_text("import streamlit\nstreamlit.write('hello')\n")
    with free_port() as port:
        command = [sys.executable, "-m", "streamlit", "run", empty, "--server.port", str(port)]
        command += ["--server.headless", "true", "--browser.gatherUsageStats", "false"]
    begun = time.perf_counter()
    with answering(command, port, "/"):
        told["streamlit_s"] = time.perf_counter() - begun
    return told


@contextmanager
def free_port() -> Iterator[int]:
    """A port that nobody has."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        yield free.getsockname()[1]


@contextmanager
def server(home: Path, *, asked: str = "/healthz") -> Iterator[int]:
    """The app in a process of its own, from when it answers; its port."""
    with free_port() as port:
        command = [sys.executable, "-m", "search_ui.cli", "--home", home, "ui", "--port", str(port), "--no-browser"]
    with answering(command, port, asked):
        yield port


def first(home: Path) -> list[dict[str, Any]]:
    """The first question after a start: in the browser with the map and without, and of the server alone."""
    found: dict[str, list[dict[str, float]]] = {"with its map": [], "without a map": [], "over HTTP": []}
    for _ in range(STARTS):  # in turns
        for how, took in found.items():
            with server(home) as port:
                if how != "over HTTP":
                    took.append(asked_first(port, mapped=how == "with its map"))
                    continue
                get(http.client.HTTPConnection("127.0.0.1", port, timeout=60), "/")  # a page has been asked for
                begun = time.perf_counter()
                get(
                    http.client.HTTPConnection("127.0.0.1", port, timeout=60), "/api/search", collection="demo", q=WORDS
                )
                took.append({"places_s": time.perf_counter() - begun})
    return [
        {"what": f"first question after a start, {how}"}
        | {name: round(float(np.median([one[name] for one in took])), 2) for name in took[0]}
        for how, took in found.items()
    ]


@contextmanager
def answering(command: list[Any], port: int, path: str) -> Iterator[None]:
    """A server in a process of its own, from when it answers."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        for _ in range(6_000):
            try:
                get(http.client.HTTPConnection("127.0.0.1", port, timeout=5), path)
                break
            except OSError:
                if process.poll() is not None:
                    raise
                time.sleep(0.01)
        yield
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(30)


def get(connection: http.client.HTTPConnection, path: str, **asked: Any) -> tuple[int, bytes]:
    """Status and body."""
    connection.request("GET", f"{path}?{urlencode(asked)}" if asked else path)
    response = connection.getresponse()
    return response.status, response.read()


def heat_maps(port: int) -> dict[str, Any]:
    """A new moment each time; the text is known, and so are the pixels."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    path = f"/scores/{MANY}/image.png"
    get(connection, path, q=TEXTS[0], when="2024-07-12T14")
    get(connection, path, q=TEXTS[0], when="2024-07-12T14", value="cosine")
    _, legend = get(connection, f"/scores/{MANY}/legend.json", q=TEXTS[0], when="2024-07-12T14")
    took = []
    for when in WHENS[::6]:
        started = time.perf_counter()
        status, _ = get(connection, path, q=TEXTS[0], when=when)
        took.append(time.perf_counter() - started)
        assert status == 200
    return {"what": "heat map, new moment, over HTTP", "tiles": json.loads(legend)["tiles"], **times(took)}


def direct(home: Path) -> dict[str, Any]:
    """The same in this process by the definition: the model's E for every tile."""
    settings = load_settings(home)
    catalog = Catalog(settings.catalog_at)
    engine = Engine(settings, catalog)
    found = catalog.collection(MANY)
    field, embedder = engine.field(found), engine.embedder(found)
    query = Query(parts=(Part("text", TEXTS[0]),))
    vector, layer, drawing = engine.query_vector(found, query), Layer(query=query, value="cosine"), Drawing()
    everything = np.arange(field.n)
    ids, none = field.ids(), np.zeros(field.n, np.float32)
    took = []
    for when in [datetime(2024, 7, 12, 14), *map(parse_moment, WHENS[::24])]:
        started = time.perf_counter()
        s = embedder.at(field.vectors(everything), lat=field.lat, lon=field.lon, when=when)
        cosine = s @ vector / np.linalg.norm(s, axis=1)
        scores = Scores(ids, field.lat, field.lon, field.size_m, cosine, none, when)
        heat: HeatValues = heat_of(layer, scores, None, scale_of(layer, (-0.2, 0.4), scores, None), of=MANY)
        drawing.whole(heat, 1024)
        took.append(time.perf_counter() - started)
    catalog.close()
    return {"what": "heat map, direct route, in process", **times(took[1:])}


def page(home: Path, name: str) -> list[dict[str, Any]]:
    """A new moment and a new tile each time, as the search page asks for them."""
    service = Service(load_settings(home))
    shown = service.shown(name)
    assert shown.bounds is not None
    view = seen(shown.bounds, *VIEW_PX)
    moved, clicked = [], []
    for number, when in enumerate([WHENS[170], *WHENS[::9]]):
        query = Query(parts=(Part("text", TEXTS[0]),), when=datetime.fromisoformat(f"{when}:00"))
        started = time.perf_counter()
        listed = service.place_lists.show(name, query, Listed(k=100), NOTHING_SAID)
        listed.places.pins()
        heat = heats(service, name, query, [query.when], "relevance")[0].tiles.split("/")[3]
        for z, x, y in view:
            service.shown_tile(heat, z, x, y, px=512)
        moved.append(time.perf_counter() - started)
        row = 97 * number % len(listed.places.scores.lat)
        lat, lon = float(listed.places.scores.lat[row]), float(listed.places.scores.lon[row])
        started = time.perf_counter()
        tile = service.tile_at(name, lat=lat, lon=lon)
        service.tile(name, tile)
        service.caption(name, CaptionQuery(tile_id=tile, whens=(query.when,)))
        service.look(name, GroundQuery(tile_id=tile, when=query.when), "demo")
        clicked.append(time.perf_counter() - started)
    service.close()
    # the first ones open models and work out which tile each pixel shows
    return [
        {"what": f"month moved, {len(view)} map tiles, in process", "tiles": shown.tiles, **times(moved[1:])},
        {"what": "tile clicked, nine photos, in process", "tiles": shown.tiles, **times(clicked[1:])},
    ]


def seen(bounds: tuple[float, float, float, float], width: int, height: int) -> list[tuple[int, int, int]]:
    """The tiles of 512 pixels that a map of so many pixels shows of a box: zoom, column, row."""
    west, south, east, north = bounds
    top, bottom = (180 - float(ordinate(lat)) for lat in (north, south))
    z = int(np.floor(np.log2(min(width * 360 / (512 * (east - west)), height * 360 / (512 * (bottom - top))))))
    side = 360 / 2**z
    columns = range(int((west + 180) // side), int((east + 180) // side) + 1)
    return [(z, x, y) for x in columns for y in range(int(top // side), int(bottom // side) + 1)]


def users(port: int, count: int, seconds: float) -> dict[str, Any]:
    """Many at once, each asking again as soon as it is answered."""
    until = time.monotonic() + seconds
    took: list[float] = []
    errors: list[str] = []

    def one(number: int) -> None:
        draw = random.Random(number)
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        while time.monotonic() < until:
            started = time.perf_counter()
            try:
                status, body = get(
                    connection, "/api/search", collection="demo", q=draw.choice(TEXTS), when=draw.choice(WHENS)
                )
                took.append(time.perf_counter() - started)
                if status != 200 or len(json.loads(body)["hits"]) != 9:
                    errors.append(f"{status} {body[:200]!r}")
            except (OSError, http.client.HTTPException, ValueError) as error:
                errors.append(repr(error))
                connection.close()

    threads = [threading.Thread(target=one, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    told = {"what": f"{count} users for {seconds:g} s", "answers": len(took), "errors": len(errors)}
    if errors:
        print("first error:", errors[0], file=sys.stderr)
    return told | {"answers_per_s": round(len(took) / seconds, 1)} | times(took)


def remembered(port: int, searches: int) -> dict[str, Any]:
    """Resident memory before and after."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    draw = random.Random(0)

    def search(count: int) -> list[float]:
        took = []
        for _ in range(count):
            started = time.perf_counter()
            get(connection, "/api/search", collection="demo", q=draw.choice(TEXTS), when=draw.choice(WHENS))
            took.append(time.perf_counter() - started)
        return took

    search(WARM)
    marks = [resident_mb(connection)]
    took = []
    for _ in range(4):
        took += search(searches // 4)
        marks.append(resident_mb(connection))
    grown = marks[-1] - marks[0]
    return {"what": f"memory over {searches} searches", "MB": marks, "grown_MB": round(grown, 1)} | times(took)


def resident_mb(connection: http.client.HTTPConnection) -> float:
    """Of the server, as it says itself."""
    _, text = get(connection, "/metrics")
    found = re.search(rb"^process_resident_memory_bytes (\S+)", text, re.MULTILINE)
    assert found is not None
    return round(float(found[1]) / 2**20, 1)


def times(took: list[float]) -> dict[str, Any]:
    """Median, 95th percentile and longest, milliseconds."""
    p50, p95 = np.quantile(took, [0.5, 0.95]) if took else (np.nan, np.nan)
    return {
        "p50_ms": round(1000 * float(p50), 1),
        "p95_ms": round(1000 * float(p95), 1),
        "max_ms": round(1000 * max(took, default=np.nan), 1),
    }


if __name__ == "__main__":
    main()
