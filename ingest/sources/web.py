"""Polite reading over HTTP: a rate limit, retries with growing pauses, a cache on disk, and who we are.

It does not know tiles or catalogues. Messages never show passwords or keys in a URL.
"""

import itertools
import re
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import requests
from requests.adapters import HTTPAdapter
from requests_cache import CacheMixin
from requests_ratelimiter import LimiterMixin

from ingest.sources.allowed_hosts import GuardedAdapter, check_url
from ingest.sources.patience import Patience
from ingest.sources.source import SourceOptions
from trainer.errors import ItemError

_SECRET = re.compile(r"key|token|secret|sig|pass|auth|credential|access|subscription", re.IGNORECASE)
_CACHE_DAYS = 30  # where a server does not say how long
_TRIMMED_AFTER = 500  # answers
_MOST_BYTES = 512 * 2**20  # of an answer
_UNLIMITED = 1e6  # requests a second
_SIGNATURES = (b"\x89PNG", b"\xff\xd8", b"RIFF", b"GIF8", b"II*\0", b"MM\0*", b"BM")  # of pictures
_GONE = (204, 404, 410)
_OFFLINE = "offline"  # reason of an error
_AGAIN = (429, 500, 502, 503, 504)


class _LimitedSession(LimiterMixin, requests.Session):
    """Requests at a limited rate."""


class _BriefAbsence(requests.Session):
    """That there is no tile is believed for a day, where the server does not say how long."""

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        """The answer, which says how long it may be kept."""
        answer = super().send(request, **options)
        if answer.status_code in _GONE and "Cache-Control" not in answer.headers:
            answer.headers["Cache-Control"] = "max-age=86400"
        return answer


class _CachedSession(CacheMixin, LimiterMixin, _BriefAbsence):
    """Answers from the disk where there are any, the others at a limited rate."""


class _Nowhere(HTTPAdapter):
    """Sends nothing."""

    def send(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> requests.Response:
        """Refuse; what was kept before is answered without it."""
        where = mask_url(request.url or "")
        raise ItemError(_OFFLINE, f"{where}: nothing is fetched here: this server is read-only")


class Web:
    """A session with one's manners.

    Args:
        options: Rate, timeout, retries and cache; and whether anything is fetched at all.
    """

    def __init__(self, options: SourceOptions) -> None:
        self._timeout = options.timeout_s
        self._gone = (*_GONE, 403) if options.missing_403 else _GONE
        self._patience = Patience()
        self._cache_bytes, self._answers = options.cache_bytes, itertools.count(1)
        self._lately: dict[str, None] = {}  # keys of answers used since the cache was trimmed, the last one used last
        rate = _UNLIMITED if options.offline else options.rate_per_s
        self._session: requests.Session
        if options.cache_dir is None:
            # of a 429 `Retry` takes care
            self._session = _LimitedSession(per_second=rate, limit_statuses=())
        else:
            options.cache_dir.mkdir(parents=True, exist_ok=True)
            self._session = _CachedSession(
                # 404 is kept too: that there is no tile. A piece of a file (Range) is an answer of its own.
                cache_name=str(options.cache_dir / _cache_name(options)), backend="sqlite",
                expire_after=_CACHE_DAYS * 86400, allowable_codes=(200, *_GONE), filter_fn=_may_be_kept,
                match_headers=["Range"], cache_control=True, per_second=rate, limit_statuses=(),
                stale_if_error=options.offline,
                wal=True,  # else every answer waits for the disk, and all readers for one another
            )  # fmt: skip
            self._trim()
        retry = self._patience.retry(
            total=options.retries, backoff_factor=0.3, status_forcelist=_AGAIN, allowed_methods=("GET", "HEAD"),
            raise_on_status=False,
        )  # fmt: skip
        adapter = _Nowhere() if options.offline else HTTPAdapter(max_retries=retry, pool_maxsize=16)
        if options.allowed_hosts is not None and not options.offline:
            adapter = GuardedAdapter(options.allowed_hosts, max_retries=retry, pool_maxsize=16)
            self._session.trust_env = False  # no proxy and no .netrc, which could lead elsewhere
        self._allowed = options.allowed_hosts
        self._session.mount("https://", adapter)
        self._session.mount("http://", adapter)
        self._session.hooks["response"].append(_bounded)
        self._session.headers["User-Agent"] = user_agent()

    def get(self, url: str, *, first: int | None = None, length: int | None = None) -> bytes | None:
        """The body of an answer, or `length` bytes of it from `first`; None where there is none (404, 204, 410).

        Raises:
            ItemError: With reason ``http``: no answer, or a refusal, after all retries; with reason ``not_allowed``:
                the options allow certain hosts alone, and it or what it redirects to is none of them; with reason
                ``offline``: nothing is fetched, and it was not kept.
        """
        headers = {} if first is None or length is None else {"Range": f"bytes={first}-{first + length - 1}"}
        with self._answer(url, headers) as answer:
            if answer.status_code in self._gone:
                return None
            # the whole file instead of a piece
            if headers and answer.status_code == 200:
                raise ItemError(
                    "http", f"{mask_url(url)}: the server does not answer range requests; download the file"
                )
            return answer.content

    def picture(self, url: str) -> bytes | None:
        """The body of an answer that is meant to be a picture; None where there is none.

        Raises:
            ItemError: As `get`, or with reason ``not_an_image``: the server sent something else, such as a page that
                says what is wrong.
        """
        try:
            found = self._answer(url, {})
        except ItemError as error:
            if error.reason == _OFFLINE:  # a coarser tile may be kept
                return None
            raise
        with found as answer:
            if answer.status_code in self._gone:
                return None
            kind = answer.headers.get("Content-Type", "").partition(";")[0].strip()
            if answer.content and not _is_picture(answer.content) and not kind.startswith("image/"):
                text = " ".join(answer.content[:400].decode("utf-8", "replace").split())[:120]
                raise ItemError(
                    "not_an_image",
                    f"{mask_url(url)}: the server sent {kind or 'something'} instead of a picture: {text!r}",
                )
            return answer.content

    def download(self, url: str, *, at_most: int) -> tuple[bytes, str] | None:
        """The body of an answer and the URL that it came from after redirects; None where there is none.

        Args:
            url: Of a file, which should not be cached.
            at_most: Bytes; a longer body is not read to its end.

        Raises:
            ItemError: As `get`, or with reason ``too_large``.
        """
        with self._answer(url, {}, stream=True) as answer:
            if answer.status_code in self._gone:
                return None
            body = bytearray()
            try:
                for piece in answer.iter_content(1 << 16):
                    body += piece
                    if len(body) > at_most:
                        raise ItemError("too_large", f"{mask_url(url)} has more than {at_most / 1e6:.0f} MB")
            except requests.RequestException as error:
                raise ItemError("http", f"{mask_url(url)}: the answer broke off ({type(error).__name__})") from error
            return bytes(body), answer.url

    def _answer(self, url: str, headers: dict[str, str], *, stream: bool = False) -> requests.Response:
        """An answer that is good, or says that nothing is there."""
        if self._allowed is not None:
            check_url(url, self._allowed)  # an answer from the cache never meets the adapter
        self._patience.check(url)
        if next(self._answers) % _TRIMMED_AFTER == 0:
            self._trim()
        try:
            answer = self._session.get(url, headers=headers, timeout=self._timeout, stream=stream)
        except requests.RequestException as error:
            raise ItemError("http", f"{mask_url(url)}: no answer ({type(error).__name__})") from error
        if key := getattr(answer, "cache_key", None):
            self._lately.pop(key, None)
            self._lately[key] = None
        if answer.status_code not in (200, 206, *self._gone):
            answer.close()
            self._patience.heed(url, answer.headers.get("Retry-After"))
            hint = "; is an access key needed?" if answer.status_code in (401, 403) else ""
            if answer.status_code == 403:
                hint += " Where a store says 403 of tiles that it lacks, pass --missing-403"
            raise ItemError("http", f"{mask_url(url)}: the server answered {answer.status_code} {answer.reason}{hint}")
        return answer

    def _trim(self) -> None:
        """Keeps the cache within its size: of what is too much, the half that was least recently used goes."""
        cache = getattr(self._session, "cache", None)
        if cache is None:
            return
        used, self._lately = list(self._lately), {}
        with cache.responses.connection(commit=True) as database:
            database.execute(
                "CREATE TABLE IF NOT EXISTS used (turn INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT UNIQUE)"
            )
            database.executemany("REPLACE INTO used (key) VALUES (?)", [(key,) for key in used])
            names = ("page_count", "freelist_count", "page_size")
            total, free, page = (database.execute(f"PRAGMA {name}").fetchone()[0] for name in names)
            if (total - free) * page > self._cache_bytes:
                database.execute(
                    "DELETE FROM responses WHERE key IN (SELECT key FROM responses LEFT JOIN used USING (key) "
                    "ORDER BY turn, expires LIMIT (SELECT (count(*) + 1) / 2 FROM responses))"
                )
                database.execute("DELETE FROM used WHERE key NOT IN (SELECT key FROM responses)")

    def close(self) -> None:
        """Close connections and the cache."""
        self._trim()
        self._session.close()
        cache = getattr(self._session, "cache", None)
        if cache is not None:
            cache.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _bounded(answer: requests.Response, **_: Any) -> None:
    """Lets no more than `_MOST_BYTES` of an answer be read, unpacked as it is sent."""
    pieces = answer.iter_content

    def some(*arguments: Any, **options: Any) -> Iterator[Any]:
        together = 0
        for piece in pieces(*arguments, **options):
            together += len(piece)
            if together > _MOST_BYTES:
                answer.close()
                raise ItemError(
                    "too_large", f"{mask_url(answer.url)}: the answer has more than {_MOST_BYTES >> 20} MiB"
                )
            yield piece

    answer.iter_content = some  # type: ignore[method-assign]  # `content` is made of it too


def _may_be_kept(answer: Any) -> bool:
    """Whether an answer says what it will say again: a whole picture, or that there is none."""
    if answer.status_code != 200:
        return answer.status_code in (*_GONE, 304)
    body = answer.content
    if body.startswith(b"\x89PNG"):
        return b"IEND" in body[-16:]
    if body.startswith(b"\xff\xd8"):
        return b"\xff\xd9" in body[-64:]
    if body.startswith(b"RIFF"):
        return len(body) >= 8 + int.from_bytes(body[4:8], "little")
    return _is_picture(body)


def _is_picture(body: bytes) -> bool:
    return body.startswith(_SIGNATURES) or body[4:12] in (b"ftypavif", b"ftypavis")  # after the length of the box


def _cache_name(options: SourceOptions) -> str:
    """What was read without the guard is not shown to those behind it."""
    return "http.sqlite" if options.allowed_hosts is None else "http-allowed.sqlite"


def user_agent() -> str:
    """Name and version, as tile servers ask for."""
    try:
        return f"groundcast/{version('groundcast')}"
    except PackageNotFoundError:
        return "groundcast"


def mask_url(url: str) -> str:
    """The URL without user, password and the values of keys and tokens; a path is as it was."""
    if "://" not in url:  # `?` and `#` are letters of it
        return url
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    pairs = [(k, "***" if _SECRET.search(k) else v) for k, v in parse_qsl(parts.query, keep_blank_values=True)]
    return urlunsplit(parts._replace(netloc=host, query=urlencode(pairs, safe="*{}/:,")))  # templates stay readable
