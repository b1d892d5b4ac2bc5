"""A look at imagery before anything is made of it: how many tiles it has, and some of them.

`search_ui.views.estimate` calls it in a process of its own, so little is imported here. It does not know models.
"""

import itertools
import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ingest.jobs.items import GridIntake, Intake, SkipItemError
from ingest.jobs.request import Request
from ingest.places.areas import bbox_of
from search_ui.views.app_words import plainly
from trainer.errors import ItemError, UsageError

_TRIED = 8  # tiles that are read, and embedded to measure the pace


@dataclass(frozen=True)
class Look:
    """What was seen of the imagery.

    Attributes:
        tiles: How many tiles the grid has in the imagery and the area.
        images: Of some of them, uint8 [h, w, 3].
        read_s: Seconds that one took to read.
        warnings: What a person should know before.
        gsd_m: Ground sample distance; None: unknown.
        bounds: West, south, east and north; None: unknown.
    """

    tiles: int
    images: list[npt.NDArray[np.uint8]]
    read_s: float
    warnings: list[str]
    gsd_m: float | None
    bounds: tuple[float, float, float, float] | None


def look(request: Request, input_px: int, reading: Mapping[str, Any]) -> Look:
    """Open imagery, count its tiles and read some.

    Args:
        request: What is to be brought in.
        input_px: Pixels across a tile.
        reading: How the home reads, `ingest.settings.Settings.reading`.

    Raises:
        GroundcastError: It cannot be opened, or nothing of it lies in the area.
    """
    with closing(request.open(input_px=input_px, reading=reading)) as intake:
        tiles = sum(1 for _ in intake.ids())
        if not tiles:
            raise UsageError(f"{request.source}: no tile lies in the imagery and the area")
        # spread over the whole: the first tiles of a grid lie at its edge, where imagery is scarce
        some = list(itertools.islice(intake.ids(), 0, None, max(1, tiles // _TRIED)))[:_TRIED]
        started = time.perf_counter()
        images, warnings = _try(intake, some)
        read_s = (time.perf_counter() - started) / len(some)
        warnings += [f"{problem.subject}: {problem.message}" for problem in intake.problems[:5]]
        warnings += [note.message for note in intake.notes[:5]]
        gsd = bounds = None
        if isinstance(intake, GridIntake):
            gsd, bounds = intake.source.gsd_m, bbox_of(intake.source.coverage())
    return Look(tiles, images, read_s, warnings, gsd, bounds)


def _try(intake: Intake, ids: list[str]) -> tuple[list[npt.NDArray[np.uint8]], list[str]]:
    """Those of the tiles that can be read, and what went wrong."""
    images, warnings = [], []
    for item in ids:
        try:
            images.append(intake.read(item).image)
        except SkipItemError:
            continue
        except ItemError as error:
            warnings.append(f"tile {item} cannot be read: {plainly(error)}")
    return images, warnings if images else [*warnings, "none of the tiles that were tried holds imagery"]
