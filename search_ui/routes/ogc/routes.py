"""The routes of OGC API Features and Tiles."""

import json
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response

from search_ui.routes.exchange import CurrentExchange, Exchange, in_lane
from search_ui.routes.ogc.asking import CollectionId, FeatureId, FeatureParameters, StandardRoute, TilesetParameters
from search_ui.routes.ogc.definition import definition
from search_ui.routes.ogc.documents import (
    CONFORMS_TO,
    collection_document,
    collections_document,
    landing_page,
    matrix_sets_document,
)
from search_ui.routes.ogc.features import features
from search_ui.routes.ogc.holdings import Holding, holding, holdings
from search_ui.routes.ogc.links import GEOJSON, JSON, OPENAPI, PNG, Links, link
from search_ui.routes.ogc.map_tiles import (
    QUAD,
    as_png,
    check_tile,
    layer,
    matrix_set_document,
    tileset_document,
    tilesets_document,
)
from search_ui.search.query import rfc3339
from trainer.errors import MissingError

router = APIRouter(route_class=StandardRoute)
Asked = Annotated[FeatureParameters, Query()]
AskedTiles = Annotated[TilesetParameters, Query()]
MatrixSetId = Annotated[str, Path(alias="tileMatrixSetId", max_length=200, description=f"{QUAD}.")]
Matrix = Annotated[int, Path(alias="tileMatrix", ge=0, description="Zoom.")]
TileRow = Annotated[int, Path(alias="tileRow", ge=0, description="Row from the north.")]
TileColumn = Annotated[int, Path(alias="tileCol", ge=0, description="Column from the west.")]


class GeoJson(Response):
    """Features, for the OpenAPI document."""

    media_type = GEOJSON


class OpenApi(Response):
    """The definition, likewise."""

    media_type = OPENAPI


class MapTile(Response):
    """A tile, likewise."""

    media_type = PNG


@router.get("/ogc")
@router.get("/ogc/", include_in_schema=False)
@in_lane("fast")
def landing(exchange: CurrentExchange, _: Asked) -> Response:
    """The landing page: where everything is."""
    return exchange.json(landing_page(Links(exchange)))


@router.get("/ogc/api", response_class=OpenApi)
@in_lane("fast")
def definition_document(exchange: CurrentExchange, request: Request, _: Asked) -> Response:
    """What is answered here, OpenAPI 3.0."""
    document = definition(request.app.openapi(), Links(exchange).home())
    return exchange.file(json.dumps(document).encode(), OPENAPI)


@router.get("/ogc/conformance")
@in_lane("fast")
def conformance(exchange: CurrentExchange, _: Asked) -> Response:
    """Which classes of the standards are answered."""
    return exchange.json({"conformsTo": CONFORMS_TO})


@router.get("/ogc/collections")
@in_lane("fast")
def every_collection(exchange: CurrentExchange, _: Asked) -> Response:
    """The collections: those of tiles, saved searches (`search:…`), sets of labels (`labels:…`)."""
    service = exchange.service
    return exchange.json(collections_document(service, holdings(service), Links(exchange)))


@router.get("/ogc/collections/{collectionId}")
@in_lane("fast")
def one_collection(exchange: CurrentExchange, collection_id: CollectionId, _: Asked) -> Response:
    """One collection."""
    held = holding(exchange.service, collection_id)
    shown = exchange.service.shown(held.collection)
    return exchange.json(collection_document(exchange.service, held, shown, Links(exchange)), shown.attribution)


@router.get("/ogc/collections/{collectionId}/items", response_class=GeoJson)
@in_lane("fast")
def items(exchange: CurrentExchange, collection_id: CollectionId, asked: Asked) -> Response:
    """Features of a collection: its tiles, or those that a question finds, best first."""
    service, links = exchange.service, Links(exchange)
    held = holding(service, collection_id)
    found = features(service, held, asked)
    chosen = found.some(asked.offset, asked.limit)
    around = [link(links.itself, "self", GEOJSON), link(links.collection(held.id), "collection", JSON)]
    if asked.offset + len(chosen) < found.matched and chosen:
        around.append(link(links.page(limit=asked.limit, offset=asked.offset + len(chosen)), "next", GEOJSON))
    if asked.offset:
        before = max(0, asked.offset - asked.limit)
        around.append(link(links.page(limit=asked.limit, offset=before), "prev", GEOJSON))
    document: dict[str, Any] = {
        "type": "FeatureCollection",
        "timeStamp": rfc3339(datetime.now(UTC)),
        "numberMatched": found.matched,
        "numberReturned": len(chosen),
        "links": around,
        "features": chosen,
        "provenance": service.engine.provenance(held.collection).facts(),
    }
    return _geojson(exchange, held, document | found.told)


@router.get("/ogc/collections/{collectionId}/items/{featureId:path}", response_class=GeoJson)
@in_lane("fast")
def item(exchange: CurrentExchange, collection_id: CollectionId, feature_id: FeatureId, asked: Asked) -> Response:
    """One feature."""
    held = holding(exchange.service, collection_id)
    feature = features(exchange.service, held, asked).find(feature_id)
    if feature is None:
        raise MissingError(f"collection {held.id!r} has no feature {feature_id[:60]!r}, or it is not what is asked for")
    links = Links(exchange)
    own = [link(links.itself, "self", GEOJSON), link(links.collection(held.id), "collection", JSON)]
    return _geojson(exchange, held, feature | {"links": own})


@router.get("/ogc/tileMatrixSets")
@in_lane("fast")
def matrix_sets(exchange: CurrentExchange, _: AskedTiles) -> Response:
    """The tile matrix sets: WebMercatorQuad."""
    return exchange.json(matrix_sets_document(Links(exchange)))


@router.get("/ogc/tileMatrixSets/{tileMatrixSetId}")
@in_lane("fast")
def matrix_set(exchange: CurrentExchange, matrix_set_id: MatrixSetId, _: AskedTiles) -> Response:
    """One of them."""
    _check(matrix_set_id)
    return exchange.json(matrix_set_document())


@router.get("/ogc/collections/{collectionId}/map/tiles")
@in_lane("fast")
def tilesets(exchange: CurrentExchange, collection_id: CollectionId, asked: AskedTiles) -> Response:
    """The tile sets of a collection's map: one."""
    held = holding(exchange.service, collection_id)
    imagery = layer(exchange.service, held, asked)[0] is None
    shown = exchange.service.shown(held.collection)
    return exchange.json(tilesets_document(held, shown, Links(exchange), imagery=imagery), shown.attribution)


@router.get("/ogc/collections/{collectionId}/map/tiles/{tileMatrixSetId}")
@in_lane("fast")
def tileset(
    exchange: CurrentExchange, collection_id: CollectionId, matrix_set_id: MatrixSetId, asked: AskedTiles
) -> Response:
    """What its tiles are: where they lie, and how they are asked for."""
    _check(matrix_set_id)
    held = holding(exchange.service, collection_id)
    imagery = layer(exchange.service, held, asked)[0] is None
    shown = exchange.service.shown(held.collection)
    return exchange.json(tileset_document(held, shown, Links(exchange), imagery=imagery), shown.attribution)


@router.get(
    "/ogc/collections/{collectionId}/map/tiles/{tileMatrixSetId}/{tileMatrix}/{tileRow}/{tileCol}",
    response_class=MapTile,
)
@in_lane("pictures")
def tile(
    exchange: CurrentExchange, collection_id: CollectionId, matrix_set_id: MatrixSetId, z: Matrix, y: TileRow,
    x: TileColumn, asked: AskedTiles,
) -> Response:  # fmt: skip
    """A tile as PNG, transparent where there is nothing."""
    _check(matrix_set_id)
    check_tile(z, x, y)
    service = exchange.service
    held = holding(service, collection_id)
    name = held.collection
    shows, feedback = layer(service, held, asked)
    if shows is None:
        exchange.tag(service.imagery_version(name), seconds=3_600)
        return exchange.file(as_png(service.map_tile(name, z, x, y)), PNG, service.attribution(name))
    revised = "" if held.labels is None else f" {held.labels.revision}"
    exchange.tag(asked.version(service, name) + revised)
    content = service.heat_tile(name, shows, z, x, y, feedback=feedback)
    return exchange.file(content, PNG, service.attribution(name))


def _check(matrix_set_id: str) -> None:
    if matrix_set_id != QUAD:
        raise MissingError(f"no tile matrix set {matrix_set_id[:60]!r}: there is {QUAD}")


def _geojson(exchange: Exchange, held: Holding, document: dict[str, Any]) -> Response:
    text = json.dumps(document, allow_nan=False, default=str)
    return exchange.file(text.encode(), GEOJSON, exchange.service.attribution(held.collection))
