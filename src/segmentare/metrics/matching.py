"""Which predicted object is which true one, and the scores that follow from it.

A score of nothing, where neither truth nor prediction shows an object, is a perfect answer, 1.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from segmentare.metrics.segments import Numbers, Overlaps

Values = NDArray[np.float64]

#: Columns of a tally: the sum of the IoU of the matched pairs, and three numbers of objects.
IOU, MATCHED, INVENTED, MISSED = range(4)


def match(overlaps: Overlaps, threshold: float, *, strict: bool = False) -> Numbers:
    """Return which of the pairs are matches: the most possible, of those the best in total IoU.

    Args:
        overlaps: Of one image.
        threshold: Least IoU of a match, 0 to 1.
        strict: A match must exceed the threshold.

    Returns:
        Indices into `overlaps.pairs`, rising.

    Source: Weigert et al., "Star-convex Polyhedra for 3D Object Detection and Segmentation in
    Microscopy", WACV 2020 (at any threshold); Kirillov et al., "Panoptic Segmentation", CVPR 2019
    (above 0.5 the match is unique).
    """
    above = overlaps.iou > threshold if strict else overlaps.iou >= threshold
    near = np.flatnonzero(above & (overlaps.iou > 0))
    pairs = overlaps.pairs[near]
    # One more match outweighs the IoU of all others together, whose bonus stays below 1/2.
    weights = 1 + overlaps.iou[near] / (2 * max(1, near.size))
    return near[_assign(pairs, weights)]


def _assign(pairs: Numbers, weights: Values) -> Numbers:
    """Return the pairs of an assignment one to one with the largest sum of weights, all > 0."""
    if all(np.unique(side).size == side.size for side in pairs.T):
        return np.arange(len(pairs))
    from scipy.optimize import linear_sum_assignment
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    sizes = pairs.max(axis=0) + 1
    graph = coo_array(
        (np.ones(len(pairs)), (pairs[:, 0], sizes[0] + pairs[:, 1])), shape=(sizes.sum(),) * 2
    )
    group = connected_components(graph, directed=False)[1][pairs[:, 0]]
    order = np.argsort(group, kind="stable")
    chosen = []
    for members in np.split(order, np.flatnonzero(np.diff(group[order])) + 1):
        if members.size == 1:
            chosen.append(members)
            continue
        places = [np.unique(side, return_inverse=True)[1] for side in pairs[members].T]
        table = np.zeros([place.max() + 1 for place in places])
        table[places[0], places[1]] = weights[members]
        rows, columns = linear_sum_assignment(table, maximize=True)
        partner = np.full(len(table), -1)
        partner[rows] = columns
        chosen.append(members[partner[places[0]] == places[1]])
    return np.sort(np.concatenate(chosen))


def tally(
    overlaps: Overlaps, categories: int, threshold: float = 0.5, *, strict: bool = False
) -> Values:
    """Count matched, invented and missed segments of one image.

    A predicted segment without a match is not invented where more than half of it is unknown or a
    crowd of its category.

    Returns:
        Shape (C, 4): per category `IOU`, `MATCHED`, `INVENTED`, `MISSED`; sums over images and
        categories are tallies too.

    Source: Kirillov et al., "Panoptic Segmentation", CVPR 2019, https://arxiv.org/abs/1801.00868,
    for which `strict` holds; crowds as in https://github.com/cocodataset/panopticapi
    """
    matches = match(overlaps, threshold, strict=strict)
    true, predicted = overlaps.pairs[matches].T
    kind = overlaps.true.category[true]
    counts = np.zeros((categories, 4))
    counts[:, IOU] = np.bincount(kind, overlaps.iou[matches], categories)
    counts[:, MATCHED] = np.bincount(kind, minlength=categories)
    invented = overlaps.excused <= 0.5
    invented[predicted] = False
    counts[:, INVENTED] = np.bincount(overlaps.predicted.category[invented], minlength=categories)
    all_true = np.bincount(overlaps.true.category, minlength=categories)
    counts[:, MISSED] = all_true - counts[:, MATCHED]
    return counts


def seen(tallies: Values) -> NDArray[np.bool_]:
    """Tell where something was to be found or was found; (..., 4) -> (...)."""
    shown: NDArray[np.bool_] = tallies[..., MATCHED:].sum(-1) > 0
    return shown


def accuracy(tallies: Values) -> Values:
    """Return matched / (matched + invented + missed); (..., 4) -> (...).

    Also called AP or mAP in papers on cells, which it is not.
    """
    return _share(tallies[..., MATCHED], tallies[..., MATCHED:].sum(-1), tallies)


def f1(tallies: Values) -> Values:
    """Return the harmonic mean of precision and recall of objects; (..., 4) -> (...)."""
    return _share(tallies[..., MATCHED], _halves(tallies), tallies)


def segmentation_quality(tallies: Values) -> Values:
    """Return the mean IoU of the matched pairs, 0 where none matches; (..., 4) -> (...)."""
    return _share(tallies[..., IOU], tallies[..., MATCHED], tallies)


def panoptic_quality(tallies: Values) -> Values:
    """Return `segmentation_quality` times `f1`; (..., 4) -> (...)."""
    return _share(tallies[..., IOU], _halves(tallies), tallies)


def over_categories(values: Values, tallies: Values) -> Values:
    """Return the mean over the categories that were seen; (..., C) and (..., C, 4) -> (...)."""
    shown = seen(tallies)
    number = shown.sum(-1)
    total = np.where(shown, values, 0).sum(-1)
    return np.where(number > 0, total / np.maximum(number, 1), 1.0)


def _halves(tallies: Values) -> Values:
    halves: Values = tallies[..., MATCHED] + tallies[..., INVENTED:].sum(-1) / 2
    return halves


def _share(part: Values, whole: Values, tallies: Values) -> Values:
    share = np.divide(part, whole, out=np.zeros(np.shape(whole)), where=whole > 0)
    return np.where(seen(tallies), share, 1.0)


def aggregated_jaccard(overlaps: Overlaps, categories: int, *, one_to_one: bool = False) -> Values:
    """Return the common pixels and the union of the aggregated Jaccard index, AJI.

    Each true object takes the prediction of largest IoU with it, also one that another object
    took, so that the order of the ids does not matter; predictions that none took add to the
    union, those excused by crowds or unknown pixels aside (see `tally`).

    Args:
        overlaps: Of one image.
        categories: Number of categories, C.
        one_to_one: AJI+: the assignment one to one with the largest sum of IoU instead, so that a
            prediction across several objects is charged once only.

    Returns:
        Shape (C, 2); AJI is the first over the second, and sums of such rows give a pooled one.

    Source: Kumar et al., "A Dataset and a Technique for Generalized Nuclear Segmentation for
    Computational Pathology", TMI 2017, in the authors' final code of 2018; AJI+: Graham et al.,
    "HoVer-Net", MedIA 2019.
    """
    pairs, common, iou = overlaps.pairs, overlaps.common, overlaps.iou
    if one_to_one:
        chosen = _assign(pairs, iou)
    else:
        order = np.lexsort((-common, -iou, pairs[:, 0]))
        chosen = order[np.unique(pairs[order, 0], return_index=True)[1]]
    true, predicted = pairs[chosen].T
    left = np.ones(len(overlaps.true), np.bool_)
    left[true] = False
    unused = overlaps.excused <= 0.5
    unused[predicted] = False
    area = overlaps.known_area
    joint = overlaps.true.area[true] + area[predicted] - common[chosen]
    kinds = overlaps.true.category[true]
    result = np.zeros((categories, 2))
    result[:, 0] = np.bincount(kinds, common[chosen], categories)
    for kind, pixels in (
        (kinds, joint),
        (overlaps.true.category[left], overlaps.true.area[left]),
        (overlaps.predicted.category[unused], area[unused]),
    ):
        result[:, 1] += np.bincount(kind, pixels, categories)
    return result


def jaccard(pixels: Values) -> Values:
    """Return common pixels over union, 1 where there is nothing; (..., 2) -> (...)."""
    union = pixels[..., 1]
    return np.divide(pixels[..., 0], union, out=np.ones(np.shape(union)), where=union > 0)
