"""Semantic segmentation: a category for every pixel."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self

import cv2
import numpy as np
from numpy.typing import NDArray

from segmentare.annotations.poses import Skeleton
from segmentare.annotations.segmentation import UNLABELED, Category, Segmentation, is_binary
from segmentare.metrics.semantic import SemanticScores
from segmentare.tasks import encodings
from segmentare.tasks.base import Head, Labels, Maps, Task

_THRESHOLDS = (0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7)
_SMALLEST = (0.0, 0.0005, 0.002, 0.01)


@dataclass(frozen=True)
class SemanticTask(Task[Segmentation]):
    """Give every pixel the most probable category.

    One background and one kind of object make one map, the probability of the object; several
    categories make one map each, which sum to 1 (one-hot: the target of a pixel is 1 in the map of
    its category and 0 in the others; it is stored as the id and never spelled out).

    Source: Long, Shelhamer, Darrell, "Fully Convolutional Networks for Semantic Segmentation",
    CVPR 2015, https://arxiv.org/abs/1411.4038.

    Attributes:
        categories: The categories, by id.
        threshold: Least probability of an object's pixel (one kind of object only), 0 to 1.
        smallest: Objects and holes below this share of the image's area are removed (one kind of
            object only), 0 to 1.
    """

    name = "semantic"
    categories: tuple[Category, ...]
    threshold: float = 0.5
    smallest: float = 0.0

    @property
    def binary(self) -> bool:
        """True when there is one background and one kind of object."""
        return is_binary(self.categories)

    @property
    def headline(self) -> str:
        return "dice" if self.binary else "miou"

    @property
    def tunable(self) -> Mapping[str, tuple[float, ...]]:
        return {"threshold": _THRESHOLDS, "smallest": _SMALLEST} if self.binary else {}

    @property
    def heads(self) -> tuple[Head, ...]:
        if self.binary:
            return (Head("object", 1, "binary"),)
        return (Head("category", len(self.categories), "classes"),)

    def encode(self, annotation: Segmentation, stride: int) -> Maps:
        target = encodings.subsample(annotation.category, stride).astype(np.float32)
        target[target == UNLABELED] = np.nan
        return {self.heads[0].name: target[None]}

    def decode(self, maps: Maps, stride: int) -> Segmentation:
        if not self.binary:
            probabilities = encodings.enlarge(maps["category"], stride)
            category = probabilities.argmax(axis=0).astype(np.uint8)
            return Segmentation(category, probability=probabilities.max(axis=0))
        probability = encodings.enlarge(maps["object"], stride)[0]
        category = (probability >= self.threshold).astype(np.uint8)
        area = self.smallest * category.size
        if area > 1:
            category = _without_small(category, area)
            category = 1 - _without_small(1 - category, area)
        return Segmentation(category, probability=probability)

    @property
    def surroundings(self) -> int:
        return 0

    def for_parts(self) -> Self:
        return replace(self, smallest=0.0)

    def metric(self, labels: Labels | None = None, *, fast: bool = False) -> SemanticScores:
        return SemanticScores(self.categories, labels, boundary=not fast)

    @classmethod
    def from_categories(
        cls, categories: tuple[Category, ...], skeleton: Skeleton | None = None
    ) -> Self:
        del skeleton
        return cls(categories)


def _without_small(mask: NDArray[np.uint8], area: float) -> NDArray[np.uint8]:
    """Return the mask (0 and 1) without its connected parts of fewer than `area` pixels."""
    count, parts, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    if (stats[1:, cv2.CC_STAT_AREA] >= area).all():
        return mask
    keep = np.ones(count, np.uint8)
    keep[stats[:, cv2.CC_STAT_AREA] < area] = 0
    keep[0] = 0
    kept: NDArray[np.uint8] = keep[parts]
    return kept
