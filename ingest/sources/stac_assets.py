"""What of a STAC item is its picture: which asset, where it can be fetched, and what the item says of its bands.

It reads no documents and no pixels.
"""

import math
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit
from urllib.request import url2pathname

import pystac

from ingest.sources.colours import PICTURE, BandFacts, colour_of, colours_named, common_colour
from ingest.sources.products import layer_of
from ingest.sources.rasters.raster import RasterEntry
from ingest.sources.references import Bounds
from ingest.sources.web import mask_url
from trainer.errors import ItemError

_RASTER_TYPES = re.compile(r"image/(tiff|jp2|vnd\.stac\.geotiff)|application/x-geotiff", re.IGNORECASE)
_RASTER_NAMES = re.compile(r"\.(tiff?|jp2|vrt)($|\?)", re.IGNORECASE)
_NO_PICTURE = {
    "thumbnail", "overview", "metadata", "data-mask", "cloud", "cloud-shadow", "snow-ice", "water-mask", "land-water",
    "saturation", "iso-19115", "incidence-angle", "azimuth", "sun-azimuth", "sun-elevation", "terrain-shadow",
}  # fmt: skip
_SIGNED_S = 7 * 86400  # an address that is signed holds for as long as the protocols allow


def entry_of(item: pystac.Item, asset: str | None, bounds: Bounds) -> RasterEntry:
    """What to read of an item.

    Args:
        item: With the address it came from, so that relative ones lead somewhere.
        asset: Name of the asset to read; None: the one that fits.
        bounds: Where its files may lie.

    Raises:
        ItemError: It has no picture, or one that cannot be fetched, or that lies where it may not.
    """
    chosen = _picture(item, asset)
    located = [_located(item, one, bounds) for one in chosen]
    path, name = located[0]
    # of an item over a range of time `datetime` is null, and its start is given
    when = item.datetime or item.common_metadata.start_datetime
    if len(chosen) == 1:
        told = _facts(chosen[0], _bands(chosen[0]) or _bands_of_item(item, chosen[0]))
    else:
        told = tuple(_facts(one, _bands(one))[0] for one in chosen)
    mask = next((one for one in item.assets.values() if _is_raster(one) and _kind(one) == "mask"), None)
    return RasterEntry(
        path,
        name,
        acquired_at=_utc(when) if when else None,
        bands=tuple(path for path, _ in located) if len(located) > 1 else (),
        mask=_located(item, mask, bounds)[0] if mask is not None and mask not in chosen and asset is None else None,
        told=told if len(chosen) == 1 or len(told) == len(chosen) else (),
    )


def _picture(item: pystac.Item, name: str | None) -> list[pystac.Asset]:
    """The asset asked for; else the one called visual; else the only picture; else red, green and blue."""
    known = ", ".join(item.assets) or "none"
    if name is not None:
        if name not in item.assets:
            raise ItemError("no_asset", f"item {item.id}: it has no asset {name!r}; it has {known}")
        return [item.assets[name]]
    if "visual" in item.assets:
        return [item.assets["visual"]]
    pictures = {key: one for key, one in item.assets.items() if _is_picture(key, one)}
    # bands one by one are rasters too: a picture in colour goes first
    best = [one for one in pictures.values() if "visual" in (one.roles or [])] or list(pictures.values())
    if len(best) == 1:
        return best
    by_colour = {_colour(key, one): one for key, one in reversed(pictures.items())}
    if all(colour in by_colour for colour in PICTURE):
        return [by_colour[colour] for colour in PICTURE]
    why = "several of its assets are rasters" if best else "none of its assets is a raster"
    raise ItemError("no_asset", f"item {item.id}: {why}; name one with the asset option: {known}")


def _is_picture(key: str, asset: pystac.Asset) -> bool:
    return _is_raster(asset) and not {_kind(asset), getattr(layer_of(Path(key)), "kind", None)} & {"mask", "quality"}


def _is_raster(asset: pystac.Asset) -> bool:
    if _NO_PICTURE & set(asset.roles or []) and "visual" not in (asset.roles or []):
        return False
    return bool(_RASTER_TYPES.search(asset.media_type or "") or _RASTER_NAMES.search(asset.href))


def _kind(asset: pystac.Asset) -> str | None:
    """What the name of its file says that it is."""
    layer = layer_of(Path(urlsplit(asset.href).path))
    return layer.kind if layer else None


def _colour(key: str, asset: pystac.Asset) -> str | None:
    """What an asset of one band shows: as the item says of its band, else by the asset's own name."""
    bands = _bands(asset)
    if len(bands) > 1:
        return None
    return (_facts(asset, bands)[0].colour if bands else None) or colours_named([key], urlsplit(asset.href).path)[0]


def _bands(asset: pystac.Asset) -> list[Mapping[str, Any]]:
    """What an asset says of each band."""
    return _bands_of(asset.extra_fields)


def _bands_of_item(item: pystac.Item, asset: pystac.Asset) -> list[Mapping[str, Any]]:
    """What an item says of the bands of all its assets, if this is the only one; a picture to look at has its own."""
    rasters = [one for key, one in item.assets.items() if _is_picture(key, one)]
    visual = asset is item.assets.get("visual") or "visual" in (asset.roles or [])
    return _bands_of(item.properties) if rasters == [asset] and not visual else []


def _bands_of(fields: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """What stands of each band in ``bands`` of STAC 1.1, or in ``eo:bands`` and ``raster:bands`` of 1.0."""
    lists = [fields.get(key) for key in ("bands", "eo:bands", "raster:bands")]
    told = [[band if isinstance(band, Mapping) else {} for band in found] for found in lists if isinstance(found, list)]
    count = max(map(len, told), default=0)
    told = [found for found in told if len(found) == count]  # else it is not of these bands
    return [{key: value for found in told for key, value in found[i].items()} for i in range(count)]


def _facts(asset: pystac.Asset, bands: Sequence[Mapping[str, Any]]) -> tuple[BandFacts, ...]:
    """What an item says of each band; one alone, without a colour, where it says the same of all of them."""
    common = asset.extra_fields
    names = [str(band.get("name") or "") for band in bands]
    by_name = colours_named(names, urlsplit(asset.href).path)
    facts = []
    for band, named in zip(bands or [{}], by_name or [None], strict=True):
        given = {**common, **band}
        word = band.get("eo:common_name") or band.get("common_name")
        statistics = given.get("statistics") or given.get("raster:statistics")
        facts.append(
            BandFacts(
                colour=(common_colour(str(word)) if word else None) or named or _described(band),
                nodata=_number(given.get("nodata")),
                scale=_number(given.get("raster:scale", given.get("scale"))),
                offset=_number(given.get("raster:offset", given.get("offset"))),
                span=_span(statistics) if isinstance(statistics, Mapping) else None,
            )
        )
    return tuple(facts)


def _described(band: Mapping[str, Any]) -> str | None:
    """What a band shows by its description, else by the middle of its light, which STAC has in micrometres."""
    length = _number(band.get("eo:center_wavelength", band.get("center_wavelength")))
    return colour_of(str(band.get("description") or "")) or (colour_of(f"{length} µm") if length else None)


def _number(value: object) -> float | None:
    """A number, also in the words "nan" and "inf" that STAC has for what JSON lacks."""
    try:
        return float(value) if isinstance(value, int | float | str) and not isinstance(value, bool) else None
    except ValueError:
        return None


def _span(statistics: Mapping[str, Any]) -> tuple[float, float] | None:
    """Lowest and highest value to show: two standard deviations around the mean, within the range."""
    low, high = _number(statistics.get("minimum")), _number(statistics.get("maximum"))
    if low is None or high is None or not (math.isfinite(low) and math.isfinite(high)):
        return None
    mean, deviation = _number(statistics.get("mean")), _number(statistics.get("stddev"))
    if mean is not None and deviation is not None and deviation > 0 and math.isfinite(mean + deviation):
        low, high = max(low, mean - 2 * deviation), min(high, mean + 2 * deviation)
    return (low, high) if low < high else None


def _located(item: pystac.Item, asset: pystac.Asset, bounds: Bounds) -> tuple[str, str]:
    """A path or an http(s) URL of an asset, and its name without secrets.

    Raises:
        ItemError: It lies where nothing here can read, or where it may not.
    """
    path, name = _place(item, asset)
    bounds.check(path, f"item {item.id}")
    return path, name


def _place(item: pystac.Item, asset: pystac.Asset) -> tuple[str, str]:
    href = asset.get_absolute_href() or asset.href
    if _scheme(href) in ("http", "https"):
        return href, mask_url(href)
    if _scheme(href) in ("", "file"):
        return (path := local_path(href)), path
    for other in _alternates(item, asset):
        if _scheme(other) in ("http", "https"):
            return other, mask_url(other)
        if _scheme(other) in ("", "file") and Path(path := local_path(other)).is_file():
            return path, path
    return _signed(item, href), mask_url(href)


def _alternates(item: pystac.Item, asset: pystac.Asset) -> Sequence[str]:
    """Other addresses of an asset, as the alternate-assets extension has them."""
    told = asset.extra_fields.get("alternate")
    found = [one.get("href") for one in told.values() if isinstance(one, Mapping)] if isinstance(told, Mapping) else []
    base = item.get_self_href()
    return [pystac.utils.make_absolute_href(href, base) for href in found if isinstance(href, str)]


def _scheme(href: str) -> str:
    """Such as https; empty for a path."""
    found = re.match(r"([A-Za-z][A-Za-z0-9+.-]+):/", href)
    return found[1].lower() if found else ""


def local_path(href: str) -> str:
    """A path: an href is a URL, so that %20 in it is a space, unless a file is really called so."""
    path = url2pathname(urlsplit(href).path) if href.startswith("file:") else href
    return path if Path(path).exists() else unquote(path)


def _signed(item: pystac.Item, href: str) -> str:
    """An https address, signed by fsspec, of what lies in an object store; unsigned where nobody is logged in.

    Raises:
        ItemError: fsspec, or its package for this store, is not installed, or cannot sign.
    """
    place = f"item {item.id}: {mask_url(href)} cannot be read"
    try:
        import fsspec  # as the archive on an object store has it

        filesystem, path = fsspec.core.url_to_fs(href)
        if _scheme(href) not in ("s3", "s3a"):
            return str(filesystem.sign(path, expiration=_SIGNED_S))
        from botocore.exceptions import BotoCoreError, NoCredentialsError

        try:
            return str(filesystem.sign(path, expiration=_SIGNED_S))
        except NoCredentialsError:  # open data
            filesystem, path = fsspec.core.url_to_fs(href, anon=True)
            return str(filesystem.sign(path, expiration=_SIGNED_S))
        except BotoCoreError as error:
            raise ItemError("unsupported", f"{place}: {error}") from error
    except ImportError as error:
        hint = "for s3:// the package s3fs is needed: pip install s3fs"
        raise ItemError("unsupported", f"{place} ({error}); {hint}") from error
    except (NotImplementedError, ValueError, OSError) as error:  # some stores are asked when they are opened
        why = f"only files, http(s) and object stores that fsspec can sign addresses of ({error})"
        raise ItemError("unsupported", f"{place}: {why}") from error


def _utc(when: datetime) -> datetime:
    return when.astimezone(UTC) if when.tzinfo else when.replace(tzinfo=UTC)
