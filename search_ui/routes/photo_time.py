"""The route that says when a photo was taken in a tile: how likely each month and hour is."""

from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import Field

from search_ui.ground.photo_time import PhotoTimeQuery
from search_ui.routes.exchange import CurrentExchange, MeasuredRoute, in_lane
from search_ui.routes.parameters import Name, TileParameters, place_of
from search_ui.service.service import Service

router = APIRouter(route_class=MeasuredRoute)


class PhotoTimeParameters(TileParameters):
    """When a photo was taken."""

    photo: Name = Field(description="Id of an uploaded photo that was taken in the tile.")

    def query(self, service: Service) -> PhotoTimeQuery:
        """The question itself.

        Raises:
            UsageError: It cannot be understood.
            MissingError: The photo is not here any more.
        """
        return PhotoTimeQuery(photo=service.uploads.path(self.photo), tile_id=self.tile, place=place_of(self.at))


@router.get("/api/ground/when")
@in_lane("fast")
def photo_time(exchange: CurrentExchange, asked: Annotated[PhotoTimeParameters, Query()]) -> Response:
    """How likely an uploaded photo of a tile was taken in each month at each hour."""
    exchange.tag(exchange.service.version(asked.collection))
    view = exchange.service.photo_time(asked.collection, asked.query(exchange.service))
    return exchange.json(view.as_dict(), view.attribution)
