"""What the samples of a dataset have in common, measured, so that a plan can follow from it."""

from __future__ import annotations

import math
import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from segmentare.annotations import geometry
from segmentare.annotations.poses import Poses
from segmentare.annotations.segmentation import (
    UNLABELED,
    Category,
    Sample,
    Segmentation,
    foreground_ids,
    relabel,
)

_DETAIL = 0.96  # Dice that the truth must keep when it is brought to the training size and back
_SIDES_TRIED = (128, 160, 192, 224, 256, 320, 384, 448, 512, 640)
_FEW = 8  # images, below which nothing can be said
_NEARER = 0.7  # of the spread of ways from the middle: what a way from a parent must be below
_TOUCH = 2  # pixels between two objects that are said to touch


def usual_kind(samples: Sequence[Sample[Any]]) -> tuple[int, str]:
    """Return the channels and the dtype of most images; `prepare` stops at the others by name."""
    return Counter(kind(sample) for sample in samples).most_common(1)[0][0]


def kind(sample: Sample[Any]) -> tuple[int, str]:
    """Return the channels and the dtype of an image."""
    return sample.image.shape[2], str(sample.image.dtype)


def some_pixels(image: geometry.Image) -> geometry.Image:
    """Return about 2,000 pixels, (N, C), evenly spread."""
    flat = image.reshape(-1, image.shape[2])
    return flat[:: max(1, len(flat) // 2000)]


def exposure_spread(samples: Sequence[Sample[Any]]) -> float:
    """Return how many times wider the values of a bright image spread than those of a dim one.

    Measured: nuclei under many microscopes 4.5; photographs, street scenes, blood cells and skin
    1.1 to 1.4.

    Returns:
        The 90th over the 10th percentile of the images' ranges; 1 for fewer than 8 images.
    """
    if len(samples) < _FEW:
        return 1.0
    ranges = []
    for sample in samples:
        pixels = some_pixels(sample.image).astype(np.float64)
        ranges.append(np.ptp(np.nanpercentile(pixels, (1, 99.8))))
    low, high = np.percentile(ranges, (10, 90))
    return float(high / low) if low > 0 else 1.0


def enough_detail(
    samples: Sequence[Sample[Any]], categories: tuple[Category, ...], own_area: float
) -> float:
    """Return the smallest area at which the masks keep their shape, at most the images' own."""
    areas = (side * side for side in _SIDES_TRIED if side * side < own_area)
    return next((a for a in areas if detail_kept(samples, categories, a) >= _DETAIL), own_area)


def detail_kept(
    samples: Sequence[Sample[Any]], categories: tuple[Category, ...], area: float
) -> float:
    """Return the Dice of the true masks with themselves, brought to `area` pixels and back."""
    scores = []
    for sample in samples[:24]:
        truth = sample.annotation.category
        factor = math.sqrt(area / truth.size)
        if factor >= 1:
            scores.append(1.0)
            continue
        small = (max(1, round(truth.shape[0] * factor)), max(1, round(truth.shape[1] * factor)))
        back = geometry.resample_labels(geometry.resample_labels(truth, small), truth.shape)
        for category in foreground_ids(categories):
            one, other = truth == category, back == category
            if one.any():
                scores.append(2 * float((one & other).sum()) / float(one.sum() + other.sum()))
    return float(np.mean(scores)) if scores else 1.0


def common_uprightness(samples: Sequence[Sample[Any]]) -> float:
    """Return how much of the difference between masks and their up-down mirrors they share.

    Thumbnails of the masks minus their own mirror are averaged: where up and down mean nothing
    the differences cancel (about 1 / number of images remains), where heads are above feet they
    add up. Only the masks count: a lamp that always shines from above says nothing of the objects.
    Measured: PH2 0.01, blood cells 0.01, DRIVE 0.02, CHASE 0.07; portraits 0.20, full-body
    photographs 0.28, CamVid 0.45.

    Returns:
        0 to 1; 0 for fewer than 8 images, for which nothing can be said.
    """
    if len(samples) < _FEW:
        return 0.0
    thumbnails = np.stack([_mask_thumbnail(sample) for sample in samples])
    differences = thumbnails - thumbnails[:, ::-1]
    total = float((differences**2).mean())
    if total == 0:
        return 0.0
    return max(0.0, float((differences.mean(axis=0) ** 2).mean()) / total - 1 / len(samples))


def _mask_thumbnail(sample: Sample[Any]) -> geometry.Image:
    category = sample.annotation.category
    ids = np.where(category == UNLABELED, 0, category).astype(np.float32)
    return geometry.resample(ids, (16, 16))


@dataclass(frozen=True)
class ObjectTraits:
    """How large and how crowded the objects of a dataset are.

    Attributes:
        diameter: Median of the square root of the objects' areas, in pixels.
        relative: The same where every image has an area of one pixel.
        large: What 95 % of the objects are smaller than, as `diameter`.
        crowding: Share of the objects that touch another one, 0 to 1.
        count: Objects that were measured.
    """

    diameter: float
    relative: float
    large: float
    crowding: float
    count: int


def as_masks(sample: Sample[Any]) -> Sample[Segmentation]:
    """Return the sample with silhouettes or boxes in place of poses."""
    truth = sample.annotation
    return replace(sample, annotation=truth.silhouettes()) if isinstance(truth, Poses) else sample


def pose_radius(samples: Sequence[Sample[Any]]) -> float | None:
    """Return the median distance of keypoints from the middle of theirs, in shares of sqrt(H W).

    `None` where there are no poses with two keypoints.
    """
    distances = []
    for sample in samples:
        if not isinstance(sample.annotation, Poses):
            continue
        for points in sample.annotation.keypoints:
            known = points[points[:, 2] > 0, :2]
            if len(known) > 1:
                away = np.linalg.norm(known - known.mean(axis=0), axis=1)
                distances.append(float(away.mean()) / math.sqrt(math.prod(sample.annotation.size)))
    return float(np.median(distances)) if distances else None


def pose_parents(samples: Sequence[Sample[Any]]) -> tuple[int, ...]:
    """Return from which other keypoint each is best found, -1 for the middle of all.

    A keypoint has a parent at the other end of a limb if its way from there varies much less than
    from the middle, as that of a wrist does from the elbow; ways are in units of the square root
    of the area. Mirror images have mirror images as parents. Keypoints join the tree in the order
    of how little their ways vary, as in Prim's algorithm.

    Returns:
        One index per keypoint; nothing where there are too few objects to tell.
    """
    poses = [s.annotation for s in samples if isinstance(s.annotation, Poses)]
    poses = [p for p in poses if len(p)]
    if sum(len(p) for p in poses) < _FEW:
        return ()
    skeleton = poses[0].skeleton
    points = np.concatenate([p.keypoints for p in poses]).astype(np.float64)
    points[points[..., 2] <= 0] = np.nan
    points = points[..., :2] / np.sqrt(np.concatenate([p.areas for p in poses]))[:, None, None]
    count, swaps = len(skeleton.keypoints), np.array(skeleton.swaps)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a keypoint that nobody marked has no mean
        starts = np.concatenate([np.nanmean(points, axis=1, keepdims=True), points], axis=1)
        ways = points[:, :, None] - starts[:, None]
        spread = np.sqrt(np.nanvar(ways, axis=0).sum(axis=-1))  # (K, 1 + K)
    mirrored = np.concatenate([[0], swaps + 1])
    spread = (spread + spread[swaps][:, mirrored]) / 2
    allowed = np.zeros((count, 1 + count), np.bool_)
    allowed[:, 0] = True
    for a, b in skeleton.limbs:
        for one, other in ((a, b), (b, a), (swaps[a], swaps[b]), (swaps[b], swaps[a])):
            allowed[one, other + 1] = swaps[one] != one or swaps[other] == other
    allowed[:, 1:] &= spread[:, 1:] < _NEARER * spread[:, :1]
    cost = np.where(allowed, np.nan_to_num(spread, nan=np.inf), np.inf)
    parents = np.full(count, -1)
    reached = np.zeros(1 + count, np.bool_)
    reached[0] = True
    while (open_ := np.where(reached[None] & ~reached[1:, None], cost, np.inf)).min() < np.inf:
        one, start = np.unravel_index(open_.argmin(), open_.shape)
        parents[one], parents[swaps[one]] = start - 1, mirrored[start] - 1
        reached[[one + 1, swaps[one] + 1]] = True
    return tuple(parents.tolist())


def pose_uprightness(samples: Sequence[Sample[Any]]) -> float:
    """Return how much of the vertical order of keypoints all people have in common, 0 to 1.

    Heights of the keypoints above the middle of a person, in units of their spread, are averaged:
    where people stand and lie as they like they cancel.
    """
    orders = []
    for sample in samples:
        for points in sample.annotation.keypoints:
            known = points[:, 2] > 0
            if known.sum() > 1:
                heights = points[:, 1] - points[known, 1].mean()
                spread = max(float(points[known, :2].std()), 1e-6)
                orders.append(np.where(known, heights / spread, 0.0))
    if len(orders) < _FEW:
        return 0.0
    order = np.stack(orders)
    total = float((order**2).mean())
    return float((order.mean(axis=0) ** 2).mean()) / total if total else 0.0


def object_traits(samples: Sequence[Sample[Any]]) -> ObjectTraits | None:
    """Measure the objects of some samples; `None` where there are none to be told apart."""
    diameters, relative, touching = [], [], 0
    for sample in samples:
        if sample.annotation.instance is None:
            continue
        instance = relabel(sample.annotation.instance)
        found = np.sqrt(np.bincount(instance.ravel())[1:])
        diameters.append(found)
        relative.append(found / math.sqrt(instance.size))
        touching += _touching(instance)
    sides = np.concatenate(diameters) if diameters else np.zeros(0)
    if not len(sides):
        return None
    return ObjectTraits(
        float(np.median(sides)),
        float(np.median(np.concatenate(relative))),
        float(np.percentile(sides, 95)),
        touching / len(sides),
        len(sides),
    )


def _touching(instance: NDArray[np.int32]) -> int:
    """Return how many objects lie within `_TOUCH` pixels of another one."""
    window = np.ones((2 * _TOUCH + 1, 2 * _TOUCH + 1), np.uint8)
    ids = instance.astype(np.float32)  # OpenCV's filters take no int32; exact up to 16 million
    highest = cv2.dilate(ids, window)
    lowest = cv2.erode(np.where(instance == 0, np.float32(np.inf), ids), window)
    inside = instance > 0
    return len(np.unique(instance[inside & ((highest != ids) | (lowest != ids))]))
