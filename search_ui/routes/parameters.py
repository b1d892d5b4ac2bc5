"""What may be asked over HTTP: the parameters of the routes, checked here and told by the OpenAPI document.

A moment, a box, a place are written as on the command line. It does not know how questions are answered.
"""

from dataclasses import replace
from typing import Annotated, Literal

from fastapi import Path
from fastapi import Query as QueryString
from pydantic import BaseModel, ConfigDict, Field
from shapely.geometry.base import BaseGeometry

from ingest.geo.area import parse_bbox, parse_dates, parse_near, parse_wkt
from ingest.places.coordinates import parse_coordinates
from search_ui.ground.gallery import PhotoFilter, parse_hours, parse_months
from search_ui.ground.view import GroundQuery
from search_ui.maps.heatmap import MAX_PX, MIN_PX, Layer, ProbabilityLayer
from search_ui.maps.mercator import MAX_ZOOM
from search_ui.search.feedback import MOST, Feedback
from search_ui.search.moments import parse_moment
from search_ui.search.query import MAX_TEXT_CHARS, Query
from search_ui.search.wording import asked_parts
from search_ui.service.answers import MAX_PX as CHIP_MAX_PX
from search_ui.service.answers import MIN_PX as CHIP_MIN_PX
from search_ui.service.service import Service
from trainer.encoding import When
from trainer.errors import UsageError

MOST_PARTS = 20
MOST_HITS = 1_000  # in one answer over HTTP

Text = Annotated[str, Field(max_length=MAX_TEXT_CHARS)]
Name = Annotated[str, Field(max_length=200)]
Outline = Annotated[str, Field(max_length=1_000_000)]
_COLLECTION = "Name of a collection of tiles."
CollectionName = Annotated[str, Path(max_length=200, description=_COLLECTION)]
Zoom = Annotated[int, Path(ge=0, le=MAX_ZOOM, description="Zoom.")]
Column = Annotated[int, Path(ge=0, description="Column from the west.")]
Row = Annotated[int, Path(ge=0, description="Row from the north.")]
MOMENT = "2025-07-14T18, 2025-07 or T18: wall-clock time at the place"


class Parameters(BaseModel):
    """An unknown parameter is an error: a filter that is not understood would change the answer in silence."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class NoParameters(Parameters):
    """None."""


NothingElse = Annotated[NoParameters, QueryString()]
"""For routes whose parameters stand in their path or body."""


class CollectionParameters(Parameters):
    """A collection."""

    collection: Name = Field(description=_COLLECTION)


class VersionParameters(Parameters):
    """Of what is kept by caches."""

    v: Name | None = Field(None, description="Anything: a new text keeps caches from answering with what was.")


class AreaParameters(Parameters):
    """Which tiles are asked."""

    bbox: Text | None = Field(None, description="W,S,E,N in degrees; may cross ±180.")
    near: Text | None = Field(None, description="LAT,LON,KM: a disc.")
    wkt: Outline | None = Field(None, description="A polygon as WKT, longitude first.")
    place: Text | None = Field(None, description="A town, a country, or coordinates.")
    acquired_from: Name | None = Field(None, description="Only imagery taken on this day (UTC) or later.")
    acquired_to: Name | None = Field(None, description="Only imagery taken on this day (UTC) or earlier.")

    def area(self, service: Service) -> BaseGeometry | None:
        """The area, or None for everywhere.

        Raises:
            AreaError: It cannot be understood.
            UsageError: There are several.
        """
        given = [name for name in ("bbox", "near", "wkt", "place") if getattr(self, name) is not None]
        if len(given) > 1:
            raise UsageError(f"{' and '.join(given)}: give one of them")
        if self.bbox is not None:
            return parse_bbox(self.bbox)
        if self.near is not None:
            return parse_near(self.near)
        if self.wkt is not None:
            return parse_wkt(self.wkt)
        return None if self.place is None else service.place(self.place, getattr(self, "collection", None)).area


class QuestionParameters(AreaParameters):
    """What one would see there."""

    q: Text | None = Field(None, description="What one would see there; `text^2` weighs 2.")
    also: list[Text] = Field([], max_length=MOST_PARTS, description="And like this; may be repeated.")
    negative: list[Text] = Field([], max_length=MOST_PARTS, description="Away from this; may be repeated.")
    image: Name | None = Field(None, description="Id of an uploaded overhead image.")
    photo: Name | None = Field(None, description="Id of an uploaded photo: where could it have been taken?")
    tile: Name | None = Field(None, description="Like this tile of the collection.")
    ensemble: bool = Field(False, description="Say each text in several ways and ask for their mean.")
    when: Name | None = Field(None, description=f"{MOMENT}; without it at any time.")
    liked: list[Name] = Field([], max_length=MOST, description="Tiles that were right: they steer the order.")
    disliked: list[Name] = Field([], max_length=MOST, description="Tiles that were wrong: they are no hits.")
    labels: Name | None = Field(None, description="Id of a set of labels: yes and no steer, and no “no” is a hit.")

    def query(self, service: Service, *, k: int = 1, min_relevance: float = 0.0, distinct: bool = True) -> Query:
        """The question itself.

        Raises:
            UsageError: It cannot be understood.
            AreaError: Its area or its dates cannot.
            MissingError: An uploaded picture is not here any more.
        """
        image, photo = (None if name is None else service.uploads.path(name) for name in (self.image, self.photo))
        first, last = parse_dates(self.acquired_from, self.acquired_to)
        return Query(
            parts=asked_parts(self.q, tuple(self.also), tuple(self.negative), image, photo, self.tile),
            when=moment(self.when),
            area=self.area(service),
            acquired_from=first,
            acquired_to=last,
            k=k,
            min_relevance=min_relevance,
            distinct=distinct,
            ensemble=self.ensemble,
        )

    def version(self, service: Service, collection: str) -> str:
        """A text that changes when the collection's tiles or the labels do.

        Raises:
            MissingError: There is no such collection or set of labels.
        """
        told = service.version(collection)
        return told if self.labels is None else f"{told} {service.labelling.sets.get(self.labels).revision}"

    def feedback(self, service: Service, collection: str) -> Feedback:
        """What was said of tiles of the collection that is searched.

        Raises:
            UsageError: A tile is both right and wrong, both a set and single tiles are given, or the set is of another
                collection.
            MissingError: There is no such set of labels.
        """
        if self.labels is not None:
            if self.liked or self.disliked:
                raise UsageError("labels and liked or disliked: give one of them")
            return service.labelling.feedback(self.labels, collection)
        return Feedback(tuple(dict.fromkeys(self.liked)), tuple(dict.fromkeys(self.disliked)))


class SearchParameters(CollectionParameters, QuestionParameters):
    """A search."""

    k: int = Field(9, ge=1, le=MOST_HITS, description="How many hits.")
    min_relevance: float = Field(0.0, ge=0, le=1, description="Only tiles of at least this relevance.")
    overlapping: bool = Field(False, description="Also tiles that overlap a better one.")

    def asked(self, service: Service) -> Query:
        """The question itself; see `QuestionParameters.query`."""
        return self.query(service, k=self.k, min_relevance=self.min_relevance, distinct=not self.overlapping)


class CalendarParameters(CollectionParameters, QuestionParameters):
    """A question over a year."""

    year: int | None = Field(None, ge=1, le=9999, description="Of the moments; this year if missing.")
    top: int = Field(9, ge=1, le=100_000, description="How many of the highest tiles are averaged.")


class MapParameters(CollectionParameters, QuestionParameters):
    """A map of every tile."""

    format: Literal["json", "tif", "png", "parquet"] = Field("json", description="Of the file.")
    value: Literal["relevance", "cosine"] = Field("relevance", description="Shown by a picture; others hold both.")


class HeatParameters(VersionParameters, QuestionParameters):
    """A heat map."""

    minus_when: Name | None = Field(None, description=f"Less the scores at this moment ({MOMENT}), or `any`.")
    value: Literal["relevance", "cosine", "probability"] = Field(
        "relevance", description="What is drawn; the probability is that of the set of `labels`, and needs no question."
    )
    low: float | None = Field(None, description="Value of the first colour [0, or the question's usual lowest].")
    high: float | None = Field(None, description="Value of the last colour [1, or the question's usual highest].")
    scale: Literal["viridis", "cividis", "inferno", "PuOr_r"] | None = Field(None, description="Colours.")
    min_relevance: float = Field(0.0, ge=0, le=1, description="Tiles of less are transparent.")
    min_probability: float = Field(0.0, ge=0, le=1, description="Likewise, of the value probability.")

    def layer(self, service: Service) -> Layer | ProbabilityLayer:
        """The layer itself; raises as `QuestionParameters.query`."""
        if self.value == "probability":
            if self.labels is None:
                raise UsageError("value = probability: name the set of `labels` that it is learnt from")
            return ProbabilityLayer(
                labels=self.labels, least=self.min_probability, low=self.low, high=self.high, palette=self.scale
            )
        query = self.query(service, min_relevance=self.min_relevance)
        minus = None
        if self.minus_when is not None:
            minus = replace(query, when=None if self.minus_when == "any" else moment(self.minus_when))
        return Layer(query=query, minus=minus, value=self.value, low=self.low, high=self.high, palette=self.scale)


class HeatImageParameters(HeatParameters):
    """A heat map in one piece."""

    px: int = Field(1024, ge=MIN_PX, le=MAX_PX, description="Pixels along the longer side.")


class ChipParameters(VersionParameters):
    """The picture of a tile."""

    px: int = Field(256, ge=CHIP_MIN_PX, le=CHIP_MAX_PX, description="Pixels on each side.")


class TileParameters(CollectionParameters):
    """A tile, by its id or by a place in it."""

    tile: Name | None = Field(None, description="Id of the tile.")
    at: Text | None = Field(None, description="A place in it, in any usual notation.")


class PhotoParameters(VersionParameters):
    """A ground photo."""

    px: int = Field(256, ge=CHIP_MIN_PX, le=CHIP_MAX_PX, description="Pixels along the longer side.")


class GroundParameters(TileParameters):
    """What one would see in a tile, as photos."""

    gallery: Name | None = Field(None, description="Whose photos [that of the collection's name, or the only one].")
    when: Name | None = Field(None, description=f"{MOMENT}; without it at any time.")
    k: int = Field(9, ge=1, le=100, description="How many photos.")
    within_km: float | None = Field(None, gt=0, description="Only photos taken at most so far away.")
    licence: list[Name] = Field([], max_length=MOST_PARTS, description="Only photos of such a licence.")
    season: list[Literal["spring", "summer", "autumn", "winter"]] = Field([], description="Of the photo, there.")
    months: Name | None = Field(None, description="Of the photo: 6-8, 12,1,2 or nov-feb.")
    hours: Name | None = Field(None, description="Of the photo, on the camera's clock: 6-10 or 22-4.")

    def query(self) -> GroundQuery:
        """The question itself.

        Raises:
            UsageError: It cannot be understood.
        """
        photos = PhotoFilter(
            within_m=None if self.within_km is None else self.within_km * 1000,
            licences=tuple(self.licence),
            months=frozenset() if self.months is None else parse_months(self.months),
            seasons=frozenset(self.season),
            hours=None if self.hours is None else parse_hours(self.hours),
        )
        return GroundQuery(tile_id=self.tile, place=place_of(self.at), when=moment(self.when), k=self.k, photos=photos)


class PlaceParameters(Parameters):
    """A place by name."""

    name: Text = Field(min_length=1, description="A town, a country, or coordinates.")


def moment(text: str | None) -> When:
    """A moment as on the command line; None: any time."""
    return None if text is None else parse_moment(text)


def place_of(text: str | None) -> tuple[float, float] | None:
    """Latitude and longitude of a place in any usual notation."""
    if text is None:
        return None
    found = parse_coordinates(text)
    if found is None:
        raise UsageError(f"place {text[:60]!r} is no pair of coordinates: write 43.1 N 165.0 W or 43.1,-165.0")
    return found
