"""The map of a collection as OGC API Tiles: one tile set in WebMercatorQuad, with the numbers of its tiles.

The map is what is asked: scores of a question, of a saved search, the probability that was learnt from a set of labels;
without a question a collection's imagery. The tile matrix set is morecantile's. It does not know how tiles are drawn.
"""

import io
from functools import cache
from typing import TYPE_CHECKING, Any

from search_ui.maps.heatmap import Layer, ProbabilityLayer
from search_ui.maps.mercator import MAX_LAT, MAX_ZOOM
from search_ui.routes.ogc.asking import TilesetParameters
from search_ui.routes.ogc.holdings import CRS84, Holding, box_of
from search_ui.routes.ogc.links import JSON, PNG, REL, Links, link
from search_ui.routes.saved import question_of
from search_ui.search.feedback import NOTHING_SAID, Feedback
from search_ui.service.answers import Shown
from search_ui.service.service import Service
from trainer.errors import MissingError, UsageError

if TYPE_CHECKING:
    from morecantile import TileMatrixSet

QUAD = "WebMercatorQuad"
_STEPS = 1e-9  # degrees: the eastern edge belongs to the tile west of it


@cache
def matrix_set() -> "TileMatrixSet":
    """WebMercatorQuad."""
    import morecantile  # when it is first asked for: a third of a second

    return morecantile.tms.get(QUAD)


def matrix_set_document() -> dict[str, Any]:
    """The tile matrix set, of the zooms that are drawn, in JSON types."""
    document: dict[str, Any] = matrix_set().model_dump(mode="json", exclude_none=True)
    return document | {"tileMatrices": document["tileMatrices"][: MAX_ZOOM + 1]}


def check_tile(z: int, x: int, y: int) -> None:
    """Refuse what is no tile of the matrix set.

    Raises:
        MissingError: It is none.
    """
    if not (0 <= z <= MAX_ZOOM and 0 <= x < 1 << z and 0 <= y < 1 << z):
        raise MissingError(
            f"no tile {z}/{y}/{x}: matrices go from 0 to {MAX_ZOOM}, rows and columns from 0 to 2^matrix − 1"
        )


def as_png(content: bytes) -> bytes:
    """A picture as PNG, which every client of OGC API Tiles reads; GDAL's asks for it or for JPEG."""
    from PIL import Image

    with Image.open(io.BytesIO(content)) as picture:
        made = io.BytesIO()
        picture.save(made, "PNG", compress_level=1)
    return made.getvalue()


def layer(
    service: Service, held: Holding, asked: TilesetParameters
) -> tuple[Layer | ProbabilityLayer | None, Feedback]:
    """What the map of a collection shows, and thumbs that steer it; None: its imagery.

    Raises:
        UsageError: The question cannot be understood, or none can be asked of it.
        AreaError: Its area or its dates cannot.
        MissingError: A tile, picture or set of labels of the question is not there.
    """
    name = held.collection
    if held.kind != "tiles" and asked.model_copy(update=_LOOKS).model_fields_set - set(_LOOKS):
        raise UsageError(f"{held.id} has a question of its own: only {', '.join(_LOOKS)} may be given")
    if held.labels is not None:
        of_labels = asked.model_copy(update={"labels": held.labels.id, "value": "probability"})
        return of_labels.layer(service), NOTHING_SAID
    if held.saved is not None:
        saved = question_of(held.saved)
        looks = {field: getattr(asked, field) for field in _LOOKS if getattr(asked, field) is not None}
        question = saved.model_dump(include=set(TilesetParameters.model_fields), exclude_unset=True)
        asked = TilesetParameters.model_validate(question | looks)
        return asked.layer(service), saved.feedback(service, name)
    if not asked.asks:
        if given := asked.model_fields_set - {"f", "v"}:
            raise UsageError(f"{', '.join(sorted(given))} without a question: ask one (q=…), or leave them out")
        return None, NOTHING_SAID
    return asked.layer(service), asked.feedback(service, name)


_LOOKS = {"value": "relevance", "low": None, "high": None, "scale": None, "min_relevance": 0.0, "min_probability": 0.0,
          "f": None, "v": None}  # fmt: skip


def tilesets_document(held: Holding, shown: Shown, links: Links, *, imagery: bool) -> dict[str, Any]:
    """The list of the one tile set that there is."""
    own = link(links.itself, "self", JSON)
    return {"tilesets": [_short(held, shown, links, imagery)], "links": [own]}


def tileset_document(held: Holding, shown: Shown, links: Links, *, imagery: bool) -> dict[str, Any]:
    """The metadata of the tile set, with the numbers of the tiles that show anything."""
    document = _short(held, shown, links, imagery)
    document["links"][0] = link(links.itself, "self", JSON)
    address = links.tiles(held.id, f"/{QUAD}/{{tileMatrix}}/{{tileRow}}/{{tileCol}}")
    document["links"].append(link(address, "item", PNG, "The tiles") | {"templated": True})
    if held.kind == "tiles":
        kind = "tiles" if imagery else "scores"
        document["links"].append(link(links.xyz(f"{kind}/{shown.name}.json"), "describedby", JSON, "TileJSON 3.0"))
    if (box := box_of(shown)) is not None:
        document["tileMatrixSetLimits"] = _limits(box, shown.max_zoom if imagery else MAX_ZOOM)
    return document | ({"attribution": shown.attribution} if shown.attribution else {})


def _short(held: Holding, shown: Shown, links: Links, imagery: bool) -> dict[str, Any]:
    document: dict[str, Any] = {
        "title": f"{held.title}: {'imagery' if imagery else 'scores'}",
        "dataType": "map",
        "crs": str(matrix_set_document()["crs"]),
        "tileMatrixSetURI": str(matrix_set().uri),
        "links": [
            link(links.tiles(held.id, f"/{QUAD}"), "self", JSON),
            link(links.home(f"/tileMatrixSets/{QUAD}"), f"{REL}tiling-scheme", JSON, QUAD),
        ],
    }
    if (box := box_of(shown)) is not None:
        west, south, east, north = box
        document["boundingBox"] = {"lowerLeft": [west, south], "upperRight": [east, north], "crs": CRS84}
    return document


def _limits(bounds: tuple[float, float, float, float], last: int) -> list[dict[str, Any]]:
    west, south, east, north = bounds
    quad = matrix_set()
    limits = []
    for zoom in range(last + 1):
        first = quad.tile(max(west, -180.0), min(north, MAX_LAT - _STEPS), zoom)
        final = quad.tile(min(east, 180.0) - _STEPS, max(south, -MAX_LAT + _STEPS), zoom)
        limits.append({"tileMatrix": str(zoom), "minTileRow": first.y, "maxTileRow": final.y,
                       "minTileCol": first.x, "maxTileCol": final.x})  # fmt: skip
    return limits
