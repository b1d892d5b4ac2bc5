"""Looks into what has come for saved searches, keeps what is a hit, and tells of it; removes what was deleted.

New is a tile of a part of the archive that was not looked into before, of at least the search's least relevance, and at
least `weak`; each is kept once, and told of in each way until that has worked. The same check serves the command line,
the app, which makes it once a minute, and the feed. It does not know how one tells.
"""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from ingest.catalog.saved_searches import SavedSearch
from ingest.catalog.search_hits import SearchHits, Way
from ingest.settings import Settings
from search_ui.routes.saved import question_of
from search_ui.search.relevance.calibration import WEAK
from search_ui.service.news import News, mail, post
from search_ui.service.service import Service
from trainer.errors import GroundcastError, SettingsError

log = logging.getLogger(__name__)

EVERY_S = 60.0
_MOST = 1_000  # hits of one check


def look(service: Service, saved: SavedSearch) -> int:
    """Look into the parts that have come, and keep the hits; how many are new.

    Raises:
        MissingError: The search, its collection or its labels are gone.
        UsageError: Its question cannot be understood any more.
    """
    kept = SearchHits(service.catalog)
    with service.request():
        checked = kept.checked(saved.id)
        archive = service.engine.archive(service.tiles(saved.collection))
        parts = {path.stem: path for path in archive.parts()}
        new = [path for key, path in parts.items() if key not in checked]
        if not new:
            return 0
        if checked and not checked.intersection(parts):
            return kept.add(saved.id, parts, {})  # the same tiles seen by another model: none of them has come
        asked = question_of(saved)
        query, feedback = asked.asked(service), asked.feedback(service, saved.collection)
        ids = frozenset(tile_id for path in new for tile_id in archive.column(path, archive.id_column).to_pylist())
        # where there is no relevance, all that has come is a hit, the most alike first
        rated = service.engine.foreign(service.tiles(saved.collection)) is None
        wide = replace(query, k=_MOST, min_relevance=max(query.min_relevance, WEAK) if rated else query.min_relevance)
        hits = service.engine.search(saved.collection, wide, feedback, among=ids).hits if ids else []
        return kept.add(saved.id, parts, {hit.tile_id: hit.as_dict() for hit in hits})


def tell(service: Service, saved: SavedSearch) -> int:
    """Tell of what nobody has been told of yet, in each way that is set up; how many hits were told of.

    Raises:
        GroundcastError: One way did not work; what it should have told is told later, see `ingest.catalog.search_hits`.
    """
    kept, told, failures = SearchHits(service.catalog), 0, list[GroundcastError]()
    for way, send in _ways(service.settings).items():
        hits = kept.claim(saved.id, way)
        if not hits:
            continue
        try:
            send(service.settings, News(saved, hits, base_of(service.settings)))
        except SettingsError as error:
            kept.release(saved.id, way, hits)
            failures.append(error)
        except GroundcastError as error:
            failures.append(error)
        else:
            kept.told(saved.id, way, hits)
            told += len(hits)
    if failures:
        raise failures[0]
    return told


def base_of(settings: Settings) -> str | None:
    """The app's address of the settings, without a slash behind it."""
    return None if settings.base_url is None else settings.base_url.rstrip("/")


def _ways(settings: Settings) -> dict[Way, Callable[[Settings, News], None]]:
    ways: dict[Way, Callable[[Settings, News], None]] = {}
    if settings.webhook_url is not None:
        ways["post"] = post
    if settings.smtp_host is not None:
        ways["mail"] = mail
    return ways


class Watching(threading.Thread):
    """Looks and tells once a minute, beside the app, and removes collections that were deleted a day ago."""

    def __init__(self, service: Service, every_s: float = EVERY_S) -> None:
        super().__init__(name="watching", daemon=True)
        self._service, self._every_s, self._ended = service, every_s, threading.Event()

    def run(self) -> None:
        """Until it is ended; what goes wrong is logged, and tried again."""
        while not self._ended.wait(self._every_s):
            with _logged("saved searches cannot be read"):
                for saved in self._service.saved_searches.all():
                    with _logged(f"saved search {saved.name!r}"):
                        look(self._service, saved)
                        tell(self._service, saved)
            with _logged("deleted collections cannot be removed"):
                self._service.keeping.remove_overdue()

    def end(self) -> None:
        """Let it end, without waiting for a message that is under way."""
        self._ended.set()


@contextmanager
def _logged(what: str) -> Iterator[None]:
    """A door: whatever goes wrong inside is logged, and the thread goes on."""
    try:
        yield
    except GroundcastError as error:
        log.warning("%s: %s", what, error)
    except Exception:
        log.exception("%s", what)
