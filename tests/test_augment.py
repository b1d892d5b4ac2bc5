"""Augmentation on the batch: a view is a crop, a mirroring or a turn, and nothing else happens to the pixels."""

import numpy as np
import pytest
import torch

from trainer.preprocess import Preprocess
from trainer.training.augment import _OPERATIONS, View, augmented, draw_view, normalised

PLAIN = Preprocess(8, (0.0, 0.0, 0.0), (1 / 255, 1 / 255, 1 / 255))  # leaves 0 … 255 as it is


def picture(n: int = 1, side: int = 8) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(0).integers(0, 256, (n, 3, side, side), dtype=np.uint8))


def test_the_strong_view_without_crop_is_one_of_the_eight_ways_to_lay_a_square() -> None:
    pixels = picture()[0].float()
    ways = [torch.rot90(p, k, (1, 2)) for p in (pixels, pixels.flip(2)) for k in range(4)]
    view = draw_view("strong", 200, np.random.default_rng(1), crop_scale=1.0)
    found = augmented(picture().expand(200, -1, -1, -1), view, PLAIN)
    matches = torch.stack([(found - way).abs().amax(dim=(1, 2, 3)) < 0.01 for way in ways], dim=1)
    assert bool((matches.sum(dim=1) == 1).all())
    assert bool((matches.sum(dim=0) > 5).all())  # and each of them comes


@pytest.mark.parametrize(("kind", "smallest"), [("strong", 0.5), ("photo", 0.5), ("paper", 0.08)])
def test_crops_keep_at_least_the_asked_share_and_stay_within_the_picture(kind: str, smallest: float) -> None:
    view = draw_view(kind, 500, np.random.default_rng(0), crop_scale=smallest)
    assert view is not None
    area = np.abs(np.linalg.det(view.maps[:, :, :2]))
    assert smallest - 1e-6 <= area.min() < smallest + 0.05 and 0.95 < area.max() <= 1 + 1e-6
    corners = np.array([[x, y, 1] for x in (-1, 1) for y in (-1, 1)])
    assert np.abs(view.maps @ corners.T).max() <= 1 + 1e-6


def test_the_paper_crops_alone_and_draws_three_operations_for_each_picture() -> None:
    view = draw_view("paper", 64, np.random.default_rng(0), crop_scale=0.08)
    assert view is not None and view.operations is not None
    assert view.operations.shape == (64, 3) and set(view.operations.ravel()) == set(range(14))
    assert not np.allclose(np.abs(view.maps[:, 0, 0]), np.abs(view.maps[:, 1, 1]))  # of any proportion
    out = augmented(picture(64, 12), view, PLAIN)
    assert out.shape == (64, 3, 8, 8) and out.min() >= 0 and out.max() <= 255


def test_operations_are_those_of_torchvision_and_meet_only_the_pictures_that_drew_them() -> None:
    from torchvision.transforms import RandAugment
    from torchvision.transforms.v2 import functional as V

    names = list(RandAugment()._augmentation_space(31, (8, 8)))
    assert len(names) == len(_OPERATIONS)
    still = np.tile(np.eye(2, 3, dtype=np.float32), (2, 1, 1))
    pixels = picture(2)
    for name, expected in [
        ("Equalize", V.equalize(pixels)),
        ("AutoContrast", V.autocontrast(pixels)),
        ("Posterize", V.posterize(pixels, 7)),
        ("Brightness", V.adjust_brightness(pixels, 1.27)),
        ("Rotate", V.rotate(pixels, -9)),
    ]:
        operations = np.array([[names.index(name), 0, 0], [0, 0, 0]])
        view = View(still, operations=operations, signs=np.zeros((2, 3), bool))
        found = augmented(pixels, view, PLAIN)
        torch.testing.assert_close(found[0], expected[0].float(), atol=1.01, rtol=0)
        torch.testing.assert_close(found[1], pixels[1].float(), atol=1e-3, rtol=0)


def test_large_pictures_are_averaged_down_not_sampled() -> None:
    checks = (torch.arange(32)[:, None] + torch.arange(32)) % 2 * 255  # finer than the tower can see
    pixels = checks.to(torch.uint8).expand(4, 3, 32, 32)
    view = draw_view("strong", 4, np.random.default_rng(0), crop_scale=1.0)
    for drawn in (view, None):
        found = augmented(pixels, drawn, PLAIN)[:, :, 1:-1, 1:-1]
        assert float((found - 127.5).abs().max()) < 30


def test_without_augmentation_the_tower_sees_the_picture_normalised() -> None:
    expects = Preprocess(8)
    scale, shift = expects.scale_and_shift()
    expected = picture().numpy() * scale + shift
    np.testing.assert_allclose(augmented(picture(), None, expects).numpy(), expected, atol=1e-5)
    np.testing.assert_allclose(normalised(picture(), expects).numpy(), expected, atol=1e-5)


def test_a_share_of_the_pictures_gets_the_same_view_alone_as_together() -> None:
    pixels = picture(6)
    for kind in ("strong", "paper", "photo"):
        view = draw_view(kind, 6, np.random.default_rng(3), crop_scale=0.5)
        assert view is not None
        whole = augmented(pixels, view, PLAIN)
        halves = [augmented(pixels[own], view.rows(own), PLAIN) for own in (slice(0, 3), slice(3, 6))]
        torch.testing.assert_close(whole, torch.cat(halves))
