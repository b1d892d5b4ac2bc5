"""A URL that came through the app reaches the hosts on the list and nothing else; a real server redirects."""

import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from local_server import Answer, answering, serving

from ingest.jobs.request import Request, options_from_json
from ingest.opening import open_source
from ingest.sources.allowed_hosts import check_url
from ingest.sources.source import SourceOptions
from ingest.sources.web import Web
from trainer.errors import ItemError, SourceError


@dataclass
class Site:
    """A server on this machine that sends who asks for /to/URL on to that URL."""

    port: int = 0
    asked: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    state = Site()

    def answer(path: str, _: Mapping[str, str]) -> Answer:
        state.asked.append(path)
        moved = path.startswith("/to/")
        return (302 if moved else 200, {"Location": path.removeprefix("/to/")} if moved else {}, b"secret of the house")

    with serving(answering(answer)) as url:
        state.port = int(url.rpartition(":")[2])
        yield state


def web(*allowed: str, cache_dir: Path | None = None) -> Web:
    return Web(SourceOptions(rate_per_s=1000, retries=1, timeout_s=5, allowed_hosts=allowed, cache_dir=cache_dir))


def test_an_address_that_the_list_names_is_read(site: Site) -> None:
    with web("127.0.0.1") as opened:
        assert opened.get(f"http://127.0.0.1:{site.port}/a") == b"secret of the house"


def test_a_host_that_is_not_on_the_list_is_not_even_asked(site: Site) -> None:
    site.asked.clear()
    with web("tiles.example.org") as opened, pytest.raises(ItemError, match=r"'127\.0\.0\.1' is not among the hosts"):
        opened.get(f"http://127.0.0.1:{site.port}/a")
    assert site.asked == []


def test_a_name_on_the_list_that_stands_for_a_private_address_is_refused(site: Site) -> None:
    site.asked.clear()
    with web("localhost") as opened, pytest.raises(ItemError, match="no public address") as caught:
        opened.get(f"http://localhost:{site.port}/a")
    assert caught.value.reason == "not_allowed"
    assert site.asked == []


def test_a_name_that_resolves_anew_between_check_and_connection_is_refused(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DNS rebinding: the first answer is public, the next is this machine."""
    true_answer, answers = socket.getaddrinfo, iter(["93.184.215.14"])

    def getaddrinfo(host: str, *arguments: object, **options: object) -> object:
        return true_answer(next(answers, "127.0.0.1"), *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    site.asked.clear()
    with web("tiles.example.org") as opened, pytest.raises(ItemError, match=r"stands for 127\.0\.0\.1"):
        opened.get(f"http://tiles.example.org:{site.port}/a")
    assert site.asked == []


@pytest.mark.parametrize(
    "target", ["http://localhost:{port}/inner", "http://169.254.169.254/latest", "file:///etc/hosts"]
)
def test_a_redirect_to_elsewhere_is_not_followed(site: Site, target: str) -> None:
    site.asked.clear()
    with web("127.0.0.1") as opened, pytest.raises(ItemError):
        opened.get(f"http://127.0.0.1:{site.port}/to/{target.format(port=site.port)}")
    assert len(site.asked) == 1


def test_a_redirect_within_the_list_is_followed(site: Site) -> None:
    with web("127.0.0.1") as opened:
        assert opened.get(f"http://127.0.0.1:{site.port}/to/http://127.0.0.1:{site.port}/b") == b"secret of the house"


def test_what_the_command_line_has_cached_is_not_shown_through_the_app(site: Site, tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{site.port}/to/http://localhost:{site.port}/cached"
    with Web(SourceOptions(cache_dir=tmp_path)) as opened:
        assert opened.get(url) == b"secret of the house"
    with web("127.0.0.1", cache_dir=tmp_path) as opened, pytest.raises(ItemError, match="not among the hosts"):
        opened.get(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:80@evil.example/",
        "http://evil.example#tiles.example.org",
        "http://tiles.example.org.evil.example/",
        "http://xtiles.example.org/",
        "ftp://tiles.example.org/",
        "http://[::1]/",
        "http://[bad/",
        "http://evil.example\\@tiles.example.org/",
        "gopher:tiles.example.org",
        "",
    ],
)
def test_odd_addresses_are_refused(url: str) -> None:
    with pytest.raises(ItemError, match="not among the hosts"):
        check_url(url, ["tiles.example.org", "*.sub.example.org"])


@pytest.mark.parametrize(
    ("url", "entry"),
    [
        ("https://tiles.example.org/{z}/{x}/{y}.png", "tiles.example.org"),
        ("HTTPS://Tiles.Example.Org./a", "tiles.example.org"),
        ("http://a.sub.example.org:81/a", "*.sub.example.org"),
    ],
)
def test_names_on_the_list_are_allowed_in_any_spelling(url: str, entry: str) -> None:
    check_url(url, ["other.example.org", entry])
    with pytest.raises(ItemError, match="not among the hosts"):
        check_url(url, ["other.example.org"])


@pytest.mark.parametrize(
    "uri",
    ["/etc/passwd", "file:///etc/passwd", "http://tiles.example.org/a.tif", "stac+http://tiles.example.org/search",
     "http://tiles.example.org/items.json", "http://evil.example/{z}/{x}/{y}.png", "/data/{z}/{x}/{y}.png"],
)  # fmt: skip
def test_a_source_given_through_the_app_is_tiles_of_an_allowed_host(uri: str) -> None:
    with pytest.raises(SourceError, match=r"through the app"):
        open_source(uri, SourceOptions(allowed_hosts=("tiles.example.org",)))
    if uri.startswith("http://tiles.example.org/{z}"):
        open_source(uri, SourceOptions(allowed_hosts=("tiles.example.org",))).close()


@pytest.mark.parametrize("hosts", [("tiles.example.org",), ()])
def test_the_list_travels_with_the_job_to_the_workers(hosts: tuple[str, ...]) -> None:
    options = SourceOptions(allowed_hosts=hosts)
    request = Request("tiles", "c", "http://tiles.example.org/{z}/{x}/{y}.png", options=options)
    assert Request.from_json(request.to_json()).options.allowed_hosts == hosts
    plain = replace(request, options=SourceOptions()).to_json()
    assert "allowed_hosts" not in plain["options"]
    assert options_from_json(plain["options"]).allowed_hosts is None
