"""The field: the exact cosine of every tile of a collection with any query, at any moment.

cos(S, q) with S what the model makes of O at a place and a moment, from memory-mapped columns that follow the archive
(`ingest.field.columns`) and the factorised formula (`ingest.field.place_time`). Fixed memory: columns are read block by
block, by several threads.
The columns are float16 and float32; the score is exact for the stored vectors, up to float32 rounding.

Who wants the best alone (`best`) gets those exactly, and of the rest that they are none.

It does not know texts, models' files, or what a cosine means to a person.
"""

import logging
import os
import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from cachetools import LRUCache
from filelock import FileLock, Timeout

from ingest.archive.parts import Archive, Kind
from ingest.field.area import Whereabouts
from ingest.field.blocks import each_block
from ingest.field.columns import NO_DATE, Layout, MappedColumns
from ingest.field.dot_products import dot_products, rough_products
from ingest.field.encoder import FieldEncoder
from ingest.field.floor import Floor
from ingest.field.ids import RowIds
from ingest.field.parts import bring_up_to_date
from ingest.field.place_time import Moments, TileBlock
from ingest.index.protocol import Filter
from trainer.encoding import When
from trainer.errors import ArchiveError, UsageError, VectorIndexError

logger = logging.getLogger(__name__)

__all__ = ["NO_DATE", "ExactScorer", "FieldEncoder", "open_scorer"]

Floats = npt.NDArray[np.float32]
Rows = npt.NDArray[np.int64]

BLOCK = 7_680  # rows at a time: enough for work that is the same for all of a block, and neighbours still
LOCK = "field.lock"
_LARGE = 100_000  # rows: of fewer all are worked out, and the products kept for the next moment
_ROUNDING = 1e-5  # more than float32 loses in a bound, and than what counts as a tie
KEPT_BYTES = 64 * 2**20
"""Memory for the dot products of the last queries; those of the very last one are always kept."""


class ExactScorer:
    """The tiles or photos of one collection, as columns. Read-only; may be used from several threads.

    Rows are numbered in an order of their own, neighbours on the map near each other; it may change when parts come.

    Attributes:
        kind: ``tiles`` or ``gallery``.
        n: Number of rows.
        dim: Width of the vectors.
        lat: Centres, degrees north, float64 [n]; NaN where unknown.
        lon: Centres, degrees east, float64 [n]; NaN where unknown.
        size_m: Sides, metres, float32 [n]; 0 for photos.
        acquired_us: Microseconds since 1970 UTC, int64 [n]; `NO_DATE` where unknown.
    """

    def __init__(self, kind: Kind, columns: MappedColumns, encoder: FieldEncoder | None, *, threads: int) -> None:
        self.kind: Kind = kind
        self.n, self.dim = columns.n, columns.dim
        self.lat, self.lon, self.size_m = columns.lat, columns.lon, columns.size_m
        self.acquired_us = columns.acquired_us
        self._columns, self._encoder, self._threads = columns, encoder, threads
        self._whereabouts = Whereabouts(self.lat, self.lon, self.size_m)
        self._kept: LRUCache[bytes, Floats] = LRUCache(max(1, KEPT_BYTES // max(1, 4 * self.n)))
        self._lock = threading.Lock()

    @property
    def fingerprint(self) -> str:
        """A text that is another where rows, their order or the model is; it is read from some thousand rows."""
        return self._columns.fingerprint

    def ids(self, rows: Rows | None = None) -> list[str]:
        """Ids of those rows, or of all n."""
        return self._columns.ids(rows)

    def row_ids(self, rows: Rows | None = None) -> RowIds:
        """Ids of those rows, which ascend, or of all n, each decoded when it is looked at."""
        return RowIds(self._columns, rows)

    def row(self, item_id: str) -> int | None:
        """Row of an id, or None where there is no such item."""
        return self._columns.row(item_id)

    def rows(self, filter: Filter | None) -> Rows | None:
        """Rows that satisfy a filter, ascending, int64 [m]; None: every row.

        Photos are dated by when they were taken.
        """
        if filter is None or (filter.area is None and not (filter.acquired_from or filter.acquired_to)):
            return None
        found = np.arange(self.n) if filter.area is None else self._whereabouts.touching(filter.area, filter.reach_m)
        dates = self.acquired_us[found]
        mask = np.ones(len(found), np.bool_)
        if filter.acquired_from:
            mask &= (dates != NO_DATE) & (dates >= _microseconds(filter.acquired_from))
        if filter.acquired_to:
            mask &= (dates != NO_DATE) & (dates <= _microseconds(filter.acquired_to))
        return found[mask]

    def vectors(self, rows: Rows) -> Floats:
        """Unnormalised vectors O of some rows, float32 [m, d]."""
        return self._columns.vectors[rows].astype(np.float32)

    def predicted(self, rows: Rows, *, when: When) -> Floats:
        """S of some rows at a moment, unnormalised, float32 [m, d]; without a moment S = O. See `cosines`."""
        vectors = self.vectors(rows)
        encoder = self._encoder_for([when])
        if encoder is None or not self.n:
            return vectors
        return encoder.at(vectors, self._columns.place[rows], self._placed(rows), when=when)

    def cosines(self, query: Floats, *, when: When = None, rows: Rows | None = None) -> Floats:
        """Cosine of every row, or of some, with a query at a moment: float32 [n] or [m].

        Args:
            query: float32 [d], of any length but zero.
            when: Wall-clock time at the place; None: time plays no part, S = O.
            rows: Which rows, int64 [m]; None: all.

        Raises:
            VectorIndexError: The query is zero, not finite, or of another width.
            UsageError: `when` is given and the model knows no time.
        """
        cosines: Floats = self._scores(self._unit(np.asarray(query)[None]), [when], rows)[0, 0]
        return cosines

    def best(self, query: Floats, count: int, *, when: When = None, rows: Rows | None = None) -> Floats:
        """Cosines as `cosines` has them, exact, of the `count` highest and what ties with them: float32 [n] or [m].

        −inf where a row is none of these; such rows are mostly not worked out to the end: a product with the query
        rounded to float16, and ‖S‖² without its costliest part, bound them from above. Arguments as for `cosines`.
        """
        n = self.n if rows is None else len(rows)
        unit = self._unit(np.asarray(query)[None])
        known = self._remembered(unit)
        encoder = self._encoder_for([when])
        # with all products known and no moment there is nothing to spare
        if n < _LARGE or (encoder is None and known is not None):
            return self.cosines(query, when=when, rows=rows)
        moments = None if encoder is None else Moments(encoder, [when], unit)
        rounded = unit.astype(np.float16)
        slack = 0.0 if known is not None else float(np.linalg.norm(unit - rounded)) + _ROUNDING
        floor, found = Floor(count), np.full(n, -np.inf, np.float32)

        def work(start: int, stop: int) -> None:
            chosen = slice(start, stop) if rows is None else rows[start:stop]
            dots = rough_products(rounded, self._columns.vectors[chosen]) if known is None else known[:, chosen]
            tiles = self._tiles(dots, chosen)
            upper = tiles.plain() + np.float32(slack) if moments is None else moments.upper(tiles, slack)
            # what has no bound, being no number, is worked out too
            some = np.flatnonzero(~(upper[0] < floor.value - _ROUNDING))
            if not len(some):
                return
            at = start + some if rows is None else rows[start:stop][some]
            if known is None:
                exact = np.empty((1, len(at)), np.float32)
                dot_products(unit, self._columns.vectors, at, exact)
            else:
                exact = known[:, at]
            tiles, out = self._tiles(exact, at), np.empty((1, 1, len(at)), np.float32)
            if moments is None:
                out[0] = tiles.plain()
            else:
                moments.cosines(tiles, out)
            found[start + some] = out[0, 0]
            floor.rise(out[0, 0])

        each_block(n, BLOCK, work, threads=self._threads)
        return found

    def frames(self, query: Floats, whens: Sequence[When], *, rows: Rows | None = None) -> Floats:
        """Cosines with one query at T moments, in one pass: float32 [T, n] or [T, m]; see `cosines`."""
        return self._scores(self._unit(np.asarray(query)[None]), whens, rows)[:, 0]

    def products(self, queries: Floats, *, when: When = None, rows: Rows | None = None) -> Floats:
        """Cosines with b queries at one moment, float32 [b, n] or [b, m]; see `cosines`."""
        cosines: Floats = self._scores(self._unit(np.asarray(queries)), [when], rows)[0]
        return cosines

    def _scores(self, unit: Floats, whens: Sequence[When], rows: Rows | None) -> Floats:
        """Cosines with unit queries, [T, b, n] or [T, b, m]."""
        encoder, known = self._encoder_for(whens), self._known(unit, rows)
        moments = None if encoder is None else Moments(encoder, whens, unit)
        shape = (len(unit), self.n if rows is None else len(rows))
        out = np.empty((len(whens), *shape), np.float32)
        # one query with all rows: kept, for the same words at another moment or with another filter
        new = np.empty(shape, np.float32) if known is None and rows is None and len(unit) == 1 else None

        def work(start: int, stop: int) -> None:
            chosen = slice(start, stop) if rows is None else rows[start:stop]
            if known is not None:
                block = known[:, chosen]
            else:
                block = np.empty((len(unit), stop - start), np.float32) if new is None else new[:, start:stop]
                dot_products(unit, self._columns.vectors, chosen, block)
            tiles = self._tiles(block, chosen)
            if moments is None:
                out[:, :, start:stop] = tiles.plain()
            else:
                moments.cosines(tiles, out[:, :, start:stop])

        each_block(shape[1], BLOCK, work, threads=self._threads)
        if new is not None:
            self._keep(unit, new)
        return out

    def _encoder_for(self, whens: Sequence[When]) -> FieldEncoder | None:
        """The encoder, if it is needed.

        Raises:
            UsageError: It is, and the model has none.
        """
        if all(when is None for when in whens):
            return None
        if self._encoder is None:
            raise UsageError("the model of this collection knows neither place nor time: leave the moment out")
        return self._encoder

    def _unit(self, queries: npt.NDArray[np.floating[Any]]) -> Floats:
        """Unit queries, float32 [b, d]."""
        exact = queries.astype(np.float64)
        if exact.ndim != 2 or (self.n and exact.shape[1] != self.dim):
            raise VectorIndexError(
                f"the collection holds vectors of {self.dim} values, the query has shape {queries.shape[1:]}: "
                "embed it with the model of the collection"
            )
        norms = np.linalg.norm(exact, axis=1, keepdims=True)
        if not (np.isfinite(norms).all() and (norms > 0).all()):
            raise VectorIndexError("the query is zero or not finite: it has no direction to search in")
        unit: Floats = (exact / norms).astype(np.float32)
        return unit

    def _known(self, unit: Floats, rows: Rows | None) -> Floats | None:
        """O·q of all n with one query, [1, n], as computed before, not to be changed; None: compute what is needed."""
        if len(unit) != 1:
            return None
        known = self._remembered(unit)
        if known is None and rows is not None and len(rows) > self.n / 2:  # then all of them, for the next question
            self._scores(unit, [None], None)
            return self._known(unit, None)
        return known

    def _remembered(self, unit: Floats) -> Floats | None:
        with self._lock:
            return self._kept.get(unit.tobytes())

    def _keep(self, unit: Floats, dots: Floats) -> None:
        with self._lock:
            self._kept[unit.tobytes()] = dots

    def _tiles(self, dots: Floats, chosen: slice | Rows) -> TileBlock:
        columns = self._columns
        return TileBlock(
            dots=dots,
            squares=columns.squares[chosen],
            shifted=columns.shifted[chosen],
            factors=columns.factors[chosen],
            directions=columns.directions[chosen],
            place=columns.place[chosen],
            placed=self._placed(chosen),
        )

    def _placed(self, rows: Rows | slice) -> npt.NDArray[np.bool_]:
        known: npt.NDArray[np.bool_] = np.isfinite(self.lat[rows])
        return known


def open_scorer(
    folder: Path, archive: Archive, *, model_id: str, encoder: FieldEncoder | None, threads: int | None = None
) -> ExactScorer:
    """Open the field of a collection, after bringing its columns up to date with the archive's parts.

    One process at a time does that; others wait, and then find it done.

    Args:
        folder: Where the columns are; made when missing.
        archive: Its parts are what the columns follow.
        model_id: Of the model that made the vectors; columns of another are made anew.
        encoder: The model's encoder of place and time; None: it has none.
        threads: How many work at a query; None: one a core.

    Raises:
        ArchiveError: A part is broken, or the columns cannot be written.
        ModelMismatchError: A part comes from another model.
    """
    layout = Layout(archive.kind, model_id, encoder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / LOCK)
        try:
            lock.acquire(timeout=0.2)  # short, so that a longer wait is told
        except Timeout:
            logger.info("%s: another process is at work on the field: waiting for it", folder)
            lock.acquire()
    except OSError as error:
        raise ArchiveError(f"{folder}: the field cannot be written ({error}); choose another home folder") from error
    try:
        columns = bring_up_to_date(folder, archive, layout)
    finally:
        lock.release()
    return ExactScorer(archive.kind, columns, encoder, threads=threads or os.cpu_count() or 1)


def _microseconds(when: datetime) -> int:
    return round((when.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() * 1_000_000)
