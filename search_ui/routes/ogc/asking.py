"""What may be asked of the OGC routes: a question as in the other routes, and the standards' own parameters.

Programs put the parameters of the address that a person gave them behind every link they follow, so all documents of
OGC API Features take the same ones, and so do all of Tiles. The standards want a limit that is too large to be taken as
the largest, and 400 for whatever is wrong. It does not know how anything is answered.
"""

from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import shapely
from fastapi import Path, Request, Response
from pydantic import Field, field_validator
from shapely.geometry.base import BaseGeometry

from ingest.geo.area import parse_bbox, parse_dates
from search_ui.routes.exchange import MeasuredRoute
from search_ui.routes.parameters import HeatParameters, QuestionParameters, Text
from search_ui.search.query import MAX_K
from search_ui.search.relevance.calibration import WEAK
from search_ui.service.service import Service
from trainer.errors import AreaError, UsageError

LIMIT, MOST_ITEMS = 100, 10_000  # features in one document
HITS = 1_000  # of a question, unless more or fewer are asked for
_PARTS = ("q", "also", "image", "photo", "tile")
_STEERING = ("negative", "ensemble", "when", "liked", "disliked", "labels", "k", "min_relevance", "overlapping")

CollectionId = Annotated[str, Path(alias="collectionId", max_length=200, description="Id of a collection.")]
FeatureId = Annotated[str, Path(alias="featureId", max_length=200, description="Id of a feature in it.")]


class FeatureParameters(QuestionParameters):
    """Features: those of a question, or all."""

    bbox: Text | None = Field(
        None, description="W,S,E,N in degrees, or with heights between them, which play no part; may cross ±180."
    )
    datetime_: Text | None = Field(
        None,
        alias="datetime",
        description="When the imagery was taken: a moment, or an interval such as ../2024-12-31.",
    )
    limit: int = Field(LIMIT, ge=1, description="Features in one answer, at most 10,000.")
    offset: int = Field(0, ge=0, description="Features before the first one.")
    k: int | None = Field(None, ge=1, le=MAX_K, description=f"Hits of a question in all [{HITS:,}].")
    min_relevance: float | None = Field(
        None, ge=0, le=1, description=f"Hits of a question have at least this relevance [{WEAK:g}]."
    )
    overlapping: bool = Field(False, description="Also hits that overlap a better one.")
    f: Literal["json"] | None = Field(None, description="There is JSON, and nothing else.")

    @field_validator("limit")
    @classmethod
    def _at_most(cls, limit: int) -> int:
        return min(limit, MOST_ITEMS)

    @field_validator("also", "negative")
    @classmethod
    def _once(cls, texts: list[str]) -> list[str]:
        """A program may have added them to a link that had them."""
        return list(dict.fromkeys(texts))

    @property
    def asks(self) -> bool:
        """Whether there is a question.

        Raises:
            UsageError: There is none, and something steers it.
        """
        if any(getattr(self, name) for name in _PARTS):
            return True
        self.asks_nothing("without a question (q, also, image, photo or tile)")
        return False

    def asks_nothing(self, where: str) -> None:
        """Refuse a question where none can be asked.

        Raises:
            UsageError: There is one, or a part of one.
        """
        given = [name for name in (*_PARTS, *_STEERING) if getattr(self, name) not in (None, [], False)]
        if given:
            raise UsageError(
                f"{', '.join(given)} without effect {where}: leave it out, or ask of a collection of tiles"
            )

    def within(self, service: Service) -> BaseGeometry | None:
        """The area of the question (`near`, `wkt` or `place`) as far as it lies in the box; None: everywhere.

        Raises:
            AreaError: One cannot be understood.
            UsageError: There are several areas.
        """
        area = self.model_copy(update={"bbox": None}).area(service)
        if self.bbox is None:
            return area
        box = parse_bbox(self._flat_box())
        return box if area is None else shapely.intersection(area, box)

    def _flat_box(self) -> str:
        """The box without its heights."""
        sides = str(self.bbox).split(",")
        return str(self.bbox) if len(sides) != 6 else ",".join((*sides[:2], *sides[3:5]))

    def taken(self) -> tuple[datetime | None, datetime | None] | None:
        """The first and the last moment of `datetime`, aware UTC, inclusive; None: at any time.

        Raises:
            AreaError: It is no moment or interval (RFC 3339, with `..` or nothing at an open end).
        """
        if self.datetime_ is None:
            return None
        ends = self.datetime_.split("/")
        if len(ends) > 2:
            raise AreaError(f"datetime {self.datetime_[:60]!r}: give a moment, or two with one / between them")
        first, last = (None if end in ("", "..") else end for end in (ends[0], ends[-1]))
        if first is None and last is None:
            if len(ends) == 1:
                raise AreaError(f"datetime {self.datetime_!r}: give a moment, or an interval such as 2024-01-01/..")
            return None
        return parse_dates(first, last)

    def taken_us(self) -> tuple[int, int] | None:
        """The same in microseconds since 1970; an open end is the end of time."""
        ends = self.taken()
        if ends is None:
            return None
        start, end = (None if one is None else round(one.astimezone(UTC).timestamp() * 1_000_000) for one in ends)
        edge = 2**62
        return -edge if start is None else start, edge if end is None else end


class TilesetParameters(HeatParameters):
    """Tile sets: scores of a question, or the imagery."""

    f: Literal["json"] | None = Field(None, description="There is JSON, and nothing else.")

    @property
    def asks(self) -> bool:
        """Whether there is a question, or a set of labels whose probability is drawn."""
        return self.value == "probability" or any(getattr(self, name) for name in _PARTS)


class StandardRoute(MeasuredRoute):
    """A route whose errors of parameters are 400, as OGC API Features has it (17-069r4, 7.3.1)."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler of `MeasuredRoute`, with that status."""
        answer = super().get_route_handler()

        async def handle(request: Request) -> Response:
            response = await answer(request)
            if response.status_code == 422:
                response.status_code = 400
            return response

        return handle
