"""The record of one item among many parts: the ids of each part are read once, and then only the part that holds it.

It does not know vectors, nor who asks.
"""

import threading
from typing import Any

import numpy as np
import numpy.typing as npt

from ingest.archive.files import Stamp
from ingest.archive.parts import Archive

Hashes = npt.NDArray[np.int64]


class Lookup:
    """Finds items of one archive; eight bytes an item. May be used from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._hashes: dict[str, tuple[Stamp, Hashes]] = {}  # sorted, by the name of the part

    def find(self, archive: Archive, item_id: str) -> dict[str, Any] | None:
        """The record of an item without its vector; None where there is none.

        Args:
            archive: The same at each call, as it stands now.
            item_id: Of the item.

        Raises:
            ArchiveError: A part is broken.
        """
        stamps, wanted = archive.stamps(), hash(item_id)
        with self._lock:
            self._hashes = {name: self._read(archive, name, stamp) for name, stamp in stamps.items()}
            held = [name for name, (_, hashes) in self._hashes.items() if _holds(hashes, wanted)]
        # several where texts share a hash
        found = (archive.record(archive.folder / name, item_id) for name in held)
        return next((record for record in found if record is not None), None)

    def _read(self, archive: Archive, name: str, stamp: Stamp) -> tuple[Stamp, Hashes]:
        known = self._hashes.get(name)
        if known is not None and known[0] == stamp:
            return known
        ids = archive.column(archive.folder / name, archive.id_column).to_pylist()
        return stamp, np.sort(np.fromiter(map(hash, ids), np.int64, len(ids)))


def _holds(hashes: Hashes, wanted: int) -> bool:
    place = int(np.searchsorted(hashes, wanted))
    return place < len(hashes) and int(hashes[place]) == wanted
