"""Panoptic segmentation: targets, there and back, votes, voids and small areas."""

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
    same_objects,
)
from drawn_objects import DOG, GRASS, SHEEP, SKY, rectangles
from hypothesis import given, settings
from hypothesis import strategies as st

from segmentare.annotations.segmentation import UNLABELED, Segmentation
from segmentare.tasks import PanopticTask

SCENE = PanopticTask((SKY, SHEEP, DOG, GRASS))
KINDS = {"kinds": (1, 2), "stuff": (0, 3)}


@given(rectangles(**KINDS), st.sampled_from([1, 2, 4]))
@settings(max_examples=12, deadline=None)
def test_targets_keep_the_contract(annotation, stride):
    check_targets(SCENE, annotation, stride)


@given(rectangles(**KINDS))
@settings(max_examples=20, deadline=None)
def test_round_trip_is_exact(annotation):
    task = replace(SCENE, least_stuff=0.0)  # what little shows between objects is stuff too
    known = annotation.category != UNLABELED
    decoded = round_trip(task, annotation, 1)
    assert np.array_equal(decoded.category[known], annotation.category[known])
    assert same_objects(decoded.instance[known], annotation.instance[known])
    check_perfect_maps_score_one(task, annotation)


@given(rectangles(**KINDS))
@settings(max_examples=12, deadline=None)
def test_targets_mirror_with_the_image(annotation):
    check_mirrored_maps(SCENE, annotation)


def scene():
    category = np.full((40, 60), 3, np.uint8)
    category[:12] = 0
    instance = np.zeros((40, 60), np.int32)
    instance[10:30, 10:30], instance[10:30, 30:50] = 1, 2
    category[instance > 0] = 1
    return Segmentation(category, instance)


def test_golden_targets():
    annotation = scene()
    annotation.category[35:, :5] = UNLABELED
    annotation.category[35:, 55:] = 2  # a pack of dogs that nobody told apart
    maps = replace(SCENE, unit=1.0).encode(annotation, 1)
    assert maps["category"][0, 0, 0] == 0
    assert maps["category"][0, 20, 40] == 1
    assert maps["category"][0, 36, 56] == 2
    assert np.isnan(maps["category"][0, 36, 2])
    assert np.isnan(maps["center"][0, 36, [2, 56]]).all()
    assert maps["center"][0, 0, 0] < 1e-6
    assert maps["offset"][:, 10, 10].tolist() == [9.5, 9.5]
    assert np.isnan(maps["offset"][:, annotation.instance == 0]).all()


def test_the_majority_names_the_thing():
    maps = perfect_maps(SCENE, SCENE.encode(scene(), 1))
    maps["category"][:, 10:18, 10:30] = np.array([0, 0.1, 0.9, 0])[:, None, None]
    decoded = SCENE.decode(maps, 1)
    assert np.array_equal(decoded.category, scene().category)
    assert decoded.scores.min() > 0.9


def test_what_nothing_explains_is_void():
    maps = perfect_maps(SCENE, SCENE.encode(scene(), 1))
    maps["center"][0, :, 30:] = 0
    rng = np.random.default_rng(0)
    wild = rng.uniform(-3, 3, (2, 20, 20)).astype(np.float32)  # times 32 pixels
    maps["offset"][:, 10:30, 30:50] = wild
    decoded = SCENE.decode(maps, 1)
    assert (decoded.category[10:30, 10:30] == 1).all()
    void = decoded.category[10:30, 32:50] == UNLABELED
    assert void.mean() > 0.6
    assert not decoded.instance[decoded.category == UNLABELED].any()
    assert decoded.instance[20, 20] == 1


def test_small_surfaces_and_small_things_are_left_out():
    annotation = scene()
    annotation.category[36:38, 4:9] = 0  # the sky is large: this is part of it
    annotation.category[32:36, 20:22] = 2
    annotation.instance[32:36, 20:22] = 3  # 8 pixels
    decoded = round_trip(SCENE, annotation, 1)
    assert (decoded.category[36:38, 4:9] == 0).all()
    assert (decoded.category[32:36, 20:22] == UNLABELED).all()
    strict = round_trip(replace(SCENE, least_stuff=0.3), annotation, 1)
    assert (strict.category[:8] == UNLABELED).all()
    assert (strict.category[39] == 3).all()


def test_nothing_and_anything_decode():
    for size in ((1, 1), (9, 5)):
        empty = Segmentation(np.zeros(size, np.uint8), np.zeros(size, np.int32))
        assert not round_trip(SCENE, empty, 1).instance.any()
    rng = np.random.default_rng(0)
    maps = {
        "category": rng.uniform(0, 1, (4, 33, 47)).astype(np.float32),
        "center": rng.uniform(0, 1, (1, 33, 47)).astype(np.float32),
        "offset": rng.normal(0, 1, (2, 33, 47)).astype(np.float32),
    }
    decoded = SCENE.decode(maps, 1)
    assert decoded.instance.max() == len(decoded.scores)
    assert np.isin(decoded.category[decoded.instance > 0], [1, 2]).all()


def test_an_annotation_without_objects_is_refused():
    with pytest.raises(ValueError, match="needs an annotation with instance ids"):
        SCENE.encode(Segmentation(np.zeros((4, 4), np.uint8)), 1)


def test_settings_survive_the_model_file():
    check_settings_survive(replace(SCENE, peak=0.3, least_stuff=0.01))
    assert set(SCENE.tunable) <= set(SCENE.to_dict())
