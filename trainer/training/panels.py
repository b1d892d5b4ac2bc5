"""Panels: photos taken over and over in few tiles, from which is learned what a moment changes.

    FOLDER/tiles     shards with the aerial picture of each tile, and its `place`
    FOLDER/photos    shards with photos, place, time, and the same `place`

Any such folder will do; `groundcast sandbox panels` makes one of the sandbox planet. Photos without a date, or of no
tile that is there, are left out and counted. Nothing here knows what is fitted to them.
"""

import logging
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from trainer.embedder import Embedder
from trainer.encoding import encode
from trainer.errors import SourceError
from trainer.preprocess import Preprocess
from trainer.shards.tars import MISSING, Shards
from trainer.training.moments import Seen
from trainer.training.pictures import decode
from trainer.training.targets import Progress, Targets, photo_targets

logger = logging.getLogger(__name__)

Pixels = npt.NDArray[np.uint8]

TILES, PHOTOS = "tiles", "photos"
_BATCH = 128


class Panels:
    """The tiles and photos of a folder.

    Args:
        folder: With `tiles` and `photos`.
        embedded: Embeds the photos of shards, as `targets.photo_targets` does.

    Raises:
        SourceError: No shards there, or no photo of any of the tiles.
    """

    def __init__(self, folder: Path, embedded: Callable[[Shards], Targets]) -> None:
        self._tiles = Shards(folder / TILES, needs=["overhead"])
        self._photos = Shards(folder / PHOTOS, needs=["groundlevel"])
        self._targets = embedded(self._photos)
        row = {place: i for i, place in enumerate(self._tiles.place.tolist()) if place != MISSING}
        tile = np.array([row.get(place, -1) for place in self._photos.place.tolist()])
        reasons = {
            "broken": self._targets.count == 0,
            "without a date": np.isnat(self._photos.when),
            "of no tile": tile < 0,
        }
        kept = ~np.logical_or.reduce(list(reasons.values()))
        self.problems = +Counter({reason: int(mask.sum()) for reason, mask in reasons.items()})
        if not kept.any():
            why = ", ".join(f"{reason} {count}" for reason, count in self.problems.items())
            raise SourceError(f"panels {folder}: not one photo can be used ({why}); `place` joins photos and tiles")
        self._rows, self._tile = np.flatnonzero(kept), tile[kept]

    def __len__(self) -> int:
        """Number of photos."""
        return len(self._rows)

    @property
    def card(self) -> dict[str, Any]:
        """What a data card says of them."""
        prints = [shards.fingerprint for shards in (self._tiles, self._photos)]
        return {"tiles": len(self._tiles), "photos": len(self), "fingerprints": prints, "left_out": dict(self.problems)}

    def seen(self, encoding: str, expects: Preprocess, embed: Callable[[Pixels], npt.NDArray[np.float32]]) -> Seen:
        """What moments are fitted to.

        Every photo counts twice: with all that is known of it, and as one of any weekday.

        Args:
            encoding: Name of the encoding of place and time.
            expects: What the tower expects of aerial pictures.
            embed: Pictures, uint8 [b, 3, px, px] → O, [b, d].

        Raises:
            SourceError: An aerial picture is broken.
        """
        o = np.concatenate([embed(self._pictures(i, expects)) for i in range(0, len(self._tiles), _BATCH)])
        rows, photos = self._rows, self._photos
        where = {"lat": photos.lat[rows], "lon": photos.lon[rows], "when": photos.when[rows]}
        encoded = [encode(encoding, **where, weekday=told).values for told in (None, np.zeros(len(rows), np.bool_))]
        targets, _ = self._targets.of(rows)
        twice = np.concatenate([self._tile, self._tile])
        return Seen(o, twice, np.concatenate(encoded), np.tile(targets.cpu().numpy(), (2, 1)))

    def _pictures(self, first: int, expects: Preprocess) -> Pixels:
        found = []
        for i in range(first, min(first + _BATCH, len(self._tiles))):
            picture = decode(self._tiles.picture(i, "overhead"), expects)
            if picture is None:
                raise SourceError(f"panels {self._tiles.where}: the picture of tile {self._tiles.keys[i]} is broken")
            found.append(picture)
        return np.stack(found)


def panels_of(folder: Path, teacher: Embedder, progress: Progress | None = None) -> Panels:
    """The panels of a folder, embedded by a teacher.

    Args:
        folder: With `tiles` and `photos`.
        teacher: Whose ground tower embeds the photos.
        progress: Called with photos embedded, and how many there are to embed; they are kept in `.cache` beside them.
    """
    stored, here = folder / PHOTOS / ".cache", torch.device("cpu")
    return Panels(folder, lambda shards: photo_targets(shards, teacher, stored, device=here, progress=progress))
