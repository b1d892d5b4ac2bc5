"""Fifty people at once: does one app process hold its throughput, is it fair, and do several answer alike?

    python -m benchmarks.users [--home DIR] [--users 1 10 50] [--seconds 15] [--parts one SQLite PostgreSQL]
                               [--keep FOLDER] [--json]

Each user goes round: a search (every third time of a text that nobody asked before, always at another moment), three
XYZ tiles of its heat map, what one would see on the ground at the best hit, and a photo and a chip of it. A user asks
again as soon as it is answered. All run in threads of this process and take part of the same cores, as does the proxy.

* app: one app process over the demonstration's home; told are answers a second, the time of each kind of request, the
  answers of the worst user ÷ those of the median user, the process's resident memory before and after;
* bare: a Starlette application that answers the same bytes without any work, asked in the same way: what HTTP, this
  machine and these users allow;
* two processes: behind nginx, in turn, over one home with SQLite, and over one with PostgreSQL, brought there by
  `groundcast backup` and `restore`. First either process and the proxy are asked the same questions, and what differs
  in a byte is counted; a search saved in one must be seen in the other. Then come the users, to one of the two alone
  and through the proxy to both. nginx and PostgreSQL are Debian's; what is missing is left out, and said.

Each part takes less than four minutes; with `--keep` what was measured stays in a folder, and the command goes on
from there.
"""

import argparse
import http.client
import itertools
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np

from benchmarks.app import WHENS, get, resident_mb, times
from ingest.sandbox.concepts import CONCEPTS
from search_ui.maps.mercator import ordinate
from tests.services import free_port, run_postgres

GROUNDCAST = [sys.executable, "-m", "search_ui.cli"]
PROMPTS = [concept.prompt for concept in CONCEPTS[:40]]
AT_ONE_TEXT = 3  # moments
PARTS = ["one", "SQLite", "PostgreSQL"]
ZOOM = 13
_HEAT_TILES = 3
_NGINX = """
{user}
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    upstream app {{ {servers} keepalive 64; keepalive_timeout 4s; }}
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://app;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Host $http_host;
            proxy_set_header X-Forwarded-For $remote_addr;
            proxy_next_upstream off;
        }}
    }}
}}
"""


@dataclass
class Seen:
    """What users met with; filled from many threads.

    Attributes:
        took: Seconds of every answer, by kind.
        answers: How many each user got, by its number.
        errors: What was not a 200.
        bodies: The last body of each kind, for the bare application.
    """

    took: defaultdict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    answers: defaultdict[int, int] = field(default_factory=lambda: defaultdict(int))
    errors: list[str] = field(default_factory=list)
    bodies: dict[str, bytes] = field(default_factory=dict)


class User:
    """One of the people: a connection, and what it asks next.

    Args:
        port: Of the app.
        name: Makes its texts its own.
        number: Of the user; decides what it draws.
        seen: Where it tells what it met with.
    """

    def __init__(self, port: int, name: str, number: int, seen: Seen) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
        self._name, self._number, self._seen = name, number, seen
        self._draw = random.Random(f"{name} {number}")
        self._rounds = itertools.count(number)  # not everybody begins with a text of his own
        self._text = self._draw.choice(PROMPTS)

    def go_round(self, until: float) -> None:
        """One round, given up once the time is over."""
        turn = next(self._rounds)
        if turn % AT_ONE_TEXT == 0:
            self._text = f"{self._draw.choice(PROMPTS)}, {self._name} {self._number} {turn}"
        when = self._draw.choice(WHENS)
        found = json.loads(self._ask("search", "/api/search", collection="demo", q=self._text, when=when))
        hit = found["hits"][0]
        x, y = tile_of(hit["lat"], hit["lon"], ZOOM)
        for step in range(_HEAT_TILES):
            if time.monotonic() < until:
                self._ask("heat tile", f"/scores/demo/{ZOOM}/{x + step}/{y}.png", q=self._text, when=when)
        if time.monotonic() < until:
            view = json.loads(self._ask("ground", "/api/ground", collection="demo", tile=hit["tile_id"], when=when))
            photo = self._draw.choice(view["hits"])["photo_id"]
            self._ask("photo", f"/photos/demo/{quote(photo)}.webp", px=self._draw.choice([128, 256, 320]))
            self._ask("chip", f"/chips/demo/{quote(hit['tile_id'])}.webp", px=256)

    def _ask(self, kind: str, path: str, **asked: Any) -> bytes:
        started = time.perf_counter()
        status, body = get(self._connection, path, **asked)
        self._seen.took[kind].append(time.perf_counter() - started)
        self._seen.answers[self._number] += 1
        if status != 200:
            raise ValueError(f"{status} {path} {body[:200]!r}")
        self._seen.bodies[kind] = body
        return body

    def stay(self, until: float) -> None:
        """Go round until then."""
        while time.monotonic() < until:
            try:
                self.go_round(until)
            except (OSError, http.client.HTTPException, ValueError, KeyError, IndexError) as error:
                self._seen.errors.append(repr(error))
                self._connection.close()


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", type=Path, help="where `groundcast demo` ran")
    parser.add_argument("--users", type=int, nargs="+", default=[1, 10, 50])
    parser.add_argument("--seconds", type=float, default=15)
    parser.add_argument("--parts", nargs="+", default=PARTS, choices=PARTS)
    parser.add_argument("--keep", type=Path, help="a folder for what is measured")
    parser.add_argument("--json", action="store_true", help="one JSON document")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = demonstration(Path(folder), asked.home)
        parts = [part(name, Path(folder), home, asked) for name in asked.parts]
    rows, kinds, alike = ([row for one in parts for row in one[group]] for group in ("rows", "kinds", "alike"))
    missing = ", ".join(one["missing"] for one in parts if one["missing"])
    setting = {"users": asked.users, "seconds": asked.seconds, "cores": os.cpu_count(), "left_out": missing}
    document = {"benchmark": "users", "setting": setting, "rows": [*rows, *kinds, *alike], "ratios": ratios_of(rows)}
    if asked.json:
        print(json.dumps(document))
        return
    for row in document["rows"]:
        print("  ".join(f"{name} {value}" for name, value in row.items()))
    print(setting, document["ratios"], sep="\n")


def part(name: str, folder: Path, home: Path, asked: argparse.Namespace) -> dict[str, Any]:
    """One part, as it was measured before or is now: `rows`, `kinds`, `alike`, and what is `missing` for it."""
    kept = None if asked.keep is None else asked.keep / f"users-{name}.json"
    if kept is not None and kept.exists():
        return dict(json.loads(kept.read_text("utf-8")))
    found: dict[str, Any] = {"rows": [], "kinds": [], "alike": [], "missing": ""}
    if name == "one":
        found["rows"], found["kinds"], bodies = one_process(home, asked.users, asked.seconds)
        with bare(bodies) as port:
            found["rows"] += [load("bare", port, count, asked.seconds)[0] for count in asked.users]
    elif shutil.which("nginx") is None or (name == "PostgreSQL" and postgres_is_missing()):
        found["missing"] = f"two processes over {name}: nginx or PostgreSQL is not installed"
    else:
        with over_postgres(folder, home) if name == "PostgreSQL" else nullcontext((home, {})) as (at, environment):
            found["rows"], found["alike"] = two_processes(name, at, environment, max(asked.users), asked.seconds)
    if kept is not None:
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text(json.dumps(found), "utf-8")
    return found


def two_processes(
    name: str, home: Path, environment: Mapping[str, str], count: int, seconds: float
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Two apps over one home: whether they answer alike, and so many users with one of them and with both."""
    rows = []
    with app(home, environment) as first, app(home, environment) as second, proxy([first, second]) as both:
        alike = {"what": f"two processes, {name}", **compared([first, second, both]), **saved_in_one(first, second)}
        for what, port in ((f"one of two, {name}", first), (f"two processes, {name}", both)):
            row, _ = load(what, port, count, seconds)
            rows.append(row | {"after_MB": memory_mb(first), "other_MB": memory_mb(second)})
    return rows, [alike]


def saved_in_one(first: int, second: int) -> dict[str, Any]:
    """Whether a search that is saved in one process is seen, and answered, by the other."""
    connection = http.client.HTTPConnection("127.0.0.1", first, timeout=120)
    question = {"collection": "demo", "q": PROMPTS[0], "name": f"saved at {first}"}
    connection.request("POST", "/api/searches", json.dumps(question), {"Content-Type": "application/json"})
    saved = json.loads(connection.getresponse().read())
    other = http.client.HTTPConnection("127.0.0.1", second, timeout=120)
    _, listed = get(other, "/api/searches")
    status, _ = get(other, f"/api/searches/{saved['id']}")
    seen = saved["id"] in [one["id"] for one in json.loads(listed)["searches"]]
    return {"saved_search_seen": seen and status == 200}


def demonstration(folder: Path, made: Path | None) -> Path:
    """A home with the demonstration."""
    home = folder / "home"
    if made is None:
        subprocess.run([*GROUNDCAST, "--home", home, "demo", "--no-browser", "--json"], check=True, stdout=sys.stderr)
    else:
        shutil.copytree(made, home)
    return home


def postgres_is_missing() -> bool:
    """Whether there is no PostgreSQL to start."""
    return shutil.which("initdb") is None and not any(Path("/usr/lib/postgresql").glob("*/bin/initdb"))


@contextmanager
def app(home: Path, environment: Mapping[str, str]) -> Iterator[int]:
    """The app in a process of its own; its port."""
    port = free_port()
    command = [*GROUNDCAST, "--home", str(home), "ui", "--port", str(port), "--no-browser", "--proxy", "127.0.0.1"]
    with serving(command, port, environment):
        yield port


@contextmanager
def serving(command: Sequence[str], port: int, environment: Mapping[str, str]) -> Iterator[None]:
    """A process that listens on a port, until the end."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=os.environ | environment)
    try:
        for _ in range(600):
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                if process.poll() is not None:
                    raise
                time.sleep(0.1)
        yield
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()


@contextmanager
def bare(bodies: Mapping[str, bytes]) -> Iterator[int]:
    """The application without work, in a process of its own; its port."""
    with tempfile.TemporaryDirectory() as folder:
        for kind, body in bodies.items():
            (Path(folder) / kind).write_bytes(body)
        port = free_port()
        code = f"from benchmarks.users import answer_bytes; answer_bytes({folder!r}, {port})"
        with serving([sys.executable, "-c", code], port, {}):
            yield port


def answer_bytes(folder: str, port: int) -> None:
    """Serve what lies in a folder: a file a kind of request."""
    import uvicorn
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route

    def route(path: str, kind: str) -> Route:
        body = (Path(folder) / kind).read_bytes()

        async def answer(_: Request) -> Response:
            return Response(body)

        return Route(path, answer)

    paths = {
        "search": "/api/search",
        "heat tile": "/scores/{rest:path}",
        "ground": "/api/ground",
        "photo": "/photos/{rest:path}",
        "chip": "/chips/{rest:path}",
    }
    uvicorn.run(Starlette(routes=[route(path, kind) for kind, path in paths.items()]), port=port, log_level="warning")


@contextmanager
def proxy(ports: Sequence[int]) -> Iterator[int]:
    """nginx before some processes, each in turn; its port."""
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        servers = " ".join(f"server 127.0.0.1:{one};" for one in ports)
        user = "user root;" if os.geteuid() == 0 else ""  # its workers must reach the folder
        configuration = Path(folder) / "nginx.conf"
        configuration.write_text(_NGINX.format(user=user, folder=folder, servers=servers, port=port), "utf-8")
        command = ["nginx", "-c", str(configuration), "-p", folder, "-e", f"{folder}/error.log", "-g", "daemon off;"]
        with serving(command, port, {}):
            yield port


@contextmanager
def over_postgres(folder: Path, home: Path) -> Iterator[tuple[Path, dict[str, str]]]:
    """The same home with its catalog in PostgreSQL; and the environment that says so."""
    saved, moved = folder / "saved", folder / "moved"
    with contextmanager(run_postgres)() as cluster:
        cluster.database = cluster.new_database()
        environment = {"GROUNDCAST_DATABASE_URL": cluster.url}
        for at, words, extra in ((home, ["backup", saved], {}), (moved, ["restore", saved], environment)):
            command = [*GROUNDCAST, "--home", str(at), *map(str, words)]
            subprocess.run(command, check=True, stdout=sys.stderr, env=os.environ | extra)
        yield moved, environment


def one_process(
    home: Path, counts: Sequence[int], seconds: float
) -> tuple[list[dict[str, Any]], list[dict[str, Any]], dict[str, bytes]]:
    """One app, asked by more and more users: all of it, each kind of request, and a body of each kind."""
    rows, kinds, bodies = [], [], {}
    with app(home, {}) as port:
        load("warm", port, 2, 5)
        for count in counts:
            before = memory_mb(port)
            row, seen = load("app", port, count, seconds)
            rows.append(row | {"before_MB": before, "after_MB": memory_mb(port)})
            bodies |= seen.bodies
            kinds += [{"users": count, "kind": kind, **times(took)} for kind, took in sorted(seen.took.items())]
    return rows, kinds, bodies


def memory_mb(port: int) -> float:
    """Resident memory of the app."""
    return resident_mb(http.client.HTTPConnection("127.0.0.1", port, timeout=60))


def load(what: str, port: int, count: int, seconds: float) -> tuple[dict[str, Any], Seen]:
    """So many users for so long."""
    seen, until = Seen(), time.monotonic() + seconds
    users = [User(port, f"{what} {count}", number, seen) for number in range(count)]
    threads = [threading.Thread(target=user.stay, args=(until,)) for user in users]
    started = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took = [one for kind in seen.took.values() for one in kind]
    each = [seen.answers[number] for number in range(count)]
    if seen.errors:
        print(f"{what}, {count} users, first error: {seen.errors[0]}", file=sys.stderr)
    row = {
        "what": what,
        "users": count,
        "answers_per_s": round(len(took) / (time.monotonic() - started), 1),
        **times(took),
        "worst_user_to_median": round(min(each) / max(float(np.median(each)), 1.0), 2),
        "errors": len(seen.errors),
    }
    print(row, file=sys.stderr)
    return row, seen


def compared(ports: Sequence[int]) -> dict[str, Any]:
    """The same questions to every process: how many, and how many of the answers are not the same bytes."""
    draw, differing, questions = random.Random(0), [], 0
    for number, prompt in enumerate(PROMPTS):
        asked = {"q": f"{prompt}, compared", "when": draw.choice(WHENS)}
        answers = each_of(ports, "/api/search", collection="demo", **asked)
        hits = json.loads(answers[0][1])["hits"]
        x, y = tile_of(hits[0]["lat"], hits[0]["lon"], ZOOM)
        each = [("/api/search", {"collection": "demo", "liked": hits[-1]["tile_id"], **asked})]
        each += [(f"/scores/demo/{ZOOM}/{x}/{y}.png", asked), ("/scores/demo/legend.json", asked | {"value": "cosine"})]
        each += [("/api/ground", {"collection": "demo", "tile": hits[0]["tile_id"], "when": asked["when"]})]
        each += [(f"/chips/demo/{quote(hits[0]['tile_id'])}.webp", {"px": 100 + number})]
        every = [answers, *(each_of(ports, path, **words) for path, words in each)]
        differing += [one for one in every if len(set(one)) > 1 or one[0][0] != 200]
        questions += len(every)
    return {"questions": questions, "answers_that_differ": len(differing)}


def each_of(ports: Sequence[int], path: str, **asked: Any) -> list[tuple[int, bytes]]:
    """Status and body from each process, over connections of their own: one that waits for others would be cut."""
    return [get(http.client.HTTPConnection("127.0.0.1", port, timeout=120), path, **asked) for port in ports]


def tile_of(lat: float, lon: float, zoom: int) -> tuple[int, int]:
    """Column and row of the Web-Mercator tile over a place."""
    whole = 1 << zoom
    x = int((lon + 180) / 360 * whole)
    y = int((180 - float(ordinate(lat))) / 360 * whole)
    return x % whole, min(max(y, 0), whole - 1)


def ratios_of(rows: Sequence[dict[str, Any]]) -> dict[str, float]:
    """Throughput of many users to that of one, p95 to it by user, and of the bare application and several processes."""
    by = {(row["what"], row["users"]): row for row in rows}
    ratios = {}
    counts = [users for what, users in by if what == "app"]
    if counts:
        few, most = min(counts), max(counts)
        one, many, rate = by["app", few], by["app", most], "answers_per_s"
        ratios[f"answers/s, {most} users ÷ {few}"] = many[rate] / one[rate]
        ratios[f"p95, {most} users ÷ {few}, ÷ {most}"] = many["p95_ms"] / one["p95_ms"] / most
        ratios[f"answers/s of the bare application ÷ app, {most} users"] = by["bare", most][rate] / many[rate]
    for what, users in by:
        if what.startswith("two"):
            both, alone = (by[one, users] for one in (what, what.replace("two processes", "one of two")))
            ratios[f"answers/s, {what} ÷ one, {users} users"] = both["answers_per_s"] / alone["answers_per_s"]
    return {name: round(ratio, 2) for name, ratio in ratios.items()}


if __name__ == "__main__":
    main()
