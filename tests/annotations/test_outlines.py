"""Outlines against hand-drawn corners, against pixels, and against OpenCV."""

import cv2
import numpy as np
from scipy import ndimage
from shapes import shapes

from segmentare.annotations.outlines import Outline, fill, fill_union, joined, signed_area, trace


def test_one_pixel_is_its_four_corners():
    mask = np.zeros((4, 5), bool)
    mask[1, 2] = True
    outline = trace(mask)
    assert outline.holes == ()
    (ring,) = outline.parts
    assert {tuple(point) for point in ring} == {(2, 1), (3, 1), (3, 2), (2, 2)}
    assert signed_area(ring) == 1


def test_a_frame_has_a_hole():
    mask = np.ones((5, 6), bool)
    mask[2, 2:4] = False
    outline = trace(mask)
    assert [signed_area(ring) for ring in outline.parts] == [30]
    assert [signed_area(ring) for ring in outline.holes] == [-2]


def test_pixels_that_meet_in_a_corner_are_two_parts():
    for mask in (np.eye(2, dtype=bool), np.eye(2, dtype=bool)[::-1]):
        outline = trace(mask)
        assert [len(ring) for ring in outline.parts] == [4, 4]
        assert all(signed_area(ring) == 1 for ring in outline.parts)


def test_nothing_is_lost_on_500_random_shapes():
    for mask in shapes(500):
        outline = trace(mask)
        assert np.array_equal(fill(outline.rings, mask.shape), mask)
        assert np.array_equal(fill([joined(outline)], mask.shape), mask)
        areas = [signed_area(ring) for ring in outline.rings]
        assert sum(areas) == mask.sum()
        assert len(outline.parts) == ndimage.label(mask)[1]


def test_the_outline_of_the_mirrored_mask_is_mirrored():
    for mask in shapes(50, seed=1):
        there = {tuple(p) for ring in trace(mask).rings for p in ring}
        width = mask.shape[1]
        back = {(width - x, y) for ring in trace(mask[:, ::-1]).rings for x, y in ring.tolist()}
        assert there == back


def test_a_joined_ring_is_read_by_the_nonzero_rule_too():
    for mask in shapes(100, seed=2):
        ring = joined(trace(mask))
        wound = np.zeros(mask.shape, int)
        for (x0, y0), (x1, y1) in zip(ring, np.roll(ring, -1, axis=0), strict=True):
            rows = slice(int(min(y0, y1)), int(max(y0, y1)))
            crossing = np.ceil((x0 + x1) / 2) if x0 == x1 else None
            if crossing is not None:
                wound[rows, int(crossing) :] += 1 if y1 < y0 else -1
                continue
            for row in range(rows.start, rows.stop):  # a cut may run aslant
                x = x0 + (row + 0.5 - y0) / (y1 - y0) * (x1 - x0)
                wound[row, int(np.ceil(x - 0.5)) :] += 1 if y1 < y0 else -1
        assert np.array_equal(wound != 0, mask)


def test_the_centers_of_pixels_decide():
    triangle = np.array([[0, 0], [4, 0], [0, 4.0]])
    filled = fill([triangle], (4, 4)).astype(int)
    # a center on the left or upper side is inside, on the right or lower side outside
    assert filled.sum(axis=1).tolist() == [3, 2, 1, 0]
    square = np.array([[0.6, 0.6], [2.4, 0.6], [2.4, 2.4], [0.6, 2.4]])
    assert np.argwhere(fill([square], (4, 4))).tolist() == [[1, 1]]


def test_what_lies_outside_the_image_is_cut_off():
    ring = np.array([[-5, -5], [50, -5], [50, 3], [-5, 3.0]])
    expected = np.zeros((6, 7), bool)
    expected[:3] = True
    assert np.array_equal(fill([ring], (6, 7)), expected)
    assert np.array_equal(fill_union([ring], (6, 7)), expected)


def test_rings_are_united_not_subtracted():
    outer = np.array([[0, 0], [6, 0], [6, 6], [0, 6.0]])
    inner = outer / 3 + 2
    assert fill([outer, inner], (6, 6)).sum() == 32
    assert fill_union([outer, inner], (6, 6)).all()


def test_a_foreign_polygon_is_within_a_pixel_of_pycocotools():
    # decoded by pycocotools 2.0.11 from [[2.3,1.1,9.7,2.4,8.2,7.9,3.4,6.6]] at 10 x 12
    theirs = np.zeros((10, 12), np.uint8)
    theirs[1, 2:4] = theirs[2, 3:10] = theirs[3:7, 3:9] = theirs[7, 7] = 1
    ring = np.array([2.3, 1.1, 9.7, 2.4, 8.2, 7.9, 3.4, 6.6]).reshape(-1, 2)
    ours = fill([ring], (10, 12))
    cross = np.ones((3, 3), np.uint8)
    assert not (ours & (cv2.dilate(theirs, cross) == 0)).any()
    assert not (~ours & (cv2.erode(theirs, cross) == 1)).any()


def test_no_pixel_has_no_outline():
    assert trace(np.zeros((3, 3))) == Outline((), ())
