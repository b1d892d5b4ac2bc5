"""A folder of pictures that are tiles already, with a manifest that says where each lies.

`manifest.csv` or `manifest.parquet`, one row a picture:

    path           relative to the folder
    lat, lon       of the centre, degrees, WGS84
    size_m         side of the square on the ground, metres; or gsd_m, metres a pixel
    id             optional: a name; without it the path
    acquired_at    optional: when it was taken, RFC 3339; without a zone it counts as UTC

A row that cannot be used is a `Problem`, the others are read. It does not know georeferenced rasters.
"""

import csv
import hashlib
import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import numpy as np
import pyarrow.parquet as pq
import shapely
from PIL import Image
from shapely.geometry.base import BaseGeometry

from ingest.geo.footprints import Places, Squares
from ingest.geo.geometry import Footprint
from ingest.sources.decoding import Decoder, Named, picture_size
from ingest.sources.source import Chip, Problem, SourceOptions, finish
from trainer.errors import ItemError, SourceError, reason

MANIFESTS = ("manifest.csv", "manifest.parquet")
_REQUIRED = ("path", "lat", "lon")
_SAMPLED = 16  # pictures that a stretch is measured from

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ChipItem:
    """One picture.

    Attributes:
        id: Its name, unique in the folder.
        lat: Latitude of its centre, degrees.
        lon: Longitude of its centre, degrees.
        size_m: Side of the square it shows, metres.
        acquired_at: Aware UTC, or None.
        path: The picture's file.
    """

    id: str
    lat: float
    lon: float
    size_m: float
    acquired_at: datetime | None
    path: Path

    @property
    def footprint(self) -> Footprint:
        """The square on the ground."""
        return Footprint(self.lat, self.lon, self.size_m)


class ChipSource:
    """Geotagged pictures.

    Args:
        folder: With a manifest in it.
        options: Dates and nodata for what the manifest does not say.

    Raises:
        SourceError: There is no manifest that can be read, or no row of it can be used.
    """

    def __init__(self, folder: Path, options: SourceOptions) -> None:
        self.uri, self.attribution = str(folder), options.attribution
        self.problems: list[Problem] = []
        self.notes: list[Problem] = []
        self._options = options
        self._manifest = next((folder / name for name in MANIFESTS if (folder / name).is_file()), None)
        if self._manifest is None:
            raise SourceError(f"{folder}: no {' or '.join(MANIFESTS)} in it")
        self._items: dict[str, ChipItem] = {}
        self._decoder = Decoder(options, self._sample)
        # as an editor counts, where the header is row 1
        root = folder.resolve()  # once: it takes as long as all else of a row
        for number, row in enumerate(_rows(self._manifest), start=2 if self._manifest.suffix == ".csv" else 1):
            self._add(folder, root, number, row)
        if not self._items:
            why = self.problems[0].message if self.problems else "it has no rows"
            raise SourceError(f"{self._manifest}: no row can be used: {why}")
        for note, name in self._decoder.notes().items():
            log.warning("%s: %s", name, note)
            self.notes.append(Problem(name, "bands", f"{name}: {note}"))

    def items(self) -> list[ChipItem]:
        """Its pictures, in the manifest's order."""
        return list(self._items.values())

    def read_item(self, item_id: str, size_px: int) -> Chip:
        """A picture at the size asked for, the whole of it squeezed into a square.

        Raises:
            ItemError: It cannot be decoded.
        """
        item = self._items.get(item_id)
        if item is None:
            raise ItemError("missing", f"{self._manifest}: no row has the id {item_id!r}")
        rgba = self._decoder.read(item.path, str(item.path))
        gsd_m = item.size_m / max(rgba.shape[:2])
        # of an opaque picture the colours alone: Pillow weighs them with alpha, there and back
        opaque = bool((rgba[..., 3] == 255).all())
        shown = Image.fromarray(np.ascontiguousarray(rgba[..., :3]) if opaque else rgba)
        square = np.array(shown.resize((size_px, size_px), Image.Resampling.BICUBIC))
        valid = np.ones((size_px, size_px), bool) if opaque else square[..., 3] >= 128
        image = finish(np.ascontiguousarray(square[..., :3]), valid)
        return Chip(image, valid, item.acquired_at, gsd_m, str(item.path))

    @property
    def stretch(self) -> dict[str, tuple[float, float]] | None:
        """Values shown as black and white, by type, of its pictures of other than 8 bits; None where there are none."""
        return self._decoder.stretches() or None

    def coverage(self) -> BaseGeometry:
        """Where its pictures lie: degrees, WGS84, split at ±180°."""
        return shapely.union_all(Squares.of(self.places()).polygons())

    def places(self) -> Places:
        """Where its pictures lie, in the manifest's order."""
        columns = np.array([(item.lat, item.lon, item.size_m) for item in self._items.values()], np.float64)
        return Places(*columns.T)

    def fingerprint(self) -> str:
        """A hash of the manifest and of the sizes and times of the pictures."""
        digest = hashlib.sha256()
        for item in self._items.values():
            stat = item.path.stat() if item.path.is_file() else None
            digest.update(repr((item, stat and (stat.st_size, stat.st_mtime_ns))).encode())
        return digest.hexdigest()[:16]

    def close(self) -> None:
        """Nothing is open."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _sample(self) -> list[Named]:
        """Some of its pictures, spread over the manifest."""
        paths = [item.path for item in self._items.values()]
        chosen = np.unique(np.linspace(0, len(paths) - 1, min(len(paths), _SAMPLED)).astype(int))
        return [(paths[i], str(paths[i])) for i in chosen]

    def _add(self, folder: Path, root: Path, number: int, row: Mapping[str, Any]) -> None:
        """Keep a row as an item, or say why not."""
        subject = f"{self._manifest} row {number}"
        try:
            item = _item(folder, root, row, self._options)
            if item.id in self._items:
                raise ItemError("duplicate_id", f"the id {item.id!r} stands in an earlier row too")
        except ItemError as error:
            self.problems.append(Problem(subject, error.reason, f"{subject}: {error}"))
            log.warning("skipped: %s: %s", subject, error)
            return
        self._items[item.id] = item


def _rows(manifest: Path) -> list[dict[str, Any]]:
    """The manifest's rows; columns are checked here, values elsewhere."""
    try:
        if manifest.suffix == ".csv":
            with manifest.open(newline="", encoding="utf-8-sig") as file:
                reader = csv.DictReader(file)
                rows, columns = list(reader), list(reader.fieldnames or [])
        else:
            table = pq.read_table(manifest)
            rows, columns = table.to_pylist(), table.column_names
    except (OSError, ValueError, csv.Error) as error:  # pyarrow's errors are ValueErrors too
        raise SourceError(f"{manifest}: cannot be read ({reason(error)})") from error
    missing = [name for name in _REQUIRED if name not in columns]
    if missing or not {"size_m", "gsd_m"} & set(columns):
        wanted = ", ".join(missing or ["size_m or gsd_m"])
        raise SourceError(f"{manifest}: column {wanted} is missing; it has {', '.join(columns) or 'none'}")
    return rows


def _item(folder: Path, root: Path, row: Mapping[str, Any], options: SourceOptions) -> ChipItem:
    lat, lon = _number(row, "lat"), _number(row, "lon")
    if lat is None or lon is None or abs(lat) > 90 or abs(lon) > 180:
        swapped = "; are lat and lon swapped?" if lat and lon and abs(lat) > 90 >= abs(lon) else ""
        raise ItemError("bad_place", f"lat {row.get('lat')!r}, lon {row.get('lon')!r} is no place on Earth{swapped}")
    if not row.get("path"):
        raise ItemError("missing", "it names no path")
    path = folder / str(row["path"])
    try:
        # manifests come from elsewhere: a path must not lead out of the folder
        inside, there = path.resolve().is_relative_to(root), path.is_file()
    except (OSError, ValueError) as error:  # such as a name that is too long, or with a zero byte
        raise ItemError("missing", f"the path {str(row['path'])[:60]!r} can be no file ({reason(error)})") from error
    if not inside:
        raise ItemError("outside", f"{path} lies outside the folder of its manifest: put the chips beside it")
    if not there:
        raise ItemError("missing", f"{path}: there is no such file")
    size_m, gsd_m = _number(row, "size_m"), _number(row, "gsd_m")
    if size_m is None and gsd_m is not None:
        size_m = gsd_m * max(picture_size(path))
    if size_m is None or not 0 < size_m <= 2_000_000:
        raise ItemError("no_size", f"size_m {row.get('size_m')!r}, gsd_m {row.get('gsd_m')!r}: one must be above 0")
    when = options.acquired_at or _moment(row.get("acquired_at")) or options.date_of(path.name)
    return ChipItem(str(row.get("id") or row["path"]), lat, lon, size_m, when, path)


def _number(row: Mapping[str, Any], name: str) -> float | None:
    """A finite number, or None."""
    try:
        value = float(row.get(name) or "nan") if row.get(name) != 0 else 0.0  # 0 is a number, an empty cell is none
    except (TypeError, ValueError):
        return None
    return value if math.isfinite(value) else None


def _moment(value: object) -> datetime | None:
    if value is None or value == "":
        return None
    try:
        found = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    except ValueError as error:
        raise ItemError(
            "bad_date", f"acquired_at {value!r} is no date; expected such as 2024-05-01T10:30:00Z"
        ) from error
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
