"""STAC 1.1: the collection of a publication and the items of its tables and score maps, with relative links.

Extensions: embeddings (``emb``, https://github.com/geo-embeddings/embeddings-stac-specification), table, file. Times of
items are those of the imagery. It does not write data.
"""

import hashlib
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pystac
import shapely
from pystac.extensions.file import FileExtension
from pystac.extensions.table import Column, TableExtension

from search_ui.publishing.extent import TileExtent
from search_ui.publishing.folder import MARK
from search_ui.publishing.layout import COLUMNS, schema
from search_ui.publishing.model_item import model_item
from search_ui.publishing.publication_facts import PublicationFacts
from search_ui.publishing.score_maps import PublishedMap
from search_ui.publishing.tables import TileTable

EMB = "https://stac-extensions.github.io/embeddings/v0.0.1/schema.json"
CARD, MODEL = "README.md", "model.json"
PMTILES = "application/vnd.pmtiles"
PARQUET = "application/vnd.apache.parquet"
_PHOTOGRAPHY = datetime(1858, 1, 1, tzinfo=UTC)  # no picture from the air is older
_MULTIHASH_SHA256 = "1220"


def write_stac(folder: Path, told: PublicationFacts) -> None:
    """Write collection, items and the model's item into a folder that holds the data."""
    collection = _collection(told)
    for item in _items(folder, told):
        collection.add_item(item)
        # beside the data: a careful reader takes nothing that lies outside the folder of an item
        item.set_self_href(str(folder / f"{item.id}.json"))
    collection.set_self_href(str(folder / MARK))  # last: it would lay out items that come later in its own way
    collection.save(pystac.CatalogType.SELF_CONTAINED)
    model = model_item(told.model)
    model.set_root(collection)
    model.set_self_href(str(folder / MODEL))
    _measure(model, folder)
    model.save_object(include_self_link=False)


def _collection(told: PublicationFacts) -> pystac.Collection:
    first, last = told.extent.first, told.extent.last
    collection = pystac.Collection(
        id=identifier(told.name),
        title=f"{told.name}: vectors of overhead tiles",
        description=(
            f"{told.tiles:,} square tiles of {told.tile_size}, each with the vector that model {told.model.name} "
            f"({told.model.model_id}) makes of it: {told.model.dim} numbers, float16, not normalised. "
            "README.md says what they mean."
        ),
        extent=pystac.Extent(pystac.SpatialExtent([list(told.extent.bbox)]), pystac.TemporalExtent([[first, last]])),
        license=told.licence or "other",
        keywords=["embeddings", "overhead imagery", "groundcast"],
        providers=[pystac.Provider(credit, roles=[pystac.ProviderRole.LICENSOR]) for credit in told.credits] or None,
        stac_extensions=[EMB],
        extra_fields={
            "emb:type": "chip",
            "emb:dimensions": told.model.dim,
            "data_type": "float16",
            **({} if told.gsd_m is None else {"gsd": round(told.gsd_m, 4)}),
            "emb:chip_layout": _chip_layout(told),
            # others' vectors may be of a year's mosaic
            **({} if told.model.meta is None else {"emb:temporal_resolution": "single_acquisition"}),
            "emb:fit_for_use": ["retrieval", "classification"],
            "created": _rfc3339(told.created_at),
        },
    )
    collection.item_assets = {
        "embeddings": pystac.ItemAssetDefinition.create(
            title="Tiles with footprints and vectors", description=None, media_type=PARQUET, roles=["data"]
        )
    }
    collection.add_link(_link("emb:model", f"./{MODEL}", pystac.MediaType.GEOJSON, f"Model {told.model.name}"))
    for source in told.sources:
        name = source["source"] or "a source that is not named"
        # a link to what others can open; where it lies on somebody's disk the card says what it is
        web = re.fullmatch(r"https?://[^{}\s]+", name) is not None
        href, kind = (name, None) if web else (f"./{CARD}", "text/markdown")
        collection.add_link(_link("emb:source-data", href, kind, f"Source: {name}"))
    collection.add_link(_link("license" if not told.licence else "about", f"./{CARD}", "text/markdown", "Data card"))
    return collection


def _chip_layout(told: PublicationFacts) -> dict[str, Any]:
    pixels = None if told.model.meta is None else told.model.meta.overhead_input.size_px
    chip = {} if pixels is None else {"chip_size": [pixels, pixels]}
    if told.grid is None:
        return {"layout_type": "variable_grid", **chip}
    size, stride = float(told.grid["size_m"]), float(told.grid["stride_m"])
    step = {} if pixels is None else {"stride": [max(1, round(pixels * stride / size))] * 2}
    return {"layout_type": "regular_grid", "grid_id": f"groundcast-g{size:g}-s{stride:g}", **chip, **step}


def _items(folder: Path, told: PublicationFacts) -> Iterator[pystac.Item]:
    for table in told.tables:
        yield _table_item(folder, told, table)
    for score_map in told.maps:
        yield _map_item(folder, told, score_map)


def _table_item(folder: Path, told: PublicationFacts, table: TileTable) -> pystac.Item:
    item = _item(f"{identifier(told.name)}-embeddings-{table.path.stem}", told, table.extent)
    item.stac_extensions.append(EMB)
    parameters = {"tile_size_m": list(told.sizes_m), "stride_m": None if told.grid is None else told.grid["stride_m"]}
    item.properties |= {
        "title": f"{told.name}: tiles {table.rows.start + 1:,} to {table.rows.stop:,} of {told.tiles:,}",
        "emb:runtime_parameters": {name: value for name, value in parameters.items() if value is not None},
    }
    if told.gsd_m is not None:
        item.properties["gsd"] = round(told.gsd_m, 4)
    types = schema(told.model.dim, {}, dated=told.extent.first is not None)
    described = TableExtension.ext(item, add_if_missing=True)
    described.columns = [
        Column({"name": field.name, "description": COLUMNS[field.name], "type": str(field.type)}) for field in types
    ]
    described.primary_geometry = "geometry"
    described.row_count = len(table.rows)
    href = f"./{table.path.parent.name}/{table.path.name}"
    title = "Tiles with footprints and vectors"
    item.add_asset("embeddings", pystac.Asset(href, title=title, media_type=PARQUET, roles=["data"]))
    for source in told.sources:
        name = source["source"] or ""
        if re.fullmatch(r"https?://[^{}\s]+", name):
            item.add_link(_link("emb:source-data", name, None, f"Source: {name}"))
    _measure(item, folder)
    return item


def _map_item(folder: Path, told: PublicationFacts, score_map: PublishedMap) -> pystac.Item:
    item = _item(f"{identifier(told.name)}-map-{score_map.name}", told, told.extent)
    item.properties |= {
        "title": f"{score_map.question} · {score_map.moment}",
        "description": (
            f"How like {score_map.question} each tile is at the moment that was asked about ({score_map.moment}), by "
            f"the cosine of its vector with that of the question, and how likely one would see it there."
        ),
        "groundcast:query": score_map.query,
    }
    bands = [
        {"name": name, "description": what, "data_type": "float32", "nodata": "nan"}
        for name, what in (
            ("cosine", "Cosine with the question, -1 to 1"),
            ("relevance", "Chance that one would see it there, 0 to 1"),
        )
    ]
    item.add_asset(
        "scores",
        pystac.Asset(
            f"./maps/{score_map.geotiff.name}", title="Scores", media_type=pystac.MediaType.COG, roles=["data"],
            extra_fields={"bands": bands},
        ),
    )  # fmt: skip
    item.add_asset(
        "pictures",
        pystac.Asset(
            f"./maps/{score_map.pmtiles.name}", title="Relevance as pictures", media_type=PMTILES, roles=["visual"],
            extra_fields={"groundcast:legend": score_map.legend},
        ),
    )  # fmt: skip
    _measure(item, folder)
    return item


def _item(name: str, told: PublicationFacts, extent: TileExtent) -> pystac.Item:
    first, last = extent.first, extent.last
    properties: dict[str, Any] = {"created": _rfc3339(told.created_at)}
    # one moment is said only where it is that of every tile
    interval = None if first is not None and first == last and not extent.undated else (first, last)
    if extent.undated:
        properties["description"] = f"Of {extent.undated:,} tiles it is not known when the imagery was taken."
    if first is None:
        properties["description"] = "When the imagery was taken is not known: the interval only bounds it."
        interval = _PHOTOGRAPHY, told.created_at
    outline = extent.outline
    return pystac.Item(
        id=name,
        geometry=shapely.geometry.mapping(outline),
        bbox=list(extent.bbox),
        datetime=first if interval is None else None,
        start_datetime=None if interval is None else interval[0],
        end_datetime=None if interval is None else interval[1],
        properties=properties,
    )


def _measure(item: pystac.Item, folder: Path) -> None:
    """Size and checksum of its files."""
    for asset in item.assets.values():
        path = folder / asset.href
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        told = FileExtension.ext(asset, add_if_missing=True)
        told.size, told.checksum = path.stat().st_size, _MULTIHASH_SHA256 + digest


def _link(rel: str, href: str, kind: str | None, title: str) -> pystac.Link:
    return pystac.Link(rel, href, kind, title)


def identifier(name: str) -> str:
    """A name as an id that files and addresses take."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.") or "collection"


def _rfc3339(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
