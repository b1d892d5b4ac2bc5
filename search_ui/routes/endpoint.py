"""What a route is: a path, parameters that pydantic checks, and a function of the service that answers.

The same definition makes the route and its part of the OpenAPI document. Work is done in threads, in lanes: cutting
pictures, or a film of a year, never takes the threads that answer searches. What is answered carries a tag of the data
behind it, so that a browser asks again without anything being computed again.

It does not know what the routes answer.
"""

import hashlib
import json
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import quote

import anyio
import anyio.to_thread
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from search_ui.routes.health import Metrics
from search_ui.routes.problems import BusyError, respond
from search_ui.search.provenance import program_version
from search_ui.service.service import Service

Lane = Literal["fast", "pictures", "heavy"]
MAX_BODY_BYTES = 32 * 2**20
_JSON = "application/json"
BASE = "{base}"
"""In a JSON answer: the address that the app was asked at, with a slash behind it."""
_SAFE = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",  # an answer is data: nothing in it runs
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-site",
}


@dataclass(frozen=True)
class Made:
    """What a route answers.

    Attributes:
        content: The body.
        media: Its type.
        attribution: Whom to credit for what is shown.
        headers: More of them.
    """

    content: bytes
    media: str
    attribution: str | None = None
    headers: dict[str, str] = field(default_factory=dict)


def as_json(document: Any, attribution: str | None = None) -> Made:
    """A JSON document; values that JSON has none for are an error, not NaN."""
    text = json.dumps(document, allow_nan=False, default=str)
    return Made(text.encode(), _JSON, attribution)


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """One route.

    Args:
        path: As Starlette writes it.
        summary: A sentence for the document.
        parameters: Those of path and query, or the members of a POST's JSON body.
        work: Answers; called in a thread.
        media: Type of the answer.
        method: ``GET``, ``POST`` or ``DELETE``.
        lane: Who waits for whom.
        version: A text that changes when the answer may; None: it is never the same twice.
        seconds: For how long a browser need not ask again.
        body: A POST takes a file, not JSON.
    """

    path: str
    summary: str
    parameters: type[BaseModel]
    work: Callable[[Service, Any], Made]
    media: str = _JSON
    method: Literal["GET", "POST", "DELETE"] = "GET"
    lane: Lane = "fast"
    version: Callable[[Service, Any], str] | None = None
    seconds: int = 0
    body: bool = False


class Lanes:
    """How many work at once, and how many may wait."""

    def __init__(self, *, waiting: int = 400) -> None:
        cores = os.cpu_count() or 1
        self._most_waiting = waiting
        self._limits = {"fast": max(4, 2 * cores), "pictures": max(2, cores), "heavy": max(1, cores // 4)}
        self._limiters: dict[str, anyio.CapacityLimiter] = {}

    async def run(self, lane: Lane, work: Callable[[], Response]) -> Response:
        """Do work in a thread of a lane.

        Raises:
            BusyError: Too many wait already.
        """
        if lane not in self._limiters:  # made inside the event loop that uses it
            self._limiters[lane] = anyio.CapacityLimiter(self._limits[lane])
        limiter = self._limiters[lane]
        waiting = limiter.statistics().tasks_waiting
        if waiting >= self._most_waiting:
            raise BusyError(f"{waiting} others are waiting: ask again in a moment")
        return await anyio.to_thread.run_sync(work, limiter=limiter)


def routes_of(endpoints: Sequence[Endpoint], service: Service, metrics: Metrics, lanes: Lanes) -> list[BaseRoute]:
    """Endpoints as routes, in their order."""
    return [
        Route(one.path, _handler(one, service, metrics, lanes), methods=[one.method], name=one.summary)
        for one in endpoints
    ]


def _handler(endpoint: Endpoint, service: Service, metrics: Metrics, lanes: Lanes) -> Callable[[Request], Any]:
    async def handle(request: Request) -> Response:
        started = time.perf_counter()
        try:
            asked = endpoint.parameters.model_validate(await _given(endpoint, request))
            tag = request.headers.get("if-none-match", "")
            at = str(request.base_url), str(request.url)
            response = await lanes.run(endpoint.lane, lambda: _answer(endpoint, service, asked, at, tag))
        except Exception as error:  # noqa: BLE001 - a door: every error becomes an answer
            response = respond(error)
        response.headers.update(_SAFE)
        metrics.count(endpoint.path, response.status_code, time.perf_counter() - started)
        return response

    return handle


def _answer(endpoint: Endpoint, service: Service, asked: Any, at: tuple[str, str], known: str) -> Response:
    """The work of a request, or the word that nothing has changed; `at` is the app's address and the request's."""
    base, url = at
    headers = {"Cache-Control": f"private, max-age={endpoint.seconds}" if endpoint.version else "no-store"}
    if endpoint.version is not None:
        told = f"{program_version()} {endpoint.version(service, asked)} {url}"
        headers["ETag"] = f'"{hashlib.sha256(told.encode()).hexdigest()[:20]}"'
        if headers["ETag"] in known:
            return Response(status_code=304, headers=headers)
    made = endpoint.work(service, asked)
    if made.attribution:
        headers["X-Attribution"] = quote(made.attribution, safe=" ,;:()'/")
    content = made.content.replace(BASE.encode(), base.encode()) if endpoint.media == _JSON else made.content
    return Response(content, media_type=made.media, headers=headers | made.headers)


async def _given(endpoint: Endpoint, request: Request) -> dict[str, Any]:
    """Everything that was given, by name; a name that is a list in the parameters may come several times."""
    given: dict[str, Any] = {}
    for name, value in request.query_params.multi_items():
        known = endpoint.parameters.model_fields.get(name)
        if known is not None and "list" in str(known.annotation):
            given.setdefault(name, []).append(value)
        else:
            given[name] = value
    if endpoint.method == "POST":
        content = await _body(request)
        if endpoint.body:
            given["content"] = content
        else:
            given |= _members(content)
    return given | dict(request.path_params)


async def _body(request: Request) -> bytes:
    """The body, refused as soon as it is too large."""
    from trainer.errors import UploadError

    content = bytearray()
    async for chunk in request.stream():
        content += chunk
        if len(content) > MAX_BODY_BYTES:
            raise UploadError(f"the upload is larger than {MAX_BODY_BYTES >> 20} MiB: send a smaller file")
    return bytes(content)


def _members(content: bytes) -> dict[str, Any]:
    from trainer.errors import UsageError

    try:
        document = json.loads(content or b"{}")
    except ValueError as error:
        raise UsageError(f"the body is no JSON: {error}") from error
    if not isinstance(document, dict):
        raise UsageError("the body must be a JSON object with the members that the document at /api/openapi.json names")
    return document
