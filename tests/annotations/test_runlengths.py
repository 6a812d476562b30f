"""Run lengths against golden texts of pycocotools and against the pixels themselves."""

import numpy as np
import pytest
from shapes import shapes

from segmentare.annotations.runlengths import RLE, objects_of


def rectangle(size, rows, columns):
    mask = np.zeros(size, bool)
    mask[slice(*rows), slice(*columns)] = True
    return mask


def ring():
    y, x = np.mgrid[:40, :50]
    far = np.hypot(y - 20, x - 25)
    return (far < 18) & (far > 9)


# written by pycocotools 2.0.11
GOLDEN = [
    (rectangle((100, 200), (10, 30), (20, 23)), "jn1d0`2000jXa0"),
    (rectangle((30, 50), (0, 30), (0, 50)), "0l^1"),
    (rectangle((30, 50), (0, 0), (0, 0)), "l^1"),
    (rectangle((1000, 1000), (999, 1000), (999, 1000)), "oa`n01"),
    (
        ring(),
        (
            "_:;j06L2M4M2N2N2O0OBG07M10NO40LO60I090FO<0D0<0D0<0D0<0DO>0B1<0D0<0D0<0D0<0D1:0G070J140L"
            "120O3I09>101N2N2N3L3N4J\\8"
        ),
    ),
]


def test_columns_are_counted_first():
    mask = np.array([[0, 0, 1], [1, 0, 1]], bool)
    assert RLE.from_mask(mask).counts == (1, 1, 2, 2)
    assert RLE.from_mask(~mask).counts == (0, 1, 1, 2, 2)
    assert RLE.from_mask(np.zeros((2, 3))).counts == (6,)
    assert RLE.from_mask(np.ones((2, 3))).counts == (0, 6)


@pytest.mark.parametrize(("mask", "text"), GOLDEN)
def test_texts_of_pycocotools(mask, text):
    assert RLE.from_mask(mask).to_text() == text
    assert np.array_equal(RLE.from_text(text, mask.shape).to_mask(), mask)


def test_random_shapes_come_back():
    for mask in shapes(200):
        found = RLE.from_mask(mask)
        assert np.array_equal(found.to_mask(), mask)
        assert RLE.from_text(found.to_text(), mask.shape) == found
        assert found.area == mask.sum()
        rows, columns = np.nonzero(mask)
        expected = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
        assert found.box == expected


def test_foreign_counts_may_hold_empty_runs():
    found = RLE.of([1, 0, 0, 2, 0, 1, 2], (2, 3))
    assert found == RLE.of([1, 3, 2], (2, 3))
    assert found.area == 3


def test_a_map_of_ids_holds_one_mask_per_id():
    labels = np.array([[0, 7, 7], [2, 2, 7], [0, 0, 2]], np.int32)
    found = objects_of(labels)
    assert list(found) == [2, 7]
    for number, mask in found.items():
        assert mask == RLE.from_mask(labels == number)
    assert objects_of(np.zeros((3, 4), np.int32)) == {}


def test_wrong_counts_are_refused():
    with pytest.raises(ValueError, match=r"sum up to 2 x 3 pixels .* they sum up to 5"):
        RLE.of([2, 3], (2, 3))
    with pytest.raises(ValueError, match="without negative ones"):
        RLE.of([-1, 7], (2, 3))
    with pytest.raises(ValueError, match="character 1 is ' '"):
        RLE.from_text("1 2", (2, 3))
    with pytest.raises(ValueError, match="character 0 is 'o'"):
        RLE.from_text("o", (2, 3))  # says that more follows
    with pytest.raises(ValueError, match="60 bits"):
        RLE.from_text("o" * 20 + "0", (2, 3))
