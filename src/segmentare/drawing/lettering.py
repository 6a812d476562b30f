"""Short words in pictures, placed where there is room inside what they name."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont

from segmentare.drawing.object_colors import Labels

SMALLEST = 9.0  #: pixels of a font below which nobody can read it

_STEPS = (1.0, 0.8, 0.65)  # sizes that are tried, as parts of the wanted one
_TALL = 0.76  # height of digits and capitals with their rim, in parts of the font's size
_WHITE, _BLACK = (255, 255, 255), (0, 0, 0)
_ROOMS, _STEPS_OFF = 500, 128  # largest room and distances told apart; their product has 16 bits


def write_inside(
    canvas: NDArray[np.uint8], place: Labels, words: Sequence[Sequence[str]], size: float
) -> NDArray[np.uint8]:
    """Return the picture with a word in the roomiest spot of each segment, where one fits.

    White letters with a black rim can be read on any ground. Words that would be smaller than
    `SMALLEST`, or reach out of their segment, are left out.

    Args:
        canvas: uint8 RGB of shape (H, W, 3).
        place: Map of the segments, 1 to N, of the same height and width.
        words: The words of each segment, of which the first one that fits is written. All
            segments have equally many.
        size: Wanted height of the font in pixels.
    """
    sizes = [size * step for step in _STEPS if size * step >= SMALLEST]
    loaded = [ImageFont.load_default(wanted) for wanted in sizes]
    fonts = [font for font in loaded if isinstance(font, ImageFont.FreeTypeFont)]
    picture = Pillow.fromarray(canvas)
    pen = ImageDraw.Draw(picture)
    written: set[int] = set()
    for choice in zip(*words, strict=True):
        aspect = max(1, round(max(map(len, choice)) / 3))  # boxes of words are so much wider
        points, rooms = roomiest(place, len(choice), aspect)
        for index, (word, (x, y)) in enumerate(zip(choice, points.tolist(), strict=True)):
            font = _largest(fonts, word, float(rooms[index]), aspect)
            if index not in written and font is not None:
                rim = max(1, round(font.size / 9))
                pen.text((x, y), word, _WHITE, font, "mm", stroke_width=rim, stroke_fill=_BLACK)
                written.add(index)
    return np.array(picture)


def _largest(
    fonts: Sequence[ImageFont.FreeTypeFont], word: str, room: float, aspect: int
) -> ImageFont.FreeTypeFont | None:
    """Return the largest font in which a word fits into a box of half the height `room`."""
    for font in fonts:
        high, wide = _TALL * font.size / 2, font.getlength(word) / 2
        if max(high, wide / aspect) + 1 <= room:
            return font
    return None


def roomiest(
    place: Labels, count: int, aspect: int = 1
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return where each of `count` segments holds its largest box, near the middle if it can be.

    Args:
        place: Map of the segments, 1 to `count`.
        count: Number of segments.
        aspect: How much wider than high the boxes are.

    Returns:
        The middles (x, y) of the boxes, shape (N, 2), and half of their heights, shape (N,), 0
        for a segment that is not there.
    """
    narrow = np.pad(place[:, aspect // 2 :: aspect], 1)
    inside = np.ones(narrow.shape, np.uint8)
    for one, other in ((np.s_[:, 1:], np.s_[:, :-1]), (np.s_[1:], np.s_[:-1])):
        differs = narrow[one] != narrow[other]
        inside[one][differs] = inside[other][differs] = 0
    room = cv2.distanceTransform(inside, cv2.DIST_C, 3)
    flat = np.flatnonzero(narrow)
    owner = narrow.ravel()[flat] - 1
    y, x = np.divmod(flat, narrow.shape[1])
    area = np.maximum(np.bincount(owner, minlength=count), 1)
    middle = [(np.bincount(owner, axis, count) / area)[owner] for axis in (x, y)]
    off = np.maximum(np.abs(x - middle[0]), np.abs(y - middle[1])) / np.sqrt(area)[owner]
    value = np.minimum(room.ravel()[flat], _ROOMS).astype(np.uint16)
    near = np.maximum(_STEPS_OFF * (1 - off / 2), 0).astype(np.uint16)
    order = np.argsort(value * _STEPS_OFF + near, kind="stable")
    best = np.zeros(count, np.int64)
    best[owner[order]] = order  # of several values for one place NumPy keeps the last
    points = np.zeros((count, 2), np.int64)
    rooms = np.zeros(count, np.int64)
    there = np.bincount(owner, minlength=count) > 0
    points[there] = np.stack([(x - 1) * aspect + aspect // 2, y - 1], 1)[best[there]]
    rooms[there] = value[best[there]].astype(np.int64)
    return points, rooms
