"""The documents that lead to the data: landing page, conformance, collections. They do not know what features hold."""

from collections.abc import Iterable
from typing import Any

from search_ui.routes.ogc.holdings import CRS84, Holding, extent
from search_ui.routes.ogc.links import GEOJSON, JSON, OPENAPI, REL, Links, link
from search_ui.routes.ogc.map_tiles import QUAD
from search_ui.service.answers import Shown
from search_ui.service.service import Service

_SPEC = "http://www.opengis.net/spec/"
CONFORMS_TO = [
    f"{_SPEC}{part}"
    for part in (
        "ogcapi-common-1/1.0/conf/core",
        "ogcapi-common-2/1.0/conf/collections",
        "ogcapi-features-1/1.0/conf/core",
        "ogcapi-features-1/1.0/conf/geojson",
        "ogcapi-features-1/1.0/conf/oas30",
        "ogcapi-tiles-1/1.0/conf/core",
        "ogcapi-tiles-1/1.0/conf/tileset",
        "ogcapi-tiles-1/1.0/conf/tilesets-list",
        "ogcapi-tiles-1/1.0/conf/geodata-tilesets",
        "ogcapi-tiles-1/1.0/conf/png",
        "tms/2.0/conf/tilematrixset",
        "tms/2.0/conf/json-tilematrixset",
        "tms/2.0/conf/json-tilesetmetadata",
    )
]


def landing_page(links: Links) -> dict[str, Any]:
    """Where everything is."""
    return {
        "title": "groundcast",
        "description": "Search the map by what you would see on the ground. A question stands in the parameters of any "
        "address below: q, when, near and the others that the definition names.",
        "links": [
            link(links.itself, "self", JSON),
            link(links.home("/api"), "service-desc", OPENAPI, "What is answered here"),
            link(links.plain("api/docs"), "service-doc", "text/html", "The same for people"),
            link(links.home("/conformance"), "conformance", JSON),
            link(links.home("/collections"), "data", JSON, "The collections"),
            link(links.home("/tileMatrixSets"), f"{REL}tiling-schemes", JSON),
        ],
    }


def collections_document(service: Service, every: Iterable[tuple[Holding, Shown]], links: Links) -> dict[str, Any]:
    """Every collection."""
    told = [collection_document(service, held, shown, links, alone=False) for held, shown in every]
    return {"links": [link(links.itself, "self", JSON)], "collections": told}


def collection_document(
    service: Service, held: Holding, shown: Shown, links: Links, *, alone: bool = True
) -> dict[str, Any]:
    """One collection."""
    credit = shown.attribution
    return {
        "id": held.id,
        "title": held.title,
        "description": held.says,
        "itemType": "feature",
        "crs": [CRS84],
        "extent": extent(service, held, shown),
        "links": [
            link(links.itself if alone else links.collection(held.id), "self", JSON),
            link(links.collection(held.id, "/items"), "items", GEOJSON, held.title),
            link(links.tiles(held.id), f"{REL}tilesets-map", JSON, "The map as tiles"),
        ],
    } | ({"attribution": credit} if credit else {})


def matrix_sets_document(links: Links) -> dict[str, Any]:
    """Every tile matrix set: one."""
    own = link(links.home(f"/tileMatrixSets/{QUAD}"), "self", JSON)
    return {"tileMatrixSets": [{"id": QUAD, "title": QUAD, "links": [own]}]}
