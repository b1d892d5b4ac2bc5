"""The app's server: how soon a heat map follows a new moment, what 50 users at once do to it, and what it keeps.

    python -m benchmarks.app [--home DIR] [--users 50] [--seconds 60] [--searches 1000] [--json]

A server is started on this machine, over a copy of a home in which `groundcast demo` ran (`--home`; without it the demo
runs first), and asked over HTTP by this process, which takes part of the same cores.

* heat map: `/scores/…/image.png`, 1024 pixels, of a collection of 15,270 tiles (the demonstration's, five times beside
  one another), at a moment that was not asked before, of a text that was. Beside it the direct route in this process:
  E of every tile by the model, S = O + E, the cosine, and the same drawing.
* users: each asks `/api/search` again as soon as it is answered, one of 40 questions at one of 288 moments: hardly any
  question comes twice. Told are errors and the time to the answer.
* start: seconds from the start of a fresh process to the page's HTML, then to the answer of a first question, and of a
  place's name; beside it an empty app of Streamlit's, from its start to its HTML. Names of places that are not made yet
  are waited for.
* memory: the server's resident memory over as many searches, after as many to warm up as are kept.
"""

import argparse
import http.client
import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import numpy as np

from ingest.archive.parts import Archive
from ingest.catalog.catalog import Catalog
from ingest.sandbox.concepts import CONCEPTS
from ingest.settings import load_settings
from search_ui.maps.heatmap import Drawing, HeatValues, Layer, heat_of, scale_of
from search_ui.search.engine import Engine
from search_ui.search.moments import MONTH_DAY
from search_ui.search.query import Part, Query
from search_ui.search.scores import Scores

COPIES, APART_DEG = 5, 1.0
MANY = "many"
TEXTS = [concept.prompt for concept in CONCEPTS[:40]]
STARTS = 3  # processes, of whose seconds the median is told
WARM = 600  # searches: more than the service keeps answers
WHENS = [f"2025-{month:02d}-{MONTH_DAY}T{hour:02d}" for month in range(1, 13) for hour in range(24)]


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", type=Path, help="where `groundcast demo` ran")
    parser.add_argument("--users", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--searches", type=int, default=1000)
    parser.add_argument("--json", action="store_true", help="one JSON document")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        if asked.home is None:
            subprocess.run([sys.executable, "-m", "search_ui.cli", "--home", home, "demo", "--json"], check=True)
        else:
            shutil.copytree(asked.home, home)
        multiply(home)
        started = [start(home, Path(folder)) for _ in range(STARTS)]
        with server(home) as port:
            heat = heat_maps(port)
            memory = remembered(port, asked.searches)
            load = users(port, asked.users, asked.seconds)
        rows = [heat, direct(home), load, memory]
    start_s = {name: round(float(np.median([one[name] for one in started])), 2) for name in started[0]}
    ratios = {
        "direct route ÷ heat map over HTTP": round(rows[1]["p50_ms"] / heat["p50_ms"], 2),
        "first page ÷ that of an empty Streamlit app": round(start_s["page_s"] / start_s["streamlit_s"], 2),
    }
    rows.append({"what": "start of the process", **start_s})
    setting = {"tiles": heat["tiles"], "users": asked.users, "cores": os.cpu_count(), "load": os.getloadavg()[0]}
    if asked.json:
        print(json.dumps({"benchmark": "app", "setting": setting, "rows": rows, "ratios": ratios}))
        return
    for row in rows:
        print("  ".join(f"{name} {value}" for name, value in row.items()))
    print(setting, ratios)


def multiply(home: Path) -> None:
    """The demonstration's collection five times beside one another, as a collection of its own."""
    settings = load_settings(home)
    catalog = Catalog(settings.catalog_at)
    demo = catalog.collection("demo")
    catalog.add_collection(replace(demo, name=MANY, created_at=datetime.now(UTC)))
    source, target = (Archive(settings.archive_dir(name), "tiles") for name in ("demo", MANY))
    parts = [source.read(path.stem) for path in source.parts()]
    chunks = []
    for copy in range(COPIES):
        for number, part in enumerate(parts):
            records = part.table.drop_columns(["vector", "norm"]).to_pylist()
            for record in records:
                record["tile_id"] += f"-{copy}"
                record["lon"] += APART_DEG * copy
            key = f"bench-{copy}-{number:04d}"
            target.write(key, records, part.vectors().astype(np.float32), part.meta)
            chunks.append((key, [record["tile_id"] for record in records]))
    spec = catalog.jobs("demo")[-1].spec
    catalog.add_job("b" * 16, collection=MANY, source="sandbox:", spec=spec, chunks=chunks, failures=[])
    for key, ids in chunks:
        catalog.finish_chunk(key, state="archived", done=len(ids))
    catalog.close()


def start(home: Path, folder: Path) -> dict[str, float]:
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
    empty = folder / "empty.py"
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
    for when in [datetime(2024, 7, 12, 14), *(datetime.fromisoformat(f"{when}:00") for when in WHENS[::24])]:
        started = time.perf_counter()
        s = embedder.at(field.vectors(everything), lat=field.lat, lon=field.lon, when=when)
        cosine = s @ vector / np.linalg.norm(s, axis=1)
        scores = Scores(ids, field.lat, field.lon, field.size_m, cosine, none, when)
        heat: HeatValues = heat_of(layer, scores, None, scale_of(layer, (-0.2, 0.4), scores, None), of=MANY)
        drawing.whole(heat, 1024)
        took.append(time.perf_counter() - started)
    catalog.close()
    return {"what": "heat map, direct route, in process", **times(took[1:])}


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
