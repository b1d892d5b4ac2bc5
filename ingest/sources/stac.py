"""STAC items as raster files with dates: an item, a list of items, a static catalogue, or a search of an API.

pystac and pystac-client read STAC; this picks the asset of each item that is a picture. It does not read pixels.
"""

import json
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit, urlunsplit

import pystac
from pystac_client import Client
from pystac_client.exceptions import APIError
from pystac_client.stac_api_io import StacApiIO
from requests import RequestException
from urllib3.util import Retry

from ingest.sources.raster import RasterEntry
from ingest.sources.source import Problem, SourceOptions
from ingest.sources.web import Web, mask_url, user_agent
from trainer.errors import ItemError, SourceError, UsageError, reason

MAX_ITEMS = 10_000
_RASTER_TYPES = re.compile(r"image/(tiff|jp2|vnd\.stac\.geotiff)|application/x-geotiff", re.IGNORECASE)
_RASTER_NAMES = re.compile(r"\.(tiff?|jp2|vrt)($|\?)", re.IGNORECASE)
_SEARCH_KEYS = ("collections", "ids", "bbox", "datetime", "asset", "limit")


def stac_entries(uri: str, options: SourceOptions) -> tuple[list[RasterEntry], list[Problem]]:
    """The rasters behind a STAC document or search.

    Args:
        uri: A path or URL of a document; or ``stac+https://host/search?collections=…&bbox=…&datetime=…&asset=…``.
        options: Which asset, and how to ask.

    Raises:
        SourceError: There is no item, or none has a picture.
    """
    asset = options.asset
    if uri.startswith("stac+"):
        query = dict(parse_qsl(urlsplit(uri).query))
        asset = asset or query.get("asset")
        items: Iterable[pystac.Item] = _search(uri.removeprefix("stac+"), query, options)
    else:
        items = _document_items(uri, options)
    entries, problems = [], []
    try:
        for item in islice(items, MAX_ITEMS):  # a catalogue may go on for millions
            try:
                entries.append(_entry(item, asset))
            except ItemError as error:
                problems.append(Problem(item.id, error.reason, str(error)))
    except (APIError, RequestException, pystac.STACError, pystac.STACTypeError, OSError, ValueError, KeyError) as error:
        raise SourceError(f"{mask_url(uri)}: STAC cannot be read ({reason(error)})") from error
    if not entries:
        why = problems[0].message if problems else "it has no items"
        raise SourceError(f"{mask_url(uri)}: no imagery found: {why}")
    return entries, problems


def _search(url: str, query: dict[str, str], options: SourceOptions) -> Iterator[pystac.Item]:
    """Items of an API that a search finds."""
    unknown = sorted(set(query) - set(_SEARCH_KEYS))
    # a parameter that is passed over would change what is found without a word
    if unknown:
        raise UsageError(f"{mask_url(url)}: {', '.join(unknown)} is not understood; known: {', '.join(_SEARCH_KEYS)}")
    # the client opens the API itself and finds its search there
    root = urlunsplit(urlsplit(url)._replace(query="")).removesuffix("/search")
    retry = Retry(
        total=options.retries, backoff_factor=0.3, status_forcelist=(429, 500, 502, 503, 504), allowed_methods=None
    )
    io = StacApiIO(headers={"User-Agent": user_agent()}, timeout=options.timeout_s, max_retries=retry)
    client = Client.open(root, stac_io=io)
    bbox = [float(v) for v in query["bbox"].split(",")] if "bbox" in query else None
    found = client.search(
        method="GET", bbox=bbox, datetime=query.get("datetime"),
        collections=query["collections"].split(",") if "collections" in query else None,
        ids=query["ids"].split(",") if "ids" in query else None,
        max_items=min(MAX_ITEMS, int(query.get("limit", MAX_ITEMS))),
    )  # fmt: skip
    yield from found.items()


def _document_items(uri: str, options: SourceOptions) -> Iterable[pystac.Item]:
    """Items of a JSON document, by its type."""
    document = _load(uri, options)
    kind = document.get("type") if isinstance(document, dict) else None
    if kind == "Feature":
        return [_item(document, uri)]
    if kind == "FeatureCollection":
        return [_item(feature, uri) for feature in document.get("features", [])]
    if kind in ("Collection", "Catalog"):
        catalog = pystac.read_file(uri)
        if isinstance(catalog, pystac.Catalog):
            return catalog.get_items(recursive=True)
    raise SourceError(f"{mask_url(uri)}: not STAC: its type is {kind!r}, expected Feature, FeatureCollection, …")


def _load(uri: str, options: SourceOptions) -> Any:
    try:
        if uri.startswith(("http://", "https://")):
            with Web(options) as web:
                body = web.get(uri)
            if body is None:
                raise SourceError(f"{mask_url(uri)}: there is no such document")
        else:
            body = Path(uri).read_bytes()
        return json.loads(body)
    except ItemError as error:
        raise SourceError(str(error)) from error
    except (OSError, ValueError) as error:
        raise SourceError(f"{mask_url(uri)}: not JSON that can be read ({reason(error)})") from error


def _item(document: dict[str, Any], uri: str) -> pystac.Item:
    try:
        return pystac.Item.from_dict(document, href=uri, preserve_dict=False)
    except (pystac.STACError, pystac.STACTypeError, KeyError, TypeError, ValueError) as error:
        raise SourceError(f"{mask_url(uri)}: a feature in it is no STAC item ({reason(error)})") from error


def _entry(item: pystac.Item, asset: str | None) -> RasterEntry:
    chosen = _asset(item, asset)
    href = chosen.get_absolute_href() or chosen.href
    if "://" in href and not href.startswith(("http://", "https://", "file://")):
        raise ItemError("unsupported", f"item {item.id}: {mask_url(href)} cannot be read; only files and http(s)")
    # of an item over a range of time `datetime` is null, and its start is given
    when = item.datetime or item.common_metadata.start_datetime
    acquired_at = _utc(when) if when else None
    return RasterEntry(href.removeprefix("file://"), mask_url(href), acquired_at)


def _asset(item: pystac.Item, name: str | None) -> pystac.Asset:
    """The asset asked for; else the one called visual; else the only picture that is not a preview."""
    known = ", ".join(item.assets) or "none"
    if name is not None:
        if name not in item.assets:
            raise ItemError("no_asset", f"item {item.id}: it has no asset {name!r}; it has {known}")
        return item.assets[name]
    if "visual" in item.assets:
        return item.assets["visual"]
    pictures = [a for a in item.assets.values() if _is_raster(a)]
    # bands one by one are rasters too: a picture in colour goes first
    best = [a for a in pictures if "visual" in (a.roles or [])] or pictures
    if len(best) == 1:
        return best[0]
    why = "several of its assets are rasters" if best else "none of its assets is a raster"
    raise ItemError("no_asset", f"item {item.id}: {why}; name one with the asset option: {known}")


def _is_raster(asset: pystac.Asset) -> bool:
    if {"thumbnail", "overview", "metadata"} & set(asset.roles or []):
        return False
    return bool(_RASTER_TYPES.search(asset.media_type or "") or _RASTER_NAMES.search(asset.href))


def _utc(when: datetime) -> datetime:
    return when.astimezone(UTC) if when.tzinfo else when.replace(tzinfo=UTC)
