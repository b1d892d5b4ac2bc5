"""Captions: vectors in, sentences out; hides the network, its words and torch.

A captioner belongs to one model, whose **unnormalised** S = O + E(place, time) it turns into words. It may be used from
several threads. Nothing here knows tiles, moments or where a captioner came from.
"""

import logging
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from trainer.captioning.folder import CaptionerMeta, read_captioner_meta, read_captioner_tensors
from trainer.captioning.network import CaptionNetwork
from trainer.captioning.words import read_words
from trainer.errors import CheckpointError, ModelMismatchError, UsageError

logger = logging.getLogger(__name__)

Floats = npt.NDArray[np.float32]

BEAMS = 5
_BATCH = 64


class Captioner:
    """Says in words what vectors mean. Make it with `load_captioner`.

    Attributes:
        meta: What the captioner says about itself.
    """

    def __init__(self, meta: CaptionerMeta, network: CaptionNetwork, folder: Path) -> None:
        self.meta = meta
        self._network = network.eval().requires_grad_(False)
        self._words = read_words(folder)

    @property
    def model_id(self) -> str:
        """The model whose vectors it captions."""
        return self.meta.model_id

    @property
    def dim(self) -> int:
        """Width of the vectors, d."""
        return self.meta.dim

    def captions(self, vectors: npt.NDArray[np.floating], beams: int = BEAMS) -> list[str]:
        """A caption of each vector.

        Args:
            vectors: S, [n, d], **unnormalised**, of the model `model_id`.
            beams: Sentences that the beam search follows side by side, 1 to 50.

        Raises:
            UsageError: The vectors are of another shape or not finite, or beams is not 1 … 50.
        """
        if vectors.ndim != 2 or vectors.shape[1] != self.dim:
            raise UsageError(f"vectors must be [n, {self.dim}]; these are {list(vectors.shape)}")
        if not np.isfinite(vectors).all():
            raise UsageError("a vector holds numbers that are not finite: run `groundcast verify`")
        if not 1 <= beams <= 50:
            raise UsageError(f"beams = {beams}: give 1 to 50")
        said: list[str] = []
        for start in range(0, len(vectors), _BATCH):
            batch = torch.from_numpy(np.asarray(vectors[start : start + _BATCH], np.float32))
            tokens = self._network.tokens(
                batch,
                beams=beams,
                most=self.meta.most_tokens,
                stop=self.meta.stop,
                length_penalty=self.meta.length_penalty,
            )
            said += [" ".join(text.split()) for text in self._words.decode_batch(tokens)]
        return said


def load_captioner(folder: Path, *, model_id: str | None = None) -> Captioner:
    """Open a captioner; its folder is all that is needed.

    Args:
        folder: The captioner's folder, as `trainer.captioning.folder.write_captioner` writes it.
        model_id: The model whose vectors will come; None: not checked here.

    Raises:
        CheckpointError: No captioner, or broken.
        ModelMismatchError: It belongs to another model.
    """
    meta = read_captioner_meta(folder)
    if model_id is not None and meta.model_id != model_id:
        raise ModelMismatchError(
            f"captioner {folder} belongs to model {meta.model_id}, these vectors come from {model_id}: train one for "
            "that model with `groundcast captioner train`, or use the phrase bank (--phrases)"
        )
    try:
        network = CaptionNetwork(meta.dim, meta.prefix_length, meta.lm)
        network.load_state_dict(read_captioner_tensors(folder))
    except (RuntimeError, TypeError, ValueError) as e:
        raise CheckpointError(f"captioner {folder}: its weights do not fit its description ({e})") from e
    logger.info("loaded captioner %s of model %s", folder, meta.model_id)
    return Captioner(meta, network, folder)
