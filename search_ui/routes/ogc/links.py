"""Links between the documents of OGC API: absolute addresses, and which parameters go along.

A question stands in the parameters, so links to what it is asked of carry it, written as it came: programs that add
the parameters of their first address to each link tell by the text whether they are there. It does not know what the
documents say.
"""

from collections.abc import Collection
from typing import Any
from urllib.parse import quote, unquote_plus

from search_ui.routes.exchange import Exchange
from search_ui.routes.ogc.asking import FeatureParameters, TilesetParameters

JSON, GEOJSON, PNG = "application/json", "application/geo+json", "image/png"
OPENAPI = "application/vnd.oai.openapi+json;version=3.0"
REL = "http://www.opengis.net/def/rel/ogc/1.0/"
_PAGE = frozenset({"limit", "offset", "bbox", "datetime", "f"})  # of one request, not of the question


def link(href: str, rel: str, media: str, title: str | None = None) -> dict[str, Any]:
    """A link object."""
    return {"href": href, "rel": rel, "type": media} | ({} if title is None else {"title": title})


class Links:
    """Addresses of the documents, as one request sees them.

    Args:
        exchange: The request.
    """

    def __init__(self, exchange: Exchange) -> None:
        self._base = exchange.base
        self._home = f"{exchange.base}ogc"
        self._pairs = [pair for pair in exchange.query.split("&") if pair]
        self.itself = f"{exchange.base}{exchange.path}" + (f"?{exchange.query}" if exchange.query else "")

    def home(self, path: str = "") -> str:
        """A document that is the same whatever is asked, such as `/conformance`."""
        return f"{self._home}{path}"

    def collection(self, collection_id: str, path: str = "") -> str:
        """A document of a collection, with the question."""
        return self._with(f"{self._collection(collection_id)}{path}", _names(FeatureParameters) - _PAGE)

    def page(self, *, limit: int, offset: int) -> str:
        """The same features, other ones of them."""
        path = self.itself.partition("?")[0]
        kept = [pair for pair in self._pairs if _name(pair) not in ("limit", "offset")]
        return f"{path}?{'&'.join((*kept, f'limit={limit}', f'offset={offset}'))}"

    def tiles(self, collection_id: str, path: str = "") -> str:
        """A document of a collection's tile sets, with as much of the question as they know."""
        return self._with(f"{self._collection(collection_id)}/map/tiles{path}", _names(TilesetParameters) - {"f"})

    def xyz(self, path: str) -> str:
        """A route of the app that is no standard's, with the same."""
        return self._with(f"{self._base}{path}", _names(TilesetParameters) - {"f"})

    def plain(self, path: str) -> str:
        """One that knows no question."""
        return f"{self._base}{path}"

    def _collection(self, collection_id: str) -> str:
        return f"{self._home}/collections/{quote(collection_id, safe='')}"

    def _with(self, address: str, names: Collection[str]) -> str:
        kept = "&".join(pair for pair in self._pairs if _name(pair) in names)
        return f"{address}?{kept}" if kept else address


def _names(parameters: type[FeatureParameters] | type[TilesetParameters]) -> set[str]:
    return {field.alias or name for name, field in parameters.model_fields.items()}


def _name(pair: str) -> str:
    return unquote_plus(pair.partition("=")[0])
