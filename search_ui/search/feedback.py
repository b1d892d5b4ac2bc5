"""Relevance feedback: what a person calls right or wrong among the hits steers the next answer.

With S of the judged tiles at the moment asked about, each at length 1, the question's vector becomes

    q′ = q + BETA · mean of S of the right ones − GAMMA · mean of S of the wrong ones

(J. J. Rocchio, *Relevance feedback in information retrieval*, 1971; Manning, Raghavan and Schütze, *Introduction to
Information Retrieval*, 2008, equation 9.3). The weights, and how much one round of thumbs helps on the sandbox planet,
are measured by ``benchmarks/feedback.py``; a logistic regression on the same vectors was no better there.

q′ orders the tiles. Their relevance stays that of the question as it was asked: it is calibrated for words, and tiles
are much more like tiles than like words. What was called wrong is no hit any more. It does not know how vectors are
made.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from trainer.errors import UsageError

BETA, GAMMA = 1.0, 0.5
MOST = 100  # thumbs in one question

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Feedback:
    """Thumbs up and down.

    Attributes:
        liked: Ids of tiles that were right, each once.
        disliked: Ids of tiles that were wrong, each once.
        hidden: Ids of more tiles that are to be no hits; they steer nothing.

    Raises:
        UsageError: A tile is both, or there are too many.
    """

    liked: tuple[str, ...] = ()
    disliked: tuple[str, ...] = ()
    hidden: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        both = set(self.liked) & set(self.disliked)
        if both:
            raise UsageError(f"tile {min(both)!r} is called both right and wrong: choose one")
        if len(self) > MOST:
            raise UsageError(f"{len(self)} thumbs: give at most {MOST}, the latest ones")

    def __len__(self) -> int:
        """How many thumbs."""
        return len(self.liked) + len(self.disliked)

    @property
    def no_hits(self) -> frozenset[str]:
        """Ids of tiles that may not stand in the list."""
        return self.hidden.union(self.disliked)

    def as_dict(self) -> dict[str, Any]:
        """Say it in JSON types; nothing where nothing was said."""
        said = {"liked": list(self.liked), "disliked": list(self.disliked)}
        return {name: ids for name, ids in said.items() if ids}

    def note(self) -> str | None:
        """What a person should read beside an answer that it steered."""
        if not self:
            return None
        told = f"{len(self.liked)} yes and {len(self.disliked)} no"
        # not "ordered with": a list may be in the order of its relevance, which stays
        return (
            f"what you said of tiles ({told}) steers the cosine and the order by it; relevance is the question's alone"
        )


NOTHING_SAID = Feedback()


def steered(query: Floats, liked: Floats, disliked: Floats, *, beta: float = BETA, gamma: float = GAMMA) -> Floats:
    """The question's vector after feedback, float32 [d], unit length.

    Args:
        query: float32 [d], unit length.
        liked: S of the right tiles, of any length, [m, d]; m may be 0.
        disliked: S of the wrong tiles, [k, d].
        beta: Weight of the mean of the right ones, the question weighing 1.
        gamma: Weight of the mean of the wrong ones, which is taken away.

    Raises:
        UsageError: They cancel out.
    """
    moved = query.astype(np.float64)
    for judged, weight in ((liked, beta), (disliked, -gamma)):
        if len(judged):
            moved = moved + weight * (judged / np.linalg.norm(judged, axis=1, keepdims=True)).mean(axis=0)
    norm = float(np.linalg.norm(moved))
    if not np.isfinite(norm) or norm < 1e-6:
        raise UsageError("the thumbs cancel the question out: take some back")
    unit: Floats = (moved / norm).astype(np.float32)
    return unit
