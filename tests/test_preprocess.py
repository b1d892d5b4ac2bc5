"""From a picture to a tower's pixels."""

import numpy as np
import pytest
from PIL import Image

from trainer.errors import CheckpointError, UsageError
from trainer.preprocess import SAT2CAP_MEAN, SAT2CAP_STD, Preprocess


def picture(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def test_a_picture_is_squashed_to_the_square_not_cropped() -> None:
    left_red = np.zeros((40, 200, 3), np.uint8)
    left_red[:, :100, 0] = 255
    pixels = Preprocess(32).pixels(left_red)
    assert pixels.shape == (3, 32, 32)
    assert pixels.dtype == np.uint8
    assert pixels[0, :, :14].min() > 240
    assert pixels[0, :, 18:].max() < 15


def test_squashing_is_pillows_bicubic() -> None:
    image = picture(100, 60)
    expected = np.asarray(Image.fromarray(image).resize((48, 48), Image.Resampling.BICUBIC))
    np.testing.assert_array_equal(Preprocess(48).pixels(image), expected.transpose(2, 0, 1))


@pytest.mark.parametrize("interpolation", ["bicubic", "bilinear"])
@pytest.mark.parametrize("resize", ["squash", "shortest", "longest"])
@pytest.mark.parametrize(("height", "width"), [(100, 60), (61, 100), (40, 40), (20, 51), (300, 9), (48, 48), (33, 48)])
def test_pictures_become_squares_as_open_clip_makes_them(
    interpolation: str, resize: str, height: int, width: int
) -> None:
    from open_clip.transform import image_transform

    image = picture(height, width)
    right = image_transform(48, False, 0.0, 1.0, resize_mode=resize, interpolation=interpolation)  # 0 stands for CLIP's
    ours = Preprocess(48, interpolation=interpolation, resize=resize)  # type: ignore[arg-type]
    scale, shift = Preprocess(48, std=(1.0, 1.0, 1.0)).scale_and_shift()
    expected = (right(Image.fromarray(image)).numpy() - shift) / scale
    np.testing.assert_array_equal(ours.pixels(image), np.rint(expected))


def test_a_picture_of_the_right_size_is_left_as_it_is() -> None:
    image = picture(32, 32)
    np.testing.assert_array_equal(Preprocess(32).pixels(image), image.transpose(2, 0, 1))


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "CMYK"])
def test_pillow_images_of_any_mode_become_rgb(mode: str) -> None:
    image = Image.fromarray(picture(20, 20)).convert(mode)
    np.testing.assert_array_equal(Preprocess(20).pixels(image), np.asarray(image.convert("RGB")).transpose(2, 0, 1))


def test_scale_and_shift_normalise_as_the_statistics_say() -> None:
    expects = Preprocess(32, SAT2CAP_MEAN, SAT2CAP_STD)
    pixels = expects.pixels(picture(32, 32)).astype(np.float64)
    scale, shift = expects.scale_and_shift()
    mean, std = (np.array(v)[:, None, None] for v in (SAT2CAP_MEAN, SAT2CAP_STD))
    np.testing.assert_allclose(pixels * scale + shift, (pixels / 255 - mean) / std, atol=1e-6)


@pytest.mark.parametrize("shape", [(8, 8), (8, 8, 4), (0, 8, 3)])
def test_an_array_that_is_no_rgb_image_is_refused_with_its_shape(shape: tuple[int, ...]) -> None:
    with pytest.raises(UsageError, match="must be uint8"):
        Preprocess(32).pixels(np.zeros(shape, np.uint8))
    with pytest.raises(UsageError, match="float64"):
        Preprocess(32).pixels(np.zeros((8, 8, 3)))  # type: ignore[arg-type]


def test_an_unknown_way_of_resizing_is_refused() -> None:
    with pytest.raises(CheckpointError, match="'nearest' and 'squash' is unknown: known are bicubic, bilinear; "):
        Preprocess(32, interpolation="nearest")  # type: ignore[arg-type]


def test_impossible_statistics_are_refused() -> None:
    with pytest.raises(CheckpointError, match="positive size and std"):
        Preprocess(32, std=(0.0, 1.0, 1.0))
