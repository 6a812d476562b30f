"""The same dataset with the keypoints of another skeleton."""

from __future__ import annotations

from dataclasses import replace

from segmentare.annotations.geometry import Size
from segmentare.annotations.poses import Poses, Skeleton
from segmentare.annotations.skeletons import available, convert, dropped, same_keypoints
from segmentare.datasets.base import Problem, Record
from segmentare.datasets.pose_dataset import PoseDataset


def as_skeleton(dataset: PoseDataset, wanted: Skeleton) -> PoseDataset:
    """Return a dataset whose people have the keypoints of `wanted`, and its pairs and sigmas.

    Keypoints of the same names in the same order stay; others are converted by their names as
    `skeletons.convert` does, and a remark among the problems says what is lost and what is absent.

    Raises:
        ValueError: The two skeletons have no keypoint in common.
    """
    given = dataset.skeleton
    if given is None or given == wanted:
        return dataset
    remark = conversion(given, wanted)

    def read(record: Record, size: Size) -> Poses:
        return in_skeleton(dataset.read(record, size), wanted)

    said = (Problem("", remark, stops=False),) if remark else ()
    return replace(
        dataset,
        layout=f"{dataset.layout.rstrip('.')}, as the {len(wanted.keypoints)} of '{wanted.name}'.",
        problems=(*dataset.problems, *said),
        read=read,
        skeleton=wanted,
    )


def in_skeleton(poses: Poses, wanted: Skeleton) -> Poses:
    """Return people with the keypoints of another skeleton, as `as_skeleton` does."""
    if same_keypoints(poses.skeleton.keypoints, wanted):
        return replace(poses, skeleton=wanted)
    return convert(poses, wanted)


def conversion(given: Skeleton, wanted: Skeleton) -> str:
    """Return a sentence on what a conversion does; "" where it keeps all keypoints as they are.

    Raises:
        ValueError: The two skeletons have no keypoint in common.
    """
    if same_keypoints(given.keypoints, wanted):
        return ""
    lost, there = dropped(given, wanted), available(given, wanted)
    absent = [name for name in wanted.keypoints if name not in there]
    return (
        f"The {len(given.keypoints)} keypoints of '{given.name}' are converted to the "
        f"{len(wanted.keypoints)} of '{wanted.name}'"
        + (f"; left out: {', '.join(lost)}" if lost else "")
        + (f"; never there: {', '.join(absent)}" if absent else "")
        + "."
    )
