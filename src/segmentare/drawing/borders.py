"""Lines along the borders of labeled segments, and tints over them."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from segmentare.annotations.geometry import Image, resample
from segmentare.drawing.object_colors import Labels

Picture = NDArray[np.uint8]  #: RGB, shape (H, W, 3)
Plane = NDArray[np.float32]

_LEAST_SIDE = 900  # pixels; smaller pictures are doubled, twice at most, for numbers to be read
_RIM = 0.6  # opacity of the dark rim around lines
_DASH = 14.0  # pixels of a dash and its gap in a picture of 1000 pixels


def enlarged(picture: Picture, *maps: NDArray[np.integer]) -> tuple[Picture, tuple[Labels, ...]]:
    """Return picture and label maps doubled until the picture is large enough to be written on."""
    doubled = tuple(labels.astype(np.int32) for labels in maps)
    for _ in range(2):
        height, width = picture.shape[:2]
        if max(height, width) >= _LEAST_SIDE:
            break
        picture = resample(picture, (2 * height, 2 * width))
        doubled = tuple(_twice(labels) for labels in doubled)
    return picture, doubled


def _twice(labels: Labels) -> Labels:
    """Double a label map with smooth slopes.

    Source: Mazzoleni, "Scale2x", 2001, https://www.scale2x.it/algorithm
    """
    padded = np.pad(labels, 1, mode="edge")
    up, down = padded[:-2, 1:-1], padded[2:, 1:-1]
    left, right = padded[1:-1, :-2], padded[1:-1, 2:]
    doubled = labels.repeat(2, 0).repeat(2, 1)
    corner = (up != down) & (left != right)
    for place, vertical, horizontal in (
        (np.s_[::2, ::2], up, left),
        (np.s_[::2, 1::2], up, right),
        (np.s_[1::2, ::2], down, left),
        (np.s_[1::2, 1::2], down, right),
    ):
        doubled[place] = np.where(corner & (vertical == horizontal), vertical, labels)
    return doubled


def draw_lines(
    canvas: Picture,
    place: Labels,
    colors: Picture,
    *,
    factor: float = 1.0,
    rim: float = _RIM,
    dashed: bool = False,
) -> None:
    """Draw a line in its own color along the inside of each segment, and a dark rim, in place."""
    far = _distance_to_border(place)
    if far is None:
        return
    unit = max(canvas.shape[:2]) / 1000
    width = max(1.0, 2.0 * unit) * factor
    line = np.clip(width - far, 0, 1) * (place > 0)
    dark = np.clip(max(1.0, unit) + np.where(place > 0, width, 0) - far, 0, 1) * np.float32(rim)
    if dashed:
        line[_gaps(far, _DASH * max(unit, 0.5))] = 0
    _mix(canvas, dark, np.zeros((1, 1, 3), np.uint8))
    _mix(canvas, line, colors[place])


def _distance_to_border(place: Labels) -> Plane | None:
    """Return how far each pixel lies from the nearest one that touches another segment.

    The image's own edge is no border; `None` where there is none at all.
    """
    inside = np.ones(place.shape, np.uint8)
    for one, other in ((np.s_[:, 1:], np.s_[:, :-1]), (np.s_[1:], np.s_[:-1])):
        differs = place[one] != place[other]
        inside[one][differs] = inside[other][differs] = 0
    if inside.all():
        return None
    far: Plane = cv2.distanceTransform(inside, cv2.DIST_L2, 5)
    return far


def _gaps(far: Plane, period: float) -> NDArray[np.bool_]:
    """Return where dashed lines are open, from the distance to the border.

    Dashes are counted along the rows or the columns, whichever the border follows there.
    """
    window = (9, 9)
    steep, flat = (
        cv2.blur(cv2.Sobel(far, cv2.CV_32F, 1 - axis, axis) ** 2, window) for axis in (0, 1)
    )
    rows, columns = np.ogrid[: far.shape[0], : far.shape[1]]
    gaps: NDArray[np.bool_] = np.where(steep > flat, rows, columns) % period > 0.6 * period
    return gaps


def tint(canvas: Picture, where: NDArray[np.bool_], colors: Image, opacity: float) -> None:
    """Lay colors, one or (H, W, 3), over the canvas where asked, in place."""
    alpha = where.astype(np.float32) * np.float32(opacity)
    _mix(canvas, alpha, np.broadcast_to(colors, canvas.shape))


def _mix(canvas: Picture, alpha: Plane, colors: Image) -> None:
    """Lay colors (H, W, 3) over the canvas by the opacity (H, W), in place."""
    where = alpha > 0
    share = alpha[where][:, None]
    wanted = np.broadcast_to(colors, canvas.shape)[where]
    canvas[where] = np.rint(canvas[where] * (1 - share) + wanted * share).astype(np.uint8)
