"""Which category was taken for which: the confusion matrix and the scores that follow from it.

All scores take matrices of shape (..., C, C) and return one value per category, shape (..., C).
One rule decides the divisions by zero: a category that neither truth nor prediction shows is a
perfect answer, 1; one that only one of them shows scores 0 in every score.
"""

import numpy as np
from numpy.typing import NDArray

from segmentare.annotations.segmentation import UNLABELED
from segmentare.errors import InputError

Counts = NDArray[np.int64]  #: (..., C, C) pixels; rows are true, columns predicted categories
Scores = NDArray[np.float64]  #: (..., C), 0 to 1


def confusion_matrix(
    predicted: NDArray[np.uint8], truth: NDArray[np.uint8], categories: int
) -> Counts:
    """Count the pixels of every pair (true category, predicted category).

    Args:
        predicted: Category ids, uint8 of shape (H, W).
        truth: Category ids of the same shape; pixels that are `UNLABELED` here count nowhere,
            whatever was predicted there.
        categories: Number of categories, C.

    Returns:
        int64 of shape (C, C); entry (t, p) is the number of pixels of category t taken for p.

    Raises:
        InputError: The shapes differ, or a counted pixel has an id that is not below C. An
            `UNLABELED` pixel in the prediction is such an id too: a prediction must answer.
        TypeError: A map is not uint8.
    """
    if predicted.shape != truth.shape:
        raise InputError(
            f"Prediction and truth must have the same shape; got {predicted.shape} and "
            f"{truth.shape}. Bring the prediction to the size of the image first."
        )
    for role, ids in (("prediction", predicted), ("truth", truth)):
        if ids.dtype != np.uint8:
            raise TypeError(f"Category ids must be uint8; those of the {role} are {ids.dtype}.")
    # One histogram over all pairs of bytes is as fast as one over C * C pairs, and shows bad ids.
    pairs = (truth.astype(np.uint16) << 8) | predicted
    counts = np.bincount(pairs.ravel(), minlength=256 * 256).reshape(256, 256)
    counts[UNLABELED] = 0
    _check_ids(counts, categories)
    return counts[:categories, :categories].astype(np.int64)


def _check_ids(counts: Counts, categories: int) -> None:
    for role, axis in (("truth", 1), ("prediction", 0)):
        found = np.flatnonzero(counts.any(axis=axis))
        if found.size and found[-1] >= categories:
            raise InputError(
                f"Category ids must be 0 to {categories - 1}; the {role} holds {found[-1]} on a "
                f"labeled pixel. Only the truth may leave pixels out, with {UNLABELED}."
            )


def present(matrix: Counts) -> NDArray[np.bool_]:
    """Tell which categories truth or prediction shows, shape (..., C)."""
    shown: NDArray[np.bool_] = (matrix.sum(-1) + matrix.sum(-2)) > 0
    return shown


def _ratio(matrix: Counts, hits: Counts, total: Counts) -> Scores:
    score = np.divide(hits, total, out=np.zeros(hits.shape), where=total > 0)
    score[~present(matrix)] = 1.0
    return score


def _hits(matrix: Counts) -> Counts:
    return np.diagonal(matrix, axis1=-2, axis2=-1)


def dice(matrix: Counts) -> Scores:
    """Return twice the common pixels over the sum of both areas (F1 score).

    Source: Dice, "Measures of the amount of ecologic association between species", Ecology 1945.
    """
    return _ratio(matrix, 2 * _hits(matrix), matrix.sum(-1) + matrix.sum(-2))


def iou(matrix: Counts) -> Scores:
    """Return the common pixels over the pixels of either (Jaccard index).

    Source: Jaccard, "The distribution of the flora in the alpine zone", New Phytologist 1912.
    """
    hits = _hits(matrix)
    return _ratio(matrix, hits, matrix.sum(-1) + matrix.sum(-2) - hits)


def precision(matrix: Counts) -> Scores:
    """Return which share of the predicted pixels is right."""
    return _ratio(matrix, _hits(matrix), matrix.sum(-2))


def recall(matrix: Counts) -> Scores:
    """Return which share of the true pixels was found."""
    return _ratio(matrix, _hits(matrix), matrix.sum(-1))


def pixel_accuracy(matrix: Counts) -> float:
    """Return the share of labeled pixels of one matrix (C, C) with the right category.

    Raises:
        InputError: No pixel was counted.
    """
    total = int(matrix.sum())
    if total == 0:
        raise InputError("A pixel accuracy needs at least one labeled pixel; found none.")
    return int(np.trace(matrix)) / total


def mean_iou(matrix: Counts) -> float:
    """Return the mean IoU over the categories, background included, that occur in (C, C) counts.

    Categories that neither truth nor prediction shows are left out.

    Raises:
        InputError: No pixel was counted.
    """
    shown = present(matrix)
    if not shown.any():
        raise InputError("A mean IoU needs at least one labeled pixel; found none.")
    return float(iou(matrix)[shown].mean())
