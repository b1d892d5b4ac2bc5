"""What an ingest takes in, one item at a time: the tiles of a grid over imagery, single chips, or photos.

An intake lists item ids in a stable order and reads an item by its id alone, so that any process can read any chunk.
It does not know models, archives or jobs.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt
from shapely.geometry.base import BaseGeometry

from ingest.geo.grid import Grid
from ingest.index.protocol import touching
from ingest.photos.folder import PhotoFolder
from ingest.sources.chips import ChipSource
from ingest.sources.source import Chip, Problem, Source
from trainer.errors import ItemError

MIN_VALID = 0.5  # share of a tile's pixels


class SkipItemError(Exception):
    """An item that is right to leave out; it is counted under its reason."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class Reading:
    """One item read.

    Attributes:
        image: uint8 [h, w, 3], RGB.
        record: The archive's columns, without bbox, geometry, norm and vector.
    """

    image: npt.NDArray[np.uint8]
    record: dict[str, Any]


class Intake(Protocol):
    """Items of one request."""

    kind: Literal["tiles", "gallery"]

    @property
    def problems(self) -> list[Problem]:
        """Files that could not be opened."""

    @property
    def notes(self) -> list[Problem]:
        """What was chosen where files do not tell."""

    def fingerprint(self) -> str:
        """Changes when the files change."""

    def ids(self) -> Iterator[str]:
        """Item ids, in a stable order."""

    def read(self, item_id: str) -> Reading:
        """Reads one item; safe to call from several threads.

        Raises:
            ItemError: The item cannot be read.
            SkipItemError: The item is left out on purpose.
        """

    def close(self) -> None:
        """Closes files."""


class GridIntake:
    """The tiles of a grid over a source.

    Args:
        grid: Cuts the source into tiles.
        size_px: Pixels across a tile as read; the model's preprocessing makes its own size of it.
        area: Only tiles that touch it, WGS84 degrees; everywhere when missing.
        min_valid: Tiles with a smaller share of valid pixels are skipped as ``no_data``.
    """

    kind: Literal["tiles", "gallery"] = "tiles"

    def __init__(
        self,
        source: Source,
        grid: Grid,
        *,
        size_px: int,
        area: BaseGeometry | None = None,
        min_valid: float = MIN_VALID,
    ) -> None:
        self.source = source
        self.grid = grid
        self.size_px = size_px
        self.area = area
        self.min_valid = min_valid

    @property
    def problems(self) -> list[Problem]:
        """Files that could not be opened."""
        return self.source.problems

    @property
    def notes(self) -> list[Problem]:
        """What was chosen where files do not tell."""
        return self.source.notes

    def fingerprint(self) -> str:
        """Changes when the imagery's files change."""
        return self.source.fingerprint()

    def ids(self) -> Iterator[str]:
        """Tile ids, row by row."""
        coverage = self.source.coverage()
        # where there is no imagery no tile is planned: its reading would only say so
        where = coverage if self.area is None else coverage.intersection(self.area)
        if where.is_empty:
            return
        for tile in self.grid.tiles(where):
            yield tile.id

    def read(self, item_id: str) -> Reading:
        """Cuts a tile; see `Intake.read`."""
        footprint = self.grid.tile(item_id).footprint
        return _reading(
            self.source.read(footprint, self.size_px),
            {"tile_id": item_id, "lat": footprint.lat, "lon": footprint.lon, "size_m": footprint.size_m},
            self.min_valid,
        )

    def close(self) -> None:
        """Closes the source."""
        self.source.close()


class ChipIntake:
    """The chips of a manifest; each is a tile of its own."""

    kind: Literal["tiles", "gallery"] = "tiles"

    def __init__(
        self, source: ChipSource, *, size_px: int, area: BaseGeometry | None = None, min_valid: float = MIN_VALID
    ) -> None:
        self.source = source
        self.size_px = size_px
        self.area = area
        self.min_valid = min_valid
        # items are read by id, in this process or another
        self._items = {item.id: item for item in source.items()}

    def largest_m(self) -> float:
        """Side of the largest chip, metres."""
        return max((item.size_m for item in self._items.values()), default=0.0)

    @property
    def problems(self) -> list[Problem]:
        """Rows of the manifest that cannot be used."""
        return self.source.problems

    @property
    def notes(self) -> list[Problem]:
        """What was chosen where files do not tell."""
        return self.source.notes

    def fingerprint(self) -> str:
        """Changes when manifest or files change."""
        return self.source.fingerprint()

    def ids(self) -> Iterator[str]:
        """Chip ids, in the manifest's order."""
        ids = list(self._items)
        if self.area is None:
            yield from ids
            return
        # all at once: an outline by itself costs half a millisecond where every chip has a latitude of its own
        places = self.source.places()
        yield from (ids[row] for row in np.flatnonzero(touching(self.area, places.lat, places.lon, places.size_m)))

    def read(self, item_id: str) -> Reading:
        """Reads a chip; see `Intake.read`."""
        item = self._items.get(item_id)
        if item is None:
            raise ItemError("missing", f"{item_id} is not in the manifest any more")
        record = {"tile_id": item.id, "lat": item.lat, "lon": item.lon, "size_m": item.size_m}
        return _reading(self.source.read_item(item_id, self.size_px), record, self.min_valid)

    def close(self) -> None:
        """Closes the source."""
        self.source.close()


class PhotoIntake:
    """The photos of a gallery."""

    kind: Literal["tiles", "gallery"] = "gallery"

    def __init__(self, photos: PhotoFolder) -> None:
        self.photos = photos
        self._by_id = {photo.id: photo for photo in photos.photos}
        self._copies = dict.fromkeys(copy.subject for copy in photos.copies)

    @property
    def problems(self) -> list[Problem]:
        """Files and manifest rows that cannot be used."""
        return self.photos.problems

    @property
    def notes(self) -> list[Problem]:
        """What was chosen where photos do not tell."""
        return self.photos.notes

    def fingerprint(self) -> str:
        """Changes when files or manifest change."""
        return self.photos.fingerprint()

    def ids(self) -> Iterator[str]:
        """Photo ids, by path; those of copies last."""
        yield from self._by_id
        yield from self._copies

    def read(self, item_id: str) -> Reading:
        """Reads a photo; see `Intake.read`."""
        photo = self._by_id.get(item_id)
        if photo is None and item_id in self._copies:
            raise SkipItemError("copy")
        if photo is None:
            raise ItemError("missing", f"{item_id} is not among the photos any more")
        record = {
            "photo_id": photo.id,
            "lat": photo.lat,
            "lon": photo.lon,
            "taken_local": photo.taken_local,
            "taken_utc": photo.taken_utc,
            "path": str(photo.path),
            "url": photo.url,
            "owner": photo.owner,
            "licence": photo.licence,
            "heading_deg": photo.heading_deg,
        }
        return Reading(self.photos.read(photo), record)

    def close(self) -> None:
        """Nothing is held open."""


def _reading(chip: Chip, place: dict[str, Any], min_valid: float) -> Reading:
    valid_fraction = float(chip.valid.mean())
    # with a min_valid of 0 too, a tile without any pixel is left out
    if valid_fraction == 0 or valid_fraction < min_valid:
        raise SkipItemError("no_data")
    record = place | {
        "acquired_at": chip.acquired_at,
        "gsd_m": chip.gsd_m,
        "valid_fraction": valid_fraction,
        "origin": chip.origin,
    }
    return Reading(chip.image, record)
