"""The one table from error to HTTP status, and what the caller is told.

It does not know routes.
"""

import logging
from typing import Any

from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from trainer import errors

log = logging.getLogger(__name__)

STATUS: dict[type[Exception], int] = {
    ValidationError: 422,  # a parameter is missing, unknown or of the wrong type
    errors.ReadOnlyError: 403,
    errors.UploadError: 422,
    errors.UsageError: 400,  # understood, and cannot be done
    errors.MissingError: 404,
    errors.CatalogError: 500,
    errors.ModelMismatchError: 409,
    errors.SourceError: 502,  # the imagery behind cannot be reached
    errors.ItemError: 502,
    errors.VectorIndexError: 503,
    errors.CheckpointError: 503,
    errors.GroundcastError: 500,
}
"""The entry of the nearest class counts. Everything else is a defect: 500, and its message goes to the log alone."""


class BusyError(errors.GroundcastError):
    """Too many are waiting; it is worth trying again."""


STATUS[BusyError] = 503


def status_of(error: Exception) -> int:
    """The HTTP status of an error."""
    return next((STATUS[kind] for kind in type(error).__mro__ if kind in STATUS), 500)


def respond(error: Exception) -> Response:
    """An error as JSON: what, where and what to do."""
    status = status_of(error)
    if isinstance(error, ValidationError):
        message = "; ".join(_say(problem) for problem in error.errors(include_url=False, include_context=False))
    elif isinstance(error, errors.GroundcastError):
        message = str(error)
    else:
        log.error("a request failed", exc_info=error)
        message = "this should not have happened; the log of the server says more"
    if status >= 500:
        log.warning("%d: %s", status, message)
    headers = {"Retry-After": "2"} if isinstance(error, BusyError) else None
    return JSONResponse({"error": {"kind": type(error).__name__, "message": message}}, status, headers=headers)


async def handle(_: Request, error: Exception) -> Response:
    """For errors outside the routes, such as those of the guard."""
    return respond(error)


def _say(problem: Any) -> str:
    place = ".".join(str(part) for part in problem["loc"]) or "the question"
    given = problem.get("input")
    shown = f" ({given!r:.60})" if isinstance(given, str | int | float) else ""
    return f"{place}{shown}: {problem['msg']}"
