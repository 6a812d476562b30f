import cv2
import numpy as np
import pytest
from PIL import Image

from segmentare.annotations.segmentation import Category, Segmentation
from segmentare.drawing.cutout import cutout, guided_filter, place

RED, BLUE = np.array([200.0, 30, 30]), np.array([20.0, 40, 220])
CLOTHES = (
    Category("null", (0, 0, 0), background=True),
    Category("coat", (1, 2, 3)),
    Category("shoe", (4, 5, 6)),
)


def scene(side=240):
    """A red disc with a soft edge before blue: the picture, its true opacity, a rough guess."""
    y, x = np.mgrid[:side, :side]
    distance = np.hypot(y - side / 2, x - side / 2)
    alpha = np.clip((side / 4 - distance) / 4 + 0.5, 0, 1)
    picture = alpha[..., None] * RED + (1 - alpha[..., None]) * BLUE
    guess = cv2.GaussianBlur((distance < side / 4 + 2).astype(np.float32), (0, 0), 3)
    found = Segmentation((guess >= 0.5).astype(np.uint8), probability=guess)
    return np.rint(picture).astype(np.uint8), alpha, found


def test_opacity_follows_the_image_and_not_the_guess():
    picture, alpha, found = scene()
    result = cutout(picture, found)
    assert result.shape == (240, 240, 4)
    assert result.dtype == np.uint8
    opacity = result[..., 3] / 255
    assert np.abs(opacity - alpha).mean() < 0.6 * np.abs(found.probability - alpha).mean()
    assert opacity[alpha == 1].mean() > 0.99
    assert opacity[:40].max() == 0
    assert ((opacity > 0.1) & (opacity < 0.9)).sum() > 0


def test_no_halo_of_the_old_background():
    picture, _, found = scene()
    result = cutout(picture, found)
    edge = (result[..., 3] > 60) & (result[..., 3] < 250)
    naive = place(np.dstack([picture, result[..., 3]]), np.zeros((9, 9, 3), np.uint8))
    clean = place(result, np.zeros((9, 9, 3), np.uint8))
    assert clean[edge][:, 2].mean() < 0.5 * naive[edge][:, 2].mean()  # blue is the old background
    inside = result[..., 3] == 255
    assert np.array_equal(result[inside][:, :3], picture[inside])  # the object itself is untouched


def test_what_was_decided_against_stays_out():
    picture, _, found = scene()
    category = found.category.copy()
    category[:, 120:] = 0  # removed by the task although its probability is high
    result = cutout(picture, Segmentation(category, probability=found.probability))
    assert result[:, 130:, 3].max() == 0
    assert result[120, 80:110, 3].min() == 255


def test_several_categories_are_cut_out_together():
    picture, _, found = scene()
    category = found.category * np.where(np.arange(240) < 120, 1, 2).astype(np.uint8)
    sure = np.maximum(found.probability, 1 - found.probability)
    several = cutout(picture, Segmentation(category, probability=sure), CLOTHES)
    assert np.abs(several[..., 3].astype(int) - cutout(picture, found)[..., 3]).max() < 3


@pytest.mark.parametrize("value", [0, 1])
@pytest.mark.parametrize("size", [(1, 1), (1, 50), (31, 17)])
def test_any_size_full_or_empty(size, value):
    image = np.full((*size, 4), 9000, np.uint16)
    result = cutout(image, Segmentation(np.full(size, value, np.uint8)))
    assert result.shape == (*size, 4)
    assert (result[..., 3] == 255 * value).all()


def test_thin_objects_keep_their_color():
    image = np.full((60, 60, 3), 20, np.uint8)
    image[:, 30] = 250
    mask = np.zeros((60, 60), np.uint8)
    mask[:, 30] = 1
    faint = np.where(mask, 0.65, 0.1).astype(np.float32)  # nowhere opaque
    result = cutout(image, Segmentation(mask, probability=faint))
    assert 0 < result[30, 30, 3] < 200
    assert result[30, 30, :3].min() > 150


def test_guided_filter_is_a_local_regression():
    # oracle: where a window holds everything, the answer is the least-squares fit on the colors
    rng = np.random.default_rng(0)
    guide = rng.random((9, 9, 3)).astype(np.float32)
    values = (guide @ [0.2, -0.5, 0.9] + 0.3).astype(np.float32)
    assert np.allclose(guided_filter(guide, values, 2, 1e-7), values, atol=2e-3)
    flat = np.full((9, 9, 3), 0.5, np.float32)  # nothing to go by: the mean of means remains
    noise = rng.random((9, 9)).astype(np.float32)
    twice = cv2.blur(cv2.blur(noise, (5, 5)), (5, 5))
    assert np.allclose(guided_filter(flat, noise, 2, 1e-4)[4, 4], twice[4, 4], atol=1e-3)


def test_shrunk_guided_filter_says_nearly_the_same():
    picture, _, found = scene()
    guide = picture.astype(np.float32) / 255
    full = guided_filter(guide, found.probability, 8, 1e-4)
    fast = guided_filter(guide, found.probability, 8, 1e-4, shrink=2)
    assert fast.shape == full.shape
    assert np.abs(fast - full).mean() < 0.002
    assert np.abs(fast - full).max() < 0.05


def test_large_images_are_refined_in_full_detail(monkeypatch):
    picture, category, guess = (
        cv2.resize(array, (1600, 1600))
        for array in (scene()[0], scene()[2].category, scene()[2].probability)
    )
    large = cutout(picture, Segmentation(category, probability=guess))[..., 3].astype(int)
    monkeypatch.setattr(
        "segmentare.drawing.cutout.guided_filter",
        lambda *arguments, shrink: guided_filter(*arguments, shrink=min(shrink, 1)),
    )
    slow = cutout(picture, Segmentation(category, probability=guess))[..., 3].astype(int)
    assert np.abs(large - slow).max() <= 3


def test_background_covers_and_is_centered():
    background = np.zeros((100, 400, 3), np.uint8)
    background[:, 150:250] = (10, 200, 30)
    rgba = np.zeros((50, 50, 4), np.uint8)
    rgba[:10] = (255, 0, 0, 255)
    rgba[10:20] = (255, 0, 0, 51)
    result = place(rgba, background)
    assert result.shape == (50, 50, 3)
    assert (result[20:, 1:-1] == (10, 200, 30)).all()
    assert (result[:10] == (255, 0, 0)).all()
    assert result[15, 25].tolist() == [59, 160, 24]  # 0.2 of the object, 0.8 of the background


def test_people_before_another_photograph(data):
    folder = data / "person_portraits"
    picture = np.array(Image.open(folder / "Training_Images/107.jpg").convert("RGB"))
    mask = np.array(Image.open(folder / "Ground_Truth/107.png").convert("L")) > 127
    guess = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), 1.5)
    result = cutout(picture, Segmentation((guess >= 0.5).astype(np.uint8), probability=guess))
    opacity = result[..., 3] / 255
    assert np.abs(opacity - mask).mean() < 0.02
    # this wall is nearly white: on black a rim of it would shine
    black = np.zeros((9, 9, 3), np.uint8)
    rim = cv2.dilate(mask.astype(np.uint8), np.ones((5, 5))).astype(bool) & ~mask
    naive = place(np.dstack([picture, np.rint(guess * 255).astype(np.uint8)]), black)
    assert place(result, black)[rim].mean() < 0.6 * naive[rim].mean()
