"""The exact cosine of every tile of a collection with one vector, at one moment or at none.

cos(S, q) with S = O + E(place, time), computed straight from the archive, part by part. It does not know texts, maps
or screens.
"""

from dataclasses import dataclass
from datetime import datetime

import numpy as np
import numpy.typing as npt

from ingest.archive import Archive
from trainer.embedder import Embedder


@dataclass(frozen=True)
class TileScores:
    """n tiles, as columns.

    Attributes:
        tile_id: [n].
        lat: Centres, degrees north, [n].
        lon: Centres, degrees east, [n].
        size_m: Sides, metres, [n].
        cosine: float32 [n].
    """

    tile_id: list[str]
    lat: npt.NDArray[np.float64]
    lon: npt.NDArray[np.float64]
    size_m: npt.NDArray[np.float64]
    cosine: npt.NDArray[np.float32]


def tile_scores(
    archive: Archive, embedder: Embedder, query: npt.NDArray[np.float32], *, when: datetime | None
) -> TileScores:
    """Score every tile.

    Args:
        archive: Of a collection of tiles that `embedder` made.
        embedder: Knows place and time, if `when` is given.
        query: float32 [d], any length.
        when: Wall-clock time at the place; None: time plays no part, S = O.

    Raises:
        ArchiveError: A part cannot be read.
        UsageError: `when` is given and the model knows no time.
    """
    unit = query / np.linalg.norm(query)
    ids: list[str] = []
    columns: list[list[npt.NDArray[np.float64]]] = []
    cosines = [np.empty(0, np.float32)]
    for path in archive.parts():
        part = archive.read(path.stem)
        lat, lon, size_m = (part.table[name].to_numpy().astype(float) for name in ("lat", "lon", "size_m"))
        vectors = part.vectors().astype(np.float32)  # O, [n, d]
        if when is not None:
            vectors += embedder.place_time(lat=lat, lon=lon, when=when)
        cosines.append(vectors @ unit / np.linalg.norm(vectors, axis=1))
        ids += part.table["tile_id"].to_pylist()
        columns.append([lat, lon, size_m])
    lat, lon, size_m = (
        (np.concatenate(column) for column in zip(*columns, strict=True)) if columns else (np.empty(0),) * 3
    )
    return TileScores(ids, lat, lon, size_m, np.concatenate(cosines))
