"""Silhouettes in any layout as people of whom nobody marked the keypoints."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from segmentare.annotations.geometry import Size
from segmentare.annotations.poses import Poses, Skeleton
from segmentare.annotations.runlengths import objects_of
from segmentare.annotations.segmentation import (
    UNLABELED,
    Category,
    Sample,
    Segmentation,
    foreground_ids,
    relabel,
)
from segmentare.datasets.base import Record
from segmentare.datasets.files import FileDataset
from segmentare.datasets.object_dataset import Listed
from segmentare.datasets.pose_dataset import PoseDataset, opened
from segmentare.errors import DatasetError

_PEOPLE = {"person", "people", "human", "pedestrian"}


def as_people(dataset: FileDataset, skeleton: Skeleton | None) -> PoseDataset:
    """Return a dataset of silhouettes as one of people whose keypoints nobody knows.

    Where the masks do not tell people apart, nobody knows how many there are either.

    Args:
        dataset: Of objects or of categories: one kind, or people among others.
        skeleton: The keypoints that people shall have.

    Raises:
        DatasetError: There is no skeleton, or nobody can say which objects are meant.
    """
    if skeleton is None:
        raise DatasetError(
            f"'{dataset.root}' holds silhouettes without keypoints ({dataset.reader}), so it must "
            f"be said which keypoints people have: give `skeleton='coco17'`, say. To learn "
            f"silhouettes alone, take the task instance or semantic."
        )
    chosen = _chosen(dataset)

    def read(record: Record, size: Size) -> Poses:
        return people_in(dataset.annotation(record, size), chosen, skeleton)

    layout = f"{dataset.layout.rstrip('.')}; silhouettes only"
    records, problems = dataset.records, dataset.problems
    listed = Listed(dataset.root, dataset.reader, layout, records, problems)
    return opened(listed, skeleton, read, dataset.categories[chosen].name)


def people_in(shown: Segmentation, chosen: int, skeleton: Skeleton) -> Poses:
    """Return the objects of category `chosen` as people without any labeled keypoint.

    Where there is somebody, or may be, the whole image is unknown: nobody looked for keypoints.
    """
    mine = shown.category == chosen
    category = np.where(shown.category == UNLABELED, UNLABELED, mine).astype(np.uint8)
    instance = None
    if shown.instance is not None:
        instance = relabel(np.where(mine, shown.instance, 0).astype(np.int32))
    masks = [] if instance is None else list(objects_of(instance).values())
    somebody = bool((category > 0).any())
    return Poses(
        skeleton,
        np.zeros((len(masks), len(skeleton.keypoints), 3), np.float32),
        shown.size,
        np.array([mask.box for mask in masks], np.float32).reshape(-1, 4) - np.float32(0.5),
        np.array([mask.area for mask in masks], np.float32),
        np.zeros(len(masks), bool),
        unknown=np.ones(shown.size, bool) if somebody else None,
        segmentation=Segmentation(category, instance),
    )


def one_sided(samples: Iterable[Sample[Poses]]) -> str:
    """Say what bodies cannot be learned from some samples for want of labels; "" if all can."""
    annotations = [sample.annotation for sample in samples]
    if not any((poses.keypoints[..., 2] > 0).any() for poses in annotations):
        return (
            "No image has keypoints, so the network learns silhouettes and centers only; the task "
            "instance does this better, and a training from a body model keeps its keypoints."
        )
    if all(poses.segmentation is None for poses in annotations):
        return (
            "No image has silhouettes, so the network learns keypoints and centers only; "
            "the task pose does this better, and to start from a body model keeps its silhouettes."
        )
    return ""


def _chosen(dataset: FileDataset) -> int:
    categories: tuple[Category, ...] = dataset.categories
    found = [number for number in foreground_ids(categories) if number < len(categories)]
    if len(found) > 1:
        found = [number for number in found if categories[number].name.lower() in _PEOPLE]
    if len(found) != 1:
        names = ", ".join(f"'{category.name}'" for category in categories[:8]) or "none"
        raise DatasetError(
            f"The objects in '{dataset.root}' must be of one kind, or some of them named 'person'; "
            f"the categories are {names}. Convert those that you mean into a folder of their own."
        )
    return found[0]
