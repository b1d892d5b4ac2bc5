"""A request and its answer: what every route is given, how it answers, and in which lane.

What is answered carries a tag of the data behind it, so that a browser asks again without anything being computed
again. It does not know what the routes answer.
"""

import hashlib
import json
import time
from collections.abc import Awaitable, Callable, Collection, Coroutine, Mapping
from functools import wraps
from typing import Annotated, Any, get_origin
from urllib.parse import quote

from fastapi import Depends, Request, Response
from fastapi.routing import APIRoute
from pydantic.fields import FieldInfo
from starlette.exceptions import HTTPException

from search_ui.routes.admission.asker import asker
from search_ui.routes.lanes import Lane, Lanes
from search_ui.routes.problems import respond
from search_ui.search.provenance import program_version
from search_ui.service.service import Service
from trainer.errors import UsageError

_MOST_PARAMETERS = 500  # more than any list of them may have
_SAFE = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",  # an answer is data: nothing in it runs
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-site",
}


def home_of(request: Request) -> str:
    """The address of the app as it was asked, with a slash behind it."""
    # Starlette's own `base_url` is that of the whole application, without the path that it serves this under
    return str(request.url.replace(path=f"{request.scope.get('root_path', '')}/", query="", fragment=""))


class Exchange:
    """A request and what is answered to it.

    Attributes:
        service: Knows the answers.
        lanes: Where they are made.
        base: The address that the app was asked at, with a slash behind it.
        who: The address that asks; behind a proxy that was named, what its X-Forwarded-For says.
        path: What was asked for below the address of the app, without a slash before it.
        query: The parameters as they were written.
    """

    def __init__(self, request: Request) -> None:
        self.service: Service = request.app.state.service
        self.lanes: Lanes = request.app.state.lanes
        self.base = home_of(request)
        self.who = asker(request)
        self.path = request.url.path.removeprefix(request.scope.get("root_path", "")).lstrip("/")
        self.query = request.url.query
        self._url = str(request.url)
        self._known = request.headers.get("if-none-match", "")
        self._headers = {"Cache-Control": "no-store"}

    def tag(self, version: str, *, seconds: int = 0) -> None:
        """Let the browser keep the answer.

        Args:
            version: A text that changes when the answer may.
            seconds: For how long the browser need not ask again.

        Raises:
            HTTPException: 304, it has this answer.
        """
        told = f"{program_version()} {version} {self._url}"
        tag = f'"{hashlib.sha256(told.encode()).hexdigest()[:20]}"'
        self._headers = {"Cache-Control": f"private, max-age={seconds}", "ETag": tag}
        if tag in self._known:
            raise HTTPException(304, headers=self._headers)

    def json(self, document: Any, attribution: str | None = None) -> Response:
        """A JSON document, and whom to credit; values that JSON has none for are an error, not NaN."""
        text = json.dumps(document, allow_nan=False, default=str)
        return self.file(text.encode(), "application/json", attribution)

    def file(
        self, content: bytes, media: str, attribution: str | None = None, headers: Mapping[str, str] | None = None
    ) -> Response:
        """Anything else, and whom to credit."""
        told = self._headers | dict(headers or {})
        if attribution:
            told["X-Attribution"] = quote(attribution, safe=" ,;:()'/")
        return Response(content, media_type=media, headers=told)


async def _exchange(request: Request) -> Exchange:
    return Exchange(request)


CurrentExchange = Annotated[Exchange, Depends(_exchange)]


def in_lane(lane: Lane) -> Callable[[Callable[..., Response]], Callable[..., Awaitable[Response]]]:
    """Decorates the function of a route, which is then called in a thread of the lane."""

    def decorate(answer: Callable[..., Response]) -> Callable[..., Awaitable[Response]]:
        @wraps(answer)
        async def run(exchange: Exchange, **asked: Any) -> Response:
            def requested() -> Response:
                with exchange.service.request():
                    return answer(exchange, **asked)

            return await exchange.lanes.run(lane, requested, who=exchange.who)

        return run

    return decorate


class MeasuredRoute(APIRoute):
    """A route that is counted; each of its errors becomes an answer, and its answers are data to a browser."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """FastAPI's own handler, measured."""
        answer = super().get_route_handler()
        lists = {name for field in self.dependant.query_params for name in _lists(field.field_info.annotation)}

        async def handle(request: Request) -> Response:
            started = time.perf_counter()
            try:
                _each_once(request, lists)
                response = await answer(request)
            except Exception as error:  # noqa: BLE001 - a door: every error becomes an answer
                response = respond(error)
            response.headers.update(_SAFE)
            request.app.state.metrics.count(self.path, response.status_code, time.perf_counter() - started)
            return response

        return handle


def _lists(parameters: Any) -> list[str]:
    """Names of the parameters that may be repeated."""
    fields: dict[str, FieldInfo] = getattr(parameters, "model_fields", {})
    return [name for name, field in fields.items() if get_origin(field.annotation) is list]


def _each_once(request: Request, lists: Collection[str]) -> None:
    """Refuse what is given twice and may not be: FastAPI would take the last and be silent about the first.

    The same said twice is said once: QGIS puts the parameters of an address behind those of a link, too. So many that
    to tell what is wrong with each would hold others up are refused, too.

    Raises:
        UsageError: Something is.
    """
    if request.url.query.count("&") >= _MOST_PARAMETERS:
        raise UsageError(f"more than {_MOST_PARAMETERS} parameters: give fewer")
    every: dict[str, list[str]] = {}
    for name, value in request.query_params.multi_items():
        every.setdefault(name, []).append(value)
    for name, given in every.items():
        if name not in lists and len(set(given)) > 1:
            told = f"{len(given)} times ({given[0][:50]!r}, {given[1][:50]!r})"
            raise UsageError(f"{name[:50] or repr(name)} is given {told}: give it once")
