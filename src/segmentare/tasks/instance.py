"""Instance segmentation: which pixels belong to the same object, for objects that are counted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, Self, get_args

import numpy as np
from numpy.typing import NDArray

from segmentare.annotations.poses import Skeleton
from segmentare.annotations.segmentation import UNLABELED, Category, Segmentation, relabel
from segmentare.errors import InputError
from segmentare.metrics.instance import InstanceScores
from segmentare.tasks import encodings, flows, grouping
from segmentare.tasks.base import Head, Labels, Maps, Task
from segmentare.tasks.grouping import Floats, Ids, Places

Code = Literal["center", "flow"]

CODES: tuple[Code, ...] = get_args(Code)

_AROUND = 12.0  # typical radii around a part of an image: all but the rarest objects are in sight


@dataclass(frozen=True)
class InstanceTask(Task[Segmentation]):
    """Find objects that do not overlap, give each a category, a score and its pixels.

    Two codes say which pixels belong together. `center`: a bump at the center of every object, and
    from each of its pixels the way there; pixels vote for the nearest center. It suits objects of
    any shape, also in several parts. `flow`: from each pixel the direction to the center, followed
    until it ends. It suits dense cells, whose centers are hard to see and whose borders are not.

    The foreground has a map of its own: a perfect one is worth 10 points of AP (Cityscapes). With
    several kinds of objects there is a map of their categories beside it.

    Sources: Cheng et al., "Panoptic-DeepLab", CVPR 2020, https://arxiv.org/abs/1911.10194
    (`center`); Stringer et al., "Cellpose", Nature Methods 2021,
    https://doi.org/10.1038/s41592-020-01018-x (the idea of `flow`).

    Attributes:
        categories: The categories, by id; 0 is the background.
        code: `center` or `flow`.
        unit: Pixels of the network's input that a value of 1 in the offset maps means; best the
            typical radius of an object, so that the network predicts numbers around 1.
        threshold: Least probability of an object's pixel, 0 to 1.
        peak: Least height of a center (`center` only), 0 to 1.
        agreement: Least score of an object, 0 to 1.
        spacing: Centers that lie up to so many pixels apart are one, 1 or more.
        least_area: Smaller objects are dropped, in pixels.
    """

    name = "instance"
    categories: tuple[Category, ...]
    code: Code = "center"
    unit: float = 16.0
    threshold: float = 0.5
    peak: float = 0.1
    agreement: float = 0.0
    spacing: int = 3
    least_area: int = 10

    def __post_init__(self) -> None:
        if self.code not in CODES:
            raise InputError(f"The code must be one of {', '.join(CODES)}; got {self.code!r}.")

    @property
    def headline(self) -> str:
        return "accuracy@0.5"

    @property
    def tunable(self) -> Mapping[str, tuple[float, ...]]:
        peaks = {"peak": (0.05, 0.1, 0.2, 0.3, 0.4)} if self.code == "center" else {}
        return {
            "threshold": (0.3, 0.4, 0.5, 0.6, 0.7),
            **peaks,
            "agreement": (0.0, 0.2, 0.4, 0.5, 0.6, 0.7, 0.8),
            "spacing": (1, 3, 5, 9),
            "least_area": (0, 10, 30, 100),
        }

    @property
    def heads(self) -> tuple[Head, ...]:
        kinds = len(self.categories) - 1
        category = (Head("category", kinds, "classes"),) if kinds > 1 else ()
        if self.code == "flow":
            return (Head("object", 1, "binary"), *category, Head("flow", 2, "vectors", weight=2.0))
        center = Head("center", 1, "heatmap", weight=200.0)
        return (Head("object", 1, "binary"), *category, center, Head("offset", 2, "vectors"))

    def encode(self, annotation: Segmentation, stride: int) -> Maps:
        category = encodings.subsample(annotation.category, stride)
        known = category != UNLABELED
        whole = _instance(annotation)
        cells = encodings.subsample(whole, stride)
        maps = {"object": np.where(known, category > 0, np.nan)}
        if len(self.categories) > 2:
            inside = known & (category > 0)
            maps["category"] = np.where(inside, category.astype(np.float32) - 1, np.nan)
        if self.code == "flow":
            vectors = flows.flow_to_center(relabel(cells))
            return {**{name: _plane(values) for name, values in maps.items()}, "flow": vectors}
        objects = grouping.measure(whole)
        bumps = grouping.draw_bumps(objects, cells.shape, stride)
        # nobody said where the centers of a crowd lie: it has a category, but no instances
        maps["center"] = np.where(known & ((category == 0) | (cells > 0)), bumps, np.nan)
        return {
            **{name: _plane(values) for name, values in maps.items()},
            "offset": grouping.offsets(cells, objects, stride) / np.float32(self.unit),
        }

    def decode(self, maps: Maps, stride: int) -> Segmentation:
        maps = {name: encodings.stretch(values, stride) for name, values in maps.items()}
        probability = maps["object"][0]
        size = probability.shape
        places = np.flatnonzero(probability >= self.threshold)
        numbers, quality = self._numbers(maps, places)
        count = len(quality)
        sure = quality * grouping.mean_of(probability.ravel()[places], numbers, count)
        if len(self.categories) > 2:
            kinds = maps["category"].reshape(len(self.categories) - 1, -1)[:, places]
            kind = 1 + kinds.argmax(axis=0).astype(np.uint8)
            chosen = grouping.majority(kind, numbers, count)
            sure = sure * grouping.mean_of(kinds.max(axis=0), numbers, count)
        else:
            chosen = np.ones(count, np.uint8)
        numbers[np.concatenate([[False], sure < self.agreement])[numbers]] = 0
        found = grouping.keep(numbers, places, size, sure, max(self.least_area, 1))
        table = np.concatenate([[0], chosen[found.numbers - 1]]).astype(np.uint8)
        category = table[found.instance]
        if len(self.categories) > 2:  # how sure the category is, not only the foreground
            probability = np.where(category > 0, probability, 1 - probability)
        return Segmentation(category, found.instance, probability, found.scores)

    def _numbers(self, maps: Maps, places: Places) -> tuple[Ids, Floats]:
        """Return the number (from 1) of each pixel's object, and how sure each number is."""
        size = maps["object"].shape[1:]
        y, x = (values.astype(np.float32) for values in np.divmod(places, size[1]))
        if self.code == "flow":
            ends = flows.follow(maps["flow"], places)
            numbers, count = flows.gather(ends, size, self.spacing)
            grouping.fill_gaps(numbers, places, size)
            (
                middle_y,
                middle_x,
            ) = (  # number 0 has an entry of its own: there may be no center
                np.append(np.float32(0), grouping.mean_of(values, numbers, count)).take(numbers)
                for values in np.divmod(ends, size[1])
            )
            right, down = encodings.bounded(maps["flow"].reshape(2, -1).take(places, axis=1))
            x, y = middle_x - x, middle_y - y
            length = np.sqrt((x * x + y * y) * (right * right + down * down))
            along = (x * right + y * down) / np.maximum(length, np.float32(1e-6))
            aligned = np.where(length > 0, along, np.float32(1))
            return numbers, np.clip(grouping.mean_of(aligned, numbers, count), 0, 1)
        center = maps["center"][0]
        points, heights = grouping.find_peaks(center, self.peak, self.spacing)
        offset = encodings.bounded(maps["offset"].reshape(2, -1).take(places, axis=1))
        offset *= np.float32(self.unit)
        votes = np.stack([x + offset[0], y + offset[1]], axis=1)
        numbers = grouping.group(votes, places, points, size, self.least_area)
        count = max(len(points), int(numbers.max(initial=0)))
        quality = np.full(count, self.peak, np.float32)  # of objects whose center was not seen
        quality[: len(heights)] = heights
        return numbers, quality

    def fitted(self, radius: float) -> Self:
        return replace(self, unit=radius)

    def scaled(self, factor: float) -> Self:
        spacing, area = max(1, round(self.spacing * factor)), round(self.least_area * factor**2)
        return replace(self, spacing=spacing, least_area=area)

    @property
    def surroundings(self) -> int:
        return int(min(max(_AROUND * self.unit, 64), 512))

    def metric(self, labels: Labels | None = None, *, fast: bool = False) -> InstanceScores:
        return InstanceScores(self.categories, labels, fast=fast)

    @classmethod
    def from_categories(
        cls, categories: tuple[Category, ...], skeleton: Skeleton | None = None
    ) -> Self:
        del skeleton
        return cls(categories)


def _plane(values: NDArray[Any]) -> Floats:
    return values.astype(np.float32)[None]


def _instance(annotation: Segmentation) -> Ids:
    """Return the instance ids as 1 to n.

    Raises:
        InputError: The annotation does not tell objects apart.
    """
    if annotation.instance is None:
        raise InputError(
            "An instance segmentation needs an annotation with instance ids; got one with "
            "categories only. Use the semantic task for it."
        )
    return relabel(annotation.instance)
