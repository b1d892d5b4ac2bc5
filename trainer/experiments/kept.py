"""Vectors of pictures that are kept on disk, so that experiments which ask for the same ones share them.

    FOLDER/HASH.npy      float32 [n, d], of one model, shards, rows, part and tower

Nothing here knows measures.
"""

import hashlib
import logging
import os
from pathlib import Path

import numpy as np

from trainer.embedder import Embedder
from trainer.errors import GroundcastError
from trainer.measures.embedding import Progress, Role, embed_pictures, silent
from trainer.measures.metrics import Ints, Vectors
from trainer.shards.tars import Part, Shards

logger = logging.getLogger(__name__)


class KeptVectors:
    """An `Embed` that looks in a folder first.

    Args:
        folder: Made if it is missing; may be removed at any time.
        precision: Of the towers, as asked for: vectors of another one are others.
    """

    def __init__(self, folder: Path, precision: str = "auto") -> None:
        self._folder = folder
        self._precision = precision

    def __call__(
        self,
        embedder: Embedder,
        shards: Shards,
        rows: Ints,
        *,
        part: Part,
        role: Role,
        what: str = "",
        progress: Progress = silent,
    ) -> Vectors:
        """See `trainer.measures.embedding.embed_pictures`.

        Raises:
            GroundcastError: The disk refuses.
        """
        # all that decides the vectors is in the name: what is found under it need not be checked
        told = f"{embedder.model_id} {shards.fingerprint} {part} {role} {self._precision}".encode()
        digest = hashlib.sha256(told + np.ascontiguousarray(rows, np.int64).tobytes()).hexdigest()[:24]
        path = self._folder / f"{digest}.npy"
        if path.exists():
            try:
                found: Vectors = np.load(path)
                return found
            except (OSError, ValueError, EOFError) as error:
                logger.warning("%s cannot be read (%s): it is made again", path, error)
        vectors = embed_pictures(embedder, shards, rows, part=part, role=role, what=what, progress=progress)
        unfinished = path.with_name(f".{path.stem}.{os.getpid()}.npy")
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            np.save(unfinished, vectors)
            unfinished.rename(path)
        except OSError as error:
            unfinished.unlink(missing_ok=True)
            raise GroundcastError(f"{path} cannot be written: {error.strerror or error}") from error
        return vectors
