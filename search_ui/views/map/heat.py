"""Scores as colours for the maps of the app: the server keeps what each map shows, and draws its tiles when asked.

It does not know how scores are made.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from ingest.catalog.labels import LabelSet
from ingest.geo.footprints import Places
from search_ui.components.base_path import own
from search_ui.components.map_view import LegendOnMap
from search_ui.maps.certainty import CLEAR, certainty_scale, on_scale
from search_ui.maps.heatmap import HeatValues, Layer, ProbabilityLayer
from search_ui.maps.scales import CHANGE, HEAT, Scale
from search_ui.maps.snapshots import Value
from search_ui.search.feedback import NOTHING_SAID, Feedback
from search_ui.search.provenance import program_version
from search_ui.search.query import Query
from search_ui.search.scores import Scores
from search_ui.service.place_lists import key_of
from search_ui.service.service import Service
from trainer.encoding import When

_LITTLE = 0.02  # a difference of relevance that has no colour
_STEPS = 24  # colours in a legend's ramp


@dataclass(frozen=True)
class Heat:
    """Colours of a map.

    Attributes:
        tiles: URL of the tiles with {z}, {x} and {y}; another one for other colours.
        legend: What they mean.
    """

    tiles: str
    legend: LegendOnMap


def heats(
    service: Service, collection: str, query: Query, whens: Sequence[When], show: Value, said: Feedback = NOTHING_SAID
) -> list[Heat]:
    """The question at some moments, all on one scale; each is worked out when its map is looked at.

    Args:
        service: The app's service, which scores.
        collection: Name of the collection of tiles.
        query: Its own moment plays no part; tiles below its least relevance have no colour.
        whens: Moments, wall-clock time at the place; None among them: any time.
        show: Whether colours show relevance or cosine.
        said: Tiles called right or wrong; they steer the cosine.
    """
    if service.engine.foreign(service.tiles(collection)) is not None:
        show = "cosine"  # there is no relevance
    layers = [Layer(query=replace(query, when=when), value=show) for when in whens]
    if show == "relevance":
        below = f"{CLEAR}, or below {query.min_relevance:g}" if query.min_relevance else CLEAR
        legend = legend_of(certainty_scale(), below)
        return [
            _kept(service, collection, f"sure {_key(layer, said)}", _sure(service, collection, layer, said), legend)
            for layer in layers
        ]
    # one scale of all moments: the cosine's usual range through year and day
    legend = legend_of(replace(service.heat(collection, layers[0], said).scale, palette=HEAT))
    return [
        _kept(service, collection, f"like {_key(layer, said)}", _like(service, collection, layer, said), legend)
        for layer in layers
    ]


def difference(
    service: Service, collection: str, query: Query, first: When, second: When, show: Value, said: Feedback
) -> Heat | None:
    """The question at one moment less the same at another; None where no tile is asked for."""
    layer = Layer(query=replace(query, when=first), minus=replace(query, when=second), value=show)
    heat = service.heat(collection, layer, said)
    if not len(heat.values):
        return None
    heat = replace(heat, scale=replace(heat.scale, palette=CHANGE), rims=True)
    key = f"{_key(layer, said)} less {second}"
    if show == "cosine":
        return _kept(service, collection, key, heat, legend_of(heat.scale))
    # most tiles hardly change: without a colour they leave the ground to be seen where something does
    values = np.where(np.abs(heat.values) >= _LITTLE, heat.values, np.float32(np.nan))
    changed = replace(heat, values=values)
    legend = legend_of(heat.scale, f"less than {_LITTLE:g} either way")
    return _kept(service, collection, key, changed, legend)


def painted(
    service: Service, collection: str, query: Query, scores: Scores, values: npt.NDArray[np.float32], scale: Scale
) -> Heat:
    """Any values of the question's tiles, such as their best months."""
    of = (collection, service.version(collection), query.area, query.acquired_from, query.acquired_to)
    heat = HeatValues(Places(scores.lat, scores.lon, scores.size_m), values, scale, of)
    key = f"{key_of(query)} {scale.unit} {hashlib.sha256(values.tobytes()).hexdigest()}"
    return _kept(service, collection, key, heat, legend_of(scale))


def probable(service: Service, collection: str, found: LabelSet, least: float) -> Heat:
    """How likely each tile is a yes, as a set of labels says it; raises as `Learning.learnt`."""
    heat = service.heat(collection, ProbabilityLayer(labels=found.id, least=least))
    shown = replace(heat, scale=replace(heat.scale, palette=HEAT), rims=True)
    key = f"probability {found.id} {found.revision} {least}"
    return _kept(service, collection, key, shown, legend_of(shown.scale, f"below {least:g}"))


def covered_values(service: Service, collection: str) -> HeatValues:
    """Where a collection has tiles: one value for all of them."""
    columns = service.engine.field(service.tiles(collection))
    places = Places(columns.lat, columns.lon, columns.size_m)
    of = (collection, service.version(collection), None, None, None)
    return HeatValues(places, np.ones(len(places.lat), np.float32), Scale(0.0, 1.0, "tiles", HEAT), of)


def legend_of(scale: Scale, clear: str = "") -> LegendOnMap:
    """What the colours of a scale mean."""
    steps = scale.lut[np.linspace(0, len(scale.lut) - 1, _STEPS).round().astype(int)]
    marks = [((value - scale.low) / (scale.high - scale.low), name) for value, name in scale.marks()]
    colours = ["rgb({}, {}, {})".format(*colour) for colour in steps.tolist()]
    return LegendOnMap(scale.unit, colours, [(round(at, 4), name) for at, name in marks], clear)


def _kept(
    service: Service, collection: str, key: str, make: Callable[[], HeatValues] | HeatValues, legend: LegendOnMap
) -> Heat:
    name = service.heat_layers.keep(collection, f"{program_version()} {service.version(collection)} {key}", make)
    return Heat(own(f"/shown/maps/{name}/{{z}}/{{x}}/{{y}}.png"), legend)


def _key(layer: Layer, said: Feedback) -> str:
    return f"{key_of(layer.query)} {said} {layer.value}"


def _sure(service: Service, collection: str, layer: Layer, said: Feedback) -> Callable[[], HeatValues]:
    """Relevance on the scale of the words."""

    def make() -> HeatValues:
        heat = service.heat(collection, layer, said)
        return replace(heat, values=on_scale(heat.values), scale=certainty_scale(), rims=True)

    return make


def _like(service: Service, collection: str, layer: Layer, said: Feedback) -> Callable[[], HeatValues]:
    """The cosine in the same colours."""

    def make() -> HeatValues:
        heat = service.heat(collection, layer, said)
        return replace(heat, scale=replace(heat.scale, palette=HEAT))

    return make
