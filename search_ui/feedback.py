"""Relevance feedback: what a person calls right or wrong among the hits steers the next answer.

The formula is not here yet to be measured: see `steered`. It knows vectors alone.
"""

from dataclasses import dataclass

from trainer.errors import UsageError

MOST = 100


@dataclass(frozen=True)
class Feedback:
    """Thumbs up and down.

    Attributes:
        liked: Ids of tiles that were right, each once.
        disliked: Ids of tiles that were wrong, each once.

    Raises:
        UsageError: A tile is both, or there are too many.
    """

    liked: tuple[str, ...] = ()
    disliked: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        both = set(self.liked) & set(self.disliked)
        if both:
            raise UsageError(f"tile {min(both)!r} is called both right and wrong: choose one")
        if len(self.liked) + len(self.disliked) > MOST:
            raise UsageError(f"{len(self.liked) + len(self.disliked)} thumbs: give at most {MOST}, the latest ones")

    def __bool__(self) -> bool:
        """Whether anything was said."""
        return bool(self.liked or self.disliked)


NOTHING_SAID = Feedback()
