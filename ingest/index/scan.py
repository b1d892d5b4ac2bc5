"""Exact answers straight from the archive's parts, read-only and without a lock.

Used while another process holds the embedded index. In memory are one row group of small columns, `_ROWS` vectors, and
one byte an item that says whether it counts: where an id stands in several parts, the last part by name has it. Parts
never change, so those bytes are kept between queries; finding them takes all ids at once, and no vector.

It does not know engines, and it does not write.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Any, NoReturn, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import shapely

from ingest.archive.files import FilePath, Stamp
from ingest.archive.parts import ID_COLUMN, Archive, Kind, Part, opened_part, points, vector_array
from ingest.geo.outline import widened
from ingest.index.protocol import SCORE_DIGITS, Filter, Match, Points, Vector, query_vector, touching
from trainer.errors import VectorIndexError

_ROWS = 8_192  # 16 MB of 512-d vectors

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class _Group:
    """An open row group, and which of its rows match."""

    path: FilePath
    number: int
    file: Any
    mask: Mask

    def ids(self) -> Any:
        """Arrow column of its ids."""
        return self.file.read_row_group(self.number, columns=[_id_column(self.file)]).column(0)


@dataclass(frozen=True)
class _Candidate:
    """A hit whose payload has not been read yet."""

    score: float
    item_id: str
    path: FilePath
    group: int
    row: int


class ScanIndex:
    """The reading half of `ingest.index.protocol.Index` over an archive; what would write raises.

    Args:
        name: Collection.
        dim: Length of its vectors.
        archive: Its parts, listed before every call, so new ones are seen.
    """

    def __init__(self, name: str, dim: int, *, archive: Archive) -> None:
        self.name = name
        self.dim = dim
        self._archive = archive
        self._live: dict[FilePath, Mask] = {}
        self._live_stamps: dict[str, Stamp] = {}

    def __repr__(self) -> str:
        return f"ScanIndex({self.name!r}, dim={self.dim})"

    def query(self, vector: npt.ArrayLike, k: int, filter: Filter | None = None) -> list[Match]:
        """The k best items; see `ingest.index.protocol.Index.query`."""
        unit = query_vector(vector, k, name=self.name, dim=self.dim)
        best: list[_Candidate] = []
        for group in self._groups(filter):
            ids = group.ids()
            for rows, vectors in _vectors(group, group.mask, self.dim):
                best = _best(best, _scored(unit, rows, vectors), k, group, ids)
        payloads = _payloads(best)
        return [Match(hit.item_id, hit.score, payloads[hit.item_id]) for hit in best]

    def count(self, filter: Filter | None = None) -> int:
        """Number of items, exactly."""
        return sum(int(group.mask.sum()) for group in self._groups(filter))

    def ids(self) -> set[str]:
        """Ids of all items."""
        return {item for path in self._archive.parts() for item in _ids(path)}

    def vectors(self, ids: Iterable[str]) -> dict[str, Vector]:
        """Unit vectors [d] of those ids that are there."""
        wanted = pa.array(sorted(set(ids)), pa.string())
        found: dict[str, Vector] = {}
        for group in self._groups(None):
            column = group.ids()
            hit = np.asarray(pc.is_in(column, value_set=wanted).to_numpy(), dtype=np.bool_) & group.mask
            for rows, vectors in _vectors(group, hit, self.dim):
                norms = np.linalg.norm(vectors, axis=1, keepdims=True)
                found.update(zip(column.take(pa.array(rows)).to_pylist(), vectors / norms, strict=True))
        return found

    def optimize(self) -> None:
        """Nothing to build."""

    def close(self) -> None:
        """Nothing to release."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def upsert(self, points: Points) -> None:  # noqa: ARG002  the protocol's signature
        """Refuses."""
        self._refuse()

    def delete(self, ids: Iterable[str]) -> None:  # noqa: ARG002  the protocol's signature
        """Refuses."""
        self._refuse()

    def drop(self) -> None:
        """Refuses."""
        self._refuse()

    def serve_as(self, alias: str) -> None:
        """Nothing to call: nobody else reads it."""

    def _refuse(self) -> NoReturn:
        raise VectorIndexError(
            f"index {self.name!r} is only read here, from the archive, because another process holds it: "
            "close that process, then run the command again"
        )

    def _groups(self, filter: Filter | None) -> Iterator[_Group]:
        """Row groups that hold any match, part by part."""
        if filter is not None and filter.nothing:
            return
        outline = None if filter is None or filter.area is None else widened(filter.area, filter.reach_m)
        for path, live in self._counting().items():
            with opened_part(path) as file:
                start = 0
                for group in range(file.num_row_groups):
                    rows = file.metadata.row_group(group).num_rows
                    mask = live[start : start + rows]
                    start += rows
                    if filter is not None:
                        mask = mask & _matching(file, group, filter, outline)
                    if mask.any():
                        yield _Group(path, group, file, mask)

    def _counting(self) -> dict[FilePath, Mask]:
        """Which rows of each part count, part by part in order of names."""
        stamps = self._archive.stamps()
        if stamps != self._live_stamps:
            seen: set[str] = set()
            live: dict[FilePath, Mask] = {}
            for name in reversed(stamps):
                path = self._archive.folder / name
                live[path] = _unseen(_ids(path), seen)
            self._live, self._live_stamps = dict(reversed(live.items())), stamps
        return self._live


def _id_column(file: Any) -> str:
    return next(name for name in ID_COLUMN.values() if name in file.schema_arrow.names)


def _ids(path: FilePath) -> list[str]:
    with opened_part(path) as file:
        ids: list[str] = file.read(columns=[_id_column(file)]).column(0).to_pylist()
    return ids


def _unseen(ids: list[str], seen: set[str]) -> Mask:
    """Which of a part's rows count, the last of equal ones; adds them to those seen in later parts."""
    mask = np.zeros(len(ids), dtype=np.bool_)
    for row in range(len(ids) - 1, -1, -1):
        if ids[row] not in seen:
            seen.add(ids[row])
            mask[row] = True
    return mask


def _matching(file: Any, group: int, filter: Filter, outline: Any) -> Mask:
    """Rows of a row group that satisfy a filter, footprints tested exactly."""
    names = [name for name in ("lat", "lon", "size_m", "acquired_at") if name in file.schema_arrow.names]
    table = file.read_row_group(group, columns=names)
    mask = np.ones(table.num_rows, dtype=np.bool_)
    if filter.acquired_from or filter.acquired_to:
        mask &= _dated(table, filter)
    if outline is not None and filter.area is not None:
        lats, lons = (table[name].to_numpy().astype(np.float64) for name in ("lat", "lon"))
        sizes = table["size_m"].to_numpy() if "size_m" in names else np.zeros(table.num_rows)
        mask &= np.asarray(shapely.intersects_xy(outline, lons, lats), dtype=np.bool_)
        near = np.flatnonzero(mask)
        mask[near] = touching(filter.area, lats[near], lons[near], sizes[near])
    return mask


def _dated(table: Any, filter: Filter) -> Mask:
    if "acquired_at" not in table.column_names:
        return np.zeros(table.num_rows, dtype=np.bool_)
    taken = table["acquired_at"].cast(pa.timestamp("us", "UTC"))
    mask = taken.is_valid()
    for when, keeps in ((filter.acquired_from, pc.greater_equal), (filter.acquired_to, pc.less_equal)):
        if when is not None:
            mask = pc.and_(mask, keeps(taken, pa.scalar(when, pa.timestamp("us", "UTC"))))
    return np.asarray(pc.fill_null(mask, fill_value=False).to_numpy(), dtype=np.bool_)


def _vectors(group: _Group, mask: Mask, dim: int) -> Iterator[tuple[npt.NDArray[np.intp], Vector]]:
    """Matching rows of a row group, `_ROWS` at a time: row numbers [n] and float32 vectors [n, d]."""
    start = 0
    for batch in group.file.iter_batches(_ROWS, row_groups=[group.number], columns=["vector"]):
        rows = np.flatnonzero(mask[start : start + batch.num_rows])
        if rows.size:
            vectors = vector_array(pa.chunked_array([batch.column(0)]))
            if vectors.shape[1] != dim:
                raise VectorIndexError(
                    f"a part holds vectors of {vectors.shape[1]} values, the collection {dim}: "
                    "run `groundcast verify NAME`"
                )
            yield rows + start, vectors[rows].astype(np.float32)
        start += batch.num_rows


def _scored(
    unit: Vector, rows: npt.NDArray[np.intp], vectors: Vector
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.float64]]:
    """Cosines of those rows that have one."""
    norms = np.linalg.norm(vectors, axis=1)
    sound = np.isfinite(norms) & (norms > 0)
    scores = (vectors[sound] @ unit) / norms[sound]
    return rows[sound], np.round(scores.astype(np.float64), SCORE_DIGITS)


def _best(
    best: list[_Candidate],
    scored: tuple[npt.NDArray[np.intp], npt.NDArray[np.float64]],
    k: int,
    group: _Group,
    ids: Any,
) -> list[_Candidate]:
    """The k best of those so far and a batch, ties by id."""
    rows, scores = scored
    least = best[-1].score if len(best) == k else -np.inf
    if len(scores) > k:
        least = max(least, float(np.partition(scores, -k)[-k]))
    chosen = np.flatnonzero(scores >= least)
    names = ids.take(pa.array(rows[chosen])).to_pylist()
    new = [
        _Candidate(float(scores[i]), name, group.path, group.number, int(rows[i]))
        for i, name in zip(chosen, names, strict=True)
    ]
    return sorted(best + new, key=lambda hit: (-hit.score, hit.item_id))[:k]


def _payloads(hits: list[_Candidate]) -> dict[str, dict[str, Any]]:
    """Payloads by id, as the archive makes them for the other backends."""
    found: dict[str, dict[str, Any]] = {}
    for path in {hit.path for hit in hits}:
        with opened_part(path) as file:
            kind: Kind = "tiles" if _id_column(file) == ID_COLUMN["tiles"] else "gallery"
            columns = [name for name in file.schema_arrow.names if name not in ("geometry", "bbox")]
            for group in {hit.group for hit in hits if hit.path == path}:
                rows = [hit.row for hit in hits if (hit.path, hit.group) == (path, group)]
                table = file.read_row_group(group, columns=columns).take(pa.array(rows))
                made = points(Part(path.stem, table, {}), kind)
                found.update(zip(made.ids, made.payloads, strict=True))
    return found
