"""Ground views as files: JSON, GeoJSON, CSV, and a contact sheet as PNG, chosen by the suffix, with their provenance.

Where the provenance stands: in JSON and GeoJSON as the member ``provenance``, in CSV as a column, in PNG as the text
chunk of that name. GeoJSON has one point a photo, WGS84 degrees, longitude first; a photo whose place is unknown has
the geometry null.

It does not know how photos are found, or how a sheet is drawn.
"""

import csv
import io
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from search_ui.files.cells import no_formula
from search_ui.files.writing import check_name, write_whole
from search_ui.ground.contact_sheet import MAX_PHOTOS, draw_sheet
from search_ui.ground.view import GroundView
from search_ui.search.provenance import program_version
from search_ui.search.query import rfc3339
from trainer.errors import UsageError

Content = tuple[bytes, list[str]]
"""A file's bytes, and sentences about what could not be put into it."""

_COLUMNS = (
    "rank", "photo_id", "cosine", "lat", "lon", "distance_m", "here", "taken_local", "taken_utc", "owner", "licence",
    "path", "url", "heading_deg",
)  # fmt: skip


def check_target(path: Path, k: int) -> None:
    """Refuse a file that `write_view` could not write, before any work is done for it.

    Raises:
        UsageError: Unknown suffix, missing folder, the path is a folder, or more photos than a sheet holds.
    """
    check_name(path, _WRITERS)
    if path.suffix.lower() == ".png" and k > MAX_PHOTOS:
        raise UsageError(f"k = {k:,}: a contact sheet holds at most {MAX_PHOTOS} photos; write .csv for more")


def write_view(view: GroundView, path: Path) -> list[str]:
    """Write a view in the format of the path's suffix; the file appears whole or not at all.

    Returns:
        One sentence for each photo that could not be shown.

    Raises:
        UsageError: As `check_target`.
        GroundcastError: The file cannot be written, such as on a full disk.
    """
    check_target(path, len(view.hits))
    content, troubles = _WRITERS[path.suffix.lower()](view)
    write_whole(path, content)
    return troubles


def _provenance(view: GroundView) -> dict[str, Any]:
    """What was asked of what, how, and when; the answer without its hits."""
    told = {name: value for name, value in view.as_dict().items() if name != "hits"}
    return told | {"groundcast_version": program_version(), "created_at": rfc3339(datetime.now(UTC))}


def _json(document: Any) -> bytes:
    return json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False).encode("utf-8", "replace")


def _write_json(view: GroundView) -> Content:
    return _json(view.as_dict() | {"provenance": _provenance(view)}), []


def _write_geojson(view: GroundView) -> Content:
    features = []
    for hit in view.hits:
        point = None if hit.lat is None else {"type": "Point", "coordinates": [hit.lon, hit.lat]}
        features.append({"type": "Feature", "id": hit.photo_id, "geometry": point, "properties": hit.as_dict()})
    return _json({"type": "FeatureCollection", "provenance": _provenance(view), "features": features}), []


def _write_csv(view: GroundView) -> Content:
    text = io.StringIO()
    writer = csv.DictWriter(text, [*_COLUMNS, "provenance"])
    writer.writeheader()
    told = json.dumps(_provenance(view), ensure_ascii=False)
    for hit in view.hits:
        values = {name: no_formula(value) for name, value in hit.as_dict().items()}
        writer.writerow(values | {"provenance": told})
    return text.getvalue().encode("utf-8", "replace"), []


def _write_png(view: GroundView) -> Content:
    return draw_sheet(view, json.dumps(_provenance(view), ensure_ascii=True))


_WRITERS: dict[str, Callable[[GroundView], Content]] = {
    ".json": _write_json,
    ".geojson": _write_geojson,
    ".csv": _write_csv,
    ".png": _write_png,
}
