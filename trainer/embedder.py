"""The inference face of a checkpoint: NumPy and pictures in, NumPy out; hides torch.

Towers are loaded when they are first needed, so that embedding a text never reads a vision tower. All vectors come
**unnormalised**: time is added to O, S = O + E, before anyone normalises. An embedder may be used from several
threads. Nothing here knows tiles, sources, archives or indexes.
"""

import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import nn

from trainer import precision as precisions
from trainer.checkpoint import Meta, read_meta, read_tensors
from trainer.encoding import When, encode
from trainer.errors import CheckpointError, UsageError
from trainer.model import DynamicEncoder
from trainer.preprocess import Preprocess
from trainer.towers import Tokenizer, TowerSpec, build_tokenizer, load_tower

logger = logging.getLogger(__name__)

Floats = npt.NDArray[np.float32]
Pixels = npt.NDArray[np.uint8]

BATCH = 64  # images a forward pass; more gives nothing on a CPU and takes memory
_AT_ONCE = 4096  # vectors brought to their moments at a time: each takes as much room as h · r numbers
GPU_BATCH = 512  # a large GPU is idle half the time below


@dataclass(frozen=True, slots=True)
class InteractionWeights:
    """How the moment meets the tile, as arrays, float32: C·M(t)·Bᵀ(O − ō), with M(t) linear in z.

    Attributes:
        basis: B, [d, r], with orthonormal columns.
        out_basis: C, [d, r], the same; `basis` itself where they are tied.
        mean: ō, [d].
        weights: [h, r, r], of z, out, in: M(t) = Σⱼ zⱼ·weights[j]; or, diagonal, [h, r].
    """

    basis: Floats
    out_basis: Floats
    mean: Floats
    weights: Floats

    @property
    def diagonal(self) -> bool:
        """Whether M is."""
        return self.weights.ndim == 2

    @property
    def tied(self) -> bool:
        """Whether C is B."""
        return self.out_basis is self.basis

    def matrix(self, z: Floats) -> Floats:
        """M, float32 [..., r, r], of z, [..., h]."""
        if not self.diagonal:
            return np.tensordot(z, self.weights, 1).astype(np.float32)
        return np.asarray((z @ self.weights)[..., None] * np.eye(self.weights.shape[1]), np.float32)


@dataclass(frozen=True, slots=True)
class EncoderWeights:
    """The place and time encoder as arrays, float32, for whoever factorises it; see `trainer.model` for the formula.

    Attributes:
        w1: [h, m].
        b1: [h].
        w2: [d, h].
        b2: [d].
        activation: `relu`, or `linear`.
        interaction: None: what is added is the same for every tile.
    """

    w1: Floats
    b1: Floats
    w2: Floats
    b2: Floats
    activation: str = "relu"
    interaction: InteractionWeights | None = None

    def hidden(self, m: Floats) -> Floats:
        """z, float32 [n, h], of encoded place and time, [n, m]."""
        z: Floats = m @ self.w1.T + self.b1
        return z if self.activation == "linear" else np.maximum(z, 0)


@dataclass(frozen=True, slots=True)
class _Vision:
    """A vision tower that is ready to run."""

    tower: nn.Module
    precision: str


class Embedder:
    """Embeds tiles, photos, texts, places and times with one checkpoint. Make it with `Embedder.load`.

    Attributes:
        meta: What the checkpoint says about itself.
        device: Where the towers run.
        batch: Images a forward pass; halved for good whenever the memory does not suffice.
    """

    def __init__(
        self,
        folder: Path,
        meta: Meta,
        *,
        device: torch.device,
        precision: str,
        expected_images: int | None,
        measurements: Path | None,
    ) -> None:
        self.meta = meta
        self.device = device
        self.batch = BATCH if device.type == "cpu" else GPU_BATCH
        self._folder = folder
        self._precision = precision
        self._expected_images = expected_images
        self._measurements = measurements
        self._vision: dict[str, _Vision] = {}  # by prefix of the stored tensors, so a shared tower is loaded once
        self._text: tuple[nn.Module, Tokenizer] | None = None
        self._encoder: DynamicEncoder | None = None
        self._loading = threading.RLock()

    @classmethod
    def load(
        cls,
        folder: Path,
        *,
        precision: str = "auto",
        device: str | None = None,
        expected_images: int | None = None,
        measurements: Path | None = None,
    ) -> "Embedder":
        """Open a checkpoint; reads its description only.

        Args:
            folder: The checkpoint.
            precision: `auto` or one of `trainer.precision.PRECISIONS`; for vision towers, texts are always float32.
            device: `cpu`, `cuda`, `cuda:1`, …; None: a GPU if there is one.
            expected_images: About how many images will be embedded; `auto` measures and compiles for long jobs only.
            measurements: JSON file in which `auto` keeps its measurements; None: it keeps none.

        Raises:
            CheckpointError: The folder is no checkpoint.
            UsageError: An unknown precision or device.
        """
        if precision != "auto" and precision not in precisions.PRECISIONS:
            raise UsageError(f"precision {precision!r} is unknown: use one of auto, {', '.join(precisions.PRECISIONS)}")
        return cls(
            folder,
            read_meta(folder),
            device=_device(device),
            precision=precision,
            expected_images=expected_images,
            measurements=measurements,
        )

    @property
    def model_id(self) -> str:
        """Hash of the weights and the configuration."""
        return self.meta.model_id

    @property
    def dim(self) -> int:
        """Width of the embedding space, d."""
        return self.meta.dim

    @property
    def input_px(self) -> int:
        """Side of the square that the overhead tower sees, in pixels."""
        return self.meta.overhead_input.size_px

    @property
    def has_encoder(self) -> bool:
        """Whether the model knows place and time."""
        return self.meta.encoding is not None

    @property
    def precision(self) -> str:
        """The precision of the overhead tower; `auto` is resolved here, which may load and measure."""
        return self._tower(self.meta.overhead).precision

    def expect(self, images: int) -> None:
        """Say about how many images will come, before the first: `auto` measures and compiles for long jobs only."""
        self._expected_images = images

    def prepare(self, image: Pixels | Image.Image) -> Pixels:
        """Squash a tile, uint8 [h, w, 3] or a Pillow image, to uint8 [3, input_px, input_px]. For reader threads."""
        return self.meta.overhead_input.pixels(image)

    def prepare_photo(self, image: Pixels | Image.Image) -> Pixels:
        """Squash a photo, uint8 [h, w, 3] or a Pillow image, to what the ground tower takes. For reader threads."""
        return self.meta.ground_input.pixels(image)

    def embed_prepared(self, batch: Pixels | Sequence[Pixels]) -> Floats:
        """Embed prepared tiles, uint8 [n, 3, input_px, input_px] → O, float32 [n, d], unnormalised."""
        return self._embed_pixels(self.meta.overhead, self.meta.overhead_input, batch)

    def embed_prepared_photos(self, batch: Pixels | Sequence[Pixels]) -> Floats:
        """Embed prepared photos, uint8 [n, 3, px, px] → float32 [n, d], unnormalised."""
        return self._embed_pixels(self.meta.ground, self.meta.ground_input, batch)

    def embed_tiles(self, images: Pixels | Sequence[Pixels | Image.Image]) -> Floats:
        """Embed tiles, each uint8 [h, w, 3] or a Pillow image of any size → O, float32 [n, d], unnormalised."""
        return self.embed_prepared([self.prepare(image) for image in images])

    def embed_photos(self, images: Pixels | Sequence[Pixels | Image.Image]) -> Floats:
        """Embed photos, each uint8 [h, w, 3] or a Pillow image of any size → float32 [n, d], unnormalised."""
        return self.embed_prepared_photos([self.prepare_photo(image) for image in images])

    @torch.inference_mode()
    def embed_texts(self, texts: Sequence[str]) -> Floats:
        """Embed texts → float32 [n, d], unnormalised. Texts longer than the tower's context are cut."""
        if isinstance(texts, str):
            raise UsageError(f"embed_texts takes a list of texts, not the one text {texts!r}")
        tower, tokenizer = self._text_tower()
        vectors = np.empty((len(texts), self.dim), np.float32)
        for i in range(0, len(texts), BATCH):
            tokens = tokenizer(list(texts[i : i + BATCH])).to(self.device)
            vectors[i : i + BATCH] = tower(tokens).float().cpu().numpy()
        return vectors

    @torch.inference_mode()
    def at(
        self,
        vectors: npt.NDArray[np.floating],
        *,
        lat: npt.ArrayLike | None,
        lon: npt.ArrayLike | None,
        when: When | Sequence[When] | npt.NDArray[np.datetime64] = None,
        weekday: bool = True,
    ) -> Floats:
        """What tiles show at a place and a moment: S, float32 [n, d], unnormalised, of O, [n, d].

        Rows of which the encoding can use nothing (see `trainer.encoding`) stay as they are: there S = O.

        Args:
            vectors: O, [n, d].
            lat: Degrees north, WGS84; one or [n].
            lon: Degrees east, WGS84; one or [n].
            when: Wall-clock time at the place; one or n.
            weekday: False: on any day of such a week.

        Raises:
            UsageError: The model has no encoder, or an argument is wrong.
        """
        encoder = self._place_time_encoder()
        o = torch.from_numpy(np.array(vectors, np.float32))
        encoded = encode(encoder.encoding, lat=lat, lon=lon, when=when, weekday=weekday)
        rows = len(encoded.values)
        if rows not in (1, len(o)):
            raise UsageError(f"{rows} places or moments for {len(o)} vectors: give one, or one for each")
        m, usable = torch.from_numpy(encoded.values), torch.from_numpy(encoded.usable)
        s = torch.empty_like(o)
        for start in range(0, len(o), _AT_ONCE):
            some = slice(start, start + _AT_ONCE)
            own = slice(None) if rows == 1 else some
            s[some] = torch.where(usable[own, None], o[some] + encoder(m[own], o[some]), o[some])
        found: Floats = s.numpy()
        return found

    @torch.inference_mode()
    def place_time(
        self,
        *,
        lat: npt.ArrayLike | None,
        lon: npt.ArrayLike | None,
        when: When | Sequence[When] | npt.NDArray[np.datetime64] = None,
        weekday: bool = True,
    ) -> Floats:
        """What place and time add to O where that is the same for all tiles: E, float32 [d], or [n, d] for n values.

        Rows that the encoding cannot use (see `trainer.encoding`) are zero: there S = O. Arguments as in `at`.

        Raises:
            UsageError: The model has no encoder, the moment meets the tile in it (use `at`), or an argument is wrong.
        """
        encoder = self._place_time_encoder()
        if encoder.form.interaction != "none":
            raise UsageError(
                f"what a moment adds depends on the tile in model {self.model_id}: give its vectors to `at`"
            )
        encoded = encode(encoder.encoding, lat=lat, lon=lon, when=when, weekday=weekday)
        e: Floats = encoder.added(torch.from_numpy(encoded.values)).numpy()
        e = np.where(encoded.usable[:, None], e, np.float32(0))
        one = all(v is None or np.ndim(v) == 0 for v in (lat, lon)) and not isinstance(when, Sequence | np.ndarray)
        return e[0] if one else e

    def encoder_weights(self) -> EncoderWeights:
        """The encoder as arrays; UsageError where the model has none."""
        encoder = self._place_time_encoder()
        layers = (encoder.fc1.weight, encoder.fc1.bias, encoder.fc2.weight, encoder.fc2.bias)
        w1, b1, w2, b2 = (p.detach().numpy().copy() for p in layers)
        interaction = None
        if encoder.form.interaction != "none":
            # as they are stored, which is orthonormal: to make them so once more would move their last bits with the
            # number of threads, and a field is made anew where a bit of its encoder is another
            tied = encoder.form.interaction != "untied"
            stored = (encoder.basis, encoder.mean, encoder.moment, encoder.basis if tied else encoder.out_basis)
            b, mean, weights, c = (p.detach().numpy().copy() for p in stored)
            interaction = InteractionWeights(b, b if tied else c, mean, weights)
        return EncoderWeights(w1, b1, w2, b2, encoder.form.activation, interaction)

    @torch.inference_mode()
    def _embed_pixels(self, spec: TowerSpec, expects: Preprocess, batch: Pixels | Sequence[Pixels]) -> Floats:
        if len(batch) == 0:
            return np.empty((0, self.dim), np.float32)
        pixels = np.ascontiguousarray(batch if isinstance(batch, np.ndarray) else np.stack(list(batch)))
        shape = (3, expects.size_px, expects.size_px)
        if pixels.dtype != np.uint8 or pixels.shape[1:] != shape:
            raise UsageError(
                f"prepared images must be uint8 [n, {shape}]; these are {pixels.dtype} {list(pixels.shape)}"
            )
        tower = self._tower(spec).tower
        scale, shift = (torch.from_numpy(a).to(self.device) for a in expects.scale_and_shift())  # [3, 1, 1]
        vectors = np.empty((len(pixels), self.dim), np.float32)
        i = 0
        while i < len(pixels):
            size = self.batch
            try:
                part = torch.from_numpy(pixels[i : i + size]).to(self.device)
                normalised = torch.addcmul(shift, part.float(), scale)  # [n, 3, px, px]
                vectors[i : i + size] = tower(normalised).float().cpu().numpy()
            except RuntimeError as error:
                if not _out_of_memory(error) or size == 1:
                    raise
                self._halve_batch(size, error)
            else:
                i += size
        return vectors

    def _halve_batch(self, size: int, error: Exception) -> None:
        """Goes on with half as many images at a time, now and later. Several threads may find out at once."""
        self.batch = min(self.batch, size // 2)
        logger.warning("%d images at a time are too many for %s, %d now (%s)", size, self.device, self.batch, error)
        if self.device.type == "cuda":
            torch.cuda.empty_cache()

    def _tower(self, spec: TowerSpec) -> _Vision:
        """The vision tower of a role, loaded on first use."""
        with self._loading:
            if spec.stored_as not in self._vision:
                tower = load_tower(spec, read_tensors(self._folder, f"{spec.stored_as}.")).to(self.device)
                name = self._resolve(tower, spec.size_px)
                self._vision[spec.stored_as] = _Vision(precisions.with_precision(tower, name), name)
                logger.info("loaded the %s tower of %s at %s on %s", spec.stored_as, self.model_id, name, self.device)
            return self._vision[spec.stored_as]

    def _resolve(self, tower: nn.Module, size_px: int) -> str:
        if self._precision != "auto":
            return self._precision
        expected, remembered = self._expected_images, self._measurements
        return precisions.choose(tower, size_px=size_px, expected_images=expected, remembered=remembered)

    def _text_tower(self) -> tuple[nn.Module, Tokenizer]:
        with self._loading:
            if self._text is None:
                spec = self.meta.text
                tower = load_tower(spec, read_tensors(self._folder, f"{spec.stored_as}."), self._folder)
                self._text = (tower.to(self.device), build_tokenizer(spec, self._folder))
            return self._text

    def _place_time_encoder(self) -> DynamicEncoder:
        if self.meta.encoding is None:
            raise UsageError(
                f"model {self.model_id} knows neither place nor time: leave --when out, or use another model"
            )
        with self._loading:
            if self._encoder is None:
                encoder = DynamicEncoder(self.meta.encoding, self.dim, self.meta.form)
                try:
                    encoder.load_state_dict(read_tensors(self._folder, "encoder."))
                except RuntimeError as e:
                    raise CheckpointError(
                        f"checkpoint {self._folder}: the place and time encoder does not fit ({e})"
                    ) from e
                self._encoder = encoder.eval().requires_grad_(False)
            return self._encoder


def _out_of_memory(error: RuntimeError) -> bool:
    """Whether it is about memory; on a CPU torch says so in words only."""
    return isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error)


def _device(name: str | None) -> torch.device:
    if name is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as e:  # torch asserts that it was built with CUDA
        raise UsageError(f"device {name!r} cannot be used: {(str(e).splitlines() or ['?'])[0]}") from e
    return device
