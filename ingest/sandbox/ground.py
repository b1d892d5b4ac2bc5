"""The picture that a person standing somewhere on the sandbox planet could take.

`draw` sets the sky, what lies around, the subjects and the weather of a scene. The painters are in
`ingest.sandbox.painting`, in reading order: `light` (light, colours by season), `canvas` (shapes, perspective,
textures), the things in `life`, `plants`, `vehicles`, `boats`, `buildings`, `works` and `fittings`, `distance` and
`backdrops` (what lies around), and the subjects in `water`, `harbour`, `fields`, `hills`, `town`, `trade`, `traffic`,
`play` and `distant`.
"""

from collections.abc import Callable
from functools import cache

import numpy as np
import numpy.typing as npt

from ingest.sandbox.painting import fields as ground_fields
from ingest.sandbox.painting import harbour as ground_harbour
from ingest.sandbox.painting import hills as ground_hills
from ingest.sandbox.painting import play as ground_play
from ingest.sandbox.painting import town as ground_town
from ingest.sandbox.painting import trade as ground_trade
from ingest.sandbox.painting import traffic as ground_traffic
from ingest.sandbox.painting import water as ground_water
from ingest.sandbox.painting.backdrops import around
from ingest.sandbox.painting.canvas import PictureCanvas
from ingest.sandbox.painting.distant import distant
from ingest.sandbox.scene import Scene


@cache
def painters() -> dict[str, Callable[[PictureCanvas], None]]:
    """The painter of every concept."""
    water = ground_water.SUBJECTS | ground_harbour.SUBJECTS
    land = ground_fields.SUBJECTS | ground_hills.SUBJECTS
    settlement = ground_town.SUBJECTS | ground_trade.SUBJECTS
    return water | land | settlement | ground_traffic.SUBJECTS | ground_play.SUBJECTS


def draw(scene: Scene, size_px: int = 96) -> npt.NDArray[np.uint8]:
    """The picture of a scene.

    Args:
        scene: What stands where, in which light and weather.
        size_px: Width and height, pixels.

    Returns:
        uint8 RGB [size_px, size_px, 3]; the same scene always gives the same picture.
    """
    canvas = PictureCanvas(scene, size_px)
    if scene.subjects:
        canvas.on_ground = distant
        painters()[scene.subjects[0]](canvas)
    else:
        around(canvas, scene.backdrop)
    return canvas.finish()
