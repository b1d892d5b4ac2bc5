"""Maps of many moments as files: all of them on one scale, or the best moment of each tile.

The files are those of `search_ui.maps.snapshots`. Moments come in parts (`search_ui.search.series`), so memory does not
grow with their number; a table of many moments alone is made in one piece. It does not know how scores are made.
"""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from ingest.geo.footprints import Places
from search_ui.maps.layers import MAX_PANELS, Panel, draw_page, screen
from search_ui.maps.scales import Scale, amount_scale, hour_scale, month_scale
from search_ui.maps.snapshots import (
    CUT,
    UNITS,
    About,
    as_published,
    count_tiles,
    places_of,
    range_of,
    write_raster,
    write_table,
)
from search_ui.search.moments import say_moment
from search_ui.search.series import Reel
from trainer.errors import UsageError


def write_frames(path: Path, reel: Reel, about: About, *, published: bool, fps: float) -> dict[str, Any]:
    """Write maps of many moments, all on one scale.

    Args:
        path: Its suffix says what; see the top. A ``.png`` holds at most `MAX_PANELS` moments.
        reel: The moments and the scores of at least one tile at each.
        about: The question in words for titles, and the provenance that travels in the file.
        published: Scale and cut as the paper does, over all moments together.
        fps: Frames a second of a film.

    Returns:
        What was written, in JSON types.

    Raises:
        UsageError: There is no tile, or there are too many moments for the file.
        GroundcastError: The file cannot be written, such as on a full disk.
    """
    from search_ui.maps.films import write_film

    places, suffix = places_of(reel.tiles), path.suffix.lower()
    if suffix == ".png" and len(reel) > MAX_PANELS:
        raise UsageError(f"{len(reel)} moments: a .png holds at most {MAX_PANELS}, write .mp4 or .tif")
    # over all moments: a scale for each frame would hide what the moment does
    scale = amount_scale(reel.sample(), UNITS["cosine"])
    remark = None
    if published:
        low, high = _range_of_reel(reel)
        # part by part as it is read: the scaled scores need not fit into memory either
        reel = reel.changed(lambda cosine: as_published(cosine, low, high))
        scale = Scale(CUT, 1.0, "cosine, scaled to 0..1 over all moments", hidden="below 0.5")
        remark = "scaled to 0..1 over all moments; below 0.5 not shown"
    moments = [None if when is None else when.isoformat() for when in reel.whens]
    if suffix == ".tif":
        return _write_reel(path, reel, places, about, scale.unit, moments)
    if suffix == ".parquet":
        columns = {"cosine": np.concatenate([part for _, part in reel.parts()]).T}
        told = {"provenance": dict(about.provenance), "moments": moments}
        write_table(path, reel.tiles.tile_id, columns, places, about, told)
        return {"moments": len(reel)}
    words = about.words(
        about.question, f"{count_tiles(reel.tiles)}, one scale for all moments", remark, reel.tiles.note
    )
    if suffix == ".png":
        panels = [Panel(say_moment(when), cosine) for when, cosine in reel.frames()]
        columns_side = 3 if len(panels) <= 9 else 4 if len(panels) <= 12 else 6
        columns_side = 2 if len(panels) in (2, 4) else columns_side
        draw_page(path, screen(places, len(panels)), panels, scale, words, columns=columns_side)
    else:
        write_film(path, reel, scale, words, fps=fps)
    return {"moments": len(reel)}


def write_best_moment(path: Path, reel: Reel, about: About) -> dict[str, Any]:
    """Write when each tile is most like the question: month and hour, the cosine then, and how much the moment matters.

    Args:
        path: Its suffix says what; see the top.
        reel: Of at least one tile, at moments with a date and an hour.
        about: The question in words for titles, and the provenance that travels in the file.

    Returns:
        What was written, in JSON types.

    Raises:
        UsageError: There is no tile.
        GroundcastError: The file cannot be written, such as on a full disk.
    """
    from search_ui.maps.calendars import best_moments

    places = places_of(reel.tiles)
    best = best_moments(reel)
    columns = {"month": best.month, "hour": best.hour, "cosine": best.cosine, "spread": best.spread}
    title = f"{about.question} · best month and hour"
    match path.suffix.lower():
        case ".parquet":
            known = np.isfinite(best.month)
            # whole numbers in a table; −1: a tile without a score
            whole = {name: np.where(known, columns[name], -1).astype(np.int8) for name in ("month", "hour")}
            write_table(path, reel.tiles.tile_id, columns | whole, places, about)
            return {}
        case ".tif":
            units = {"month": "month, 1 to 12", "hour": "hour, local time", "cosine": "cosine"}
            bands = {name: (units.get(name, "highest less lowest cosine"), column) for name, column in columns.items()}
            # the mean of January and December is no month
            return write_raster(path, bands, places, about, title, averaged=False)
    scale = amount_scale(best.cosine, "cosine at the best moment")
    # a tile that never looks like it has a best month all the same: it is drawn pale
    strength = (best.cosine - scale.low) / (scale.high - scale.low)
    panels = [
        Panel("best month", best.month, month_scale(), strength),
        Panel("best hour", best.hour, hour_scale(), strength),
        Panel("how like the question then", best.cosine, scale),
    ]
    words = about.words(title, f"{count_tiles(reel.tiles)}; paler: less like the question, even then", reel.tiles.note)
    draw_page(path, screen(places, len(panels)), panels, scale, words, columns=3)
    return {}


def _write_reel(
    path: Path, reel: Reel, places: Places, about: About, unit: str, moments: Sequence[str | None]
) -> dict[str, Any]:
    from search_ui.maps.raster import Band, write_geotiff

    bands = [
        Band(say_moment(when), unit, {"GROUNDCAST_WHEN": moment} if moment else None)
        for when, moment in zip(reel.whens, moments, strict=True)
    ]
    told = dict(about.provenance) | {"moments": list(moments)}
    written = write_geotiff(path, bands, reel.parts, places=places, provenance=told, description=about.question)
    return asdict(written) | {"moments": len(reel)}


def _range_of_reel(reel: Reel) -> tuple[float, float]:
    ranges = np.array([range_of(part) for _, part in reel.parts()])
    return float(ranges[:, 0].min()), float(ranges[:, 1].max())
