"""Pictures of skeletons in OpenPose's style: colored limbs and points, silhouettes, ids."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from segmentare.annotations.geometry import Image
from segmentare.annotations.poses import HIDDEN, Poses, Skeleton
from segmentare.drawing.overlays import Color, line_width, outline, viewable

Picture = NDArray[np.uint8]  #: RGB, shape (H, W, 3)

LEAST = 0.05  #: score below which a keypoint is not drawn; OpenPose's render threshold

_ALPHA = 0.6  # opacity of limbs, as OpenPose's
_TINT = 0.35  # opacity of silhouettes
_BITS = 4  # OpenCV draws at 1/16 pixel

# strong hues for objects, neighbors in the list far apart; seen on dark and on light ground
_PALETTE: tuple[Color, ...] = (
    (255, 70, 70),
    (70, 220, 80),
    (80, 150, 255),
    (255, 215, 40),
    (235, 90, 235),
    (40, 225, 225),
    (255, 145, 30),
    (165, 115, 255),
    (190, 255, 90),
    (255, 150, 185),
)


def draw_poses(
    image: Image, poses: Poses, *, least: float = LEAST, alpha: float = _ALPHA
) -> Picture:
    """Return the image with skeletons, and silhouettes and ids where there are any (uint8 RGB).

    A limb has the color of its second keypoint, a keypoint its own. Lines are thicker for larger
    objects, which stand behind smaller ones. In a truth, keypoints that are hidden are rings.

    Args:
        image: uint8, uint16 or float32 of shape (H, W) or (H, W, C), of the size of `poses`.
        poses: Truth or prediction; objects with `ids` get their number.
        least: Predicted keypoints below this score are left out.
        alpha: Opacity of the limbs, 0 to 1.

    Source: the colors are those of Cao et al., "OpenPose", TPAMI 2021, as the skeleton has them.
    """
    canvas = viewable(image)
    if poses.segmentation is not None and poses.segmentation.instance is not None:
        known = poses.ids or range(1, len(poses) + 1)
        tint_objects(canvas, poses.segmentation.instance, [0, *known])
    truth = poses.scores is None
    shown = poses.keypoints[..., 2] >= max(least, 1e-9)
    shown &= np.isfinite(poses.keypoints).all(axis=2)
    widths = [
        _width(points[there], canvas) for points, there in zip(poses.keypoints, shown, strict=True)
    ]
    order = np.argsort([-width for width in widths], kind="stable").tolist()
    layer = canvas.copy()
    for i in order:
        _draw_limbs(layer, poses.skeleton, poses.keypoints[i], shown[i], widths[i])
    cv2.addWeighted(layer, alpha, canvas, 1 - alpha, 0, dst=canvas)
    for i in order:
        hidden = shown[i] & (poses.keypoints[i, :, 2] == HIDDEN) & truth
        _draw_points(canvas, poses.skeleton, poses.keypoints[i], (shown[i], hidden), widths[i])
    for i, number in enumerate(poses.ids or ()):
        if shown[i].any():
            top = poses.keypoints[i, shown[i]][poses.keypoints[i, shown[i], 1].argmin()]
            write_id(canvas, number, (float(top[0]), float(top[1]) - 3 * widths[i]))
    return canvas


def compare_poses(image: Image, truth: Poses, predicted: Poses) -> Picture:
    """Return truth and prediction with their names, side by side, or below each other if wide."""
    pictures = []
    for name, poses in (("truth", truth), ("prediction", predicted)):
        picture = draw_poses(image, poses)
        _write(picture, name, (0, 0), (0, 0, 0))
        pictures.append(picture)
    upright = pictures[0].shape[0] >= 0.8 * pictures[0].shape[1]
    gap = max(2, round(2 * line_width(pictures[0])))
    height, width = pictures[0].shape[:2]
    between = np.full((height, gap, 3) if upright else (gap, width, 3), 255, np.uint8)
    return np.concatenate([pictures[0], between, pictures[1]], axis=1 if upright else 0)


def object_color(number: int) -> Color:
    """Return the color of an object by its id, the same in all frames of a video."""
    return _PALETTE[(number - 1) % len(_PALETTE)]


def tint_objects(
    canvas: Picture, instance: NDArray[np.int32], numbers: Sequence[int] | None = None
) -> None:
    """Lay each object's color over it and outline it, in place.

    Args:
        canvas: RGB.
        instance: Instance ids, 0 for none.
        numbers: For each instance id the number that chooses its color; `None`: the id itself.
    """
    width = 1.2 * line_width(canvas)
    for index in np.unique(instance[instance > 0]).tolist():
        mask = instance == index
        color = object_color(index if numbers is None else numbers[index])
        line = outline(mask, width)
        share = np.maximum(line, np.float32(_TINT) * mask)
        where = share > 0
        mixed = canvas[where] * (1 - share[where][:, None]) + share[where][:, None] * np.array(
            color, np.float32
        )
        canvas[where] = np.rint(mixed).astype(np.uint8)


def write_id(canvas: Picture, number: int, at: tuple[float, float]) -> None:
    """Write an object's number on a tag of its color, its lower edge above the point (x, y)."""
    _write(canvas, str(number), at, object_color(number), above=True)


def _write(
    canvas: Picture,
    words: str,
    at: tuple[float, float],
    ground: Color,
    *,
    above: bool = False,
) -> None:
    """Write words on a box, in place; the point is its upper left or lower middle."""
    scale = max(0.4, max(canvas.shape[:2]) / 1600)
    thick = max(1, round(1.6 * scale))
    (width, height), below = cv2.getTextSize(words, cv2.FONT_HERSHEY_SIMPLEX, scale, thick)
    edge = round(5 * scale)
    wide, high = width + 2 * edge, height + below + edge
    left = at[0] - wide / 2 if above else at[0]
    top = at[1] - high if above else at[1]
    x = int(np.clip(round(left), 0, max(0, canvas.shape[1] - wide)))
    y = int(np.clip(round(top), 0, max(0, canvas.shape[0] - high)))
    cv2.rectangle(canvas, (x, y), (x + wide - 1, y + high - 1), ground, -1)
    light = np.dot(ground, (0.299, 0.587, 0.114)) < 140
    ink = (255, 255, 255) if light else (0, 0, 0)
    spot = (x + edge, y + high - below)
    cv2.putText(canvas, words, spot, cv2.FONT_HERSHEY_SIMPLEX, scale, ink, thick, cv2.LINE_AA)


def _width(points: NDArray[np.float32], canvas: Picture) -> float:
    """Return the width of an object's limbs in pixels: by its extent, within what can be seen."""
    least = line_width(canvas)
    if len(points) < 2:
        return least
    extent = float(np.hypot(*np.ptp(points[:, :2], axis=0)))
    return float(np.clip(extent / 50, least, 6 * least))


def _draw_limbs(
    layer: Picture,
    skeleton: Skeleton,
    keypoints: NDArray[np.float32],
    shown: NDArray[np.bool_],
    width: float,
) -> None:
    for start, end in skeleton.limbs:
        if shown[start] and shown[end]:
            ends = _fine(keypoints[[start, end], :2])
            color, thick = skeleton.colors[end], max(1, round(width))
            cv2.line(layer, ends[0], ends[1], color, thick, cv2.LINE_AA, _BITS)


def _draw_points(
    canvas: Picture,
    skeleton: Skeleton,
    keypoints: NDArray[np.float32],
    shown: tuple[NDArray[np.bool_], NDArray[np.bool_]],
    width: float,
) -> None:
    there, hidden = shown
    radius = round(max(1.0, 0.7 * width) * 2**_BITS)
    for k in np.flatnonzero(there).tolist():
        place = _fine(keypoints[k : k + 1, :2])[0]
        thick = max(1, round(0.5 * width)) if hidden[k] else -1
        cv2.circle(canvas, place, radius, skeleton.colors[k], thick, cv2.LINE_AA, _BITS)


def _fine(points: NDArray[np.float32]) -> list[tuple[int, int]]:
    """Return points as OpenCV wants those with a shift."""
    far = np.clip(points, -(2**14), 2**14)  # OpenCV's numbers have 32 bits
    return [(round(float(x) * 2**_BITS), round(float(y) * 2**_BITS)) for x, y in far]
