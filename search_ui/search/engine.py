"""`Query` in, `Answer` out: any moment, every tile, honest scores.

The score of a tile is the cosine of S, what is seen there at the moment, with the query's vector; without a moment
S = O. Up to `Settings.exact_tiles` tiles the field computes it for every tile that passes the filter. Above, the index
fetches candidates inside the filter (`search_ui.search.candidates`) and the same formula puts them in order. An answer
says which.

It knows neither the screen nor the command line, nor how imagery is read.
"""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from ingest.catalog.aliases import Aliases
from ingest.catalog.catalog import Collection
from ingest.field import columns as field_columns
from ingest.field.columns import acquired_at
from ingest.field.scorer import ExactScorer
from ingest.geo.geometry import Footprint
from ingest.index.protocol import MAX_K, Filter
from search_ui.search.candidates import AT_ANY_TIME, Pool, candidates
from search_ui.search.feedback import NOTHING_SAID, Feedback, steered
from search_ui.search.holdings import Holdings
from search_ui.search.likeliest import LIKELY, Likeliest
from search_ui.search.listings import one_request
from search_ui.search.proposals import in_archive, mismatch
from search_ui.search.query import Answer, Hit, Query
from search_ui.search.ranking import SCORE_DIGITS, Rows, best_rows, distinct
from search_ui.search.relevance.calibration import DIGITS, POSSIBLE, WEAK, Judged, grade
from search_ui.search.relevance.fitted import Judge, Refitted, exact_relevance, fit_for
from search_ui.search.relevance.unrated import Unrated, refuse_minimum
from search_ui.search.remarks import joined, remark, said_of, why_empty
from search_ui.search.scored import Asked, Scored
from search_ui.search.scores import Frames, Scores
from search_ui.search.vectors import Floats
from trainer.encoding import When
from trainer.errors import IndexLockedError, MissingError, UsageError, VectorIndexError

_TOGETHER = 9  # best places that say together when it is likeliest
EXACT = "exact"
_DEEPER = 16  # times as many candidates of an index as at first are asked for at most
_SLACK = 3  # times as many rows as hits are looked at first, for those that overlap or are of too little relevance


class Engine(Holdings):
    """Searches the collections of one home folder. May be used from several threads.

    Models, fields and calibrations stay loaded between queries.
    """

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
        calibration = self._judge(collection, query)
        if isinstance(calibration, Unrated):
            refuse_minimum(collection_name, query.min_relevance)
        scored, chosen, seen = self._hits_among(collection, query, asked, when, calibration, feedback, among)
        with self._timed("rank"):
            judged = self._judged(calibration, scored, chosen)
            not_now = self._not_now(calibration, scored, seen)
        with self._timed("name_places"):
            hits = self._hits(collection_name, collection, scored, chosen, judged, judged.relevance)
        highest = _highest(seen)
        told = remark(query, hits, highest, not_now) if len(scored.cosine) else self._why_empty(collection, query)
        said = joined(self._said_of_relevance(collection, query, calibration), note, self._languages(collection, query))
        return Answer(
            query=query.as_dict() | feedback.as_dict(),
            method=scored.method,
            candidates=len(scored.cosine),
            hits=hits,
            note=joined(said, feedback.note(), scored.said, told),
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
        said = joined(self._said_of_relevance(collection, query, calibration), note, self._languages(collection, query))
        return Scores(*_places(columns, rows), cosine, relevance, when, joined(said, feedback.note(), nothing))

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
        self,
        collection_name: str,
        query: Query,
        scores: Scores,
        chosen: Rows,
        feedback: Feedback = NOTHING_SAID,
        *,
        listed: npt.NDArray[np.bool_] | None = None,
    ) -> Answer:
        """An answer of such tiles, with what is to be said beside it.

        Args:
            collection_name: See `hits`.
            query: See `hits`.
            scores: See `hits`.
            chosen: See `hits`.
            feedback: See `hits`.
            listed: Which rows of the scores may be chosen at all, [n]; None: all but tiles called wrong.
        """
        hits = self.hits(collection_name, query, scores, chosen, feedback)
        collection = self.tiles(collection_name)
        scored = self._of_scores(collection, query, scores, feedback)
        with self._timed("rank"):
            seen = scores.relevance[self._might_be_hits(collection, query, len(scores.cosine), listed, feedback)]
            not_now = self._not_now(self._judge(collection, query), scored, seen)
        highest = _highest(seen)
        told = joined(scores.note, remark(query, hits, highest, not_now)) if len(scores.cosine) else scores.note
        return Answer(
            query=query.as_dict() | feedback.as_dict(),
            method=scored.method,
            candidates=len(scores.cosine),
            hits=hits,
            note=told,
            not_now=not_now,
            highest=highest,
        )

    def _might_be_hits(
        self, collection: Collection, query: Query, n: int, listed: npt.NDArray[np.bool_] | None, feedback: Feedback
    ) -> npt.NDArray[np.bool_]:
        """Which rows of scores may be hits, [n]."""
        found = np.ones(n, np.bool_) if listed is None else listed.copy()
        if feedback.no_hits:
            columns, rows = self.asked_rows(collection, query)
            wrong = [row for one in feedback.no_hits if (row := columns.row(one)) is not None]
            found[np.isin(np.arange(n) if rows is None else rows, wrong)] = False
        return found

    def _of_scores(self, collection: Collection, query: Query, scores: Scores, feedback: Feedback) -> Scored:
        asked = self._asked(collection, query, scores.when, feedback)
        columns, rows = self.asked_rows(collection, query)
        return Scored(columns, rows, scores.cosine, asked, scores.when, EXACT)

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
            scored = Scored(columns, rows, cosine, Asked(vector, vector), None, EXACT)
            place, _, likeliest = _best_places(calibration, scored, None, least=WEAK)
        return place, likeliest

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
        feedback: Feedback = NOTHING_SAID,
    ) -> Frames:
        """The cosines of every tile of the query's area and dates at each of many moments, in one pass.

        Args:
            collection_name: The collection of tiles, by its alias or version.
            query: The question; its own moment plays no part.
            whens: The moments, wall-clock time at the place.
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
                cosine = columns.frames(vector, list(whens), rows=rows)
            else:
                each = zip(moved, whens, strict=True)
                cosine = np.stack([columns.cosines(one, when=when, rows=rows) for one, when in each])
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

    def _judge(self, collection: Collection, query: Query) -> Judge:
        """What gives tiles their relevance: the calibration, behind the fit of the text if it has one that holds."""
        calibration, fit = self._calibration(collection), fit_for(collection, query)
        if fit is None or not fit.holds or isinstance(calibration, Unrated):
            return calibration
        return Refitted(calibration, fit)

    def _said_of_relevance(self, collection: Collection, query: Query, judge: Judge) -> str | None:
        """What should be known of relevance; that the text has a fit which is not applied, too."""
        fit = fit_for(collection, query)
        return joined(said_of(judge, query), None if fit is None or fit.holds else fit.note())

    def _languages(self, collection: Collection, query: Query) -> str | None:
        """Which texts were read as another language than the model's own; None: none."""
        texts = self._vectors.read_otherwise(collection, query)
        said = " and ".join(f"“{text:.60}”" for text in texts)
        return f"{said} is read as another language than the model's own" if texts else None

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

    def _hits_among(
        self,
        collection: Collection,
        query: Query,
        asked: Asked,
        when: When,
        calibration: Judge,
        feedback: Feedback,
        among: frozenset[str] | None,
    ) -> tuple[Scored, Rows, Floats]:
        """As `_best`; of what an index proposes more is asked for where too little of it may be shown."""
        spare = len(feedback.no_hits)
        # of what is proposed, tiles that overlap or are of too little relevance fall out in `_best`
        k = max(query.k * (_SLACK if query.distinct or query.min_relevance else 1), AT_ANY_TIME) + spare
        most = min(MAX_K, _DEEPER * k)
        while True:
            scored = self._scored(collection, query, asked, when, among, spare=spare, k=k)
            with self._timed("rank"):
                scored, chosen, seen = self._best(calibration, query, scored, feedback.no_hits)
            cut_off = scored.method != EXACT and len(scored.cosine) >= k
            if len(chosen) >= query.k or not cut_off or k >= most:
                break
            k = min(most, 4 * k)
        if cut_off and len(chosen) < query.k:
            said = f"the index proposed {len(scored.cosine):,} tiles, of which no more may be shown; ask within an area"
            scored = replace(scored, said=joined(scored.said, said))
        return scored, chosen, seen

    def _scored(
        self,
        collection: Collection,
        query: Query,
        asked: Asked,
        when: When,
        among: frozenset[str] | None,
        *,
        spare: int,
        k: int,
    ) -> Scored:
        """Every tile that passes the filter, or above `Settings.exact_tiles` the k or more that the index proposes."""
        if self._small(collection):
            return self._scored_exactly(collection, query, asked, when, among, spare=spare)
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
                    pool = candidates(
                        index, sample, asked.steered, when=when, k=wanted, filter=filter_, timeless=asked.vector
                    )
                with self._timed("held"):
                    held = in_archive(pool, self.archive(collection), self._lookup(collection), surplus=lacking < 0)
                if held.all() or held.sum() >= k or wanted >= MAX_K:
                    break
                wanted = min(MAX_K, 4 * wanted)
        called = Aliases(self.catalog).asked_for(collection.name)
        return pool, np.flatnonzero(held), mismatch(called, strange=int((~held).sum()), lacking=lacking)

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
            return Scored(columns, rows, cosine, asked, when, EXACT)

    def _best(
        self, calibration: Judge, query: Query, scored: Scored, no_hits: frozenset[str]
    ) -> tuple[Scored, Rows, Floats]:
        """The scored tiles, which of them are the hits, best first, and the relevance of all that might have been."""
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
            shown = np.ones(len(at), np.bool_)
            if no_hits:
                shown[:] = [name not in no_hits for name in columns.ids(at)]
            # where there is no relevance, none is too little
            fit = np.flatnonzero(shown & ~(relevance < query.min_relevance))
            if query.distinct:
                fit = fit[distinct(columns.lat[at][fit], columns.lon[at][fit], columns.size_m[at][fit], query.k)]
            if len(fit) >= query.k or len(best) >= usable:
                fit = fit[: query.k]
                return scored, best[fit], relevance[shown]
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
        _, best, likeliest = _best_places(calibration, replace(scored, cosine=timeless), scored.when, least=POSSIBLE)
        return likeliest if len(best.now) and best.now.mean() < LIKELY else None

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

    def _filter(self, collection: Collection, query: Query) -> Filter:
        """A tile lies in an area when its footprint touches it; an index knows centres and widens by `reach_m`."""
        reach = float(collection.spec["largest_tile_m"]) / 2 * 2**0.5  # half a diagonal
        return Filter(area=query.area, reach_m=reach, acquired_from=query.acquired_from, acquired_to=query.acquired_to)

    def _why_empty(self, collection: Collection, query: Query) -> str:
        # only a field could say more, and a large collection is not opened for that
        columns = self.field(collection) if self._small(collection) else None
        return why_empty(collection.name, columns, self._filter(collection, query))


def _places(
    columns: ExactScorer, rows: Rows | None
) -> tuple[Sequence[str], npt.NDArray[np.float64], npt.NDArray[np.float64], Floats]:
    """Ids, latitudes, longitudes and sizes."""
    chosen = slice(None) if rows is None else rows
    return columns.row_ids(rows), columns.lat[chosen], columns.lon[chosen], columns.size_m[chosen]


def _looked_at(query: Query) -> int:
    """Of how many tiles with the highest cosines the relevance is looked at first: whether there is nothing, and which
    are the hits, is told from them."""
    return max(query.k * _SLACK, AT_ANY_TIME)


def _highest(relevance: Floats) -> float | None:
    """The highest relevance; None where none is known."""
    known = relevance[~np.isnan(relevance)]
    return round(float(known.max()), DIGITS) if len(known) else None


def _best_places(
    calibration: Judge, scored: Scored, when: When, *, least: float
) -> tuple[float, Judged, Likeliest | None]:
    """The relevance of the best tile at its best moment, the best tiles of at least so much, and when that is.

    Where there are such on both sides of the equator, whose years run the other way round, that is said of the side on
    which the best one is.

    Args:
        calibration: Of the collection.
        scored: At no moment.
        when: The moment at which they are judged.
        least: Tiles of less are left out.
    """
    columns, vector, cosine = scored.columns, scored.asked.vector, scored.cosine
    some = best_rows(cosine, AT_ANY_TIME, lambda rows: columns.ids(scored.at(rows)))[:AT_ANY_TIME]
    at = scored.at(some)
    then = cosine[some] if when is None else columns.cosines(vector, when=when, rows=at)
    judged = calibration.judged(columns, vector, then, when=when, rows=at)
    highest = float(np.nan_to_num(judged.place).max(initial=0.0))
    best = np.argsort(-judged.place, kind="stable")[:_TOGETHER].astype(np.int64)
    best = best[judged.place[best] >= max(least, highest / 2)]
    south = columns.lat[at[best]] < 0
    own = south == south[:1]  # of the best one's side
    likeliest = judged.at(best[own]).likeliest()
    if likeliest is not None and not own.all():
        likeliest = replace(likeliest, hemisphere="south" if south[0] else "north")
    return highest, judged.at(best), likeliest
