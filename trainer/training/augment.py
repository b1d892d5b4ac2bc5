"""Augmentation of a whole batch on the model's device: chance is drawn on the CPU, pixels are worked on where they are.

A view (crop, flips, quarter turns) is one affine map a picture, so that one `grid_sample` does all of it.

| kind | crop | flips | quarter turns | colours |
|---|---|---|---|---|
| `strong` | `crop_scale` … 1 of the area, square: metres stay metres in both directions | both | yes | – |
| `paper` | torchvision's RandomResizedCrop, bicubic | – | – | RandAugment(3), magnitude 9 |
| `photo` | RandomResizedCrop | left and right | – | brightness and contrast ± 20 % |

Chance comes as a NumPy generator, and is drawn for the joined batch of all processes; each takes its rows of it.
Nothing here knows files, models or losses.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F

from trainer.preprocess import Preprocess

Floats = npt.NDArray[np.float32]

_TRIES = 10  # of RandomResizedCrop, before it takes the whole picture
_RANDAUGMENT_OPS = 3
_MAGNITUDE = 9 / 30  # bin 9 of torchvision's 31


@dataclass(frozen=True, slots=True)
class View:
    """The drawn chances of n pictures.

    Attributes:
        maps: float32 [n, 2, 3]: from places in the outcome to places in the picture, both −1 … 1.
        bicubic: How the map samples; else bilinear.
        operations: int64 [n, 3]: number of the colour operation (RandAugment's), or None.
        signs: bool [n, 3]: whether its magnitude is negative, or None.
        light: float32 [n, 2]: factors of brightness and contrast, or None.
    """

    maps: Floats
    bicubic: bool = False
    operations: npt.NDArray[np.int64] | None = None
    signs: npt.NDArray[np.bool_] | None = None
    light: Floats | None = None

    def rows(self, own: slice) -> "View":
        """The chances of some of the pictures."""
        operations, signs, light = (None if a is None else a[own] for a in (self.operations, self.signs, self.light))
        return View(self.maps[own], self.bicubic, operations, signs, light)  # type: ignore[arg-type]


def draw_view(kind: str, n: int, chance: np.random.Generator, *, crop_scale: float) -> View | None:
    """Draw for n pictures; None for the kind `none`."""
    if kind == "none":
        return None
    if kind == "strong":
        side = np.sqrt(chance.uniform(crop_scale, 1, n))
        turns, mirror = chance.integers(0, 4, n), chance.random(n) < 0.5  # the eight ways to lay a square
        return View(_maps(side, side, chance.uniform(-1, 1, (2, n)), turns, mirror))
    width, height = _resized_crop(n, chance, crop_scale)
    centre = chance.uniform(-1, 1, (2, n))
    still = np.zeros(n, np.int64)
    if kind == "paper":
        maps = _maps(width, height, centre, still, still.astype(bool))
        operations = chance.integers(0, len(_OPERATIONS), (n, _RANDAUGMENT_OPS))
        return View(maps, True, operations, chance.random((n, _RANDAUGMENT_OPS)) < 0.5)
    maps = _maps(width, height, centre, still, chance.random(n) < 0.5)
    return View(maps, light=chance.uniform(0.8, 1.2, (n, 2)).astype(np.float32))


def augmented(pixels: torch.Tensor, view: View | None, expects: Preprocess) -> torch.Tensor:
    """Pictures, uint8 [n, 3, h, w] → normalised input of the tower, float32 [n, 3, size_px, size_px]."""
    if view is None:
        return normalised(_resized(pixels, expects.size_px), expects)
    image = pixels.float()
    # pictures much larger than the tower's input are sampled denser and averaged, lest they alias
    factor = max(1, round(image.shape[-1] / expects.size_px))
    size = factor * expects.size_px
    maps = torch.from_numpy(view.maps).to(image.device, non_blocking=True)
    grid = F.affine_grid(maps, [len(image), 3, size, size], align_corners=False)  # [n, size, size, 2]
    mode = "bicubic" if view.bicubic else "bilinear"
    image = F.grid_sample(image, grid, mode=mode, padding_mode="reflection", align_corners=False)
    if factor > 1:
        image = F.avg_pool2d(image, factor)
    if view.operations is not None:
        assert view.signs is not None  # noqa: S101 -- they come together
        image = _operated(image.round().clamp(0, 255).to(torch.uint8), view.operations, view.signs).float()
    if view.light is not None:
        bright, contrast = torch.from_numpy(view.light).to(image.device).view(len(image), 2, 1, 1, 1).unbind(1)
        mean = image.mean(dim=(1, 2, 3), keepdim=True)
        image = ((image - mean) * contrast + mean) * bright
    return normalised(image.clamp(0, 255), expects)


def normalised(pixels: torch.Tensor, expects: Preprocess) -> torch.Tensor:
    """Values 0 … 255, [n, 3, h, w] → float32 of the same shape, with the tower's statistics."""
    scale, shift = (torch.from_numpy(a).to(pixels.device) for a in expects.scale_and_shift())
    return torch.addcmul(shift, pixels.float(), scale)


def _resized(pixels: torch.Tensor, size_px: int) -> torch.Tensor:
    if pixels.shape[-1] == size_px:
        return pixels
    size = (size_px, size_px)
    return F.interpolate(pixels.float(), size, mode="bicubic", antialias=True, align_corners=False).clamp(0, 255)


def _resized_crop(n: int, chance: np.random.Generator, crop_scale: float) -> tuple[Floats, Floats]:
    """Width and height, as shares of a square picture, as torchvision's RandomResizedCrop draws them."""
    area = chance.uniform(crop_scale, 1, (n, _TRIES))
    ratio = np.exp(chance.uniform(np.log(3 / 4), np.log(4 / 3), (n, _TRIES)))
    width, height = np.sqrt(area * ratio), np.sqrt(area / ratio)
    fits = (width <= 1) & (height <= 1)
    first = (np.arange(n), fits.argmax(axis=1))  # the first try that fits
    found = fits.any(axis=1)
    return np.where(found, width[first], 1.0), np.where(found, height[first], 1.0)


def _maps(
    width: npt.NDArray[np.floating],
    height: npt.NDArray[np.floating],
    centre: npt.NDArray[np.float64],
    turns: npt.NDArray[np.int64],
    mirror: npt.NDArray[np.bool_],
) -> Floats:
    """Affine maps of crops (shares of the picture; centre −1 … 1 of the room that is left), turns and mirrorings."""
    cos, sin = np.cos(turns * np.pi / 2).round(), np.sin(turns * np.pi / 2).round()
    flip = np.where(mirror, -1.0, 1.0)
    x = np.stack([width * cos * flip, -width * sin, centre[0] * (1 - width)], axis=1)
    y = np.stack([height * sin * flip, height * cos, centre[1] * (1 - height)], axis=1)
    return np.stack([x, y], axis=1).astype(np.float32)  # [n, 2, 3]


def _operated(image: torch.Tensor, operations: npt.NDArray[np.int64], signs: npt.NDArray[np.bool_]) -> torch.Tensor:
    """RandAugment: three operations a picture, done for all pictures that drew the same at once; uint8 [n, 3, h, w]."""
    for turn in range(operations.shape[1]):
        for number, operation in enumerate(_OPERATIONS):
            for negative in (False, True):
                rows = np.flatnonzero((operations[:, turn] == number) & (signs[:, turn] == negative))
                if len(rows) and operation is not None:
                    chosen = torch.from_numpy(rows).to(image.device)
                    image[chosen] = operation(image[chosen], -_MAGNITUDE if negative else _MAGNITUDE)
    return image


def _affine(image: torch.Tensor, *, angle: float = 0, x: float = 0, y: float = 0, shear: bool = False) -> torch.Tensor:
    from torchvision.transforms.v2 import functional as V

    slant = [float(np.degrees(np.arctan(v))) for v in (x, y)] if shear else [0.0, 0.0]
    shift = [0, 0] if shear else [round(x), round(y)]
    centre = [0, 0] if shear else None
    moved: torch.Tensor = V.affine(image, angle=angle, translate=shift, scale=1.0, shear=slant, center=centre)
    return moved


def _colour(name: str) -> Callable[[torch.Tensor, float], torch.Tensor]:
    def operate(image: torch.Tensor, m: float) -> torch.Tensor:
        from torchvision.transforms.v2 import functional as V

        changed: torch.Tensor = getattr(V, f"adjust_{name}")(image, 1 + 0.9 * m)
        return changed

    return operate


def _plain(name: str, *arguments: float) -> Callable[[torch.Tensor, float], torch.Tensor]:
    def operate(image: torch.Tensor, _: float) -> torch.Tensor:
        from torchvision.transforms.v2 import functional as V

        changed: torch.Tensor = getattr(V, name)(image, *arguments)
        return changed

    return operate


# torchvision's fourteen, in its order; None is Identity. Shares of their largest magnitude.
_OPERATIONS: tuple[Callable[[torch.Tensor, float], torch.Tensor] | None, ...] = (
    None,
    lambda image, m: _affine(image, x=0.3 * m, shear=True),
    lambda image, m: _affine(image, y=0.3 * m, shear=True),
    lambda image, m: _affine(image, x=150 / 331 * image.shape[-1] * m),
    lambda image, m: _affine(image, y=150 / 331 * image.shape[-2] * m),
    lambda image, m: _affine(image, angle=30 * m),
    _colour("brightness"),
    _colour("saturation"),
    _colour("contrast"),
    _colour("sharpness"),
    _plain("posterize", 7),  # 8 − round(9 / 7.5) bits
    _plain("solarize", 255 * (1 - _MAGNITUDE)),
    _plain("autocontrast"),
    _plain("equalize"),
)
