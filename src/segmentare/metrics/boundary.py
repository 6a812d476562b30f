"""How well two outlines agree: boundary F, 95 % Hausdorff distance, average distance.

The outline of a mask is its pixels with one of the four neighbors outside of it; beyond the rim
of the image everything is outside. Distances run between pixel centers, in pixels.
"""

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from segmentare.annotations.geometry import Size
from segmentare.errors import InputError

Mask = NDArray[np.bool_]  #: (H, W)
Plane = NDArray[np.uint8]  #: (H, W), 0 or 1

TOLERANCE = 0.0075  #: of the diagonal: how far apart outlines may lie and still count as equal


class BoundaryScores(NamedTuple):
    """How well the outlines of a predicted and a true mask agree.

    Attributes:
        boundary_f: 0 to 1, larger is better.
        hd95: Pixels, 0 to the diagonal of the image, smaller is better.
        assd: Pixels, 0 to the diagonal of the image, smaller is better.
    """

    boundary_f: float
    hd95: float
    assd: float


def diagonal(size: Size) -> float:
    """Return the diagonal of an image in pixels, the distance charged for a missing outline."""
    return float(np.hypot(size[0], size[1]))


def default_tolerance(size: Size) -> float:
    """Return 0.75 % of the diagonal of an image, at least 1 pixel; not rounded."""
    return max(1.0, TOLERANCE * diagonal(size))


def boundary_scores(
    predicted: Mask, truth: Mask, *, known: Mask | None = None, tolerance: float | None = None
) -> BoundaryScores:
    """Compare the outlines of two masks of one image.

    Both masks empty: 1, 0, 0. One of them empty: 0 and the diagonal of the image, twice; a missed
    object is the worst answer, never a dropped case.

    `boundary_f` is the harmonic mean of the share of predicted outline pixels that lie within
    `tolerance` of the true outline and of the reverse share. `hd95` is the larger of the two 95th
    percentiles of the distances from one outline to the other; `assd` is the mean over all pixels
    of both outlines.

    Args:
        predicted: The predicted mask, bool of shape (H, W).
        truth: The true mask, same shape.
        known: False where nobody annotated, same shape. Such pixels belong to neither mask, and a
            mask does not end at them: the rim of the annotated area is no outline, unless a mask
            has no other.
        tolerance: Pixels; `default_tolerance` of the image if not given.

    Raises:
        InputError: The shapes differ.

    Source:
        Boundary F: Martin et al., "Learning to Detect Natural Image Boundaries", TPAMI 2004
        (0.75 % of the diagonal); Perazzi et al., "A Benchmark Dataset and Evaluation Methodology
        for Video Object Segmentation", CVPR 2016. Distances: Huttenlocher et al., "Comparing
        Images Using the Hausdorff Distance", TPAMI 1993. Pitfalls: Maier-Hein et al., "Metrics
        reloaded", Nature Methods 2024, https://doi.org/10.1038/s41592-023-02151-z
    """
    shapes = {array.shape for array in (predicted, truth, known) if array is not None}
    if len(shapes) > 1:
        raise InputError(f"The masks of one image must have one shape; got {sorted(shapes)}.")
    if known is not None:
        predicted, truth = predicted & known, truth & known
    size = (truth.shape[0], truth.shape[1])
    union = (predicted | truth).view(np.uint8)
    if not union.any():
        return BoundaryScores(1.0, 0.0, 0.0)
    if not predicted.any() or not truth.any():
        return BoundaryScores(0.0, diagonal(size), diagonal(size))
    window = _window(union)
    unknown = None if known is None else ~known[window]
    outlines = _outlines(predicted[window], truth[window], unknown)
    limit = default_tolerance(size) if tolerance is None else tolerance
    return _agreement(_distances(*outlines), _distances(*outlines[::-1]), limit)


def _window(union: Plane) -> tuple[slice, slice]:
    """Return the part of the image that holds both masks, with one pixel around them."""
    x, y, width, height = cv2.boundingRect(union)
    return slice(max(y - 1, 0), y + height + 1), slice(max(x - 1, 0), x + width + 1)


def _outlines(predicted: Mask, truth: Mask, unknown: Mask | None) -> tuple[Plane, Plane]:
    inner = _outline(predicted, unknown), _outline(truth, unknown)
    if inner[0].any() and inner[1].any():
        return inner
    # A mask that fills the annotated area has only the rim of that area for an outline.
    return _outline(predicted, None), _outline(truth, None)


def _outline(mask: Mask, unknown: Mask | None) -> Plane:
    solid = mask if unknown is None else mask | unknown
    cross = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
    inside = cv2.erode(
        solid.astype(np.uint8), cross, borderType=cv2.BORDER_CONSTANT, borderValue=(0, 0, 0, 0)
    )
    outline: Plane = mask.astype(np.uint8) & (inside ^ 1)
    return outline


def _distances(start: Plane, end: Plane) -> NDArray[np.float64]:
    """Return the distance of every pixel of one outline to the nearest pixel of the other."""
    field = cv2.distanceTransform(end ^ 1, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    near = field[start > 0].astype(np.float64)
    # Squared distances are whole numbers, so the rounding of float32 can be taken back.
    exact: NDArray[np.float64] = np.sqrt(np.rint(near * near))
    return exact


def _agreement(
    forth: NDArray[np.float64], back: NDArray[np.float64], tolerance: float
) -> BoundaryScores:
    right, found = float(np.mean(forth <= tolerance)), float(np.mean(back <= tolerance))
    both = right + found
    worst = max(np.percentile(forth, 95), np.percentile(back, 95))
    total = forth.sum() + back.sum()
    return BoundaryScores(
        2 * right * found / both if both > 0 else 0.0,
        float(worst),
        float(total / (forth.size + back.size)),
    )
