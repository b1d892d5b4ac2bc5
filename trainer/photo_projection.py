"""How a photo is compared with what a model expects to see: its vector G is projected first, cos(S, A·G).

    photo_projection.safetensors   beside the checkpoint: matrix A [d, d], float32

S lies where the mean of the photos of a place lies, as a text does; of two photos it tells by plain cosines badly
which was taken there. A is learned for that (`trainer.training.photo_projection`) with all towers left as they are,
so vectors of tiles, photos and texts stay what they were, and text finds tiles as before. The comparison is a
bilinear similarity as in metric learning (OASIS, Chechik et al. 2010), of unit length on either side.

The file is no part of `model_id`. A model without one compares photos as they are.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from trainer.beside import file_beside, write_beside
from trainer.errors import CheckpointError

FILE = "photo_projection.safetensors"

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class PhotoProjection:
    """What is done to the vectors of photos before they are compared with S.

    Attributes:
        matrix: A, float32 [d, d].
    """

    matrix: Floats

    def of(self, photos: npt.NDArray[np.floating]) -> Floats:
        """Vectors of photos, [n, d] → A·G, float32 [n, d], of another length."""
        projected: Floats = np.asarray(photos, np.float32) @ self.matrix.T
        return projected

    def back(self, scenes: npt.NDArray[np.floating]) -> Floats:
        """What S, [n, d], is among photos as they are: S·(A·G) = (Aᵀ·S)·G, float32 [n, d]."""
        found: Floats = np.asarray(scenes, np.float32) @ self.matrix
        return found


def write_projection(checkpoint: Path, projection: PhotoProjection) -> None:
    """Write it beside a checkpoint, whole or not at all.

    Raises:
        CheckpointError: The disk refuses.
    """
    write_beside(checkpoint, FILE, save({"matrix": projection.matrix}))


def read_projection(checkpoint: Path, model_id: str, dim: int) -> PhotoProjection | None:
    """What is beside a checkpoint; of the bundled model, what the package has; None: photos are compared as they are.

    Raises:
        CheckpointError: The file is broken, or not of such a width.
    """
    path = file_beside(checkpoint, model_id, FILE)
    if path is None:
        return None
    try:
        matrix = load_file(path)["matrix"]
    except (OSError, SafetensorError, KeyError) as error:
        raise CheckpointError(f"{path} is broken ({error}): copy it again") from error
    if matrix.shape != (dim, dim) or matrix.dtype != np.float32 or not np.isfinite(matrix).all():
        raise CheckpointError(
            f"{path} holds {matrix.dtype} {list(matrix.shape)}, not finite float32 [{dim}, {dim}]: copy it again"
        )
    return PhotoProjection(matrix)
