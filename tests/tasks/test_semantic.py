from dataclasses import replace

import numpy as np
import pytest
from check_task import (
    check_perfect_maps_score_one,
    check_settings_survive,
    check_targets,
    perfect_maps,
    round_trip,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from segmentare.annotations import geometry
from segmentare.annotations.segmentation import UNLABELED, Category, Segmentation
from segmentare.errors import ModelError
from segmentare.tasks import SemanticTask, task_from_dict

BACKGROUND = Category("background", (0, 0, 0), background=True)
BINARY = SemanticTask((BACKGROUND, Category("lesion", (255, 0, 0))))
STREET = SemanticTask(tuple(Category(f"kind {i}", (i, i, i)) for i in range(4)))


@st.composite
def annotations(draw, categories=2):
    height, width = draw(st.integers(1, 40)), draw(st.integers(1, 40))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    blocks = rng.integers(0, categories, (5, 5)).astype(np.uint8)
    category = geometry.resample_labels(blocks, (height, width)).copy()
    if draw(st.booleans()):
        category[: height // 3] = UNLABELED
    return Segmentation(category)


@given(annotations(), st.sampled_from([1, 2, 4]))
@settings(max_examples=25, deadline=None)
def test_binary_targets_keep_the_contract(annotation, stride):
    check_targets(BINARY, annotation, stride)


@given(annotations(categories=4), st.sampled_from([1, 2, 4]))
@settings(max_examples=25, deadline=None)
def test_many_category_targets_keep_the_contract(annotation, stride):
    check_targets(STREET, annotation, stride)


@given(annotations(categories=4))
@settings(max_examples=25, deadline=None)
def test_round_trip_is_exact(annotation):
    known = annotation.category != UNLABELED
    decoded = round_trip(STREET, annotation, 1)
    assert np.array_equal(decoded.category[known], annotation.category[known])
    if known.any():
        check_perfect_maps_score_one(STREET, annotation)


@pytest.mark.parametrize("task", [BINARY, STREET, replace(BINARY, threshold=0.3, smallest=0.01)])
def test_settings_survive_the_model_file(task):
    check_settings_survive(task)


def test_targets_mirror_with_the_image():
    category = np.arange(30, dtype=np.uint8).reshape(5, 6) % 2
    annotation = Segmentation(category)
    mirrored = annotation.warp(geometry.flip(annotation.size), annotation.size)
    assert np.array_equal(
        BINARY.encode(mirrored, 1)["object"], BINARY.encode(annotation, 1)["object"][..., ::-1]
    )


def test_golden_targets_and_probability():
    category = np.array([[0, 1, UNLABELED]], np.uint8)
    target = BINARY.encode(Segmentation(category), 1)["object"]
    assert target[0, 0, :2].tolist() == [0, 1]
    assert np.isnan(target[0, 0, 2])
    maps = {"object": np.array([[[0.2, 0.5, 0.9]]], np.float32)}
    decoded = BINARY.decode(maps, 1)
    assert decoded.category.tolist() == [[0, 1, 1]]
    assert decoded.probability.tolist() == maps["object"][0].tolist()
    assert replace(BINARY, threshold=0.6).decode(maps, 1).category.tolist() == [[0, 0, 1]]


def test_small_objects_and_small_holes_go_large_ones_stay():
    truth = np.zeros((20, 20), np.float32)
    truth[2:12, 2:12] = 1  # 100 pixels
    truth[5, 5] = 0  # a hole of 1 pixel
    truth[17, 17] = 1  # an object of 1 pixel
    task = replace(BINARY, smallest=0.01)  # 4 of 400 pixels
    decoded = task.decode({"object": truth[None]}, 1).category
    expected = np.zeros((20, 20), np.uint8)
    expected[2:12, 2:12] = 1
    assert np.array_equal(decoded, expected)


def test_one_noisy_pixel_changes_one_pixel():
    annotation = Segmentation(np.zeros((8, 8), np.uint8))
    maps = perfect_maps(STREET, STREET.encode(annotation, 1))
    maps["category"][:, 3, 3] = [0, 0, 1, 0]
    decoded = STREET.decode(maps, 1).category
    assert decoded[3, 3] == 2
    assert (decoded == 0).sum() == 63


def test_stride_two_takes_the_upper_left_of_every_cell_and_the_last_of_a_partial_one():
    category = np.arange(15, dtype=np.uint8).reshape(3, 5) % 4
    target = STREET.encode(Segmentation(category), 2)["category"][0]
    assert target.tolist() == category[[0, 2]][:, [0, 2, 4]].tolist()


def test_an_unknown_task_is_named():
    with pytest.raises(ModelError, match="found 'telepathy'"):
        task_from_dict({"name": "telepathy"})
