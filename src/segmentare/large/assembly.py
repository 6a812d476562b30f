"""What a large image shows, put together from its blocks."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from segmentare.errors import InputError
from segmentare.large.blocks import Place, Plan, Workspace
from segmentare.large.connected import Mask, MaskOf, without_small
from segmentare.large.seams import Joined, join
from segmentare.tasks import SemanticTask
from segmentare.tasks.base import Task


class Answers:
    """The category and the object of every pixel, block by block.

    Attributes:
        objects: The objects, best first; `None` for tasks that do not tell them apart.
        areas: Number of pixels of each category, 256 of them.
        boxes: x0, y0, x1, y1 around them (x1 and y1 excluded), shape (256, 4).
    """

    def __init__(self, workspace: Workspace, plan: Plan, task: Task[Any]) -> None:
        """Join what lies in several blocks; all of them must be done.

        Args:
            workspace: Holds the blocks.
            plan: Of the blocks.
            task: With its settings for the image's own size.
        """
        self._workspace, self._plan = workspace, plan
        self._mask_of: MaskOf | None = None
        self.objects: Joined | None = None
        pixels = plan.size[0] * plan.size[1]
        if isinstance(task, SemanticTask):
            smallest = task.smallest * pixels
            if task.binary and smallest > 1:
                self._mask_of = self._cleaned(smallest)
        else:
            self.objects = join(workspace, plan, int(getattr(task, "least_area", 0)))
        self.areas, self.boxes = self._survey()

    def _cleaned(self, smallest: float) -> MaskOf:
        """Leave out small objects, and then small holes, as `SemanticTask.decode` does."""

        def stored(place: Place) -> Mask:
            category: Mask = self._workspace.load(place, "category")[0]
            return category

        objects = without_small(self._plan, stored, smallest)
        rest = without_small(self._plan, lambda place: 1 - objects(place), smallest)
        return lambda place: 1 - rest(place)

    def _survey(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return how many pixels each category has, and the box around them."""
        areas, boxes = np.zeros(256, np.int64), np.zeros((256, 4), np.int64)
        boxes[:, :2] = np.iinfo(np.int64).max
        for place in self._plan.blocks:
            category = self.category(place)
            here = np.bincount(category.ravel(), minlength=256)
            areas += here
            for index in np.flatnonzero(here):
                y, x = (
                    np.flatnonzero((category == index).any(axis=1 - axis)) + place[axis][0]
                    for axis in (0, 1)
                )
                box = boxes[index]
                box[:2] = np.minimum(box[:2], (x[0], y[0]))
                box[2:] = np.maximum(box[2:], (x[-1] + 1, y[-1] + 1))
        return areas, boxes

    def category(self, place: Place) -> NDArray[np.uint8]:
        """Return the category of each pixel of a block."""
        if self._mask_of is not None:
            return self._mask_of(place)
        if self.objects is not None:
            kinds: NDArray[np.uint8] = np.append(np.uint8(0), self.objects.kinds)[self.ids(place)]
            return kinds
        category: NDArray[np.uint8] = self._workspace.load(place, "category")[0]
        return category

    def ids(self, place: Place) -> NDArray[np.int32]:
        """Return the id of each pixel's object in a block, 0 for none.

        Raises:
            InputError: The task does not tell objects apart.
        """
        if self.objects is None:
            raise InputError("There are ids only where objects are told apart.")
        ids: NDArray[np.int32] = self.objects.tables[place][self._local(place)]
        return ids

    def probability(self, place: Place) -> NDArray[np.uint8]:
        """Return round(255 p) of each pixel of a block."""
        found: NDArray[np.uint8] = self._workspace.load(place, "probability")[0]
        return found

    def _local(self, place: Place) -> NDArray[np.int32]:
        """Return the numbers that the block gave its objects, without the margin."""
        ids: NDArray[np.int32] = self._workspace.load(place, "ids")[0]
        around = self._plan.around(place)
        rows, columns = (
            slice(low - start, high - start)
            for (low, high), (start, _) in zip(place, around, strict=True)
        )
        return ids[rows, columns]

    def confidence(self) -> float:
        """Return the mean probability of what was answered."""
        total = sum(float(self._workspace.load(place, "sure")[0]) for place in self._plan.blocks)
        return total / (self._plan.size[0] * self._plan.size[1])

    def pictures(self) -> list[tuple[Place, NDArray[Any]]]:
        """Return the small pictures of all blocks."""
        return [(place, self._workspace.load(place, "picture")[0]) for place in self._plan.blocks]
