"""Measures of objects against scikit-image's numbers, closed forms, and each other."""

import numpy as np
import pytest

from segmentare.annotations.measures import compact, measure
from segmentare.annotations.segmentation import UNLABELED, Segmentation

#: id, area, centroid x and y, perimeter (Crofton, 4 directions), eccentricity, mean red and green,
#: box; by skimage.measure.regionprops 0.26 of the scene below
SKIMAGE = [
    (3, 155, 15.0, 15.0, 47.997801, 0.864095, 120.0, 132.806452, 6, 10, 25, 21),
    (6, 319, 41.60815, 18.905956, 104.960304, 0.631604, 146.965517, 127.338558, 28, 8, 53, 33),
    (9, 111, 33.0, 27.0, 41.524046, 0.899026, 159.378378, 130.153153, 29, 19, 38, 36),
    (12, 88, 75.625, 4.840909, 35.375614, 0.724696, 128.431818, 114.659091, 71, 0, 80, 12),
    (15, 133, 60.0, 45.0, 58.073224, 0.975118, 154.0, 128.977444, 50, 36, 71, 55),
    (18, 29, 12.0, 48.0, 30.797978, 0.978945, 42.310345, 99.310345, 11, 41, 14, 56),
    (40, 1, 30.0, 50.0, 2.681517, 0.0, 89.0, 220.0, 30, 50, 31, 51),
]
ELLIPSES = [
    (15, 15, 10, 5, 0.3), (40, 20, 12, 12, 0), (33, 27, 9, 4, 1.2),
    (78, 5, 8, 6, 0.7), (60, 45, 14, 3, 2.4), (12, 48, 1.2, 7, 0),
]  # fmt: skip


def scene():
    """Touching ellipses, one with a hole, one cut by the image's edge, and a single pixel."""
    y, x = np.mgrid[:60, :80]
    instance = np.zeros((60, 80), np.int32)
    for number, (cx, cy, a, b, turn) in enumerate(ELLIPSES, 1):
        u = (x - cx) * np.cos(turn) + (y - cy) * np.sin(turn)
        v = -(x - cx) * np.sin(turn) + (y - cy) * np.cos(turn)
        instance[(u / a) ** 2 + (v / b) ** 2 <= 1] = 3 * number
    instance[(x - 40) ** 2 + (y - 20) ** 2 <= 16] = 0
    instance[50, 30] = 40
    image = np.stack([(x * 3 + y * 5) % 251, (x * y) % 256, 0 * x], 2).astype(np.uint8)
    return instance, image


def measured(instance, image=None):
    image = np.zeros(instance.shape, np.uint8) if image is None else image
    instance = np.asarray(instance, np.int32)
    return measure(Segmentation((instance > 0).astype(np.uint8), instance), image)


def test_against_scikit_image():
    found = measured(*scene())
    expected = np.array(SKIMAGE)
    assert found.ids.tolist() == expected[:, 0].tolist()
    assert found.area.tolist() == expected[:, 1].tolist()
    assert np.allclose(found.centroid, expected[:, 2:4], atol=1e-6)
    assert np.allclose(found.perimeter, expected[:, 4], atol=1e-6)
    assert np.allclose(found.eccentricity, expected[:, 5], atol=1e-6)
    assert np.allclose(found.intensity[:, :2], expected[:, 6:8], atol=1e-6)
    assert (found.intensity[:, 2] == 0).all()
    assert np.array_equal(found.box, expected[:, 8:])


def test_a_rectangle_by_hand():
    mask = np.zeros((40, 50))
    mask[10:20, 5:35] = 1
    found = measured(mask, mask.astype(np.uint16) * 700)
    assert found.area.tolist() == [300]
    assert found.centroid.tolist() == [[19.5, 14.5]]
    assert found.box.tolist() == [[5, 10, 35, 20]]
    assert found.intensity.tolist() == [[700]]
    squares = (30**2 - 1) / 12, (10**2 - 1) / 12  # variances of 30 and of 10 whole numbers
    assert found.eccentricity[0] == pytest.approx((1 - squares[1] / squares[0]) ** 0.5)


@pytest.mark.parametrize("radius", [10, 30, 80])
def test_the_perimeter_of_a_circle(radius):
    y, x = np.mgrid[:200, :200]
    found = measured((x - 99.3) ** 2 + (y - 100.4) ** 2 <= radius**2)
    assert found.perimeter[0] == pytest.approx(2 * np.pi * radius, rel=0.02)
    assert found.eccentricity[0] < 0.15


@pytest.mark.parametrize("turn", [0.0, 0.4, np.pi / 4, 1.3])
def test_the_eccentricity_of_a_turned_ellipse(turn):
    y, x = np.mgrid[-100:101, -100:101]
    u, v = x * np.cos(turn) + y * np.sin(turn), y * np.cos(turn) - x * np.sin(turn)
    found = measured((u / 80) ** 2 + (v / 48) ** 2 <= 1)
    assert found.eccentricity[0] == pytest.approx(0.8, abs=0.003)
    assert np.allclose(found.centroid, 100, atol=0.01)


def test_objects_measure_the_same_alone_and_among_others():
    instance, image = scene()
    together = measured(instance, image)
    for place, number in enumerate(together.ids.tolist()):
        alone = measured(np.where(instance == number, number, 0), image)
        for name in ("area", "centroid", "box", "perimeter", "eccentricity", "intensity"):
            one, many = getattr(alone, name)[0], getattr(together, name)[place]
            assert np.allclose(one, many), name


def test_nothing_to_measure():
    found = measured(np.zeros((5, 7)), np.zeros((5, 7, 3), np.uint8))
    assert len(found) == 0
    assert found.box.shape == (0, 4)
    assert found.intensity.shape == (0, 3)
    with pytest.raises(ValueError, match="categories alone"):
        measure(Segmentation(np.zeros((5, 7), np.uint8)), np.zeros((5, 7)))


def test_the_category_is_that_of_most_pixels_and_never_unlabeled():
    category = np.array([[1, 2, 2, UNLABELED, UNLABELED, UNLABELED, 3]], np.uint8)
    instance = np.array([[1, 1, 1, 1, 1, 1, 9]], np.int32)
    assert measure(Segmentation(category, instance), category).category.tolist() == [2, 3]


@pytest.mark.parametrize("ids", [[0, 1, 2], [0, 5, 7], [0, 70_000, 2**30], [4, 5, 6]])
def test_ids_of_any_size(ids):
    instance = np.array(ids, np.int32)[np.array([[0, 1, 1], [2, 2, 0]])]
    found, place = compact(instance)
    assert found.tolist() == [number for number in ids if number]
    assert np.array_equal(np.append(0, found)[place], instance)
