"""A second look: the same network on a close-up of each person that it found in the image."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segmentare.annotations import geometry
from segmentare.annotations.geometry import Image, Size
from segmentare.annotations.poses import Poses, box_areas, keypoint_boxes
from segmentare.errors import InputError
from segmentare.prediction.predictor import Predictor, Reading

MARGIN = 0.25  #: by which a box grows, as a share of its sides, half of it on each side
_WHOLE = 0.9  # share of both sides of the image above which a crop would show nothing new


@dataclass(frozen=True)
class Refined(Predictor[Poses]):
    """A predictor of people with keypoints that looks at each of them again.

    The box around a person, enlarged by `margin`, is brought to the size of the network's input
    and predicted alone. If the person nearest to its middle is the one that was looked for, and
    surer than before, its keypoints and its score replace those of the first look. Nobody is
    added or lost, and silhouettes stay as they were.

    Attributes:
        margin: Share of its sides by which a box grows.
    """

    margin: float = MARGIN

    def predict(self, image: Image, reading: Reading | None = None) -> Poses:
        """Return what the image, of shape (H, W, C) and any size, shows; see `Predictor`."""
        found = super().predict(image, reading)
        keypoints, sure = found.keypoints.copy(), _scores(found).copy()
        changed = np.zeros(len(found), np.bool_)
        for index, box in enumerate(found.boxes.astype(np.float64)):
            crop = _crop(box, self.margin, found.size)
            if crop is None:
                continue
            closer = self._closer(image, crop)
            place = _nearest(closer, ((box[0] + box[2]) / 2, (box[1] + box[3]) / 2))
            if place is None or _owner(closer.keypoints[place], found.keypoints) != index:
                continue
            score = _scores(closer)[place]
            if score > sure[index]:
                keypoints[index], sure[index] = closer.keypoints[place], score
                changed[index] = True
        return _replaced(found, keypoints, sure, changed)

    def _closer(self, image: Image, crop: tuple[int, int, int, int]) -> Poses:
        """Return who is in a part (x0, y0, x1, y1) of the image, in the image's coordinates."""
        x0, y0, x1, y1 = crop
        part = image[y0:y1, x0:x1]
        size = part.shape[0], part.shape[1]
        near = geometry.resample(part, self._zoomed(size))
        shown = super().predict(near)
        back = geometry.shift(x0, y0) @ geometry.resize(shown.size, size)
        plain = replace(shown, segmentation=None)  # its map needs no warping
        return plain.warp(back, (image.shape[0], image.shape[1]))

    def _zoomed(self, size: Size) -> Size:
        """Return the size at which a crop has as many pixels as the network's input."""
        area = math.prod(self.preprocessing.size) / (self.preprocessing.scale or 1.0) ** 2
        factor = math.sqrt(area / math.prod(size))
        return max(1, round(size[0] * factor)), max(1, round(size[1] * factor))


def look_again(predictor: Predictor[Any]) -> Refined:
    """Return a predictor that takes a second look at the people it finds.

    Raises:
        InputError: It finds no keypoints.
    """
    if getattr(predictor.task, "skeleton", None) is None:
        raise InputError(
            "A second look is at people with keypoints, which the task "
            f"'{predictor.task.name}' does not find. Leave `refine` out."
        )
    return Refined(**vars(predictor))


def _scores(poses: Poses) -> NDArray[np.float32]:
    return np.ones(len(poses), np.float32) if poses.scores is None else poses.scores


def _crop(box: NDArray[np.float64], margin: float, size: Size) -> tuple[int, int, int, int] | None:
    """Return the enlarged box in whole pixels, the ends excluded; `None` for the whole image."""
    more = margin / 2 * (box[2:] - box[:2])
    low = np.maximum(np.floor(box[:2] - more + 0.5), 0).astype(int)
    high = np.minimum(np.ceil(box[2:] + more + 0.5), (size[1], size[0])).astype(int)
    sides = high - low
    if (sides < 2).any() or (sides >= _WHOLE * np.array((size[1], size[0]))).all():
        return None
    return int(low[0]), int(low[1]), int(high[0]), int(high[1])


def _nearest(poses: Poses, point: tuple[float, float]) -> int | None:
    """Return who has the middle of the box nearest to a point; `None` if there is nobody."""
    if not len(poses):
        return None
    middles = (poses.boxes[:, :2] + poses.boxes[:, 2:]) / 2
    return int(np.hypot(*(middles - np.array(point)).T).argmin())


def _owner(keypoints: NDArray[np.float32], everybody: NDArray[np.float32]) -> int:
    """Return which of the people (N, K, 3) has keypoints nearest to some (K, 3) on average."""
    both = (keypoints[:, 2] > 0) & (everybody[..., 2] > 0)
    away = np.hypot(*np.moveaxis(everybody[..., :2] - keypoints[:, :2], -1, 0))
    counts = both.sum(axis=1)
    means = (away * both).sum(axis=1) / np.maximum(counts, 1)
    return int(np.where(counts > 0, means, np.inf).argmin())


def _replaced(
    found: Poses,
    keypoints: NDArray[np.float32],
    scores: NDArray[np.float32],
    changed: NDArray[np.bool_],
) -> Poses:
    """Return the people with other keypoints, and boxes and areas that go with them."""
    boxes = np.where(changed[:, None], keypoint_boxes(keypoints), found.boxes)
    areas = found.areas
    if found.segmentation is None:  # else they are those of the silhouettes
        areas = np.where(changed, box_areas(boxes), areas)
    return replace(found, keypoints=keypoints, scores=scores, boxes=boxes, areas=areas)
