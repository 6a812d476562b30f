import numpy as np
import pytest

from segmentare.annotations.segmentation import UNLABELED, Category, Segmentation
from segmentare.drawing import overlays as drawing

BINARY = (Category("skin", (0, 0, 0), background=True), Category("lesion", (0, 200, 80)))
THREE = (*BINARY, Category("hair", (200, 0, 80)))


def disc(size=(80, 100), center=(40, 50), radius=20):
    y, x = np.mgrid[: size[0], : size[1]]
    return (y - center[0]) ** 2 + (x - center[1]) ** 2 <= radius**2


def segmentation(mask):
    return Segmentation(mask.astype(np.uint8))


def test_outline_runs_along_the_border():
    mask = disc()
    line = drawing.outline(mask, 2.0)
    y, x = np.mgrid[:80, :100]
    distance = np.abs(np.hypot(y - 40, x - 50) - 20.3)  # a disc of pixels is a bit larger
    assert line[distance > 2.5].max() == 0
    assert line[distance < 0.3].min() > 0.7
    assert line.sum() == pytest.approx(2 * np.pi * 20.3 * 2, rel=0.15)  # length times width
    assert ((line > 0.05) & (line < 0.95)).sum() > 0  # anti-aliased


def test_outline_favors_neither_side():
    mask = np.zeros((20, 20), bool)
    mask[:, :10] = True
    line = drawing.outline(mask, 2.0)
    assert np.allclose(line[5, 7:13], [0, 0, 1, 1, 0, 0])
    assert np.array_equal(line, drawing.outline(~mask, 2.0))


@pytest.mark.parametrize("value", [0, 1])
def test_full_and_empty_masks_have_no_outline(value):
    assert drawing.outline(np.full((9, 9), value, bool), 2.0).max() == 0


@pytest.mark.parametrize("categories", [BINARY, THREE])
def test_images_are_not_altered(categories):
    image = np.full((80, 100, 3), 120, np.uint8)
    found = segmentation(disc())
    drawing.overlay(image, found, categories)
    drawing.compare_outlines(image, found, found, categories)
    drawing.draw_outlines(image, found, categories)
    drawing.viewable(image)[:] = 0
    assert (image == 120).all()


def test_overlay_colors_the_object_alone():
    image = np.full((80, 100, 3), 100, np.uint8)
    category = disc().astype(np.uint8)
    category[:5] = UNLABELED
    picture = drawing.overlay(image, Segmentation(category), BINARY)
    assert picture.dtype == np.uint8
    assert picture[40, 50].tolist() == [60, 140, 92]  # 0.6 * 100 + 0.4 * color
    assert (picture[70:] == 100).all()
    assert (picture[:5] == 100).all()


def test_compare_shows_both_and_what_is_unknown():
    image = np.full((80, 100, 3), 20, np.uint8)
    truth = disc(center=(40, 40)).astype(np.uint8)
    truth[:10] = UNLABELED
    picture = drawing.compare_outlines(
        image, Segmentation(truth), segmentation(disc(center=(40, 60))), BINARY
    ).astype(int)
    assert np.abs(picture[40, 18:22] - drawing.TRUTH_COLOR).sum(axis=1).min() < 30
    assert np.abs(picture[40, 78:82] - drawing.PREDICTION_COLOR).sum(axis=1).min() < 90
    assert (picture[5, 5] == picture[5, 5, 0]).all()
    assert picture[5, 5, 0] > 80


def test_viewable_keeps_ordinary_images():
    image = np.random.default_rng(0).integers(0, 255, (6, 7, 3), np.uint8)
    assert np.array_equal(drawing.viewable(image), image)
    gray = drawing.viewable(image[..., 0])
    assert np.array_equal(gray, np.repeat(image[..., :1], 3, axis=2))


@pytest.mark.parametrize("shape", [(30, 40), (30, 40, 1), (30, 40, 2), (30, 40, 3), (30, 40, 7)])
@pytest.mark.parametrize("dtype", [np.uint16, np.float32])
def test_viewable_stretches_everything_else(shape, dtype):
    image = np.random.default_rng(0).normal(1000, 100, shape).astype(dtype)
    picture = drawing.viewable(image)
    assert picture.shape == (30, 40, 3)
    assert picture.dtype == np.uint8
    assert picture.min() == 0
    assert picture.max() == 255
    assert 110 < picture.mean() < 145


def test_stretching_keeps_the_colors_of_rgb_but_not_the_ranges_of_bands():
    image = np.random.default_rng(0).normal(1000, 100, (30, 40, 4)).astype(np.float32)
    image[..., 1] *= 3
    rgb = drawing.viewable(image[..., :3]).mean(axis=(0, 1))
    assert rgb[1] > rgb[0] + 100
    bands = drawing.viewable(image).mean(axis=(0, 1))
    assert abs(bands[1] - bands[0]) < 15


def test_viewable_survives_nan_and_constants():
    image = np.full((5, 5, 1), np.nan, np.float32)
    assert drawing.viewable(image).max() == 0
    image[2:] = 7
    assert drawing.viewable(image).max() == 0
    image[4] = 9
    assert drawing.viewable(image)[4].min() == 255


@pytest.mark.parametrize(
    ("size", "expected"), [((400, 300), (64, 48)), ((1, 900), (1, 64)), ((20, 30), (20, 30))]
)
def test_thumbnail(size, expected):
    assert drawing.thumbnail(np.zeros((*size, 4), np.uint16), 64).shape == (*expected, 3)
