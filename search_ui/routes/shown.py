"""What the app's own pages ask for by the short names of what they show: tiles of maps, pages of lists, single tiles.

A name says all that its content depends on, so browsers keep the content. A name is known as long as the server keeps
it; programs ask the routes that take the whole question.
"""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Response
from pydantic import Field

from search_ui.routes.exchange import CurrentExchange, MeasuredRoute, in_lane
from search_ui.routes.layers import Png
from search_ui.routes.parameters import Column, NothingElse, Parameters, Row, Zoom
from search_ui.service.place_list import PAGE

router = APIRouter(route_class=MeasuredRoute)
_DAY = 86_400
_TILE_PX = 512
_MOST = 200

ShownName = Annotated[str, Path(max_length=64, description="Name of what a page shows.")]


class PageParameters(Parameters):
    """A part of a list."""

    first: int = Field(0, ge=0, description="Number of places before it.")
    count: int = Field(PAGE, ge=1, le=_MOST, description="How many.")


class PointParameters(Parameters):
    """A point."""

    lat: float = Field(ge=-90, le=90, description="Degrees north.")
    lon: float = Field(ge=-180, le=180, description="Degrees east.")


@router.get("/shown/maps/{name}/{z:int}/{x:int}/{y:int}.png", response_class=Png)
@in_lane("fast")
def map_tile(exchange: CurrentExchange, name: ShownName, z: Zoom, x: Column, y: Row, _: NothingElse) -> Response:
    """A tile of 512 pixels of a map that a page shows."""
    service = exchange.service
    collection = service.heat_layers.find(name).collection
    exchange.tag(name, seconds=_DAY)
    content = service.shown_tile(name, z, x, y, px=_TILE_PX)
    return exchange.file(content, Png.media_type, service.attribution(collection))


@router.get("/shown/lists/{name}/places.json")
@in_lane("fast")
def list_page(exchange: CurrentExchange, name: ShownName, asked: Annotated[PageParameters, Query()]) -> Response:
    """Some of the places of a list that a page shows, and how many there are."""
    shown = exchange.service.place_lists.find(name)
    exchange.tag(name, seconds=_DAY)
    cards = shown.places.cards(shown.collection, asked.first, asked.count)
    return exchange.json(
        {"total": len(shown.places.rows), "places": cards}, exchange.service.attribution(shown.collection)
    )


@router.get("/shown/lists/{name}/pins.json")
@in_lane("fast")
def list_pins(exchange: CurrentExchange, name: ShownName, _: NothingElse) -> Response:
    """All places of a list that a page shows, without their names: see `PlaceList.pins`."""
    shown = exchange.service.place_lists.find(name)
    exchange.tag(name, seconds=_DAY)
    return exchange.json(shown.places.pins(), exchange.service.attribution(shown.collection))


@router.get("/shown/lists/{name}/at.json")
@in_lane("fast")
def list_at(exchange: CurrentExchange, name: ShownName, asked: Annotated[PointParameters, Query()]) -> Response:
    """What a list's question says of the tile at a point; null where no tile was asked."""
    service = exchange.service
    shown = service.place_lists.find(name)
    exchange.tag(name, seconds=_DAY)
    told: dict[str, Any] | None = shown.places.at(shown.collection, lat=asked.lat, lon=asked.lon)
    return exchange.json(told, service.attribution(shown.collection))


@router.get("/shown/overlays/{name}.json")
@in_lane("fast")
def overlay(exchange: CurrentExchange, name: ShownName, _: NothingElse) -> Response:
    """GeoJSON of a person's own, which a page lays over its map."""
    content = exchange.service.overlays.read(name)
    exchange.tag(name, seconds=_DAY)
    return exchange.file(content, "application/geo+json")
