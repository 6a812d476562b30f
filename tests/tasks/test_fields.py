"""Peaks between cells, limbs between peaks, and the assembly of what they join."""

from dataclasses import replace

import numpy as np
import pytest
from drawn_poses import LEAF

from segmentare.tasks import fields, joints, peaks


@pytest.mark.parametrize("sigma", [0.6, 1.0, 2.0, 5.0])
def test_peaks_are_exact_between_cells(sigma):
    x, y = 14.3, 11.8
    rows, columns = np.mgrid[:24, :30]
    bump = np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * sigma**2)).astype(np.float32)
    found = peaks.find(bump[None], 0.1, 1, 1)
    assert np.allclose(found.points, [[x, y]], atol=1e-3)
    scaled = peaks.find(bump[None], 0.1, 1, 4)
    assert np.allclose(scaled.points, [[4 * x + 1.5, 4 * y + 1.5]], atol=4e-3)


def test_equal_neighbors_are_one_peak():
    plane = np.zeros((2, 12, 12), np.float32)
    plane[0, 4:6, 5:7] = 1
    plane[1, -1, 3] = plane[1, -1, 4] = 0.5
    found = peaks.find(plane, 0.1, 1, 1)
    assert found.kinds.tolist() == [0, 1]
    assert len(peaks.find(np.ones((3, 8, 8), np.float32), 0.1, 1, 1)) == 3


def test_a_limb_from_left_to_right_turns_around_in_a_mirror():
    limbs, places, turned = joints.mirrored_limbs(LEAF)
    assert limbs == LEAF.limbs
    assert places == (1, 0, 2, 4, 3)
    assert turned == (2,)
    lopsided = replace(LEAF, limbs=((0, 1), (1, 0), (1, 3), (3, 2), (1, 1)))
    limbs, places, turned = joints.mirrored_limbs(lopsided)
    assert limbs == ((0, 1), (1, 3), (3, 2), (0, 2))
    assert places == (3, 2, 1, 0)
    assert turned == (1, 2)


def links(*rows):
    limb, start, end = np.array(rows).T
    return fields.Links(limb, start, end, np.linspace(0.9, 0.5, len(rows), dtype=np.float32))


def test_the_five_ways_in_which_limbs_meet():
    kinds = np.array([0, 0, 1, 1, 2, 3])  # two stems, two lefts, a right, a tip
    points = np.arange(12, dtype=np.float32).reshape(6, 2)
    tops = peaks.Peaks(kinds, points.astype(int), points, np.ones(6, np.float32))
    new_and_longer = links((0, 0, 2), (3, 2, 5))
    found, scores = fields.assemble(tops, new_and_longer, 4, 1)
    assert (found[0, :, 2] > 0).tolist() == [True, True, False, True]
    assert scores[0] == pytest.approx((3 + 0.9 + 0.5) / 5)
    joined = links((0, 0, 2), (4, 4, 5), (3, 2, 5))
    found, _ = fields.assemble(tops, joined, 4, 1)
    assert len(found) == 1
    assert (found[0, :, 2] == 1).all()  # both halves are there
    circle = links((0, 0, 2), (3, 2, 5), (4, 4, 5), (1, 0, 4))
    found, scores = fields.assemble(tops, circle, 4, 1)
    assert scores[0] == pytest.approx((4 + sum(np.linspace(0.9, 0.5, 4))) / 8)
    second_stem = links((0, 0, 2), (1, 1, 4), (2, 2, 4))  # would join stem 0 and stem 1
    found, _ = fields.assemble(tops, second_stem, 4, 1)
    assert len(found) == 2
    assert found[0, 0, :2].tolist() == [0, 1]
    taken = links((0, 0, 2), (0, 0, 3))  # a stem has one limb to a left
    assert len(fields.assemble(tops, taken, 4, 1)[0]) == 1
    assert len(fields.assemble(tops, taken, 4, 3)[0]) == 0


@pytest.mark.parametrize(("covered", "joined"), [(0.6, False), (0.95, True)])
def test_a_field_must_run_along_most_of_the_way(covered, joined):
    """The middle alone shows a limb in both."""
    field = np.zeros((2, 16, 64), np.float32)
    field[0, 8, 10 : 10 + round(40 * covered)] = 1
    ends = np.float32([[10, 8], [50, 8]])
    tops = peaks.Peaks(np.array([0, 1]), ends.astype(int), ends, np.ones(2, np.float32))
    found = fields.link(field, tops, [(0, 1)], 1)
    assert len(found.limbs) == joined
    assert len(fields.link(-field, tops, [(0, 1)], 1).limbs) == 0  # it runs the other way
    if joined:
        assert found.scores[0] == pytest.approx(covered, abs=0.06)


def test_a_keypoint_gets_one_limb_of_a_kind():
    kinds = np.array([0, 1, 1, 1])
    points = np.zeros((4, 2), np.float32)
    tops = peaks.Peaks(kinds, points.astype(int), points, np.ones(4, np.float32))
    found, _ = fields.assemble(tops, links((0, 0, 2), (0, 0, 1), (0, 0, 3)), 2, 1)
    assert len(found) == 1
