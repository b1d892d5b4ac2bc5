"""The features of a collection as GeoJSON: tiles, hits of a question, labels; a page of them, or one.

Hits come in the order of their relevance, tiles and labels in an order of their own; filters act on all of them before
any are counted. Footprints are polygons, and multipolygons all of them where a collection comes near ±180°, for a
layer of a GIS has one kind of geometry. It does not know addresses.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from ingest.catalog.catalog import Collection
from ingest.catalog.labels import Label, LabelSet
from ingest.field.columns import NO_DATE, acquired_at
from ingest.field.scorer import ExactScorer
from ingest.geo.footprints import Places, Squares
from ingest.index.protocol import Filter
from search_ui.files.answers import hit_features
from search_ui.labels.tables import record
from search_ui.routes.ogc.asking import HITS, FeatureParameters
from search_ui.routes.ogc.holdings import Holding
from search_ui.routes.parameters import QuestionParameters
from search_ui.routes.saved import question_of
from search_ui.search.query import rfc3339
from search_ui.search.relevance.calibration import WEAK
from search_ui.service.place_list import Listed, Rows
from search_ui.service.service import Service

Feature = dict[str, Any]
_EDGE_LON, _EDGE_LAT = 179.0, 85.0  # degrees; a tile reaches less far


@dataclass(frozen=True)
class Features:
    """The features that were asked for, of which pages are made when they are.

    Attributes:
        matched: How many there are.
        some: Makes those from one number on, so many of them.
        find: Makes the one of an id; None: it is none of them.
        told: What is to be said beside them: members of the feature collection.
    """

    matched: int
    some: Callable[[int, int], list[Feature]]
    find: Callable[[str], Feature | None]
    told: dict[str, Any] = field(default_factory=dict)


_NONE = Features(0, lambda _first, _count: [], lambda _: None)


def features(service: Service, held: Holding, asked: FeatureParameters) -> Features:
    """The features of a collection that are asked for.

    Raises:
        UsageError: The question cannot be understood, or none can be asked of it.
        AreaError: Its area or its time cannot.
        MissingError: A tile, picture or set of labels of the question is not there.
    """
    area = asked.within(service)
    if held.labels is not None:
        asked.asks_nothing("of a set of labels")
        return _labels(service, held.labels, asked, area)
    if held.saved is not None:
        asked.asks_nothing("of a saved search, which has a question of its own")
        saved = question_of(held.saved)
        area = _both(saved.area(service), area)
        least = max(_least(service, held), saved.min_relevance)
        return _hits(service, held, saved, asked, area, least=least, apart=not saved.overlapping)
    if not asked.asks:
        return _tiles(service, held, asked, area)
    least = _least(service, held) if asked.min_relevance is None else asked.min_relevance
    return _hits(service, held, asked, asked, area, least=least, apart=not asked.overlapping)


def _least(service: Service, held: Holding) -> float:
    """The relevance of a hit at least, where nobody says it: none where the collection has no relevance."""
    return WEAK if service.engine.foreign(service.tiles(held.collection)) is None else 0.0


def _both(one: BaseGeometry | None, other: BaseGeometry | None) -> BaseGeometry | None:
    if one is None or other is None:
        return other if one is None else one
    return shapely.intersection(one, other)


def _is_empty(area: BaseGeometry | None) -> bool:
    """Whether nothing can lie there: two areas that do not meet, or only touch."""
    return area is not None and not area.area


# -- hits --------------------------------------------------------------------------------------------------------------


def _hits(
    service: Service, held: Holding, question: QuestionParameters, asked: FeatureParameters, area: BaseGeometry | None,
    *, least: float, apart: bool,
) -> Features:  # fmt: skip
    if _is_empty(area):
        return _NONE
    name = held.collection
    found = service.tiles(name)
    columns = service.engine.field(found)
    everywhere = question.model_copy(update={"bbox": None, "near": None, "wkt": None, "place": None})
    query = replace(everywhere.query(service), area=area)
    apart = apart and _may_overlap(found)
    listed = Listed(k=asked.k or HITS, least=least, apart=apart, taken_us=asked.taken_us())
    shown = service.place_lists.show(name, query, listed, question.feedback(service, name))
    places, answer = shown.places, shown.found.answer
    told = {"query": dict(answer.query), "method": answer.method, "candidates": answer.candidates,
            "nothing": shown.found.nothing, "note": answer.note}  # fmt: skip
    if answer.not_now is not None:
        told["not_now"] = answer.not_now.as_dict()

    several = _near_the_edge(columns)

    def some(first: int, count: int) -> list[Feature]:
        hits = places.hits(first, count) if first < len(places.rows) else []
        return [_one_kind(made, several) for made in hit_features(hits)]

    def find(tile_id: str) -> Feature | None:
        rank = next((at for at, row in enumerate(places.rows.tolist()) if places.scores.tile_id[row] == tile_id), None)
        return None if rank is None else some(rank, 1)[0]

    return Features(len(places.rows), some, find, told)


def _may_overlap(found: Collection) -> bool:
    """Whether tiles may lie over each other; told by the grid, for to compare them all takes long."""
    grid = found.spec.get("grid") or {}
    return not float(grid.get("stride_m", 0.0)) >= float(grid.get("size_m", np.inf))


def _near_the_edge(columns: ExactScorer) -> bool:
    """Whether a tile of a collection may cross ±180°, so that all of its outlines are told as several."""
    return bool(columns.n and (np.abs(columns.lon).max() > _EDGE_LON or np.abs(columns.lat).max() > _EDGE_LAT))


def _one_kind(made: Feature, several: bool) -> Feature:
    geometry = made["geometry"]
    if several and geometry["type"] == "Polygon":
        made["geometry"] = {"type": "MultiPolygon", "coordinates": [geometry["coordinates"]]}
    return made


# -- tiles -------------------------------------------------------------------------------------------------------------


def _tiles(service: Service, held: Holding, asked: FeatureParameters, area: BaseGeometry | None) -> Features:
    if _is_empty(area):
        return _NONE
    found = service.tiles(held.collection)
    columns = service.engine.field(found)
    several = _near_the_edge(columns)
    reach_m = float(found.spec["largest_tile_m"]) / 2 * 2**0.5
    rows = columns.rows(None if area is None else Filter(area=area, reach_m=reach_m))
    rows = np.arange(columns.n) if rows is None else rows
    within, imagery = asked.taken_us(), _acquired_us(asked)
    taken = columns.acquired_us[rows]
    if within is not None:
        rows, taken = _of(rows, taken, (taken == NO_DATE) | ((taken >= within[0]) & (taken <= within[1])))
    if imagery is not None:  # acquired_from and acquired_to are as in the other routes: no tile of unknown date
        rows, taken = _of(rows, taken, (taken != NO_DATE) & (taken >= imagery[0]) & (taken <= imagery[1]))

    def made(chosen: Rows) -> list[Feature]:
        lat, lon, size_m = columns.lat[chosen], columns.lon[chosen], columns.size_m[chosen]
        if not len(chosen):
            return []
        outlines = shapely.to_geojson(shapely.orient_polygons(Squares.of(Places(lat, lon, size_m)).polygons()))
        at = zip(columns.ids(chosen), outlines, lat, lon, size_m, columns.acquired_us[chosen], strict=True)
        same = {"collection": held.collection, "model_id": found.model_id}
        return [_one_kind(_tile(same, *one), several) for one in at]

    def find(tile_id: str) -> Feature | None:
        row = columns.row(tile_id)
        return None if row is None or row not in rows else made(np.array([row]))[0]

    return Features(len(rows), lambda first, count: made(rows[first : first + count]), find)


def _of(rows: Rows, taken: Rows, wanted: Any) -> tuple[Rows, Rows]:
    return rows[wanted], taken[wanted]


def _acquired_us(asked: FeatureParameters) -> tuple[int, int] | None:
    if asked.acquired_from is None and asked.acquired_to is None:
        return None
    ends = f"{asked.acquired_from or '..'}/{asked.acquired_to or '..'}"
    return asked.model_copy(update={"datetime_": ends}).taken_us()


def _tile(same: dict[str, Any], tile_id: str, outline: str, lat: float, lon: float, size_m: float,
          taken: int) -> Feature:  # fmt: skip
    properties = {"tile_id": tile_id, "lat": float(lat), "lon": float(lon), "size_m": round(float(size_m), 3)}
    properties |= {"acquired_at": rfc3339(acquired_at(taken)), **same}
    return {"type": "Feature", "id": tile_id, "geometry": json.loads(outline), "properties": properties}


# -- labels ------------------------------------------------------------------------------------------------------------


def _labels(service: Service, held: LabelSet, asked: FeatureParameters, area: BaseGeometry | None) -> Features:
    first, last = asked.taken() or (None, None)
    labels = [
        label for label in service.labelling.sets.labels(held.id)
        if (first is None or label.labelled_at >= first) and (last is None or label.labelled_at <= last)
    ]  # fmt: skip
    if area is not None:
        inside = shapely.intersects_xy(area, [one.lon for one in labels], [one.lat for one in labels])
        labels = [label for label, within in zip(labels, inside, strict=True) if within]

    def find(tile_id: str) -> Feature | None:
        return next((_label(label) for label in labels if label.tile_id == tile_id), None)

    return Features(len(labels), lambda start, count: _all(labels[start : start + count]), find)


def _all(labels: Sequence[Label]) -> list[Feature]:
    return [_label(label) for label in labels]


def _label(label: Label) -> Feature:
    point = {"type": "Point", "coordinates": [label.lon, label.lat]}
    return {"type": "Feature", "id": label.tile_id, "geometry": point, "properties": record(label)}
