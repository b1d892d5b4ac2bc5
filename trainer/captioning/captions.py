"""Captions: vectors in, sentences out; hides the network, its words and torch.

A captioner belongs to one model, whose **unnormalised** S, of a tile at a moment, it turns into words. It may be used
from several threads. Nothing here knows tiles, moments or where a captioner came from.
"""

import logging
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from trainer.captioning.daytime import Slot, untrue
from trainer.captioning.folder import CaptionerMeta, read_captioner_meta, read_captioner_tensors
from trainer.captioning.network import CaptionNetwork
from trainer.captioning.phrases import EmbedTexts
from trainer.captioning.words import read_words
from trainer.errors import CheckpointError, ModelMismatchError, UsageError

logger = logging.getLogger(__name__)

Floats = npt.NDArray[np.float32]

BEAMS = 10
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
        self,
        vectors: npt.NDArray[np.floating],
        embed: EmbedTexts | None = None,
        *,
        beams: int = BEAMS,
        slots: Sequence[Slot] | None = None,
    ) -> list[str]:
        """A caption of each vector; arguments and errors as for `candidates`.

        Args:
            embed: The text tower of the model: of the candidates the one is taken whose text is nearest to the vector.
                None: the likeliest, which is the plainest.
        """
        said = self.candidates(vectors, beams=beams, slots=slots)
        return [texts[0] for texts in said] if embed is None else [text for text, _ in nearest(said, vectors, embed)]

    def candidates(
        self, vectors: npt.NDArray[np.floating], *, beams: int = BEAMS, slots: Sequence[Slot] | None = None
    ) -> list[list[str]]:
        """The sentences of a beam search for each vector, the likeliest first.

        Args:
            vectors: S, [n, d], **unnormalised**, of the model `model_id`.
            beams: Sentences that are followed side by side, 1 to 50.
            slots: Season and part of the day of each vector as far as they are known: no sentence says another.
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
        said: list[list[str]] = [[]] * len(vectors)
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
                for row, each in zip(some, tokens, strict=True):
                    said[row] = [" ".join(text.split()) for text in self._words.decode_batch(each)]
        return said

    def _never(self, slot: Slot) -> list[list[int]]:
        """The tokens of what is untrue at a moment, within a sentence and as it begins one."""
        # no plain "noon" without its space: in a small vocabulary an afternoon may end with that token
        forms = [form for text in untrue(slot) for form in (f" {text}", text.capitalize())]
        return [encoded.ids for encoded in self._words.encode_batch(forms)]


def nearest(
    candidates: Sequence[Sequence[str]], vectors: npt.NDArray[np.floating], embed: EmbedTexts
) -> list[tuple[str, float]]:
    """Of each vector's candidates the one whose text is nearest to it, and its cosine with it, −1..1.

    A language model prefers what is said often; the vector knows better which of its sentences fits the place.

    Args:
        candidates: At least one for each vector; of equally near ones the first.
        vectors: S, [n, d], of any length but 0.
        embed: Texts → float [k, d], of any length.
    """
    texts = sorted({text for said in candidates for text in said})
    if not texts:
        return []
    rows = {text: row for row, text in enumerate(texts)}
    of_texts, of_vectors = (
        each / np.maximum(np.linalg.norm(each, axis=1, keepdims=True), 1e-12)
        for each in (np.asarray(embed(texts), np.float32), np.asarray(vectors, np.float32))
    )
    found = []
    for said, vector in zip(candidates, of_vectors, strict=True):
        cosines = of_texts[[rows[text] for text in said]] @ vector
        found.append((said[int(cosines.argmax())], float(cosines.max())))
    return found


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
