"""Instance segmentation: targets, there and back, and what noise and missing centers do."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from check_task import (
    check_mirrored_maps,
    check_perfect_maps_score_one,
    check_settings_survive,
    check_targets,
    perfect_maps,
    round_trip,
    same_objects,
)
from drawn_objects import BACKGROUND, CELL, DOG, SHEEP, ellipses, f1, of_cells, rectangles
from hypothesis import given, settings
from hypothesis import strategies as st

from segmentare.annotations.segmentation import UNLABELED, Segmentation
from segmentare.tasks import InstanceTask

CENTER = InstanceTask((BACKGROUND, CELL))
FLOW = InstanceTask((BACKGROUND, CELL), "flow")
ANIMALS = InstanceTask((BACKGROUND, SHEEP, DOG))
ANIMALS_FLOW = replace(ANIMALS, code="flow")
ALL = (CENTER, FLOW, ANIMALS, ANIMALS_FLOW)


def test_heads_follow_the_code_and_the_categories():
    assert [head.name for head in CENTER.heads] == ["object", "center", "offset"]
    assert [head.name for head in FLOW.heads] == ["object", "flow"]
    assert [head.name for head in ANIMALS.heads] == ["object", "category", "center", "offset"]
    assert ANIMALS.heads[1].channels == 2
    with pytest.raises(ValueError, match="code must be one of center, flow; got 'telepathy'"):
        InstanceTask((BACKGROUND, CELL), "telepathy")


@given(rectangles(kinds=(1, 2)), st.sampled_from([1, 2, 4]))
@settings(max_examples=12, deadline=None)
def test_targets_keep_the_contract(annotation, stride):
    check_targets(ANIMALS, annotation, stride)
    check_targets(ANIMALS_FLOW, annotation, stride)


@given(rectangles(kinds=(1, 2)))
@settings(max_examples=20, deadline=None)
def test_round_trip_is_exact(annotation):
    known = annotation.category != UNLABELED
    for task in (ANIMALS, ANIMALS_FLOW):
        decoded = round_trip(task, annotation, 1)
        assert np.array_equal(decoded.category[known], annotation.category[known])
        assert same_objects(decoded.instance[known], annotation.instance[known])
        assert decoded.instance.max() == len(decoded.scores)
        assert (decoded.category != UNLABELED).all()


@given(rectangles())
@settings(max_examples=8, deadline=None)
def test_perfect_maps_score_one(annotation):
    check_perfect_maps_score_one(CENTER, annotation)
    check_perfect_maps_score_one(FLOW, annotation)


@pytest.mark.parametrize(
    ("code", "stride", "least"),
    [("center", 2, 1.0), ("center", 4, 0.99), ("flow", 2, 1.0), ("flow", 4, 0.99)],
)
def test_coarser_maps_lose_little(code, stride, least):
    rng = np.random.default_rng(5)
    scores = []
    for _ in range(3):
        truth = of_cells(ellipses(rng, 192, 60, (5, 12)))
        task = replace(CENTER, code=code)
        scores.append(f1(round_trip(task, truth, stride).instance, truth.instance))
    assert np.mean(scores) >= least


@given(rectangles(kinds=(1, 2)))
@settings(max_examples=12, deadline=None)
def test_targets_mirror_with_the_image(annotation):
    check_mirrored_maps(ANIMALS, annotation)
    check_mirrored_maps(ANIMALS_FLOW, annotation)


def test_golden_center_targets():
    instance = np.zeros((3, 7), np.int32)
    instance[1, 1:4] = 900  # center at (2, 1)
    instance[0, 6] = 7
    category = (instance > 0).astype(np.uint8)
    category[2, 5:] = UNLABELED
    category[2, 0] = 1  # a crowd: its category is known, its objects are not
    task = replace(CENTER, unit=2.0)
    maps = task.encode(Segmentation(category, instance), 1)
    assert maps["object"][0, 1].tolist() == [0, 1, 1, 1, 0, 0, 0]
    assert maps["offset"][0, 1, 1:4].tolist() == [0.5, 0, -0.5]
    assert maps["offset"][1, 1, 1:4].tolist() == [0, 0, 0]
    assert np.isnan(maps["offset"][:, category != 1]).all()
    assert maps["center"][0, 1, 2] == maps["center"][0, 0, 6] == 1
    assert maps["center"][0, 1, 1] == pytest.approx(np.exp(-1 / 8))  # standard deviation 2
    assert np.isnan(maps["center"][0, 2, [0, 5, 6]]).all()
    assert np.isnan(maps["object"][0, 2, 5:]).all()
    assert maps["object"][0, 2, 0] == 1


def test_golden_flow_targets():
    instance = np.zeros((5, 7), np.int32)
    instance[1:4, 1:4] = 4  # center at (2, 2)
    flow = FLOW.encode(of_cells(instance), 1)["flow"]
    half = np.sqrt(0.5)
    assert flow[:, 2, 2].tolist() == [0, 0]
    assert flow[:, 2, 1].tolist() == [1, 0]
    assert flow[:, 3, 2].tolist() == [0, -1]
    assert flow[:, 1, 3] == pytest.approx([-half, half])
    assert np.isnan(flow[:, instance == 0]).all()


def test_flow_goes_round_a_corner():
    instance = np.zeros((30, 30), np.int32)
    instance[2:28, 2:6] = 1
    instance[24:28, 2:28] = 1  # an L, its center of mass lies outside of it
    flow = FLOW.encode(of_cells(instance), 1)["flow"]
    inside = instance > 0
    length = np.hypot(*flow[:, inside])
    assert (np.abs(length - 1) < 1e-3).sum() == inside.sum() - 1  # all but the center
    assert flow[1, 3, 3] > 0.98  # from the upper end straight down, though the middle is right
    assert flow[0, 26, 26] < -0.98  # from the right end to the left
    decoded = round_trip(FLOW, of_cells(instance), 1)
    assert np.array_equal(decoded.instance, instance)


@pytest.mark.parametrize("task", [CENTER, FLOW])
def test_rings_touching_rings_come_back(task):
    truth = of_cells(ellipses(np.random.default_rng(1), 128, 14, (9, 16), hollow=True))
    decoded = round_trip(task, truth, 1)
    assert f1(decoded.instance, truth.instance) == 1
    assert (decoded.instance > 0).sum() == (truth.instance > 0).sum()


@pytest.mark.parametrize("task", [CENTER, FLOW])
def test_one_pixel_of_noise_on_small_ellipses(task):
    rng = np.random.default_rng(3)
    scores = []
    for _ in range(4):
        truth = of_cells(ellipses(rng, 160, 60, (4, 10)))
        maps = perfect_maps(task, task.encode(truth, 1))
        if task is CENTER:
            maps["offset"] += rng.normal(0, 1 / task.unit, maps["offset"].shape)
            maps["center"] = cv2.GaussianBlur(maps["center"][0], (0, 0), 1)[None]
        else:
            turn = rng.normal(0, 0.5, truth.size)
            right, down = maps["flow"]
            maps["flow"] = np.stack(
                [
                    right * np.cos(turn) - down * np.sin(turn),
                    right * np.sin(turn) + down * np.cos(turn),
                ]
            ).astype(np.float32)
        scores.append(f1(task.decode(maps, 1).instance, truth.instance))
    assert np.mean(scores) >= 0.99


@pytest.mark.parametrize("task", [CENTER, FLOW])
def test_one_noisy_pixel_changes_no_other(task):
    truth = of_cells(ellipses(np.random.default_rng(2), 96, 12, (8, 12)))
    maps = perfect_maps(task, task.encode(truth, 1))
    before = task.decode(maps, 1).instance
    row, column = np.argwhere(before == 5)[20]
    for name in set(maps) & {"offset", "flow"}:
        maps[name][:, row, column] = [0.9, -3.0]
    decoded = task.decode(maps, 1).instance
    others = np.ones(before.shape, bool)
    others[row, column] = False
    assert same_objects(decoded[others], before[others])
    assert decoded.max() == before.max()
    maps["object"][0, 0, 0] = 1  # a speck far from anything is no object
    assert task.decode(maps, 1).instance[0, 0] == 0


def test_an_object_without_a_center_is_not_swallowed():
    instance = np.zeros((40, 60), np.int32)
    instance[10:30, 10:30], instance[10:30, 30:50] = 1, 2
    maps = perfect_maps(CENTER, CENTER.encode(of_cells(instance), 1))
    maps["center"][0, :, 30:] = 0
    decoded = CENTER.decode(maps, 1)
    assert same_objects(decoded.instance, instance)
    seen, unseen = decoded.instance[20, 20], decoded.instance[20, 40]
    assert decoded.scores[seen - 1] == 1
    assert decoded.scores[unseen - 1] == np.float32(CENTER.peak)
    maps["center"][:] = 0  # nothing seen at all: the two touch, but vote for two points
    assert (CENTER.decode(maps, 1).instance == 0).all()
    dropped = replace(CENTER, agreement=0.5)
    maps["center"][0, 19:21, 19:21] = 1
    assert same_objects(dropped.decode(maps, 1).instance, np.where(instance == 1, 1, 0))


def test_pixels_that_vote_for_two_objects_at_once_are_no_third_one():
    instance = np.zeros((40, 64), np.int32)
    instance[10:30, 10:32], instance[10:30, 32:54] = 1, 2
    maps = perfect_maps(CENTER, CENTER.encode(of_cells(instance), 1))
    left, right = (maps["offset"][:, :, [column]] for column in (25, 38))
    share = np.linspace(0, 1, 14)[None, None]  # a coarse map, enlarged: 14 columns of mixture
    maps["offset"][:, :, 25:39] = (1 - share) * left + share * right
    decoded = CENTER.decode(maps, 1)
    assert decoded.instance.max() == 2
    assert f1(decoded.instance, instance) == 1


def test_small_objects_are_dropped_in_pixels():
    instance = np.zeros((20, 20), np.int32)
    instance[2:5, 2:5], instance[10:14, 10:13] = 1, 2  # 9 and 12 pixels
    for task in (CENTER, FLOW):
        assert round_trip(task, of_cells(instance), 1).instance.max() == 1
        assert round_trip(replace(task, least_area=5), of_cells(instance), 1).instance.max() == 2


def test_the_majority_names_the_object():
    instance = np.zeros((12, 12), np.int32)
    instance[2:10, 2:10] = 1
    maps = perfect_maps(ANIMALS, ANIMALS.encode(of_cells(instance), 1))
    maps["category"][:, 2:5, 2:10] = np.array([0.1, 0.9])[:, None, None]  # 24 of 64: a dog
    assert set(np.unique(ANIMALS.decode(maps, 1).category)) == {0, 1}
    maps["category"][:, 2:7, 2:10] = np.array([0.1, 0.9])[:, None, None]  # 40 of 64
    assert set(np.unique(ANIMALS.decode(maps, 1).category)) == {0, 2}


@pytest.mark.parametrize("task", ALL)
def test_nothing_becomes_nothing(task):
    for size in ((1, 1), (9, 5)):
        empty = Segmentation(np.zeros(size, np.uint8), np.zeros(size, np.int32))
        for stride in (1, 2):
            check_targets(task, empty, stride)
        decoded = round_trip(task, empty, 1)
        assert not decoded.instance.any()
        assert not decoded.category.any()
        assert len(decoded.scores) == 0


@pytest.mark.parametrize("task", ALL)
def test_any_maps_decode(task):
    rng = np.random.default_rng(0)
    for scale in (0.0, 1.0, 100.0):
        maps = {
            head.name: (
                rng.normal(0, scale, (head.channels, 33, 47))
                if head.kind == "vectors"
                else rng.uniform(0, 1, (head.channels, 33, 47))
            ).astype(np.float32)
            for head in task.heads
        }
        decoded = task.decode(maps, 1)
        assert decoded.instance.max() == len(decoded.scores)
        assert ((decoded.instance > 0) == (decoded.category > 0)).all()
        assert (np.diff(decoded.scores) <= 0).all()
    full = {name: np.ones_like(values) for name, values in maps.items()}
    task.decode(full, 1)


def test_an_annotation_without_objects_is_refused():
    with pytest.raises(ValueError, match="needs an annotation with instance ids"):
        CENTER.encode(Segmentation(np.zeros((4, 4), np.uint8)), 1)


@pytest.mark.parametrize("factor", [0.5, 1.0, 3.0])
def test_pixel_settings_grow_with_the_maps(factor):
    task = replace(CENTER, spacing=4, least_area=40)
    scaled = task.scaled(factor)
    assert (scaled.spacing, scaled.least_area) == (round(4 * factor), round(40 * factor**2))
    assert task.fitted(7.5).unit == 7.5


@pytest.mark.parametrize("task", [*ALL, replace(FLOW, threshold=0.3, spacing=9, unit=8.0)])
def test_settings_survive_the_model_file(task):
    check_settings_survive(task)
    assert set(task.tunable) <= set(task.to_dict())
