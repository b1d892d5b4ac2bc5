"""Scores as pictures for the maps of the app, each as a data URL, with what its colours mean.

Relevance is drawn by its square root from weak to certain, so that the words lie evenly on the scale; what is nothing
has no colour, and the ground is seen. It does not know how scores are made.
"""

import base64
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import numpy.typing as npt

from ingest.geo.footprints import Places
from search_ui.maps import heatmap
from search_ui.maps.heatmap import Drawing, Layer
from search_ui.maps.scales import Scale
from search_ui.maps.snapshots import Value
from search_ui.search.feedback import NOTHING_SAID, Feedback
from search_ui.search.query import Query
from search_ui.search.relevance import POSSIBLE, STRONG, WEAK
from search_ui.search.scores import Scores
from search_ui.service.service import Service
from trainer.encoding import When

_PX = 1_024
_LITTLE = 0.02  # a difference of relevance that has no colour
_MARKS = ((WEAK, f"weak {WEAK}"), (POSSIBLE, f"possible {POSSIBLE}"), (STRONG, f"strong {STRONG}"), (1.0, "1"))

Bounds = tuple[float, float, float, float]


@dataclass(frozen=True)
class HeatPicture:
    """A picture of values.

    Attributes:
        url: The PNG as a data URL: no route has to remember it.
        bounds: West, south, east and north of the picture.
        scale: What its colours mean: range, palette, unit.
        clear: What has no colour; nothing: every tile has one.
    """

    url: str
    bounds: Bounds
    scale: Scale
    clear: str = ""


def heats(
    service: Service, collection: str, query: Query, whens: Sequence[When], show: Value, said: Feedback = NOTHING_SAID
) -> list[HeatPicture]:
    """The question at some moments, all on one scale.

    Args:
        service: The app's service, which scores.
        collection: Name of the collection of tiles.
        query: Its own moment plays no part.
        whens: Moments, wall-clock time at the place; None among them: any time.
        show: Whether colours show relevance or cosine.
        said: Tiles called right or wrong; they steer the cosine.

    Returns:
        As many as moments; none where no tile is asked for.
    """
    drawn = []
    for when in whens:
        heat = service.heat(collection, Layer(query=replace(query, when=when), value=show), said)
        if not len(heat.values):
            return []
        drawn.append(_drawn(_by_words(heat) if show == "relevance" else heat))
    return [replace(one, clear=f"nothing (below {WEAK:.2f})") for one in drawn] if show == "relevance" else drawn


def difference(
    service: Service, collection: str, query: Query, first: When, second: When, show: Value
) -> HeatPicture | None:
    """The question at one moment less the same at another; None where no tile is asked for."""
    layer = Layer(query=replace(query, when=first), minus=replace(query, when=second), value=show)
    heat = service.heat(collection, layer)
    if not len(heat.values):
        return None
    if show == "cosine":
        return _drawn(heat)
    # most tiles hardly change: without a colour they leave the ground to be seen where something does
    values = np.where(np.abs(heat.values) >= _LITTLE, heat.values, np.float32(np.nan))
    return replace(_drawn(replace(heat, values=values)), clear=f"less than {_LITTLE:g} either way")


def painted(
    service: Service, collection: str, query: Query, scores: Scores, values: npt.NDArray[np.float32], scale: Scale
) -> HeatPicture:
    """Any values of the question's tiles, such as their best months."""
    of = (collection, service.version(collection), query.area, query.acquired_from, query.acquired_to)
    return _drawn(heatmap.HeatValues(Places(scores.lat, scores.lon, scores.size_m), values, scale, of))


def covered(service: Service, collection: str) -> HeatPicture:
    """Where a collection has tiles."""
    columns = service.engine.field(service.tiles(collection))
    places = Places(columns.lat, columns.lon, columns.size_m)
    of = (collection, service.version(collection), None, None, None)
    ones = np.ones(len(places.lat), np.float32)
    return _drawn(heatmap.HeatValues(places, ones, Scale(0.0, 1.0, "tiles"), of))


@cache
def _drawing() -> Drawing:
    return Drawing()


def _drawn(heat: heatmap.HeatValues) -> HeatPicture:
    bitmap = _drawing().whole(heat, _PX)
    return HeatPicture("data:image/png;base64," + base64.b64encode(bitmap.png).decode(), bitmap.bounds, bitmap.scale)


def _by_words(heat: heatmap.HeatValues) -> heatmap.HeatValues:
    """Relevance on a scale on which weak, possible and strong lie evenly."""
    known = np.where(np.isfinite(heat.values), heat.values, 0)
    values = np.where(known >= WEAK, np.sqrt(known), np.float32(np.nan)).astype(np.float32)
    # the scale is in roots, its marks say the relevance itself
    ticks = tuple((value**0.5, name) for value, name in _MARKS)
    return replace(heat, values=values, scale=Scale(WEAK**0.5, 1.0, heat.scale.unit, ticks=ticks))
