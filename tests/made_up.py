"""Scores and frames made up for tests of maps: an island of tiles, and what it looks like at any moment."""

from collections.abc import Sequence
from datetime import datetime

import numpy as np

from search_ui.search.scores import Frames, Scores
from trainer.encoding import When

SIDE = 12


def island(side: int = SIDE) -> tuple[list[str], np.ndarray, np.ndarray, np.ndarray]:
    """Ids, latitudes, longitudes and sizes of side × side tiles."""
    lat, lon = (axis.ravel() for axis in np.meshgrid(43 + np.arange(side) * 0.0043, 10 + np.arange(side) * 0.0059))
    return [f"t{number:04d}" for number in range(side**2)], lat, lon, np.full(side**2, 480.0, np.float32)


def cosine_at(when: When, side: int = SIDE) -> np.ndarray:
    """Highest in July at 14 h, and a little higher from tile to tile."""
    month, hour = (when.month, when.hour) if isinstance(when, datetime) else (1, 0)
    season = -abs(month - 7) / 60 - abs(hour - 14) / 240
    return (0.3 + season + np.arange(side**2) / 10_000).astype(np.float32)


def scores(when: When = None, side: int = SIDE, note: str | None = None) -> Scores:
    """Of one moment."""
    cosine = cosine_at(when, side)
    return Scores(*island(side), cosine, np.clip(cosine * 2, 0, 1), when, note)


def frames(whens: Sequence[When], side: int = SIDE) -> Frames:
    """Of many moments."""
    return Frames(*island(side), tuple(whens), np.stack([cosine_at(when, side) for when in whens]))
