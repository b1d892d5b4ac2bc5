"""A folder of photos as rows of metadata: place, moment and owner come from the EXIF of each, as for a gallery.

Every file's head is read before the first row, so a folder takes memory in proportion to its photos, half a kilobyte
each; a manifest does not.
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from ingest.pairs.metadata.rows import Block
from ingest.photos.folder import GalleryPhoto, open_photos

_ROWS = 10_000
_FIELDS = ("id", "address", "lat", "lon", "taken", "owner", "licence", "page")
_SCHEMA = pa.schema([(name, pa.string()) for name in _FIELDS])


def folder_blocks(path: Path) -> Iterator[Block]:
    """Rows of a folder's photos.

    Raises:
        SourceError: There is no photo in it.
    """
    found = open_photos(path)
    left_out = Counter(problem.reason for problem in (*found.problems, *found.copies))
    notes = Counter(note.reason for note in found.notes)
    # one block even of no photos: it carries the counts
    for start in range(0, max(1, len(found.photos)), _ROWS):
        rows = [_row(photo) for photo in found.photos[start : start + _ROWS]]
        yield Block(pa.RecordBatch.from_pylist(rows, _SCHEMA), left_out, notes)
        left_out, notes = Counter(), Counter()


def _row(photo: GalleryPhoto) -> dict[str, str | None]:
    # repr: the shortest text that reads back as the same number
    place = [None if value is None else repr(value) for value in (photo.lat, photo.lon)]
    taken = None if photo.taken_local is None else photo.taken_local.isoformat(" ")
    return dict(
        zip(_FIELDS, (photo.id, str(photo.path), *place, taken, photo.owner, photo.licence, photo.url), strict=True)
    )
