"""Bodies of requests: rights before bytes, and bounds of size, time, number, depth and count."""

import json
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import anyio
import pytest

from search_ui.routes.admission import bodies
from search_ui.routes.admission.bodies import MAX_JSON_BYTES, Bodies
from search_ui.service.brought.clean_picture import MAX_PICTURE_BYTES
from trainer.errors import ReadOnlyError

Receive = Callable[[], Awaitable[dict[str, Any]]]


class Server:
    """A middleware before an application that says how long its body is."""

    def __init__(self, *, read_only: bool = False) -> None:
        self.answered: list[bytes] = []

        def require_writable() -> None:
            if read_only:
                raise ReadOnlyError("read-only")

        service: Any = SimpleNamespace(require_writable=require_writable)
        self.middleware = Bodies(self._app, service=service)

    async def _app(self, scope: Any, receive: Receive, send: Any) -> None:
        content = (await receive())["body"] if scope["method"] != "GET" else b""
        self.answered.append(content)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"{}"})

    async def ask(
        self, path: str, receive: Receive, *, method: str = "POST", length: int | None = None, base: str = ""
    ) -> tuple[int, str]:
        told: list[dict[str, Any]] = []

        async def send(message: Any) -> None:
            told.append(message)

        headers = [] if length is None else [(b"content-length", str(length).encode())]
        scope = {"type": "http", "method": method, "path": f"{base}{path}", "root_path": base, "headers": headers}
        await self.middleware(scope, receive, send)
        return told[0]["status"], told[1]["body"].decode()


def sending(*chunks: bytes, ends: bool = True) -> Receive:
    """A body that comes in pieces, and then ends or stops."""
    waiting = list(chunks)

    async def receive() -> dict[str, Any]:
        if not waiting and not ends:
            await anyio.sleep_forever()
        return {
            "type": "http.request",
            "body": waiting.pop(0) if waiting else b"",
            "more_body": bool(waiting) or not ends,
        }

    return receive


async def untouched() -> dict[str, Any]:
    raise AssertionError("the body was read")


@pytest.mark.parametrize("path", ["/api/searches", "/api/uploads"])
def test_who_may_change_nothing_is_refused_before_a_byte_is_read(path: str) -> None:
    server = Server(read_only=True)
    status, body = anyio.run(server.ask, path, untouched)
    assert (status, json.loads(body)["error"]["kind"]) == (403, "ReadOnlyError") and not server.answered


@pytest.mark.parametrize(
    ("path", "most", "status"), [("/api/searches", MAX_JSON_BYTES, 413), ("/api/uploads", MAX_PICTURE_BYTES, 422)]
)
def test_a_body_is_no_larger_than_what_it_is_for(path: str, most: int, status: int) -> None:
    server = Server()

    async def told_first() -> tuple[int, str]:
        return await server.ask(path, untouched, length=most + 1)

    assert anyio.run(told_first)[0] == status
    halves = [b"1" * (most // 2)] * 3
    assert anyio.run(server.ask, path, sending(*halves))[0] == status and not server.answered


@pytest.mark.parametrize(("path", "status"), [("/api/uploads", 200), ("/api/searches", 413)])
def test_a_file_may_be_large_where_the_app_is_served_under_a_path(path: str, status: int) -> None:
    server = Server()
    large = b"x" * (MAX_JSON_BYTES + 1)

    async def asked() -> tuple[int, str]:
        return await server.ask(path, sending(large), base="/ground")

    assert anyio.run(asked)[0] == status and server.answered == ([large] if status == 200 else [])


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (json.dumps({f"m{i}": 1 for i in range(20_000)}), 413), ("[" * 100_000, 413), ("[" * 500 + "]" * 500, 413),
        (json.dumps({"q": "beach", "liked": ["a"] * 100}), 200), ("{", 200), ("", 200), ("[1e400]", 200),
    ],
)  # fmt: skip
def test_json_has_a_bounded_depth_and_count(content: str, status: int) -> None:
    assert anyio.run(Server().ask, "/api/searches", sending(content.encode()))[0] == status


def test_a_body_that_stops_ends_and_leaves_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "IDLE_S", 0.02)
    server = Server()
    status, body = anyio.run(server.ask, "/api/uploads", sending(b"x" * 100, ends=False))
    assert status == 408 and "without pauses" in body
    assert (server.middleware._coming, server.middleware._bytes) == (0, 0)


def test_a_body_that_trickles_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "WHOLE_S", 0.05)

    async def trickle() -> dict[str, Any]:
        await anyio.sleep(0.01)
        return {"type": "http.request", "body": b"x", "more_body": True}

    assert anyio.run(Server().ask, "/api/uploads", trickle)[0] == 408


def test_so_many_come_at_once_and_the_others_are_asked_to_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "IDLE_S", 0.1)
    server = Server()

    async def many() -> list[int]:
        found: list[int] = []

        async def one(receive: Receive) -> None:
            found.append((await server.ask("/api/uploads", receive))[0])

        async with anyio.create_task_group() as tasks:
            for _ in range(60):
                tasks.start_soon(one, sending(b"x" * 1000, ends=False))
            await anyio.sleep(0.02)
            assert server.middleware._bytes <= bodies.MOST_AT_ONCE * 1000
            assert (await server.ask("/api/search", untouched, method="GET"))[0] == 200  # who only asks is not held up
        return found

    found = anyio.run(many)
    assert found.count(503) == 60 - bodies.MOST_AT_ONCE and found.count(408) == bodies.MOST_AT_ONCE
    assert anyio.run(server.ask, "/api/uploads", sending(b"x"))[0] == 200


def test_who_waits_for_an_answer_holds_no_place_of_those_who_send() -> None:
    server = Server()

    async def many() -> set[int]:
        found: list[int] = []
        answered = anyio.Event()

        async def slowly(scope: Any, receive: Receive, send: Any) -> None:
            await answered.wait()
            await Server._app(server, scope, receive, send)

        server.middleware.app = slowly

        async def one() -> None:
            found.append((await server.ask("/api/searches", sending(b"{}")))[0])

        async with anyio.create_task_group() as tasks:
            for _ in range(3 * bodies.MOST_AT_ONCE):
                tasks.start_soon(one)
                await anyio.wait_all_tasks_blocked()  # its body is there
            answered.set()
        return set(found)

    assert anyio.run(many) == {200}
    assert (server.middleware._coming, server.middleware._bytes) == (0, 0)


def test_all_that_come_at_once_are_bounded_in_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "MOST_BYTES_AT_ONCE", 1500)
    monkeypatch.setattr(bodies, "IDLE_S", 0.1)
    server = Server()

    async def two() -> int:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(server.ask, "/api/uploads", sending(b"x" * 1000, ends=False))
            await anyio.sleep(0.01)
            return (await server.ask("/api/uploads", sending(b"x" * 1000)))[0]

    assert anyio.run(two) == 503
