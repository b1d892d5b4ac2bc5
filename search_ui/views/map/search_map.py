"""The map of the search page in each of its views: what it shows of the question, and what a person did with it.

It does not know how scores are made.
"""

import json
from dataclasses import dataclass
from typing import Any

import shapely
import streamlit as st

from search_ui.components.base_path import own
from search_ui.components.map_view import HeatOnMap, LegendOnMap, MapData, PlaceOnMap, TouchedMap, show_map
from search_ui.service.place_lists import ShownList
from search_ui.service.service import Service, Shown
from search_ui.views.map.backdrop import ground_of
from search_ui.views.state.address import value
from search_ui.views.state.question import where
from trainer.errors import AreaError, GroundcastError

DRAWING = "drawing"
"""Of the session: what a shape on the map is drawn for; see `WORDS`."""
WORDS = {"area": "Search here", "labels": "Label these"}
_MANY_VERTICES, _FINE_DEG = 5_000, 0.002  # a country's coast need not be drawn to the metre


@dataclass(frozen=True)
class Painted:
    """What the heat of a view is.

    Attributes:
        frames: For one map or two, moment by moment.
        legend: Of all of them.
        says: What the map shows, for those who cannot see it.
        note: To be read below the map.
    """

    frames: list[list[HeatOnMap]]
    legend: LegendOnMap | None
    says: str
    note: str = ""


NOTHING_PAINTED = Painted(
    [[]], None, "Map of the collection's imagery; click on a tile to see what one would see there"
)


def search_map(
    service: Service,
    shown: Shown,
    painted: Painted,
    listed: ShownList | None,
    marks: dict[str, Any] | None = None,
) -> TouchedMap:
    """Draw the map; returns what was done with it in this run.

    Args:
        service: Knows the tile that is open.
        shown: The collection.
        painted: The heat of the view.
        listed: The places to pin; None: nothing was asked.
        marks: GeoJSON of outlines, each in its `colour`.
    """
    return show_map(
        MapData(
            name=shown.name,
            label=painted.says,
            **ground_of(shown),
            frames=painted.frames,
            layout=value("side"),
            strength=value("opacity") / 100,
            legend=painted.legend if any(painted.frames) else None,
            pins="" if listed is None else own(f"/shown/lists/{listed.name}/pins.json"),
            at="" if listed is None else own(f"/shown/lists/{listed.name}/at.json"),
            chosen=_chosen(service, shown),
            area=_area(service),
            marks=marks,
            overlay=own(f"/shown/overlays/{value('overlay')}.json") if value("overlay") else "",
            drawing=WORDS.get(st.session_state.get(DRAWING) or "", ""),
            middle=middle(),
            tells_middle=value("sort") == "distance",
            linked=True,
        ),
        key="map",
    )


def middle() -> tuple[float, float] | None:
    """Where distances are from."""
    if not value("middle"):
        return None
    lat, lon = map(float, value("middle").split(","))
    return lat, lon


def _chosen(service: Service, shown: Shown) -> PlaceOnMap | None:
    if not value("tile"):
        return None
    place = service.tile(shown.name, value("tile")).footprint
    return PlaceOnMap(value("tile"), place.lat, place.lon, place.size_m)


def _area(service: Service) -> dict[str, Any] | None:
    try:
        area = where(service).area
    except AreaError:
        return None  # it is told where the question is
    if area is None:
        return None
    fine = shapely.get_num_coordinates(area) <= _MANY_VERTICES
    drawn = area if fine else shapely.simplify(area, _FINE_DEG)
    shape = {"type": "Feature", "properties": {}, "geometry": json.loads(shapely.to_geojson(drawn))}
    return {"name": value("area"), "shape": shape, "bounds": list(area.bounds)}


def tile_clicked(service: Service, shown: Shown, touched: TouchedMap) -> str | None:
    """The tile that a click on the map means; None: nobody clicked, or there is none."""
    if touched.opened is not None:
        return touched.opened
    if touched.clicked is None:
        return None
    lat, lon = touched.clicked
    try:
        return service.tile_at(shown.name, lat=lat, lon=lon)
    except GroundcastError:
        return None  # beside the imagery
