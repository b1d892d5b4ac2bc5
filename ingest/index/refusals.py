"""What a Qdrant server refuses, and why: its own reason in words, and what to do about each kind.

It does not know what was asked, but for the collection whose name the advice carries.
"""

import json
import re
from dataclasses import dataclass

import httpx
from qdrant_client.common.client_exceptions import QdrantException
from qdrant_client.http.exceptions import ApiException, ResponseHandlingException, UnexpectedResponse

from trainer.errors import IndexAwayError, IndexRightsError, VectorIndexError

ERRORS = (ApiException, QdrantException, ValueError, OSError)
"""All that the client raises: refusals, answers that it cannot read, and a connection that fails."""

NODE_AWAY = re.compile(
    r"(read operations|shards) failed|Failed to connect|Service internal error: .*(timed? ?out|transport error|dead)",
    re.IGNORECASE | re.DOTALL,
)
"""How a node tells that another one, which holds what is asked for, does not answer."""


@dataclass(frozen=True)
class _Kind:
    """A kind of refusal: its status, words of its reason, and what to do; `{name}` is the collection's."""

    advice: str
    status: int | None = None
    words: re.Pattern[str] = re.compile("")


_KINDS = (
    _Kind("set qdrant_api_key to a key of that server", 401),
    _Kind(
        "its key may not do that: searching takes a key that reads this collection, an ingest one that writes it, a "
        "new collection one that manages the server; `groundcast doctor` says what this one may do",
        403,
    ),
    _Kind(
        "somebody else has that name there: set another qdrant_prefix, then `groundcast verify {name} --rebuild-index`",
        words=re.compile("already exists"),
    ),
    _Kind("`groundcast verify {name} --repair` makes it anew from the archive", 404),
    _Kind(
        "a request of groundcast has 16 MiB at most: allow as many there, and in every proxy before it",
        words=re.compile("larger than allowed|^413"),
    ),
    _Kind(
        "it holds vectors of another model: `groundcast verify {name} --rebuild-index` makes it anew from the archive",
        words=re.compile("dimension error"),
    ),
    _Kind(
        "free disk space on the server, which goes on answering; then run the same command again",
        words=re.compile("No space left"),
    ),
    _Kind(
        "start the node that is away; one that is lost for good is made up for by `groundcast verify {name} "
        "--rebuild-index`, and until then every tile is scored where the collection's field is there",
        words=NODE_AWAY,
    ),
    _Kind("it is asked too much at once: try again in a while", 429),
)
_ELSE = "check the server, then run `groundcast verify {name} --repair` if points are missing"


def reason(error: Exception) -> str:
    """What the server said, in one line with its status; of a connection that failed, what failed."""
    if isinstance(error, UnexpectedResponse):
        return f"{error.status_code}: {_said(error.content) or error.reason_phrase}"
    if isinstance(error, ResponseHandlingException):
        error = error.source
    if isinstance(error, httpx.TimeoutException):
        return f"no answer in time: {type(error).__name__}"
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)


def refusal(error: Exception, *, name: str) -> VectorIndexError:
    """The error to raise for what the client raised.

    Args:
        error: One of `ERRORS`.
        name: How people ask for the collection; it stands in the commands that the message advises.
    """
    told, status = reason(error), getattr(error, "status_code", None)
    fitting = (kind for kind in _KINDS if kind.status in (None, status) and kind.words.search(told))
    # a connection that failed has no status and is of no kind
    advice = next((kind.advice for kind in fitting), _ELSE) if status is not None else _ELSE
    made: type[VectorIndexError] = VectorIndexError
    if status in (401, 403):
        made = IndexRightsError
    elif status is None or status >= 500:
        made = IndexAwayError
    return made(f"index {name!r} on the Qdrant server failed ({told}); {advice.format(name=name)}")


def _said(content: bytes) -> str:
    """The reason in a body: `status.error` of JSON, else its first line of text."""
    text = content.decode("utf-8", "replace").strip()
    try:
        told = json.loads(text)["status"]["error"]
    except (ValueError, KeyError, TypeError):
        told = text if not text.startswith("<") else ""  # a page of a proxy says nothing
    return " ".join(str(told).split())[:500]
