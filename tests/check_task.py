"""The contract that every task must keep, checked without any network."""

import numpy as np

from segmentare.annotations import geometry
from segmentare.tasks import Head, Maps, Task, task_from_dict


def perfect_maps(task: Task, targets: Maps) -> Maps:
    """Return what a perfect network would output (after activation) for the targets."""

    def perfect(head: Head):
        target = targets[head.name]
        if head.kind == "classes":
            known = np.nan_to_num(target[0]).astype(int)
            return np.eye(head.channels, dtype=np.float32)[known].transpose(2, 0, 1)
        return np.nan_to_num(target)

    return {head.name: perfect(head) for head in task.heads}


def check_targets(task: Task, annotation, stride: int) -> None:
    targets = task.encode(annotation, stride)
    height, width = (-(-side // stride) for side in annotation.size)
    assert list(targets) == [head.name for head in task.heads]
    for head in task.heads:
        target = targets[head.name]
        assert target.dtype == np.float32
        assert target.shape == (1 if head.kind == "classes" else head.channels, height, width)
        known = target[~np.isnan(target)]
        if head.kind in ("heatmap", "binary"):
            assert known.size == 0 or (known.min() >= 0 and known.max() <= 1)
        if head.kind == "classes":
            assert set(np.unique(known)) <= set(range(head.channels))


def round_trip(task: Task, annotation, stride: int):
    return task.decode(perfect_maps(task, task.encode(annotation, stride)), stride)


def check_perfect_maps_score_one(task: Task, annotation) -> None:
    metric = task.metric()
    metric.update(round_trip(task, annotation, 1), annotation, "image")
    assert metric.summary()[task.headline] == 1


def check_mirrored_maps(task: Task, annotation, stride: int = 1) -> None:
    """Mirroring the annotation mirrors the maps, swaps left and right, and turns vectors' x."""
    mirrored = annotation.warp(geometry.flip(annotation.size), annotation.size)
    targets, others = task.encode(annotation, stride), task.encode(mirrored, stride)
    for head in task.heads:
        expected = targets[head.name][..., ::-1].copy()
        assert sorted(head.swaps) in ([], list(range(head.channels))), head.name
        if head.swaps:
            expected = expected[list(head.swaps)]
        if head.kind == "vectors":
            expected[::2] *= -1
            expected[list(head.turned)] *= -1
        assert np.allclose(others[head.name], expected, atol=1e-4, equal_nan=True), head.name


def same_objects(first, second) -> bool:
    """Tell whether two instance maps show the same objects under whatever ids."""
    pairs = np.unique(np.stack([first.ravel(), second.ravel()]), axis=1)
    same = len(pairs.T) == len(np.unique(first)) == len(np.unique(second))
    return same and ((pairs == 0).all(axis=0) == (pairs == 0).any(axis=0)).all()


def check_settings_survive(task: Task) -> None:
    assert task_from_dict(task.to_dict()) == task
