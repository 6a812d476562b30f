"""What was found in one image, with the attributes of its annotation."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segmentare.annotations.geometry import Image, Size
from segmentare.annotations.poses import Keypoints, Poses, Skeleton
from segmentare.annotations.segmentation import Category, Segmentation
from segmentare.errors import InputError
from segmentare.results.data import Annotation
from segmentare.tasks.base import Task


@dataclass(frozen=True, repr=False, eq=False)
class Found:
    """An annotation, the image that it belongs to, and the attributes of the annotation.

    What the annotation does not have, such as masks of a task that finds keypoints only, raises an
    `AttributeError` of one sentence.

    Attributes:
        annotation: What was found; a truth has the same type.
        image: The pixels that the model saw, upright, of shape (H, W, C).
        name: Name of the image's file, or another name.
        task: Task of the model.
    """

    annotation: Annotation
    image: Image
    name: str
    task: Task[Any]

    @property
    def categories(self) -> tuple[Category, ...]:
        """The model's categories; an id is a place in this list."""
        return self.task.categories

    @property
    def size(self) -> Size:
        """Height and width."""
        return self.annotation.size

    @property
    def nbytes(self) -> int:
        """Memory of the annotation, in bytes."""
        return self.annotation.nbytes

    @property
    def segmentation(self) -> Segmentation:
        """The masks; those of people are their silhouettes."""
        try:
            return self.masks
        except ValueError as error:  # so that `hasattr` says false
            raise AttributeError(str(error)) from error

    @property
    def poses(self) -> Poses:
        """The people, or other objects with keypoints."""
        if isinstance(self.annotation, Poses):
            return self.annotation
        raise AttributeError(
            f"A prediction must have keypoints for this; the task {self.task.name!r} finds none. "
            "Use its masks, or a model of another task."
        )

    @property
    def category(self) -> NDArray[np.uint8]:
        """Category ids of shape (H, W)."""
        return self.segmentation.category

    @property
    def instance(self) -> NDArray[np.int32] | None:
        """Ids of objects of shape (H, W), 0 where there is none; `None` in a semantic task."""
        return self.segmentation.instance

    @property
    def probability(self) -> NDArray[np.float32] | None:
        """How sure the model is of each pixel, of shape (H, W), 0 to 1."""
        return self.segmentation.probability

    @property
    def scores(self) -> NDArray[np.float32] | None:
        """How sure the model is of each object or person, of shape (N,), 0 to 1."""
        return self.annotation.scores

    @property
    def skeleton(self) -> Skeleton:
        """Names of the keypoints."""
        return self.poses.skeleton

    @property
    def keypoints(self) -> Keypoints:
        """x, y and score of each keypoint of each person, of shape (N, K, 3)."""
        return self.poses.keypoints

    @property
    def boxes(self) -> NDArray[np.float32]:
        """(x0, y0, x1, y1) around each person, of shape (N, 4)."""
        return self.poses.boxes

    @property
    def areas(self) -> NDArray[np.float32]:
        """Pixels of each person, of shape (N,)."""
        return self.poses.areas

    @property
    def crowd(self) -> NDArray[np.bool_]:
        """All false: only a truth knows crowds; of shape (N,)."""
        return self.poses.crowd

    @property
    def unknown(self) -> NDArray[np.bool_] | None:
        """`None`: only a truth has pixels that are unknown."""
        return self.poses.unknown

    @property
    def ids(self) -> tuple[int, ...] | None:
        """Number of each person."""
        return self.poses.ids

    @property
    def masks(self) -> Segmentation:
        """The masks, for what needs them.

        Raises:
            InputError: The task finds none.
        """
        found = self.annotation
        masks = found.segmentation if isinstance(found, Poses) else found
        if masks is None:
            raise InputError(
                f"A prediction must have masks for this; the task {self.task.name!r} finds none. "
                "Use its keypoints, or a model of another task."
            )
        return masks

    @cached_property
    def numbered(self) -> Poses:
        """The people with the ids of their silhouettes, so that one number means one person."""
        people = self.poses
        if people.segmentation is None:
            return people
        return replace(people, ids=tuple(range(1, len(people) + 1)))

    def __len__(self) -> int:
        """Return the number of objects or people.

        Raises:
            TypeError: The task does not tell objects apart.
        """
        if isinstance(self.annotation, Poses):
            return len(self.annotation)
        if self.annotation.instance is None:
            raise TypeError(
                "A prediction has a length where objects are told apart; the task "
                f"{self.task.name!r} does not. Use category."
            )
        return int(np.count_nonzero(np.unique(self.annotation.instance)))

    def __bool__(self) -> bool:
        """Return true: a prediction in which nothing was found is one, too."""
        return True
