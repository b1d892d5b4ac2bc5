"""The decoded pictures of a training run: once from JPEG to uint8, then held in memory, or decoded anew as they come.

Held, they are one uint8 array of [n, 3, px, px] on the GPU where it has room, and a batch is one indexing; or in RAM.
From RAM to a GPU, or from JPEG where memory is too small, threads fetch the next batches while the model works on this.

A picture that cannot be decoded is left out and counted. Nothing here knows augmentation, models or what a picture is
for.
"""

import io
import logging
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image

from trainer.errors import SourceError
from trainer.preprocess import Preprocess
from trainer.shards.tars import Part, Shards

logger = logging.getLogger(__name__)

Rows = npt.NDArray[np.int64]
Pixels = npt.NDArray[np.uint8]

AHEAD = 3  # batches decoded before they are asked for
_UNREADABLE = (OSError, SyntaxError, ValueError, Image.DecompressionBombError)  # what Pillow raises on broken files


def decode(content: bytes, expects: Preprocess) -> Pixels | None:
    """Decode a picture and squash it to uint8 [3, px, px]; None where it is broken."""
    try:
        with Image.open(io.BytesIO(content)) as picture:
            return expects.pixels(picture)
    except _UNREADABLE:
        return None


class Pictures:
    """The pictures of some samples, by row.

    Args:
        shards: Where they lie.
        samples: Numbers of the samples, int64 [n]; row r of the pictures is sample `samples[r]`.
        part: Which picture of a sample.
        size_px: Side at which they are held.
        cache: `yes`, `no` or `auto`.
        workers: Threads; 0: one a core.
        device: Where batches are wanted.

    Attributes:
        usable: bool [n]; False where the picture is known to be broken.
    """

    def __init__(
        self,
        shards: Shards,
        samples: Rows,
        part: Part,
        size_px: int,
        *,
        cache: str = "auto",
        workers: int = 0,
        device: torch.device,
    ) -> None:
        self.usable = np.ones(len(samples), bool)
        self._shards, self._samples, self._part = shards, samples, part
        self._expects = Preprocess(size_px)
        self._device = device
        self._workers = workers or os.cpu_count() or 1
        self._held: torch.Tensor | None = None
        needed = len(samples) * 3 * size_px**2
        if cache == "yes" or (cache == "auto" and needed < _free_bytes() / 2):
            self._hold(needed)

    @property
    def held(self) -> bool:
        """Whether all pictures are in memory."""
        return self._held is not None

    def batches(self, plan: Iterable[Rows]) -> Iterator[tuple[Rows, torch.Tensor]]:
        """Yield rows and pictures, uint8 [b, 3, px, px] on the device, for each entry of the plan, in its order.

        Where pictures are decoded as they come, a broken one gives its place to the next row that can be read; the rows
        that are yielded tell.
        """
        if self._held is not None and self._held.device == self._device:
            for rows in plan:
                yield rows, self._held[torch.from_numpy(rows).to(self._device)]
            return
        with ThreadPoolExecutor(self._workers) as threads:
            waiting: deque[Callable[[], tuple[Rows, torch.Tensor]]] = deque()
            for rows in plan:
                waiting.append(self._begun(threads, rows))
                if len(waiting) > AHEAD:
                    yield waiting.popleft()()
            while waiting:
                yield waiting.popleft()()

    def _begun(self, threads: ThreadPoolExecutor, rows: Rows) -> Callable[[], tuple[Rows, torch.Tensor]]:
        """Have threads fetch a batch; what is returned waits for it and brings it to the device."""
        if self._held is not None:
            fetched = threads.submit(self._fetched, self._held, rows)
            return lambda: (rows, fetched.result().to(self._device, non_blocking=True))
        pictures = [threads.submit(self._readable, int(row)) for row in rows]
        return lambda: self._gathered(pictures)

    def _fetched(self, held: torch.Tensor, rows: Rows) -> torch.Tensor:
        """Rows of the array in RAM, page-locked where a GPU is to take them without waiting."""
        pixels = held[torch.from_numpy(rows)]
        return pixels.pin_memory() if self._device.type == "cuda" else pixels

    def _gathered(self, pictures: Sequence[Future[tuple[int, Pixels]]]) -> tuple[Rows, torch.Tensor]:
        rows, pixels = zip(*(picture.result() for picture in pictures), strict=True)
        return np.array(rows, np.int64), torch.from_numpy(np.stack(pixels)).to(self._device)

    def _readable(self, row: int) -> tuple[int, Pixels]:
        """The picture of a row, or of the next row that has one."""
        for step in range(len(self._samples)):
            candidate = (row + step) % len(self._samples)
            if self.usable[candidate]:
                pixels = self._decoded(candidate)
                if pixels is not None:
                    return candidate, pixels
                self.usable[candidate] = False
        raise SourceError(f"shards {self._shards.where}: not one {self._part} picture can be decoded")

    def _decoded(self, row: int) -> Pixels | None:
        return decode(self._shards.picture(int(self._samples[row]), self._part), self._expects)

    def _hold(self, needed: int) -> None:
        """Decode everything into one array."""
        size = self._expects.size_px
        held = torch.zeros((len(self._samples), 3, size, size), dtype=torch.uint8)
        array = held.numpy()

        def put(rows: range) -> None:
            for row in rows:
                pixels = self._decoded(row)
                if pixels is None:
                    self.usable[row] = False
                else:
                    array[row] = pixels

        parts = [range(i, min(i + 64, len(array))) for i in range(0, len(array), 64)]
        with ThreadPoolExecutor(self._workers) as threads:
            for _ in threads.map(put, parts):
                pass
        if self._device.type == "cuda" and needed < torch.cuda.mem_get_info(self._device)[0] / 3:
            held = held.to(self._device)
        self._held = held
        logger.info("holding %d pictures of %d px in %.1f GB on %s", len(array), size, needed / 1e9, held.device)


def _free_bytes() -> float:
    """Memory that can be had now; infinite where the system does not tell."""
    try:
        lines = Path("/proc/meminfo").read_text("ascii").splitlines()
    except OSError:
        return float("inf")
    table = dict(line.split(":", 1) for line in lines)
    return float(table["MemAvailable"].split()[0]) * 1024
