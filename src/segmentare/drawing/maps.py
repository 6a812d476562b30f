"""Pictures of a network's maps: heatmaps as glowing spots, vectors as colors of the compass."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from segmentare.annotations.geometry import Image, resample
from segmentare.annotations.poses import Skeleton
from segmentare.annotations.segmentation import A
from segmentare.drawing.overlays import viewable
from segmentare.tasks.base import Maps, Task

Picture = NDArray[np.uint8]  #: RGB, shape (H, W, 3)

_ALPHA = 0.7  # opacity of maps over the image, as OpenPose's


def draw_heatmaps(
    image: Image, maps: Maps, task: Task[A], *, channels: bool = False
) -> dict[str, Picture]:
    """Return the maps of each head as pictures over the image (uint8 RGB of the image's size).

    Heatmaps and probabilities glow from dark blue (0) to yellow (1), the largest of all channels
    in each pixel. Vectors have the color of their direction (red points right, yellow-green down)
    and are bright where they are long; the longest of all vectors in each pixel is shown, and
    those at the 99th percentile of lengths are brightest.

    Args:
        image: uint8, uint16 or float32 of shape (H, W) or (H, W, C).
        maps: Per head (channels, h, w), as `Predictor.maps` returns them, of any stride.
        task: What the maps mean.
        channels: Add one picture for each channel, or each vector.

    Returns:
        Name of the head -> picture; of single channels `<head>.<name or number>`.
    """
    ground = viewable(image)
    ground = np.repeat(cv2.cvtColor(ground, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2)
    skeleton = getattr(task, "skeleton", None)
    drawn: dict[str, Picture] = {}
    for head in task.heads:
        values = maps[head.name]
        step = 2 if head.kind == "vectors" else 1
        draw = _vectors if head.kind == "vectors" else _heat
        drawn[head.name] = draw(ground, values)
        if channels and len(values) > step:
            names = _names(skeleton, len(values) // step)
            for index, name in enumerate(names):
                part = values[step * index : step * (index + 1)]
                drawn[f"{head.name}.{name}"] = draw(ground, part)
    return drawn


def _names(skeleton: Any, count: int) -> list[str]:  # noqa: ANN401 - a task may have none
    """Return the names of the channels: of keypoints, of limbs, or numbers."""
    if isinstance(skeleton, Skeleton):
        if count == len(skeleton.keypoints):
            return [f"{k:02d}_{name}" for k, name in enumerate(skeleton.keypoints)]
        if count == len(skeleton.limbs):
            ends = ((skeleton.keypoints[a], skeleton.keypoints[b]) for a, b in skeleton.limbs)
            return [f"{k:02d}_{a}-{b}" for k, (a, b) in enumerate(ends)]
    return [f"{k:02d}" for k in range(count)]


def _heat(ground: Picture, values: NDArray[np.float32]) -> Picture:
    """Lay the largest of the channels (C, h, w), 0 to 1, over the picture."""
    height, width = ground.shape[:2]
    most = resample(np.ascontiguousarray(np.nan_to_num(values).max(axis=0)), (height, width))
    level = np.rint(np.clip(most, 0, 1) * 255).astype(np.uint8)
    colors = cv2.cvtColor(cv2.applyColorMap(level, cv2.COLORMAP_PLASMA), cv2.COLOR_BGR2RGB)
    return _mixed(ground, colors, 0.25 + (_ALPHA - 0.05) * level.astype(np.float32) / 255)


def _vectors(ground: Picture, values: NDArray[np.float32]) -> Picture:
    """Lay the longest of the vectors (2 V, h, w) over the picture."""
    height, width = ground.shape[:2]
    pairs = np.nan_to_num(values.reshape(-1, 2, *values.shape[1:]))
    lengths = np.hypot(pairs[:, 0], pairs[:, 1])
    longest = lengths.argmax(axis=0)
    chosen = np.take_along_axis(pairs, longest[None, None], axis=0)[0]
    x, y = (resample(np.ascontiguousarray(part), (height, width)) for part in chosen)
    length = np.hypot(x, y)
    top = max(float(np.percentile(length, 99)), 1e-6)
    share = np.clip(length / top, 0, 1)
    hue = np.rint((np.arctan2(y, x) / (2 * np.pi) % 1) * 179).astype(np.uint8)
    full = np.full(hue.shape, 255, np.uint8)
    colors = cv2.cvtColor(np.stack([hue, full, full], axis=-1), cv2.COLOR_HSV2RGB)
    return _mixed(ground, colors, np.float32(_ALPHA + 0.2) * share.astype(np.float32))


def _mixed(ground: Picture, colors: Picture, share: NDArray[np.float32]) -> Picture:
    """Lay colors over a picture by an opacity (H, W)."""
    mixed = ground * (1 - share[..., None]) + colors * share[..., None]
    return np.asarray(np.rint(mixed), np.uint8)
