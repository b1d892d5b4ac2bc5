"""When one would see something: 12 months × 24 hours of an area, as numbers, a picture, a file.

It does not know how scores are made.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from groundcast.question import file_path
from search_ui.maps.calendars import PlaceCalendar, check_target, draw_calendar, write_calendar
from search_ui.maps.layers import Words, png
from search_ui.maps.snapshots import About
from search_ui.search.likeliest import Likeliest
from search_ui.search.remarks import say_likeliest


@dataclass(frozen=True, eq=False)
class ScoreCalendar:
    """A question over the months of a year and the hours of a day. A notebook shows it as a picture.

    Attributes:
        calendar: The mean cosine of the tiles that are highest at each moment.
        place: Relevance of the best tile at its best moment, 0..1.
        likeliest: When it is likeliest; None: nothing there is a place for it.
        about: The question in words, and what was asked of what.
        note: What should be read beside it.
    """

    calendar: PlaceCalendar
    place: float
    likeliest: Likeliest | None
    about: About
    note: str

    def __repr__(self) -> str:
        return (
            f"ScoreCalendar({self.about.question}, {self.calendar.statistic} of {self.calendar.tiles:,}; {self.note})"
        )

    @property
    def cosine(self) -> npt.NDArray[np.float32]:
        """float32 [12, 24]: January first, local wall-clock hours from 0; NaN where no tile has a score."""
        return self.calendar.cosine

    @property
    def best(self) -> tuple[int, int]:
        """Month (1 to 12) and hour of the highest."""
        return self.calendar.best

    def as_dict(self) -> dict[str, Any]:
        """Say it in JSON types, as `groundcast calendar --json` does."""
        likeliest = None if self.likeliest is None else self.likeliest.as_dict()
        asked = {"query": self.about.provenance["query"], "collection": self.about.provenance["collection"]}
        told = {"place": round(self.place, 4), "likeliest": likeliest, "note": self.note}
        return asked | self.calendar.as_dict() | told

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write it, by the suffix: ``.png``, ``.json``, ``.csv``.

        Returns:
            The path.

        Raises:
            UsageError: An unknown suffix, or a folder that is not there.
            GroundcastError: It cannot be written, such as on a full disk.
        """
        target = file_path("path", path)
        check_target(target)
        write_calendar(self.calendar, target, self._words(), dict(self.about.provenance))
        return target

    def _words(self) -> Words:
        return self.about.words(self.about.question, self.calendar.description, self.note)

    def _repr_png_(self) -> bytes:
        """The picture, for notebooks."""
        words = self._words()
        return png(draw_calendar(self.calendar, words), words.provenance)


def note_of(place: float, likeliest: Likeliest | None, *notes: str | None) -> str:
    """What is said beside a calendar."""
    return "; ".join(filter(None, (*notes, say_likeliest(place, likeliest))))
