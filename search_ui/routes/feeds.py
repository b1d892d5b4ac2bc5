"""The route that tells what a saved search has found, as a feed: Atom (RFC 4287), with places as GeoRSS points."""

import uuid
from typing import Annotated
from xml.etree import ElementTree

from fastapi import APIRouter, Path, Response

from ingest.catalog.saved_searches import SavedSearch
from ingest.catalog.search_hits import SearchHit, SearchHits
from search_ui.routes.exchange import CurrentExchange, MeasuredRoute, in_lane
from search_ui.routes.parameters import NothingElse
from search_ui.routes.watch import base_of, look
from search_ui.search.query import rfc3339
from search_ui.service.news import describe, link_of

router = APIRouter(route_class=MeasuredRoute)

ATOM, GEORSS = "http://www.w3.org/2005/Atom", "http://www.georss.org/georss"
MEDIA = "application/atom+xml"
_ENTRIES = 100


class Atom(Response):
    """A feed, for the OpenAPI document."""

    media_type = MEDIA


@router.get("/api/searches/{search_id}/feed.xml", response_class=Atom)
@in_lane("fast")
def feed(
    exchange: CurrentExchange, search_id: Annotated[str, Path(max_length=200, description="Id of a saved search.")],
    _: NothingElse,
) -> Response:  # fmt: skip
    """What a saved search has found since it was saved, as an Atom feed, the newest first."""
    service = exchange.service
    saved = service.saved_searches.get(search_id)
    if not service.read_only:
        look(service, saved)
    hits = SearchHits(service.catalog).latest(saved.id, _ENTRIES)
    base = base_of(service.settings) or exchange.base.rstrip("/")
    return exchange.file(document(saved, hits, base, service.attribution(saved.collection)), MEDIA)


def document(saved: SavedSearch, hits: list[SearchHit], base: str, credit: str | None = None) -> bytes:
    """The feed as XML, UTF-8.

    Args:
        saved: The search.
        hits: What it has found, the newest first.
        base: Address of the app, without a slash behind it.
        credit: Whom to credit for the imagery.
    """
    ElementTree.register_namespace("", ATOM)
    ElementTree.register_namespace("georss", GEORSS)
    root = ElementTree.Element(f"{{{ATOM}}}feed")
    _text(root, "id", _id(saved.id))
    _text(root, "title", saved.name)
    _text(root, "subtitle", f"New places in {saved.collection}")
    _text(root, "updated", rfc3339(hits[0].found_at if hits else saved.created_at))
    _text(ElementTree.SubElement(root, f"{{{ATOM}}}author"), "name", "groundcast")
    if credit:
        _text(root, "rights", credit)
    _link(root, "self", f"{base}/api/searches/{saved.id}/feed.xml", MEDIA)
    _link(root, "alternate", f"{base}/", "text/html")
    for hit in hits:
        entry = ElementTree.SubElement(root, f"{{{ATOM}}}entry")
        _text(entry, "id", _id(f"{saved.id} {hit.tile_id}"))
        _text(entry, "title", describe(hit))
        _text(entry, "updated", rfc3339(hit.found_at))
        _link(entry, "alternate", str(link_of(base, saved, hit)), "text/html")
        _text(entry, "summary", f"Tile {hit.tile_id} of {saved.collection}, cosine {hit.hit['cosine']:.4f}")
        _text(entry, "point", f"{hit.hit['lat']:.6f} {hit.hit['lon']:.6f}", GEORSS)
    told: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return told


def _id(of: str) -> str:
    """An address that stays, wherever the app is reached."""
    return f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, f'groundcast saved search {of}')}"


def _text(parent: ElementTree.Element, name: str, text: str | None, space: str = ATOM) -> None:
    # XML has no place for most control characters, which a name may hold
    ElementTree.SubElement(parent, f"{{{space}}}{name}").text = "".join(one for one in text or "" if one.isprintable())


def _link(parent: ElementTree.Element, rel: str, href: str, media: str) -> None:
    ElementTree.SubElement(parent, f"{{{ATOM}}}link", {"rel": rel, "href": href, "type": media})
