"""Drawn people: the same again for the same number, exact joints and pixels, COCO's form."""

import json

import numpy as np
import pytest

from segmentare.annotations.poses import HIDDEN, NOT_LABELED, VISIBLE
from segmentare.annotations.segmentation import UNLABELED
from segmentare.datasets import open_dataset
from segmentare.datasets.base import Dataset
from segmentare.synthetic.people_dataset import (
    CATEGORIES,
    SKELETON,
    SyntheticPeople,
    draw_people,
    write_dataset,
)
from segmentare.tasks import BodyTask, PoseTask


def test_one_number_gives_one_picture():
    first, again, other = draw_people(7), draw_people(7), draw_people(8)
    assert np.array_equal(first.image, again.image)
    assert np.array_equal(first.annotation.keypoints, again.annotation.keypoints)
    assert not np.array_equal(first.image, other.image)


@pytest.mark.parametrize("size", [(32, 32), (33, 257), (200, 64), (192, 256)])
def test_every_size_is_drawn(size):
    for seed in range(6):
        sample = draw_people(seed, size)
        assert sample.image.shape == (*size, 3)
        assert sample.image.dtype == np.uint8
        assert sample.annotation.size == size
        assert sample.annotation.keypoints.dtype == np.float32


@pytest.fixture(scope="module")
def drawn():
    return [draw_people(seed) for seed in range(40)]


def test_pictures_show_one_and_several_people(drawn):
    counts = [len(sample.annotation) for sample in drawn]
    assert min(counts) <= 1
    assert max(counts) >= 4
    assert sum(counts) > 80
    heights = np.concatenate([np.ptp(s.annotation.boxes[:, 1::2], axis=1) for s in drawn])
    assert heights.min() < 110
    assert heights.max() > 150


def test_ids_boxes_and_areas_are_those_of_the_pixels(drawn):
    for sample in drawn:
        truth = sample.annotation
        ids, category = truth.segmentation.instance, truth.segmentation.category
        assert np.array_equal(ids > 0, category == 1)
        assert np.unique(ids[ids > 0]).tolist() == list(range(1, len(truth) + 1))
        unknown = np.zeros(truth.size, bool) if truth.unknown is None else truth.unknown
        assert np.array_equal(category == UNLABELED, unknown)
        for i in range(len(truth)):
            rows, columns = np.nonzero(ids == i + 1)
            assert truth.areas[i] == len(rows)
            box = columns.min() - 0.5, rows.min() - 0.5, columns.max() + 0.5, rows.max() + 0.5
            assert tuple(truth.boxes[i]) == box


def test_visible_joints_lie_on_their_person(drawn):
    states = {NOT_LABELED: 0, HIDDEN: 0, VISIBLE: 0}
    for sample in drawn:
        truth = sample.annotation
        ids = truth.segmentation.instance
        for i, person in enumerate(truth.keypoints):
            for x, y, visibility in person:
                states[int(visibility)] += 1
                if visibility == VISIBLE:
                    row, column = round(float(y)), round(float(x))
                    near = ids[max(row - 1, 0) : row + 2, max(column - 1, 0) : column + 2]
                    assert (near == i + 1).any()
                if visibility == NOT_LABELED:
                    assert x == y == 0
    total = sum(states.values())
    assert 0.5 < states[VISIBLE] / total < 0.9
    assert states[HIDDEN] / total > 0.1
    assert states[NOT_LABELED] / total > 0.01


def test_left_is_left_seen_from_the_front(drawn):
    """Faces are mostly seen from the front, where the left eye is right of the right one."""
    right_way = [
        left[0] > right[0]
        for sample in drawn
        for left, right in sample.annotation.keypoints[:, 1:3]
        if left[2] == right[2] == VISIBLE
    ]
    assert len(right_way) > 40
    assert all(right_way)


def test_people_hide_each_other(drawn):
    beside = 0
    for sample in drawn:
        ids = sample.annotation.segmentation.instance
        beside += ((ids[1:] != ids[:-1]) & (ids[1:] > 0) & (ids[:-1] > 0)).any()
    assert beside > 10
    assert any(sample.annotation.unknown is not None for sample in drawn)


def test_a_dataset_has_pictures_of_its_own():
    dataset: Dataset = SyntheticPeople(12, seed=3, size=(48, 64))
    assert len(dataset) == len(dataset.records) == 12
    assert dataset.categories == CATEGORIES
    assert dataset[5].name == dataset.records[5].name == "drawn_005"
    assert np.array_equal(dataset[5].image, SyntheticPeople(12, 3, (48, 64))[5].image)
    others = SyntheticPeople(12, seed=4, size=(48, 64))
    assert not any(np.array_equal(dataset[1].image, others[i].image) for i in range(12))
    assert PoseTask.from_categories(dataset.categories, dataset.skeleton) == PoseTask(SKELETON)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    return write_dataset(tmp_path_factory.mktemp("people"), 10, seed=1, size=(120, 160))


def test_what_is_written_is_read_back(written):
    dataset = SyntheticPeople(10, 1, (120, 160))
    read = open_dataset(written, task="body")
    assert read.reader == "coco_keypoints"
    assert read.skeleton == SKELETON
    assert not read.problems
    assert len(read) == 10
    for i in range(10):
        drawn, found = dataset[i], read[i]
        assert found.name == drawn.name
        assert np.array_equal(found.image, drawn.image)
        truth, count = drawn.annotation, len(drawn.annotation)
        assert np.allclose(found.annotation.keypoints[:count], truth.keypoints, atol=0.006)
        assert np.array_equal(found.annotation.boxes[:count], truth.boxes)
        assert np.array_equal(found.annotation.areas[:count], truth.areas)
        assert not found.annotation.crowd[:count].any()
        assert found.annotation.crowd[count:].all()
        assert np.array_equal(found.annotation.segmentation.instance, truth.segmentation.instance)
        assert np.array_equal(found.annotation.segmentation.category, truth.segmentation.category)
        same = (found.annotation.unknown is None) == (truth.unknown is None)
        assert same
        if truth.unknown is not None:
            assert np.array_equal(found.annotation.unknown, truth.unknown)


def test_the_file_is_cocos(written):
    data = json.loads((written / "annotations" / "person_keypoints_drawn.json").read_text())
    assert set(data) == {"images", "annotations", "categories"}
    assert data["categories"][0]["keypoints"] == list(SKELETON.keypoints)
    for entry in data["annotations"]:
        assert len(entry["keypoints"]) == 51
        assert entry["num_keypoints"] == sum(v > 0 for v in entry["keypoints"][2::3])
    assert not list(written.rglob("*.tmp"))


@pytest.mark.parametrize(
    "task", [PoseTask(SKELETON), PoseTask(SKELETON, code="fields"), BodyTask(SKELETON)]
)
def test_tasks_find_drawn_people_in_their_own_maps(drawn, task):
    """The ceiling of each code: people who overlap in every way, at the stride of networks."""
    metric = task.metric(fast=True)
    for sample in drawn[:25]:
        targets = task.encode(sample.annotation, 2)
        maps = {name: np.nan_to_num(values) for name, values in targets.items()}
        metric.update(task.decode(maps, 2), sample.annotation, sample.name)
    scores = metric.summary()
    assert scores["oks_ap"] > (0.95 if task.name != "pose" or task.code == "center" else 0.85)
    if task.name == "body":
        assert scores["iou"] > 0.9


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((0,), "at least 1 picture; got 0"),
        ((3, -1), "0 or more; got -1"),
        ((3, 0, (16, 64)), "at least 32 pixels high and wide; got 16 x 64"),
    ],
)
def test_impossible_wishes_are_refused(arguments, words, tmp_path):
    with pytest.raises(ValueError, match=words):
        write_dataset(tmp_path, *arguments)
    assert not list(tmp_path.iterdir())
