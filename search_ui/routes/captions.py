"""The route that answers in words: what one would see in a tile at moments."""

from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import Field

from search_ui.ground.captions import MOST_MOMENTS, CaptionQuery, usual_moments
from search_ui.routes.exchange import CurrentExchange, MeasuredRoute, in_lane
from search_ui.routes.parameters import MOMENT, Name, TileParameters, moment, place_of
from trainer.errors import UsageError

router = APIRouter(route_class=MeasuredRoute)


class CaptionParameters(TileParameters):
    """What one would see in a tile, in words."""

    when: list[Name] = Field([], max_length=MOST_MOMENTS, description=f"{MOMENT}; may be repeated.")
    moments: bool = Field(False, description="At four hours of the middle of January, April, July and October.")
    phrases: bool = Field(False, description="The nearest phrase of a bank, also where the model has a captioner.")

    def query(self) -> CaptionQuery:
        """The question itself.

        Raises:
            UsageError: It cannot be understood.
        """
        if self.moments and self.when:
            raise UsageError("`when` and `moments`: give one of them")
        whens = usual_moments() if self.moments else tuple(map(moment, self.when)) or (None,)
        return CaptionQuery(tile_id=self.tile, place=place_of(self.at), whens=whens, phrases=self.phrases)


@router.get("/api/caption")
@in_lane("fast")
def caption(exchange: CurrentExchange, asked: Annotated[CaptionParameters, Query()]) -> Response:
    """What one would see in a tile, in words."""
    exchange.tag(exchange.service.version(asked.collection))
    view = exchange.service.caption(asked.collection, asked.query())
    return exchange.json(view.as_dict(), view.attribution)
