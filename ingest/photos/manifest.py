"""The manifest of a gallery: a CSV or Parquet file with one row a photo.

    path         the picture, relative to the manifest's folder or absolute; needed, since only local files are read
    id           stable name of the photo; the path as it is written when there is none
    lat, lon     degrees WGS84
    taken_local  wall clock at the place: 2019-07-14T18:05:00, EXIF's 2019:07:14 18:05:00, and what else
                 `trainer.shards.wall_clock` reads; with an offset it also gives taken_utc
    taken_utc    2019-07-14T16:05:00Z; UTC where no offset stands
    url, owner, licence    text, kept as it is

Names of columns are read without regard to case; ``latitude``, ``longitude``, ``lng``, ``filename``, ``license`` are
understood. Other columns are passed over and logged. CSV is UTF-8, separated by commas, semicolons or tabs.
It does not open the pictures.
"""

import csv
import logging
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ingest.sources.source import Problem
from trainer.errors import ItemError, SourceError
from trainer.shards.wall_clock import WallClock, parse_wall_clock

MANIFEST_SUFFIXES = (".csv", ".tsv", ".parquet")
COLUMNS = ("path", "id", "lat", "lon", "taken_local", "taken_utc", "url", "owner", "licence")

_ALIASES = {"latitude": "lat", "longitude": "lon", "lng": "lon", "filename": "path", "license": "licence"}

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ManifestRow:
    """What is known of a photo before its file is opened.

    Attributes:
        id: Name in the gallery, no two alike.
        path: The file, absolute.
        place: (lat, lon) in degrees WGS84; None: the file's own.
        place_is_wrong: The row names a place that cannot be: the file's own is not to be trusted instead.
        taken_local: Naive wall clock at the place; None: the file's own.
        taken_utc: Aware UTC; None: the file's own.
        url: As written, where the photo may be seen.
        owner: As written; None: the file's own.
        licence: As written.
    """

    id: str
    path: Path
    place: tuple[float, float] | None = None
    place_is_wrong: bool = False
    taken_local: datetime | None = None
    taken_utc: datetime | None = None
    url: str | None = None
    owner: str | None = None
    licence: str | None = None


@dataclass(frozen=True)
class Manifest:
    """The rows that can be used, those that cannot, and values of good rows that cannot."""

    rows: list[ManifestRow]
    problems: list[Problem]
    notes: list[Problem]


def read_manifest(path: Path) -> Manifest:
    """Read a manifest; a bad row costs that row only.

    Raises:
        SourceError: the file as a whole cannot be read, or has neither a column ``path`` nor ``url``.
    """
    manifest, seen = Manifest([], [], []), set[str]()
    number = 0
    for number, cells in _cells(path):
        subject = f"{path}, row {number}"
        try:
            row = _row(cells, path.parent, subject, manifest.notes)
            if row.id in seen:
                raise ItemError("duplicate_id", f"{subject}: id '{row.id}' is there twice; the first row counts")
        except ItemError as error:
            manifest.problems.append(Problem(subject, error.reason, str(error)))
            continue
        seen.add(row.id)
        manifest.rows.append(row)
    if number == 0:
        raise SourceError(f"manifest '{path}' has no rows")
    return manifest


def _cells(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Yield (row number as an editor shows it, cells by known column name)."""
    try:
        if path.suffix.lower() == ".parquet":
            yield from _parquet_cells(path)
        else:
            yield from _csv_cells(path)
    except UnicodeDecodeError as error:
        raise SourceError(f"manifest '{path}' is not UTF-8 (byte {error.start}): save it as UTF-8") from error
    except (OSError, csv.Error, pa.ArrowException) as error:
        raise SourceError(f"manifest '{path}' cannot be read: {error}") from error


def _csv_cells(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        header = file.readline()
        # spreadsheets in German, French and others write semicolons
        separator = max(",;\t", key=header.count)
        file.seek(0)
        reader = csv.reader(file, delimiter=separator, strict=True)  # an open quote is an error, not one very long cell
        names = _known_columns(path, next(reader, []))
        try:
            for cells in reader:
                if not any(cell.strip() for cell in cells):
                    continue
                if len(cells) != len(names):
                    yield reader.line_num, {"wrong": f"{len(cells)} cells where the header has {len(names)}"}
                else:
                    yield reader.line_num, {name: cell for name, cell in zip(names, cells, strict=True) if name}
        except csv.Error as error:  # an open quote would swallow the rows after it, so none of them is trusted
            raise SourceError(f"manifest '{path}' is broken near row {reader.line_num}: {error}") from error


def _parquet_cells(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    with pq.ParquetFile(path) as file:
        columns = file.schema_arrow.names
        names = _known_columns(path, columns)
        wanted = [column for column, name in zip(columns, names, strict=True) if name]
        number = 0
        for batch in file.iter_batches(columns=wanted):
            known = batch.rename_columns([name for name in names if name])
            for cells in known.to_pylist():
                number += 1
                yield number, cells


def _known_columns(path: Path, columns: list[str]) -> list[str | None]:
    """Name each column as we know it, None for one we do not."""
    clean = [column.strip().lower() for column in columns]
    names = [_ALIASES.get(name, name) for name in clean]
    known = [name if name in COLUMNS else None for name in names]
    if "path" not in known and "url" not in known:
        raise SourceError(f"manifest '{path}' has no column 'path'; its columns are {', '.join(columns) or 'none'}")
    twice = sorted({name for name in known if name and known.count(name) > 1})
    if twice:
        raise SourceError(f"manifest '{path}' has more than one column for {', '.join(twice)}: keep one of each")
    unknown = [column for column, name in zip(columns, known, strict=True) if name is None]
    if unknown:
        log.info("%s: columns passed over: %s", path, ", ".join(unknown))
    return known


def _row(cells: Mapping[str, Any], folder: Path, subject: str, notes: list[Problem]) -> ManifestRow:
    if "wrong" in cells:
        raise ItemError("bad_row", f"{subject}: {cells['wrong']}")
    name, url = _text(cells.get("path")), _text(cells.get("url"))
    if name is None:
        if url is None:
            raise ItemError("bad_row", f"{subject}: it has no path")
        raise ItemError("not_local", f"{subject}: only '{url}' is given; download it and name the file as path")
    if "\0" in name:
        raise ItemError("bad_row", f"{subject}: the path {name!r} holds a NUL")

    def note(reason: str, sentence: str) -> None:
        notes.append(Problem(subject, reason, f"{subject}: {sentence}; kept without it"))

    place, complaint = _place(cells.get("lat"), cells.get("lon"))
    if complaint:
        note("place_unusable", complaint)
    local, said = _clock(cells.get("taken_local")), _clock(cells.get("taken_utc"))
    utc = None if said is None else said.local.replace(tzinfo=UTC) if said.ahead is None else said.utc
    for column, moment in (("taken_local", local), ("taken_utc", utc)):
        if moment is None and _text(cells.get(column)) is not None:
            note("time_unreadable", f"{column} {cells[column]!r} is no date with a time of day")
    return ManifestRow(
        id=_text(cells.get("id")) or name,
        path=folder / name,
        place=place,
        place_is_wrong=complaint is not None,
        taken_local=None if local is None else local.local,
        taken_utc=local.utc if utc is None and local is not None else utc,
        url=url,
        owner=_text(cells.get("owner")),
        licence=_text(cells.get("licence")),
    )


def _place(raw_lat: Any, raw_lon: Any) -> tuple[tuple[float, float] | None, str | None]:
    """Read a place: (it or None, a complaint where something stands that cannot be used)."""
    if _text(raw_lat) is None and _text(raw_lon) is None:
        return None, None
    shown = f"lat {raw_lat!r}, lon {raw_lon!r}"
    try:
        lat, lon = float(raw_lat), float(raw_lon)
    except (TypeError, ValueError):
        lat = lon = math.nan
    if not (math.isfinite(lat) and math.isfinite(lon)):
        return None, f"{shown} are not two numbers in degrees"
    # the most common slip has a message of its own
    if abs(lat) > 90 and abs(lon) <= 90 and abs(lat) <= 180:
        return None, f"{shown} is outside ±90: are lat and lon swapped?"
    if abs(lat) > 90 or abs(lon) > 180:
        return None, f"{shown} is outside ±90, ±180"
    if lat == 0 and lon == 0:
        return None, f"{shown} is what programs write when they know no place"
    return (lat, lon), None


def _clock(value: Any) -> WallClock | None:
    """Read a date with a time of day; None for anything less: an hour is not made up."""
    text = value.isoformat(" ") if isinstance(value, datetime) else _text(value)
    return None if text is None else parse_wall_clock(text)


def _text(value: Any) -> str | None:
    """A cell as text; None for what is empty, null or NaN."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    return str(value).strip() or None
