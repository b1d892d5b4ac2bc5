"""The lists of places that pages show, by a short name, as `HeatLayers` keeps their maps.

A list is made of the scores that the map beside it shows, so the two never speak of different tiles. It does not know
pages.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
import shapely

from ingest.catalog.foreign import IMPORTED
from ingest.field.scorer import NO_DATE
from search_ui.search.engine import Engine
from search_ui.search.feedback import Feedback
from search_ui.search.provenance import program_version
from search_ui.search.query import Answer, Query
from search_ui.search.recent import Recent
from search_ui.search.relevance.calibration import grade
from search_ui.search.relevance.unrated import refuse_minimum
from search_ui.search.scores import Scores
from search_ui.service.answers import Found
from search_ui.service.place_list import PAGE, Listed, PlaceList, in_time, listed_rows
from trainer.errors import LapsedError

_LISTS, _BYTES = 500, 256 * 2**20
_MOST_CANDIDATES = 1_000  # of a collection that is too large for every tile to be scored


@dataclass(frozen=True)
class ShownList:
    """A list as a page shows it.

    Attributes:
        name: By which the rest of it is asked for.
        collection: Of the tiles.
        places: The list.
        found: The answer with its first page, and whether it says that there is nothing.
    """

    name: str
    collection: str
    places: PlaceList
    found: Found


class PlaceLists:
    """Makes and keeps them. May be used from several threads.

    Args:
        engine: Makes hits of rows.
        scores: Gives the scores of every tile of a question, as the maps have them.
    """

    def __init__(self, engine: Engine, scores: Callable[[str, Query, Feedback], Scores]) -> None:
        self._engine = engine
        self._scores = scores
        self._lists: Recent[ShownList] = Recent(_LISTS, max_bytes=_BYTES)

    def show(self, collection: str, query: Query, listed: Listed, feedback: Feedback) -> ShownList:
        """The list of a question.

        Args:
            collection: Name of a collection of tiles.
            query: The question; how many places, of which relevance, says `listed`.
            listed: What is listed, and in which order.
            feedback: Thumbs, which steer the cosine.
        """
        version = self._engine.version(self._engine.tiles(collection))
        told = f"{program_version()} {version} {collection} {key_of(query)} {feedback} {listed}"
        name = hashlib.sha256(told.encode()).hexdigest()[:24]

        def made() -> ShownList:
            return self._made(name, collection, query, listed, feedback)

        return self._lists.get(name, made, size=lambda shown: shown.places.scores.nbytes)

    def find(self, name: str) -> ShownList:
        """The list of a name.

        Raises:
            LapsedError: It was shown too long ago, or before this server was started.
        """

        def missing() -> ShownList:
            raise LapsedError(f"no list {name[:40]!r} is shown any more: load the page anew")

        return self._lists.get(name, missing)

    def _made(self, name: str, collection: str, query: Query, listed: Listed, feedback: Feedback) -> ShownList:
        asked = replace(query, k=listed.k, min_relevance=listed.least, distinct=listed.apart)
        votes = dict.fromkeys(feedback.liked, 1) | dict.fromkeys(feedback.disliked, -1)
        found = self._engine.tiles(collection)
        pictured = IMPORTED not in found.spec
        if listed.least and self._engine.foreign(found) is not None:
            refuse_minimum(collection, listed.least)
        if not self._engine.scores_every_tile(found):
            answer = self._engine.search(collection, replace(asked, k=min(listed.k, _MOST_CANDIDATES)), feedback)
            places = replace(_proposed(answer, asked, listed, votes), pictured=pictured)
            answer = replace(answer, hits=places.hits(0, PAGE))
        else:
            scores = self._scores(collection, asked, feedback)
            columns, rows = self._engine.asked_rows(found, asked)
            taken = columns.acquired_us if rows is None else columns.acquired_us[rows]

            places = PlaceList(
                scores, listed_rows(scores, listed, taken, feedback.no_hits),
                lambda chosen: self._engine.hits(collection, asked, scores, chosen, feedback), votes, pictured,
            )  # fmt: skip
            answer = self._engine.answer(
                collection, asked, scores, places.rows[:PAGE], feedback, listed=in_time(listed, taken)
            )
        nothing = not answer.hits or (answer.not_now is None and grade(answer.highest) == "nothing")
        nearest = next(iter(_unbounded(places, listed).hits(0, 1)), None) if nothing else None
        return ShownList(name, collection, places, Found(answer, nothing, nearest))


def _proposed(answer: Answer, asked: Query, listed: Listed, votes: dict[str, int]) -> PlaceList:
    """The places of a collection in which an index proposes what is scored."""
    hits = answer.hits
    scores = Scores(
        [hit.tile_id for hit in hits],
        np.array([hit.lat for hit in hits], np.float64),
        np.array([hit.lon for hit in hits], np.float64),
        np.array([hit.size_m for hit in hits], np.float32),
        np.array([hit.cosine for hit in hits], np.float32),
        np.array([np.nan if hit.relevance is None else hit.relevance for hit in hits], np.float32),
        asked.when,
        answer.note,
    )
    taken = np.array([_microseconds(hit.acquired_at) for hit in hits], np.int64)
    return PlaceList(
        scores, listed_rows(scores, listed, taken), lambda chosen: [hits[row] for row in chosen.tolist()], votes
    )


def _unbounded(places: PlaceList, listed: Listed) -> PlaceList:
    """The list without a least relevance and in the order of the relevance: its first is the nearest candidate."""
    free = replace(listed, order="relevance", least=0.0, k=1, taken_us=None)
    rows = listed_rows(places.scores, free, np.empty(0, np.int64))
    return replace(places, rows=rows)


def _microseconds(moment: datetime | None) -> int:
    return NO_DATE if moment is None else int(moment.timestamp() * 1_000_000)


def key_of(query: Query) -> str:
    """A text that says all of a question, whatever its area is made of."""
    area = "" if query.area is None else hashlib.sha256(shapely.to_wkb(query.area)).hexdigest()
    return f"{replace(query, area=None)!r} {area}"
