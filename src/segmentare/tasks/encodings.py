"""Codes that several tasks share."""

import cv2
import numpy as np
from numpy.typing import NDArray

from segmentare.annotations.geometry import Image

_FARTHEST = np.float32(1e6)


def subsample(labels: Image, stride: int) -> Image:
    """Return the label nearest to every cell's center, shape (ceil(H / s), ceil(W / s)).

    Cell 0 covers pixels 0 to stride - 1, so its center lies at (stride - 1) / 2: the convention of
    `align_corners=False` in PyTorch and of `resize` in TensorFlow. A last, partial cell takes the
    last label of its row or column.
    """
    if stride == 1:
        return labels
    first = (stride - 1) // 2
    rows = np.minimum(np.arange(0, labels.shape[0], stride) + first, labels.shape[0] - 1)
    columns = np.minimum(np.arange(0, labels.shape[1], stride) + first, labels.shape[1] - 1)
    cells: Image = labels[rows[:, None], columns[None]]
    return cells


def coverage(inside: NDArray[np.float32], stride: int) -> NDArray[np.float32]:
    """Return the share of every cell that lies inside, so that an outline is finer than cells.

    Args:
        inside: 1 inside, 0 outside, NaN where nobody knows, (H, W).
        stride: Pixels per cell.

    Returns:
        Shape (ceil(H / s), ceil(W / s)), 0 to 1; NaN where a pixel is NaN. A last, partial cell is
        continued by its last pixels.
    """
    if stride == 1:
        return inside
    height, width = inside.shape
    more = (-height % stride, -width % stride)
    whole = np.pad(inside, ((0, more[0]), (0, more[1])), mode="edge")
    blocks = whole.reshape(whole.shape[0] // stride, stride, whole.shape[1] // stride, stride)
    shares: NDArray[np.float32] = blocks.mean(axis=(1, 3), dtype=np.float32)
    return shares


def bounded(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return vectors within a million units, so that their squares stay finite numbers.

    No activation bounds what a network answers there, and an untrained one may answer anything.
    """
    limited: NDArray[np.float32] = np.clip(np.nan_to_num(vectors), -_FARTHEST, _FARTHEST)
    return limited


def enlarge(maps: NDArray[np.float32], stride: int) -> NDArray[np.float32]:
    """Repeat every cell of maps (C, h, w) `stride` times in both directions."""
    if stride == 1:
        return maps
    return maps.repeat(stride, axis=1).repeat(stride, axis=2)


def stretch(maps: NDArray[np.float32], stride: int) -> NDArray[np.float32]:
    """Enlarge maps (C, h, w) linearly, `stride` times in both directions, as predictors do.

    Peaks of a map enlarged this way stay single pixels, which repeated cells would not be.
    """
    if stride == 1:
        return maps
    size = maps.shape[2] * stride, maps.shape[1] * stride
    planes = bounded(maps)
    return np.stack([cv2.resize(plane, size, interpolation=cv2.INTER_LINEAR) for plane in planes])
