"""The pairs of a training run as batches: pictures, targets, place and time, and who is nobody's negative.

Order, masks, choice of captions and augmentation are a function of the seed and the number of the batch alone, drawn
for the joined batch of all processes, of which each takes its rows. So a run that goes on is the run that was broken
off, and two processes see what one would have seen. Nothing here knows towers, losses or optimisers.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import torch

from trainer.earth import EQUATOR_DEGREE_M
from trainer.encoding import encode
from trainer.errors import SettingsError, SourceError
from trainer.shards.tars import MISSING, Part, Shards
from trainer.training.augment import View, draw_view
from trainer.training.config import TrainConfig
from trainer.training.pictures import Pictures, Rows
from trainer.training.targets import Targets

Bools: TypeAlias = npt.NDArray[np.bool_]

_ORDER, _CHANCE, _QUEUE, _GALLERY, _MASKS, _SOME = range(6)  # streams of chance under one seed


@dataclass(frozen=True, slots=True)
class Batch:
    """b pairs on the model's device; pixels are as decoded, to be augmented and normalised there.

    Attributes:
        pixels: uint8 [b, 3, px, px].
        view: Drawn augmentation, or None.
        targets: float32 [b, d], normalised.
        ids: int64 [b, columns]: target, and place and owner where they are asked for; see `trainer.training.loss`.
        encoded: Place and time, float32 [b, m], or None for a model without.
        usable: bool [b]; where False, S = O.
        cells: int64 [b], a NumPy array: the cells of the globe, as large as a tile, in which they lie.
    """

    pixels: torch.Tensor
    view: View | None
    targets: torch.Tensor
    ids: torch.Tensor
    encoded: torch.Tensor | None
    usable: torch.Tensor | None
    cells: Rows


class Pairs:
    """The pairs of one split that can be learned from.

    Args:
        shards: Where they lie.
        targets: What each sample is to meet.
        config: Of the run.
        device: Where batches are wanted.
        size_px: Side at which pictures are held.
        limit: Take so many at random, the same ones each time; None: all.

    Raises:
        SourceError: Nothing is left.
    """

    def __init__(
        self,
        shards: Shards,
        targets: Targets,
        config: TrainConfig,
        *,
        device: torch.device,
        size_px: int,
        limit: int | None = None,
    ) -> None:
        part: Part = "overhead" if config.image == "overhead" else "groundlevel"
        samples = np.flatnonzero(targets.count)
        self._left_out = shards.problems + Counter(no_target=len(shards) - len(samples))
        if limit is not None and len(samples) > limit:
            samples = np.sort(np.random.default_rng([0, _GALLERY]).permutation(samples)[:limit])
        held = Pictures(
            shards, samples, part, size_px, cache=config.cache_images, workers=config.workers, device=device
        )
        self._rows = np.flatnonzero(held.usable)  # of the pictures
        if not len(self._rows):
            raise SourceError(f"shards {shards.where}: nothing to learn from, not one {part} picture can be decoded")
        self._pictures, self._part = held, part
        self._samples, self._targets = samples, targets
        self._config, self._device = config, device
        self._lat, self._lon, self._when = (c[samples] for c in (shards.lat, shards.lon, shards.when))
        self._ids = _ids(shards, samples, config)

    def __len__(self) -> int:
        """Number of pairs."""
        return len(self._rows)

    @property
    def problems(self) -> Counter[str]:
        """What was left out so far, by reason."""
        return self._left_out + Counter({f"broken_{self._part}": int((~self._pictures.usable).sum())})

    @property
    def id_columns(self) -> int:
        """Ids of a sample."""
        return 1 + int(self._ids.shape[1])

    def batches(self, first: int, rank: int, world: int) -> Iterator[Batch]:
        """Yield this process's rows of the joined batches `first`, first + 1, … without end."""
        config = self._config
        own = slice(rank * config.batch // world, (rank + 1) * config.batch // world)
        if config.batch % world:
            raise SettingsError(f"batch = {config.batch} cannot be shared by {world} processes: make it a multiple")
        if len(self) < config.batch:
            raise SettingsError(
                f"batch = {config.batch}, but there are {len(self)} pairs to learn from: make it smaller"
            )
        plan = (self._joined(number)[own] for number in count(first))
        for number, (rows, pixels) in zip(count(first), self._pictures.batches(plan), strict=False):
            chance = np.random.default_rng([config.seed, _CHANCE, number])
            known = _known(config, chance, config.batch)[:, own]
            choice = chance.random(config.batch)[own]
            view = draw_view(config.augment, config.batch, chance, crop_scale=config.crop_scale)
            yield self._batch(rows, pixels, known, choice, None if view is None else view.rows(own))

    def queue_filling(self, size: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Targets, float32 [n, d], and ids, int64 [n, columns], of `size` samples by chance, before the first step."""
        chance = np.random.default_rng([self._config.seed, _QUEUE])
        rows = chance.permutation(self._rows)[:size]
        for part in np.array_split(rows, max(1, len(rows) // 4096)):
            yield self._met(part, chance.random(len(part)))

    def in_order(self, size: int, rank: int, world: int, *, masked: bool = False) -> Iterator[Batch]:
        """Yield this process's share of all pairs as they are: nothing augmented, first captions.

        Nothing is masked either, unless `masked`: then as in training.

        Shares are of equal length; joined in the order of the ranks they are all pairs, and then some of the first
        again.
        """
        share, chance = -(-len(self) // world), np.random.default_rng([self._config.seed, _MASKS])
        rows = np.resize(self._rows, share * world)[rank * share : (rank + 1) * share]
        for taken, pixels in self._pictures.batches(rows[i : i + size] for i in range(0, share, size)):
            known = _known(self._config, chance, len(taken)) if masked else np.ones((4, len(taken)), bool)
            yield self._batch(taken, pixels, known, None, None)

    def some(self, most: int, size: int) -> Iterator[Batch]:
        """Yield at most so many pairs, drawn by chance, as they are: nothing augmented or masked."""
        rows = np.random.default_rng([self._config.seed, _SOME]).permutation(self._rows)[:most]
        for taken, pixels in self._pictures.batches(rows[i : i + size] for i in range(0, len(rows), size)):
            yield self._batch(taken, pixels, np.ones((4, len(taken)), bool), None, None)

    def _joined(self, number: int) -> Rows:
        """Rows of the joined batch of a number: each pair once an epoch, the rest that fills no batch left out."""
        epoch, place = divmod(number, len(self) // self._config.batch)
        if getattr(self, "_epoch", None) != epoch:
            self._epoch = epoch
            self._order = np.random.default_rng([self._config.seed, _ORDER, epoch]).permutation(self._rows)
        return self._order[place * self._config.batch : (place + 1) * self._config.batch]

    def _batch(
        self,
        rows: Rows,
        pixels: torch.Tensor,
        known: Bools,
        choice: npt.NDArray[np.float64] | None,
        view: View | None,
    ) -> Batch:
        targets, ids = self._met(rows, choice)
        encoded = usable = None
        if self._config.encoding != "none":
            place, date, hour, weekday = known
            where = {"lat": self._lat[rows], "lon": self._lon[rows], "when": self._when[rows]}
            found = encode(self._config.encoding, **where, known=(place, date, hour), weekday=weekday)
            encoded, usable = self._here(found.values), self._here(found.usable)
        cells = _cells(self._lat[rows], self._lon[rows], self._config.tile_size_m)
        return Batch(pixels, view, targets, ids, encoded, usable, cells)

    def _met(self, rows: Rows, choice: npt.NDArray[np.float64] | None) -> tuple[torch.Tensor, torch.Tensor]:
        vectors, numbers = self._targets.of(self._samples[rows], choice)
        return vectors, self._here(np.column_stack([numbers, self._ids[rows]]))

    def _here(self, array: npt.NDArray[Any]) -> torch.Tensor:
        return torch.from_numpy(array).to(self._device, non_blocking=True)


def _known(config: TrainConfig, chance: np.random.Generator, n: int) -> Bools:
    """Which of place, date, hour and weekday each of n samples may know, bool [4, n]."""
    coin = chance.random() < config.coin
    shares = np.array([config.mask_place, config.mask_date, config.mask_hour])
    hidden = chance.random((3, n)) < shares[:, None]
    hidden |= (chance.random(n) < config.mask_all) | coin
    weekday = np.zeros(n, bool)
    if config.encoding == "seasonal":  # the others draw what they always drew
        weekday = chance.random(n) < config.mask_weekday
    return ~np.concatenate([hidden, weekday[None] | hidden[1:2]])


def _ids(shards: Shards, samples: Rows, config: TrainConfig) -> Rows:
    """Ids of place and owner, int64 [n, 0 … 2]; a place without a name is the tile's cell of the globe."""
    columns = []
    if "place" in config.false_negatives:
        named = shards.place[samples]
        cell = _cells(shards.lat[samples], shards.lon[samples], config.tile_size_m)
        columns.append(np.where(named == MISSING, cell, named))
    if "owner" in config.false_negatives:
        columns.append(shards.owner[samples])
    return np.column_stack(columns) if columns else np.empty((len(samples), 0), np.int64)


def _cells(lat: npt.NDArray[np.float64], lon: npt.NDArray[np.float64], side_m: float) -> Rows:
    """Numbers of cells of the globe, int64 [n]."""
    step = side_m / EQUATOR_DEGREE_M
    row = np.floor((lat + 90) / step)
    column = np.floor((lon + 180) * np.cos(np.radians(row * step - 90)) / step)
    return (row * 2**31 + column).astype(np.int64) | np.int64(1 << 62)  # apart from most hashes of names
