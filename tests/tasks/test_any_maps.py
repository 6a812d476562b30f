"""Every decode answers any maps at all: noise, constants, extremes, one pixel, nothing."""

import warnings
from dataclasses import replace

import numpy as np
import pytest
from drawn_objects import BACKGROUND, CELL, DOG, SHEEP, SKY
from drawn_poses import COCO, LEAF
from hypothesis import given, settings
from hypothesis import strategies as st

from segmentare.annotations.poses import Poses
from segmentare.annotations.segmentation import UNLABELED, Segmentation
from segmentare.prediction.predictor import Predictor
from segmentare.prediction.preprocessing import Preprocessing
from segmentare.tasks import BodyTask, InstanceTask, PanopticTask, PoseTask, SemanticTask, peaks

PARENTS = (-1, 0, 0, 1)
TASKS = {
    "binary": SemanticTask((BACKGROUND, CELL)),
    "categories": SemanticTask((BACKGROUND, SHEEP, SKY)),
    "center": InstanceTask((BACKGROUND, CELL)),
    "center-kinds": InstanceTask((BACKGROUND, SHEEP, DOG)),
    "flow": InstanceTask((BACKGROUND, CELL), "flow"),
    "flow-kinds": InstanceTask((BACKGROUND, SHEEP, DOG), "flow"),
    "panoptic": PanopticTask((BACKGROUND, SHEEP, SKY)),
    "pose": PoseTask(LEAF),
    "pose-parents": PoseTask(LEAF, parents=PARENTS),
    "pose-people": PoseTask(COCO),
    "pose-fields": PoseTask(LEAF, code="fields"),
    "body": BodyTask(LEAF),
    "body-parents": BodyTask(LEAF, parents=PARENTS),
}
SIZES = [(1, 1), (1, 2), (1, 9), (7, 1), (2, 2), (3, 5), (16, 12), (1, 70), (33, 40)]
LARGEST = float(np.finfo(np.float32).max)
FILLS = ("zero", "one", "constant", "noise", "pixel", "extremes")


def activated(rng, shape, fill):
    """Return values from 0 to 1, as after a sigmoid."""
    if fill in {"zero", "one", "constant"}:
        value = {"zero": 0, "one": 1}.get(fill, rng.random())
        return np.full(shape, value, np.float32)
    if fill == "pixel":
        values = np.zeros(shape, np.float32)
        values[tuple(rng.integers(side) for side in shape)] = 1
        return values
    if fill == "extremes":
        return rng.choice(np.array([0, 1e-45, 0.5, 1 - 1e-7, 1], np.float32), shape)
    return rng.random(shape, np.float32)


def vectors(rng, shape, fill):
    """Return any finite numbers."""
    if fill == "extremes":
        return rng.choice(np.array([-LARGEST, -1e9, 0, 1e-45, 1e9, LARGEST], np.float32), shape)
    return activated(rng, shape, fill) * np.float32(rng.choice([-20, -1, 1, 20]))


def any_maps(task, size, fills, seed):
    """Return maps such as an untrained network may answer, each head by a kind of its own."""
    rng = np.random.default_rng(seed)
    maps = {}
    for number, head in enumerate(task.heads):
        fill = fills[number % len(fills)]
        shape = (head.channels, *size)
        values = (vectors if head.kind == "vectors" else activated)(rng, shape, fill)
        if head.kind == "classes":
            values /= np.maximum(values.sum(axis=0), np.float32(1e-6))
        maps[head.name] = values
    return maps


def check(found, task, size, stride):
    seen = found.segmentation if isinstance(found, Poses) else found
    size = (size[0] * stride, size[1] * stride)
    assert found.size == size
    if isinstance(found, Poses):
        assert np.isfinite(found.keypoints).all()
        assert np.isfinite(found.boxes).all()
        assert np.isfinite(found.areas).all()
        assert ((found.keypoints[..., 2] >= 0) & (found.keypoints[..., 2] <= 1)).all()
        assert ((found.scores >= 0) & (found.scores <= 1)).all()
    if seen is not None:
        assert isinstance(seen, Segmentation)
        assert (np.isin(seen.category, [*range(len(task.categories)), UNLABELED])).all()
        assert ((seen.probability >= 0) & (seen.probability <= 1)).all()
        if seen.instance is not None:
            assert set(np.unique(seen.instance)) <= set(range(len(seen.scores) + 1))
            assert ((seen.scores >= 0) & (seen.scores <= 1)).all()


def settings_of(task, rng):
    """Return the task with settings as tuning tries them."""
    chosen = {name: values[rng.integers(len(values))] for name, values in task.tunable.items()}
    return replace(task, **chosen)


@pytest.mark.parametrize("name", TASKS)
@given(
    size=st.sampled_from(SIZES),
    stride=st.sampled_from([1, 2, 4]),
    fills=st.lists(st.sampled_from(FILLS), min_size=1, max_size=5),
    seed=st.integers(0, 2**32 - 1),
)
@settings(max_examples=60, deadline=None)
def test_any_maps_are_decoded(name, size, stride, fills, seed):
    rng = np.random.default_rng(seed)
    task = settings_of(TASKS[name], rng)
    maps = any_maps(task, size, fills, seed)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check(task.decode(maps, stride), task, size, stride)


@pytest.mark.parametrize("name", TASKS)
@given(
    size=st.sampled_from([(1, 1), (1, 150), (40, 90), (131, 77)]),
    scale=st.sampled_from([None, 1.0]),
    flips=st.booleans(),
    fills=st.lists(st.sampled_from(FILLS), min_size=1, max_size=5),
    seed=st.integers(0, 2**32 - 1),
)
@settings(max_examples=15, deadline=None)
def test_predictors_answer_with_any_maps(name, size, scale, flips, fills, seed):
    task = TASKS[name]

    def maps_of(batch):
        cells = tuple(side // task.stride for side in batch.shape[1:3])
        every = [any_maps(task, cells, fills, seed + i) for i in range(len(batch))]
        return {head: np.stack([maps[head] for maps in every]) for head in every[0]}

    preprocessing = Preprocessing(3, "uint8", (100.0,) * 3, (60.0,) * 3, (64, 64), scale=scale)
    predictor = Predictor(maps_of, task, preprocessing, flips=flips)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = predictor.predict(np.zeros((*size, 3), np.uint8))
    check(found, task, size, 1)


@pytest.mark.parametrize("spacing", [1, 3])
def test_foreground_without_any_center_is_decoded(spacing):
    """Tuning tries thresholds at which nothing but a few scattered pixels is foreground."""
    maps = {"object": np.zeros((1, 9, 9), np.float32), "flow": np.ones((2, 9, 9), np.float32)}
    maps["object"][0, 4, [1, 5]] = 0.9
    found = replace(TASKS["flow"], spacing=spacing, least_area=0).decode(maps, 1)
    assert len(found.scores) == 0
    assert not found.instance.any()


def test_of_many_peaks_the_highest_of_each_map_count():
    """Noise has as many peaks as cells, and pairs of them are compared."""
    rng = np.random.default_rng(0)
    maps = np.zeros((2, 200, 200), np.float32)
    maps[:, ::4, ::4] = rng.uniform(0.2, 1, (2, 50, 50))
    maps[1, 60:] = 0
    found = peaks.find(maps, 0.1, 1, 1)
    assert np.bincount(found.kinds).tolist() == [1000, 15 * 50]
    assert found.heights[found.kinds == 0].min() == np.sort(maps[0].ravel())[-1000]
    assert np.array_equal(maps[found.kinds, found.cells[:, 1], found.cells[:, 0]], found.heights)
