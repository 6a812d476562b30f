"""Objects that overlap, and what is left of them in one map."""

import numpy as np
import pytest
from shapes import shapes

from segmentare.annotations.instances import Instances, outline_of
from segmentare.annotations.outlines import fill
from segmentare.annotations.runlengths import RLE
from segmentare.annotations.segmentation import UNLABELED, Category, Segmentation

CATEGORIES = (
    Category("background", (0, 0, 0), background=True),
    Category("sheep", (1, 1, 1), thing=True),
    Category("grass", (2, 2, 2)),
)
SIZE = (6, 8)


def box(rows, columns):
    mask = np.zeros(SIZE, bool)
    mask[slice(*rows), slice(*columns)] = True
    return RLE.from_mask(mask)


def test_smaller_objects_lie_over_larger_ones():
    small, large, hidden = box((1, 3), (1, 3)), box((0, 5), (0, 5)), box((1, 3), (1, 3))
    crowd, grass = box((4, 6), (0, 8)), box((0, 2), (6, 8))
    objects = Instances(
        (small, large, hidden, crowd, grass),
        (1, 1, 1, 1, 2),
        crowd=(False, False, False, True, False),
    )
    flat = objects.to_segmentation(CATEGORIES)
    found = flat.segmentation
    assert flat.overlapped == (0, 1)  # of two of the same size the later one stays
    assert flat.hidden == (0,)
    assert found.instance.max() == 2
    assert np.unique(found.instance[1:3, 1:3]).tolist() == [2]
    assert found.instance[0, 0] == 1
    assert (found.category[5] == UNLABELED).all()
    assert found.category[4, :5].tolist() == [1] * 5  # an object lies over a crowd
    assert found.category[0, 6] == 2
    assert found.instance[0, 6] == 0  # stuff has no id
    assert found.category[2, 7] == 0


def test_without_background_the_rest_is_unlabeled():
    flat = Instances((box((0, 1), (0, 1)),), (0,)).to_segmentation(CATEGORIES[1:])
    assert np.unique(flat.segmentation.category).tolist() == [0, UNLABELED]


def test_there_and_back():
    for labels in [s.astype(np.int32) * np.arange(1, s.shape[1] + 1) for s in shapes(50, 3)]:
        category = (labels > 0).astype(np.uint8)
        objects = Instances.from_segmentation(Segmentation(category, labels.astype(np.int32)))
        assert len(objects) == len(np.unique(labels[labels > 0]))
        back = objects.to_segmentation(CATEGORIES).segmentation
        assert np.array_equal(back.category, category)
        assert np.array_equal(back.instance > 0, labels > 0)
        pairs = {(int(a), int(b)) for a, b in zip(labels.flat, back.instance.flat, strict=True)}
        assert len(pairs) == len(np.unique(labels)) == len(np.unique(back.instance))


def test_the_category_is_that_of_most_pixels():
    category = np.array([[1, 1, 2, UNLABELED], [0, 2, 2, UNLABELED]], np.uint8)
    instance = np.array([[4, 4, 4, 4], [0, 9, 9, 4]], np.int32)
    scores = np.linspace(0, 0.8, 9, dtype=np.float32)
    objects = Instances.from_segmentation(Segmentation(category, instance, scores=scores))
    assert objects.categories == (1, 2)
    assert objects.scores == pytest.approx((0.3, 0.8))
    back = objects.to_segmentation((*CATEGORIES[:2], Category("car", (3, 3, 3), thing=True)))
    assert back.segmentation.scores == pytest.approx([0.3, 0.8])


def test_outlines_lie_where_the_objects_are():
    for mask in shapes(60, seed=4):
        padded = np.pad(mask, ((3, 1), (2, 5)))
        assert np.array_equal(fill(outline_of(RLE.from_mask(padded)).rings, padded.shape), padded)


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="one of categories for each of 1 masks; got 0"):
        Instances((box((0, 1), (0, 1)),), ())
    with pytest.raises(ValueError, match="must have the size of the image"):
        Instances((box((0, 1), (0, 1)),), (1,), size=(3, 3))
    with pytest.raises(ValueError, match="with instance ids"):
        Instances.from_segmentation(Segmentation(np.zeros(SIZE, np.uint8)))
