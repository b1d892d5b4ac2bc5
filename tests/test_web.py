"""Manners on the web: what is kept and for how long, how long a server is waited for, what a refusal means."""

import io
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from local_server import Answer, answering, serving
from PIL import Image

from ingest.geo.geometry import Footprint
from ingest.opening import open_source
from ingest.sources import patience
from ingest.sources import web as web_module
from ingest.sources.pyramid import PyramidSource
from ingest.sources.source import SourceOptions
from ingest.sources.stac import stac_entries
from ingest.sources.web import Web
from trainer.errors import ItemError, SourceError

TEXT = {"Content-Type": "text/html; charset=utf-8"}


def picture(kind: str = "PNG", value: int = 90, side: int = 8) -> bytes:
    data = io.BytesIO()
    Image.new("RGB", (side, side), (value, value, value)).save(data, kind)
    return data.getvalue()


@dataclass
class Server:
    """Answers as it is told, and counts."""

    url: str = ""
    answer: Callable[[str], Answer] = lambda _: (200, {}, picture())
    asked: list[str] = field(default_factory=list)


@pytest.fixture
def server() -> Iterator[Server]:
    state = Server()

    def answer(path: str, _: Mapping[str, str]) -> Answer:
        state.asked.append(path)
        code, headers, body = state.answer(path)
        return code, {"Content-Type": "image/png", **headers}, body

    with serving(answering(answer)) as state.url:
        yield state


def opened(cache: Path | None = None, **options: object) -> Web:
    return Web(SourceOptions(**{"rate_per_s": 1000.0, "cache_dir": cache, "retries": 1, **options}))  # type: ignore[arg-type]


def asked_twice(server: Server, cache: Path) -> int:
    """How often a server was asked for one tile that was wanted twice, by two processes in turn."""
    for _ in range(2):
        with opened(cache) as web, suppress(ItemError):
            web.picture(f"{server.url}/1/0/0.png")
    return len(server.asked)


WEBP = picture("WEBP")


@pytest.mark.parametrize(
    ("answer", "times"),
    [
        ((200, {}, picture()), 1),
        ((200, {}, picture("JPEG")), 1),
        ((200, {}, WEBP), 1),
        ((404, {}, b"none"), 1),
        ((204, {}, b""), 1),
        ((200, {"Cache-Control": "max-age=600"}, picture()), 1),
        ((200, {"Cache-Control": "no-store"}, picture()), 2),
        ((404, {"Cache-Control": "no-store"}, b""), 2),
        ((200, {"Cache-Control": "max-age=0"}, picture()), 2),
        ((200, TEXT, b"<html>quota exceeded"), 2),
        ((200, TEXT | {"Cache-Control": "max-age=600"}, b"<html>quota exceeded"), 2),
        ((200, {"Content-Type": "application/json"}, b'{"error": "no key"}'), 2),
        ((200, {}, b""), 2),
        ((200, {}, picture()[:-20]), 2),
        ((200, {}, picture("JPEG")[:-20]), 2),
        ((200, {}, WEBP[:-4]), 2),
        ((403, {}, b""), 2),
        ((500, {}, b""), 4),  # each time once more
    ],
)
def test_only_whole_pictures_and_their_absence_are_kept_as_long_as_the_server_says(
    server: Server, tmp_path: Path, answer: Answer, times: int
) -> None:
    server.answer = lambda _: answer
    assert asked_twice(server, tmp_path) == times


def test_a_tile_that_failed_is_read_once_the_server_has_mended_itself(server: Server, tmp_path: Path) -> None:
    server.answer = lambda _: (200, TEXT | {"Cache-Control": "no-store"}, b"<html>Bad gateway</html>")
    settings = SourceOptions(rate_per_s=1000.0, cache_dir=tmp_path, zoom=3)
    with open_source(f"{server.url}/{{z}}/{{x}}/{{y}}.png", settings) as source:
        assert isinstance(source, PyramidSource)
        with pytest.raises(
            ItemError, match=r"sent text/html instead of a picture: '<html>Bad gateway</html>'"
        ) as caught:
            source.read(Footprint(10, 20, 1000.0), 8)
        assert caught.value.reason == "not_an_image"
        server.answer = lambda _: (200, {}, picture())
        assert source.read(Footprint(10, 20, 1000.0), 8).valid.all()


def test_the_cache_keeps_to_its_size(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    monkeypatch.setattr(web_module, "_TRIMMED_AFTER", 5)
    noise = io.BytesIO()
    Image.frombytes("RGB", (80, 80), os.urandom(80 * 80 * 3)).save(noise, "PNG")
    server.answer = lambda _: (200, {}, noise.getvalue())
    with opened(tmp_path, cache_bytes=200_000) as web:
        for i in range(30):  # 600 kB
            assert web.picture(f"{server.url}/{i}.png")
            web.picture(f"{server.url}/0.png")
        web.picture(f"{server.url}/29.png")
        assert len(server.asked) == 30  # what came last is there, and what was used all the time
        web.picture(f"{server.url}/1.png")
        assert len(server.asked) == 31
    assert sum(file.stat().st_size for file in tmp_path.iterdir()) < 450_000


def test_offline_what_was_kept_is_answered_even_when_it_is_old_and_nobody_is_asked(
    server: Server, tmp_path: Path
) -> None:
    server.answer = lambda _: (200, {"Cache-Control": "max-age=0", "ETag": "a"}, picture())
    asked_twice(server, tmp_path)
    before = len(server.asked)
    with opened(tmp_path, offline=True) as web:
        assert web.picture(f"{server.url}/1/0/0.png") == picture()
        assert web.picture(f"{server.url}/1/0/1.png") is None
        for get in (lambda: web.get(server.url, first=0, length=9), lambda: web.download(server.url, at_most=9)):
            with pytest.raises(ItemError, match="nothing is fetched here: this server is read-only"):
                get()
    with pytest.raises(SourceError, match="nothing is fetched here"):
        open_source(f"{server.url}/a.tif", SourceOptions(offline=True))
    assert len(server.asked) == before


class Clock:
    """Time that passes when somebody sleeps."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now, self.slept = 1000.0, list[float]()
        monkeypatch.setattr(patience, "time", self)

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@pytest.mark.parametrize(("asked_s", "lines"), [(30, 0), (61, 3), (300, 10)])
def test_a_long_wait_is_told_with_a_count_down(
    server: Server, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, asked_s: int, lines: int
) -> None:
    clock = Clock(monkeypatch)
    busy: list[Answer] = [(429, {"Retry-After": str(asked_s)}, b"")]
    server.answer = lambda _: busy.pop() if busy else (200, {}, picture())
    with opened() as web:
        assert web.picture(f"{server.url}/a.png") == picture()
    assert sum(clock.slept) == asked_s
    told = [record.getMessage() for record in caplog.records if "asks to wait" in record.getMessage()]
    assert len(told) == lines and (not told or told[0] == f"127.0.0.1 asks to wait: going on in {asked_s} s")


@pytest.mark.parametrize("retries", [0, 1])
@pytest.mark.parametrize("status", [429, 503])
def test_a_wait_of_more_than_ten_minutes_ends_in_a_line_and_the_server_is_left_alone(
    server: Server, monkeypatch: pytest.MonkeyPatch, retries: int, status: int
) -> None:
    clock = Clock(monkeypatch)
    server.answer = lambda _: (status, {"Retry-After": "3600"}, b"")
    with opened(retries=retries) as web:
        for name in ("a", "b"):
            with pytest.raises(ItemError, match=r"127\.0\.0\.1 asks not to be asked for 3600 s: after .*jobs retry"):
                web.picture(f"{server.url}/{name}.png")
        assert len(server.asked) == 1 and not clock.slept
        clock.now += 3601
        server.answer = lambda _: (200, {}, picture())
        assert web.picture(f"{server.url}/b.png")


def test_a_wait_until_a_date_and_one_that_is_nonsense(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    Clock(monkeypatch)
    server.answer = lambda _: (429, {"Retry-After": "Fri, 31 Dec 2100 23:59:59 GMT"}, b"")
    with opened() as web, pytest.raises(ItemError, match="asks not to be asked for"):
        web.picture(f"{server.url}/a.png")
    for nonsense in ("soon", "0.5", "-5"):  # as if it said nothing: asked again
        server.answer = lambda _, said=nonsense: (429, {"Retry-After": said}, b"")
        server.asked.clear()
        with opened() as web, pytest.raises(ItemError, match="the server answered 429"):
            web.picture(f"{server.url}/a.png")
        assert len(server.asked) > 1


def test_a_refusal_may_mean_that_there_is_no_tile(server: Server) -> None:
    server.answer = lambda _: (403, {}, b"<Error>AccessDenied</Error>")
    template = f"{server.url}/{{z}}/{{x}}/{{y}}.png"
    options = SourceOptions(rate_per_s=1000.0, zoom=3)
    with open_source(template, options) as source, pytest.raises(ItemError, match="pass --missing-403"):
        source.read(Footprint(10, 20, 1000.0), 8)
    options = SourceOptions(rate_per_s=1000.0, zoom=3, missing_403=True)
    with open_source(template, options) as source:
        assert not source.read(Footprint(10, 20, 1000.0), 8).valid.any()


def test_tilejson_on_a_server_leads_to_its_tiles_and_says_where_they_are(server: Server) -> None:
    told = {"tilejson": "3.0.0", "tiles": ["tiles/{z}/{x}/{y}.png"], "scheme": "tms", "bounds": [19, 9, 21, 11]}
    document = json.dumps(told | {"minzoom": 3, "maxzoom": 3}).encode()
    server.answer = lambda path: (200, {}, document if ".json" in path else picture())
    with open_source(f"{server.url}/maps/town.json?key=geheim", SourceOptions(rate_per_s=1000.0)) as source:
        assert source.coverage().bounds == (19, 9, 21, 11) and "geheim" not in source.uri
        assert source.read(Footprint(10, 20, 1000.0), 8).valid.all()
    assert server.asked[-1] == "/maps/tiles/3/4/4.png"  # row 3 from the north


def stac_documents(url: str, *, next_page: bool = False) -> Callable[[str], Answer]:
    """A catalogue with two items, which is an API too."""
    links = [{"rel": "self", "href": f"{url}/api"}, {"rel": "root", "href": f"{url}/api"}]
    links += [{"rel": "search", "href": f"{url}/api/search", "type": "application/geo+json", "method": "GET"}]
    links += [{"rel": "item", "href": f"{url}/{name}.json"} for name in "ab"]
    conforms = ["https://api.stacspec.org/v1.0.0/core", "https://api.stacspec.org/v1.0.0/item-search"]
    root = {"type": "Catalog", "stac_version": "1.0.0", "id": "api", "description": "-", "links": links}
    asset = {"href": f"{url}/a.tif", "type": "image/tiff; application=geotiff", "roles": ["data"]}
    item = {"type": "Feature", "stac_version": "1.0.0", "geometry": None, "links": [], "assets": {"visual": asset}}
    items = [item | {"id": name, "properties": {"datetime": "2022-07-01T10:00:00Z"}} for name in "ab"]
    following = [{"rel": "next", "href": f"{url}/api/search?page=2", "method": "GET"}] if next_page else []

    def answer(path: str) -> Answer:
        if "/search" in path:
            page = {"type": "FeatureCollection", "features": items[:1], "links": [] if "page=2" in path else following}
            return 200, {}, json.dumps(page).encode()
        return (
            200,
            {},
            json.dumps(items["ab".index(path[1])] if path[2:] == ".json" else root | {"conformsTo": conforms}).encode(),
        )

    return answer


@pytest.mark.parametrize("slow", ["/api", "/api/search", "/api/search?page=2", "/a.json"])
def test_stac_waits_as_a_server_asks(
    server: Server, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, slow: str
) -> None:
    clock, usual = Clock(monkeypatch), stac_documents(server.url, next_page=True)
    busy: list[Answer] = [(503, {"Retry-After": "90"}, b"")]
    server.answer = lambda path: busy.pop() if busy and path.startswith(slow) else usual(path)
    options = SourceOptions(rate_per_s=1000.0, retries=1)
    if slow == "/a.json":
        entries, problems = stac_entries(f"{server.url}/root.json", options, json.loads(usual("/root.json")[2]))
    else:
        entries, problems = stac_entries(f"stac+{server.url}/api/search?collections=c", options)
    assert len(entries) == 2 and not problems
    assert sum(clock.slept) == 90 and "127.0.0.1 asks to wait: going on in 90 s" in caplog.text
    assert all(path.startswith(("/api", "/a", "/b")) for path in server.asked)


def test_stac_that_asks_for_more_than_ten_minutes_ends_in_a_line(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, usual = Clock(monkeypatch), stac_documents(server.url)
    server.answer = lambda path: (429, {"Retry-After": "3600"}, b"") if "search" in path else usual(path)
    with pytest.raises(SourceError, match=r"asks not to be asked for 3600 s: after .*jobs retry"):
        stac_entries(f"stac+{server.url}/api/search?collections=c", SourceOptions(rate_per_s=1000.0))
    assert [path for path in server.asked if "search" in path] == server.asked[-1:] and not clock.slept


def test_of_a_catalogue_that_is_closed_each_link_is_a_problem_and_nobody_asks_on(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    Clock(monkeypatch)
    usual = stac_documents(server.url)
    server.answer = lambda path: (429, {"Retry-After": "3600"}, b"") if path == "/b.json" else usual(path)
    root = json.loads(usual("/root.json")[2])
    entries, problems = stac_entries(f"{server.url}/root.json", SourceOptions(rate_per_s=1000.0), root)
    assert len(entries) == 1 and [problem.reason for problem in problems] == ["http"]
    server.answer = lambda path: (404, {}, b"") if path == "/b.json" else usual(path)
    entries, problems = stac_entries(f"{server.url}/root.json", SourceOptions(rate_per_s=1000.0), root)
    assert len(entries) == 1 and [problem.reason for problem in problems] == ["missing"]
