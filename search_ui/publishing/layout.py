"""The tables of a publication: which columns they have, what each means, and what a file says of itself.

GeoParquet 1.1, zstd, rows in the order of `search_ui.publishing.hilbert`, one row a tile:

    tile_id         string             of the tile in its grid; no two rows of a publication share one
    lat, lon        float64            centre, degrees WGS84
    size_m          float64            side of the square on the ground, metres
    bbox            struct of float64  xmin, ymin, xmax, ymax of the footprint; across ±180° it spans the globe
    geometry        WKB                footprint in degrees, OGC:CRS84, split at ±180°
    datetime        timestamp[us, UTC] when the imagery was taken; null where that is not known. Without this column:
                                       it is known of no tile
    gsd_m           float32            ground sample distance of the imagery there, metres
    valid_fraction  float32            share of the tile's pixels that were valid, 0..1
    origin          string             the file or map tile that gave most of its pixels
    source          string             the imagery that it belongs to: a name, or a URL without what authorises
    norm            float32            length of the vector before it was rounded to float16
    embedding       float16[d]         fixed-size list: the overhead vector O, **unnormalised**, as in the archive

Names are the field's: `geometry`, `datetime` and `embedding` are what torchgeo's Clay reader and others look for. File
metadata ``groundcast`` is JSON, see `file_facts`; by it a reader knows the layout again. Nothing that makes
a collection is lost: what is published and taken in again has the same vectors, to the bit.

It does not know where rows come from.
"""

import json
from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from ingest.geo.geoparquet import bbox_type, geo_metadata

KEY = "groundcast"
FORMAT = 1
EMBEDDING = "embedding"
DATETIME = "datetime"
RENAMED = {"acquired_at": DATETIME, "vector": EMBEDDING}
"""Names in the archive and here, where they differ."""

COLUMNS = {
    "tile_id": "Id of the tile in its grid",
    "lat": "Latitude of the tile's centre, degrees WGS84",
    "lon": "Longitude of the tile's centre, degrees WGS84",
    "size_m": "Side of the square tile on the ground, metres",
    "bbox": "Box of the footprint, degrees; of a tile across ±180° it spans the globe",
    "geometry": "Footprint of the tile, WKB, OGC:CRS84, split at ±180°",
    DATETIME: "When the imagery was taken, UTC; null where that is not known",
    "gsd_m": "Ground sample distance of the imagery there, metres",
    "valid_fraction": "Share of the tile's pixels that were valid, 0 to 1",
    "origin": "The file or map tile that gave most of its pixels",
    "source": "The imagery that the tile belongs to",
    "norm": "Length of the vector before it was rounded to float16",
    EMBEDDING: "Overhead vector, float16, unnormalised",
}
"""All columns in their order, each in a sentence."""

NORM_RULE = (
    "Vectors are not normalised, and their length matters: where the model knows time, what is seen at a moment is the "
    "vector plus an offset of that moment, normalised afterwards. Compare them by cosine: divide by the norm first."
)


def schema(
    dim: int, facts: Mapping[str, Any], *, dated: bool, bbox: tuple[float, float, float, float] | None = None
) -> pa.Schema:
    """The schema of a table, with its metadata.

    Args:
        dim: Width of the vectors.
        facts: As `file_facts` gives them.
        dated: Whether it has the column ``datetime``.
        bbox: West, south, east and north of all its tiles, degrees; west > east across ±180°.
    """
    types = {
        "tile_id": pa.string(),
        "lat": pa.float64(),
        "lon": pa.float64(),
        "size_m": pa.float64(),
        "bbox": bbox_type(),
        "geometry": pa.binary(),
        DATETIME: pa.timestamp("us", "UTC"),
        "gsd_m": pa.float32(),
        "valid_fraction": pa.float32(),
        "origin": pa.string(),
        "source": pa.string(),
        "norm": pa.float32(),
        EMBEDDING: pa.list_(pa.float16(), dim),
    }
    metadata = {"geo": geo_metadata(bbox=bbox), KEY: json.dumps(facts, ensure_ascii=False)}
    # what a path holds that is no UTF-8 must not keep the file from being written
    encoded = {name: text.encode("utf-8", "replace") for name, text in metadata.items()}
    return pa.schema([(name, types[name]) for name in COLUMNS if dated or name != DATETIME], metadata=encoded)


def file_facts(
    *,
    collection: str,
    model_id: str,
    model: str,
    dim: int,
    grid: Mapping[str, Any] | None,
    sources: list[dict[str, Any]],
    licence: str | None,
    made: Mapping[str, Any],
) -> dict[str, Any]:
    """What every table of a publication says of itself, in JSON types.

    Args:
        collection: Name of the collection.
        model_id: Of the model that made the vectors.
        model: Its name.
        dim: Width of the vectors.
        grid: ``size_m`` and ``stride_m`` of its grid; None: its tiles are single chips.
        sources: ``source`` and ``attribution`` of its imagery.
        licence: SPDX id under which it is published; None: nobody said.
        made: ``created_at`` and ``groundcast_version``.
    """
    return {
        "format": FORMAT,
        "collection": collection,
        "model_id": model_id,
        "model": model,
        "dimensions": dim,
        "data_type": "float16",
        "normalised": False,
        "norm": NORM_RULE,
        "grid": None if grid is None else dict(grid),
        "sources": sources,
        "licence": licence,
        "order": "Hilbert curve of PMTiles at level 24 over plain longitude and latitude",
        **made,
    }
