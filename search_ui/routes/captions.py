"""The route that answers in words: what one would see in a tile at moments."""

from pydantic import Field

from search_ui.ground.captions import MOST_MOMENTS, CaptionQuery, usual_moments
from search_ui.routes.endpoint import Endpoint, Made, as_json
from search_ui.routes.parameters import MOMENT, Name, TileOf, moment, place_of
from search_ui.service.service import Service
from trainer.errors import UsageError


class Caption(TileOf):
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


def _caption(service: Service, asked: Caption) -> Made:
    view = service.caption(asked.collection, asked.query())
    return as_json(view.as_dict(), view.attribution)


ENDPOINTS = (
    Endpoint(
        path="/api/caption",
        summary="What one would see in a tile, in words",
        parameters=Caption,
        work=_caption,
        version=lambda service, asked: service.version(asked.collection),
    ),
)
