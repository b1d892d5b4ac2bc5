"""Captions: vectors in, sentences out; hides the network, its words and torch.

A captioner belongs to one model, whose **unnormalised** S = O + E(place, time) it turns into words. It may be used from
several threads. Nothing here knows tiles, moments or where a captioner came from.
"""

import logging
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from trainer.bundled import bundle_folder
from trainer.captioning.daytime import Slot, untrue
from trainer.captioning.folder import CaptionerMeta, read_captioner_meta, read_captioner_tensors
from trainer.captioning.network import CaptionNetwork
from trainer.captioning.words import read_words
from trainer.errors import CheckpointError, ModelMismatchError, UsageError

logger = logging.getLogger(__name__)

Floats = npt.NDArray[np.float32]

BEAMS = 5
BUNDLED = "captions"
BESIDE = "captioner"  # in the folder of the model that it belongs to, so that both are copied together
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

    def captions(
        self, vectors: npt.NDArray[np.floating], beams: int = BEAMS, *, slots: Sequence[Slot] | None = None
    ) -> list[str]:
        """A caption of each vector.

        Args:
            vectors: S, [n, d], **unnormalised**, of the model `model_id`.
            beams: Sentences that the beam search follows side by side, 1 to 50.
            slots: Season and part of the day of each vector as far as they are known: no caption says another.
                None: they are guessed from S alone.

        Raises:
            UsageError: The vectors are of another shape or not finite, beams is not 1 … 50, or there are more or fewer
                slots than vectors.
        """
        if vectors.ndim != 2 or vectors.shape[1] != self.dim:
            raise UsageError(f"vectors must be [n, {self.dim}]; these are {list(vectors.shape)}")
        if not np.isfinite(vectors).all():
            raise UsageError("a vector holds numbers that are not finite: run `groundcast verify`")
        if not 1 <= beams <= 50:
            raise UsageError(f"beams = {beams}: give 1 to 50")
        slots = [(None, None)] * len(vectors) if slots is None else slots
        if len(slots) != len(vectors):
            raise UsageError(f"{len(slots)} slots for {len(vectors)} vectors: give one for each")
        # what must not be said is the same for a whole search, so vectors of one slot go together
        alike: dict[Slot, list[int]] = defaultdict(list)
        for row, slot in enumerate(slots):
            alike[slot].append(row)
        said = [""] * len(vectors)
        for slot, rows in alike.items():
            for start in range(0, len(rows), _BATCH):
                some = rows[start : start + _BATCH]
                tokens = self._network.tokens(
                    torch.from_numpy(np.asarray(vectors[some], np.float32)),
                    beams=beams,
                    most=self.meta.most_tokens,
                    stop=self.meta.stop,
                    length_penalty=self.meta.length_penalty,
                    never=self._never(slot),
                )
                for row, text in zip(some, self._words.decode_batch(tokens), strict=True):
                    said[row] = " ".join(text.split())
        return said

    def _never(self, slot: Slot) -> list[list[int]]:
        """The tokens of what is untrue at a moment, within a sentence and as it begins one."""
        # no plain "noon" without its space: in a small vocabulary an afternoon may end with that token
        forms = [form for text in untrue(slot) for form in (f" {text}", text.capitalize())]
        return [encoded.ids for encoded in self._words.encode_batch(forms)]


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


def bundled_captioner_folder() -> Path:
    """Where the package keeps the captioner of its bundled model.

    Raises:
        CheckpointError: This installation has none.
    """
    folder = bundle_folder() / BUNDLED
    if not folder.is_dir():
        raise CheckpointError(f"this installation carries no captioner ({folder} is missing): install it again")
    return folder


def captioner_of(checkpoint: Path, model_id: str) -> Path | None:
    """The captioner of a model: the folder `captioner` in its checkpoint's, else the bundled one if it is its.

    Args:
        checkpoint: Folder of the model's checkpoint, which may hold a captioner.
        model_id: Id of the model: the bundled captioner belongs to one alone.
    """
    beside = checkpoint / BESIDE
    if beside.is_dir():
        return beside
    bundled = bundle_folder() / BUNDLED
    return bundled if bundled.is_dir() and read_captioner_meta(bundled).model_id == model_id else None
