"""Bodies: the silhouette and the skeleton of the same person, from one network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from segmentare.annotations.geometry import Size
from segmentare.annotations.poses import Poses, Skeleton
from segmentare.annotations.segmentation import UNLABELED, Category, Segmentation
from segmentare.errors import InputError
from segmentare.metrics.body import BodyScores
from segmentare.tasks import encodings, grouping, joints, peaks, reading
from segmentare.tasks.base import Head, Labels, Maps, Task
from segmentare.tasks.grouping import Objects
from segmentare.tasks.pose import PEOPLE, check_skeleton, keypoint_head, needed, vector_head

Points = NDArray[np.float64]
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class BodyTask(Task[Poses]):
    """Find people, the pixels of each, and their keypoints, under one id.

    Every person has one center: of the silhouette where there is one, else of the keypoints.
    Pixels of people point to it, and from it vectors point to the keypoints. An image in which
    only keypoints or only silhouettes were marked trains only the heads that these tell about.

    Sources: Cheng et al., "Panoptic-DeepLab", CVPR 2020, https://arxiv.org/abs/1911.10194, for the
    silhouettes; Zhou, Wang and Krähenbühl, "Objects as Points", 2019,
    https://arxiv.org/abs/1904.07850, for the keypoints; Papandreou et al., "PersonLab", ECCV 2018,
    for both at once.

    Attributes:
        skeleton: Names, pairs and limbs of the keypoints.
        categories: Background and the kind of object, by id.
        unit: Pixels of the network's input that a value of 1 in the vectors means.
        parents: For each keypoint the one from which its vector leads to it, -1 for the center;
            nothing if all start in the center.
        threshold: Least probability of a person's pixel, 0 to 1.
        peak: Least height of a keypoint, 0 to 1.
        sure: Least height of a center, 0 to 1.
        spacing: Peaks that lie up to so many pixels apart are one, 1 or more.
        reach: How far a keypoint may lie from where the center sees it, as a share of the
            diagonal of the person's keypoints.
        alike: Object keypoint similarity above which two people are one.
        least_area: People of fewer pixels are dropped; at 0 those without any stay, too.
        agreement: Least score of a person, 0 to 1.
    """

    name = "body"
    stride = 4
    skeleton: Skeleton
    categories: tuple[Category, ...] = PEOPLE
    unit: float = 32.0
    parents: tuple[int, ...] = ()
    threshold: float = 0.5
    peak: float = 0.1
    sure: float = 0.2
    spacing: int = 3
    reach: float = 0.1
    alike: float = 0.5
    least_area: int = 10
    agreement: float = 0.0

    def __post_init__(self) -> None:
        if self.unit <= 0 or self.spacing < 1:
            raise InputError(
                f"The unit must be above 0 and the spacing at least 1 pixel; got {self.unit} and "
                f"{self.spacing}."
            )
        joints.check_parents(self.parents, self.skeleton)

    @property
    def headline(self) -> str:
        return "body"

    @property
    def tunable(self) -> Mapping[str, tuple[float, ...]]:
        return {
            "threshold": (0.3, 0.4, 0.5, 0.6, 0.7),
            "sure": (0.05, 0.1, 0.2, 0.3, 0.4),
            "peak": (0.05, 0.1, 0.2, 0.3, 0.4),
            "spacing": (1, 3, 5, 9),
            "reach": (0.0, 0.05, 0.1, 0.15, 0.2),
            "alike": (0.2, 0.35, 0.5, 0.7),
            "least_area": (0, 10, 30, 100),
        }

    @property
    def heads(self) -> tuple[Head, ...]:
        return (
            Head("object", 1, "binary", weight=3.0),
            Head("center", 1, "heatmap", weight=200.0),
            Head("offset", 2, "vectors"),
            keypoint_head(self.skeleton),
            vector_head(self.skeleton),
        )

    def encode(self, annotation: Poses, stride: int) -> Maps:
        check_skeleton(self.skeleton, annotation)
        height, width = annotation.size
        shape = -(-height // stride), -(-width // stride)
        centers = joints.middles(annotation)
        maps = _encode_silhouettes(annotation, centers, shape, stride)
        heatmaps = joints.draw_heatmaps(annotation, shape, stride)
        if len(annotation) and not joints.labeled(annotation).any():
            heatmaps[:] = np.nan  # nobody looked for keypoints here
        vectors = joints.draw_vectors(annotation, centers, shape, stride, self.parents)
        maps["offset"] /= self.unit
        return {**maps, "keypoints": heatmaps, "joints": vectors / np.float32(self.unit)}

    def decode(self, maps: Maps, stride: int) -> Poses:
        probability = encodings.stretch(maps["object"], stride)[0]
        size: Size = (probability.shape[0], probability.shape[1])
        found = peaks.find(maps["center"], self.sure, self.spacing, stride)
        ways = reading.Ways(maps["joints"], self.unit, stride, self.parents)
        seen = reading.read(ways, found.cells)
        chosen = reading.singles(seen, found.heights, self.skeleton, self.alike)
        points = found.points[chosen].astype(np.float64)
        places = np.flatnonzero(probability >= self.threshold)
        y, x = (values.astype(np.float32) for values in np.divmod(places, size[1]))
        offset = encodings.stretch(maps["offset"], stride).reshape(2, -1).take(places, axis=1)
        offset = encodings.bounded(offset)
        votes = np.stack([x, y], axis=1) + offset.T * np.float32(self.unit)
        numbers = grouping.group(votes, places, points, size, self.least_area)
        count = max(len(points), int(numbers.max(initial=0)))
        lost = [grouping.mean_of(votes[:, axis], numbers, count)[len(points) :] for axis in (0, 1)]
        cells = np.rint((np.stack(lost, axis=1) - (stride - 1) / 2) / stride).astype(np.intp)
        cells = np.clip(cells, 0, np.array(maps["center"].shape[:0:-1]) - 1)
        lost_joints = reading.read(ways, cells)
        tops = peaks.find(maps["keypoints"], self.peak, self.spacing, stride)
        everyone = np.concatenate([seen[chosen], lost_joints])
        keypoints = reading.trace(ways, everyone, tops, maps["keypoints"], self.reach)
        heights = np.full(count, self.sure, np.float32)  # of people whose center was not seen
        heights[: len(points)] = found.heights[chosen]
        scores = reading.sureness(keypoints, heights)
        numbers[np.concatenate([[False], scores < self.agreement])[numbers]] = 0
        kept = grouping.keep(numbers, places, size, scores, self.least_area)
        who = kept.numbers - 1
        masks = heights * grouping.mean_of(probability.ravel()[places], numbers, count)
        poses = reading.poses(self.skeleton, keypoints[who], scores[who], size)
        category = (kept.instance > 0).astype(np.uint8)
        silhouettes = Segmentation(category, kept.instance, probability, np.clip(masks[who], 0, 1))
        areas = np.bincount(kept.instance.ravel(), minlength=len(who) + 1)[1:]
        return replace(poses, areas=areas.astype(np.float32), segmentation=silhouettes)

    def fitted(self, radius: float) -> Self:
        return replace(self, unit=radius)

    def scaled(self, factor: float) -> Self:
        spacing, area = max(1, round(self.spacing * factor)), round(self.least_area * factor**2)
        return replace(self, spacing=spacing, least_area=area)

    def metric(self, labels: Labels | None = None, *, fast: bool = False) -> BodyScores:
        return BodyScores(self.skeleton, self.categories, labels, fast=fast)

    @classmethod
    def from_categories(
        cls, categories: tuple[Category, ...], skeleton: Skeleton | None = None
    ) -> Self:
        return cls(needed(skeleton, cls.name), categories)


def _encode_silhouettes(poses: Poses, centers: Points, shape: Size, stride: int) -> Maps:
    """Return the targets that silhouettes give; `centers` (N, 2) become theirs where there are any.

    Raises:
        InputError: There are more ids than people.
    """
    if poses.segmentation is None:
        return {
            "object": np.full((1, *shape), np.nan, np.float32),
            "center": joints.draw_centers(poses, centers, shape, stride),
            "offset": np.full((2, *shape), np.nan, np.float32),
        }
    if poses.segmentation.instance is None:
        return _encode_pixels(poses.segmentation.category, shape, stride)
    whole = poses.segmentation.instance
    if int(whole.max(initial=0)) > len(poses):
        raise InputError(
            f"Instance id i must be that of person i - 1; there are {len(poses)} people, but an "
            f"id {whole.max()}."
        )
    objects = grouping.measure(whole)
    shown = np.flatnonzero(objects.areas)
    centers[shown] = objects.centers[shown]
    known = np.asarray(np.isfinite(centers).all(axis=1))
    sized = Objects(np.where(known[:, None], centers, 0), joints.areas(poses, known))
    category = encodings.subsample(poses.segmentation.category, stride)
    cells = encodings.subsample(whole, stride)
    bumps = grouping.draw_bumps(sized, shape, stride)
    bumps[(category == UNLABELED) | ((category > 0) & (cells == 0))] = np.nan  # a crowd
    return {
        "object": _covered(poses.segmentation.category, stride),
        "center": bumps[None],
        "offset": grouping.offsets(cells, sized, stride),
    }


def _encode_pixels(category: NDArray[np.uint8], shape: Size, stride: int) -> Maps:
    """Return what pixels of people tell where nobody knows whose each is."""
    inside = _covered(category, stride)[0]
    return {
        "object": inside[None],
        "center": np.where(inside == 0, np.float32(0), np.float32(np.nan))[None],
        "offset": np.full((2, *shape), np.nan, np.float32),
    }


def _covered(category: NDArray[np.uint8], stride: int) -> Floats:
    inside = np.where(category == UNLABELED, np.float32(np.nan), np.float32(1) * (category > 0))
    return encodings.coverage(inside, stride)[None]
