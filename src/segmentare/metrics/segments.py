"""What is counted in a segmentation, object by object, and how two segmentations overlap.

One rule tells what a pixel of the truth is: `UNLABELED` is known to nobody; a countable category
without an instance is a crowd, objects of that category that nobody told apart. Predictions are
not wrong there, and nothing is to be found there.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from segmentare.annotations.segmentation import UNLABELED, Category, Segmentation, foreground_ids
from segmentare.errors import InputError
from segmentare.metrics.boundary import diagonal

Numbers = NDArray[np.int64]
BAND = 0.02  #: of the diagonal: how far the band along an outline reaches inward

_MOST_BINS = 1 << 22  # larger tables of pairs are sorted instead of counted


@dataclass(frozen=True)
class Counted:
    """What a task counts, bool of shape (C,) each; a category in neither is background.

    Attributes:
        objects: Categories whose instances are counted one by one.
        stuff: Categories that are one segment per image.
    """

    objects: NDArray[np.bool_]
    stuff: NDArray[np.bool_]

    @classmethod
    def instances(cls, categories: tuple[Category, ...]) -> Counted:
        """Count the objects of all categories but the background."""
        objects = np.isin(np.arange(len(categories)), foreground_ids(categories))
        return cls(objects, np.zeros_like(objects))

    @classmethod
    def panoptic(cls, categories: tuple[Category, ...]) -> Counted:
        """Count the objects of things, and each kind of stuff as one segment."""
        objects = np.array([category.thing for category in categories], np.bool_)
        return cls(objects, ~objects)


@dataclass(frozen=True)
class Segments:
    """The segments of one annotation: objects by their ids, then stuff by category.

    Attributes:
        place: Which segment a pixel belongs to, int32 of shape (H, W): 1 to N; 0 for none. In a
            truth N + 1 + c is the crowd of category c, and N + 1 + `UNLABELED` what is unknown.
        ids: Instance ids, shape (N,); 0 for stuff.
        category: Category ids, shape (N,).
        area: Pixels, shape (N,).
    """

    place: NDArray[np.int32]
    ids: Numbers
    category: Numbers
    area: Numbers

    def __len__(self) -> int:
        """Return the number of segments, N."""
        return self.ids.size


def find_segments(annotation: Segmentation, counted: Counted, *, truth: bool) -> Segments:
    """Return the segments of an annotation.

    An object has the countable category that most of its pixels have. In a prediction, pixels of
    countable categories without an instance, and `UNLABELED` ones, belong to no segment.

    Raises:
        InputError: There is no instance map, an id is negative or not a category, or no pixel of
            an object has a countable category.
    """
    role = "truth" if truth else "prediction"
    if annotation.instance is None:
        raise InputError(
            f"Objects can be counted only where there are instances; the {role} has no map of "
            f"them. Give `Segmentation.instance`."
        )
    numbers, rows = _compact(annotation.instance, role)
    codes = (rows << 8) | annotation.category
    histogram = np.bincount(codes.ravel(), minlength=256 * numbers.size).reshape(-1, 256)
    known = histogram.copy()
    known[:, UNLABELED] = 0
    _check_categories(known, counted, role)
    shown = (known if truth else histogram).sum(1)
    rows_of = np.flatnonzero((numbers > 0) & (shown > 0))
    votes = known[rows_of, : counted.objects.size] * counted.objects
    lost = np.flatnonzero(votes.sum(1) == 0)
    if lost.size:
        raise InputError(
            f"Each object must have a category that is counted, which background and stuff are "
            f"not; instance {numbers[rows_of[lost[0]]]} of the {role} has none."
        )
    stuff = np.flatnonzero(counted.stuff & (known[0, : counted.stuff.size] > 0))
    total = rows_of.size + stuff.size
    table = np.zeros(histogram.shape, np.int32)
    table[rows_of] = np.arange(1, rows_of.size + 1)[:, None]
    table[0, stuff] = np.arange(rows_of.size + 1, total + 1)
    if truth:
        crowd = np.flatnonzero(counted.objects)
        table[0, crowd] = total + 1 + crowd
        table[:, UNLABELED] = total + 1 + UNLABELED
    return Segments(
        place=table.ravel()[codes],
        ids=np.concatenate([numbers[rows_of], np.zeros(stuff.size, np.int64)]),
        category=np.concatenate([votes.argmax(1), stuff]).astype(np.int64),
        area=np.concatenate([shown[rows_of], known[0, stuff]]),
    )


def _compact(instance: NDArray[np.int32], role: str) -> tuple[Numbers, NDArray[np.int32]]:
    """Return the ids, 0 first, and a map of their places among them."""
    low, high = (int(instance.min()), int(instance.max())) if instance.size else (0, 0)
    if low < 0:
        raise InputError(f"Instance ids must be 0 or larger; the {role} holds {low}.")
    if high < _MOST_BINS >> 8:
        return np.arange(high + 1, dtype=np.int64), instance.astype(np.int32, copy=False)
    numbers, rows = np.unique(instance, return_inverse=True)
    if numbers[0] > 0:
        numbers, rows = np.concatenate([[0], numbers]), rows + 1
    return numbers.astype(np.int64), rows.reshape(instance.shape).astype(np.int32)


def _check_categories(known: Numbers, counted: Counted, role: str) -> None:
    found = np.flatnonzero(known.any(axis=0))
    if found.size and found[-1] >= counted.objects.size:
        raise InputError(
            f"Category ids must be 0 to {counted.objects.size - 1}, or {UNLABELED} where nobody "
            f"knows; the {role} holds {found[-1]}."
        )


@dataclass(frozen=True)
class Overlaps:
    """How the segments of a prediction and of the truth overlap.

    Attributes:
        true: N true segments.
        predicted: M predicted segments.
        pairs: (true, predicted) segments of the same category that have pixels in common, int64
            of shape (K, 2).
        common: Pixels in common, shape (K,).
        iou: Intersection over union of shape (K,), pixels that nobody knows left out.
        unknown: Pixels of each predicted segment that nobody knows, shape (M,).
        crowd: Pixels of each predicted segment in the crowd of its own category, shape (M,).
    """

    true: Segments
    predicted: Segments
    pairs: Numbers
    common: Numbers
    iou: NDArray[np.float64]
    unknown: Numbers
    crowd: Numbers

    @property
    def known_area(self) -> Numbers:
        """Pixels of each predicted segment of which the truth is known, shape (M,)."""
        return self.predicted.area - self.unknown

    @property
    def excused(self) -> NDArray[np.float64]:
        """Share of each predicted segment that is unknown or a crowd of its kind, shape (M,)."""
        return (self.unknown + self.crowd) / self.predicted.area


def find_overlaps(predicted: Segments, true: Segments) -> Overlaps:
    """Count the common pixels of all predicted and true segments in one pass.

    Raises:
        InputError: The maps differ in shape.
    """
    left, right, pixels = _count_pairs(true.place, predicted.place, len(predicted))
    kind = predicted.category[right]
    unknown, crowd = (
        np.bincount(right[there], pixels[there], len(predicted)).astype(np.int64)
        for there in (left == len(true) + UNLABELED, left == len(true) + kind)
    )
    same = np.flatnonzero(left < len(true))
    same = same[true.category[left[same]] == kind[same]]
    left, right, pixels = left[same], right[same], pixels[same]
    union = true.area[left] + (predicted.area - unknown)[right] - pixels
    pairs = np.stack([left, right], axis=1)
    return Overlaps(true, predicted, pairs, pixels, pixels / union, unknown, crowd)


def boundary_iou(overlaps: Overlaps) -> NDArray[np.float64]:
    """Return the IoU of the bands along the inside of the outlines, for each of the pairs.

    A band holds the pixels of a segment of which a square window of 2 % of the image's diagonal
    to each side, at least 1 pixel, reaches out of the segment or the image.

    Source: Cheng et al., "Boundary IoU: Improving Object-Centric Image Segmentation Evaluation",
    CVPR 2021, https://arxiv.org/abs/2103.16562
    """
    true, predicted = overlaps.true, overlaps.predicted
    bands = _band(true.place), _band(predicted.place)
    # What is unknown stays so up to its rim, or its band would be charged to the prediction.
    unknown = true.place == len(true) + 1 + UNLABELED
    areas = [
        np.bincount(band[~unknown], minlength=len(side) + 1)[1 : len(side) + 1]
        for band, side in zip(bands, (true, predicted), strict=True)
    ]
    left, right, pixels = _count_pairs(*bands, len(predicted))
    found = dict(zip(zip(left.tolist(), right.tolist(), strict=True), pixels.tolist(), strict=True))
    common = np.array([found.get((i, j), 0) for i, j in overlaps.pairs.tolist()], np.int64)
    union = areas[0][overlaps.pairs[:, 0]] + areas[1][overlaps.pairs[:, 1]] - common
    share: NDArray[np.float64] = common / np.maximum(union, 1)
    return share


def _band(place: NDArray[np.int32]) -> NDArray[np.int32]:
    height, width = place.shape
    reach = max(1, round(BAND * diagonal((height, width))))
    window = np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)
    labels = place.astype(np.float32)  # whole numbers below 2**24 are exact
    low, high = (
        change(labels, window, borderType=cv2.BORDER_CONSTANT, borderValue=0)
        for change in (cv2.erode, cv2.dilate)
    )
    return np.where(low == high, 0, place)


def _count_pairs(
    true: NDArray[np.int32], predicted: NDArray[np.int32], segments: int
) -> tuple[Numbers, Numbers, Numbers]:
    """Return index of the true and of the predicted segment, from 0, and their common pixels."""
    if true.shape != predicted.shape:
        raise InputError(
            f"Prediction and truth must have the same shape; got {predicted.shape} and "
            f"{true.shape}. Bring the prediction to the size of the image first."
        )
    width = segments + 1
    codes = (true.astype(np.int64) * width + predicted).ravel()
    bins = (int(true.max(initial=0)) + 1) * width
    if bins <= _MOST_BINS:
        counts = np.bincount(codes, minlength=bins)
        used = np.flatnonzero(counts)
        pixels = counts[used]
    else:
        used, pixels = np.unique(codes, return_counts=True)
    left, right = np.divmod(used, width)
    both = (left > 0) & (right > 0)
    return left[both] - 1, right[both] - 1, pixels[both].astype(np.int64)
