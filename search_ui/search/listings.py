"""What the archives held when a request began: each is looked at once a request, so all of an answer is of one state.

Listing a folder of an object store is a request over a network, and every step of an answer asks what there is.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import wraps
from typing import Concatenate, ParamSpec, Protocol, TypeVar

from ingest.archive.parts import Archive

P = ParamSpec("P")
T = TypeVar("T")


class Listings(threading.local):
    """The listings of the request that this thread is at."""

    def __init__(self) -> None:
        self._archives: dict[str, Archive] | None = None

    @contextmanager
    def request(self) -> Iterator[None]:
        """From here on each archive is as it was when it was first asked for; a request within one is part of it."""
        if self._archives is not None:
            yield
            return
        self._archives = {}
        try:
            yield
        finally:
            self._archives = None

    def of(self, archive: Archive) -> Archive:
        """The archive as the request saw it first; outside of any, the archive itself."""
        if self._archives is None:
            return archive
        key = str(archive.folder)
        if key not in self._archives:
            self._archives[key] = archive.as_now()
        return self._archives[key]


class Requested(Protocol):
    """What answers requests."""

    def request(self) -> AbstractContextManager[None]:
        """See `Listings.request`."""


R = TypeVar("R", bound=Requested)


def one_request(method: Callable[Concatenate[R, P], T]) -> Callable[Concatenate[R, P], T]:
    """Decorates a method that is a request of its own, or a part of the one that calls it."""

    @wraps(method)
    def run(self: R, /, *args: P.args, **kwargs: P.kwargs) -> T:
        with self.request():
            return method(self, *args, **kwargs)

    return run
