"""A STAC item whose assets are embeddings: which of them, where they lie, and what the item says of all their rows.

The fields are those of the embeddings extension, under ``emb:`` or its Zarr convention's ``geoemb:``: type, dimensions,
model, quantization. It reads the document alone.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from ingest.archive.files import FilePath, open_folder
from ingest.embeddings.quantised import Rule, told_rule
from ingest.sources.references import bounds_of
from ingest.sources.web import mask_url
from trainer.errors import ItemError, SourceError, reason

_TABLE = re.compile(r"parquet", re.IGNORECASE)
_RASTER = re.compile(r"image/tiff|geotiff", re.IGNORECASE)
_NAMES = re.compile(r"\.(parquet|geoparquet|gpq|tiff?)($|\?)", re.IGNORECASE)
_TABLE_NAMES = re.compile(r"\.(parquet|geoparquet|gpq)($|\?)", re.IGNORECASE)
_MOST_BYTES = 16 * 2**20


@dataclass(frozen=True)
class EmbeddingItem:
    """What an item says.

    Attributes:
        files: Its assets of embeddings.
        date: Of its imagery, ISO 8601; None: it says none.
        model: What made the vectors; None: it says none.
        dim: How many numbers they have; None: it does not say.
        rule: How whole numbers become floats; None: it does not say, or they are floats.
    """

    files: tuple[FilePath, ...]
    date: str | None
    model: str | None
    dim: int | None
    rule: Rule | None


def read_item(path: FilePath, options: Mapping[str, Any], beyond: tuple[str, ...] = ()) -> EmbeddingItem:
    """Reads an item.

    Args:
        path: Of its document.
        options: Of the file systems that its assets lie on.
        beyond: Folders beside its own in which its files may lie.

    Raises:
        SourceError: It is no STAC item, or has no asset of embeddings; or one lies where it may not.
    """
    where = mask_url(str(path))
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise SourceError(f"{where}: there is no such file") from error
    except OSError as error:
        raise SourceError(f"{where}: it cannot be read ({reason(error)})") from error
    try:
        document = json.loads(content) if len(content) <= _MOST_BYTES else None
    except ValueError as error:
        raise SourceError(
            f"{where}: it is no JSON document ({error}): give a STAC item, or the Parquet file"
        ) from error
    if isinstance(document, dict) and document.get("type") in ("Collection", "Catalog"):
        kind = document["type"].lower()
        raise SourceError(f"{where}: it is a STAC {kind}: give one of its items, or the folder of its tables")
    if not isinstance(document, dict) or document.get("type") != "Feature" or "stac_version" not in document:
        raise SourceError(f"{where}: it is no STAC item: give one, or the Parquet files themselves")
    told, assets = document.get("properties"), document.get("assets")
    told = told if isinstance(told, dict) else {}
    assets = assets if isinstance(assets, dict) else {}
    some = [one for one in assets.values() if isinstance(one, dict) and _is_embeddings(one)]
    # beside tables of vectors rasters are maps of something else
    chosen = [one for one in some if _is_table(one)] or some
    if not chosen:
        raise SourceError(
            f"{where}: none of its assets ({', '.join(map(str, assets)) or 'none'}) is a Parquet table or GeoTIFF of "
            "embeddings"
        )
    files = tuple(_located(path, str(one["href"]), options, beyond) for one in chosen)
    quantised = _field(told, "quantization")
    dim = _field(told, "dimensions")
    return EmbeddingItem(
        files,
        date=told["datetime"] if isinstance(told.get("datetime"), str) else None,
        model=_model(told),
        dim=dim if isinstance(dim, int) else None,
        rule=told_rule(quantised, where) if isinstance(quantised, dict) else None,
    )


def _is_embeddings(asset: Mapping[str, Any]) -> bool:
    kind, href = str(asset.get("type", "")), str(asset.get("href", ""))
    roles = asset.get("roles") or []
    if {"thumbnail", "overview", "metadata", "uncertainty"} & set(map(str, roles)) or not href:
        return False
    return bool(_TABLE.search(kind) or _RASTER.search(kind) or _NAMES.search(href))


def _is_table(asset: Mapping[str, Any]) -> bool:
    return bool(_TABLE.search(str(asset.get("type", ""))) or _TABLE_NAMES.search(str(asset["href"])))


def _located(item: FilePath, href: str, options: Mapping[str, Any], beyond: tuple[str, ...]) -> FilePath:
    """Where an asset lies: beside its item, or where its address leads and may lead."""
    if urlsplit(href).scheme not in ("", "file"):
        return open_folder(href, options)
    if not isinstance(item, Path):
        return item.parent / href
    href = urlsplit(href).path if href.startswith("file:") else href
    # an address has %20 for a blank, which not every writer of items knows
    found = next((one for one in (item.parent / href, item.parent / unquote(href)) if one.exists()), item.parent / href)
    try:
        bounds_of(str(item), allowed_hosts=None, beyond=beyond).check(str(found), item.name)
    except ItemError as error:
        raise SourceError(str(error)) from error
    return found


def _field(told: Mapping[str, Any], name: str) -> Any:
    return told.get(f"emb:{name}", told.get(f"geoemb:{name}"))


def _model(told: Mapping[str, Any]) -> str | None:
    """The model's name: of the embeddings extension, or of the machine-learning one."""
    model = _field(told, "model") or told.get("mlm:name")
    if isinstance(model, dict):
        model = model.get("name") or model.get("id")
    return str(model) if model else None
