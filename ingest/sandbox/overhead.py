"""What a camera above the sandbox planet sees: any place, any ground sample distance, always the same day.

    image, valid = draw(world, footprint, size_px=96)

The picture was taken on a late morning in the early summer of each hemisphere; it holds no people and does not give
away the hour or the season that somebody asks about. Colours and textures belong to the ground, so pictures that
overlap agree. It draws the same sites, woods and parcels that `view.py` counts, and knows nothing of what is seen.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from ingest.geo.geometry import Footprint
from ingest.sandbox.aerial import play as overhead_play
from ingest.sandbox.aerial import rural as overhead_rural
from ingest.sandbox.aerial import town as overhead_town
from ingest.sandbox.aerial import water as overhead_water
from ingest.sandbox.aerial.brush import AerialCanvas, Brush
from ingest.sandbox.aerial.land import paint_land
from ingest.sandbox.aerial.palette import PALETTES, Palette
from ingest.sandbox.aerial.texture import textures
from ingest.sandbox.aerial.ways import Segments, paint_ways, segments
from ingest.sandbox.land.islands import HALF_M, Island
from ingest.sandbox.land.noise import Field
from ingest.sandbox.land.sites import PLANS
from ingest.sandbox.world import Land, World

Image8 = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]

_PAINTERS: dict[str, Callable[[Brush, Palette], None]] = {
    plan.kind: next(
        getattr(module, plan.kind)
        for module in (overhead_water, overhead_rural, overhead_town, overhead_play)
        if hasattr(module, plan.kind)
    )
    for plan in PLANS
}
_lines: dict[int, dict[str, Segments]] = {}  # by the seed of an island


def draw(
    world: World,
    footprint: Footprint,
    size_px: int,
    clouds: bool = False,
    *,
    islands: tuple[Island, ...] | None = None,
) -> tuple[Image8, Mask]:
    """What a camera above sees of a footprint.

    Args:
        footprint: The square on the ground.
        size_px: Pixels along each side.
        clouds: Lay clouds over some of it.
        islands: Only these; else all.

    Returns:
        uint8 [px, px, 3] RGB, north up, and bool [px, px], which is False outside the squares of 40 km that hold the
        islands and their sea.
    """
    image, valid = np.zeros((size_px, size_px, 3), np.uint8), np.zeros((size_px, size_px), bool)
    lons, lats = footprint.to_lonlat(*_corners(footprint))
    for island in world.islands if islands is None else islands:
        x, y = island.to_xy(lat=lats, lon=lons)
        if max(abs(x).min(), abs(y).min()) > HALF_M and not _spans(x, y):
            continue
        wide_x, wide_y = _spread(x.reshape(3, 3), size_px), _spread(y.reshape(3, 3), size_px)
        inside = (abs(wide_x) <= HALF_M) & (abs(wide_y) <= HALF_M)
        if inside.any():
            painted = _paint(world.land(island), wide_x, wide_y, footprint.size_m / size_px, clouds=clouds)
            np.copyto(image, painted, where=inside[..., None])
            valid |= inside
    return image, valid


def _corners(footprint: Footprint) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Corners, middles of sides and the middle of a footprint in its own metres, [9] each, from the north-west."""
    half = footprint.size_m / 2
    axis = np.array([-half, 0, half])
    x, y = np.meshgrid(axis, -axis)
    return x.ravel(), y.ravel()


def _spans(x: npt.NDArray[np.float64], y: npt.NDArray[np.float64]) -> bool:
    """Whether a footprint wider than an island holds one."""
    return bool(x.min() <= HALF_M and x.max() >= -HALF_M and y.min() <= HALF_M and y.max() >= -HALF_M)


def _spread(nine: npt.NDArray[np.float64], size_px: int) -> Field:
    """Values at 3 × 3 places of a square, at the middle of every pixel: a parabola along either side."""
    t = (np.arange(size_px) + 0.5) / size_px * 2 - 1
    weights = np.stack([t * (t - 1) / 2, 1 - t * t, t * (t + 1) / 2], axis=1)  # [px, 3]
    return np.asarray(weights @ nine @ weights.T, np.float32)


def _paint(land: Land, x: Field, y: Field, gsd_m: float, *, clouds: bool) -> Image8:
    """One island's part of a picture."""
    palette = PALETTES[land.island.palette]
    canvas = AerialCanvas(x, y, np.zeros((*x.shape, 3), np.float32), gsd_m, land.island.shadow, textures())
    paint_land(canvas, land, palette)
    paint_ways(canvas, _segments(land), palette, land.seed)
    middle = x.shape[0] // 2
    # half a side, and a little for a square that is turned on the island
    for site in land.sites_near(float(x[middle, middle]), float(y[middle, middle]), 0.51 * gsd_m * x.shape[0]):
        brush = canvas.brush(site)
        if brush is not None:
            _PAINTERS[site.kind](brush, palette)
    if clouds:
        _clouds(canvas, land.island)
    return np.clip(canvas.rgb, 0, 255).astype(np.uint8)


def _segments(land: Land) -> dict[str, Segments]:
    """The ways of an island in pieces, cut once."""
    # two threads that come at once keep the pieces of the first
    found = _lines.get(land.seed)
    if found is None:
        found = _lines.setdefault(land.seed, segments(land))
    return found


def _clouds(canvas: AerialCanvas, island: Island) -> None:
    """Cumulus and its shadow on the ground."""
    east, north = island.shadow
    # first the shadow of clouds 700 m up, then the clouds
    for dx, dy, tone, most in ((700 * east, 700 * north, 0.0, 0.45), (0.0, 0.0, 250.0, 0.96)):
        field = canvas.textures.clouds(canvas.x - np.float32(dx), canvas.y - np.float32(dy), 24.0)
        cover = np.clip((field - 0.85) * 1.6, 0, most)
        canvas.rgb += cover[..., None] * (np.float32(tone) - canvas.rgb)
