"""Affine maps of images and points.

One convention, everywhere: a point is (x, y) in pixels, x to the right and y down, and whole
numbers are the *centers* of pixels. So the image spans [-0.5, W - 0.5], its middle is
((W - 1) / 2, (H - 1) / 2), and sizes are (height, width).
"""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[Any]  #: (H, W) or (H, W, C); uint8, uint16 or float32
Floats = NDArray[np.float32] | NDArray[np.float64]
Size = tuple[int, int]  #: height and width
Affine = NDArray[np.float64]  #: shape (3, 3); maps source points to target points

_MAX_CHANNELS = 4  # OpenCV fills the border of at most four channels


def resize(source: Size, target: Size) -> Affine:
    """Return the map that stretches an image of size `source` over one of size `target`."""
    scale_y, scale_x = target[0] / source[0], target[1] / source[1]
    return np.array([[scale_x, 0, (scale_x - 1) / 2], [0, scale_y, (scale_y - 1) / 2], [0, 0, 1.0]])


def flip(size: Size) -> Affine:
    """Return the left-right mirror of an image of this size."""
    return np.array([[-1.0, 0, size[1] - 1], [0, 1, 0], [0, 0, 1]])


def about(center: tuple[float, float], linear: NDArray[np.float64]) -> Affine:
    """Return the map that applies `linear` (2, 2) and leaves the point `center` (x, y) alone."""
    affine = np.eye(3)
    affine[:2, :2] = linear
    affine[:2, 2] = np.array(center) - linear @ np.array(center)
    return affine


def shift(x: float, y: float) -> Affine:
    """Return the map that moves every point by (x, y) pixels."""
    return np.array([[1.0, 0, x], [0, 1, y], [0, 0, 1]])


def mirrors(affine: Affine) -> bool:
    """Tell whether the map swaps left and right."""
    return bool(np.linalg.det(affine[:2, :2]) < 0)


def apply(affine: Affine, points: Floats) -> NDArray[np.float64]:
    """Move points of shape (..., 2)."""
    moved: NDArray[np.float64] = points @ affine[:2, :2].T + affine[:2, 2]
    return moved


def warp(image: Image, affine: Affine, size: Size, *, fill: int, smooth: bool = False) -> Image:
    """Resample an array of shape (H, W) or (H, W, C) through `affine`.

    Args:
        image: The array to look up. OpenCV reads uint8, uint16, int16 and float32; int32 labels
            are looked up exactly as well (as float64, nearest).
        affine: Map from the points of `image` to the points of the result.
        size: Height and width of the result.
        fill: Value of the points that come from outside `image`.
        smooth: Interpolate linearly (images) instead of taking the nearest value (labels).
    """
    if image.ndim == 3 and image.shape[2] > _MAX_CHANNELS:
        planes = [
            warp(image[..., c], affine, size, fill=fill, smooth=smooth)
            for c in range(image.shape[2])
        ]
        return np.stack(planes, axis=-1)
    wide = image.astype(np.float64) if image.dtype == np.int32 else image
    warped: Image = cv2.warpAffine(
        np.ascontiguousarray(wide),
        affine[:2],
        (size[1], size[0]),
        flags=cv2.INTER_LINEAR if smooth else cv2.INTER_NEAREST,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=(fill, fill, fill, fill),
    )
    if image.ndim == 3 and warped.ndim == 2:  # OpenCV drops a single channel
        warped = warped[..., None]
    return warped.astype(image.dtype, copy=False)


def resample(image: Image, size: Size) -> Image:
    """Stretch an image to `size`: by area where it shrinks (no aliasing), else linearly.

    Height and width are treated apart, so one may shrink while the other grows.

    Args:
        image: uint8, uint16 or float32 of shape (H, W) or (H, W, C), any number of channels.
        size: Height and width of the result.
    """
    if image.shape[:2] == size:
        return image
    if image.ndim == 3 and image.shape[2] > _MAX_CHANNELS:
        return np.stack([resample(image[..., c], size) for c in range(image.shape[2])], axis=-1)
    # OpenCV's area method is right only where both sides shrink, so what grows comes afterwards.
    smaller = min(size[0], image.shape[0]), min(size[1], image.shape[1])
    return _stretch(_stretch(image, smaller, cv2.INTER_AREA), size, cv2.INTER_LINEAR)


def _stretch(image: Image, size: Size, method: int) -> Image:
    if image.shape[:2] == size:
        return image
    resized: Image = cv2.resize(
        np.ascontiguousarray(image), (size[1], size[0]), interpolation=method
    )
    return resized.reshape(*size, *image.shape[2:])  # OpenCV drops a single channel


def resample_labels(labels: Image, size: Size) -> Image:
    """Stretch a label map (H, W) to `size`; every pixel takes the nearest label."""
    if labels.shape[:2] == size:
        return labels
    rows = ((np.arange(size[0]) + 0.5) * labels.shape[0] / size[0]).astype(int)
    columns = ((np.arange(size[1]) + 0.5) * labels.shape[1] / size[1]).astype(int)
    stretched: Image = labels[rows[:, None], columns[None]]
    return stretched
