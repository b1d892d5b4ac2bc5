"""Attacks on a running app over HTTP: what a stranger sends, and what came back, in a line each.

An attack ends in a refusal or in nothing at all; an answer that is neither is an `AssertionError`. They know the app's
address, and how Streamlit's pages speak with it, not how the rest is built.
"""

import http.client
import io
import json
import random
import socket
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from functools import cache

from PIL import Image
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.web.server.starlette.starlette_app_utils import generate_xsrf_token_string
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Origin, Subprotocol

from tests.local_server import answering, serving

WAIT_S = 60.0
_MEMBERS = 1_300_000


@dataclass(frozen=True)
class Target:
    """An app that is attacked.

    Attributes:
        port: Of this machine.
        collection: One that it shows.
        read_only: Nothing may be changed in it.
        share: How much of each attack, 0..1.
    """

    port: int
    collection: str
    read_only: bool = False
    share: float = 1.0

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> tuple[int, bytes]:
        """Status and body of an answer; 0 where the connection was closed instead."""
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=WAIT_S)) as connection:
            try:
                with suppress(BrokenPipeError, ConnectionResetError):  # an answer may stand there all the same
                    connection.request(method, path, body, headers)
                answer = connection.getresponse()
                with suppress(ConnectionResetError, http.client.IncompleteRead):  # closed behind its first line
                    return answer.status, answer.read()
                return answer.status, b""
            except (ConnectionResetError, http.client.RemoteDisconnected, http.client.ResponseNotReady):
                return 0, b""

    def count(self, most: int) -> int:
        """So many, or the share of them."""
        return max(1, round(most * self.share))


def prepare() -> None:
    """Make what is sent whole, so that no processor is busy with it while others are watched."""
    _members(_MEMBERS)
    _png("I;16", 8_300, 7_100)
    _png("RGB", 7_000, 4_700)


@cache
def _members(count: int) -> bytes:
    return json.dumps({f"m{number}": 1 for number in range(count)}).encode()


@cache
def _png(mode: str, width: int, height: int) -> bytes:
    content = io.BytesIO()
    Image.new(mode, (width, height)).save(content, "PNG", compress_level=6)
    return content.getvalue()


def said(counts: Counter[object]) -> str:
    """What came back, and how often."""
    return ", ".join(f"{what} × {count}" for what, count in counts.most_common())


def only(counts: Counter[object], *allowed: object) -> str:
    """What came back, which must be of these."""
    assert counts and set(counts) <= set(allowed), f"{said(counts)}, where only {allowed} may come back"
    return said(counts)


def large_body(target: Target) -> str:
    """18 MB of JSON members."""
    body = _members(target.count(_MEMBERS))
    counts: Counter[object] = Counter(
        target.ask("POST", "/api/searches", body, **{"Content-Type": "application/json"})[0] for _ in range(3)
    )
    # 0: closed while the rest of the body was still being sent
    return only(counts, 0, 403 if target.read_only else 413)


def stalled_uploads(target: Target) -> str:
    """60 uploads that stop."""
    counts: Counter[object] = Counter()
    with ExitStack() as stack:
        opened = [stack.enter_context(socket.create_connection(("127.0.0.1", target.port))) for _ in range(60)]
        for each in opened:
            each.settimeout(WAIT_S if target.share == 1 else 1.0)
            head = f"POST /api/uploads HTTP/1.1\r\nHost: 127.0.0.1:{target.port}\r\nContent-Length: {19 << 20}\r\n\r\n"
            each.sendall(head.encode() + b"\0" * 100_000)
        for each in opened:
            try:
                first = each.recv(64).split(b" ", 2)
            except TimeoutError:
                counts["waits"] += 1
            else:
                counts[int(first[1]) if len(first) > 1 else 0] += 1
    if target.read_only:
        return only(counts, 0, 403)
    assert counts["waits"] + counts[408] <= 16
    return only(counts, 0, 408, 503, "waits")


def far_tiles(target: Target) -> str:
    """Tile addresses all over the world, of a collection from a tile server."""
    somewhere = random.Random(0)
    counts: Counter[object] = Counter()
    for _ in range(target.count(300)):
        z = somewhere.randint(6, 19)
        x, y = somewhere.randrange(2**z), somewhere.randrange(2**z)
        counts[target.ask("GET", f"/tiles/{target.collection}/{z}/{x}/{y}.webp")[0]] += 1
    return only(counts, 200)  # transparent


def large_pictures(target: Target) -> str:
    """Six pictures of 59 megapixels of 16 bits, and one that is just taken."""
    content, taken = _png("I;16", 8_300, 7_100), _png("RGB", target.count(7_000), target.count(4_700))
    with ThreadPoolExecutor(6) as threads:
        sent = [threads.submit(target.ask, "POST", "/api/uploads", content) for _ in range(6)]
        counts: Counter[object] = Counter(each.result()[0] for each in sent)
    refused = only(counts, 403) if target.read_only else only(counts, 422)
    status = target.ask("POST", "/api/uploads", taken)[0]
    assert status == (403 if target.read_only else 200)
    return f"{refused}; the one that is just taken {status}"


def odd_requests(target: Target) -> str:
    """A host without its end, legends of ±1e308, deep JSON, names of users and of placeholders."""
    search = f"/api/search?collection={target.collection}&q=a+town"
    legend = f"/scores/{target.collection}/image.png?q=a+town&low=-1e308&high=1e308"
    counts: Counter[object] = Counter(
        [
            target.ask("GET", "/healthz", Host="[::1")[0],
            target.ask("GET", legend)[0],
            target.ask("POST", "/api/searches", b"[" * 100_000)[0],
            target.ask("GET", "/api/search?collection=~nosuchuser&q=a")[0],
            target.ask("GET", "/tiles/%7Bbase%7D/3/3/3.webp")[0],
            target.ask("GET", f"{search}&when=2025-07-14T18&k=1e9")[0],
            target.ask("GET", "/photos/..%2F..%2Fetc/passwd.webp")[0],
            target.ask("GET", f"/chips/{target.collection}/..%2F..%2Fcatalog.sqlite.webp")[0],
        ]
    )
    assert not any(isinstance(status, int) and (status >= 500 or status == 200) for status in counts), said(counts)
    return said(counts)


def foreign_pages(target: Target) -> str:
    """A page of another site that shows the app in a frame, posts to it, and opens its websocket."""
    posted = target.ask("POST", "/api/searches", b"{}", Origin="https://evil.example")[0]
    handshake = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
    handshake |= {"Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==", "Origin": "http://127.0.0.1:9"}
    opened = target.ask("GET", "/_stcore/stream", **handshake)[0]
    assert posted in (403, 421) and opened != 101, (posted, opened)
    with closing(http.client.HTTPConnection("127.0.0.1", target.port, timeout=WAIT_S)) as connection:
        connection.request("GET", "/healthz")
        answer = connection.getresponse()
        policy = answer.getheader("Content-Security-Policy") or answer.getheader("X-Frame-Options") or ""
    assert "frame-ancestors" in policy or "SAMEORIGIN" in policy.upper() or "DENY" in policy.upper(), policy
    return f"post {posted}, websocket {opened}, frame: {policy[:40]}"


def half_messages(target: Target) -> str:
    """As many pages as are let in, each of which sends most of a message, and stops."""
    counts: Counter[object] = Counter()
    ask = f"GET /_stcore/stream HTTP/1.1\r\nHost: 127.0.0.1:{target.port}\r\nConnection: Upgrade\r\n"
    ask += "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    frame = b"\x82\xff" + (7_500_000).to_bytes(8, "big") + bytes(4)  # binary, masked by zeros
    with ExitStack() as stack:
        for _ in range(target.count(120)):
            one = stack.enter_context(socket.create_connection(("127.0.0.1", target.port), timeout=WAIT_S))
            one.sendall(ask.encode())
            status = int(one.recv(1024).split(b" ", 2)[1])
            counts[status] += 1
            with suppress(ConnectionResetError, BrokenPipeError):  # it was refused
                one.sendall(frame + bytes(6_000_000))
    return only(counts, 101, 403, 503)


def files_of_pages(target: Target) -> str:
    """150 MB after another for a page, with a token against cross-site requests of one's own making."""
    origin = f"http://127.0.0.1:{target.port}"
    try:
        page = connect(f"ws{origin[4:]}/_stcore/stream", origin=Origin(origin), subprotocols=[Subprotocol("streamlit")])
    except InvalidStatus as error:
        return f"no page is opened: {error.response.status_code}"
    token, name = generate_xsrf_token_string(), "a.tif"
    headers = {"Cookie": f"_streamlit_xsrf={token}", "X-Xsrftoken": token, "Origin": origin}
    headers["Content-Type"] = "multipart/form-data; boundary=b"
    head = f'--b\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'
    body = head.encode() + bytes(target.count(150 * 10**6)) + b"\r\n--b--\r\n"
    with page:
        page.send(BackMsg(rerun_script=ClientState()).SerializeToString())
        message = ForwardMsg()
        while message.WhichOneof("type") != "new_session":
            message.ParseFromString(bytes(page.recv(WAIT_S)))
        session = message.new_session.initialize.session_id
        counts: Counter[object] = Counter(
            target.ask("PUT", f"/_stcore/upload_file/{session}/{number}", body, **headers)[0] for number in range(7)
        )
    assert 0 < counts[204] * len(body) <= 640 * 2**20, said(counts)
    return only(counts, 204, 503, 0)


def silent_connections(target: Target) -> str:
    """More halves of a request than a process may have files by default, by somebody who never sends the rest."""
    with ExitStack() as stack:
        opened = [
            stack.enter_context(socket.create_connection(("127.0.0.1", target.port), timeout=WAIT_S))
            for _ in range(target.count(1_500))
        ]
        for number, each in enumerate(opened):
            each.sendall(b"GET /healthz HTT" if number % 2 else b"G")
        assert target.ask("GET", "/healthz")[0] == 200
        counts = Counter("closed" if not each.recv(64) else "answered" for each in opened)
    return only(Counter(counts), "closed")


def many_parameters(target: Target) -> str:
    """As many parameters as the head of a request may hold."""
    path = "/api/search?" + "&".join(f"a{number}=1" for number in range(7_000))
    with ThreadPoolExecutor(6) as threads:
        asked = [threads.submit(target.ask, "GET", path) for _ in range(6)]
        return only(Counter(each.result()[0] for each in asked), 400)


def crumbs(target: Target) -> str:
    """Six bodies in chunks of one byte, at once."""
    head = f"POST /api/searches HTTP/1.1\r\nHost: 127.0.0.1:{target.port}\r\nTransfer-Encoding: chunked\r\n\r\n"
    counts: Counter[object] = Counter()
    with ExitStack() as stack:
        opened = [stack.enter_context(socket.create_connection(("127.0.0.1", target.port), WAIT_S)) for _ in range(6)]
        for each in opened:
            each.sendall(head.encode() + b"1\r\n[\r\n" * target.count(4_000) + b"0\r\n\r\n")
        for each in opened:
            try:
                first = each.recv(64).split(b" ", 2)
            except ConnectionResetError:
                first = []
            counts[int(first[1]) if len(first) > 1 else 0] += 1
    return only(counts, 0, 403) if target.read_only else only(counts, 400, 413, 422)


OVER_HTTP: dict[str, Callable[[Target], str]] = {
    "1 18 MB of JSON members": large_body,
    "2 60 uploads that stop": stalled_uploads,
    "3 tiles all over the world": far_tiles,
    "4 pictures of 59 megapixels": large_pictures,
    "9 odd hosts, legends, JSON, names": odd_requests,
    "10 pages of other sites": foreign_pages,
    "11 half messages of 120 pages": half_messages,
    "12 files of 150 MB for a page": files_of_pages,
    "13 halves of 1,500 requests": silent_connections,
    "14 7,000 parameters": many_parameters,
    "15 bodies in chunks of a byte": crumbs,
}


@contextmanager
def tile_server() -> Iterator[tuple[str, list[str]]]:
    """The template of a tile server on this machine, and what it has been asked for."""
    picture, asked = io.BytesIO(), []
    Image.effect_noise((256, 256), 60).convert("RGB").save(picture, "PNG")

    def answer(path: str, _: object) -> tuple[int, dict[str, str], bytes]:
        asked.append(path)
        return 200, {"Content-Type": "image/png"}, picture.getvalue()

    with serving(answering(answer)) as url:
        yield url + "/{z}/{x}/{y}.png", asked
