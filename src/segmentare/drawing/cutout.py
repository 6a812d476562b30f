"""Objects cut out with soft edges, and put before another background."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from segmentare.annotations.geometry import Image, resample
from segmentare.annotations.segmentation import Category, Segmentation, foreground_ids, is_binary
from segmentare.drawing.overlays import viewable

Plane = NDArray[np.float32]

# The border lies slightly inside the object: a pixel of it lost is not seen, a pixel of the old
# background kept is a halo. Chosen by eye on portraits before dark and light backgrounds.
_CLEAR, _OPAQUE = 0.35, 0.95
_CORE = 0.8  # opacity above which a pixel's color counts as the object's own


def cutout(
    image: Image, segmentation: Segmentation, categories: tuple[Category, ...] | None = None
) -> NDArray[np.uint8]:
    """Return the objects as RGBA of the image's size, with soft edges and no halo.

    Opacity comes from the predicted probability, refined along the image's own edges, and only
    in a band around the decided border: what the decision left out stays out. In that band the
    old background is taken out of the colors.

    Args:
        image: uint8, uint16 or float32 of shape (H, W) or (H, W, C).
        segmentation: Of the image's size; without a probability its edges are taken as they are.
        categories: What is cut out are those that are not background. `None` stands for one
            background and one kind of object.
    """
    ids = (1,) if categories is None else foreground_ids(categories)
    mask = np.isin(segmentation.category, ids)
    rgba = np.zeros((*mask.shape, 4), np.uint8)
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    if not len(rows):
        return rgba
    reach = max(*mask.shape, 200) // 20  # farther away everything is transparent
    box = (
        slice(max(0, rows[0] - reach), rows[-1] + reach),
        slice(max(0, columns[0] - reach), columns[-1] + reach),
    )
    soft = _probability(segmentation, mask, binary=categories is None or is_binary(categories))
    picture = viewable(image)[box].astype(np.float32) / np.float32(255)
    alpha = _refine(picture, soft[box], mask[box], max(mask.shape))
    colors = _decontaminate(picture, alpha, max(mask.shape))
    rgba[box] = np.rint(np.dstack([colors, alpha]) * 255)
    return rgba


def place(cutout_rgba: NDArray[np.uint8], background: Image) -> NDArray[np.uint8]:
    """Put a cut-out before a background, which is scaled to cover and cropped around its middle.

    Returns:
        uint8 RGB of the cut-out's size.
    """
    height, width = cutout_rgba.shape[:2]
    factor = max(height / background.shape[0], width / background.shape[1])
    large = (
        max(height, round(background.shape[0] * factor)),
        max(width, round(background.shape[1] * factor)),
    )
    top, left = (large[0] - height) // 2, (large[1] - width) // 2
    covered = viewable(resample(background, large))[top : top + height, left : left + width]
    alpha = cutout_rgba[..., 3:].astype(np.float32) / 255
    return np.rint(cutout_rgba[..., :3] * alpha + covered * (1 - alpha)).astype(np.uint8)


def guided_filter(
    guide: Plane, values: Plane, radius: int, epsilon: float, shrink: int = 1
) -> Plane:
    """Smooth `values` (H, W) everywhere but across the edges of a color image.

    In every window the result is a linear function of the guide's colors.

    Source: He, Sun, Tang, "Guided Image Filtering", ECCV 2010, section 3.5 (color guide),
    https://doi.org/10.1007/978-3-642-15549-9_1, and He, Sun, "Fast Guided Filter", 2015
    (`shrink`), https://arxiv.org/abs/1505.00996

    Args:
        guide: Float32 of shape (H, W, 3), 0 to 1.
        values: Float32 of shape (H, W).
        radius: Half width of the windows in pixels.
        epsilon: Variance of the guide, in squared units, below which there is no edge.
        shrink: Compute the linear functions on images smaller by this factor. The result keeps
            the guide's full detail, in 1 / `shrink`^2 of the time and memory.
    """
    height, width = values.shape
    small = (-(-height // shrink), -(-width // shrink))
    slope, offset = _local_fit(
        resample(guide, small), resample(values, small), max(1, round(radius / shrink)), epsilon
    )
    slope, offset = (cv2.resize(plane, (width, height)) for plane in (slope, offset))
    slope *= guide
    filtered: Plane = slope.sum(axis=2) + offset
    return filtered


def _local_fit(guide: Plane, values: Plane, radius: int, epsilon: float) -> tuple[Plane, Plane]:
    """Return slope (H, W, 3) and offset (H, W) of `values` as functions of the guide's colors."""
    side = (2 * radius + 1, 2 * radius + 1)

    def mean(plane: Plane) -> Plane:
        return np.asarray(cv2.boxFilter(plane, -1, side, borderType=cv2.BORDER_REFLECT))

    mean_guide, mean_values = mean(guide), mean(values)
    covariance = mean(guide * values[..., None]) - mean_guide * mean_values[..., None]
    pairs = ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2))
    rr, rg, rb, gg, gb, bb = (
        mean(guide[..., i] * guide[..., j])
        - mean_guide[..., i] * mean_guide[..., j]
        + (epsilon if i == j else 0)
        for i, j in pairs
    )
    # the inverse of the symmetric 3 x 3 matrix by its cofactors
    c00, c01, c02 = gg * bb - gb * gb, gb * rb - rg * bb, rg * gb - gg * rb
    c11, c12, c22 = rr * bb - rb * rb, rb * rg - rr * gb, rr * gg - rg * rg
    x, y, z = cv2.split(covariance)
    columns = (
        c00 * x + c01 * y + c02 * z,
        c01 * x + c11 * y + c12 * z,
        c02 * x + c12 * y + c22 * z,
    )
    slope = np.asarray(np.dstack(columns) / (rr * c00 + rg * c01 + rb * c02)[..., None], np.float32)
    return mean(slope), mean(mean_values - (slope * mean_guide).sum(axis=2))


def _probability(segmentation: Segmentation, mask: NDArray[np.bool_], *, binary: bool) -> Plane:
    """Return how sure it is that a pixel belongs to what is cut out, (H, W) in 0 to 1."""
    sure = segmentation.probability
    if sure is None:
        return mask.astype(np.float32)
    if binary:
        return sure
    return np.where(mask, sure, 1 - sure).astype(np.float32)


def _refine(picture: Plane, soft: Plane, mask: NDArray[np.bool_], side: int) -> Plane:
    """Return the opacity: the guided filter's answer near the mask's border, else 0 or 1.

    `side` is the longer one of the whole image; radii are parts of it.
    """
    radius, near = max(2, round(side / 100)), max(2, round(side / 120))
    filtered = guided_filter(picture, soft, radius, 1e-4, shrink=max(1, round(side / 1000)))
    inside = cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    outside = cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    # far from the border (distance `near`) the decision counts, at the border the filter alone
    alpha = np.clip((filtered - _CLEAR) / (_OPAQUE - _CLEAR), 0, 1)
    alpha = np.maximum(alpha, np.clip(inside / near - 1, 0, 1))
    alpha = np.minimum(alpha, 1 - np.clip(outside / near - 1, 0, 1))
    return np.asarray(alpha, np.float32)


def _decontaminate(picture: Plane, alpha: Plane, longer: int) -> Plane:
    """Return the colors of the object alone, where the image shows it mixed with its background.

    Source: Forte, "Approximate Fast Foreground Colour Estimation", ICIP 2021,
    https://doi.org/10.1109/ICIP42928.2021.9506164
    """
    share, rest = alpha[..., None], 1 - alpha[..., None]
    # thin parts have no core: there the mixed colors, which count little elsewhere, must do
    core = np.maximum(np.clip((alpha - _CORE) / (1 - _CORE), 0, 1), 0.01 * alpha)
    front = back = picture
    for side in (longer // 12 * 2 + 1, longer // 120 * 2 + 3):
        front = _blur(front * core[..., None], side) / (_blur(core, side)[..., None] + 1e-5)
        back = _blur(back * rest, side) / (_blur(1 - alpha, side)[..., None] + 1e-5)
        front = np.clip(front + share * (picture - share * front - rest * back), 0, 1)
    return front


def _blur(plane: Plane, side: int) -> Plane:
    """Return the mean over squares of `side` pixels."""
    return np.asarray(cv2.blur(plane, (side, side)))
