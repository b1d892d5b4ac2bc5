"""What an ingest would take, told before any work: how many tiles, how long, and what to be warned of.

A few tiles are read and embedded on this machine, and their pace is taken. Whatever the imagery is, it is opened in a
process of its own. It does not know the form that asks.
"""

import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ingest.geo.grid import gsd_warning
from ingest.jobs.request import Request
from search_ui.service.confined import Confined
from search_ui.service.service import Service
from search_ui.views.look import look
from trainer.embedder import Embedder
from trainer.errors import SourceError

_BYTES, _SECONDS = 2 * 2**30, 60.0  # for opening the imagery and reading those


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


def estimate(
    service: Service, request: Request, model: str, *, tick: Callable[[float], object] = lambda _: None
) -> IngestEstimate:
    """Open the imagery, count its tiles, read and embed a few of them.

    Args:
        service: The app's service: its settings name the folders of models and cache.
        request: What is to be brought in.
        model: Name of the model that would look at the tiles.
        tick: Called several times a second while the imagery is looked at, with the seconds so far; what it raises
            ends that.

    Raises:
        GroundcastError: It cannot be opened, takes too much to be tried here, or nothing of it lies in the area.
    """
    embedder = Embedder.load(service.settings.models_dir / model, precision="float32")
    looking = Confined(
        memory_bytes=_BYTES,
        seconds=_SECONDS,
        refused=lambda why: SourceError(f"{request.source} {why}: choose a smaller area or larger tiles"),
        tick=tick,
    )
    with closing(looking):
        seen = looking.run(look, request, embedder.input_px, service.settings.reading())
    warnings = list(seen.warnings)
    if seen.gsd_m is not None and request.grid is not None:
        too_coarse = gsd_warning(
            source_gsd_m=seen.gsd_m, tile_size_m=request.grid.size_m, input_px=embedder.input_px,
            trained_gsd_m=embedder.meta.gsd_m, trained_tile_size_m=embedder.meta.tile_size_m,
        )  # fmt: skip
        warnings += [too_coarse] if too_coarse else []
    seconds = sample = None
    if seen.images:
        # reading and embedding go on side by side in an ingest: the slower one sets the pace
        seconds, sample = seen.tiles * max(seen.read_s, _embedding_s(embedder, seen.images)), seen.images[0]
    return IngestEstimate(seen.tiles, seconds, seen.gsd_m, seen.bounds, sample, tuple(warnings))


def _embedding_s(embedder: Embedder, images: list[npt.NDArray[np.uint8]]) -> float:
    """Seconds that a tile takes."""
    inputs = [embedder.prepare(image) for image in images]
    embedder.embed_prepared(np.stack(inputs[:1]))  # the first pass makes things ready
    started = time.perf_counter()
    embedder.embed_prepared(np.stack(inputs))
    return (time.perf_counter() - started) / len(inputs)
