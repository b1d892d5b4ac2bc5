"""What agents are told: each answer as a type, with what it is made of, whom to credit, and whether there is nothing.

The types are also the schemas that agents are given, so every field says what it is. They do not know how answers are
found.
"""

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from ingest.places.areas import PlaceArea, bbox_of
from search_ui.ground.view import GroundView
from search_ui.maps.calendars import PlaceCalendar
from search_ui.search.likeliest import Likeliest
from search_ui.search.provenance import Provenance
from search_ui.search.query import Hit, rfc3339
from search_ui.search.remarks import say_likeliest
from search_ui.service.answers import Found, Shown
from search_ui.truth.evaluation import TruthResult, say_rule


class AgentReply(BaseModel):
    """What all of them are."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)


class SourceReply(AgentReply):
    """Where an answer comes from."""

    collection: str
    model_id: str = Field(description="Of the model that made the vectors.")
    source: str = Field(description="URI of the overhead imagery.")
    attribution: str | None = Field(description="Whom to credit wherever the answer is shown.")
    caution: str | None = Field(description="What should be known of every answer of this collection.")
    groundcast_version: str

    @classmethod
    def of(cls, provenance: Provenance) -> "SourceReply":
        """From the block that stands in every file."""
        told = provenance.facts()
        return cls.model_validate({name: told.get(name) for name in cls.model_fields})


class MomentsReply(AgentReply):
    """When one would see it."""

    months: tuple[int, int] | None = Field(description="First and last month, may run across the year; null: all.")
    hours: tuple[int, int] | None = Field(description="First and last local hour, may run across midnight; null: all.")
    best_month: int
    best_hour: int = Field(description="Local wall-clock hour.")
    says: str

    @classmethod
    def of(cls, likeliest: Likeliest | None) -> "MomentsReply | None":
        """None stays None."""
        if likeliest is None:
            return None
        return cls(
            months=likeliest.months, hours=likeliest.hours, best_month=likeliest.month, best_hour=likeliest.hour,
            says=str(likeliest),
        )  # fmt: skip


class HitReply(AgentReply):
    """One place."""

    rank: int
    tile_id: str = Field(description="Give it to `ground` to see photos of there.")
    lat: float
    lon: float
    bbox: tuple[float, float, float, float] = Field(description="West, south, east, north; west > east across ±180°.")
    relevance: float | None = Field(
        description="Chance that one would see it there at the moment asked about, 0 to 1; null: there is none."
    )
    grade: str = Field(description="The relevance in a word: strong, possible, weak or nothing.")
    cosine: float = Field(description="Compares tiles of one answer and nothing else.")
    near: str | None = Field(description="The nearest named place.")
    acquired_at: str | None = Field(description="When the overhead image was taken, UTC; null: unknown.")
    place_relevance: float | None = Field(description="The relevance at its best moment; null: time plays no part.")
    likeliest: str | None = Field(description="When one would see it there, in words.")
    not_now: bool = Field(description="It is a place for it, and not the moment.")

    @classmethod
    def of(cls, hit: Hit) -> "HitReply":
        """From a hit."""
        told = {name: getattr(hit, name) for name in cls.model_fields if hasattr(hit, name)}
        when = None if hit.likeliest is None else str(hit.likeliest)
        return cls.model_validate(
            told | {"acquired_at": rfc3339(hit.acquired_at), "place_relevance": hit.place, "likeliest": when}
        )


class SearchReply(AgentReply):
    """The places most like a question, or that there are none."""

    says: str = Field(description="The answer in a sentence.")
    nothing: bool = Field(description="Nothing here looks like it: say so, whatever the hits are.")
    not_now: MomentsReply | None = Field(description="It is seen here, and not at this moment; then, when it is.")
    note: str | None = Field(description="To be read beside the hits.")
    hits: Sequence[HitReply] = Field(description="The best first, of at least the least relevance asked for.")
    nearest: HitReply | None = Field(description="Where there is nothing, the tile that is least unlike it.")
    asked: dict[str, Any] = Field(description="The question as it was understood.")
    method: str
    candidates: int = Field(description="How many tiles were looked at.")
    provenance: SourceReply

    @classmethod
    def of(cls, found: Found, provenance: Provenance) -> "SearchReply":
        """From an answer."""
        answer = found.answer
        hits = [HitReply.of(hit) for hit in answer.hits]
        says = answer.note or f"{len(hits)} places, the best {hits[0].grade}" if hits else answer.note or "nothing here"
        return cls(
            says=says, nothing=found.nothing, not_now=MomentsReply.of(answer.not_now), note=answer.note, hits=hits,
            nearest=None if found.nearest is None else HitReply.of(found.nearest), asked=dict(answer.query),
            method=answer.method, candidates=answer.candidates, provenance=SourceReply.of(provenance),
        )  # fmt: skip


class PhotoReply(AgentReply):
    """One ground photo."""

    rank: int
    photo_id: str
    cosine: float
    lat: float | None
    lon: float | None
    distance_m: float | None = Field(description="From the place asked about.")
    here: bool | None = Field(description="Whether it was taken inside the tile; elsewhere it only looks like there.")
    taken_local: str | None
    owner: str | None = Field(description="Whom to credit.")
    licence: str | None
    url: str | None


class GroundReply(AgentReply):
    """Photos most like what one would see in a tile. They were mostly taken elsewhere: they show what it looks like."""

    tile_id: str
    lat: float
    lon: float
    acquired_at: str | None
    gallery: str
    note: str | None
    photos: Sequence[PhotoReply]
    candidates: int = Field(description="How many photos were looked at.")
    asked: dict[str, Any]
    provenance: SourceReply

    @classmethod
    def of(cls, view: GroundView, provenance: Provenance) -> "GroundReply":
        """From a view; paths of files stay here."""
        photos = [PhotoReply.model_validate({name: hit.as_dict()[name] for name in PhotoReply.model_fields})
                  for hit in view.hits]  # fmt: skip
        return cls(
            tile_id=view.tile_id, lat=view.lat, lon=view.lon, acquired_at=view.acquired_at, gallery=view.gallery,
            note=view.note, photos=photos, candidates=view.candidates, asked=dict(view.query),
            provenance=SourceReply.of(provenance),
        )  # fmt: skip


class CalendarReply(AgentReply):
    """When one would see something in an area."""

    says: str = Field(description="The answer in a sentence.")
    nothing: bool = Field(description="Nothing in the area is a place for it at any time.")
    place_relevance: float = Field(description="Relevance of the best place at its best moment, 0 to 1.")
    likeliest: MomentsReply | None
    statistic: str = Field(description="What the cosines are; they compare moments of this answer alone.")
    by_month: Sequence[float | None] = Field(description="The highest cosine of any hour, January first.")
    by_hour: Sequence[float | None] = Field(description="The highest cosine of any month, local 0 h first.")
    tiles: int
    asked: dict[str, Any]
    note: str | None
    provenance: SourceReply

    @classmethod
    def of(
        cls, made: PlaceCalendar, place: tuple[float, Likeliest | None], asked: dict[str, Any], note: str | None,
        provenance: Provenance,
    ) -> "CalendarReply":  # fmt: skip
        """From a calendar, and the relevance of its best place with when that is."""
        relevance, likeliest = place
        rows = made.as_dict()["cosine"]
        return cls(
            says=say_likeliest(relevance, likeliest), nothing=likeliest is None, place_relevance=round(relevance, 4),
            likeliest=MomentsReply.of(likeliest), statistic=made.statistic, by_month=[_highest(row) for row in rows],
            by_hour=[_highest([row[hour] for row in rows]) for hour in range(24)], tiles=made.tiles, asked=asked,
            note=note, provenance=SourceReply.of(provenance),
        )  # fmt: skip


class PlaceReply(AgentReply):
    """What a name means."""

    says: str
    bbox: tuple[float, float, float, float] = Field(
        description="West, south, east, north, degrees; west > east across ±180°."
    )
    others: Sequence[str] = Field(description="Other places of that name, the likeliest first.")
    attribution: str

    @classmethod
    def of(cls, found: PlaceArea) -> "PlaceReply":
        """From an area."""
        return cls(says=found.says, bbox=bbox_of(found.area), others=found.others, attribution=found.attribution)


class MeasuredReply(AgentReply):
    """One number of an evaluation."""

    value: float | None = Field(description="Null: it cannot be told.")
    low: float | None = Field(description="Lower end of its interval of 95 %, by blocks of ground.")
    high: float | None
    knows_nothing: float | None = Field(description="What one reaches who knows how common it is, and no more.")
    best: float | None = Field(description="The best that anybody could reach here.")


class EvaluationReply(AgentReply):
    """How good the answers to a question are, held against what is known to be there."""

    says: str = Field(description="The answer in a sentence.")
    rule: str = Field(description="When a tile counts as positive.")
    tiles: int = Field(description="Whose truth is known.")
    positive: int
    objects: int = Field(description="Of the truth, that lie on tiles.")
    measures: dict[str, MeasuredReply] = Field(
        description="average_precision, roc_auc, precision at k, F1 and the calibration of relevance (brier, ece)."
    )
    notes: Sequence[str] = Field(description="To be read beside the numbers.")
    asked: dict[str, Any]
    provenance: SourceReply

    @classmethod
    def of(cls, result: TruthResult, asked: dict[str, Any], provenance: Provenance) -> "EvaluationReply":
        """From an evaluation of one class."""
        one = result.classes[0]
        measures = {
            number.name: MeasuredReply.model_validate(
                {name: value for name, value in number.as_dict().items() if name in MeasuredReply.model_fields}
            )
            for number in one.measures.numbers
        }
        precision = measures["average_precision"]
        return cls(
            says=(
                f"average precision {precision.value} over {len(one.rows):,} tiles, where who knows nothing has "
                f"{precision.knows_nothing}"
            ),
            rule=say_rule(result.plan.share), tiles=len(one.rows), positive=int(one.sample.yes.sum()),
            objects=one.sample.objects, measures=measures, notes=[*result.notes, *one.notes], asked=asked,
            provenance=SourceReply.of(provenance),
        )  # fmt: skip


class CollectionReply(AgentReply):
    """One collection."""

    name: str
    tiles: int
    tile_m: float = Field(description="Side of its tiles, metres.")
    bounds: tuple[float, float, float, float] | None = Field(description="East lies beyond 180 across ±180°.")
    words: bool = Field(description="Whether it can be asked in words; else its model is not here, and nothing can.")
    knows_time: bool | None = Field(description="Whether a moment plays a part in its answers.")
    gallery: str | None = Field(description="Ground photos that fit it.")
    attribution: str | None


class CollectionsReply(AgentReply):
    """What can be searched here."""

    collections: Sequence[CollectionReply]

    @classmethod
    def of(cls, shown: Sequence[Shown]) -> "CollectionsReply":
        """From the app's list."""
        return cls(collections=[
            CollectionReply.model_validate({name: getattr(one, name) for name in CollectionReply.model_fields})
            for one in shown
        ])  # fmt: skip


def _highest(cosines: Sequence[float | None]) -> float | None:
    return max((one for one in cosines if one is not None), default=None)
