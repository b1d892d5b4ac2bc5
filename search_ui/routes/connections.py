"""Connections to the app: one that says nothing, says it in crumbs, or lets its answer lie, is closed.

uvicorn waits for the end of a request's head for as long as it takes, and for an answer to be read: a thousand halves
of a request would take every file descriptor that a process has by default, and nobody else could come in. Of its
protocols it is always the one by h11, which bounds a head and takes one request after another; httptools, which it
prefers where that is installed, holds heads and requests ahead without bound. It does not know what is asked.
"""

import asyncio
from typing import Any, ClassVar

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_S = 10.0
"""The head of a request must be whole so many seconds after the connection, or after the answer before it."""
READ_S = 60.0
"""So long may an answer wait until its reader takes more of it."""
MOST_UNREAD = 256 * 2**20
"""Bytes of answers that wait for their readers; beyond, who has let one lie for longest is closed."""
_MOST_FILES = 65_536
_CHUNK_BYTES, _CHUNKS_ANYHOW = 64, 500


class Connection(H11Protocol):
    """uvicorn's protocol, of which each wait has an end; see the top."""

    _unread: ClassVar[dict["Connection", None]] = {}  # whose answers wait for their readers, the longest first

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.conn = _NoCrumbs(h11.SERVER, self.conn._max_incomplete_event_size)

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for the first request."""
        super().connection_made(transport)
        self._head: asyncio.TimerHandle | None = self.loop.call_later(HEAD_S, self._give_up)
        self._reader: asyncio.TimerHandle | None = None

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing more."""
        self._head = _cancelled(self._head)
        self._reader = _cancelled(self._reader)
        self._unread.pop(self, None)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Wait for the rest of a head, unless it is whole now."""
        super().data_received(data)
        if self._answering():
            self._head = _cancelled(self._head)
        elif self._head is None:
            self._head = self.loop.call_later(HEAD_S, self._give_up)

    def send_400_response(self, msg: str) -> None:
        """Tell that what came is no HTTP, unless an answer has begun: then nothing but the end can be told."""
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            super().send_400_response(msg)
        else:
            self.transport.close()

    def pause_writing(self) -> None:
        """Wait for whoever reads the answer."""
        super().pause_writing()
        self._watch_reader()
        self._unread[self] = None
        if sum(each.transport.get_write_buffer_size() for each in self._unread) > MOST_UNREAD:
            next(iter(self._unread)).transport.abort()

    def resume_writing(self) -> None:
        """It was read."""
        super().resume_writing()
        self._reader = _cancelled(self._reader)
        self._unread.pop(self, None)

    def _answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _watch_reader(self) -> None:
        left = self.transport.get_write_buffer_size()
        self._reader = self.loop.call_later(READ_S, self._ask_reader, left)

    def _ask_reader(self, before: int) -> None:
        if self.transport.get_write_buffer_size() < before:  # writing is resumed only when nearly all was read
            self._watch_reader()
        else:
            self.transport.abort()

    def _give_up(self) -> None:
        self._head = None
        # a websocket's transport belongs to another protocol by now
        if not self._answering() and self.transport.get_protocol() is self:
            self.transport.close()


class _NoCrumbs(h11.Connection):
    """h11's side of a server, which refuses a body in crumbs: a chunk takes its time, however few bytes it has."""

    _chunks, _bytes = 0, 0

    def next_event(self) -> h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]:
        """The next event.

        Raises:
            RemoteProtocolError: The body comes in crumbs.
        """
        event = super().next_event()
        if isinstance(event, h11.Request):
            self._chunks = self._bytes = 0
        elif isinstance(event, h11.Data):
            self._chunks, self._bytes = self._chunks + 1, self._bytes + len(event.data)
            if self._chunks > _CHUNKS_ANYHOW and self._bytes < _CHUNK_BYTES * self._chunks:
                raise h11.RemoteProtocolError("a body in chunks of a few bytes")
        return event


def _cancelled(timer: asyncio.TimerHandle | None) -> asyncio.TimerHandle | None:
    if timer is not None:
        timer.cancel()
    return None


def serve_by_connections() -> None:
    """Let every server of this process speak by `Connection`, and have as many as the system lets it.

    Streamlit makes uvicorn's configuration itself, so that the table of protocols is the only place to say so.
    """
    from uvicorn import config

    config.HTTP_PROTOCOLS["auto"] = f"{__name__}:{Connection.__name__}"
    try:
        import resource
    except ImportError:  # Windows, where there is no such limit
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY:
        most = _MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, _MOST_FILES)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, most), hard))
