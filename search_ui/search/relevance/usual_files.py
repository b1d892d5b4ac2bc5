"""What is usual in a collection, kept in files beside its field, one a kind of moment, so that it is made once.

Format: a NumPy archive of `key`, a hash of all that the numbers depend on, and the members of `Usual` as they were
computed, to the bit. A file that is damaged, or of another key, is as good as none. It does not know how they are made.
"""

import hashlib
import logging
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np

from ingest.archive.files import write
from search_ui.search.relevance.usual import Floats, Usual

log = logging.getLogger(__name__)

_MADE = 3  # how `usual_at` reckons: another number makes every file anew


@dataclass(frozen=True)
class UsualFiles:
    """The files of a collection.

    Attributes:
        folder: That of its field.
        of: Says the model and the rows that the numbers are of.
    """

    folder: Path
    of: str

    def get(self, kind: str, bank: Floats, make: Callable[[], Usual]) -> Usual:
        """What is kept for moments of a kind, or what is made now, which is kept where that can be.

        Args:
            kind: Of the moments; a part of the file's name.
            bank: Unit vectors of the neutral prompts, float32 [b, d].
            make: Reckons it.
        """
        path, key = self.folder / f"usual-{kind}.npz", self._key(kind, bank)
        known = _read(path, key, bank.shape[1])
        if known is not None:
            return known
        made = make()
        try:
            write(
                path,
                lambda file: np.savez(
                    file, key=key, mean=made.mean, covariance=made.covariance, among=made.among, reach=made.reach
                ),
            )
        except OSError as error:  # a home that may only be read, a full disk: the answer stands without it
            log.info("%s cannot be kept: %s", path, error)
        return made

    def _key(self, kind: str, bank: Floats) -> str:
        told = f"{_MADE} {self.of} {kind} {bank.shape} ".encode() + np.ascontiguousarray(bank).tobytes()
        return hashlib.sha256(told).hexdigest()


def _read(path: Path, key: str, dim: int) -> Usual | None:
    try:
        with np.load(BytesIO(path.read_bytes()), allow_pickle=False) as file:  # the members of a zip carry checksums
            if str(file["key"]) != key:
                return None
            mean, reach = file["mean"], file["reach"]
            covariance, among = file["covariance"], file["among"]
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        log.warning("%s is damaged (%s): it is made anew", path, error)
        return None
    shapes = [(dim,), (dim, dim), (dim, dim), ()]
    if [one.shape for one in (mean, covariance, among, reach)] != shapes or mean.dtype != np.float32:
        return None
    return Usual(mean, covariance, among, float(reach))
