"""Centers, bumps, votes and ways of objects, each against the slow and obvious computation."""

import numpy as np
import pytest
from drawn_objects import ellipses
from scipy import ndimage, spatial

from segmentare.tasks import flows, grouping
from segmentare.tasks.grouping import Objects


@pytest.fixture(scope="module")
def instance():
    return ellipses(np.random.default_rng(0), 96, 14, (5, 12))


def test_centers_and_areas_are_those_of_scipy(instance):
    ids = np.arange(1, instance.max() + 1)
    expected = np.array(ndimage.center_of_mass(instance > 0, instance, ids))[:, ::-1]
    objects = grouping.measure(instance)
    assert np.allclose(objects.centers, expected)
    assert objects.areas.tolist() == np.bincount(instance.ravel())[1:].tolist()
    assert len(grouping.measure(np.zeros((3, 4), np.int32)).centers) == 0


@pytest.mark.parametrize("stride", [1, 2, 4])
def test_bumps_are_those_drawn_over_the_whole_map(instance, stride):
    objects = grouping.measure(instance)
    shape = tuple(-(-side // stride) for side in instance.shape)
    y, x = (np.mgrid[: shape[0], : shape[1]] * stride) + (stride - 1) / 2
    expected = np.zeros(shape)
    for (center_x, center_y), area in zip(objects.centers, objects.areas, strict=True):
        squared = (x - center_x) ** 2 + (y - center_y) ** 2
        sigma = np.clip(0.1 * np.sqrt(area), 2, 10)
        expected = np.maximum(expected, np.exp((squared.min() - squared) / (2 * sigma**2)))
    bumps = grouping.draw_bumps(objects, shape, stride)
    assert bumps.max() == 1
    assert np.abs(bumps - expected).max() < 0.02  # what a window of 3 deviations leaves out


def test_peaks_are_listed_from_the_highest():
    heat = np.zeros((20, 30), np.float32)
    heat[4, 5], heat[4, 7], heat[15, 20:22], heat[10, 10] = 0.8, 0.9, 0.5, 0.05
    points, heights = grouping.find_peaks(heat, 0.1, 3)
    assert points.tolist() == [[7, 4], [20.5, 15]]  # the 0.8 stands beside a 0.9
    assert heights.tolist() == [np.float32(0.9), 0.5]
    assert len(grouping.find_peaks(heat, 0.1, 1)[0]) == 3
    assert len(grouping.find_peaks(heat, 0.95, 3)[0]) == 0


def test_votes_go_to_the_center_that_a_tree_finds():
    rng = np.random.default_rng(1)
    centers = rng.uniform(0, 199, (40, 2))
    near = np.repeat(np.arange(40), 50)
    votes = (centers[near] + rng.normal(0, 1.5, (2000, 2))).astype(np.float32)
    places = np.sort(rng.choice(200 * 200, 2000, replace=False))
    distance, nearest = spatial.cKDTree(centers).query(votes)
    numbers = grouping.group(votes, places, centers, (200, 200), 1000)
    two = spatial.cKDTree(centers).query(votes, k=2)[0]
    sure = (distance < 2.9) & (two[:, 1] - two[:, 0] > 2)
    assert sure.sum() > 1500
    assert np.array_equal(numbers[sure], nearest[sure] + 1)


def block(height, width, top=10, left=10, size=(60, 80)):
    rows, columns = np.mgrid[top : top + height, left : left + width]
    return (rows * size[1] + columns).ravel(), columns.ravel(), rows.ravel()


def test_what_votes_for_one_point_is_an_object_though_no_center_was_seen():
    places, x, y = block(12, 20)
    none = np.zeros((0, 2))
    middle = np.array([[x.mean(), y.mean()]])
    votes = np.repeat(middle, len(places), axis=0).astype(np.float32)
    assert set(grouping.group(votes, places, none, (60, 80), 10)) == {1}
    assert set(grouping.group(votes, places, none, (60, 80), 241)) == {0}  # has 240 pixels
    mixed = votes.copy()
    mixed[:, 0] += 0.6 * (x - x.mean())  # as between two objects, in a map that was enlarged
    assert set(grouping.group(mixed, places, none, (60, 80), 10)) == {0}


def test_pixels_without_a_number_take_that_of_an_object_beside_them():
    places, x, y = block(10, 20)
    numbers = np.where(x < 16, 7, 9).astype(np.int32)
    numbers[(x == 13) & (y == 12)] = 0
    numbers[x >= 20] = 0  # only two columns of these ten lie near
    grouping.fill_gaps(numbers, places, (60, 80))
    assert (numbers[(x == 13) & (y == 12)] == 7).all()
    assert set(numbers[x < 16]) == {7}
    assert set(numbers[(x >= 16) & (x < 22)]) == {9}
    assert set(numbers[x >= 22]) == {0}


def test_votes_that_miss_everything_take_the_object_that_they_touch():
    places, x, y = block(12, 12)
    center = np.array([[x.mean(), y.mean()]])
    votes = np.repeat(center, len(places), axis=0).astype(np.float32)
    votes[30] = (79, 59)
    assert set(grouping.group(votes, places, center, (60, 80), 10)) == {1}


def test_the_best_objects_come_first_and_small_ones_go():
    numbers = np.array([1, 1, 1, 2, 2, 3, 3, 3, 3, 0], np.int32)
    found = grouping.keep(numbers, np.arange(10), (2, 5), np.array([0.2, 0.9, 0.7]), 3)
    assert found.instance.ravel().tolist() == [2, 2, 2, 0, 0, 1, 1, 1, 1, 0]
    assert found.numbers.tolist() == [3, 1]
    assert found.scores.tolist() == [0.7, 0.2]


def test_majorities_and_means():
    numbers = np.array([1, 1, 1, 3, 3, 0], np.int32)
    category = np.array([4, 2, 4, 1, 0, 9], np.uint8)
    assert grouping.majority(category, numbers, 3).tolist() == [4, 0, 0]
    assert grouping.mean_of(category.astype(np.float32), numbers, 3) == pytest.approx(
        [10 / 3, 0, 0.5]
    )


@pytest.mark.parametrize("shape", [(7, 300), (300, 7), (150, 150)])
def test_long_ways_are_followed_to_their_end(shape):
    instance = np.pad(np.ones(shape, np.int32), 3)
    flow = np.nan_to_num(flows.flow_to_center(instance))
    places = np.flatnonzero(instance)
    ends = flows.follow(flow, places)
    assert np.ptp(ends // instance.shape[1]) <= 3
    assert np.ptp(ends % instance.shape[1]) <= 3
    numbers, count = flows.gather(ends, instance.shape, 3)
    assert count == 1
    assert (numbers == 1).all()


def test_flows_of_a_horseshoe_are_the_shortest_paths():
    """Dijkstra over the pixels, with diagonals: where it says that a step is nearer, it is."""
    instance = np.zeros((40, 40), np.int32)
    instance[4:36, 4:36] = 1
    instance[4:26, 14:26] = 0
    flow = flows.flow_to_center(instance)
    places = np.flatnonzero(instance)
    length = np.hypot(*flow.reshape(2, -1)[:, places])
    (root,) = places[length < 0.5]
    distance = np.full(instance.size, np.inf)
    distance[root] = 0
    for _ in range(120):  # Bellman and Ford; the object touches no border
        for step in (-41, -40, -39, -1, 1, 39, 40, 41):
            far = distance[places + step] + (1 if abs(step) in (1, 40) else 2**0.5)
            distance[places] = np.minimum(distance[places], far)
    others = places[places != root]
    right, down = np.rint(flow.reshape(2, -1)[:, others] * 1.2).astype(int)
    following = others + down * 40 + right
    assert (instance.ravel()[following] == 1).mean() > 0.99
    gain = distance[others] - distance[following]
    assert (gain[np.isfinite(gain)] > 0).mean() > 0.99
    assert gain[np.isfinite(gain)].mean() > 0.95


def test_an_object_in_two_parts_points_straight_at_its_center():
    instance = np.zeros((9, 21), np.int32)
    instance[2:7, 1:12], instance[2:7, 17:20] = 1, 1
    flow = flows.flow_to_center(instance)
    assert flow[0, 4, 18] < -0.99
    assert np.isfinite(flow[:, instance > 0]).all()


def test_empty_bumps():
    empty = Objects(np.zeros((0, 2)), np.zeros(0, np.int64))
    assert not grouping.draw_bumps(empty, (4, 5), 1).any()
