"""Captions by the nearest phrase: exact, for any model, without training.

A bank is every scene of a list joined with every season and part of the day (`trainer.daytime`), or with neither, as
the model's own text tower embeds them. A caption is the phrase whose cosine with S is highest: one matrix product. It
is as good as the model's texts and as its list; it never says what the list has not. Nothing here knows models.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from trainer.daytime import PARTS, SEASONS, say
from trainer.errors import UsageError

Floats = npt.NDArray[np.float32]
EmbedTexts = Callable[[Sequence[str]], Floats]

_FILE = Path(__file__).with_name("presets") / "phrases.txt"
_SEASONS = (None, *SEASONS)
_PARTS = (None, *PARTS)


@dataclass(frozen=True, slots=True)
class PhraseCaption:
    """The nearest phrase and its cosine with S, −1..1."""

    text: str
    cosine: float


class PhraseBank:
    """Phrases and their vectors.

    Args:
        embed: Texts → float32 [n, d], of any length.
        scenes: What may be seen, without a time; None: those of `presets/phrases.txt`.

    Attributes:
        texts: Of every phrase, [scenes × 5 seasons × 5 parts of the day]; the first of each five names none.
    """

    def __init__(self, embed: EmbedTexts, scenes: Sequence[str] | None = None) -> None:
        self.scenes = tuple(read_phrases() if scenes is None else scenes)
        if not self.scenes:
            raise UsageError("a phrase bank needs at least one phrase")
        self.texts = [
            f"{scene} {say(season, part)}".rstrip() for scene in self.scenes for season in _SEASONS for part in _PARTS
        ]
        vectors = np.asarray(embed(self.texts), np.float32)
        unit: Floats = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), np.float32(1e-12))
        self._vectors = unit  # [phrases, d]

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
        seasons, parts = slice(1, None) if season else slice(1), slice(1, None) if part else slice(1)
        return self._nearest(vectors, np.arange(len(self.texts)).reshape(self._shape)[:, seasons, parts].ravel())

    def captions_at(
        self, vectors: npt.NDArray[np.floating], *, season: str | None, part: str | None
    ) -> list[PhraseCaption]:
        """The nearest of the phrases that name a known moment, or none; arguments and errors as for `captions`.

        Args:
            vectors: S at that moment.
            season: One of `SEASONS`, or None.
            part: One of `PARTS`, or None.
        """
        rows = np.arange(len(self.texts)).reshape(self._shape)[:, _SEASONS.index(season), _PARTS.index(part)]
        return self._nearest(vectors, rows)

    @property
    def _shape(self) -> tuple[int, int, int]:
        return len(self.scenes), len(_SEASONS), len(_PARTS)

    def _nearest(self, vectors: npt.NDArray[np.floating], rows: npt.NDArray[np.int64]) -> list[PhraseCaption]:
        """Of those phrases."""
        if vectors.ndim != 2 or vectors.shape[1] != self._vectors.shape[1]:
            raise UsageError(f"vectors must be [n, {self._vectors.shape[1]}]; these are {list(vectors.shape)}")
        norms = np.linalg.norm(vectors, axis=1, keepdims=True)
        if not (np.isfinite(norms).all() and (norms > 0).all()):
            raise UsageError("a vector has no direction: run `groundcast verify`")
        cosine = (vectors / norms) @ self._vectors[rows].T  # [n, rows]
        best = cosine.argmax(axis=1)
        return [PhraseCaption(self.texts[rows[i]], float(row[i])) for i, row in zip(best, cosine, strict=True)]


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
