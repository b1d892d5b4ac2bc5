"""Bodies of requests: who may not change anything is refused before a byte of one is read, and all are bounded.

A body is taken whole before the request goes on, so that one that trickles in holds no thread: in size, in time, in how
many come in at once and in the bytes of all of them; and JSON, before it is given a meaning, in its depth and in the
number of its values. It does not know what is asked.
"""

import json
from typing import Any

import anyio
import anyio.to_thread
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from search_ui.routes.problems import BusyError, respond
from search_ui.service.brought.clean_picture import MAX_PICTURE_BYTES
from search_ui.service.service import Service
from trainer.errors import GroundcastError, UploadError

FILES = frozenset({"/api/uploads", "/api/labels/import"})
"""Routes whose body is a file; those of the others are JSON."""
MAX_JSON_BYTES = 256 * 2**10
MAX_JSON_VALUES, MAX_JSON_DEPTH = 1_000, 8
MOST_AT_ONCE = 16
MOST_BYTES_AT_ONCE = 128 * 2**20
IDLE_S, WHOLE_S = 10.0, 60.0
_HARMLESS = frozenset({"GET", "HEAD", "OPTIONS"})


class Bodies:
    """ASGI middleware; see the top.

    Args:
        app: Gets the requests with their bodies.
        service: Says whether anything may be changed.
        harmless: What is sent changes nothing, so it is taken where nothing may be changed, too.
    """

    def __init__(self, app: ASGIApp, *, service: Service, harmless: bool = False) -> None:
        self.app, self._service, self._harmless_body = app, service, harmless
        self._coming, self._bytes = 0, 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on what came in whole, refuse the rest."""
        if scope["type"] != "http" or scope["method"] in _HARMLESS:
            await self.app(scope, receive, send)
            return
        content = bytearray()
        admitted = False
        try:
            if not self._harmless_body:
                self._service.require_writable()
            if self._coming >= MOST_AT_ONCE:
                raise BusyError(f"{self._coming} others are sending: send it again in a moment")
            self._coming += 1
            admitted = True
            try:
                await self._take(scope, receive, content)
            finally:
                self._coming -= 1  # it is there; how many are worked on at once is for the lanes to say
            if content and not _is_file(scope):
                await anyio.to_thread.run_sync(_check_json, bytes(content))
            await self.app(scope, _replayed(bytes(content), receive), send)
        except (GroundcastError, HTTPException) as error:  # a door: each becomes an answer
            answer = respond(error)
            answer.headers["Connection"] = "close"  # the rest of the body is not read
            await answer(scope, receive, send)
        finally:
            if admitted:
                self._bytes -= len(content)

    async def _take(self, scope: Scope, receive: Receive, content: bytearray) -> None:
        """The whole body into `content`.

        Raises:
            UploadError: It is too large.
            HTTPException: Likewise, or it comes too slowly.
            BusyError: All that come at once are too large together.
        """
        most = MAX_PICTURE_BYTES if _is_file(scope) else MAX_JSON_BYTES
        told = Headers(scope=scope).get("content-length", "")
        if told.isdecimal() and int(told) > most:
            raise _too_large(scope, most)
        try:
            with anyio.fail_after(WHOLE_S):
                more = True
                while more:
                    with anyio.fail_after(IDLE_S):
                        message = await receive()
                    if message["type"] == "http.disconnect":
                        raise HTTPException(400, "the body broke off")
                    chunk = message.get("body", b"")
                    content += chunk
                    self._bytes += len(chunk)
                    if len(content) > most:
                        raise _too_large(scope, most)
                    if self._bytes > MOST_BYTES_AT_ONCE:
                        raise BusyError("others are sending much: send it again in a moment")
                    more = message.get("more_body", False)
        except TimeoutError as error:
            raise HTTPException(408, f"the body must come within {WHOLE_S:.0f} s, without pauses") from error


def _is_file(scope: Scope) -> bool:
    """Whether the body is a file, wherever the app is served."""
    return scope["path"].removeprefix(scope.get("root_path", "")) in FILES


def _too_large(scope: Scope, most: int) -> Exception:
    if _is_file(scope):
        return UploadError(f"the upload is larger than {most >> 20} MiB: send a smaller file")
    return HTTPException(413, f"the body is larger than {most >> 10} KiB")


def _replayed(content: bytes, receive: Receive) -> Receive:
    """A body that came, once; then what comes after it."""
    waiting: list[Message] = [{"type": "http.request", "body": content, "more_body": False}]

    async def replay() -> Message:
        return waiting.pop() if waiting else await receive()

    return replay


def _check_json(content: bytes) -> None:
    """Refuse JSON of too many values or levels; what is no JSON at all is told where it is given a meaning.

    Raises:
        HTTPException: 413.
    """
    try:
        level: list[Any] = [json.loads(content)]
    except RecursionError as error:
        raise HTTPException(413, f"the JSON is more than {MAX_JSON_DEPTH} levels deep") from error
    except ValueError:
        return
    values = 0
    for _ in range(MAX_JSON_DEPTH):
        inner = [
            value.values() if isinstance(value, dict) else value for value in level if isinstance(value, dict | list)
        ]
        level = [value for values_ in inner for value in values_]
        values += len(level)
        if values > MAX_JSON_VALUES:
            raise HTTPException(413, f"the JSON has more than {MAX_JSON_VALUES:,} values")
    if level:
        raise HTTPException(413, f"the JSON is more than {MAX_JSON_DEPTH} levels deep")
