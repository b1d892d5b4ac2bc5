"""What changed as files, chosen by the suffix, each with its provenance.

.geojson   the tiles of which a change is told, their footprints in WGS84 degrees
.csv       the same rows without their outlines
.parquet   every tile that was compared, as GeoParquet, with its numbers
.png       maps: how far each tile moved, and what is told, a pair a text
"""

import csv
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import shapely

from ingest.geo.footprints import Places, Squares
from search_ui.files.cells import no_formula
from search_ui.files.tables import write_tiles
from search_ui.files.writing import check_name, write_whole
from search_ui.maps.layers import MAX_PANELS, Panel, Words, draw_page, screen
from search_ui.maps.scales import DIFFERENCE, Scale
from search_ui.monitor.change import WORDS
from search_ui.monitor.comparing import Monitored
from trainer.errors import UsageError

SUFFIXES = (".geojson", ".csv", ".parquet", ".png")
_REACH = 6.0  # z at the ends of the colours


def check_target(path: Path, texts: int) -> None:
    """Refuse a file that changes cannot be written to.

    Raises:
        UsageError: Unknown suffix, missing folder, the path is a folder, or there are too many texts for a picture.
    """
    check_name(path, SUFFIXES)
    if path.suffix.lower() == ".png" and 2 * texts > MAX_PANELS:
        raise UsageError(
            f"{texts} texts are too many for a picture, which has room for {MAX_PANELS // 2}: ask for fewer"
        )


def write_changes(path: Path, found: Monitored, facts: Mapping[str, Any]) -> None:
    """Write what changed; the file appears whole or not at all.

    Args:
        path: Its suffix says what; see the top.
        found: What came out.
        facts: Where the answers come from, `search_ui.search.provenance.Provenance.facts` of the later collection.

    Raises:
        UsageError: As `check_target`.
        GroundcastError: The file cannot be written.
    """
    check_target(path, len(found.texts))
    asked = {name: value for name, value in found.as_dict().items() if name != "texts"}
    block = asked | {"texts": [one.text for one in found.texts]} | dict(facts)
    match path.suffix.lower():
        case ".geojson":
            write_whole(path, _geojson(found, block))
        case ".csv":
            write_whole(path, _csv(found, block))
        case ".parquet":
            write_tiles(path, found.tile_id, _columns(found), places=found.places, told={"provenance": block})
        case _:
            _draw(path, found, block)


def _geojson(found: Monitored, block: Mapping[str, Any]) -> bytes:
    features = []
    for one in found.texts:
        told = one.told()
        here = Places(found.places.lat[told], found.places.lon[told], found.places.size_m[told])
        # RFC 7946, 3.1.6: outer rings anticlockwise
        outlines = shapely.orient_polygons(Squares.of(here).polygons()) if len(told) else np.empty(0, np.object_)
        for row, outline in zip(found.rows(one), shapely.to_geojson(outlines), strict=True):
            features.append({"type": "Feature", "geometry": json.loads(outline), "properties": row})
    document = {"type": "FeatureCollection", "provenance": block, "features": features}
    return json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False).encode("utf-8", "replace")


def _csv(found: Monitored, block: Mapping[str, Any]) -> bytes:
    names = ["tile_id", "lat", "lon", "size_m", "text", "change", "z", "q"]
    names += [f"{what}_{side}" for what in ("cosine", "relevance") for side in ("before", "after")]
    text = io.StringIO()
    writer = csv.DictWriter(text, [*names, "provenance"])
    writer.writeheader()
    told = json.dumps(block, ensure_ascii=False)
    for one in found.texts:
        for row in found.rows(one):
            writer.writerow({name: no_formula(value) for name, value in row.items()} | {"provenance": told})
    return text.getvalue().encode("utf-8", "replace")


def _columns(found: Monitored) -> dict[str, Any]:
    """Numbers of every tile; of several texts each has its own, numbered."""
    columns: dict[str, Any] = {}
    for number, one in enumerate(found.texts, start=1):
        end = f"_{number}" if len(found.texts) > 1 else ""
        columns |= {f"z{end}": one.changes.z, f"q{end}": one.changes.q}
        columns |= {
            f"{name}_{side}{end}": getattr(one, name)[place].astype(np.float32)
            for name in ("cosine", "relevance")
            for place, side in enumerate(("before", "after"))
        }
    return columns


def _draw(path: Path, found: Monitored, block: Mapping[str, Any]) -> None:
    panels = []
    for one in found.texts:
        z = one.changes.z
        told = np.where(one.changes.word != "", z, np.nan)
        counts = " · ".join(f"{one.changes.count(word)} {word}" for word in WORDS)
        panels += [Panel(f"“{one.text}”\nhow far each tile moved", z), Panel(f"what is told\n{counts}", told)]
    scale = Scale(
        -_REACH, _REACH, "z: how far beyond what is usual", DIFFERENCE, below=True, above=True, hidden="no change told"
    )
    foot = f"collections {found.before} and {found.after} · model {block['model_id']}"
    text = json.dumps(block, ensure_ascii=False).encode("utf-8", "replace").decode()
    notes = (f"{len(found.tile_id):,} tiles; of the changes told {found.fdr:.0%} may be none", *found.notes)
    words = Words(f"{found.before} → {found.after}", notes, block.get("attribution"), foot, text)
    draw_page(path, screen(found.places, len(panels)), panels, scale, words)
