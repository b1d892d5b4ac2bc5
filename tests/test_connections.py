"""Connections: halves of a request, and answers that nobody reads, are given up; the rest goes on."""

import http.client
import select
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from typing import Any

import pytest
import uvicorn
from websockets.sync.client import connect

from search_ui.routes.admission import connections
from tests.services import free_port

HEAD = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
LARGE = 64 * 2**20  # more than the system takes for a reader that does not read


async def _app(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.accept"})
        while (message := await receive())["type"] != "websocket.disconnect":
            if message["type"] == "websocket.receive":
                await send({"type": "websocket.send", "text": message["text"]})
        return
    body = bytes(LARGE) if scope["path"] == "/large" else b"here"
    if scope["path"] == "/body":
        size, more = 0, True
        while more:
            message = await receive()
            size, more = size + len(message.get("body", b"")), message.get("more_body", False)
        body = str(size).encode()
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    config = uvicorn.Config(_app, port=free_port(), http=connections.Connection, lifespan="off", log_level="critical")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(connections, "HEAD_S", 0.4)
        patch.setattr(connections, "READ_S", 0.4)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        yield config.port
        server.should_exit = server.force_exit = True
        thread.join()


def opened(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=20)


def test_no_part_of_an_answer_is_kept_back_until_the_one_before_is_acknowledged() -> None:
    """Of a listening socket such as Streamlit's, made without the number of its protocol."""
    seen = []

    class Looked(connections.Connection):
        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            accepted = transport.get_extra_info("socket")
            seen.append((accepted.proto, accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)))

    with closing(socket.socket()) as listening:
        listening.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(_app, http=Looked, lifespan="off", log_level="critical"))
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        while not server.started:
            time.sleep(0.01)
        try:
            asked = http.client.HTTPConnection("127.0.0.1", listening.getsockname()[1], timeout=20)
            asked.request("GET", "/")
            assert asked.getresponse().read() == b"here"
            asked.close()
        finally:
            server.should_exit = True
            thread.join()
    assert seen == [(0, 1)]


@pytest.mark.parametrize("said", [b"", b"GET / HTT", HEAD[:-2]])
def test_half_of_a_head_is_given_up(port: int, said: bytes) -> None:
    with opened(port) as one:
        one.sendall(said)
        assert one.recv(64) == b""


def test_half_of_a_second_head_is_given_up_however_it_trickles(port: int) -> None:
    with opened(port) as one:
        one.sendall(HEAD)
        answer = b""
        while not answer.endswith(b"here"):
            answer += one.recv(4_096)
        sent = 0
        try:
            for letter in HEAD[:-2] * 100:
                one.sendall(bytes([letter]))
                sent += 1
                time.sleep(0.05)
        except OSError:
            pass
        assert sent < len(HEAD)


def test_an_answer_that_nobody_reads_is_given_up(port: int) -> None:
    with opened(port) as one:
        one.sendall(HEAD.replace(b"/ ", b"/large "))
        for begun in (True, False):  # who reads nothing says nothing either
            until = time.monotonic() + 20
            while bool(connections.Connection._unread) != begun and time.monotonic() < until:
                time.sleep(0.01)
        assert _whole(one) < LARGE


def test_of_answers_that_nobody_reads_the_oldest_is_given_up(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "MOST_UNREAD", LARGE * 3 // 2)
    monkeypatch.setattr(connections, "READ_S", 60.0)
    with opened(port) as old, opened(port) as new:
        for one in (old, new):
            one.sendall(HEAD.replace(b"/ ", b"/large "))
            assert one.recv(1)
        assert _whole(new) > LARGE
        assert _whole(old) < LARGE


def _whole(one: socket.socket) -> int:
    got = 0
    with suppress(ConnectionResetError):
        while got <= LARGE and (part := one.recv(2**22)):
            got += len(part)
    return got


@pytest.mark.parametrize("path", [b"/body", b"/"])  # one that waits for the body, and one that has answered
def test_a_body_of_no_meaning_ends_the_connection(port: int, path: bytes, caplog: pytest.LogCaptureFixture) -> None:
    with opened(port) as one:
        one.sendall(HEAD.replace(b"GET / ", b"POST %s " % path)[:-2] + b"Transfer-Encoding: chunked\r\n\r\n")
        answered = one.recv(4_096) if path == b"/" else b""
        one.sendall(b"x\r\n")
        if path == b"/body":
            answered = one.recv(4_096)
        with suppress(ConnectionResetError):
            assert one.recv(64) == b"" or path == b"/body" or answered.endswith(b"\r\n\r\n")
    assert answered.startswith(b"HTTP/1.1 200" if path == b"/" else b"HTTP/1.1 400")
    assert not caplog.records  # asyncio would tell of an error in the protocol


def test_a_body_in_crumbs_comes_whole_and_others_come_first(port: int) -> None:
    with opened(port) as one, opened(port) as other:
        head = HEAD.replace(b"GET / ", b"POST /body ")[:-2] + b"Transfer-Encoding: chunked\r\n\r\n"
        one.sendall(head + b"1\r\na\r\n" * 2_000 + b"0\r\n\r\n")
        other.sendall(HEAD)
        assert other.recv(4_096).startswith(b"HTTP/1.1 200")
        assert not select.select([one], [], [], 0)[0]
        answer = b""
        while not answer.endswith(b"2000"):
            part = one.recv(4_096)
            assert part
            answer += part


def test_a_body_in_chunks_comes_whole(port: int) -> None:
    lines = [b"%d," % number * 20 for number in range(2_000)]
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=20)) as one:
        one.request("POST", "/body", iter(lines))
        assert one.getresponse().read() == str(len(b"".join(lines))).encode()


def test_an_answer_that_is_read_slowly_comes_whole(port: int) -> None:
    with opened(port) as one:
        one.sendall(HEAD.replace(b"/ ", b"/large "))
        got = 0
        while got < LARGE:
            part = one.recv(2**22)
            assert part
            got += len(part)
            if got < 2 * LARGE // 3:
                time.sleep(0.1)  # one and a half seconds in all


def test_a_page_that_is_open_stays_open(port: int) -> None:
    with connect(f"ws://127.0.0.1:{port}/") as page:
        time.sleep(0.6)
        page.send("still here")
        assert page.recv(10) == "still here"
