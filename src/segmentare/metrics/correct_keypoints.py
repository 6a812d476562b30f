"""The percentage of correct keypoints (PCK): how many lie within a share of a body's measure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segmentare.annotations.poses import Poses, Skeleton
from segmentare.annotations.skeletons import plain
from segmentare.metrics.average_precision import Values

_DIAGONALS = (("left_shoulder", "right_hip"), ("right_shoulder", "left_hip"))
_HEAD, _NECK = ("head_top", "top_head", "head"), ("upper_neck", "head_bottom", "neck")

Counts = NDArray[np.int64]


@dataclass(frozen=True)
class Measure:
    """What "near enough" means.

    Attributes:
        score: Name of the score, such as `pck@0.2`.
        share: Part of the length within which a keypoint is right.
        pairs: Keypoints whose distance is the length, the mean over the pairs that are labeled;
            empty: the longer side of the box.
    """

    score: str
    share: float
    pairs: tuple[tuple[int, int], ...] = ()

    def lengths(self, truth: Poses) -> Values:
        """Return the length per true object in pixels, (T,); NaN or 0 where it is not known."""
        if not self.pairs:
            sides = (truth.boxes[:, 2:] - truth.boxes[:, :2]).astype(np.float64)
            longer: Values = sides.max(axis=1)
            return longer
        ends = truth.keypoints[:, np.array(self.pairs)].astype(np.float64)  # (T, pairs, 2, 3)
        known = (ends[..., 2] > 0).all(axis=2)
        apart = np.where(known, np.hypot(*np.moveaxis(ends[:, :, 0] - ends[:, :, 1], 2, 0)[:2]), 0)
        count = known.sum(axis=1)
        return np.where(count > 0, apart.sum(axis=1) / np.maximum(count, 1), np.nan)


def measures(skeleton: Skeleton) -> tuple[Measure, ...]:
    """Return the measures that a skeleton has, by the names of its keypoints.

    Returns:
        `pck@0.2`: 0.2 of the torso, the distance from the left shoulder to the right hip and from
        the right shoulder to the left hip (the mean, or the one that is labeled). Without these
        keypoints `pck_box@0.2`: 0.2 of the longer side of the object's box. `pckh@0.5`: half the
        distance from the top of the head to the neck; absent without these keypoints (a nose is
        no top of a head).

    Source: Yang and Ramanan, "Articulated Human Detection with Flexible Mixtures of Parts", PAMI
    2013; Andriluka et al., "2D Human Pose Estimation", CVPR 2014, whose head is 0.6 of the
    diagonal of a box that other datasets do not have: the neck-to-top distance stands for it.
    """
    at = {plain(name): index for index, name in enumerate(skeleton.keypoints)}
    torso = tuple((at[a], at[b]) for a, b in _DIAGONALS if a in at and b in at)
    found = [Measure("pck@0.2", 0.2, torso) if torso else Measure("pck_box@0.2", 0.2)]
    head, neck = (next((at[n] for n in names if n in at), None) for names in (_HEAD, _NECK))
    if head is not None and neck is not None:
        found.append(Measure("pckh@0.5", 0.5, ((head, neck),)))
    return tuple(found)


def pair(similarity: Values, scored: NDArray[np.bool_]) -> Counts:
    """Return which prediction each true object is compared with, (T,); -1 for none.

    The pairs, one to one, are those of largest total similarity.

    Args:
        similarity: Of predictions and true objects, (P, T), 0 to 1.
        scored: True objects that want a partner, (T,).
    """
    from scipy.optimize import linear_sum_assignment

    partners = np.full(len(scored), -1, np.int64)
    wanted = np.flatnonzero(scored)
    rows, columns = linear_sum_assignment(similarity[:, wanted], maximize=True)
    partners[wanted[columns]] = rows
    return partners


def count(predicted: Poses, truth: Poses, partners: Counts, measure: Measure) -> Counts:
    """Return per keypoint how many are right and how many were to be found, (K, 2).

    Every labeled keypoint, hidden or visible, of every true object whose length is known is to be
    found. It is not, if the object has no partner or the partner's score of it is 0. Objects that
    were made up do not count.

    Args:
        predicted: P objects.
        truth: T objects.
        partners: What `pair` returned.
        measure: Of the truth's skeleton.
    """
    lengths = measure.lengths(truth)
    wanted = (truth.keypoints[..., 2] > 0) & (~truth.crowd & (lengths > 0))[:, None]
    right = np.zeros_like(wanted)
    has = np.flatnonzero(partners >= 0)
    found = predicted.keypoints[partners[has]].astype(np.float64)
    away = np.hypot(*np.moveaxis(found - truth.keypoints[has], 2, 0)[:2])
    near = away <= measure.share * np.nan_to_num(lengths[has])[:, None]
    right[has] = near & (found[..., 2] > 0) & wanted[has]
    return np.stack([right.sum(axis=0), wanted.sum(axis=0)], axis=1).astype(np.int64)
