"""An open home behind everything that a notebook holds of it: who asks, how errors are said, when it is closed.

It does not know what is asked.
"""

import logging
import tempfile
import threading
import weakref
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

from groundcast.question import QuestionReader
from groundcast.words import in_python
from ingest.places.areas import PlaceArea
from ingest.settings import Settings
from search_ui.service.extras import advice
from search_ui.service.labelling import Labelling
from search_ui.service.service import Service
from trainer.errors import GroundcastError, ItemError, UsageError

logger = logging.getLogger("groundcast")


class OpenHome:
    """The service of a home, the same that the app has. May be used from several threads.

    Args:
        settings: Where things are.
        read_only: Nothing is ingested or labelled.

    Attributes:
        settings: As given.
    """

    def __init__(self, settings: Settings, *, read_only: bool) -> None:
        self.settings = settings
        self._service = service = Service(settings, read_only=read_only)
        self._folder = folder = tempfile.TemporaryDirectory(prefix="groundcast-")
        # labels are read here, not in a process apart as the app does with what strangers send
        self._labelling = Labelling(
            service.engine,
            tiles=service.tiles,
            picture=service.uploads.path,
            require_writable=service.require_writable,
        )
        self._asking: Counter[int] = Counter()  # by thread
        self._changed = threading.Condition()
        self._closed = False
        self._end = weakref.finalize(
            self, _close, service, folder
        )  # also where nobody closes it, at the latest on exit

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            f"the open home '{self.settings.home}' cannot be pickled, as to send it to another process: send its path "
            "and open it there"
        )

    @property
    def closed(self) -> bool:
        """Whether it is."""
        return self._closed

    @contextmanager
    def asked(self) -> Iterator[Service]:
        """The service for one question; what goes wrong is said in the words of Python.

        Raises:
            UsageError: The home is closed, or a package is missing.
        """
        me = threading.get_ident()
        with self._changed:
            if self._closed:
                raise UsageError(f"the home '{self.settings.home}' is closed: open it again with groundcast.open")
            self._asking[me] += 1
        try:
            yield self._service
        except GroundcastError as error:
            raise _said(error) from error.__cause__
        except ModuleNotFoundError as error:
            told = advice(error)
            if told is None:
                raise
            raise UsageError(told) from error
        finally:
            with self._changed:
                self._asking[me] -= 1
                self._asking += Counter()  # without those at nothing any more
                self._changed.notify_all()

    @contextmanager
    def labelling(self) -> Iterator[Labelling]:
        """The sets of labels for one question, as `asked`."""
        with self.asked():
            yield self._labelling

    def reader(self, service: Service, collection: str | None) -> QuestionReader:
        """What makes queries of arguments; places are those of a collection first, where one is given."""

        def placed(text: str) -> PlaceArea:
            return service.place(text, collection)

        return QuestionReader(Path(self._folder.name), placed)

    def close(self) -> None:
        """Gives files and connections back, once what other threads ask is answered.

        Raises:
            UsageError: This thread itself is asking, such as in the progress of an ingest.
        """
        with self._changed:
            if self._asking[threading.get_ident()]:
                raise UsageError("a home cannot be closed in the middle of what it is asked: close it afterwards")
            self._closed = True
            self._changed.wait_for(lambda: not any(self._asking.values()))
        self._end()


def note(collection: str, *notes: str | None) -> str | None:
    """What should be read beside an answer, as one sentence; it is logged, since a table shows none of its own."""
    told = "; ".join(dict.fromkeys(in_python(one) for one in notes if one)) or None
    if told is not None:
        logger.warning("%s: %s", collection, told)
    return told


def _said(error: GroundcastError) -> GroundcastError:
    """The same error in the words of Python."""
    told = in_python(error)
    if told == str(error):
        return error
    made = type(error)(error.reason, told) if isinstance(error, ItemError) else type(error)(told)
    return made.with_traceback(error.__traceback__)


def _close(service: Service, folder: "tempfile.TemporaryDirectory[str]") -> None:
    service.close()
    folder.cleanup()
