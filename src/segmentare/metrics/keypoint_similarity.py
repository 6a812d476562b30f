"""COCO's protocol for keypoints: object keypoint similarity, precision and recall by it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from segmentare.annotations.poses import Keypoints, Poses
from segmentare.metrics.average_precision import AREAS, RECALLS, THRESHOLDS, Flags, Ranked, Values

MOST_DETECTIONS = 20  #: COCO looks at no more people per image
RESAMPLES = 1000  #: of the interval of the average precision


def similarities(predicted: Keypoints, truth: Poses) -> Values:
    """Return the object keypoint similarity (OKS) of predicted and true objects, in 0 to 1.

    It is the mean over the keypoints labeled in the truth of exp(-d^2 / (2 a (2 s)^2)): d is the
    distance, a the true object's area, s the keypoint's sigma. For a true object without labeled
    keypoints d is how far all keypoints lie outside its box, grown by its own width and height on
    every side. A predicted keypoint with a score of 0 lies at (0, 0), as in a file of results.

    Args:
        predicted: (P, K, 3).
        truth: T objects; its skeleton gives the sigmas.

    Returns:
        float64 of shape (P, T).

    Source: Lin et al., "Microsoft COCO", ECCV 2014; the reference is COCOeval of
    https://github.com/cocodataset/cocoapi
    """
    found = places(predicted)[:, None]
    true = truth.keypoints.astype(np.float64)
    labeled: Flags = true[..., 2] > 0
    boxes = truth.boxes.astype(np.float64)
    low, high = boxes[:, None, :2], boxes[:, None, 2:]
    outside = np.maximum(0, (2 * low - high) - found) + np.maximum(0, found - (2 * high - low))
    known: Flags = np.any(labeled, axis=1)
    away = np.where(known[:, None, None], found - true[..., :2], outside)
    variances = (np.array(truth.skeleton.sigmas) * 2) ** 2
    areas = truth.areas.astype(np.float64)[:, None] + np.spacing(1)
    closeness = np.exp(-(away**2).sum(axis=-1) / variances / areas / 2)
    counted = labeled | ~known[:, None]
    similarity: Values = (closeness * counted).sum(axis=-1) / counted.sum(axis=-1)
    return similarity


def places(keypoints: Keypoints) -> Values:
    """Return x and y, (N, K, 2), which are 0 for keypoints that were not found."""
    xy: Values = keypoints[..., :2].astype(np.float64)
    return np.where(keypoints[..., 2:] > 0, xy, 0.0)


def rank(predicted: Poses, truth: Poses, similarity: Values) -> Ranked:
    """Decide which predicted objects of one image are right, by COCO's protocol.

    The surest prediction chooses first, the true object of largest similarity. True objects that
    are crowds, without labeled keypoints, or outside a range of area are ignored, with what
    matches them; a crowd may be matched many times. So is a prediction that matches nothing if the
    box around its own keypoints lies outside the range of area.

    Args:
        predicted: P objects; without scores all are equally sure.
        truth: T objects.
        similarity: What `similarities` returned, (P, T).

    Source: see `similarities`.
    """
    scores = np.ones(len(predicted), np.float32) if predicted.scores is None else predicted.scores
    order = np.argsort(-scores, kind="stable")[:MOST_DETECTIONS]
    areas = truth.areas.astype(np.float64)
    void = truth.crowd | ~(truth.keypoints[..., 2] > 0).any(axis=1)
    dropped = [void | (areas < low) | (areas > high) for low, high in AREAS.values()]
    pairs = [_match(similarity[order], ignored, truth.crowd) for ignored in dropped]
    matched = np.stack([found for found, _ in pairs])
    ignored = np.stack([useless for _, useless in pairs])
    xy = places(predicted.keypoints[order])
    extent = np.prod(xy.max(axis=1) - xy.min(axis=1), axis=1) if len(order) else np.zeros(0)
    beyond = np.stack([(extent < low) | (extent > high) for low, high in AREAS.values()])
    ignored |= ~matched & beyond[:, None]
    truths = np.array([np.count_nonzero(~drop) for drop in dropped])
    return Ranked(scores[order], matched & ~ignored, ignored, truths)


def _match(similarity: Values, ignored: Flags, crowd: Flags) -> tuple[Flags, Flags]:
    """Return which predictions, in their order, take a true object and which an ignored one."""
    order = np.argsort(ignored, kind="stable").tolist()
    values, drop, many = similarity.tolist(), ignored.tolist(), crowd.tolist()
    near = [
        (place, [true for true in order if row[true] >= THRESHOLDS[0]])
        for place, row in enumerate(values)
    ]
    matched = np.zeros((THRESHOLDS.size, len(values)), np.bool_)
    useless = np.zeros_like(matched)
    for level, threshold in enumerate(THRESHOLDS.tolist()):
        taken: set[int] = set()
        for place, choices in near:
            best: int | None = None
            for true in choices:
                if true in taken and not many[true]:
                    continue
                if best is not None and drop[true] and not drop[best]:
                    break
                if values[place][true] >= (threshold if best is None else values[place][best]):
                    best = true
            if best is not None:
                taken.add(best)
                matched[level, place] = True
                useless[level, place] = drop[best]
    return matched, useless


def recalls(images: list[Ranked]) -> Values:
    """Return the share of true objects that were found, (A, T); NaN for areas without any."""
    truths = np.sum([image.truths for image in images], axis=0).astype(np.float64)
    truths[truths == 0] = np.nan
    found = np.sum([image.matched.sum(axis=2) for image in images], axis=0)
    share: Values = found / truths[:, None]
    return share


def precision_interval(
    images: list[Ranked], *, level: float = 0.95, seed: int = 0
) -> list[float] | None:
    """Return the percentile bootstrap interval of the average precision over all areas.

    Whole images are drawn with replacement, so that people in one picture stay together.

    Returns:
        [low, high]; `None` for fewer than two images, or where no object is to be found.
    """
    truths = np.array([image.truths[0] for image in images])
    if len(images) < 2 or not truths.any():
        return None
    generator = np.random.default_rng(seed)
    share = np.full(len(images), 1 / len(images))
    weights = generator.multinomial(len(images), share, RESAMPLES).astype(np.float32)
    weights = weights[weights @ truths > 0]
    owner = np.repeat(np.arange(len(images)), [image.scores.size for image in images])
    order = np.argsort(-np.concatenate([image.scores for image in images]), kind="stable")
    matched = np.concatenate([image.matched[0] for image in images], axis=1)[:, order]
    counted = ~np.concatenate([image.ignored[0] for image in images], axis=1)[:, order]
    owner = owner[order]
    averages = [
        [
            _weighted(row[owner[keep]], right[keep], float(row @ truths))
            for right, keep in zip(matched, counted, strict=True)
        ]
        for row in weights
    ]
    tail = (1 - level) / 2
    low, high = np.quantile(np.mean(averages, axis=1), [tail, 1 - tail])
    return [float(low), float(high)]


def _weighted(weights: NDArray[np.float32], right: Flags, truths: float) -> float:
    """Return the average precision at one threshold of detections that count several times."""
    found = np.cumsum(weights * right)[right]  # precision peaks where something is found
    if not found.size:
        return 0.0
    precision = found / np.maximum(np.cumsum(weights)[right], 1)
    envelope = np.append(np.maximum.accumulate(precision[::-1])[::-1], 0.0)
    return float(envelope[np.searchsorted(found / truths, RECALLS)].mean())
