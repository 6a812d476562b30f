"""Poses: targets, there and back, mirrors, what nobody knows, and who is whose."""

from dataclasses import replace

import numpy as np
import pytest
from check_task import (
    check_mirrored_maps,
    check_perfect_maps_score_one,
    check_settings_survive,
    check_targets,
    perfect_maps,
    round_trip,
)
from drawn_poses import COCO, LEAF, STANDING, of_keypoints, people

from segmentare.annotations import geometry
from segmentare.annotations.poses import Skeleton
from segmentare.tasks import TASKS, PoseTask, peaks, reading

CENTER, FIELDS = PoseTask(COCO), PoseTask(COCO, code="fields")
BOTH = pytest.mark.parametrize("task", [CENTER, FIELDS], ids=["center", "fields"])


def distances(found, truth):
    """Return for each true object the largest error of the object found nearest to it."""
    far = np.abs(found.keypoints[:, None, :, :2] - truth.keypoints[None, :, :, :2])
    return far.max(axis=(2, 3)).min(axis=0)


@BOTH
@pytest.mark.parametrize("count", [0, 1, 3, 8])
@pytest.mark.parametrize("stride", [1, 2, 4])
def test_targets_keep_the_contract(task, count, stride):
    annotation = people(np.random.default_rng(count), count, (92, 130))
    check_targets(task, annotation, stride)


@BOTH
@pytest.mark.parametrize("count", [0, 1, 2, 7, 20])
def test_perfect_maps_score_one(task, count):
    annotation = people(np.random.default_rng(count), count, (256, 320))
    check_perfect_maps_score_one(task, annotation)


@BOTH
@pytest.mark.parametrize("stride", [1, 2, 4])
@pytest.mark.parametrize("count", [1, 10, 50])
def test_everybody_is_found_exactly_once(task, count, stride):
    """COCO's score looks at 20 people of an image, so 50 are compared one by one."""
    annotation = people(np.random.default_rng(count), count, (384, 384))
    found = round_trip(task, annotation, stride)
    assert len(found) == count
    assert distances(found, annotation).max() < 0.01
    assert found.size == annotation.size
    assert (found.scores > 0.99).all()


@BOTH
@pytest.mark.parametrize("stride", [1, 4])
def test_targets_mirror_with_the_image(task, stride):
    annotation = people(np.random.default_rng(3), 4, (96, 128))
    hidden = annotation.keypoints.copy()
    hidden[1, [3, 8, 14]] = 0
    check_mirrored_maps(task, annotation, stride)
    check_mirrored_maps(task, replace(annotation, keypoints=hidden), stride)
    check_mirrored_maps(replace(task, skeleton=LEAF), leaves(), stride)


def leaves():
    shape = np.array([(0.5, 0.95), (0.3, 0.5), (0.75, 0.45), (0.5, 0.1)])
    return people(np.random.default_rng(5), 5, (96, 128), skeleton=LEAF, shape=shape)


@pytest.mark.parametrize("code", ["center", "fields"])
def test_other_objects_than_people(code):
    task = PoseTask(LEAF, code=code)
    annotation = leaves()
    check_perfect_maps_score_one(task, annotation)
    assert distances(round_trip(task, annotation, 2), annotation).max() < 0.01
    single = Skeleton("dot", ("dot",), (0,), (), (0.05,), ((255, 0, 0),))
    dots = of_keypoints([[[10, 20, 2]], [[40, 30, 2]]], (64, 64), single)
    assert len(round_trip(PoseTask(single), dots, 1)) == 2
    with pytest.raises(ValueError, match="follows limbs, but the skeleton 'dot' has none"):
        PoseTask(single, code="fields")


def test_golden_targets():
    keypoints = [[[4, 6, 2], [0, 0, 0], [8, 6, 1], [6, 2, 2]]]
    annotation = replace(of_keypoints(keypoints, (9, 12), LEAF), areas=np.float32([100]))
    maps = PoseTask(LEAF, unit=2.0).encode(annotation, 1)
    assert maps["keypoints"][0, 6, 4] == maps["keypoints"][2, 6, 8] == 1
    assert maps["keypoints"][0, 6, 5] == pytest.approx(np.exp(-1 / 8))  # 2 pixels wide
    x, y = 6, 14 / 3  # mean of the three
    assert np.unravel_index(np.nanargmax(maps["center"][0]), (9, 12)) == (5, 6)
    stem, left, right, tip = maps["joints"].reshape(4, 2, 9, 12)[:, :, 5, 6]
    assert stem.tolist() == [-1, 0.5]
    assert np.isnan(left).all()
    assert right.tolist() == [1, 0.5]
    assert tip.tolist() == [0, -1.5]
    known = ~np.isnan(maps["joints"][0])
    rows, columns = np.nonzero(known)
    assert (np.hypot(columns - x, rows - y) <= 3).all()  # the least radius of the disk
    assert known.sum() > 20
    drawn = PoseTask(LEAF, code="fields").encode(annotation, 1)["fields"].reshape(5, 2, 9, 12)
    assert drawn[4, :, 4, 7].tolist() == pytest.approx([-(0.2**0.5), -(0.8**0.5)])
    assert (drawn[4, :, 0, 0] == 0).all()
    assert np.isnan(drawn[0][:, 4, 6]).all()  # of a limb to the keypoint that nobody marked


@BOTH
def test_unknown_pixels_and_unmarked_people_are_no_ones_loss(task):
    annotation = people(np.random.default_rng(0), 3, (96, 96))
    unknown = np.zeros((96, 96), bool)
    unknown[:, 80:] = True
    keypoints = annotation.keypoints.copy()
    keypoints[2] = 0  # a person without keypoints, whose box is known
    annotation = replace(annotation, keypoints=keypoints, unknown=unknown)
    x0, y0, x1, y1 = annotation.boxes[2].astype(int)
    for name, values in task.encode(annotation, 1).items():
        assert np.isnan(values[:, unknown]).all(), name
        inside = values[:, y0 + 1 : y1, x0 + 1 : x1]
        assert np.isnan(inside).mean() > 0.8, name  # but for what the others reach in
        if name != "joints":
            assert (values[:, :3, :3] == 0).all(), name


@BOTH
def test_a_crowd_counts_nowhere(task):
    annotation = people(np.random.default_rng(0), 2, (96, 160), 60)  # 53 pixels wide each, apart
    crowd = np.array([False, True])
    x0, y0, x1, y1 = annotation.boxes[1].astype(int)
    maps = task.encode(replace(annotation, crowd=crowd), 1)
    assert np.isnan(maps["keypoints"][:, y0 + 1 : y1, x0 + 1 : x1]).all()
    assert not np.isnan(maps["keypoints"][:, :, : x0 - 1]).any()
    known = np.zeros((96, 160), bool)
    known[y0:y1, x0 : x0 + 5] = True  # its pixels, which are fewer than its box
    maps = task.encode(replace(annotation, crowd=crowd, unknown=known), 1)
    assert np.array_equal(np.isnan(maps["keypoints"][0]), known)


def test_an_unlabeled_joint_is_unknown_in_its_own_map_only():
    annotation = people(np.random.default_rng(1), 2, (96, 160), 60)
    keypoints = annotation.keypoints.copy()
    keypoints[0, 9] = 0
    maps = CENTER.encode(replace(annotation, keypoints=keypoints), 1)
    between = round((annotation.boxes[0, 2] + annotation.boxes[1, 0]) / 2)
    blank = np.isnan(maps["keypoints"])
    assert blank[9].any()
    assert not blank[np.arange(17) != 9].any()
    assert not blank[9, :, between:].any()  # where the other person is
    owned = ~np.isnan(maps["joints"][0])
    assert np.isnan(maps["joints"][18:20, :, :between]).all()
    assert np.array_equal(~np.isnan(maps["joints"][19, :, between:]), owned[:, between:])


def test_hidden_joints_get_a_place():
    annotation = people(np.random.default_rng(1), 3, (128, 192))
    maps = perfect_maps(CENTER, CENTER.encode(annotation, 1))
    maps["keypoints"][[9, 15]] = 0  # nobody's wrist and ankle are seen
    found = CENTER.decode(maps, 1)
    assert distances(found, annotation).max() < 0.01
    assert (found.keypoints[:, [9, 15], 2] == reading.GUESSED).all()
    assert (np.delete(found.keypoints, [9, 15], axis=1)[..., 2] > 0.9).all()
    maps = perfect_maps(FIELDS, FIELDS.encode(annotation, 1))
    maps["keypoints"][[9, 15]] = 0
    found = FIELDS.decode(maps, 1)
    assert len(found) == 3
    assert (found.keypoints[:, [9, 15]] == 0).all()


def test_keypoints_snap_to_their_own_peak():
    annotation = people(np.random.default_rng(2), 12, (192, 256))
    maps = perfect_maps(CENTER, CENTER.encode(annotation, 1))
    rng = np.random.default_rng(0)
    shift = rng.normal(0, 2 / CENTER.unit, maps["joints"].shape[0])[:, None, None]
    maps["joints"] += shift.astype(np.float32)
    assert distances(CENTER.decode(maps, 1), annotation).max() < 0.01
    unsnapped = replace(CENTER, peak=1.1).decode(maps, 1)
    assert distances(unsnapped, annotation).min() > 1


TREE = (-1, 3, 4, 5, 6, -1, -1, 5, 6, 7, 8, -1, -1, 11, 12, 13, 14)


@pytest.mark.parametrize("stride", [1, 4])
def test_vectors_may_start_in_other_keypoints(stride):
    annotation = people(np.random.default_rng(3), 3, (128, 192))
    task = replace(CENTER, parents=TREE)
    encoded = task.encode(annotation, stride)
    start = annotation.keypoints[0, 7, :2]  # of a forearm
    column, row = np.rint((start - (stride - 1) / 2) / stride).astype(int)
    cell = np.array([column, row]) * stride + (stride - 1) / 2
    way = encoded["joints"][18:20, row, column] * task.unit
    assert way == pytest.approx(annotation.keypoints[0, 9, :2] - cell, abs=1e-4)
    maps = perfect_maps(task, encoded)
    maps["keypoints"] = np.zeros_like(maps["keypoints"])
    assert distances(task.decode(maps, stride), annotation).max() < 0.01  # nothing was snapped


def test_children_are_looked_for_from_where_their_parents_are_seen():
    annotation = people(np.random.default_rng(2), 3, (192, 256))
    task = replace(CENTER, parents=TREE)
    maps = perfect_maps(task, task.encode(annotation, 1))
    maps["keypoints"][9] = 0  # wrists are hidden, elbows are not
    maps["joints"][10:12] += 2 / task.unit  # and shoulders, their parents, are missed
    found = task.decode(maps, 1)
    assert distances(found, annotation).max() < 0.01
    assert (found.keypoints[:, 9, 2] == reading.GUESSED).all()


def test_two_people_do_not_share_a_peak():
    tops = peaks.Peaks(
        np.array([0, 0]), np.array([[10, 10], [14, 10]]), np.float32([[10, 10], [14, 10]]),
        np.float32([0.9, 0.8]),
    )  # fmt: skip
    places = np.float32([[[11, 10]], [[10.5, 10]]])
    found = reading.snap(places, tops, np.zeros((1, 32, 32), np.float32), 0.1, 1)
    assert found[:, 0].tolist() == [[14, 10, np.float32(0.8)], [10, 10, np.float32(0.9)]]


def test_doubles_are_dropped_and_neighbors_are_not():
    annotation = people(np.random.default_rng(4), 2, (128, 160))
    places = annotation.keypoints[:, :, :2]
    thrice = np.concatenate([places, places[:1] + np.float32(0.5)])
    kept = reading.singles(thrice, np.float32([0.5, 0.6, 0.9]), COCO, 0.5)
    assert kept.tolist() == [2, 1]


def test_keypoints_far_beyond_the_image_are_not_found():
    places = np.float32([[[5, 5], [-2, 5], [-60, 5], [20, 40]]])
    none = peaks.find(np.zeros((4, 32, 48), np.float32), 0.1, 3, 1)
    found = reading.snap(places, none, np.zeros((4, 32, 48), np.float32), 0.1, 1)
    assert found[0, 1].tolist() == [-0.5, 5, reading.GUESSED]
    assert (found[0, 2] == 0).all()
    assert found[0, 3, 2] > 0


def test_crossed_people_are_told_apart_by_their_fields():
    first, second = STANDING * (60, 120) + (10, 4), STANDING * (60, 120) + (34, 8)
    keypoints = np.full((2, 17, 3), 2.0)
    keypoints[0, :, :2], keypoints[1, :, :2] = first, second
    annotation = of_keypoints(keypoints, (128, 112))
    for task in (CENTER, FIELDS):
        found = round_trip(task, annotation, 1)
        assert len(found) == 2
        assert distances(found, annotation).max() < 1


@BOTH
def test_maps_of_nothing_show_nobody(task):
    for size in ((1, 1), (9, 5), (64, 64)):
        maps = {head.name: np.zeros((head.channels, *size), np.float32) for head in task.heads}
        found = task.decode(maps, 1)
        assert len(found) == 0
        assert found.keypoints.shape == (0, 17, 3)
        assert found.scores.shape == (0,)
        assert found.size == size


@BOTH
def test_any_maps_decode(task):
    rng = np.random.default_rng(0)
    for scale in (0.1, 1.0, 100.0):
        maps = {
            head.name: (
                rng.normal(0, scale, (head.channels, 33, 47))
                if head.kind == "vectors"
                else rng.uniform(0, 1, (head.channels, 33, 47))
            ).astype(np.float32)
            for head in task.heads
        }
        found = task.decode(maps, 2)
        assert np.isfinite(found.keypoints).all()
        assert (found.scores >= 0).all()
        assert (found.scores <= 1).all()
        assert (np.diff(found.scores) <= 0).all()
    task.decode({name: np.ones_like(values) for name, values in maps.items()}, 1)


def test_noise_moves_peaks_little():
    annotation = people(np.random.default_rng(6), 4, (192, 192))
    rng = np.random.default_rng(0)
    for task in (CENTER, FIELDS):
        maps = perfect_maps(task, task.encode(annotation, 4))
        shaken = {
            name: values + np.float32(0.02) * rng.standard_normal(values.shape, np.float32)
            for name, values in maps.items()
        }
        assert distances(task.decode(shaken, 4), annotation).max() < 1.5


def test_poses_of_a_part_of_the_image():
    annotation = people(np.random.default_rng(7), 2, (96, 160))
    cut = annotation.warp(geometry.shift(-80, 0), (96, 80))  # the first person leaves the image
    for task in (CENTER, FIELDS):
        check_targets(task, cut, 1)
        assert len(round_trip(task, cut, 1)) == 1


def test_an_annotation_of_other_keypoints_is_refused():
    with pytest.raises(ValueError, match="17 keypoints of 'coco17'; it has the 4 of 'leaf'"):
        CENTER.encode(leaves(), 1)


def test_a_dataset_without_keypoints_is_refused():
    with pytest.raises(ValueError, match="'pose' needs images with keypoints"):
        PoseTask.from_categories(CENTER.categories)
    assert TASKS["pose"].from_categories(CENTER.categories, COCO) == CENTER


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"code": "telepathy"}, "code must be one of center, fields; got 'telepathy'"),
        ({"unit": 0.0}, "unit must be above 0"),
        ({"spacing": 0}, "spacing at least 1 pixel; got 32.0 and 0"),
    ],
)
def test_damaged_settings_are_refused(settings, words):
    with pytest.raises(ValueError, match=words):
        PoseTask(COCO, **settings)
    name = next(iter(settings))  # read from a file, a setting is named
    with pytest.raises(ValueError, match=f"{words}|'{name}' must be a (whole )?number from"):
        PoseTask.from_dict({**CENTER.to_dict(), **settings})


@pytest.mark.parametrize(
    "task", [CENTER, FIELDS, replace(CENTER, skeleton=LEAF, unit=8.0, reach=0.2, sure=0.4)]
)
def test_settings_survive_the_model_file(task):
    check_settings_survive(task)
    assert set(task.tunable) <= set(task.to_dict())
    for field, values in task.tunable.items():
        for value in values:
            check_settings_survive(replace(task, **{field: value}))
