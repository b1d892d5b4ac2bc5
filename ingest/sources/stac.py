"""STAC items as raster files with dates: an item, a list of items, a static catalogue, or a search of an API.

pystac and pystac-client read STAC; an item or a link that cannot be used is a problem, and the others are read. Which
asset of an item is its picture: `stac_assets`.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, urlsplit, urlunsplit

import pystac
from pystac.stac_io import DefaultStacIO
from pystac_client import Client
from pystac_client.exceptions import APIError
from pystac_client.stac_api_io import StacApiIO
from requests import Request

from ingest.sources.rasters.raster import RasterEntry
from ingest.sources.references import WEB, Bounds, bounds_of
from ingest.sources.source import Problem, SourceOptions
from ingest.sources.stac_assets import entry_of, local_path
from ingest.sources.web import Web, mask_url
from trainer.errors import ItemError, SourceError, UsageError

MAX_ITEMS = 10_000
_BAD_ITEM = (pystac.STACError, pystac.STACTypeError, KeyError, TypeError, ValueError, AttributeError)
"""What pystac raises on documents that are no STAC."""
_SEARCH_KEYS = ("collections", "ids", "bbox", "datetime", "asset", "limit")


def stac_entries(uri: str, options: SourceOptions, document: Any = None) -> tuple[list[RasterEntry], list[Problem]]:
    """The rasters behind a STAC document or search.

    Args:
        uri: Where the document came from; or ``stac+https://host/search?collections=…&bbox=…&datetime=…&asset=…``.
        options: Which asset, and how to ask.
        document: What was read there; of a search nothing.

    Raises:
        SourceError: There is no item, or none has a picture.
    """
    asset = options.asset
    bounds = bounds_of(uri, allowed_hosts=options.allowed_hosts, beyond=options.beyond)
    if options.allowed_hosts is None:
        bounds = replace(bounds, hosts=None)  # addresses are what STAC is made of; files are bounded
    entries, problems = [], []
    try:
        with Web(options) as web:
            if uri.startswith("stac+"):
                query = dict(parse_qsl(urlsplit(uri).query))
                asset = asset or query.get("asset")
                items = _search(uri.removeprefix("stac+"), query, web)
            else:
                items = _document_items(uri, document, bounds, web)
            for number, item in enumerate(items):
                if number == MAX_ITEMS:  # a catalogue may go on for millions
                    problems.append(_too_many(mask_url(uri)))
                    break
                if isinstance(item, Problem):
                    problems.append(item)
                    continue
                try:
                    entries.append(entry_of(item, asset, bounds))
                except ItemError as error:
                    problems.append(Problem(item.id, error.reason, str(error)))
    except ItemError as error:  # a page of the search
        raise SourceError(str(error)) from error
    except (APIError, pystac.STACError, pystac.STACTypeError, OSError, ValueError, KeyError) as error:
        raise SourceError(f"{mask_url(uri)}: STAC cannot be read ({error})") from error
    if not entries:
        counts = Counter(problem.reason for problem in problems)
        reasons = ", ".join(f"{reason} {count}" for reason, count in counts.items())
        why = f"{problems[0].message} (of all: {reasons})" if problems else "it has no items"
        raise SourceError(f"{mask_url(uri)}: no imagery found: {why}")
    return entries, problems


def _too_many(uri: str) -> Problem:
    return Problem(
        uri,
        "too_many",
        f"{uri}: only the first {MAX_ITEMS:,} of its items are read: narrow the search, or give a part of it",
    )


def _search(url: str, query: dict[str, str], web: Web) -> Iterator[pystac.Item | Problem]:
    """Items of an API that a search finds."""
    unknown = sorted(set(query) - set(_SEARCH_KEYS))
    # a parameter that is passed over would change what is found without a word
    if unknown:
        raise UsageError(f"{mask_url(url)}: {', '.join(unknown)} is not understood; known: {', '.join(_SEARCH_KEYS)}")
    # the client opens the API itself and finds its search there
    root = urlunsplit(urlsplit(url)._replace(query="")).removesuffix("/search")
    client = Client.open(root, stac_io=_Api(web))
    bbox = [float(v) for v in query["bbox"].split(",")] if "bbox" in query else None
    found = client.search(
        method="GET", bbox=bbox, datetime=query.get("datetime"),
        collections=query["collections"].split(",") if "collections" in query else None,
        ids=query["ids"].split(",") if "ids" in query else None,
        max_items=min(MAX_ITEMS + 1, int(query.get("limit", MAX_ITEMS + 1))),
    )  # fmt: skip
    yield from (_item(document, root) for document in found.items_as_dicts())


def _document_items(uri: str, document: Any, bounds: Bounds, web: Web) -> Iterator[pystac.Item | Problem]:
    """Items of a JSON document, by its type."""
    kind = document.get("type") if isinstance(document, dict) else None
    if kind == "Feature":
        return iter([_item(document, uri)])
    if kind == "FeatureCollection":
        return (_item(feature, uri) for feature in document.get("features") or [])
    if kind in ("Collection", "Catalog"):
        reader = _Reader(web)
        catalog = reader.stac_object_from_dict(document, uri)
        if isinstance(catalog, pystac.Catalog):
            return _walk(catalog, reader, bounds)
    raise SourceError(f"{mask_url(uri)}: not STAC: its type is {kind!r}, expected Feature, FeatureCollection, …")


class _Api(StacApiIO):
    """Asks an API with the manners of `Web`."""

    def __init__(self, web: Web) -> None:
        super().__init__(max_retries=None)
        self._web = web

    def request(
        self, href: str, method: str | None = None, headers: Any = None, parameters: dict[str, Any] | None = None
    ) -> str:
        """The text of an answer."""
        if (method or "GET").upper() != "GET" or headers:
            raise ItemError("http", f"{mask_url(href)}: the API wants {method} and headers, and only plain GET is sent")
        return _text(self._web, str(Request("GET", href, params=parameters).prepare().url))


def _text(web: Web, url: str) -> str:
    body = web.get(url)
    if body is None:
        raise FileNotFoundError(f"{mask_url(url)}: the server has no such document")
    return body.decode()


class _Reader(DefaultStacIO):
    """Reads documents without those of their links that name no address, which pystac does not read at all."""

    def __init__(self, web: Web) -> None:
        super().__init__()
        self.problems: list[Problem] = []
        self._web = web

    def read_text_from_href(self, href: str) -> str:
        """A document as text, of a file or from the web."""
        return _text(self._web, href) if href.startswith(WEB) else super().read_text_from_href(href)

    def stac_object_from_dict(self, d: dict[str, Any], href: Any = None, *rest: Any, **options: Any) -> Any:
        """A STAC object of a document."""
        links = d.get("links")
        if isinstance(links, list):
            d["links"] = [link for link in links if isinstance(link, dict) and {"rel", "href"} <= link.keys()]
            if lost := len(links) - len(d["links"]):
                where = mask_url(str(href))
                self.problems.append(Problem(where, "bad_item", f"{where}: {lost} of its links name no address"))
        return super().stac_object_from_dict(d, href, *rest, **options)


def _walk(root: pystac.Catalog, reader: _Reader, bounds: Bounds) -> Iterator[pystac.Item | Problem]:
    """Items of a catalogue and of those below it; a link that leads nowhere, or where it may not, is a problem."""
    waiting, seen = [root], {root.get_self_href()}
    while waiting:
        catalog = waiting.pop(0)
        for link in [*catalog.get_item_links(), *catalog.get_child_links()]:
            href = link.get_absolute_href() or str(link.href)
            if href in seen:
                continue
            seen.add(href)
            try:
                bounds.check(local_path(href), mask_url(str(catalog.get_self_href())))
                target = reader.read_stac_object(href, root)
            except ItemError as error:
                yield Problem(mask_url(href), error.reason, str(error))
                continue
            except (*_BAD_ITEM, OSError) as error:
                reason = "missing" if isinstance(error.__cause__ or error, OSError) else "bad_item"
                yield Problem(mask_url(href), reason, f"{mask_url(href)}: a link to it leads to no STAC ({error})")
                continue
            if isinstance(target, pystac.Item):
                yield target
            elif isinstance(target, pystac.Catalog):
                waiting.append(target)
    yield from reader.problems


def _item(document: Any, uri: str) -> pystac.Item | Problem:
    """One item, or why it is none."""
    named = document.get("id") if isinstance(document, dict) else None
    try:
        return pystac.Item.from_dict(document, href=uri, preserve_dict=False)
    except _BAD_ITEM as error:
        subject = f"{mask_url(uri)}#{named}"
        return Problem(subject, "bad_item", f"{subject}: a feature that is no STAC item ({error})")
