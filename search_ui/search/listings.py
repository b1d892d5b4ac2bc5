"""What names stood for and what archives held when a request began: all of an answer is of one state.

Each is looked at once a request. Listing a folder of an object store is a request over a network, and every step of an
answer asks what there is; and an answer kept under what a name stood for must not be of what it stands for since.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import wraps
from typing import Concatenate, ParamSpec, Protocol, TypeVar

from ingest.archive.parts import Archive
from ingest.catalog.catalog import Collection

P = ParamSpec("P")
T = TypeVar("T")


class Listings(threading.local):
    """The listings and names of the request that this thread is at."""

    def __init__(self) -> None:
        self._archives: dict[str, Archive] | None = None
        self._named: dict[str, Collection] = {}

    @contextmanager
    def request(self) -> Iterator[None]:
        """From here on each archive and name is as when it was first asked for; a request within one is part of it."""
        if self._archives is not None:
            yield
            return
        self._archives = {}
        try:
            yield
        finally:
            self._archives, self._named = None, {}

    def of(self, archive: Archive) -> Archive:
        """The archive as the request saw it first; outside of any, the archive itself."""
        if self._archives is None:
            return archive
        key = str(archive.folder)
        if key not in self._archives:
            self._archives[key] = archive.as_now()
        return self._archives[key]

    def named(self, name: str, find: Callable[[str], Collection]) -> Collection:
        """What a name stood for when the request first asked; outside of any, what `find` says."""
        if self._archives is None:
            return find(name)
        if name not in self._named:
            self._named[name] = find(name)
        return self._named[name]


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
