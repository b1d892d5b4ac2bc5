"""A part of the archive as points of an index: ids, vectors, and payloads without missing values."""

from datetime import datetime
from typing import Any

from ingest.archive.parts import ID_COLUMN, ArchivePart, Kind
from ingest.geo.geometry import Footprint
from ingest.index.protocol import PART, Points


def points(part: ArchivePart, kind: Kind) -> Points:
    """A part's rows as the index takes them: ids, vectors and payloads without missing values."""
    table = part.table.drop_columns(["vector"])
    payloads = [_payload(record, kind) | {PART: part.key} for record in table.to_pylist()]
    return Points(ids=table[ID_COLUMN[kind]].to_pylist(), vectors=part.vectors(), payloads=payloads)


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
