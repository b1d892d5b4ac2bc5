"""The files of a field: columns of equal length, memory-mapped.

Format: ``field.json`` (format, kind, model_id, encoder, dim, generation, runs, id_bytes, parts, sums, and a checksum of
all that) beside a folder, the generation, of raw little-endian columns:

    vectors f16 [n, d] · squares, shifted f32 [n] (‖O‖², ‖O‖² + 2 O·b2) · factors f32 [n, h] (P) · place f32 [n, p] ·
    directions f32 [n, r] (g, where the moment meets the tile) ·
    lat, lon f64 [n] · size_m f32 [n] · acquired_us i64 [n] ·
    id_ends i64 [n] · id_bytes u8 · id_order i64 [n] (rows of a run by id, for searching)

Rows are added in runs and never changed. Within a run, neighbours on the map are neighbours in the file.
``field.json`` is replaced last, so what a killed process added is written over. It does not know archives or queries.
"""

import hashlib
import json
import logging
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ingest.field.encoder import FieldEncoder

logger = logging.getLogger(__name__)

FORMAT = 3
STATE = "field.json"
_OWN_SUM = "sha256"
_BLOCK_BYTES = 2**22
NO_DATE = int(np.iinfo(np.int64).min)  # also NumPy's NaT
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Rows = npt.NDArray[np.int64]
Stamp = tuple[int, int]


def acquired_at(acquired_us: int) -> datetime | None:
    """A date of `acquired_us` as aware UTC; None for `NO_DATE`."""
    return None if acquired_us == NO_DATE else _EPOCH + timedelta(microseconds=int(acquired_us))


def first_and_last(acquired_us: Rows) -> tuple[datetime, datetime] | None:
    """The oldest and the newest of some dates, aware UTC; None where none is known."""
    known = acquired_us[acquired_us != NO_DATE]
    if not len(known):
        return None
    return _EPOCH + timedelta(microseconds=int(known.min())), _EPOCH + timedelta(microseconds=int(known.max()))


@dataclass(frozen=True)
class Layout:
    """What the columns must fit.

    Attributes:
        kind: ``tiles`` or ``gallery``.
        model_id: Of the model that made the vectors.
        encoder: The model's encoder of place and time; None where it has none, and four columns fewer.
    """

    kind: str
    model_id: str
    encoder: FieldEncoder | None

    def columns(self, dim: int) -> dict[str, tuple[str, tuple[int, ...]]]:
        """Type and shape of one row, by name of the column."""
        columns: dict[str, tuple[str, tuple[int, ...]]] = {
            "vectors": ("<f2", (dim,)),
            "squares": ("<f4", ()),
            "lat": ("<f8", ()),
            "lon": ("<f8", ()),
            "size_m": ("<f4", ()),
            "acquired_us": ("<i8", ()),
            "id_ends": ("<i8", ()),
            "id_order": ("<i8", ()),
        }
        if self.encoder is not None:
            columns["shifted"] = ("<f4", ())
            columns["factors"] = ("<f4", (self.encoder.hidden,))
            columns["place"] = ("<f4", (self.encoder.places,))
            columns["directions"] = ("<f4", (self.encoder.rank,))
        return columns

    def says(self) -> dict[str, Any]:
        """What ``field.json`` must say of them."""
        encoder = self.encoder.fingerprint if self.encoder else None
        return {"format": FORMAT, "kind": self.kind, "model_id": self.model_id, "encoder": encoder}


@dataclass(frozen=True)
class State:
    """What ``field.json`` says.

    Attributes:
        dim: Width of the vectors; 0 where there is no row.
        generation: Name of the folder that holds the columns, beside ``field.json``.
        runs: Rows [start, stop) of each run.
        id_bytes: Length of the file of that name, bytes.
        parts: Size and time of change of each part of the archive that is in, by name.
        sums: Length in bytes and SHA-256, in hexadecimal, of what each run added to a file, by the file's name.
    """

    dim: int
    generation: str
    runs: list[tuple[int, int]]
    id_bytes: int
    parts: dict[str, Stamp]
    sums: dict[str, list[tuple[int, str]]] = field(default_factory=dict)

    @property
    def n(self) -> int:
        """Number of rows."""
        return self.runs[-1][1] if self.runs else 0


@dataclass(frozen=True)
class Items:
    """Items without their vectors, as columns.

    Attributes:
        ids: pyarrow large strings [n].
        lat: Degrees [n]; NaN where unknown.
        lon: Degrees [n]; NaN where unknown.
        size_m: Sides of the footprints, metres [n]; 0 for photos.
        acquired_us: Microseconds since 1970 UTC, int64 [n]; `NO_DATE` where unknown.
    """

    ids: Any
    lat: npt.NDArray[np.float64]
    lon: npt.NDArray[np.float64]
    size_m: npt.NDArray[np.float32]
    acquired_us: npt.NDArray[np.int64]

    def take(self, rows: Rows) -> "Items":
        """Some of them, in that order."""
        import pyarrow as pa  # which a search in columns that are up to date does not need

        columns = (self.lat, self.lon, self.size_m, self.acquired_us)
        return Items(self.ids.take(pa.array(rows)), *(column[rows] for column in columns))  # type: ignore[arg-type]


class MappedColumns:
    """The mapped columns, read-only.

    Args:
        folder: That of ``field.json``; the columns are in its generation's folder.
        layout: Names, types and widths of the columns.
        state: What ``field.json`` says of them.

    Raises:
        ValueError: A file is shorter than it must be.
        OSError: A file is missing.
    """

    def __init__(self, folder: Path, layout: Layout, state: State) -> None:
        self.n, self.dim, self.runs = state.n, state.dim, state.runs
        at = folder / state.generation
        arrays = {name: _mapped(at / name, *spec, state.n) for name, spec in layout.columns(state.dim).items()}
        nothing = np.empty((state.n, 0), np.float32)
        self.vectors: npt.NDArray[np.float16] = arrays["vectors"]
        self.squares: npt.NDArray[np.float32] = arrays["squares"]
        # without an encoder S = O, so ‖S‖² is ‖O‖²
        self.shifted: npt.NDArray[np.float32] = arrays.get("shifted", arrays["squares"])
        self.factors: npt.NDArray[np.float32] = arrays.get("factors", nothing)
        self.place: npt.NDArray[np.float32] = arrays.get("place", nothing)
        self.directions: npt.NDArray[np.float32] = arrays.get("directions", nothing)
        self.lat: npt.NDArray[np.float64] = arrays["lat"]
        self.lon: npt.NDArray[np.float64] = arrays["lon"]
        self.size_m: npt.NDArray[np.float32] = arrays["size_m"]
        self.acquired_us: npt.NDArray[np.int64] = arrays["acquired_us"]
        self._id_ends, self._id_order = arrays["id_ends"], arrays["id_order"]
        self._id_bytes = _mapped(at / "id_bytes", "|u1", (), state.id_bytes)
        made_by = None if layout.encoder is None else layout.encoder.fingerprint
        self._made = json.dumps([layout.kind, layout.model_id, made_by, state.runs, sorted(state.parts.items())])

    @cached_property
    def fingerprint(self) -> str:
        """A text that is another where the parts, the order of rows, their vectors or the model is."""
        digest = hashlib.sha256(self._made.encode())
        # a few thousand rows: the parts say the rest, but for rows that came in another order
        some = slice(None, None, max(1, self.n // 4_096))
        for column in (self.lat, self.lon, self.squares):
            digest.update(np.ascontiguousarray(column[some]).tobytes())
        return digest.hexdigest()

    def ids(self, rows: Rows | None = None) -> list[str]:
        """Ids of those rows, or of all."""
        if rows is not None:
            return [self._id(row).decode() for row in rows.tolist()]
        text, ends = self._id_bytes.tobytes(), self._id_ends.tolist()
        return [text[start:stop].decode() for start, stop in zip([0, *ends], ends, strict=False)]

    def row(self, item_id: str) -> int | None:
        """Row of an id, or None."""
        wanted = item_id.encode()
        # ids are sorted within a run, not across runs
        for run in self.runs:
            low, high = run
            while low < high:
                row = int(self._id_order[middle := (low + high) // 2])
                found = self._id(row)
                if found == wanted:
                    return row
                low, high = (middle + 1, high) if found < wanted else (low, middle)
        return None

    def _id(self, row: int) -> bytes:
        start = int(self._id_ends[row - 1]) if row else 0
        return bytes(self._id_bytes[start : int(self._id_ends[row])])


def read_state(folder: Path, layout: Layout) -> State | None:
    """What is there, if it fits; says why where it does not."""
    path = folder / STATE
    if not path.exists():
        return None
    try:
        document = _read(path)
        for name, expected in layout.says().items():
            if document[name] != expected:
                logger.warning("%s: %s %s, now %s: the field is made anew", path, name, document[name], expected)
                return None
        return State(
            int(document["dim"]),
            str(document["generation"]),
            [(int(start), int(stop)) for start, stop in document["runs"]],
            int(document["id_bytes"]),
            {str(name): (int(size), int(changed)) for name, (size, changed) in document["parts"].items()},
            {name: [(int(size), str(digest)) for size, digest in runs] for name, runs in document["sums"].items()},
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        logger.warning("%s cannot be read (%r): the field is made anew from the archive", path, error)
        return None


def write_state(folder: Path, layout: Layout, state: State) -> None:
    """Replaces ``field.json``: from now on what was added counts."""
    runs, parts = [list(run) for run in state.runs], {name: list(stamp) for name, stamp in state.parts.items()}
    document = layout.says() | {"dim": state.dim, "generation": state.generation, "runs": runs}
    document |= {"id_bytes": state.id_bytes, "parts": parts, "sums": state.sums}
    document[_OWN_SUM] = _sum(document)
    temporary = folder / f"{STATE}.{os.getpid()}.tmp"
    temporary.write_text(json.dumps(document), "utf-8")
    temporary.replace(folder / STATE)


def is_made(folder: Path) -> bool:
    """Whether there is a field, up to date or not."""
    return (folder / STATE).exists()


def damaged(folder: Path) -> list[str]:
    """Names of the files of a field whose content is not what was written; empty where there is no field.

    Reads all of it. The state is not held against a layout: a field of another model is whole too.
    """
    path = folder / STATE
    if not path.exists():
        return []
    try:
        document = _read(path)
        known = document["format"] == FORMAT
    except (OSError, ValueError, KeyError):
        return [STATE]
    if not known:  # made anew before it is read
        return []
    at = folder / document["generation"]
    return [name for name, runs in document["sums"].items() if not _holds(at / name, runs)]


def _holds(path: Path, runs: list[tuple[int, str]]) -> bool:
    """Whether a file begins with these runs."""
    try:
        with path.open("rb") as file:
            for size, expected in runs:
                digest, left = hashlib.sha256(), size
                while left and (block := file.read(min(left, _BLOCK_BYTES))):
                    digest.update(block)
                    left -= len(block)
                if digest.hexdigest() != expected:  # also where it is cut short
                    return False
    except OSError:
        return False
    return True


def _read(path: Path) -> dict[str, Any]:
    """What ``field.json`` says.

    Raises:
        ValueError: It is not what was written.
    """
    document: Any = json.loads(path.read_text("utf-8"))
    if not isinstance(document, dict):
        raise ValueError("it is no JSON object")
    # one of another format is told by that, below
    if document.get("format") == FORMAT and document.pop(_OWN_SUM, None) != _sum(document):
        raise ValueError("its checksum does not fit its content")
    return document


def _sum(document: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()


def write_run(
    folder: Path, layout: Layout, state: State, items: Items, vectors: Iterable[tuple[Rows, npt.NDArray[np.float16]]]
) -> State:
    """Adds items to the files of a generation, as one run, and syncs.

    Args:
        folder: With ``field.json``, which stays as it is.
        layout: What the columns must fit.
        state: What is there already; its `dim` is that of the vectors.
        items: In the order in which they are written.
        vectors: Where they go among `items`, and the vectors, float16 [k, d], until all have come.

    Returns:
        The state with them.

    Raises:
        OSError: The disk is full or the folder cannot be written.
    """
    import pyarrow.compute as pc

    at, start, n = folder / state.generation, state.n, len(items.lat)
    at.mkdir(parents=True, exist_ok=True)
    arrays = {name: _growing(at / name, *spec, start, n) for name, spec in layout.columns(state.dim).items()}
    # before the vectors: their place columns are made of lat and lon
    for name in ("lat", "lon", "size_m", "acquired_us"):
        arrays[name][:] = getattr(items, name)
    for rows, stored in vectors:
        _write_vectors(arrays, layout.encoder, rows, stored)
    lengths = pc.binary_length(items.ids).to_numpy(zero_copy_only=False)
    arrays["id_ends"][:] = state.id_bytes + np.cumsum(lengths)
    # pyarrow sorts by bytes, and so does `MappedColumns.row` compare
    arrays["id_order"][:] = start + pc.array_sort_indices(items.ids).to_numpy().astype(np.int64)
    id_bytes = _growing(at / "id_bytes", "|u1", (), state.id_bytes, int(lengths.sum()))
    id_bytes[:] = np.frombuffer(b"".join(item.encode() for item in items.ids.to_pylist()), np.uint8)
    # on the disk before ``field.json`` says that they count
    for array in (*arrays.values(), id_bytes):
        if isinstance(array, np.memmap):
            array.flush()
    runs = [*state.runs, (start, start + n)] if n else state.runs
    sums = {
        name: [*state.sums.get(name, []), _summed(array)] for name, array in (arrays | {"id_bytes": id_bytes}).items()
    }
    return State(state.dim, state.generation, runs, state.id_bytes + len(id_bytes), state.parts, sums)


def _summed(array: Any) -> tuple[int, str]:
    """Length in bytes of what was added, and its checksum."""
    return array.nbytes, hashlib.sha256(memoryview(array).cast("B") if array.nbytes else b"").hexdigest()


def _write_vectors(
    arrays: dict[str, Any], encoder: FieldEncoder | None, rows: Rows, stored: npt.NDArray[np.float16]
) -> None:
    """Vectors and all that is computed of them."""
    vectors = stored.astype(np.float32)
    arrays["vectors"][rows] = stored
    # summed in float64 and rounded once
    squares = np.einsum("ij,ij->i", vectors, vectors, dtype=np.float64)
    if encoder is not None:
        arrays["factors"][rows], along_b2 = encoder.factors(vectors)
        arrays["shifted"][rows] = squares + 2 * along_b2
        arrays["directions"][rows] = encoder.directions(vectors)
        arrays["place"][rows] = encoder.place(arrays["lat"][rows], arrays["lon"][rows])
    arrays["squares"][rows] = squares


def _mapped(path: Path, dtype: str, row: tuple[int, ...], n: int) -> Any:
    """A column of n rows, read-only."""
    expected = np.dtype(dtype).itemsize * n * int(np.prod(row, dtype=np.int64))
    # nothing cannot be mapped
    if expected == 0:
        return np.empty((n, *row), dtype)
    size = path.stat().st_size
    if size < expected:
        raise ValueError(f"{path.name} has {size} bytes instead of {expected}, it is cut short")
    # a plain array: each slice of a memmap runs Python code
    return np.asarray(np.memmap(path, dtype, "r", shape=(n, *row)))


def _growing(path: Path, dtype: str, row: tuple[int, ...], start: int, n: int) -> Any:
    """Rows start..start + n of a column, writable; the file is made, or grows."""
    size = np.dtype(dtype).itemsize * int(np.prod(row, dtype=np.int64))
    with path.open("r+b" if path.exists() else "w+b") as file:
        # what a killed process wrote behind the last run goes
        file.truncate(start * size)
        if n * size:
            os.posix_fallocate(file.fileno(), start * size, n * size)  # a full disk: an error here, a crash later
    if n * size == 0:
        return np.empty((n, *row), dtype)
    return np.memmap(path, dtype, "r+", offset=start * size, shape=(n, *row))
