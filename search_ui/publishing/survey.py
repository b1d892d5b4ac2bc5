"""A look over the parts of an archive before any vector is read: which rows count, their order, how far they reach.

Some hundred bytes a tile are held, whatever the width of its vector. Of rows of equal id the last part by name has it,
as in the field. It does not know files.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ingest.archive.files import FilePath
from ingest.archive.parts import Archive, opened_part
from ingest.archive.prefetch import prefetched
from ingest.field.columns import NO_DATE
from ingest.field.parts import last_of_equal, part_meta, vector_width
from ingest.geo.footprints import Places
from search_ui.publishing.extent import TileExtent, extent_of
from search_ui.publishing.hilbert import hilbert_keys
from trainer.errors import ArchiveError, GroundcastError, ModelMismatchError, UsageError

if TYPE_CHECKING:
    import pyarrow as pa

_COLUMNS = ["tile_id", "lat", "lon", "size_m", "acquired_at", "gsd_m", "norm"]

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Survey:
    """The tiles of a collection, in the order in which they are published.

    Attributes:
        archive: Its parts, in a local folder.
        dim: Width of the vectors.
        names: Of the parts, with their suffix.
        starts: Number of the first row of each part, counted through all of them; one more: of all rows.
        target: Where each row goes, [rows]; -1: nowhere, a later part has its id.
        places: Centres and sides, [n], in the order.
        acquired: Microseconds since 1970 in UTC, [n]; `NO_DATE`: not known.
        gsd_m: Median of the ground sample distances; None: none is known.
        told: ``source`` and ``attribution`` that each part says, [parts].
        without_direction: Tiles whose vector is zero or not finite: no search finds them.
    """

    archive: Archive
    dim: int
    names: tuple[str, ...]
    starts: tuple[int, ...]
    target: Rows
    places: Places
    acquired: npt.NDArray[np.int64]
    gsd_m: float | None
    told: tuple[tuple[str | None, str | None], ...]
    without_direction: int

    def __len__(self) -> int:
        return len(self.acquired)

    @property
    def dated(self) -> bool:
        """Whether it is known of any tile when its imagery was taken."""
        return bool((self.acquired != NO_DATE).any())

    def extent(self, some: slice = slice(None)) -> TileExtent:
        """How far tiles of those numbers reach."""
        where = self.places
        return extent_of(Places(where.lat[some], where.lon[some], where.size_m[some]), self.acquired[some])

    def sources(self) -> list[dict[str, str | None]]:
        """The imagery of its parts, each once, in their order."""
        return [{"source": source, "attribution": credit} for source, credit in dict.fromkeys(self.told)]


def check_unchanged(listed: Archive, names: tuple[str, ...]) -> None:
    """Look at an archive once more; parts that have come since do not matter.

    Args:
        listed: The archive as it was listed, see `Archive.as_now`.
        names: Of the parts that were read.

    Raises:
        GroundcastError: One was removed or replaced: what was read may be of two states.
    """
    before, now = listed.stamps(), Archive(listed.folder, listed.kind).stamps()
    gone = [name for name in names if now.get(name) != before[name]]
    if gone:
        raise GroundcastError(
            f"{listed.folder}: {len(gone)} of {len(names)} parts, such as {gone[0]}, were removed or replaced while "
            "they were published: run the command again"
        )


def survey(archive: Archive, model_id: str) -> Survey:
    """Look over an archive of tiles.

    Args:
        archive: Its parts by one listing, in a local folder: they are read twice, see `Archive.at_hand`.
        model_id: Of the collection.

    Raises:
        UsageError: There is no tile.
        ArchiveError: A part is broken.
        ModelMismatchError: A part comes from another model.
    """
    import pyarrow as pa

    parts = [part for part in _parts(archive, model_id) if part.table.num_rows]
    if not parts:
        raise UsageError(f"{archive.folder.name!r} holds no tiles yet, so there is nothing to publish: ingest first")
    widths = {part.dim for part in parts}
    if len(widths) > 1:
        raise ModelMismatchError(f"{archive.folder}: vectors of {sorted(widths)} values, they are of several models")
    table = pa.concat_tables([part.table for part in parts])
    kept = last_of_equal(table["tile_id"].cast(pa.large_string()).combine_chunks())
    lat, lon = (table[name].to_numpy()[kept] for name in ("lat", "lon"))
    _check_places(archive, table, lat, lon, kept)
    order = np.argsort(hilbert_keys(lat=lat, lon=lon), kind="stable")
    target = np.full(table.num_rows, -1, np.int64)
    target[kept[order]] = np.arange(len(order))
    kept = kept[order]
    norms, gsd = (table[name].to_numpy()[kept] for name in ("norm", "gsd_m"))
    known = gsd[np.isfinite(gsd)]
    starts = np.cumsum([0, *(part.table.num_rows for part in parts)])
    return Survey(
        archive=archive,
        dim=widths.pop(),
        names=tuple(part.path.name for part in parts),
        starts=tuple(int(start) for start in starts),
        target=target,
        places=Places(lat[order], lon[order], table["size_m"].to_numpy()[kept].astype(np.float64)),
        acquired=_microseconds(table["acquired_at"])[kept],
        gsd_m=float(np.median(known)) if len(known) else None,
        told=tuple(part.told for part in parts),
        without_direction=int((~(np.isfinite(norms) & (norms > 0))).sum()),
    )


@dataclass(frozen=True)
class _Part:
    path: FilePath
    dim: int
    told: tuple[str | None, str | None]
    table: "pa.Table"


def _parts(archive: Archive, model_id: str) -> Iterator[_Part]:
    def look(path: FilePath) -> _Part:
        with opened_part(path) as file:
            meta: dict[str, Any] = part_meta(file)
            told = meta.get("source"), meta.get("attribution")
            return _Part(path, vector_width(path, file, model_id), told, file.read(columns=_COLUMNS))

    yield from prefetched(look, archive.parts())


def _check_places(archive: Archive, table: "pa.Table", lat: Any, lon: Any, kept: Rows) -> None:
    off = np.flatnonzero(~((np.abs(lat) <= 90) & (np.abs(lon) <= 180)))
    if len(off):
        tile = table["tile_id"][int(kept[off[0]])].as_py()
        raise ArchiveError(
            f"{archive.folder}: tile {tile!r} lies at lat {lat[off[0]]}, lon {lon[off[0]]}, which is not on the globe; "
            "remove its part and ingest it again"
        )


def _microseconds(column: "pa.ChunkedArray") -> npt.NDArray[np.int64]:
    import pyarrow as pa
    import pyarrow.compute as pc

    moments = column.cast(pa.timestamp("us", "UTC")).cast(pa.int64())
    return np.asarray(pc.fill_null(moments, NO_DATE).to_numpy(), np.int64)
