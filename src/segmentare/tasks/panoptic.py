"""Panoptic segmentation: a category for every pixel, and an instance for every countable one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from segmentare.annotations.poses import Skeleton
from segmentare.annotations.segmentation import UNLABELED, Category, Segmentation, relabel
from segmentare.errors import InputError
from segmentare.metrics.panoptic import PanopticScores
from segmentare.tasks import encodings, grouping
from segmentare.tasks.base import Head, Labels, Maps, Task


@dataclass(frozen=True)
class PanopticTask(Task[Segmentation]):
    """Classify every pixel; let the pixels of things vote for the center of their instance.

    Every instance gets the category of most of its pixels. Pixels that nothing explains (things
    whose votes reach no center, surfaces and objects too small to be believed) are `UNLABELED`.

    Source: Cheng et al., "Panoptic-DeepLab", CVPR 2020, https://arxiv.org/abs/1911.10194.

    Attributes:
        categories: The categories, by id; those with `thing` come in instances.
        unit: Pixels of the network's input that a value of 1 in the offset maps means; best the
            typical radius of a thing, so that the network predicts numbers around 1.
        peak: Least height of a center, 0 to 1.
        spacing: Centers that lie up to so many pixels apart are one, 1 or more.
        least_area: Smaller things are left out, in pixels.
        least_stuff: Surfaces that fill less than this share of the image are left out, 0 to 1.
    """

    name = "panoptic"
    categories: tuple[Category, ...]
    unit: float = 32.0
    peak: float = 0.1
    spacing: int = 5
    least_area: int = 16
    least_stuff: float = 0.0005

    @property
    def headline(self) -> str:
        return "pq"

    @property
    def tunable(self) -> Mapping[str, tuple[float, ...]]:
        return {
            "peak": (0.05, 0.1, 0.2, 0.3, 0.4),
            "spacing": (3, 5, 9, 15),
            "least_area": (0, 16, 50, 200),
            "least_stuff": (0.0, 0.0005, 0.002, 0.01, 0.03),
        }

    @property
    def heads(self) -> tuple[Head, ...]:
        return (
            Head("category", len(self.categories), "classes"),
            Head("center", 1, "heatmap", weight=200.0),
            Head("offset", 2, "vectors"),
        )

    @property
    def _things(self) -> NDArray[np.bool_]:
        return np.array([category.thing for category in self.categories])

    def encode(self, annotation: Segmentation, stride: int) -> Maps:
        if annotation.instance is None:
            raise InputError(
                "A panoptic segmentation needs an annotation with instance ids; got one with "
                "categories only. Use the semantic task for it."
            )
        ids = encodings.subsample(annotation.category, stride)
        known = ids != UNLABELED
        whole = relabel(annotation.instance)
        cells = encodings.subsample(whole, stride)
        objects = grouping.measure(whole)
        bumps = grouping.draw_bumps(objects, cells.shape, stride)
        thing = np.append(self._things, np.zeros(256 - len(self.categories), np.bool_))[ids]
        category = ids.astype(np.float32)
        category[~known] = np.nan
        bumps[~known | (thing & (cells == 0))] = np.nan  # a crowd, whose centers nobody marked
        return {
            "category": category[None],
            "center": bumps[None],
            "offset": grouping.offsets(cells, objects, stride) / np.float32(self.unit),
        }

    def decode(self, maps: Maps, stride: int) -> Segmentation:
        maps = {name: encodings.stretch(values, stride) for name, values in maps.items()}
        category = maps["category"].argmax(axis=0).astype(np.uint8)
        probability = maps["category"].max(axis=0)
        size = category.shape
        places = np.flatnonzero(self._things[category])
        points, heights = grouping.find_peaks(maps["center"][0], self.peak, self.spacing)
        y, x = (values.astype(np.float32) for values in np.divmod(places, size[1]))
        offset = encodings.bounded(maps["offset"].reshape(2, -1).take(places, axis=1))
        offset *= np.float32(self.unit)
        votes = np.stack([x + offset[0], y + offset[1]], axis=1)
        numbers = grouping.group(votes, places, points, size, self.least_area)
        count = max(len(points), int(numbers.max(initial=0)))
        quality = np.full(count, self.peak, np.float32)  # of things whose center was not seen
        quality[: len(heights)] = heights
        quality *= grouping.mean_of(probability.ravel().take(places), numbers, count)
        kinds = grouping.majority(category.ravel().take(places), numbers, count)
        found = grouping.keep(numbers, places, size, quality, self.least_area)
        table = np.append(np.uint8(UNLABELED), kinds[found.numbers - 1])
        category.ravel()[places] = table[found.instance.ravel().take(places)]
        self._drop_small_stuff(category)
        return Segmentation(category, found.instance, probability, found.scores)

    def _drop_small_stuff(self, category: NDArray[np.uint8]) -> None:
        areas = np.bincount(category.ravel(), minlength=256)
        small = areas < self.least_stuff * category.size
        small[len(self.categories) :] = False
        small[: len(self.categories)] &= ~self._things
        if (small & (areas > 0)).any():
            category[small[category]] = UNLABELED

    def fitted(self, radius: float) -> Self:
        return replace(self, unit=radius)

    def scaled(self, factor: float) -> Self:
        spacing, area = max(1, round(self.spacing * factor)), round(self.least_area * factor**2)
        return replace(self, spacing=spacing, least_area=area)

    def metric(self, labels: Labels | None = None, *, fast: bool = False) -> PanopticScores:
        return PanopticScores(self.categories, labels, fast=fast)

    @classmethod
    def from_categories(
        cls, categories: tuple[Category, ...], skeleton: Skeleton | None = None
    ) -> Self:
        del skeleton
        return cls(categories)
