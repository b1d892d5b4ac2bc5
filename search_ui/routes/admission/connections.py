"""Connections to the app: one that says nothing, or lets its answer lie, is closed; bodies in crumbs are read in turns.

uvicorn waits for the end of a request's head for as long as it takes, and for an answer to be read: a thousand halves
of a request would take every file descriptor that a process has by default, and nobody else could come in. Of its
protocols it is always the one by h11, which bounds a head and takes one request after another; httptools, which it
prefers where that is installed, holds heads and requests ahead without bound. It does not know what is asked.
"""

import asyncio
import socket
from collections.abc import Callable
from typing import Any, ClassVar

import h11
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_S = 10.0
"""The head of a request must be whole so many seconds after the connection, or after the answer before it."""
READ_S = 60.0
"""So long may an answer wait until its reader takes more of it."""
MOST_UNREAD = 256 * 2**20
"""Bytes of answers that wait for their readers; beyond, who has let one lie for longest is closed."""
_MOST_FILES = 65_536
_FEW_BYTES, _AT_A_TURN, _TURN_S = 64, 50, 0.02  # chunks of so few bytes; each takes 60 µs of everybody's time


class Connection(H11Protocol):
    """uvicorn's protocol, of which each wait has an end; see the top."""

    _unread: ClassVar[dict["Connection", None]] = {}  # whose answers wait for their readers, the longest first
    _in_crumbs: ClassVar[set["Connection"]] = set()  # whose bodies wait for their turn

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.conn = self._turns = _InTurns(h11.SERVER, self.conn._max_incomplete_event_size, pause=self._rest)

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for the first request."""
        super().connection_made(transport)
        accepted = transport.get_extra_info("socket")
        # asyncio does so only for sockets that were made with TCP's number, which Streamlit's is not. The system would
        # keep a body back until the reader has acknowledged the head, which it puts off for 40 ms
        if accepted is not None and accepted.family in (socket.AF_INET, socket.AF_INET6):
            accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.flow = self._held = _Held(transport)
        self._head: asyncio.TimerHandle | None = self.loop.call_later(HEAD_S, self._give_up)
        self._reader: asyncio.TimerHandle | None = None

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing more."""
        self._head = _cancelled(self._head)
        self._reader = _cancelled(self._reader)
        self._unread.pop(self, None)
        self._in_crumbs.discard(self)
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

    def _rest(self) -> None:
        self._in_crumbs.add(self)
        self._held.held = True
        self.loop.call_later(_TURN_S * len(self._in_crumbs), self._go_on)

    def _go_on(self) -> None:
        self._in_crumbs.discard(self)
        self._held.held = self._turns.resting = False
        if not self.transport.is_closing():
            self.flow.resume_reading()
            self.handle_events()

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


class _Held(FlowControl):
    """uvicorn's flow control, which reads nothing while a body waits for its turn, though the app would take more."""

    held = False

    def resume_reading(self) -> None:
        """Read on, unless it is held."""
        if not self.held:
            super().resume_reading()


class _InTurns(h11.Connection):
    """h11's side of a server, which rests after some chunks of few bytes: each takes its time, however few it has.

    Args:
        role: As h11's.
        size: Most bytes of a head.
        pause: Called when it begins to rest; `resting` is set back when it is over.
    """

    def __init__(self, role: type[h11.SERVER], size: int, *, pause: Callable[[], None]) -> None:
        super().__init__(role, size)
        self.resting = False
        self._pause, self._chunks = pause, 0

    def next_event(self) -> h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]:
        """The next event; PAUSED while it rests."""
        if self.resting:
            return h11.PAUSED
        event = super().next_event()
        if isinstance(event, h11.Data) and len(event.data) < _FEW_BYTES:
            self._chunks += 1
            if self._chunks >= _AT_A_TURN:
                self._chunks, self.resting = 0, True
                self._pause()
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
