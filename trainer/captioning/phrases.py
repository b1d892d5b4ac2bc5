"""Captions by the nearest phrase: exact, for any model, without training.

A bank is every scene of a list joined with every season and part of the day (`trainer.captioning.daytime`), or with
neither, as the model's own text tower embeds them. A caption is the phrase whose cosine with S is highest: one matrix
product. It is as good as the model's texts and as its list; it never says what the list has not. Nothing here knows
models.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from trainer.captioning.daytime import PARTS, SEASONS, Slot, say
from trainer.errors import UsageError

Floats = npt.NDArray[np.float32]
EmbedTexts: TypeAlias = Callable[[Sequence[str]], Floats]

_FILE = Path(__file__).parents[1] / "presets" / "phrases.txt"


@dataclass(frozen=True, slots=True)
class PhraseCaption:
    """The nearest phrase and its cosine with S, −1..1."""

    text: str
    cosine: float


class PhraseBank:
    """Phrases and their vectors; those of a season and part of the day are embedded when they are first needed.

    Args:
        embed: Texts → float32 [n, d], of any length.
        scenes: What may be seen, without a time; None: those of `presets/phrases.txt`.
    """

    def __init__(self, embed: EmbedTexts, scenes: Sequence[str] | None = None) -> None:
        self.scenes = tuple(read_phrases() if scenes is None else scenes)
        if not self.scenes:
            raise UsageError("a phrase bank needs at least one phrase")
        self._embed = embed
        self._known: dict[Slot, Floats] = {}

    def captions(
        self, vectors: npt.NDArray[np.floating], *, season: bool = True, part: bool = True
    ) -> list[PhraseCaption]:
        """The nearest phrase of each vector, its season and part of the day guessed as its scene is.

        Args:
            vectors: S, [n, d], of any length but 0.
            season: Whether a phrase names a season: where the vectors know a date.
            part: Whether it names a part of the day: where they know an hour.

        Raises:
            UsageError: The vectors are of another width, or one has no direction.
        """
        return self._nearest(vectors, list(product(SEASONS if season else (None,), PARTS if part else (None,))))

    def captions_at(self, vectors: npt.NDArray[np.floating], slot: Slot) -> list[PhraseCaption]:
        """The nearest of the phrases that name a known moment, or none; arguments and errors as for `captions`.

        Args:
            vectors: S at that moment, [n, d], of any length but 0.
            slot: One of `SEASONS` or None, and one of `PARTS` or None.
        """
        return self._nearest(vectors, [slot])

    def texts(self, slot: Slot) -> list[str]:
        """The phrases of a season and part of the day, in the order of the scenes."""
        return [f"{scene} {say(*slot)}".rstrip() for scene in self.scenes]

    def _vectors(self, slot: Slot) -> Floats:
        """Of those phrases, unit length, [scenes, d]."""
        if slot not in self._known:
            vectors = np.asarray(self._embed(self.texts(slot)), np.float32)
            self._known[slot] = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), np.float32(1e-12))
        return self._known[slot]

    def _nearest(self, vectors: npt.NDArray[np.floating], slots: Sequence[Slot]) -> list[PhraseCaption]:
        """Of the phrases of those slots."""
        phrases = np.concatenate([self._vectors(slot) for slot in slots])  # [slots · scenes, d]
        if vectors.ndim != 2 or vectors.shape[1] != phrases.shape[1]:
            raise UsageError(f"vectors must be [n, {phrases.shape[1]}]; these are {list(vectors.shape)}")
        norms = np.linalg.norm(vectors, axis=1, keepdims=True)
        if not (np.isfinite(norms).all() and (norms > 0).all()):
            raise UsageError("a vector has no direction: run `groundcast verify`")
        texts = [text for slot in slots for text in self.texts(slot)]
        cosine = (vectors / norms) @ phrases.T  # [n, slots · scenes]
        return [PhraseCaption(texts[i], float(row[i])) for i, row in zip(cosine.argmax(axis=1), cosine, strict=True)]


def read_phrases(path: Path = _FILE) -> list[str]:
    """The scenes of a file, one a line; empty lines and those that begin with # are left out.

    Raises:
        UsageError: It cannot be read, or has none.
    """
    try:
        lines = [line.strip() for line in path.read_text("utf-8").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"phrases {path} cannot be read ({error}): give a text file with one phrase a line") from error
    phrases = list(dict.fromkeys(line for line in lines if line and not line.startswith("#")))
    if not phrases:
        raise UsageError(f"phrases {path} has none: write one a line")
    return phrases
