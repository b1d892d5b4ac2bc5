"""How the columns of a field follow the parts of an archive.

New parts are added as a run. Where a part was removed or replaced, where an id comes again, where a file is short or
of another model or version, and where runs have become many, everything is written anew as the next generation; who
still reads the old one keeps it. Of rows of equal id the last part by name has it. It does
not know queries or moments.
"""

import json
import logging
import shutil
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ingest.archive.files import FilePath
from ingest.archive.parts import Archive, opened_part, vector_array
from ingest.field.columns import (
    NO_DATE,
    Items,
    Layout,
    MappedColumns,
    Rows,
    Stamp,
    State,
    read_state,
    write_run,
    write_state,
)
from trainer.errors import ArchiveError, ModelMismatchError

logger = logging.getLogger(__name__)

MAX_RUNS = 256  # each costs a search by id a lookup
FEW_RUNS = 8
_BATCH = 8_192  # vectors read at a time
_SAFE_NORMS = 1e-3, 65_000.0  # norms between these have no value that float16 cannot hold, and are not all zeros
_ACQUIRED = {"tiles": "acquired_at", "gallery": "taken_utc"}


def bring_up_to_date(folder: Path, archive: Archive, layout: Layout) -> MappedColumns:
    """The columns, made to follow the archive's parts. The caller holds the lock.

    Raises:
        ArchiveError: A part is broken, or the field cannot be written.
        ModelMismatchError: A part comes from another model.
    """
    parts = archive.stamps()
    state = read_state(folder, layout)
    if state and not _follow(parts, state):
        # they went, or another process has brought the field further than these were listed: only a new look tells
        archive = archive.as_now()
        parts = archive.stamps()
    columns = _opened(folder, layout, state) if state else None
    if state and columns and state.parts == parts:
        return columns
    started = time.perf_counter()
    try:
        new = _append(folder, archive, layout, state, columns, parts) if state and columns else None
        state = new or _write_anew(folder, archive, layout, parts)
        write_state(folder, layout, state)
        columns = MappedColumns(folder, layout, state)
    except OSError as error:
        raise ArchiveError(
            f"{folder}: the field cannot be written ({error}); free disk space and run the same command again"
        ) from error
    _remove_others(folder, state.generation)
    seconds = time.perf_counter() - started
    how = "brought up to date" if new else "made"
    logger.info("%s: the field of %d rows from %d parts was %s in %.1f s", folder, state.n, len(parts), how, seconds)
    return columns


def _opened(folder: Path, layout: Layout, state: State) -> MappedColumns | None:
    try:
        return MappedColumns(folder, layout, state)
    except (OSError, ValueError) as error:
        logger.warning("%s: %s: the field is made anew from the archive", folder, error)
        return None


def _append(
    folder: Path, archive: Archive, layout: Layout, state: State, columns: MappedColumns, parts: dict[str, Stamp]
) -> State | None:
    """Adds the new parts as one run; None where the rows cannot stay as they are."""
    if not _follow(parts, state):
        logger.info("%s: parts were removed or replaced", folder)
        return None
    late = state.n - state.runs[0][1] if state.runs else 0
    # A late row is near its neighbours only within its own run: from half of all rows on, a new file is worth its cost.
    if not state.n or len(state.runs) >= MAX_RUNS or (len(state.runs) >= FEW_RUNS and late > state.n / 2):
        return None
    names = [name for name in parts if name not in state.parts]
    with archive.at_hand(names, beside=folder) as local:
        return _run(folder, local, layout, replace(state, parts=parts), columns, names)


def _follow(parts: dict[str, Stamp], state: State) -> bool:
    """Whether all that a state was made of is there, unchanged."""
    return all(parts.get(name) == stamp for name, stamp in state.parts.items())


def _run(
    folder: Path, archive: Archive, layout: Layout, state: State, columns: MappedColumns, names: list[str]
) -> State | None:
    """Writes the new parts; None where they hold ids that are there already."""
    items, starts, dim = _read_items(archive, names, layout)
    ids = items.ids.to_pylist()
    if len(set(ids)) < len(ids) or any(columns.row(item) is not None for item in ids):
        logger.info("%s: new parts hold ids that are there already", folder)
        return None
    if ids and dim != state.dim:
        raise _mixed(archive.folder / names[0], dim, state.dim)
    return _write(folder, archive, layout, state, names, items, starts, np.arange(len(ids)))


def _write_anew(folder: Path, archive: Archive, layout: Layout, parts: dict[str, Stamp]) -> State:
    """All parts as the one run of a new generation."""
    # a folder of its own: who has the old files mapped goes on with them
    numbers = [int(path.name[1:]) for path in folder.glob("g*") if path.name[1:].isdigit()]
    names = list(parts)
    folder.mkdir(parents=True, exist_ok=True)
    with archive.at_hand(names, beside=folder) as local:
        items, starts, dim = _read_items(local, names, layout)
        state = State(dim, f"g{max(numbers, default=0) + 1:06d}", [], 0, parts)
        return _write(folder, local, layout, state, names, items, starts, last_of_equal(items.ids))


def _write(
    folder: Path,
    archive: Archive,
    layout: Layout,
    state: State,
    names: list[str],
    items: Items,
    starts: list[int],
    rows: Rows,
) -> State:
    """Writes those rows of the items that have a direction, in order of place."""
    sound = _sound(archive, names)
    kept = rows[sound[rows]]
    if len(kept) < len(rows):
        logger.warning(
            "%s: %d items are left out, their vectors are zero or not finite: embed them again",
            folder,
            len(rows) - len(kept),
        )
    order = kept[by_place(items.lat[kept], items.lon[kept])]
    target = np.full(len(items.lat), -1, np.int64)  # [items], the row that each becomes; −1: none
    target[order] = np.arange(len(order))
    return write_run(folder, layout, state, items.take(order), _vectors(archive, names, starts, target))


def _vectors(
    archive: Archive, names: list[str], starts: list[int], target: Rows
) -> Iterator[tuple[Rows, npt.NDArray[np.float16]]]:
    """Vectors of the parts, and where they go; −1: nowhere."""
    import pyarrow as pa

    for name, start in zip(names, starts, strict=True):
        first = start
        with opened_part(archive.folder / name) as file:
            for batch in file.iter_batches(_BATCH, columns=["vector"]):
                to = target[first : first + batch.num_rows]
                first += batch.num_rows
                yield to[to >= 0], vector_array(pa.chunked_array([batch.column(0)]))[to >= 0]


def _sound(archive: Archive, names: list[str]) -> npt.NDArray[np.bool_]:
    """Which rows of the parts have a vector with a direction, as float16 too."""
    found = [np.empty(0, np.bool_)]
    for name in names:
        with opened_part(archive.folder / name) as file:
            norms = file.read(columns=["norm"]).column(0).to_numpy()
            # the norms tell it nearly always, and then no vector is read
            if ((norms > _SAFE_NORMS[0]) & (norms < _SAFE_NORMS[1])).all():
                found.append(np.ones(len(norms), np.bool_))
                continue
            vectors = vector_array(file.read(columns=["vector"]).column(0))
        found.append(np.asarray(np.isfinite(vectors).all(axis=1) & vectors.any(axis=1), np.bool_))
    return np.concatenate(found)


def _read_items(archive: Archive, names: list[str], layout: Layout) -> tuple[Items, list[int], int]:
    """All columns of some parts but the vectors; the first row of each part; the width of the vectors."""
    wanted = ["lat", "lon", archive.id_column, _ACQUIRED[archive.kind]]
    wanted += ["size_m"] if archive.kind == "tiles" else []
    tables, starts, n, dim = [], [], 0, 0
    for name in names:
        path = archive.folder / name
        with opened_part(path) as file:
            width = vector_width(path, file, layout.model_id)
            table = file.read(columns=wanted)
        if table.num_rows and dim and width != dim:
            raise _mixed(path, width, dim)
        dim = width if table.num_rows else dim
        tables.append(table)
        starts.append(n)
        n += table.num_rows
    return _items(archive, tables), starts, dim


def _items(archive: Archive, tables: list[Any]) -> Items:
    import pyarrow as pa
    import pyarrow.compute as pc

    if not tables:
        ids = pa.array([], pa.large_string())
        return Items(ids, np.empty(0), np.empty(0), np.empty(0, np.float32), np.empty(0, np.int64))
    table = pa.concat_tables(tables)
    n = table.num_rows
    lat, lon = (pc.fill_null(table[name].cast(pa.float64()), np.nan).to_numpy().copy() for name in ("lat", "lon"))
    if (off := np.flatnonzero((np.abs(lat) > 90) | (np.abs(lon) > 180))).size:
        item = table[archive.id_column][int(off[0])].as_py()
        raise ArchiveError(
            f"{archive.folder}: item {item!r} lies at lat {lat[off[0]]}, lon {lon[off[0]]}, which is not on the globe; "
            "remove its part and ingest it again"
        )
    # one coordinate without the other is no place
    lat[~np.isfinite(lon)] = np.nan
    lon[~np.isfinite(lat)] = np.nan
    taken = table[_ACQUIRED[archive.kind]].cast(pa.timestamp("us", "UTC")).cast(pa.int64())
    size_m = table["size_m"].to_numpy().astype(np.float32) if archive.kind == "tiles" else np.zeros(n, np.float32)
    ids = table[archive.id_column].cast(pa.large_string()).combine_chunks()
    return Items(ids, lat, lon, size_m, pc.fill_null(taken, NO_DATE).to_numpy())


def last_of_equal(ids: Any) -> Rows:
    """Rows that count: of equal ids, an Arrow array of strings, the last."""
    if not len(ids):
        return np.empty(0, np.int64)
    codes = ids.dictionary_encode().indices.to_numpy()
    last = np.empty(int(codes.max()) + 1, np.int64)
    last[codes] = np.arange(len(codes))  # of equal ids the last assignment stays
    return np.flatnonzero(last[codes] == np.arange(len(codes)))


def by_place(lat: npt.NDArray[np.float64], lon: npt.NDArray[np.float64]) -> Rows:
    """An order in which neighbours on the map follow each other, the Z-curve; unknown places come last."""
    known = np.isfinite(lat)
    y = _spread(np.where(known, (lat + 90) / 180, 0))
    x = _spread(np.where(known, (lon + 180) / 360, 0))
    code = np.where(known, x | (y << np.uint64(1)), np.iinfo(np.uint64).max)
    return np.argsort(code, kind="stable").astype(np.int64)


def _spread(share: npt.NDArray[np.float64]) -> npt.NDArray[np.uint64]:
    """Numbers 0..1 as 31 bits, with a zero between any two of them."""
    bits = (share * (2**31 - 1)).astype(np.uint64)
    # each step parts the bits into groups of half the length, with as many zeros between (Morton order)
    for shift in (16, 8, 4, 2, 1):
        mask = np.uint64(sum(((1 << shift) - 1) << at for at in range(0, 64, 2 * shift)))
        bits = (bits | (bits << np.uint64(shift))) & mask
    return bits


def part_meta(file: Any) -> dict[str, Any]:
    """What an open part says of itself."""
    told: dict[str, Any] = json.loads((file.schema_arrow.metadata or {}).get(b"groundcast", b"{}"))
    return told


def vector_width(path: FilePath, file: Any, model_id: str) -> int:
    """Width of the vectors of an open part.

    Raises:
        ModelMismatchError: The part says that another model made them.
    """
    meta = part_meta(file)
    if meta.get("model_id", model_id) != model_id:
        raise ModelMismatchError(
            f"{path}: made by model {meta['model_id']}, the collection's is {model_id}: "
            "remove the part, or ingest with one model into one collection"
        )
    return int(file.schema_arrow.field("vector").type.list_size)


def _mixed(path: FilePath, width: int, dim: int) -> ModelMismatchError:
    return ModelMismatchError(
        f"{path}: vectors of {width} values among others of {dim}, they are of another model: "
        "remove the part, or ingest with one model into one collection"
    )


def _remove_others(folder: Path, generation: str) -> None:
    """Removes older generations, and what a killed process left of a newer one or of copies of parts."""
    for path in folder.glob("g*"):
        if path.is_dir() and path.name != generation:
            shutil.rmtree(path, ignore_errors=True)
