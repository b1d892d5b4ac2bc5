"""Makes the pairs of a split: its shards, the targets of all samples, the pictures, and the data card.

Nothing here knows steps, losses or checkpoints.
"""

from pathlib import Path
from typing import Any, Protocol

from lightning_fabric import Fabric

from trainer.embedder import Embedder
from trainer.errors import SettingsError
from trainer.shards.tars import Part, Shards
from trainer.training.config import TrainConfig
from trainer.training.pairs import Pairs
from trainer.training.panels import PHOTOS, Panels
from trainer.training.student import Start
from trainer.training.targets import Crew, Targets, caption_targets, photo_targets


class Preparing(Protocol):
    """Who is told how the embedding of targets goes."""

    def preparing(self, what: str, done: int, total: int) -> None:
        """So many of them are done."""


class Preparation:
    """Makes the pairs of a split: shards, targets, pictures, and what the data card says of them."""

    def __init__(self, config: TrainConfig, beginning: Start, fabric: Fabric, watcher: Preparing | None) -> None:
        self._config, self._beginning, self._fabric, self._watcher = config, beginning, fabric, watcher
        self._text = None if config.target == "photo" else beginning.text_tower(fabric.device)
        self._teacher = None
        if config.target == "photo":
            self._teacher = Embedder.load(Path(config.teacher), precision="float32", device=str(fabric.device))

    def pairs(self, where: str, *, size_px: int, limit: int | None = None) -> tuple[Pairs, dict[str, Any]]:
        """The pairs of a folder of shards, `limit` of them at most, and their data card."""
        config, folder = self._config, Path(where)
        needs: list[Part] = ["overhead"] if config.image == "overhead" else ["groundlevel"]
        if config.target == "photo" and config.image == "overhead":
            needs = ["groundlevel", "overhead"]
        shards = Shards(folder, needs=needs)
        targets = self._targets(shards, Path(config.cache) if config.cache else folder / ".cache")
        pairs = Pairs(shards, targets, config, device=self._fabric.device, size_px=size_px, limit=limit)
        return pairs, {
            "shards": "/".join(folder.parts[-2:]),
            "fingerprint": shards.fingerprint,
            "samples": len(shards),
            "left_out": dict(pairs.problems),
            "without_date": dict(shards.dates),
            "bbox": [float(v) for v in (shards.lon.min(), shards.lat.min(), shards.lon.max(), shards.lat.max())],
        }

    def gallery(self, where: str, *, size_px: int) -> tuple[Pairs | None, dict[str, Any]]:
        """The same of the validation split, as much of it as is measured on; nothing where none is named."""
        return self.pairs(where, size_px=size_px, limit=self._config.eval_pairs) if where else (None, {})

    def panels(self) -> Panels | None:
        """The panels that are named, if any, embedded by the teacher."""
        config = self._config
        if not config.panels:
            return None
        if self._teacher is None:
            raise SettingsError(f'panels = {config.panels!r} are for a model of tiles: use target = "photo"')
        folder = Path(config.panels)
        cache = Path(config.cache) if config.cache else folder / PHOTOS / ".cache"
        return Panels(folder, lambda shards: self._targets(shards, cache))

    def _targets(self, shards: Shards, cache: Path) -> Targets:
        fabric, watcher = self._fabric, self._watcher
        crew = Crew(fabric.global_rank, fabric.world_size, fabric.barrier)

        def progress(done: int, total: int) -> None:
            if watcher is not None:
                watcher.preparing(f"{self._config.target}s", done, total)

        if self._teacher is None:
            assert self._text is not None  # noqa: S101 -- one of both
            return caption_targets(shards, self._text, cache, device=fabric.device, crew=crew, progress=progress)
        workers = self._config.workers
        return photo_targets(
            shards, self._teacher, cache, device=fabric.device, workers=workers, crew=crew, progress=progress
        )
