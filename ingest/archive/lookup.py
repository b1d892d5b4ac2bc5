"""The record of one item among many parts: the ids of each part are read once, and then only the part that holds it.

It does not know vectors, nor who asks.
"""

import threading
from collections.abc import Sequence
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
        wanted = np.array([hash(item_id)])
        held = [name for name, hashes in self._followed(archive).items() if _held(hashes, wanted)[0]]
        # several where texts share a hash
        found = (archive.record(archive.folder / name, item_id) for name in held)
        return next((record for record in found if record is not None), None)

    def held(self, archive: Archive, item_ids: Sequence[str]) -> npt.NDArray[np.bool_]:
        """Which of some items the archive holds, by their hashes of 64 bits, bool [n]; arguments as for `find`."""
        wanted = np.fromiter(map(hash, item_ids), np.int64, len(item_ids))
        found = np.zeros(len(wanted), np.bool_)
        for hashes in self._followed(archive).values():
            found |= _held(hashes, wanted)
        return found

    def _followed(self, archive: Archive) -> dict[str, Hashes]:
        """Hashes of every part as the archive stands now."""
        stamps = archive.stamps()
        with self._lock:
            self._hashes = {name: self._read(archive, name, stamp) for name, stamp in stamps.items()}
            return {name: hashes for name, (_, hashes) in self._hashes.items()}

    def _read(self, archive: Archive, name: str, stamp: Stamp) -> tuple[Stamp, Hashes]:
        known = self._hashes.get(name)
        if known is not None and known[0] == stamp:
            return known
        ids = archive.column(archive.folder / name, archive.id_column).to_pylist()
        return stamp, np.sort(np.fromiter(map(hash, ids), np.int64, len(ids)))


def _held(hashes: Hashes, wanted: Hashes) -> npt.NDArray[np.bool_]:
    """Which of the wanted are among sorted ones."""
    if not len(hashes):
        return np.zeros(len(wanted), np.bool_)
    places = np.minimum(np.searchsorted(hashes, wanted), len(hashes) - 1)
    return np.asarray(hashes[places] == wanted, np.bool_)
