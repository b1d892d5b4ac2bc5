"""What an ingest would take, told before any work: how many tiles, how long, and what to be warned of.

A few tiles are read and embedded on this machine, and their pace is taken. It does not know the form that asks.
"""

import itertools
import time
from contextlib import closing
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ingest.geo.grid import gsd_warning
from ingest.jobs.items import GridIntake, Intake, SkipItemError
from ingest.jobs.request import Request
from ingest.places.areas import bbox_of
from search_ui.service.service import Service
from search_ui.views.app_words import told
from trainer.embedder import Embedder
from trainer.errors import ItemError, UsageError

_TRIED = 8  # tiles that are read and embedded to measure the pace


@dataclass(frozen=True)
class IngestEstimate:
    """What an ingest would be.

    Attributes:
        tiles: How many tiles the grid has in the imagery and the area.
        seconds: How long it would take here, or None where no tile could be tried.
        gsd_m: Ground sample distance of the imagery; None: unknown.
        bounds: West, south, east and north; None: unknown.
        sample: A tile, uint8 [h, w, 3], or None.
        warnings: What a person should know before.
    """

    tiles: int
    seconds: float | None
    gsd_m: float | None
    bounds: tuple[float, float, float, float] | None
    sample: npt.NDArray[np.uint8] | None
    warnings: tuple[str, ...]


def estimate(service: Service, request: Request, model: str) -> IngestEstimate:
    """Open the imagery, count its tiles, read and embed a few of them.

    Args:
        service: The app's service: its settings name the folders of models and cache.
        request: What is to be brought in.
        model: Name of the model that would look at the tiles.

    Raises:
        GroundcastError: It cannot be opened, or nothing of it lies in the area.
    """
    embedder = Embedder.load(service.settings.models_dir / model, precision="float32")
    cache, beyond = service.settings.cache_dir / "tiles", service.settings.beyond
    with closing(request.open(input_px=embedder.input_px, cache_dir=cache, beyond=beyond)) as intake:
        ids = list(intake.ids())
        if not ids:
            raise UsageError(f"{request.source}: no tile lies in the imagery and the area")
        # spread over the whole: the first tiles of a grid lie at its edge, where imagery is scarce
        step = max(1, len(ids) // _TRIED)
        pace, sample, warnings = _try(intake, embedder, list(itertools.islice(ids, 0, None, step))[:_TRIED])
        warnings += [f"{problem.subject}: {problem.message}" for problem in intake.problems[:5]]
        warnings += [note.message for note in intake.notes[:5]]
        gsd = bounds = None
        if isinstance(intake, GridIntake):
            tile_m = intake.grid.size_m
            gsd, bounds = intake.source.gsd_m, bbox_of(intake.source.coverage())
            if told := gsd_warning(
                source_gsd_m=gsd, tile_size_m=tile_m, input_px=embedder.input_px,
                trained_gsd_m=embedder.meta.gsd_m, trained_tile_size_m=embedder.meta.tile_size_m,
            ):  # fmt: skip
                warnings.append(told)
    return IngestEstimate(len(ids), None if pace is None else pace * len(ids), gsd, bounds, sample, tuple(warnings))


def _try(
    intake: Intake, embedder: Embedder, ids: list[str]
) -> tuple[float | None, npt.NDArray[np.uint8] | None, list[str]]:
    """Seconds a tile, one of the tiles, and what went wrong."""
    inputs, sample, warnings = [], None, []
    started = time.perf_counter()
    for item in ids:
        try:
            image = intake.read(item).image
        except SkipItemError:
            continue
        except ItemError as error:
            warnings.append(f"tile {item} cannot be read: {told(error)}")
            continue
        sample = image if sample is None else sample
        inputs.append(embedder.prepare(image))
    if not inputs:
        return None, None, [*warnings, "none of the tiles that were tried holds imagery"]
    read_s = (time.perf_counter() - started) / len(ids)
    embedder.embed_prepared(np.stack(inputs[:1]))  # the first pass makes things ready
    started = time.perf_counter()
    embedder.embed_prepared(np.stack(inputs))
    # reading and embedding go on side by side in an ingest: the slower one sets the pace
    return max(read_s, (time.perf_counter() - started) / len(inputs)), sample, warnings
