"""From a picture to the pixels that a tower sees: make it a square, then normalise. Pillow and NumPy only.

Resizing (antialiased, Pillow's) happens in the reader threads and gives uint8, a quarter of the bytes of
float32; normalising happens on the model's device. Nothing here knows the towers or where a picture came from.
"""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt
from PIL import Image

from trainer.errors import CheckpointError, UsageError

# statistics that a tower was trained with, of values 0..1 in the order R, G, B
CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)
SAT2CAP_MEAN = (0.3670, 0.3827, 0.3338)
SAT2CAP_STD = (0.2209, 0.1975, 0.1988)

Interpolation = Literal["bicubic", "bilinear"]
Resize = Literal["squash", "shortest", "longest"]
_RESAMPLING = {"bicubic": Image.Resampling.BICUBIC, "bilinear": Image.Resampling.BILINEAR}


@dataclass(frozen=True, slots=True)
class Preprocess:
    """What a vision tower expects of its input.

    Attributes:
        size_px: Side of the square input in pixels.
        mean: Mean of each channel in the training, R, G, B, of values 0..1.
        std: Standard deviation of each channel, R, G, B, of values 0..1.
        interpolation: Between pixels.
        resize: How a picture that is no square becomes one: squashed; cut to the middle of its shortest side; or laid
            into it by its longest, on black. Tiles are squares.
    """

    size_px: int
    mean: tuple[float, float, float] = CLIP_MEAN
    std: tuple[float, float, float] = CLIP_STD
    interpolation: Interpolation = "bicubic"
    resize: Resize = "squash"

    def __post_init__(self) -> None:
        if self.size_px < 1 or len(self.mean) != 3 or len(self.std) != 3 or min(self.std) <= 0:
            raise CheckpointError(f"preprocessing {self} is not one of three channels with a positive size and std")
        if self.interpolation not in get_args(Interpolation) or self.resize not in get_args(Resize):
            raise CheckpointError(
                f"preprocessing by {self.interpolation!r} and {self.resize!r} is unknown: known are "
                f"{', '.join(get_args(Interpolation))}; and {', '.join(get_args(Resize))}"
            )

    def pixels(self, image: npt.NDArray[np.uint8] | Image.Image) -> npt.NDArray[np.uint8]:
        """Make a picture the tower's square.

        Args:
            image: uint8 [height, width, 3] in RGB, or a Pillow image of any mode.

        Returns:
            uint8 [3, size_px, size_px], contiguous.
        """
        picture = _as_picture(image)
        square = (self.size_px, self.size_px)
        if picture.size != square:
            size = self._resized(*picture.size)
            picture = _centred(picture.resize(size, _RESAMPLING[self.interpolation]), self.size_px)
        return np.ascontiguousarray(np.asarray(picture, dtype=np.uint8).transpose(2, 0, 1))

    def scale_and_shift(self) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Factors a, b of [3, 1, 1] such that a·pixel + b is the normalised value of a pixel 0..255."""
        mean, std = (np.asarray(v, dtype=np.float64)[:, None, None] for v in (self.mean, self.std))
        # (pixel/255 − mean)/std as one multiplication and one addition on the device
        return (1 / (255 * std)).astype(np.float32), (-mean / std).astype(np.float32)

    def _resized(self, width: int, height: int) -> tuple[int, int]:
        """Width and height before a picture is cut or padded; sides are rounded as open_clip does."""
        if self.resize == "squash":
            return self.size_px, self.size_px
        if self.resize == "shortest":
            short = min(width, height)
            return self.size_px * width // short, self.size_px * height // short
        ratio = max(width, height) / self.size_px
        return max(1, round(width / ratio)), max(1, round(height / ratio))


def _centred(picture: Image.Image, side: int) -> Image.Image:
    """The middle of a picture as a square, on black where it is smaller."""
    if picture.size == (side, side):
        return picture
    # half pixels go as in open_clip: what is cut is rounded to the even, what is added rounded down
    left, top = (round((n - side) / 2) if n > side else -((side - n) // 2) for n in picture.size)
    return picture.crop((left, top, left + side, top + side))


def _as_picture(image: npt.NDArray[np.uint8] | Image.Image) -> Image.Image:
    """An RGB Pillow image; shares memory with an array where it can."""
    if isinstance(image, Image.Image):
        return image if image.mode == "RGB" else image.convert("RGB")
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
        raise UsageError(f"an image must be uint8 [height, width, 3]; this one is {image.dtype} {list(image.shape)}")
    return Image.fromarray(np.ascontiguousarray(image))
