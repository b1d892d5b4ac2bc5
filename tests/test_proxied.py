"""The app behind a proxy under a path: which addresses it answers, whom it believes, and nginx with TLS in Chromium."""

import json
import ssl
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from playwright.sync_api import Request, expect, sync_playwright
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route
from starlette.testclient import TestClient

from search_ui.components.base_path import checked_path
from search_ui.routes.admission.forwarded import Forwarded
from search_ui.routes.admission.guard import Guard
from search_ui.routes.exchange import home_of
from tests.conftest import LONG, Demo, start_groundcast
from tests.home_copy import whole_copy_of
from tests.services import free_port, make_certificate, program
from tests.test_browser import CHROMIUM, FLAGS, PATIENCE_MS
from trainer.errors import UsageError

SAYS = {"X-Forwarded-Host": "maps.example.org", "X-Forwarded-Proto": "https", "X-Forwarded-For": "203.0.113.7"}


def asked_by(client: str, **headers: str) -> dict[str, str]:
    """What a route is told of a request, behind a proxy at 127.0.0.1."""

    def tell(request):
        return JSONResponse({"base": home_of(request), "client": request.client.host})

    middleware = [Middleware(Forwarded, proxies=["127.0.0.1", "10.0.0.0/8"]), Middleware(Guard, base="/ground")]
    app = Starlette(routes=[Mount("/ground", routes=[Route("/api/x", tell)])], middleware=middleware)
    return TestClient(app, client=(client, 5)).get("/ground/api/x", headers=headers).json()


@pytest.mark.parametrize(
    ("client", "base", "who"),
    [
        ("127.0.0.1", "https://maps.example.org/ground/", "203.0.113.7"),
        ("10.1.2.3", "https://maps.example.org/ground/", "203.0.113.7"),
        ("::ffff:127.0.0.1", "https://maps.example.org/ground/", "203.0.113.7"),  # to a socket of IPv6
        ("192.0.2.1", "http://testserver/ground/", "192.0.2.1"),
    ],
)
def test_host_scheme_and_client_are_taken_from_proxies_that_were_named_and_nobody_else(client, base, who):
    assert asked_by(client, **SAYS) == {"base": base, "client": who}
    assert asked_by(client)["client"] == client.removeprefix("::ffff:")


def test_what_the_last_proxy_says_counts_and_a_wrong_one_is_refused():
    assert asked_by("127.0.0.1", **SAYS | {"X-Forwarded-Host": "evil.example, maps.example.org"})["base"] == (
        "https://maps.example.org/ground/"
    )
    with pytest.raises(UsageError, match="--proxy: 'localhost'"):
        Forwarded(lambda *_: None, proxies=["localhost"])


@pytest.mark.parametrize(("given", "path"), [("", ""), ("/", ""), ("ground", "/ground"), ("/a/b/", "/a/b")])
def test_a_path_is_given_with_slashes_or_without(given, path):
    assert checked_path(given) == path


@pytest.mark.parametrize("given", ["/a b", "/ground?x", "https://maps.example.org/ground", "/ä"])
def test_what_is_no_path_is_refused(given):
    with pytest.raises(UsageError, match="--base-path"):
        checked_path(given)


def test_the_guard_guards_under_the_path_too():
    app = Starlette(routes=[Mount("/ground", app=lambda *_: None)], middleware=[Middleware(Guard, base="/ground")])
    client = TestClient(app, headers={"Origin": "https://evil.example"})
    assert client.post("/ground/api/searches").status_code == 403
    assert client.get("/ground/tilez/1/2/3.png").status_code == 404


NGINX = """
daemon off; pid {folder}/pid; error_log {folder}/error.log; worker_processes 1; user root;
events {{}}
http {{
  access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  map $http_upgrade $connection_upgrade {{ default upgrade; '' close; }}
  server {{
    listen 127.0.0.1:{port} ssl;
    ssl_certificate {certificate}; ssl_certificate_key {key};
    client_max_body_size 200m;
    location /ground/ {{
      proxy_pass http://127.0.0.1:{behind};
      proxy_http_version 1.1;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection $connection_upgrade;
      proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-Proto $scheme;
      proxy_set_header X-Forwarded-For $remote_addr;
      proxy_read_timeout 1h;
    }}
  }}
}}
"""


@pytest.fixture
def proxied(demo: Demo, tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """The app behind nginx under a path; its address there, and the authority of its certificate."""
    home, behind, port = tmp_path / "home", free_port(), free_port()
    whole_copy_of(demo.home, home)
    authority, certificate, key = make_certificate(tmp_path)
    file = tmp_path / "nginx.conf"
    file.write_text(NGINX.format(folder=tmp_path, port=port, certificate=certificate, key=key, behind=behind))
    options = ["--base-path", "/ground", "--proxy", "127.0.0.1", "--no-browser", "--port", behind]
    with (tmp_path / "ui.log").open("w") as log:
        app = start_groundcast(home, "ui", *options, stdout=log, stderr=log)
        nginx = subprocess.Popen([program("nginx"), "-c", file], stdout=log, stderr=log)
        try:
            for _ in range(1200):
                with suppress(OSError):
                    urllib.request.urlopen(f"http://127.0.0.1:{behind}/healthz", timeout=5).close()
                    break
                time.sleep(0.1)
            yield f"https://127.0.0.1:{port}/ground", authority
        finally:
            for process in (nginx, app):
                process.terminate()
                process.wait(60)


@pytest.mark.skipif(not LONG, reason="a server, a proxy and a browser of its own: `make test-long` runs it")
@pytest.mark.skipif(not CHROMIUM.exists(), reason="Debian's chromium is not installed")
@pytest.mark.filterwarnings("default")
def test_pages_pictures_tiles_sockets_links_and_feeds_work_behind_nginx_under_a_path(proxied: tuple[str, Path]) -> None:
    address, authority = proxied
    trusting = ssl.create_default_context(cafile=str(authority))

    def fetch(path: str, **options: object) -> bytes:
        request = urllib.request.Request(address + path, **options)  # type: ignore[arg-type]
        with urllib.request.urlopen(request, timeout=60, context=trusting) as answer:
            return bytes(answer.read())

    tiles = json.loads(fetch("/tiles/demo.json"))["tiles"]
    assert tiles[0].startswith(f"{address}/tiles/demo/"), "scheme, host and path are those of the proxy"
    body = json.dumps({"name": "fires", "collection": "demo", "question": {"q": "a harbour"}}).encode()
    with suppress(urllib.error.HTTPError):
        fetch("/api/searches", data=body, headers={"Content-Type": "application/json"})
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=[*FLAGS, "--enable-unsafe-swiftshader"])
        context = chromium.new_context(ignore_https_errors=True, viewport={"width": 1100, "height": 800})
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        asked: list[Request] = []
        failed: list[str] = []
        sockets: list[str] = []
        page.on("request", lambda request: asked.append(request))  # noqa: PLW0108 - it sets an attribute
        page.on("response", lambda answer: answer.status >= 400 and failed.append(f"{answer.status} {answer.url}"))
        page.on("websocket", lambda socket: sockets.append(socket.url))
        page.goto(f"{address}/?q=people+swimming+at+a+sandy+beach&month=7&hour=14")
        expect(page.get_by_role("option").first).to_be_visible(timeout=PATIENCE_MS)
        page.locator("canvas").first.wait_for()
        page.wait_for_function(
            "() => { const loaded = performance.getEntriesByType('resource').map((one) => one.name);"
            "return ['chips', 'tiles', 'shown/maps', 'maplibre'].every((what) =>"
            " loaded.some((name) => name.includes(`/ground/${what}/`))) }",
            timeout=PATIENCE_MS,
        )
        shared = page.url
        again = context.new_page()
        again.goto(shared)
        expect(again.get_by_role("option").first).to_be_visible(timeout=PATIENCE_MS)
        again.goto(f"{address}/collections")
        expect(again.get_by_text("demo").first).to_be_visible(timeout=PATIENCE_MS)
        chromium.close()
    assert shared.startswith(f"{address}/?") and "month=7" in shared
    assert sockets and all(one.startswith(address.replace("https", "wss") + "/_stcore/") for one in sockets)
    outside = {one.url for one in asked if not one.url.startswith((address, "blob:", "data:"))}
    assert (outside, failed) == (set(), [])
