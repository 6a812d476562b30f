"""Ids that stay from frame to frame, and keypoints that come to rest."""

from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest
from drawn_videos import FPS, disks, poses, walkers

from segmentare.annotations.segmentation import Segmentation
from segmentare.video.smoothing import OneEuro, Smoothing, smooth
from segmentare.video.tracking import Tracks, assign, follow_objects, follow_poses


def follow(many, tracks=None):
    """Return the ids of each frame."""
    tracks, ids = tracks or Tracks(), []
    for found in many:
        tracks, known = follow_poses(tracks, found)
        ids.append(known.ids)
    return ids


def test_people_keep_their_ids_while_they_pass_each_other():
    """Both walk, in changing order of the network's output, and come as near as a shoulder."""
    rng = np.random.default_rng(0)
    orders = [[0, 1] if number % 3 else [1, 0] for number in range(45)]
    many = [poses(walkers(number, 0.5, rng)[order]) for number, order in enumerate(orders)]
    ids = follow(many)
    first = dict(zip(orders[0], ids[0], strict=True))
    for order, given in zip(orders, ids, strict=True):
        assert [first[person] for person in order] == list(given)


def test_who_was_away_for_a_while_is_known_again():
    two, one = poses(walkers(0)), poses(walkers(0)[:1])
    assert follow([two, one, one, one, two]) == [(1, 2), (1,), (1,), (1,), (1, 2)]
    assert follow([two, one, one, one, two], Tracks(patience=2))[-1] == (1, 3)


def test_who_was_away_is_looked_for_where_they_would_be():
    many = [walkers(3 * number)[:1] for number in range(12)]
    gone = [poses(people if n < 4 or n > 9 else people[:0]) for n, people in enumerate(many)]
    assert follow(gone)[-1] == (1,)


def test_newcomers_get_new_ids_and_ids_are_never_given_twice():
    far = walkers(0)[:1] + np.array([120, 0, 0], np.float32)
    none = poses(walkers(0)[:0])
    ids = follow([poses(walkers(0)[:1]), poses(far), none, none, poses(far)], Tracks(patience=1))
    assert ids == [(1,), (2,), (), (), (3,)]


def test_missing_keypoints_do_not_lose_a_person():
    half = walkers(1)[:1]
    half[0, 11:] = 0
    assert follow([poses(walkers(0)[:1]), poses(half), poses(walkers(2)[:1])]) == [(1,)] * 3
    head = walkers(0)[:1] + np.array([1, 0, 0], np.float32)
    head[0, 5:] = 0
    assert follow([poses(walkers(0)[:1]), poses(head)]) == [(1,)] * 2
    few = half.copy()
    few[0, 2:] = 0
    assert follow([poses(walkers(0)[:1]), poses(few)]) == [(1,), (2,)]


@pytest.mark.parametrize("seed", range(5))
def test_the_assignment_is_the_best_of_all(seed):
    values = np.random.default_rng(seed).random((3, 4))
    allowed = np.where(values >= 0.3, values, 0)
    best = max(sum(allowed[i, j] for i, j in enumerate(p)) for p in permutations(range(4), 3))
    pairs = assign(values, 0.3)
    assert sum(values[pair] for pair in pairs) == pytest.approx(best)
    assert all(values[pair] >= 0.3 for pair in pairs)


@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (0, 0)])
def test_nobody_is_assigned_to_nobody(shape):
    assert assign(np.zeros(shape), 0.2) == []


def test_objects_keep_their_ids():
    tracks, rows = Tracks(), []
    for number in range(30):
        tracks, found = follow_objects(tracks, disks(number))
        rows.append({i: np.argwhere(found.instance == i).mean(axis=0)[0] for i in (1, 2)})
        assert found.scores.tolist() == pytest.approx(([0.9, 0.8], [0.8, 0.9])[number % 2])
    assert {round(row[1]) for row in rows} == {35} or {round(row[1]) for row in rows} == {85}
    assert tracks.given == 2


def test_ids_of_objects_that_left_are_free_of_scores():
    tracks, _ = follow_objects(Tracks(), disks(0))
    one = disks(1)
    instance = np.where(one.instance == 1, 7, 0).astype(np.int32)
    scores = np.arange(10, dtype=np.float32) / 10
    tracks, found = follow_objects(tracks, Segmentation(one.category, instance, scores=scores))
    number = int(found.instance.max())
    assert found.scores[number - 1] == pytest.approx(0.6)
    tracks, empty = follow_objects(tracks, Segmentation(one.category * 0, instance * 0))
    assert empty.scores is None
    assert not empty.instance.any()


def test_objects_need_ids_and_one_size():
    with pytest.raises(ValueError, match="Only objects can be followed"):
        follow_objects(Tracks(), Segmentation(np.zeros((3, 3), np.uint8)))
    tracks, _ = follow_objects(Tracks(), disks(0))
    with pytest.raises(ValueError, match=r"size \(120, 200\); got \(60, 100\)"):
        follow_objects(tracks, disks(0, (60, 100)))


def smoothed(many, settings=None):
    state, rows = Smoothing(settings or OneEuro()), []
    for number, found in enumerate(many):
        state, calm = smooth(state, replace(found, ids=(1,) * len(found)), number / FPS)
        rows.append(calm.keypoints[..., :2])
    return np.array(rows)


def test_smoothing_calms_what_rests():
    rng = np.random.default_rng(1)
    still = [poses(walkers(0, 1.5, rng)[:1]) for _ in range(100)]
    before = np.array([found.keypoints[..., :2] for found in still])
    after = smoothed(still)
    jitter = [np.abs(np.diff(values[20:], axis=0)).mean() for values in (before, after)]
    assert jitter[1] < 0.35 * jitter[0]
    error = [np.abs(v[20:] - walkers(0)[:1, :, :2]).mean() for v in (before, after)]
    assert error[1] < 0.6 * error[0]


def test_smoothing_lags_little_behind_what_moves():
    rng = np.random.default_rng(2)
    walking = [poses(walkers(number, 1.0, rng)[:1]) for number in range(50)]
    true = np.array([walkers(number)[:1, :, :2] for number in range(50)])
    after = smoothed(walking)
    behind = (true - after)[20:, ..., 0].mean()
    assert behind < 2 * 3.0  # two frames of its steps of 3 pixels
    slow = smoothed(walking, OneEuro(beta=0.0))
    assert (true - slow)[20:, ..., 0].mean() > 2 * behind


def test_the_filter_is_that_of_the_paper():
    """Its formulas written out for one coordinate, with frames that come at uneven times."""
    rng = np.random.default_rng(3)
    times = np.cumsum(rng.uniform(0.02, 0.06, 40))
    values = np.cumsum(rng.normal(0, 3, 40))
    settings = OneEuro(cutoff=1.2, beta=3.0, speed_cutoff=0.8, memory=9)
    size, signal, got = 50.0, None, []
    for now, value in zip(times, values, strict=True):
        point, seen = np.array([[value, 0.0]]), np.array([True])
        signal = settings.step(signal, point, seen, (now, size))
        got.append(signal.values[0, 0])

    def share(cutoff, passed):
        return 1 / (1 + (1 / (2 * np.pi * cutoff)) / passed)

    calm, speed, wanted = values[0], 0.0, [values[0]]
    for i in range(1, 40):
        passed = times[i] - times[i - 1]
        speed += share(0.8, passed) * ((values[i] - calm) / passed - speed)
        calm += share(1.2 + 3.0 * abs(speed) / size, passed) * (values[i] - calm)
        wanted.append(calm)
    np.testing.assert_allclose(got, wanted)


def test_smoothing_does_not_depend_on_the_resolution():
    rng = np.random.default_rng(4)
    many = [walkers(number, 1.0, rng)[:1] for number in range(20)]
    large = [people * np.array([4, 4, 1], np.float32) for people in many]
    once = smoothed([poses(people) for people in many])
    again = smoothed([poses(people, (480, 800)) for people in large])
    np.testing.assert_allclose(again, 4 * once, rtol=1e-3)


def test_keypoints_that_are_missing_stay_missing_and_start_anew():
    away = walkers(0)[:1]
    away[0, 9] = 0
    moved = walkers(0)[:1] + np.array([30, 0, 0], np.float32)
    many = [walkers(0)[:1], *[away] * 15, moved]
    after = smoothed([poses(people) for people in many])
    assert (after[1:16, 0, 9] == 0).all()
    np.testing.assert_allclose(after[16, 0, 9], moved[0, 9, :2])
    assert after[16, 0, 8, 0] < moved[0, 8, 0] - 1  # the others were there all the time


def test_smoothing_needs_ids():
    with pytest.raises(ValueError, match="follow them first"):
        smooth(Smoothing(), poses(walkers(0)), 0.0)
