"""What truth says of every tile: it is to be seen there, it is not, or nobody knows.

Without negative areas, truth is taken as complete within its extent (the box of the whole file, or the area that is
asked about): a tile whose middle lies there and that is not positive is negative, every other is unknown. With
negative areas, a tile is negative where they cover half of it, or where a negative point lies in it; what is neither
is unknown. A tile that is both is left out, too. It does not know scores.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import shapely
from shapely.geometry.base import BaseGeometry

from search_ui.truth.overlay import Overlay, overlay

NEGATIVE_COVER = 0.5

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Verdicts:
    """Of n tiles.

    Attributes:
        yes: It is to be seen there, bool [n].
        known: It is known whether, bool [n].
        contrary: Positive and negative at once, and so left out.
        slivers: Known tiles that objects only touch, which count as negative.
        by: In a sentence, what makes a tile negative.
    """

    yes: Bools
    known: Bools
    contrary: int
    slivers: int
    by: str


def verdicts(
    found: Overlay,
    tiles: npt.NDArray[np.object_],
    *,
    lat: npt.NDArray[np.float64],
    lon: npt.NDArray[np.float64],
    extent: BaseGeometry | None,
    negative: npt.NDArray[np.object_] | None = None,
) -> Verdicts:
    """What truth says of tiles.

    Args:
        found: Of a class.
        tiles: Outlines, [n].
        lat: Middles, degrees [n].
        lon: Middles, degrees [n].
        extent: Where truth is complete; None: on all tiles. Plays no part beside negative areas.
        negative: Polygons and points where it is not to be seen; None: what is not positive is negative.
    """
    if negative is not None:
        no = overlay(negative, tiles, NEGATIVE_COVER).positive
        both = found.positive & no
        known = (found.positive | no) & ~both
        return Verdicts(found.positive & known, known, int(both.sum()), int((found.sliver & known).sum()), _BY_AREAS)
    known = np.ones(len(tiles), np.bool_)
    if extent is not None:
        shapely.prepare(extent)
        known = np.asarray(shapely.intersects_xy(extent, lon, lat))
    return Verdicts(found.positive & known, known, 0, int((found.sliver & known).sum()), _BY_EXTENT)


_BY_AREAS = "negative are the tiles in the negative areas; what is neither is unknown and left out"
_BY_EXTENT = "truth is taken as complete within its extent; tiles whose middle lies elsewhere are unknown and left out"
