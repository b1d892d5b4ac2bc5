"""An adapter to other languages: what a text tower would make of a text if it could read it, from a multilingual one.

    languages.safetensors   beside the checkpoint: centre [384], anchors [n, 384], mean [d], weights [n, d], limit [1];
                            float16, limit float32

Kernel ridge regression (Saunders et al. 1998) from sentence vectors of `trainer.texts.multilingual` to the text tower's
unit vectors, over English texts that both can read:

    y(x) = mean + Σᵢ wᵢ exp(−‖x̂ − aᵢ‖²)    x̂, aᵢ: sentence vectors less their centre, at length 1
    w = (K + λ)⁻¹ (Y − mean)

A text that means the same in another language lies near the English one, so y is near what the tower makes of that. The
tower has understood a text itself where the two agree, unless it is in another script: `limit` is the cosine that all
but one in a hundred of the anchors exceed, each predicted from all others. The file is no part of `model_id`; a model
without one reads what its tower can. Nothing here knows which texts the anchors are.
"""

import hashlib
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from trainer.beside import file_beside, write_beside
from trainer.errors import CheckpointError, UsageError

FILE = "languages.safetensors"
LEAST_AGREEMENT = 0.6
"""Median cosine of anchors predicted from the others: below it the tower's vectors do not follow what texts mean."""

_RIDGE = 0.03
_ONE_IN = 0.01
_TINY = 1e-12

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class LanguageAdapter:
    """What reads other languages for one text tower.

    Attributes:
        centre: Mean of the anchors' sentence vectors, float32 [384].
        anchors: x̂ of the anchors, float32 [n, 384].
        mean: Mean of the tower's unit vectors, float32 [d].
        weights: float32 [n, d].
        limit: The least cosine between tower and adapter of a text that the tower understands.
    """

    centre: Floats
    anchors: Floats
    mean: Floats
    weights: Floats
    limit: float

    @classmethod
    def of(cls, sentences: Floats, vectors: Floats) -> "LanguageAdapter":
        """Of English texts.

        Args:
            sentences: Their vectors by the multilingual tower, [n, 384].
            vectors: Their vectors by the model's own, [n, d], of any length.

        Raises:
            UsageError: The tower's vectors do not follow what the texts mean, as with random weights.
        """
        wanted, x = _unit(vectors.astype(np.float64)), sentences.astype(np.float64)
        centre, mean = x.mean(axis=0), wanted.mean(axis=0)
        anchors = _unit(x - centre)
        inverse = np.linalg.inv(_kernel(anchors, anchors) + _RIDGE * np.eye(len(anchors)))
        weights = inverse @ (wanted - mean)
        # the prediction of each from all others, without fitting n times: Rasmussen and Williams 2006, eq. 5.12
        others = wanted - weights / np.diag(inverse)[:, None]
        agreement = (_unit(others) * wanted).sum(axis=1)
        if float(np.median(agreement)) < LEAST_AGREEMENT:
            raise UsageError(
                f"this model's text tower does not follow what texts mean (agreement {np.median(agreement):.2f}, "
                f"needed {LEAST_AGREEMENT:g}), so no other language can be read for it: are its weights random?"
            )
        # as they are kept in the file, so that it comes back to the bit
        centre, anchors, mean, weights = (part.astype(np.float16) for part in (centre, anchors, mean, weights))
        return cls(*_float32(centre, anchors, mean, weights), limit=float(np.quantile(agreement, _ONE_IN)))

    def vectors(self, sentences: Floats) -> Floats:
        """What the tower would make of texts, unit length, float32 [m, d].

        Args:
            sentences: Their vectors by the multilingual tower, [m, 384].
        """
        found: Floats = _unit(_kernel(_unit(sentences - self.centre), self.anchors) @ self.weights + self.mean)
        return found

    def understood(self, texts: Sequence[str], own: Floats, read: Floats) -> npt.NDArray[np.bool_]:
        """Which texts the tower has understood itself, [m]; in another script than the Latin one it reads none.

        Args:
            texts: m of them.
            own: Vectors of the tower, [m, d], of any length.
            read: Those of `vectors`.
        """
        agrees: npt.NDArray[np.bool_] = (_unit(own) * read).sum(axis=1) >= self.limit
        return agrees & ~np.array([_in_another_script(text) for text in texts], np.bool_)

    @cached_property
    def name(self) -> str:
        """A hash of all of it, which tells it from others."""
        return hashlib.sha256(save(_arrays(self))).hexdigest()[:16]


def write_adapter(checkpoint: Path, adapter: LanguageAdapter) -> None:
    """Write it beside a checkpoint, whole or not at all.

    Raises:
        CheckpointError: The disk refuses.
    """
    write_beside(checkpoint, FILE, save(_arrays(adapter)))


def read_adapter(checkpoint: Path, model_id: str) -> LanguageAdapter | None:
    """What is beside a checkpoint, or in the package for a bundled model; None where there is none.

    Raises:
        CheckpointError: The file is broken.
    """
    path = file_beside(checkpoint, model_id, FILE)
    if path is None:
        return None
    try:
        arrays = load_file(path)
        parts = _float32(arrays["centre"], arrays["anchors"], arrays["mean"], arrays["weights"])
        found = LanguageAdapter(*parts, limit=float(arrays["limit"].item()))
    except (OSError, SafetensorError, KeyError, ValueError) as error:
        raise CheckpointError(f"{path} is broken ({error}): make it again with `groundcast model languages`") from error
    shapes = (found.anchors.shape, found.weights.shape)
    fits = shapes == ((len(found.anchors), *found.centre.shape), (len(found.anchors), *found.mean.shape))
    if not fits or not all(np.isfinite(array).all() for array in arrays.values()):
        raise CheckpointError(f"{path} does not fit together: make it again with `groundcast model languages`")
    return found


def _arrays(adapter: LanguageAdapter) -> dict[str, npt.NDArray[np.floating]]:
    halves = {name: getattr(adapter, name).astype(np.float16) for name in ("centre", "anchors", "mean", "weights")}
    return {**halves, "limit": np.array([adapter.limit], np.float32)}


def _float32(
    a: npt.NDArray[np.floating], b: npt.NDArray[np.floating], c: npt.NDArray[np.floating], d: npt.NDArray[np.floating]
) -> tuple[Floats, Floats, Floats, Floats]:
    return a.astype(np.float32), b.astype(np.float32), c.astype(np.float32), d.astype(np.float32)


def _in_another_script(text: str) -> bool:
    """Whether a text has letters and none of them is Latin: that is no English, whatever tower and adapter agree on."""
    letters = [unicodedata.name(letter, "") for letter in text if letter.isalpha()]
    return bool(letters) and not any("LATIN" in name for name in letters)


def _kernel(a: npt.NDArray[np.floating], b: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
    """exp(−‖a − b‖²) of unit vectors [m, k] and [n, k], [m, n]."""
    kernel: npt.NDArray[np.floating] = np.exp(2 * (a @ b.T) - 2)
    return kernel


def _unit(vectors: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
    unit: npt.NDArray[np.floating] = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), _TINY)
    return unit
