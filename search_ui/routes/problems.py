"""The one table from error to HTTP status, and what the caller is told.

It does not know routes.
"""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.types import Receive, Scope, Send

from search_ui.service.extras import advice
from trainer import errors

log = logging.getLogger(__name__)

STATUS: dict[type[Exception], int] = {
    RequestValidationError: 422,  # a parameter is missing, unknown or of the wrong type
    errors.ReadOnlyError: 403,
    errors.UploadError: 422,
    errors.UsageError: 400,  # understood, and cannot be done
    errors.MissingError: 404,
    errors.LapsedError: 410,
    errors.CatalogError: 500,
    errors.ModelMismatchError: 409,
    errors.SourceError: 502,  # the imagery behind cannot be reached
    errors.ItemError: 502,
    errors.VectorIndexError: 503,
    errors.CheckpointError: 503,
    errors.GroundcastError: 500,
    ModuleNotFoundError: 501,  # an extra that is not installed
}
"""The entry of the nearest class counts. Everything else is a defect: 500, and its message goes to the log alone."""


_TOLD = 10  # of many problems of one request
_NO_OBJECT = "the body must be a JSON object, sent as application/json, with the members that /api/docs names"


class BusyError(errors.GroundcastError):
    """Too many are waiting; it is worth trying again."""


STATUS[BusyError] = 503


class Told(BaseModel):
    """What went wrong."""

    kind: str
    message: str


class ErrorDocument(BaseModel):
    """The answer to what cannot be answered."""

    error: Told


RESPONSES: dict[int | str, dict[str, Any]] = {
    status: {
        "model": ErrorDocument,
        "description": ", ".join(sorted(kind.__name__ for kind in STATUS if STATUS[kind] == status)),
    }
    for status in sorted(set(STATUS.values()))
}
"""The table, for the OpenAPI document."""


def status_of(error: Exception) -> int:
    """The HTTP status of an error."""
    if isinstance(error, HTTPException):
        return error.status_code
    return next((STATUS[kind] for kind in type(error).__mro__ if kind in STATUS), 500)


def respond(error: Exception) -> Response:
    """An error as JSON: what, where and what to do."""
    status, kind, headers = status_of(error), type(error).__name__, None
    if isinstance(error, HTTPException):  # the framework's own
        message, headers = f"{error.detail}: /api/docs tells what is answered here", error.headers
    elif isinstance(error, RequestValidationError):
        if not isinstance(error.body, dict | None):
            return respond(errors.UsageError(_NO_OBJECT))
        kind, message = "ValidationError", _listed(error.errors())
    elif isinstance(error, errors.GroundcastError):
        message, headers = str(error), {"Retry-After": "2"} if isinstance(error, BusyError) else None
    elif isinstance(error, ModuleNotFoundError) and (advised := advice(error)) is not None:
        message = advised
    else:
        log.error("a request failed", exc_info=error)
        message = "this should not have happened; the log of the server says more"
    if status == 304:
        return Response(status_code=status, headers=headers)
    if status >= 500:
        log.warning("%d: %s", status, message)
    return JSONResponse({"error": {"kind": kind, "message": message}}, status, headers=headers)


async def handle(_: Request, error: Exception) -> Response:
    """For errors outside the routes, such as an address that none of them has."""
    return respond(error)


def _listed(problems: Sequence[Any]) -> str:
    more = f"; and {len(problems) - _TOLD} more" if len(problems) > _TOLD else ""
    return "; ".join(map(_say, problems[:_TOLD])) + more


def _say(problem: Any) -> str:
    where, *parts = problem["loc"]
    given = problem.get("input")
    shown = f" ({given!r:.60})" if isinstance(given, str | int | float) else ""
    return f"{'.'.join(map(str, parts))[:100] or where}{shown}: {problem['msg']}"


async def refuse(
    scope: Scope,
    receive: Receive,
    send: Send,
    status: int,
    message: str,
    *,
    kind: str = "Refused",
    headers: Mapping[str, str] | None = None,
) -> None:
    """Answer what goes no further, before it has reached a route: a request by JSON, a websocket by its end."""
    if scope["type"] == "websocket":
        code = 1013 if status in (429, 503) else 1008  # try again later; a policy is violated
        await send({"type": "websocket.close", "code": code, "reason": message[:120]})
        return
    answer = JSONResponse({"error": {"kind": kind, "message": message}}, status, headers)
    await answer(scope, receive, send)
