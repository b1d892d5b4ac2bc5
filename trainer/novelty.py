"""How unlike a tile is those that a model learned from: novelty by the reconstruction error of principal components.

    novelty.safetensors   beside the checkpoint: mean [d], directions [k, d], limit [1], float32

The vectors O of the tiles of training fill some directions; what a model was never shown also moves the others. The
error is the length of what is left of O − mean without its first k = d ÷ 3 principal components, and `limit` is the
error that one tile of training in a thousand exceeds, of tiles that the components were not made of. Fewer components
part made-up from real imagery less well; with more, the rounding of the quicker precisions weighs as much as novelty.

The file is no part of `model_id`. A model without one says nothing, for nothing is known.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from trainer.beside import file_beside, write_beside
from trainer.errors import CheckpointError, UsageError

FILE = "novelty.safetensors"
FEWEST = 1_500  # tiles of training: of fewer, a third tells nothing of one in a thousand
QUANTILE = 0.999
_SEED = 0
_DIRECTIONS = 3  # one to so many numbers of a vector

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Novelty:
    """What is usual among the tiles that a model learned from.

    Attributes:
        mean: Of their vectors O, float32 [d].
        directions: Principal components, the first ones, orthonormal rows, float32 [k, d].
        limit: The error that one of them in a thousand exceeds.
    """

    mean: Floats
    directions: Floats
    limit: float

    @classmethod
    def of(cls, vectors: npt.NDArray[np.floating], places: npt.NDArray[np.int64] | None = None) -> "Novelty":
        """Of vectors O of tiles of training, at `FEWEST` places or more, [n, d].

        The tiles at two thirds of the places make the components, the others the limit.

        Args:
            vectors: O.
            places: Numbers, equal where tiles show the same ground, such as of several photos, [n]; None: none do.

        Raises:
            UsageError: There are fewer.
        """
        numbers, place = np.unique(np.arange(len(vectors)) if places is None else places, return_inverse=True)
        if len(numbers) < FEWEST:
            raise UsageError(f"{len(numbers)} tiles do not tell what is usual among them: give {FEWEST} or more")
        order = np.random.default_rng(_SEED).permutation(len(numbers))
        fits = np.isin(place, order[: len(order) * 2 // 3])
        fitted, held_out = vectors[fits].astype(np.float64), vectors[~fits]
        mean = fitted.mean(axis=0)
        _, directions = np.linalg.eigh(np.cov(fitted.T))  # ascending: the last ones hold the most
        first = directions[:, ::-1].T[: vectors.shape[1] // _DIRECTIONS]
        found = cls(mean.astype(np.float32), np.ascontiguousarray(first, np.float32), 0.0)
        return cls(found.mean, found.directions, float(np.quantile(found.errors(held_out), QUANTILE)))

    def errors(self, vectors: npt.NDArray[np.floating]) -> Floats:
        """Lengths of what the components leave of vectors O [n, d], float32 [n]."""
        centred = vectors.astype(np.float32) - self.mean
        errors: Floats = np.linalg.norm(centred - centred @ self.directions.T @ self.directions, axis=1)
        return errors

    def share_outside(self, vectors: npt.NDArray[np.floating]) -> float:
        """The share of tiles, by their O [n, d], beyond the limit: about .001 of such as were learned from."""
        return float((self.errors(vectors) > self.limit).mean()) if len(vectors) else 0.0


def write_novelty(checkpoint: Path, novelty: Novelty) -> None:
    """Write it beside a checkpoint, whole or not at all.

    Raises:
        CheckpointError: The disk refuses.
    """
    arrays = {"mean": novelty.mean, "directions": novelty.directions, "limit": np.array([novelty.limit], np.float32)}
    write_beside(checkpoint, FILE, save(arrays))


def read_novelty(checkpoint: Path, model_id: str) -> Novelty | None:
    """What is beside a checkpoint; of the bundled model, what the package has; None where nothing is known.

    Raises:
        CheckpointError: The file is broken.
    """
    path = file_beside(checkpoint, model_id, FILE)
    if path is None:
        return None
    try:
        arrays = load_file(path)
        mean, directions, limit = arrays["mean"], arrays["directions"], arrays["limit"]
    except (OSError, SafetensorError, KeyError) as error:
        raise CheckpointError(f"{path} is broken ({error}): copy it again") from error
    if mean.ndim != 1 or directions.shape[1:] != mean.shape or limit.shape != (1,):
        raise CheckpointError(f"{path} does not fit together: copy it again")
    return Novelty(mean, directions, float(limit[0]))
