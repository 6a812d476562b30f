"""COCO's average precision of objects with scores, on tables of overlaps instead of masks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from segmentare.errors import InputError
from segmentare.metrics.segments import Overlaps

THRESHOLDS = np.linspace(0.5, 0.95, 10)  #: least IoU of a match
RECALLS = np.linspace(0.0, 1.0, 101)  #: where the precision is read
MOST_DETECTIONS = 100  #: COCO looks at no more per image and category
AREAS = {
    "": (0.0, 1e10),
    "_small": (0.0, 32.0**2),
    "_medium": (32.0**2, 96.0**2),
    "_large": (96.0**2, 1e10),
}  #: suffix -> least and largest area in pixels, ends included

Values = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Ranked:
    """The predicted objects of one category in one image, the surest first.

    Attributes:
        scores: Shape (D,), falling.
        matched: Whether each is a true object, per range of area and threshold: (A, T, D).
        ignored: Whether it is neither right nor wrong, same shape.
        truths: Number of true objects to be found per range of area, shape (A,).
    """

    scores: NDArray[np.float32]
    matched: Flags
    ignored: Flags
    truths: NDArray[np.int64]


class _Candidate(NamedTuple):
    """A true object that a prediction may be."""

    true: int
    iou: float
    ignored: bool


def rank(
    overlaps: Overlaps,
    iou: Values,
    scores: NDArray[np.float32] | None,
    most: int = MOST_DETECTIONS,
) -> dict[int, Ranked]:
    """Decide which predicted objects of one image are right, by COCO's protocol.

    The surest prediction chooses first, the true object of largest IoU. Predictions that match a
    true object outside a range of area, that lie on a crowd of their category or on unknown
    pixels (by the share of their own area), or that are themselves outside the range and match
    nothing, are ignored there. All crowds of a category in an image are one region.

    Args:
        overlaps: Of one image.
        iou: Of `overlaps.pairs`, shape (K,): `overlaps.iou` or a stricter one.
        scores: Of instance id i at place i - 1; `None`: all are equally sure.
        most: Predictions per category that are looked at.

    Returns:
        Category id -> result, for all categories that truth or prediction shows.

    Raises:
        InputError: A predicted instance has no score, or a score is not finite.

    Source: Lin et al., "Microsoft COCO", ECCV 2014; the reference is COCOeval of
    https://github.com/cocodataset/cocoapi
    """
    given = _scores(overlaps, scores)
    near: dict[int, list[tuple[int, float]]] = {}
    for pair in np.flatnonzero(iou >= THRESHOLDS[0]):
        true, predicted = overlaps.pairs[pair].tolist()
        near.setdefault(predicted, []).append((true, float(iou[pair])))
    result: dict[int, Ranked] = {}
    for kind in np.union1d(overlaps.true.category, overlaps.predicted.category).tolist():
        predicted = np.flatnonzero(overlaps.predicted.category == kind)
        predicted = predicted[np.argsort(-given[predicted], kind="stable")][:most]
        areas = overlaps.true.area
        own = overlaps.true.category == kind
        outside = [(areas < low) | (areas > high) for low, high in AREAS.values()]
        pairs = [_match(near, predicted, ignored) for ignored in outside]
        matched = np.stack([found for found, _ in pairs])
        ignored = np.stack([dropped for _, dropped in pairs])
        size = overlaps.predicted.area[predicted]
        extent = np.stack([(size < low) | (size > high) for low, high in AREAS.values()])
        excused = overlaps.excused[predicted] >= np.minimum(THRESHOLDS, 1 - 1e-10)[:, None]
        ignored |= ~matched & (excused | extent[:, None])
        truths = np.array([np.count_nonzero(own & ~drop) for drop in outside])
        result[kind] = Ranked(given[predicted], matched & ~ignored, ignored, truths)
    return result


def _scores(overlaps: Overlaps, scores: NDArray[np.float32] | None) -> NDArray[np.float32]:
    ids = overlaps.predicted.ids
    if scores is None:
        return np.ones(ids.size, np.float32)
    if ids.size and ids.max() > len(scores):
        raise InputError(
            f"Each predicted instance must have a score at the place of its id less 1; there are "
            f"{len(scores)} scores, but an instance {ids.max()}."
        )
    given = np.asarray(scores, np.float32)[ids - 1]
    if not np.isfinite(given).all():
        raise InputError(
            f"Scores of instances must be finite; found {given[~np.isfinite(given)][0]}."
        )
    return given


def _match(
    near: Mapping[int, list[tuple[int, float]]], predicted: NDArray[np.int64], outside: Flags
) -> tuple[Flags, Flags]:
    """Return which predictions, in their order, take a true object and which an ignored one."""
    candidates = [
        (
            place,
            sorted(
                (_Candidate(true, iou, bool(outside[true])) for true, iou in near[index]),
                key=lambda candidate: candidate.ignored,
            ),
        )
        for place, index in enumerate(predicted.tolist())
        if index in near
    ]
    matched = np.zeros((THRESHOLDS.size, predicted.size), np.bool_)
    ignored = np.zeros_like(matched)
    for level, threshold in enumerate(THRESHOLDS.tolist()):
        taken: set[int] = set()
        for place, choices in candidates:
            best: _Candidate | None = None
            for choice in choices:
                if choice.true in taken:
                    continue
                if best is not None and choice.ignored and not best.ignored:
                    break
                if choice.iou >= (threshold if best is None else best.iou):
                    best = choice
            if best is not None:
                taken.add(best.true)
                matched[level, place] = True
                ignored[level, place] = best.ignored
    return matched, ignored


def average_precision(images: list[Ranked]) -> Values:
    """Return the average precision of one category over all images, shape (A, T).

    NaN for ranges of area in which there is no true object.
    """
    shape = len(AREAS), THRESHOLDS.size
    result = np.full(shape, np.nan)
    if not images:
        return result
    truths = np.sum([image.truths for image in images], axis=0)
    order = np.argsort(-np.concatenate([image.scores for image in images]), kind="stable")
    matched = np.concatenate([image.matched for image in images], axis=2)[:, :, order]
    ignored = np.concatenate([image.ignored for image in images], axis=2)[:, :, order]
    for area in np.flatnonzero(truths):
        for level in range(shape[1]):
            right = matched[area, level][~ignored[area, level]]
            found = np.cumsum(right)
            recall = found / truths[area]
            precision = found / np.arange(1, right.size + 1)
            # The best precision at this recall or a larger one.
            envelope = np.append(np.maximum.accumulate(precision[::-1])[::-1], 0.0)
            result[area, level] = envelope[np.searchsorted(recall, RECALLS)].mean()
    return result


def mean_precision(categories: dict[int, Values], *, predicted: bool) -> dict[str, float | None]:
    """Return COCO's numbers from the average precision of the categories.

    Args:
        categories: What `average_precision` returned, per category.
        predicted: Whether anything was predicted at all.

    Returns:
        `ap`, `ap50`, `ap75` and, of true objects by their area, `ap_small`, `ap_medium` and
        `ap_large`; means over the categories that the truth shows. `None` where there is no true
        object of that area; where there is none at all, `ap`, `ap50` and `ap75` are 1 if nothing
        was predicted, else 0.
    """
    values = np.array(list(categories.values())).reshape(-1, len(AREAS), THRESHOLDS.size)
    chosen = {f"ap{suffix}": values[:, area] for area, suffix in enumerate(AREAS)}
    chosen |= {"ap50": values[:, 0, [0]], "ap75": values[:, 0, [5]]}
    empty = {"ap", "ap50", "ap75"} if np.isnan(values[:, 0]).all() else set()
    result: dict[str, float | None] = {}
    for name in ("ap", "ap50", "ap75", "ap_small", "ap_medium", "ap_large"):
        known = chosen[name][~np.isnan(chosen[name])]
        result[name] = float(known.mean()) if known.size else None
        if name in empty:
            result[name] = float(not predicted)
    return result
