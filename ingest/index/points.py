"""A part of the archive as points of an index: ids, vectors, and payloads without missing values."""

from datetime import datetime
from typing import Any

import numpy as np

from ingest.archive.parts import ID_COLUMN, ArchivePart, Kind
from ingest.geo.geometry import Footprint
from ingest.index.protocol import PART, Points


def points(part: ArchivePart, kind: Kind) -> Points:
    """A part's rows as the index takes them: ids, vectors and payloads without missing values."""
    table, vectors = part.table.drop_columns(["vector"]), part.vectors()
    # of the vectors as they are stored: the archive's norm is of before they were rounded, up to 7e-5 off
    norms = np.linalg.norm(vectors.astype(np.float32), axis=1).tolist()
    payloads = [
        _payload(record, kind) | {PART: part.key, "norm": norm}
        for record, norm in zip(table.to_pylist(), norms, strict=True)
    ]
    return Points(ids=table[ID_COLUMN[kind]].to_pylist(), vectors=vectors, payloads=payloads)


def _payload(record: dict[str, Any], kind: Kind) -> dict[str, Any]:
    lat, lon = record.pop("lat"), record.pop("lon")
    payload = {
        key: value.isoformat() if isinstance(value, datetime) else value
        for key, value in record.items()
        if value is not None
    }
    if lat is not None and lon is not None:
        payload["location"] = {"lon": lon, "lat": lat}
    if kind == "tiles":
        payload["bbox"] = list(Footprint(lat=lat, lon=lon, size_m=record["size_m"]).bbox)
    return payload
