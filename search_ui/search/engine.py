"""`Query` in, `Answer` out: any moment, every tile, honest scores.

The score of a tile is the cosine of S, what is seen there at the moment, with the query's vector; without a moment
S = O. Up to `Settings.exact_tiles` tiles the field computes it for every tile that passes the filter. Above, the index
fetches candidates inside the filter (`search_ui.search.candidates`) and the same formula puts them in order. An answer
says which.

It knows neither the screen nor the command line, nor how imagery is read.
"""

import hashlib
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import shapely

from ingest.archive.lookup import Lookup
from ingest.archive.parts import Archive
from ingest.catalog.aliases import Aliases
from ingest.catalog.catalog import Catalog, Collection
from ingest.catalog.foreign import ForeignModel, foreign_model
from ingest.field import columns as field_columns
from ingest.field.columns import acquired_at
from ingest.field.scorer import ExactScorer, FieldEncoder, open_scorer
from ingest.geo.geometry import Footprint, distance_m
from ingest.index.kept_open import KeptOpen
from ingest.index.protocol import MAX_K, Filter
from ingest.places.gazetteer import Gazetteer
from ingest.places.own_places import nearest_of
from ingest.places.place import Nearby
from ingest.settings import Settings
from search_ui.search.candidates import AT_ANY_TIME, Pool, Sample, candidates, sample_field, take_sample
from search_ui.search.feedback import NOTHING_SAID, Feedback, steered
from search_ui.search.likeliest import LIKELY, Likeliest, say_not_now
from search_ui.search.listings import Listings, one_request
from search_ui.search.proposals import in_archive, remark
from search_ui.search.provenance import Provenance
from search_ui.search.query import Answer, Hit, Query
from search_ui.search.ranking import SCORE_DIGITS, Rows, best_rows, distinct
from search_ui.search.recent import Recent
from search_ui.search.relevance.calibration import (
    BANK,
    DIGITS,
    POSSIBLE,
    WEAK,
    Calibration,
    Judged,
    grade,
    say_relevance,
)
from search_ui.search.relevance.fitted import Judge, Refitted, exact_relevance, fit_for, fits_of
from search_ui.search.relevance.unlike import caution
from search_ui.search.relevance.unrated import WHY, Unrated, refuse_minimum
from search_ui.search.relevance.usual_files import UsualFiles
from search_ui.search.scored import Asked, Scored
from search_ui.search.scores import Frames, Scores
from search_ui.search.vectors import Floats, Vectors
from trainer.encoding import When
from trainer.errors import IndexLockedError, MissingError, UsageError, VectorIndexError

if TYPE_CHECKING:
    from trainer.embedder import Embedder

_NAMES = 50_000  # of places near hits, kept
_TOGETHER = 9  # best places that say together when it is likeliest
_NOT_BY_WORDS = "relevance was fitted to words: asked by a picture or a tile it puts in order, and is no chance"
_SLACK = 3  # times as many rows as hits are looked at first, for those that overlap or are of too little relevance


@dataclass
class Engine:
    """Searches the collections of one home folder. May be used from several threads.

    Models, fields and calibrations stay loaded between queries.

    Attributes:
        settings: Of the home: its folders, the device, and `exact_tiles`, up to which every tile is scored.
        catalog: The open catalog; the engine does not close it.
        gazetteer: Names the places near hits, where a collection's source names none of its own.
    """

    settings: Settings
    catalog: Catalog
    _vectors: Vectors = field(init=False)
    gazetteer: Gazetteer = field(init=False)
    _indexes: KeptOpen = field(init=False)
    _samples: dict[str, tuple[tuple[object, ...], Sample]] = field(default_factory=dict)  # with the parts of then
    _fields: dict[str, tuple[tuple[object, ...], ExactScorer]] = field(default_factory=dict)  # with the parts of then
    _calibrations: dict[str, tuple[ExactScorer | Sample, Calibration | Unrated]] = field(default_factory=dict)
    _lookups: dict[str, Lookup] = field(default_factory=dict)
    _names: Recent[str] = field(default_factory=lambda: Recent(_NAMES))
    _counts: Recent[int] = field(default_factory=lambda: Recent(64))
    # by collection; re-entrant, because a calibration opens the field under it
    _opening: defaultdict[str, threading.RLock] = field(default_factory=lambda: defaultdict(threading.RLock))
    _listings: Listings = field(default_factory=Listings)
    _spent: threading.local = field(default_factory=threading.local)  # each thread times its own query

    def __post_init__(self) -> None:
        self._vectors = Vectors(self.settings, self.catalog, self.archive)
        self.gazetteer = Gazetteer(self.settings.places_dir)
        self._indexes = KeptOpen(self.settings, self.catalog)

    def close(self) -> None:
        """Lets other processes have the indexes; the next question opens what it needs again."""
        self._indexes.close()

    @property
    def seconds(self) -> dict[str, float]:
        """Where the time of the last query of this thread went, by stage."""
        spent: dict[str, float] = self._spent.__dict__.setdefault("seconds", {})
        return spent

    def request(self) -> AbstractContextManager[None]:
        """A request of this thread: in it each archive is listed once, whatever is asked; see `Listings.request`."""
        return self._listings.request()

    def collection(self, name: str, find: Callable[[str], Collection] | None = None) -> Collection:
        """The collection that a name, or a version of it, stands for; in a request it is found once.

        Args:
            name: As people give it.
            find: Finds it, in place of a look into the catalog.

        Raises:
            MissingError: There is none.
        """
        return self._listings.named(name, find or Aliases(self.catalog).collection)

    @one_request
    def search(
        self,
        collection_name: str,
        query: Query,
        feedback: Feedback = NOTHING_SAID,
        *,
        among: frozenset[str] | None = None,
    ) -> Answer:
        """The tiles of a collection most like the query at its moment, in an order that heeds the feedback.

        Args:
            collection_name: Name of a collection of tiles, as people give it: an alias or NAME@VERSION.
            feedback: Tiles called right or wrong: they steer the order, and the relevance not at all; the wrong ones
                are no hits.
            among: Ids of the only tiles that may be hits; of a collection above `exact_tiles`, of what is proposed.

        Raises:
            CatalogError: No such collection, tile or model.
            UsageError: The image cannot be used, or the collection is a gallery.
        """
        self.seconds.clear()
        collection = self.tiles(collection_name)
        when, note = self.moment(collection, query.when)
        asked = self._asked(collection, query, when, feedback)
        scored = self._scored(collection, query, asked, when, among, spare=len(feedback.no_hits))
        calibration = self._judge(collection, query)
        if isinstance(calibration, Unrated):
            refuse_minimum(collection_name, query.min_relevance)
        with self._timed("rank"):
            scored, chosen, seen = self._best(calibration, query, scored, feedback.no_hits)
            judged = self._judged(calibration, scored, chosen)
            not_now = self._not_now(calibration, scored, seen)
        with self._timed("name_places"):
            hits = self._hits(collection_name, collection, scored, chosen, judged, judged.relevance)
        highest = _highest(seen)
        remark = self._remark(collection, query, hits, highest, len(scored.cosine), not_now)
        languages = self._languages(collection, query)
        return Answer(
            query=query.as_dict() | feedback.as_dict(),
            method=scored.method,
            candidates=len(scored.cosine),
            hits=hits,
            note=_join(_said_of(calibration, query), note, languages, feedback.note(), scored.said, remark),
            not_now=not_now,
            highest=highest,
        )

    @one_request
    def scores(self, collection_name: str, query: Query, feedback: Feedback = NOTHING_SAID) -> Scores:
        """Every tile of the query's area and dates, with its cosine and relevance; `k` plays no part.

        Raises:
            CatalogError: No such collection, tile or model.
            UsageError: The image cannot be used, or the collection is a gallery.
        """
        self.seconds.clear()
        collection = self.tiles(collection_name)
        when, note = self.moment(collection, query.when)
        asked = self._asked(collection, query, when, feedback)
        columns, rows = self.asked_rows(collection, query)
        calibration = self._judge(collection, query)
        with self._timed("score"):
            cosine = columns.cosines(asked.steered, when=when, rows=rows)
            # relevance is calibrated for the words as they were put, so thumbs must not move it
            plain = cosine if asked.steered is asked.vector else columns.cosines(asked.vector, when=when, rows=rows)
            relevance = calibration.relevance(columns, asked.vector, plain, when=when, rows=rows)
        nothing = None if len(cosine) else self._why_empty(collection, query)
        said = _said_of(calibration, query)
        note = _join(said, note, self._languages(collection, query), feedback.note(), nothing)
        return Scores(*_places(columns, rows), cosine, relevance, when, note)

    @one_request
    def unfitted_relevance(self, collection_name: str, query: Query) -> Floats:
        """Relevance as it is without a fit to truth, to the end below `WEAK` too, in the rows of `scores`, float32 [n].

        Raises:
            CatalogError: No such collection, tile or model.
            UsageError: The image cannot be used, or the collection is a gallery.
        """
        collection = self.tiles(collection_name)
        when, _ = self.moment(collection, query.when)
        vector = self.query_vector(collection, query)
        columns, rows = self.asked_rows(collection, query)
        cosine = columns.cosines(vector, when=when, rows=rows)
        plain = self._calibration(collection)
        if isinstance(plain, Unrated):
            return np.full(len(cosine), np.nan, np.float32)
        return exact_relevance(plain, columns, vector, cosine, when=when, rows=rows)

    @one_request
    def hits(
        self, collection_name: str, query: Query, scores: Scores, chosen: Rows, feedback: Feedback = NOTHING_SAID
    ) -> list[Hit]:
        """Tiles that somebody has chosen and put in order as hits, such as a page of a long list.

        Args:
            collection_name: The collection of tiles, by its alias or version.
            query: What was asked.
            scores: Of the query and the feedback, as `scores` gives them.
            chosen: Rows of the scores, in the order of the hits.
            feedback: Tiles called right or wrong.

        Raises:
            CatalogError: No such collection, tile or model.
            UsageError: The image cannot be used, or the collection is a gallery.
        """
        self.seconds.clear()
        collection = self.tiles(collection_name)
        scored = self._of_scores(collection, query, scores, feedback)
        with self._timed("rank"):
            judged = self._judged(self._judge(collection, query), scored, chosen)
        with self._timed("name_places"):
            return self._hits(collection_name, collection, scored, chosen, judged, scores.relevance[chosen])

    @one_request
    def answer(
        self, collection_name: str, query: Query, scores: Scores, chosen: Rows, feedback: Feedback = NOTHING_SAID
    ) -> Answer:
        """An answer of such tiles, with what is to be said beside it; arguments as for `hits`."""
        hits = self.hits(collection_name, query, scores, chosen, feedback)
        collection = self.tiles(collection_name)
        scored = self._of_scores(collection, query, scores, feedback)
        with self._timed("rank"):
            not_now = self._not_now(self._judge(collection, query), scored, scores.relevance)
        highest = _highest(scores.relevance)
        remark = self._remark(collection, query, hits, highest, len(scores.cosine), not_now)
        return Answer(
            query=query.as_dict() | feedback.as_dict(),
            method=scored.method,
            candidates=len(scores.cosine),
            hits=hits,
            note=_join(scores.note, remark) if len(scores.cosine) else scores.note,
            not_now=not_now,
            highest=highest,
        )

    def _of_scores(self, collection: Collection, query: Query, scores: Scores, feedback: Feedback) -> Scored:
        asked = self._asked(collection, query, scores.when, feedback)
        columns, rows = self.asked_rows(collection, query)
        return Scored(columns, rows, scores.cosine, asked, scores.when, "exact")

    @one_request
    def likeliest(self, collection_name: str, query: Query) -> tuple[float, Likeliest | None]:
        """The relevance of the area's best place at its best moment, and when that is, whatever moment is asked.

        The second is None where nothing there is a place for it, no tile lies there, or the model knows no time.

        Raises:
            CatalogError: No such collection, tile or model.
            UsageError: The image cannot be used, or the collection is a gallery.
        """
        self.seconds.clear()
        collection = self.tiles(collection_name)
        vector = self.query_vector(collection, query)
        columns, rows = self.asked_rows(collection, query)
        calibration = self._judge(collection, query)
        with self._timed("score"):
            cosine = columns.cosines(vector, rows=rows)
            scored = Scored(columns, rows, cosine, Asked(vector, vector), None, "exact")
            place, judged = _best_places(calibration, scored, None, least=WEAK)
        return place, judged.likeliest()

    @one_request
    def judged(self, collection_name: str, query: Query, tile_id: str) -> Judged:
        """Whether one tile is a place for what is asked, and whether it is now: of one tile.

        Raises:
            MissingError: There is no such tile.
            CatalogError: No such collection or model.
            UsageError: The image cannot be used, or the collection is a gallery.
        """
        collection = self.tiles(collection_name)
        when, _ = self.moment(collection, query.when)
        columns, vector = self.field(collection), self.query_vector(collection, query)
        row = columns.row(tile_id)
        if row is None:
            raise MissingError(f"collection {collection.name!r} has no tile {tile_id!r}: take an id from a hit")
        rows = np.array([row], np.int64)
        cosine = columns.cosines(vector, when=when, rows=rows)
        return self._judge(collection, query).judged(columns, vector, cosine, when=when, rows=rows)

    @one_request
    def frames(
        self,
        collection_name: str,
        query: Query,
        whens: Sequence[When],
        *,
        weekday: bool = True,
        feedback: Feedback = NOTHING_SAID,
    ) -> Frames:
        """The cosines of every tile of the query's area and dates at each of many moments, in one pass.

        Args:
            collection_name: The collection of tiles, by its alias or version.
            query: The question; its own moment plays no part.
            whens: The moments, wall-clock time at the place.
            weekday: False: each moment stands for its month, which has no weekday.
            feedback: Tiles called right or wrong: they steer the cosines, as they look at each moment.

        Raises:
            CatalogError: No such collection, tile or model.
            UsageError: The image cannot be used, the collection is a gallery, or its model knows no time.
        """
        self.seconds.clear()
        collection = self.tiles(collection_name)
        if not self.knows_time(collection):
            raise UsageError(f"the model of {collection.name!r} knows no time: every moment would look the same")
        vector = self.query_vector(collection, query)
        columns, rows = self.asked_rows(collection, query)
        moved = [self._steered(collection, vector, when, feedback) for when in whens] if feedback else None
        with self._timed("score"):
            if moved is None:
                cosine = columns.frames(vector, list(whens), weekday=weekday, rows=rows)
            else:
                each = zip(moved, whens, strict=True)
                cosine = np.stack([columns.cosines(one, when=when, weekday=weekday, rows=rows) for one, when in each])
        note = self.caution(collection) if cosine.shape[1] else self._why_empty(collection, query)
        return Frames(*_places(columns, rows), tuple(whens), cosine, note)

    def query_vector(self, collection: Collection, query: Query) -> Floats:
        """The query as a vector of the collection's model, float32 [d], unit length.

        Of words and pictures in one question the standard scores are added, so that they weigh alike. Their spread is
        that among tiles at one moment, the mean over the year and the day, so that a question is one vector at every
        moment: of an answer, of a film's frames, of the moment when it is likeliest.
        """
        spread = None
        if len({part.kind for part in query.parts}) > 1 and collection.kind == "tiles":
            usual = (calibration := self._calibration(collection)).usual(calibration.moments[0])
            spread = None if usual is None else usual.spread
        with self._timed("load_model_and_embed"):
            return self._vectors.query(collection, query, spread)

    def _languages(self, collection: Collection, query: Query) -> str | None:
        """Which texts were read as another language than the model's own; None: none."""
        texts = self._vectors.read_otherwise(collection, query)
        said = " and ".join(f"“{text:.60}”" for text in texts)
        return f"{said} is read as another language than the model's own" if texts else None

    def embedder(self, collection: Collection) -> "Embedder":
        """The model that made the collection, loaded once."""
        return self._vectors.embedder(collection)

    def foreign(self, collection: Collection) -> ForeignModel | None:
        """The model of a collection whose vectors were brought, where it is not here; None: it is."""
        return foreign_model(self.catalog, collection)

    def knows_time(self, collection: Collection) -> bool:
        """Whether a moment plays a part in the answers of a collection."""
        return self.foreign(collection) is None and self.embedder(collection).has_encoder

    @one_request
    def prepare(self, collection: Collection) -> None:
        """Reckon, or read, what is usual in a collection that is scored exactly, ahead of the first question."""
        if self._small(collection):
            calibration = self._calibration(collection)
            for when in (None, calibration.moments[0]):
                calibration.usual(when)

    @one_request
    def field(self, collection: Collection) -> ExactScorer:
        """The field of a collection of tiles or photos, up to date with its archive."""
        parts = self._parts(collection)
        known = self._fields.get(collection.name)
        # without the lock: nearly every call finds the field up to date
        if known is not None and known[0] == parts:
            return known[1]
        with self._opening[collection.name]:
            return self._open_field(collection)

    def _open_field(self, collection: Collection) -> ExactScorer:
        parts, archive = self._parts(collection), self.archive(collection)
        known = self._fields.get(collection.name)
        if known is not None and known[0] == parts:  # another thread was at it
            return known[1]
        with self._timed("open_scorer"):
            folder, encoder = self.settings.field_dir(collection.name), self._encoder(collection)
            opened = open_scorer(folder, archive, model_id=collection.model_id, encoder=encoder)
        self._fields[collection.name] = (parts, opened)
        return opened

    def _encoder(self, collection: Collection) -> FieldEncoder | None:
        """What the collection's model makes of place and time; None where it knows neither."""
        if self.foreign(collection) is not None:
            return None
        embedder = self.embedder(collection)
        encoding = embedder.meta.encoding
        return None if encoding is None else FieldEncoder(encoding, embedder.encoder_weights())

    @one_request
    def version(self, collection: Collection) -> str:
        """A text that changes when tiles come or go, with the model, or with a fit to truth."""
        told = f"{collection.model_id} {self._parts(collection)} {fits_of(collection) or ''}"
        return hashlib.sha256(told.encode()).hexdigest()[:16]

    def texts(self, collection: Collection, texts: Sequence[str]) -> Floats:
        """Texts as the collection's model embeds them, float32 [n, d]; kept."""
        return self._vectors.texts(collection, texts)

    def moment(self, collection: Collection, when: When) -> tuple[When, str | None]:
        """The moment as the model can use it, and what a person should know if it cannot."""
        foreign = self.foreign(collection)
        encoding = None if foreign is not None else self.embedder(collection).meta.encoding
        if when is not None and encoding is None:
            return None, "the model of this collection knows no time: the moment plays no part"
        if when is not None and encoding == "sat2cap" and not isinstance(when, datetime):
            return None, "this model takes a date with an hour or nothing: the moment plays no part"
        return when, None

    @one_request
    def caution(self, collection: Collection) -> str | None:
        """What a person should know of every answer of a collection, see `relevance.unlike`; None: nothing."""
        return caution(self._calibration(collection).outside)

    def provenance(self, collection_name: str) -> Provenance:
        """Where the answers of a collection come from, for files."""
        collection = self.collection(collection_name)
        return Provenance(
            collection=collection_name,
            model_id=collection.model_id,
            source=collection.spec["source"],
            attribution=collection.spec.get("attribution"),
            caution=self.caution(collection) if collection.kind == "tiles" else None,
        )

    def _parts(self, collection: Collection) -> tuple[tuple[str, int], ...]:
        return tuple((name, stamp[1]) for name, stamp in self.archive(collection).stamps().items())

    def tiles(self, name: str) -> Collection:
        """A collection of tiles by its alias or version.

        Raises:
            CatalogError: No such collection.
            UsageError: It is a gallery.
        """
        collection = self.collection(name)
        if collection.kind != "tiles":
            raise UsageError(f"{collection.name!r} is a gallery of photos: search a collection of tiles")
        return collection

    def _calibration(self, collection: Collection) -> Calibration | Unrated:
        """What is usual in a collection: of its field, or of a sample where it is too large for one."""
        usual = self.field(collection) if self._small(collection) else self._sample(collection)
        # made anew only when the field or the sample is another object: then tiles have come or gone
        known = self._calibrations.get(collection.name)
        if known is not None and known[0] is usual:
            return known[1]
        with self._opening[collection.name], self._timed("calibrate"):
            known = self._calibrations.get(collection.name)
            if known is not None and known[0] is usual:
                return known[1]
            if self.foreign(collection) is not None:
                self._calibrations[collection.name] = (usual, Unrated())
                return Unrated()
            knows_time = self.embedder(collection).has_encoder
            bank = self._vectors.texts(collection, BANK)
            novelty, files = self.embedder(collection).novelty, self._usual_files(collection, usual)
            # by the same tiles, whether the field answers or the index: one relevance for one tile and question
            same = partial(sample_field, self.archive(collection), usual) if isinstance(usual, ExactScorer) else None
            calibration = Calibration.of(usual, bank, knows_time=knows_time, novelty=novelty, sampled=same, files=files)
        self._calibrations[collection.name] = (usual, calibration)
        return calibration

    def _judge(self, collection: Collection, query: Query) -> Judge:
        """What gives tiles their relevance: the calibration, behind the fit of the text if it has one."""
        calibration, fit = self._calibration(collection), fit_for(collection, query)
        return calibration if fit is None or isinstance(calibration, Unrated) else Refitted(calibration, fit)

    def _usual_files(self, collection: Collection, tiles: ExactScorer | Sample) -> UsualFiles | None:
        """Where what is usual is kept beside a field; a sample has no file by which it could be told from another."""
        if not isinstance(tiles, ExactScorer):
            return None
        return UsualFiles(self.settings.field_dir(collection.name), f"{collection.model_id} {tiles.fingerprint}")

    @one_request
    def scores_every_tile(self, collection: Collection) -> bool:
        """Whether every tile of a collection is scored; else the index proposes candidates."""
        return self._small(collection)

    def _small(self, collection: Collection) -> bool:
        key = (collection.name, self._parts(collection))
        # the ledger counts without opening a part; kept by the parts, for one search asks several times
        tiles = self._counts.get(key, lambda: self.catalog.items_done(collection.name, ("archived", "done")))
        return tiles <= self.settings.exact_tiles

    def _sample(self, collection: Collection) -> Sample:
        parts = self._parts(collection)
        with self._opening[collection.name]:
            known = self._samples.get(collection.name)
            # taken anew when tiles come or go: else each process would judge by what there was when it was started
            if known is None or known[0] != parts:
                with self._timed("sample"):
                    known = parts, take_sample(self.archive(collection), self._encoder(collection))
                self._samples[collection.name] = known
        return known[1]

    @one_request
    def asked_rows(self, collection: Collection, query: Query) -> tuple[ExactScorer, Rows | None]:
        """The field, and which of its rows pass the query's area and dates; None: all."""
        columns = self.field(collection)
        with self._timed("filter"):
            return columns, columns.rows(self._filter(collection, query))

    def _asked(self, collection: Collection, query: Query, when: When, feedback: Feedback) -> Asked:
        """The question as vectors.

        Raises:
            MissingError: A tile of the feedback is not in the collection.
        """
        vector = self.query_vector(collection, query)
        return Asked(vector, self._steered(collection, vector, when, feedback) if feedback else vector)

    def _steered(self, collection: Collection, vector: Floats, when: When, feedback: Feedback) -> Floats:
        """A question's vector, moved by the tiles of the feedback as they look at a moment."""
        with self._timed("feedback"):
            liked, disliked = (self._seen(collection, ids, when) for ids in (feedback.liked, feedback.disliked))
            return steered(vector, liked, disliked)

    def _seen(self, collection: Collection, ids: Sequence[str], when: When) -> Floats:
        """S of tiles at a moment, float32 [m, d]."""
        if self._small(collection):
            columns = self.field(collection)
            rows = [columns.row(tile_id) for tile_id in ids]
            if None not in rows:
                return columns.predicted(np.array(rows, np.int64), when=when)
        # without a field, or with an id that it lacks: from the archive, which names the one that is missing
        found = [self._found(collection, tile_id) for tile_id in ids]
        s = np.array([vector for _, vector in found], np.float32).reshape(len(found), collection.dim)
        if when is None or not found:
            return s
        lat, lon = (np.array([record[name] for record, _ in found]) for name in ("lat", "lon"))
        return self.embedder(collection).at(s, lat=lat, lon=lon, when=when)

    def _found(self, collection: Collection, tile_id: str) -> tuple[dict[str, Any], Floats]:
        found = self.archive(collection).find(tile_id)
        if found is None:
            raise MissingError(f"collection {collection.name!r} has no tile {tile_id!r}: take an id from a hit")
        return found

    def _scored(
        self,
        collection: Collection,
        query: Query,
        asked: Asked,
        when: When,
        among: frozenset[str] | None,
        *,
        spare: int = 0,
    ) -> Scored:
        """Every tile that passes the filter, or above `Settings.exact_tiles` those that the index proposes."""
        if self._small(collection):
            return self._scored_exactly(collection, query, asked, when, among, spare=spare)
        # of what is proposed, tiles that overlap or are of too little relevance fall out in `_best`
        k = query.k * (_SLACK if query.distinct or query.min_relevance else 1) + spare
        try:
            pool, rows, said = self._proposed(collection, query, asked, when, k=k)
        except VectorIndexError as error:
            # held by another process, to be built, without room on the disk, broken, away: the field needs no index
            said = None if isinstance(error, IndexLockedError) else str(error)
            if self.settings.qdrant_url is not None:
                if not field_columns.is_made(self.settings.field_dir(collection.name)):
                    raise  # what a server holds may be too much to read at a question
                said = f"every tile was scored without the index: {error}"
            return replace(self._scored_exactly(collection, query, asked, when, among, spare=spare), said=said)
        if among is not None:
            rows = rows[[pool.tile_id[row] in among for row in rows.tolist()]] if len(rows) else rows
        method = "candidates of the index, ranked exactly"
        return Scored(pool, rows, pool.cosine[rows], asked, when, method, said)

    def _proposed(
        self, collection: Collection, query: Query, asked: Asked, when: When, *, k: int
    ) -> tuple[Pool, Rows, str | None]:
        """What the index proposes, those rows of it that the archive holds, and what is to be said of the index."""
        sample, filter_ = self._sample(collection), self._filter(collection, query)
        with ExitStack() as stack:
            with self._timed("index_open"):
                index, lacking = stack.enter_context(self._indexes.of(collection))
            wanted = k
            while True:
                with self._timed("score"):
                    pool = candidates(index, sample, asked.steered, when=when, k=wanted, filter=filter_)
                with self._timed("held"):
                    held = in_archive(pool, self.archive(collection), self._lookup(collection), surplus=lacking < 0)
                if held.all() or held.sum() >= k or wanted >= MAX_K:
                    break
                wanted = min(MAX_K, 4 * wanted)
        called = Aliases(self.catalog).asked_for(collection.name)
        return pool, np.flatnonzero(held), remark(called, strange=int((~held).sum()), lacking=lacking)

    def _scored_exactly(
        self,
        collection: Collection,
        query: Query,
        asked: Asked,
        when: When,
        among: frozenset[str] | None,
        *,
        spare: int,
    ) -> Scored:
        """Of every tile that passes the filter the cosines of those that `_best` looks at first."""
        columns, rows = self.asked_rows(collection, query)
        if among is not None:
            own = np.array(sorted(row for one in among if (row := columns.row(one)) is not None), np.int64)
            rows = own if rows is None else np.intersect1d(rows, own)
        with self._timed("score"):
            cosine = columns.best(asked.steered, _looked_at(query) + spare, when=when, rows=rows)
            return Scored(columns, rows, cosine, asked, when, "exact")

    def _best(
        self, calibration: Judge, query: Query, scored: Scored, no_hits: frozenset[str]
    ) -> tuple[Scored, Rows, Floats]:
        """The scored tiles, which of them are the hits, best first, and the relevance of all that were looked at."""
        columns, cosine, behind = scored.columns, scored.cosine, scored.at
        usable = np.count_nonzero(~np.isnan(cosine))
        count = _looked_at(query)
        while True:
            best = best_rows(cosine, count, lambda some: columns.ids(behind(some)))
            at = behind(best)  # rows of `columns`; `best` counts within what was scored
            vector, plain = scored.asked.vector, cosine[best]
            # the order is that of the steered vector, the relevance that of the words
            if scored.asked.steered is not vector:
                plain = columns.cosines(vector, when=scored.when, rows=at)
            relevance = calibration.relevance(columns, vector, plain, when=scored.when, rows=at)
            # where there is no relevance, none is too little
            fit = np.flatnonzero(~(relevance < query.min_relevance))
            if no_hits:
                names = columns.ids(at[fit])
                fit = fit[[name not in no_hits for name in names]] if names else fit
            if query.distinct:
                fit = fit[distinct(columns.lat[at][fit], columns.lon[at][fit], columns.size_m[at][fit], query.k)]
            if len(fit) >= query.k or len(best) >= usable:
                fit = fit[: query.k]
                return scored, best[fit], relevance
            # too few of these may be shown: look further down, where not every tile is worked out
            count *= 4
            if np.isneginf(cosine).any():
                cosine = columns.cosines(scored.asked.steered, when=scored.when, rows=scored.rows)
                scored = replace(scored, cosine=cosine)

    def _judged(self, calibration: Judge, scored: Scored, chosen: Rows) -> Judged:
        """Place and now of the hits, as the question was put."""
        vector, at = scored.asked.vector, scored.at(chosen)
        plain = scored.cosine[chosen]
        if scored.asked.steered is not vector:
            plain = scored.columns.cosines(vector, when=scored.when, rows=at)
        return calibration.judged(scored.columns, vector, plain, when=scored.when, rows=at)

    def _not_now(self, calibration: Judge, scored: Scored, relevance: Floats) -> Likeliest | None:
        """When it is likeliest, where none of these is `POSSIBLE` at the moment but some scored tile is a place."""
        if scored.when is None or (relevance >= POSSIBLE).any():
            return None
        timeless = scored.columns.cosines(scored.asked.vector, rows=scored.rows)
        _, best = _best_places(calibration, replace(scored, cosine=timeless), scored.when, least=POSSIBLE)
        return best.likeliest() if len(best.now) and best.now.mean() < LIKELY else None

    def _hits(
        self, asked: str, collection: Collection, scored: Scored, chosen: Rows, judged: Judged, relevance: Floats
    ) -> list[Hit]:
        columns, at = scored.columns, scored.at(chosen)
        near = self._near(collection, columns.lat[at], columns.lon[at])
        ids = columns.ids(at)
        not_now = judged.not_now
        hits = []
        for i, row in enumerate(at.tolist()):
            lat, lon, size_m = float(columns.lat[row]), float(columns.lon[row]), float(columns.size_m[row])
            hits.append(
                Hit(
                    rank=i + 1,
                    tile_id=ids[i],
                    lat=lat,
                    lon=lon,
                    bbox=Footprint(lat=lat, lon=lon, size_m=size_m).bbox,
                    cosine=round(float(scored.cosine[chosen[i]]), SCORE_DIGITS),
                    relevance=None if np.isnan(relevance[i]) else round(float(relevance[i]), DIGITS),
                    acquired_at=acquired_at(int(columns.acquired_us[row])),
                    source=str(collection.spec["source"]),
                    collection=asked,
                    model_id=collection.model_id,
                    grade=grade(float(relevance[i])),
                    near=near[i],
                    place=None if np.isnan(judged.place[i]) else round(float(judged.place[i]), 4),
                    likeliest=judged.at(np.array([i])).likeliest() if judged.place[i] >= WEAK else None,
                    not_now=bool(not_now[i]),
                    size_m=size_m,
                )
            )
        return hits

    def nearest_place(self, collection: Collection, *, lat: float, lon: float) -> Nearby | None:
        """The named place nearest to a point: of the collection's own places, where its source names some."""
        own = collection.spec.get("places")
        return nearest_of(own, lat=lat, lon=lon) if own else self.gazetteer.nearest_place([lat], [lon])[0]

    def _near(
        self, collection: Collection, lats: npt.NDArray[np.float64], lons: npt.NDArray[np.float64]
    ) -> list[str | None]:
        """The nearest named place of each; a question asked at another moment finds many of the same tiles."""

        def name(lat: float, lon: float) -> str:
            found = self.nearest_place(collection, lat=lat, lon=lon)
            return "" if found is None else str(found)

        places = zip(lats.tolist(), lons.tolist(), strict=True)
        # the names are kept as texts: "" where there is none
        return [self._names.get((collection.name, *place), partial(name, *place)) or None for place in places]

    def archive(self, collection: Collection) -> Archive:
        """The parts of a collection, as the request found them."""
        return self._listings.of(Archive(self.settings.archive_dir(collection.name), collection.kind))

    def record(self, collection: Collection, item_id: str) -> dict[str, Any] | None:
        """What the archive says of one item but its vector; None where there is none of that id."""
        return self._lookup(collection).find(self.archive(collection), item_id)

    def _lookup(self, collection: Collection) -> Lookup:
        with self._opening[collection.name]:
            return self._lookups.setdefault(collection.name, Lookup())

    def _filter(self, collection: Collection, query: Query) -> Filter:
        """A tile lies in an area when its footprint touches it; an index knows centres and widens by `reach_m`."""
        reach = float(collection.spec["largest_tile_m"]) / 2 * 2**0.5  # half a diagonal
        return Filter(area=query.area, reach_m=reach, acquired_from=query.acquired_from, acquired_to=query.acquired_to)

    def _remark(
        self,
        collection: Collection,
        query: Query,
        hits: list[Hit],
        highest: float | None,
        scored: int,
        not_now: Likeliest | None,
    ) -> str | None:
        """What a person should read beside the hits, where `highest` is the relevance of the best tile, hit or not."""
        if not scored:
            return self._why_empty(collection, query)
        if not_now is not None:
            return say_not_now(not_now)
        if not hits:
            return f"nothing here: no tile reaches the minimum relevance of {query.min_relevance:g}"
        if highest is None:
            return WHY
        if grade(highest) == "nothing":
            return f"nothing here looks like it (best relevance {say_relevance(highest)}); these are the nearest"
        if all(hit.grade == "nothing" for hit in hits):
            return f"none of these looks like it; tiles after them do (best relevance {say_relevance(highest)})"
        return None

    def _why_empty(self, collection: Collection, query: Query) -> str:
        # only a field could say more, and a large collection is not opened for that
        if not self._small(collection):
            return "no tile lies in that area and was acquired in that time"
        columns = self.field(collection)
        if not columns.n:
            return f"collection {collection.name!r} is empty: run `groundcast ingest`"
        # which of the two leaves nothing: the dates or the area?
        undated = replace(self._filter(collection, query), acquired_from=None, acquired_to=None)
        in_area = columns.rows(undated)
        if in_area is None or len(in_area):
            count = columns.n if in_area is None else len(in_area)
            return f"{count} tiles lie there, none acquired in that time; a tile without a date never matches one"
        centre = query.area.representative_point() if query.area is not None else shapely.Point(0, 0)
        away_km = float(distance_m(lat=centre.y, lon=centre.x, lats=columns.lat, lons=columns.lon).min()) / 1000
        return f"no tile in that area; the nearest tile is {away_km:,.1f} km from its middle"

    @contextmanager
    def _timed(self, stage: str) -> Iterator[None]:
        started = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[stage] = self.seconds.get(stage, 0.0) + time.perf_counter() - started


def _places(
    columns: ExactScorer, rows: Rows | None
) -> tuple[Sequence[str], npt.NDArray[np.float64], npt.NDArray[np.float64], Floats]:
    """Ids, latitudes, longitudes and sizes."""
    chosen = slice(None) if rows is None else rows
    return columns.row_ids(rows), columns.lat[chosen], columns.lon[chosen], columns.size_m[chosen]


def _said_of(judge: Judge, query: Query) -> str | None:
    """What should be known of relevance; a fit was made on this very imagery, however unlike it is."""
    if isinstance(judge, Refitted):
        return judge.fit.note()
    by_words = isinstance(judge, Unrated) or all(part.kind == "text" for part in query.parts)
    return _join(caution(judge.outside), None if by_words else _NOT_BY_WORDS)


def _looked_at(query: Query) -> int:
    """Of how many tiles with the highest cosines the relevance is looked at first: whether there is nothing, and which
    are the hits, is told from them."""
    return max(query.k * _SLACK, AT_ANY_TIME)


def _highest(relevance: Floats) -> float | None:
    """The highest relevance; None where none is known."""
    known = relevance[~np.isnan(relevance)]
    return round(float(known.max()), DIGITS) if len(known) else None


def _best_places(calibration: Judge, scored: Scored, when: When, *, least: float) -> tuple[float, Judged]:
    """The relevance of the best tile at its best moment, and the best tiles of at least so much, judged at a moment.

    Args:
        calibration: Of the collection.
        scored: At no moment.
        when: The moment.
        least: Tiles of less are left out.
    """
    columns, vector, cosine = scored.columns, scored.asked.vector, scored.cosine
    some = best_rows(cosine, AT_ANY_TIME, lambda rows: columns.ids(scored.at(rows)))[:AT_ANY_TIME]
    at = scored.at(some)
    then = cosine[some] if when is None else columns.cosines(vector, when=when, rows=at)
    judged = calibration.judged(columns, vector, then, when=when, rows=at)
    highest = float(np.nan_to_num(judged.place).max(initial=0.0))
    best = np.argsort(-judged.place, kind="stable")[:_TOGETHER].astype(np.int64)
    return highest, judged.at(best[judged.place[best] >= max(least, highest / 2)])


def _join(*notes: str | None) -> str | None:
    return "; ".join(note for note in notes if note) or None
