"""The inference face of a checkpoint: NumPy and pictures in, NumPy out; hides torch.

Towers are loaded when they are first needed, so that embedding a text never reads a vision tower; and it needs no
torch where the text tower has been exported (`trainer.texts.exported_text`). All vectors come **unnormalised**: S is
made of O (`trainer.model`) before anyone normalises. An embedder may be used from several threads. Nothing here knows
tiles, sources, archives or indexes.
"""

import logging
import os
import threading
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from trainer.checkpoint import Meta, read_arrays, read_meta
from trainer.encoder import EncoderWeights
from trainer.encoding import DIMENSIONS, When, encode
from trainer.errors import CheckpointError, UsageError
from trainer.novelty import Novelty, read_novelty
from trainer.photo_projection import PhotoProjection, read_projection
from trainer.texts.adapter import LanguageAdapter, read_adapter
from trainer.texts.exported_text import ExportedText, read_exported

if TYPE_CHECKING:  # for pictures
    import torch

    from trainer.vision import VisionTowers

logger = logging.getLogger(__name__)

Floats = npt.NDArray[np.float32]
Pixels = npt.NDArray[np.uint8]

_AT_ONCE = 4096  # vectors brought to their moments at a time: each takes as much room as h · r numbers


class Embedder:
    """Embeds tiles, photos, texts, places and times with one checkpoint. Make it with `Embedder.load`.

    Attributes:
        meta: What the checkpoint says about itself.
    """

    def __init__(self, folder: Path, meta: Meta, *, export_texts: bool, vision: dict[str, Any]) -> None:
        self.meta = meta
        self._folder = folder
        self._vision_options = vision
        self._export_texts = export_texts
        self._encoder: EncoderWeights | None = None
        self._texts: Callable[[Sequence[str]], Floats] | None = None
        self._loading = threading.RLock()

    @classmethod
    def load(
        cls,
        folder: str | os.PathLike[str],
        *,
        precision: str = "auto",
        device: str | None = None,
        expected_images: int | None = None,
        measurements: Path | None = None,
        export_texts: bool = False,
    ) -> "Embedder":
        """Open a checkpoint; reads its description only.

        Args:
            folder: The checkpoint.
            precision: `auto` or one of `trainer.precision.PRECISIONS`; for vision towers, texts are always float32.
            device: `cpu`, `cuda`, `cuda:1`, …; None: a GPU if there is one.
            expected_images: About how many images will be embedded; `auto` measures and compiles for long jobs only.
            measurements: JSON file in which `auto` keeps its measurements; None: it keeps none.
            export_texts: Whether a text tower that is not exported yet is, with the first text: that takes torch and
                some seconds once, and spares both ever after.

        Raises:
            CheckpointError: The folder is no checkpoint.
            UsageError: An unknown precision; an unknown device is found with the first picture.
        """
        if precision not in ("auto", "float32"):
            from trainer.precision import PRECISIONS

            if precision not in PRECISIONS:
                raise UsageError(f"precision {precision!r} is unknown: use one of auto, {', '.join(PRECISIONS)}")
        options: dict[str, Any] = {"precision": precision, "device": device}
        options |= {"expected_images": expected_images, "measurements": measurements}
        folder = Path(folder)
        return cls(folder, read_meta(folder), export_texts=export_texts, vision=options)

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

    @cached_property
    def novelty(self) -> Novelty | None:
        """What is usual among the tiles that it learned from; None where that is not known."""
        return read_novelty(self._folder, self.model_id)

    @cached_property
    def languages(self) -> LanguageAdapter | None:
        """What reads other languages than its text tower does; None where it has none."""
        return read_adapter(self._folder, self.model_id)

    @cached_property
    def photo_projection(self) -> PhotoProjection | None:
        """What is done to vectors of photos before they are compared with S; None: nothing."""
        return read_projection(self._folder, self.model_id, self.dim)

    def compared(self, photos: Floats) -> Floats:
        """Vectors of photos, float32 [n, d], as they are compared with S; see `trainer.photo_projection`.

        Raises:
            UsageError: They are of another width.
        """
        if photos.ndim != 2 or photos.shape[1] != self.dim:
            raise UsageError(f"vectors of shape {list(photos.shape)}: those of this model are [n, {self.dim}]")
        return photos if self.photo_projection is None else self.photo_projection.of(photos)

    @property
    def precision(self) -> str:
        """The precision of the overhead tower; `auto` is resolved here, which may load and measure."""
        return self._vision.tower(self.meta.overhead).precision

    @property
    def device(self) -> "torch.device":
        """Where vision towers run; UsageError where it cannot be used."""
        return self._vision.device

    @property
    def batch(self) -> int:
        """Images a forward pass; halved for good whenever the memory does not suffice."""
        return self._vision.batch

    def expect(self, images: int) -> None:
        """Say about how many images will come, before the first: `auto` measures and compiles for long jobs only."""
        self._vision_options["expected_images"] = images
        if "_vision" in self.__dict__:
            self._vision.expected_images = images

    def prepare(self, image: Pixels | Image.Image) -> Pixels:
        """Squash a tile, uint8 [h, w, 3] or a Pillow image, to uint8 [3, input_px, input_px]. For reader threads."""
        return self.meta.overhead_input.pixels(image)

    def prepare_photo(self, image: Pixels | Image.Image) -> Pixels:
        """Squash a photo, uint8 [h, w, 3] or a Pillow image, to what the ground tower takes. For reader threads."""
        return self.meta.ground_input.pixels(image)

    def embed_prepared(self, batch: Pixels | Sequence[Pixels]) -> Floats:
        """Embed prepared tiles, uint8 [n, 3, input_px, input_px] → O, float32 [n, d], unnormalised."""
        return self._vision.embed(self.meta.overhead, self.meta.overhead_input, batch)

    def embed_prepared_photos(self, batch: Pixels | Sequence[Pixels]) -> Floats:
        """Embed prepared photos, uint8 [n, 3, px, px] → float32 [n, d], unnormalised."""
        return self._vision.embed(self.meta.ground, self.meta.ground_input, batch)

    def embed_tiles(self, images: Pixels | Sequence[Pixels | Image.Image]) -> Floats:
        """Embed tiles, each uint8 [h, w, 3] or a Pillow image of any size → O, float32 [n, d], unnormalised."""
        return self.embed_prepared([self.prepare(image) for image in _several("tiles", images)])

    def embed_photos(self, images: Pixels | Sequence[Pixels | Image.Image]) -> Floats:
        """Embed photos, each uint8 [h, w, 3] or a Pillow image of any size → float32 [n, d], unnormalised."""
        return self.embed_prepared_photos([self.prepare_photo(image) for image in _several("photos", images)])

    def embed_texts(self, texts: Sequence[str]) -> Floats:
        """Embed texts → float32 [n, d], unnormalised. Texts longer than the tower's context are cut."""
        if isinstance(texts, str):
            raise UsageError(f"embed_texts takes a list of texts, not the one text {texts!r}")
        other = next((one for one in _several("texts", texts) if not isinstance(one, str)), "")
        if other != "":
            raise UsageError(f"embed_texts takes texts, and {other!r:.60} is none")
        return self._text_tower()(texts) if len(texts) else np.empty((0, self.dim), np.float32)

    def texts_without_torch(self) -> bool:
        """Whether texts need no torch; where the export is allowed and missing, it is made now."""
        return self._exported() is not None

    def at(
        self,
        vectors: npt.NDArray[np.floating],
        *,
        lat: npt.ArrayLike | None,
        lon: npt.ArrayLike | None,
        when: When | Sequence[When] | npt.NDArray[np.datetime64] = None,
    ) -> Floats:
        """What tiles show at a place and a moment: S, float32 [n, d], unnormalised, of O, [n, d].

        Rows of which the encoding can use nothing (see `trainer.encoding`) stay as they are: there S = O.

        Args:
            vectors: O, [n, d].
            lat: Degrees north, WGS84; one or [n].
            lon: Degrees east, WGS84; one or [n].
            when: Wall-clock time at the place; one or n.

        Raises:
            UsageError: The model has no encoder, or an argument is wrong.
        """
        encoder = self.encoder_weights()
        o = np.array(vectors, np.float32)
        if o.ndim != 2 or o.shape[1] != self.dim:
            raise UsageError(f"vectors of shape {list(o.shape)}: those of this model are [n, {self.dim}]")
        encoded = encode(self._encoding, lat=lat, lon=lon, when=when)
        rows = len(encoded.values)
        if rows not in (1, len(o)):
            raise UsageError(f"{rows} places or moments for {len(o)} vectors: give one, or one for each")
        m, usable = encoded.values.astype(np.float32), encoded.usable
        s = np.empty_like(o)
        for start in range(0, len(o), _AT_ONCE):
            some = slice(start, start + _AT_ONCE)
            own = slice(None) if rows == 1 else some
            s[some] = np.where(usable[own, None], encoder.moved(m[own], o[some]), o[some])
        return s

    def encoder_weights(self) -> EncoderWeights:
        """The encoder as arrays, which are the embedder's own; UsageError where the model has none."""
        encoding = self._encoding
        with self._loading:
            if self._encoder is None:
                stored, inputs = read_arrays(self._folder, "encoder."), DIMENSIONS[encoding]
                try:
                    self._encoder = EncoderWeights.of(self.meta.form, stored, dim=self.dim, inputs=inputs)
                except ValueError as e:
                    raise CheckpointError(
                        f"checkpoint {self._folder}: the place and time encoder does not fit ({e})"
                    ) from e
            return self._encoder

    @property
    def _encoding(self) -> str:
        if self.meta.encoding is None:
            raise UsageError(
                f"model {self.model_id} knows neither place nor time: leave --when out, or use another model"
            )
        return self.meta.encoding

    @cached_property
    def _vision(self) -> "VisionTowers":
        from trainer.vision import VisionTowers

        with self._loading:  # two threads may come at once
            return self.__dict__.get("_vision") or VisionTowers(self._folder, self.model_id, **self._vision_options)

    def _text_tower(self) -> Callable[[Sequence[str]], Floats]:
        """The exported one, else torch's."""
        with self._loading:
            if self._texts is None:
                self._texts = self._exported() or self._in_torch()
            return self._texts

    def _exported(self) -> ExportedText | None:
        try:
            found = read_exported(self._folder, self.model_id)
        except CheckpointError as e:
            if not self._export_texts:
                logger.warning("%s: texts go on in torch", e)
                return None
            found = None  # `ensure_exported` says what is wrong
        if found is None and self._export_texts:
            from trainer.texts.text_export import ensure_exported

            found = ensure_exported(self._folder)
        return found

    def _in_torch(self) -> Callable[[Sequence[str]], Floats]:
        from trainer.texts.torch_text import TorchText

        return TorchText(self._folder, self.meta.text, self._vision.device)


def _several(what: str, given: Any) -> Any:
    """What was given, if it is several.

    Raises:
        UsageError: It is one picture, or nothing at all.
    """
    if isinstance(given, Iterable):
        return given
    raise UsageError(f"{given!r:.60} is no sequence of {what}: give a list or an array of them")
