"""Routes of sets of labels: kept, brought in and taken out, and what is learnt from them."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Query, Response
from pydantic import Field
from shapely.geometry.base import BaseGeometry

from ingest.catalog.labels import MAX_BY_CHARS, MAX_NAME_CHARS, LabelSet
from ingest.geo.area import parse_bbox, parse_near
from search_ui.labels import area_files, tables
from search_ui.labels.tables import record
from search_ui.routes.answers import FILE, body_of
from search_ui.routes.exchange import CurrentExchange, MeasuredRoute, in_lane
from search_ui.routes.parameters import MOST_PARTS, CollectionParameters, Name, NothingElse, Parameters, Text
from search_ui.search.query import rfc3339
from trainer.errors import UsageError

router = APIRouter(route_class=MeasuredRoute)
SetId = Annotated[str, Path(max_length=200, description="Id of a set of labels.")]
SetName = Annotated[str, Field(min_length=1, max_length=MAX_NAME_CHARS)]
By = Annotated[str, Field(max_length=MAX_BY_CHARS)]
_MOST_TILES = 500  # in one body


class SetsParameters(Parameters):
    """Which sets."""

    collection: Name | None = Field(None, description="Only those of this collection.")


class NewSetParameters(CollectionParameters):
    """A set to be made, with the question that it begins from."""

    name: SetName = Field(description="What to call it.")
    q: Text | None = Field(None, description="What one would see there; `text^2` weighs 2.")
    also: list[Text] = Field([], max_length=MOST_PARTS, description="And like this.")
    negative: list[Text] = Field([], max_length=MOST_PARTS, description="Away from this.")
    image: Name | None = Field(None, description="Id of an uploaded overhead image.")
    photo: Name | None = Field(None, description="Id of an uploaded photo.")
    tile: Name | None = Field(None, description="Like this tile of the collection.")
    ensemble: bool = Field(False, description="Each text in several ways.")
    when: Name | None = Field(None, description="The moment at which tiles are looked at; without it at any time.")


class NameParameters(Parameters):
    """Another name."""

    name: SetName = Field(description="What to call it.")


class LabelParameters(Parameters):
    """What is said of tiles: of those that are named, or of those whose middle lies in an area."""

    label: Literal["yes", "no", "unsure", "none"] = Field(description="`none` takes labels away.")
    tiles: list[Name] = Field([], max_length=_MOST_TILES, description="Ids of tiles.")
    bbox: Text | None = Field(None, description="W,S,E,N in degrees; may cross ±180.")
    near: Text | None = Field(None, description="LAT,LON,KM: a disc.")
    by: By | None = Field(None, description="Who says so.")

    def area(self) -> BaseGeometry | None:
        """The area; None: tiles are named.

        Raises:
            UsageError: None or several of the three are given.
            AreaError: It cannot be understood.
        """
        given = [name for name in ("tiles", "bbox", "near") if getattr(self, name)]
        if len(given) != 1:
            raise UsageError(f"{' and '.join(given) or 'nothing is labelled'}: give one of tiles, bbox and near")
        if self.bbox is not None:
            return parse_bbox(self.bbox)
        return None if self.near is None else parse_near(self.near)


class ImportParameters(CollectionParameters):
    """A file of labels to be taken."""

    format: Literal["geojson", "parquet", "csv"] = Field(description="Of the file.")
    name: SetName | None = Field(None, description="Of the new set [as the file says].")
    into: Name | None = Field(None, description="Id of a set that the labels go into.")


class ExportParameters(Parameters):
    """A set as a file."""

    format: Literal["geojson", "parquet", "csv"] = Field("geojson", description="Of the file.")


class AreaFileParameters(Parameters):
    """Areas of enough probability."""

    threshold: float = Field(0.5, gt=0, le=1, description="Tiles of at least this probability are merged.")
    format: Literal["geojson", "parquet", "kml"] = Field("geojson", description="Of the file.")


def say(found: LabelSet) -> dict[str, Any]:
    """A set in JSON types, without its labels."""
    return {
        "id": found.id,
        "name": found.name,
        "collection": found.collection,
        "question": found.question,
        "counts": found.counts,
        "created_at": rfc3339(found.created_at),
    }


@router.get("/api/labels")
@in_lane("fast")
def label_sets(exchange: CurrentExchange, asked: Annotated[SetsParameters, Query()]) -> Response:
    """Sets of labels, the newest first."""
    found = exchange.service.labelling.sets.all(asked.collection)
    return exchange.json({"sets": [say(one) for one in found]})


@router.post("/api/labels")
@in_lane("fast")
def make(exchange: CurrentExchange, asked: NewSetParameters, _: NothingElse) -> Response:
    """Make a set."""
    question = asked.model_dump(exclude={"name", "collection"}, exclude_defaults=True)
    return exchange.json(say(exchange.service.labelling.create(asked.name, asked.collection, question)))


@router.post("/api/labels/import", openapi_extra=FILE)
@in_lane("uploads")
def bring(
    exchange: CurrentExchange,
    content: Annotated[bytes, Depends(body_of)],
    asked: Annotated[ImportParameters, Query()],
) -> Response:
    """Take a file of labels; the body is the file. Rows that cannot be taken are counted by reason."""
    made, taken = exchange.service.labelling.bring(
        content, f"labels.{asked.format}", asked.collection, name=asked.name, into=asked.into
    )
    return exchange.json(say(made) | {"taken": taken.as_dict()})


@router.get("/api/labels/{set_id}")
@in_lane("fast")
def one_set(exchange: CurrentExchange, set_id: SetId, _: NothingElse) -> Response:
    """A set and its labels."""
    sets = exchange.service.labelling.sets
    return exchange.json(say(sets.get(set_id)) | {"labels": [record(label) for label in sets.labels(set_id)]})


@router.patch("/api/labels/{set_id}")
@in_lane("fast")
def rename(exchange: CurrentExchange, set_id: SetId, asked: NameParameters, _: NothingElse) -> Response:
    """Call a set otherwise."""
    exchange.service.labelling.rename(set_id, asked.name)
    return exchange.json(say(exchange.service.labelling.sets.get(set_id)))


@router.delete("/api/labels/{set_id}")
@in_lane("fast")
def delete(exchange: CurrentExchange, set_id: SetId, _: NothingElse) -> Response:
    """Delete a set with its labels."""
    exchange.service.labelling.delete(set_id)
    return exchange.json({"deleted": set_id})


@router.post("/api/labels/{set_id}/tiles")
@in_lane("fast")
def label(exchange: CurrentExchange, set_id: SetId, asked: LabelParameters, _: NothingElse) -> Response:
    """Label tiles; answers with what was said of them before."""
    labelling = exchange.service.labelling
    verdict = None if asked.label == "none" else asked.label
    area = asked.area()
    if area is None:
        tiles, before = asked.tiles, labelling.label(set_id, asked.tiles, verdict, asked.by)
    else:
        tiles, before = labelling.label_area(set_id, area, verdict, asked.by)
    told = {"labelled": len(tiles), "before": [record(one) for one in before]}
    return exchange.json(say(labelling.sets.get(set_id)) | told)


@router.get("/api/labels/{set_id}/export")
@in_lane("heavy")
def export(exchange: CurrentExchange, set_id: SetId, asked: Annotated[ExportParameters, Query()]) -> Response:
    """A set as GeoJSON, GeoParquet or CSV, which `import` reads."""
    suffix = f".{asked.format}"
    content = exchange.service.labelling.export(set_id, suffix)
    return exchange.file(content, tables.MEDIA[suffix], _credit(exchange, set_id), _named(f"labels{suffix}"))


@router.get("/api/labels/{set_id}/classifier")
@in_lane("heavy")
def classifier(exchange: CurrentExchange, set_id: SetId, _: NothingElse) -> Response:
    """How well a classifier of the labels does on ground that it has not seen, and the question alone beside it."""
    return exchange.json(exchange.service.learning.learnt(set_id).as_dict())


@router.get("/api/labels/{set_id}/areas")
@in_lane("heavy")
def areas(exchange: CurrentExchange, set_id: SetId, asked: Annotated[AreaFileParameters, Query()]) -> Response:
    """Neighbouring tiles of enough probability, merged, with their size in km²."""
    suffix = f".{asked.format}"
    content = exchange.service.learning.areas_file(set_id, asked.threshold, suffix)
    return exchange.file(content, area_files.MEDIA[suffix], _credit(exchange, set_id), _named(f"areas{suffix}"))


def _credit(exchange: CurrentExchange, set_id: str) -> str | None:
    return exchange.service.attribution(exchange.service.labelling.sets.get(set_id).collection)


def _named(file: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="{file}"'}
