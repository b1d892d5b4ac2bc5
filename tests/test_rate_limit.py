"""The rate limit of an address while others ask: what waits, what does not, and what is refused."""

import asyncio
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.routing import Route
from starlette.testclient import TestClient

from search_ui.routes.admission import rate_limit
from search_ui.routes.admission.asker import asker
from search_ui.routes.admission.rate_limit import MOST_WAIT_S, OTHERS_S, Rate, RateLimit


def test_what_is_beyond_the_rate_waits_one_after_another_and_the_rest_does_not() -> None:
    rate = Rate(10, 5)
    waits = [rate.wait("a", 100.0, alone=False) for _ in range(8)]
    assert waits[:5] == pytest.approx([0] * 5) and waits[5:] == pytest.approx([0.1, 0.2, 0.3])
    assert rate.wait("b", 100.0, alone=False) == 0  # each address by itself
    assert rate.wait("a", 100.9, alone=False) == 0  # eight are paid off after .8 s
    assert rate.wait("a", 200.0, alone=False) == 0


def test_who_was_alone_owes_no_more_than_what_may_be_asked_at_once() -> None:
    rate = Rate(10, 5)
    assert {rate.wait("a", 100.0, alone=True) for _ in range(10_000)} == {0}
    assert rate.wait("a", 100.0, alone=False) == pytest.approx(0.1)


def test_what_is_refused_is_not_owed() -> None:
    rate = Rate(10, 5)
    waits = [rate.wait("a", 100.0, alone=False) for _ in range(1_000)]
    assert max(waits) == pytest.approx(MOST_WAIT_S + 0.1) and waits[-1] == waits[-500]
    assert rate.wait("a", 100.0 + MOST_WAIT_S + 0.5, alone=False) == 0


@pytest.mark.parametrize(
    ("host", "who"),
    [
        ("10.0.0.1", "10.0.0.1"),
        ("::ffff:10.0.0.1", "10.0.0.1"),  # as a socket of both kinds tells it
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),  # whoever has it has 2^64 of them
        ("fe80::1%eth0", "fe80::/64"),
        ("testclient", "testclient"),
    ],
)
def test_who_asks_is_an_address_or_of_ipv6_its_network(host: str, who: str) -> None:
    assert asker(HTTPConnection({"type": "http", "client": (host, 1)})) == who


def test_who_asks_may_be_unknown() -> None:
    assert asker(HTTPConnection({"type": "http", "client": None})) == ""


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> tuple[dict[str, TestClient], list[float], list[float]]:
    """Clients of two addresses of one app, the clock (its last entry), and what was waited."""
    clock, waited = [1_000.0], list[float]()

    async def sleep(seconds: float) -> None:
        waited.append(seconds)

    monkeypatch.setattr(rate_limit, "time", _Clock(clock))
    monkeypatch.setattr(rate_limit.asyncio, "sleep", sleep)
    app = RateLimit(Starlette(routes=[Route("/", lambda _: Response("here"))]))
    return {who: TestClient(app, client=(who, 1)) for who in ("10.0.0.1", "10.0.0.2")}, clock, waited


class _Clock:
    def __init__(self, told: list[float]) -> None:
        self._told = told

    def monotonic(self) -> float:
        return self._told[-1]


def test_an_address_waits_while_another_asks_and_no_longer(asked: Any) -> None:
    clients, clock, waited = asked
    many, other = clients["10.0.0.1"], clients["10.0.0.2"]
    assert {many.get("/").status_code for _ in range(300)} == {200} and waited == []
    assert other.get("/").text == "here" and waited == []
    for _ in range(3):
        assert many.get("/").text == "here"
    assert waited == pytest.approx([1 / 80, 2 / 80, 3 / 80])
    clock.append(clock[-1] + OTHERS_S)
    many.get("/")
    assert len(waited) == 3


def test_ten_seconds_ahead_it_is_told_when_to_come_again(asked: Any) -> None:
    clients, _, waited = asked
    clients["10.0.0.2"].get("/")
    answers = [clients["10.0.0.1"].get("/") for _ in range(50 + 800 + 2)]
    assert answers[-4].status_code == 200 and answers[-1].status_code == 429
    assert max(waited) == pytest.approx(10, abs=0.02)
    assert answers[-1].headers["Retry-After"] == "10" and "while others ask" in answers[-1].json()["error"]["message"]


def test_pages_have_a_rate_of_their_own(asked: Any) -> None:
    _, _, waited = asked
    opened = list[str]()

    async def page(scope: Any, receive: Any, send: Any) -> None:
        opened.append(scope["type"])

    async def nothing(*_: Any) -> None:
        return None

    app = RateLimit(page)

    async def ask() -> None:
        await app({"type": "http", "client": ("10.0.0.2", 1), "headers": []}, nothing, nothing)
        for _ in range(20 + 2):
            await app({"type": "websocket", "client": ("10.0.0.1", 1), "headers": []}, nothing, nothing)

    asyncio.run(ask())
    assert opened.count("websocket") == 22 and max(waited) == pytest.approx(0.4)
