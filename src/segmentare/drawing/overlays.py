"""Pictures of annotations: outlines, translucent overlays, truth beside prediction."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from segmentare.annotations.geometry import Image, resample
from segmentare.annotations.segmentation import UNLABELED, Category, Segmentation, foreground_ids

Color = tuple[int, int, int]  #: red, green, blue, 0 to 255

TRUTH_COLOR: Color = (255, 225, 0)  #: yellow; differs from magenta for every kind of color vision
PREDICTION_COLOR: Color = (230, 0, 230)  #: magenta, far from the colors of skin, tissue and sky

_EDGE: Color = (0, 0, 0)  # a dark rim keeps light lines visible on light ground
_FILL = 0.4  # opacity of overlays
_STRETCH = (1.0, 99.0)  # percentiles that become black and white


def viewable(image: Image) -> NDArray[np.uint8]:
    """Return any image as a new uint8 RGB array of shape (H, W, 3), fit for the eye.

    uint8 images of one or three channels keep their values. Others show their first three
    channels (one, if there are fewer), whose 1st to 99th percentile is stretched over 0 to 255:
    together for three-channel images, whose colors would change otherwise, else one by one.
    NaN becomes black.

    Args:
        image: uint8, uint16 or float32 of shape (H, W) or (H, W, C).
    """
    image = image[..., None] if image.ndim == 2 else image
    channels = image.shape[2]
    shown = image[..., :3] if channels >= 3 else image[..., :1]
    if image.dtype != np.uint8 or channels not in {1, 3}:
        axes = (0, 1, 2) if channels == 3 else (0, 1)
        shown = _stretched(shown.astype(np.float32), axes)
    return np.repeat(shown, 3, axis=2) if shown.shape[2] == 1 else np.array(shown)


def thumbnail(image: Image, side: int) -> NDArray[np.uint8]:
    """Return a viewable image whose longer side has at most `side` pixels; it never grows."""
    height, width = image.shape[:2]
    factor = min(1.0, side / max(height, width))
    small = resample(image, (max(1, round(height * factor)), max(1, round(width * factor))))
    return viewable(small)


def outline(mask: NDArray[np.bool_], width: float) -> NDArray[np.float32]:
    """Return how much of every pixel the mask's border line covers, (H, W) in 0 to 1.

    The line is `width` pixels wide and runs between the pixels inside and those outside, so it
    favors neither. The image's own edge is no border.
    """
    line = np.zeros(mask.shape, np.float32)
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    if not len(rows) or mask.all():
        return line
    margin = int(width) + 3  # distances are needed nowhere else
    box = (
        slice(max(0, rows[0] - margin), rows[-1] + 1 + margin),
        slice(max(0, columns[0] - margin), columns[-1] + 1 + margin),
    )
    inside = np.ascontiguousarray(mask[box], np.uint8)
    if inside.all():  # the border lies beyond the box only if the mask touches all four sides
        return line
    # distances count from pixel centers; the border lies half a pixel before the first of them
    signed = cv2.distanceTransform(inside, cv2.DIST_L2, cv2.DIST_MASK_PRECISE) - np.where(
        inside, 0.5, -0.5
    ).astype(np.float32)
    signed -= cv2.distanceTransform(1 - inside, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    line[box] = np.clip((width + 1) / 2 - np.abs(signed), 0, 1)
    return line


def draw_outlines(
    image: Image,
    segmentation: Segmentation,
    categories: tuple[Category, ...],
    *,
    color: Color | None = None,
    width: float | None = None,
) -> NDArray[np.uint8]:
    """Return the viewable image with the outline of every category that is not background.

    Args:
        image: uint8, uint16 or float32 of shape (H, W) or (H, W, C).
        segmentation: Of the image's size.
        categories: Categories of the segmentation.
        color: One color for all outlines instead of the categories' own.
        width: Of the lines in pixels; by default such that they are one to two pixels wide
            where the whole image is looked at on a screen.
    """
    canvas = viewable(image)
    width = width or line_width(canvas)
    for index in foreground_ids(categories):
        line = outline(segmentation.category == index, width)
        _paint(canvas, line, color or categories[index].color)
    return canvas


def overlay(
    image: Image, segmentation: Segmentation, categories: tuple[Category, ...]
) -> NDArray[np.uint8]:
    """Return the image with every category's color laid over it, and outlined (uint8 RGB).

    Background and unlabeled pixels stay as they are.
    """
    canvas = viewable(image)
    colors = np.zeros((256, 3), np.uint8)
    colors[: len(categories)] = [category.color for category in categories]
    tinted = cv2.addWeighted(canvas, 1 - _FILL, colors[segmentation.category], _FILL, 0)
    filled = np.isin(segmentation.category, foreground_ids(categories))
    np.copyto(canvas, tinted, where=filled[..., None])
    return draw_outlines(canvas, segmentation, categories)


def compare_outlines(
    image: Image,
    truth: Segmentation,
    predicted: Segmentation,
    categories: tuple[Category, ...],
) -> NDArray[np.uint8]:
    """Return the image with truth in yellow and prediction in magenta (uint8 RGB).

    The truth is the wider line, with a dark rim, below the prediction: where both agree, one
    sees magenta between yellow. Pixels without a label in the truth are grayed out.
    """
    canvas = viewable(image)
    unknown = 0.6 * (truth.category == UNLABELED)
    _paint(canvas, unknown.astype(np.float32), (128, 128, 128))
    width = line_width(canvas)
    layers: tuple[tuple[Segmentation, Color, float], ...] = (
        (truth, _EDGE, 3.7),
        (truth, TRUTH_COLOR, 2.7),
        (predicted, PREDICTION_COLOR, 1.4),
    )
    for segmentation, color, factor in layers:
        canvas = draw_outlines(canvas, segmentation, categories, color=color, width=factor * width)
    return canvas


def line_width(image: Image) -> float:
    """Return the width in pixels of a line that is fine, and visible in the whole image."""
    return max(1.2, float(max(image.shape[:2])) / 400)


def _paint(canvas: NDArray[np.uint8], alpha: NDArray[np.float32], color: Color) -> None:
    """Lay a color over the canvas, in place, where `alpha` (H, W) is above 0."""
    where = alpha > 0
    share = alpha[where][:, None]
    mixed = canvas[where] * (1 - share) + np.array(color, np.float32) * share
    canvas[where] = np.rint(mixed).astype(np.uint8)


def _stretched(values: NDArray[np.float32], axes: tuple[int, ...]) -> NDArray[np.uint8]:
    """Map the percentiles `_STRETCH`, taken over `axes`, to 0 and 255; `values` are used up."""
    step = max(1, round((values.shape[0] * values.shape[1] / 250_000) ** 0.5))  # a sample will do
    sample = np.where(np.isfinite(values[::step, ::step]), values[::step, ::step], np.nan)
    if np.isnan(sample).all(axis=(0, 1)).any():  # such a channel has no range
        sample = np.nan_to_num(sample)
    low, high = np.nanpercentile(sample, _STRETCH, axis=axes, keepdims=True)
    values -= low.astype(np.float32)
    # a constant channel has no range either: it becomes black, not a division by zero
    values *= (255 / np.maximum(high - low, 1e-30)).astype(np.float32)
    np.nan_to_num(values, copy=False)
    return np.asarray(np.rint(np.clip(values, 0, 255, out=values), out=values), np.uint8)
