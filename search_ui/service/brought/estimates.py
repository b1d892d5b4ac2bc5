"""What an ingest would take, told before any work, from a preview of it: how long, and what to be warned of.

The preview's tiles are embedded on this machine, and the pace of that and of their reading is taken: nothing is read a
second time. It does not know the form that asks.
"""

import time
from dataclasses import dataclass
from importlib.util import find_spec

import numpy as np
import numpy.typing as npt

from ingest.geo.grid import gsd_warning
from ingest.jobs.request import Request
from ingest.settings import Settings
from search_ui.maps.previews import Pictured
from trainer.embedder import Embedder


@dataclass(frozen=True)
class IngestEstimate:
    """What an ingest would be.

    Attributes:
        tiles: How many tiles the grid has in the imagery and the area.
        seconds: How long it would take here, or None where no tile could be tried, or embedded.
        gsd_m: Ground sample distance of the imagery; None: unknown.
        bounds: West, south, east and north; None: unknown.
        warnings: What a person should know before.
    """

    tiles: int
    seconds: float | None
    gsd_m: float | None
    bounds: tuple[float, float, float, float] | None
    warnings: tuple[str, ...]


def estimate(settings: Settings, request: Request, model: str, seen: Pictured) -> IngestEstimate:
    """Embed the tiles of a preview, and say what all of them would take.

    Args:
        settings: Name the folder of models.
        request: What is to be brought in.
        model: Name of the model that would look at the tiles.
        seen: The preview of the request, for that model.
    """
    embedder = Embedder.load(settings.models_dir / model, precision="float32")
    facts = seen.facts
    warnings = [] if seen.images else ["none of the tiles that were tried holds enough imagery"]
    if facts["gsd_m"] is not None and request.grid is not None:
        too_coarse = gsd_warning(
            source_gsd_m=facts["gsd_m"], tile_size_m=request.grid.size_m, input_px=embedder.input_px,
            trained_gsd_m=embedder.meta.gsd_m, trained_tile_size_m=embedder.meta.tile_size_m,
        )  # fmt: skip
        warnings += [too_coarse] if too_coarse else []
    seconds = None
    if seen.images:
        # reading and embedding go on side by side in an ingest: the slower one sets the pace
        embedding_s = _embedding_s(embedder, seen.images)
        seconds = None if embedding_s is None else facts["tiles"] * max(facts["read_s"], embedding_s)
    return IngestEstimate(facts["tiles"], seconds, facts["gsd_m"], facts["bounds"], tuple(warnings))


def _embedding_s(embedder: Embedder, images: list[npt.NDArray[np.uint8]]) -> float | None:
    """Seconds that a tile takes; None where nothing can be embedded, as in an app whose workers do that."""
    if find_spec("torch") is None:
        return None
    inputs = [embedder.prepare(image) for image in images]
    embedder.embed_prepared(np.stack(inputs[:1]))  # the first pass makes things ready
    started = time.perf_counter()
    embedder.embed_prepared(np.stack(inputs))
    return (time.perf_counter() - started) / len(inputs)
