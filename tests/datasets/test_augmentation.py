from dataclasses import replace

import numpy as np
import pytest

from segmentare.annotations import geometry
from segmentare.annotations.segmentation import UNLABELED, Segmentation
from segmentare.datasets.augmentation import (
    Augmentation,
    change_colors,
    random_affine,
    warp_image,
)

KINDS = [
    *((np.uint8, channels) for channels in (1, 2, 3, 4, 5)),
    *((np.uint16, channels) for channels in (1, 3, 5)),
    *((np.float32, channels) for channels in (1, 3, 5)),
]
CERTAIN = Augmentation(corners=1.0, blur=1.0, noise=1.0)
TOP = {np.uint8: 255, np.uint16: 65535, np.float32: 1}


def picture(dtype, channels, seed=0):
    rng = np.random.default_rng(seed)
    return (rng.random((40, 56, channels)) * TOP[dtype]).astype(dtype)


def middle_of(size):
    return (size[1] - 1) / 2, (size[0] - 1) / 2


@pytest.mark.parametrize(("dtype", "channels"), KINDS)
def test_no_augmentation_changes_nothing(dtype, channels):
    image = picture(dtype, channels)
    rng = np.random.default_rng(0)
    affine = random_affine(Augmentation.none(), rng, (40, 56), (40, 56), 1.0)
    assert np.allclose(affine, np.eye(3))
    assert np.array_equal(warp_image(image, affine, (40, 56)), image)
    same = change_colors(Augmentation.none(), rng, image)
    assert np.allclose(same, image, rtol=0, atol=1e-6 if dtype == np.float32 else 0)


@pytest.mark.parametrize(("dtype", "channels"), KINDS)
@pytest.mark.parametrize("augmentation", [Augmentation(), CERTAIN])
def test_shape_and_dtype_stay_and_nothing_wraps_around(dtype, channels, augmentation):
    for seed in range(20):
        rng = np.random.default_rng(seed)
        changed = change_colors(augmentation, rng, picture(dtype, channels))
        assert changed.shape == (40, 56, channels)
        assert changed.dtype == dtype
        assert np.isfinite(changed).all()
    halves = np.zeros((40, 56, channels), dtype)
    halves[:, 28:] = TOP[dtype]
    noisy = Augmentation(corners=0.0, blur=0.0, noise=1.0)
    for seed in range(20):  # what wrapped around would be at the other end of the range
        changed = change_colors(noisy, np.random.default_rng(seed), halves)
        assert changed[:, :28].max() < 0.55 * TOP[dtype]
        assert changed[:, 28:].min() > 0.45 * TOP[dtype]


def test_a_hundred_changes_have_no_bias():
    image = np.full((32, 32, 3), 128, np.uint8)
    means = [
        change_colors(Augmentation(corners=0), np.random.default_rng(seed), image).mean()
        for seed in range(300)
    ]
    assert np.mean(means) == pytest.approx(128, abs=3)
    assert np.std(means) > 5


def test_the_same_seed_gives_the_same_image_and_the_input_stays():
    image = picture(np.uint8, 3)
    before = image.copy()
    one, two = (change_colors(CERTAIN, np.random.default_rng(5), image) for _ in range(2))
    other = change_colors(CERTAIN, np.random.default_rng(6), image)
    assert np.array_equal(one, two)
    assert not np.array_equal(one, other)
    assert np.array_equal(image, before)


def test_golden_mirror():
    left_right = replace(Augmentation.none(), mirror_x=1.0)
    image = picture(np.uint8, 3)
    affine = random_affine(left_right, np.random.default_rng(0), (40, 56), (40, 56), 1.0)
    assert np.allclose(affine, geometry.flip((40, 56)))
    assert np.array_equal(warp_image(image, affine, (40, 56)), image[:, ::-1])


def test_mirrors_come_as_often_as_asked():
    def mirrored(augmentation):
        draws = [
            random_affine(augmentation, np.random.default_rng(seed), (40, 56), (40, 56), 1.0)
            for seed in range(400)
        ]
        return np.mean([geometry.mirrors(affine) for affine in draws])

    assert mirrored(Augmentation(mirror_x=0.0, mirror_y=0.0)) == 0
    assert mirrored(Augmentation(mirror_x=1.0, mirror_y=0.0)) == 1
    assert mirrored(Augmentation(mirror_x=1.0, mirror_y=1.0)) == 0  # a half turn
    assert mirrored(Augmentation()) == pytest.approx(0.5, abs=0.08)


def test_scale_rotation_and_shift_keep_their_limits():
    upright = Augmentation(rotation=12, scale=(0.5, 2.0), stretch=1.0, mirror_x=0, mirror_y=0)
    for seed in range(200):
        affine = random_affine(upright, np.random.default_rng(seed), (40, 56), (40, 56), 1.0)
        assert 0.5 <= np.sqrt(np.linalg.det(affine[:2, :2])) <= 2.0
        assert abs(np.degrees(np.arctan2(affine[1, 0], affine[0, 0]))) <= 12
        window = geometry.apply(np.linalg.inv(affine), np.array(middle_of((40, 56))))
        assert (np.abs(window - middle_of((40, 56))) <= 0.12 * np.array([56, 40]) + 1e-6).all()


def test_a_window_lies_anywhere_in_a_larger_image_and_nowhere_else():
    corners = []
    for seed in range(300):
        affine = random_affine(
            Augmentation.none(), np.random.default_rng(seed), (200, 300), (64, 64), 1.0
        )
        corners.append(geometry.apply(np.linalg.inv(affine), np.zeros(2)))
    low, high = np.min(corners, axis=0), np.max(corners, axis=0)
    assert (low >= 0).all()
    assert (low < 6).all()
    assert (high <= [300 - 64, 200 - 64]).all()
    assert (high > [300 - 70, 200 - 70]).all()


@pytest.mark.parametrize(("dtype", "channels"), KINDS)
def test_image_and_mask_move_together(dtype, channels):
    """A mask painted into the image stays where the mask is, but for the pixels of its rim."""
    mask = np.zeros((80, 112), np.uint8)
    mask[20:50, 30:90] = 1
    mask[30:40, 60:70] = 0
    image = np.repeat(mask[..., None].astype(dtype) * dtype(TOP[dtype]), channels, axis=2)
    for seed in range(20):
        rng = np.random.default_rng(seed)
        affine = random_affine(Augmentation(), rng, (80, 112), (64, 96), 1.0)
        moved = warp_image(image, affine, (64, 96))
        truth = Segmentation(mask).warp(affine, (64, 96)).category
        known = truth != UNLABELED
        assert moved.shape == (64, 96, channels)
        painted = moved[..., -1] > TOP[dtype] / 2
        assert (painted[known] != truth[known].astype(bool)).mean() < 0.02


def test_outside_of_the_image_is_its_mirror_image_without_labels():
    image = np.tile(np.arange(100, 140, dtype=np.uint8)[None, :, None], (40, 1, 3))
    affine = geometry.shift(10, 0)
    moved = warp_image(image, affine, (40, 40))
    truth = Segmentation(np.zeros((40, 40), np.uint8)).warp(affine, (40, 40)).category
    assert moved[0, :, 0].tolist() == [*range(110, 100, -1), *range(100, 130)]
    assert (truth[:, :10] == UNLABELED).all()
    assert (truth[:, 10:] == 0).all()


def test_dark_corners_are_dark_in_the_corners_only():
    vignette = replace(Augmentation.none(), corners=1.0)
    image = np.full((96, 128, 3), 200, np.uint8)
    darker = 0
    for seed in range(20):
        changed = change_colors(vignette, np.random.default_rng(seed), image)
        assert (changed[40:56, 50:78] == 200).all()
        darker += changed[0, 0, 0] < 150
    assert darker > 10
