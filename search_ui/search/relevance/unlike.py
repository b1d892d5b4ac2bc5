"""Whether the imagery of a collection is unlike what its model learned from, and what is then to be said.

The share of its tiles beyond the model's limit (`trainer.novelty`) is .001 where tiles are as usual. Measured with the
bundled model (`python -m benchmarks.novelty`): at most .003 on the planet's islands, the one among them that the limit
was not made of too; .19 to 1 on seven collections of real imagery. It does not know what is asked.
"""

import numpy as np

from search_ui.search.relevance.usual import CalibrationTiles
from trainer.novelty import Novelty

OUTSIDE = 0.05
"""From which share on the imagery is unlike what the model learned from."""

TRUST = 0.59
"""What a relevance of 1 is worth then: below `strong`, and in the same order."""

_SAMPLE = 2_000
_SEED = 0


def share_outside(tiles: CalibrationTiles, novelty: Novelty | None) -> float:
    """The share of a collection's tiles beyond what its model learned; 0 where nothing is known of that."""
    if novelty is None or not tiles.n:
        return 0.0
    rows = np.random.default_rng(_SEED).choice(tiles.n, min(tiles.n, _SAMPLE), replace=False)
    return novelty.share_outside(tiles.predicted(np.sort(rows), when=None))


def caution(share: float) -> str | None:
    """What a person should read beside every answer; None where there is nothing to say."""
    if share < OUTSIDE:
        return None
    return (
        f"this imagery is unlike what the model learned from ({share:.0%} of its tiles; usual is 0.1%): "
        "answers mean little here, and none is called strong"
    )
