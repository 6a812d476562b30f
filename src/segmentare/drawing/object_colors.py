"""Colors for objects: the same for the same id, and different for objects that are neighbors."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from segmentare.annotations.segmentation import Category

Labels = NDArray[np.int32]  #: (H, W); 0 for nothing, else the place of an object, 1 to N

_REACH = 6.0  # pixels between objects that still count as neighbors

#: strong hues, neighbors in the list far apart; seen on dark and, with a dark rim, on light ground
PALETTE: tuple[tuple[int, int, int], ...] = (
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

#: how much white (above 0) or black (below 0) is mixed into a category's color for its objects
_SHADES = (0.0, 0.45, -0.3, 0.22, -0.15, 0.62)


def neighbors(place: Labels) -> NDArray[np.int64]:
    """Return the pairs of objects that lie up to about 6 pixels apart, shape (P, 2), rising."""
    if not place.any():
        return np.zeros((0, 2), np.int64)
    free = (place == 0).astype(np.uint8)
    far, nearest = cv2.distanceTransformWithLabels(
        free, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    owner = np.zeros(int(nearest.max()) + 1, np.int32)
    owner[nearest[free == 0]] = place[free == 0]
    grown = np.where(far <= _REACH / 2, owner[nearest], 0)  # every object gets a margin
    found = []
    for one, other in ((grown[:, :-1], grown[:, 1:]), (grown[:-1], grown[1:])):
        met = (one != other) & (one > 0) & (other > 0)
        found.append(np.sort(np.stack([one[met], other[met]], 1), axis=1))
    pairs = np.concatenate(found).astype(np.int64)
    width = int(place.max()) + 1
    return np.stack(np.divmod(np.unique(pairs[:, 0] * width + pairs[:, 1]), width), 1)


def choose(place: Labels, ids: NDArray[np.int64], colors: int) -> NDArray[np.int64]:
    """Return for each place, 0 to N, one of `colors` numbers that its neighbors do not have.

    An id takes its own number, and the next free one only where a neighbor of smaller id has it;
    where all are taken, neighbors can be alike. So objects that come later change next to nothing.

    Args:
        place: Map of the places.
        ids: The id of each place, shape (N,), ascending.
        colors: How many there are to choose from.
    """
    smaller: list[list[int]] = [[] for _ in range(ids.size + 1)]
    for a, b in neighbors(place).tolist():
        smaller[b].append(a)
    chosen = np.zeros(ids.size + 1, np.int64)
    for index, wish in enumerate((ids - 1).tolist(), start=1):
        taken = {int(chosen[other]) for other in smaller[index]}
        options = ((wish + step) % colors for step in range(colors))
        chosen[index] = next((option for option in options if option not in taken), wish % colors)
    return chosen


def object_colors(place: Labels, ids: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Return a strong color for each place, shape (N + 1, 3); entry 0 stands for nothing."""
    return np.array(PALETTE, np.uint8)[choose(place, ids, len(PALETTE))]


def shades(
    place: Labels,
    ids: NDArray[np.int64],
    kinds: NDArray[np.int64],
    categories: tuple[Category, ...],
) -> NDArray[np.uint8]:
    """Return a shade of its category's color for each place, shape (N + 1, 3).

    Args:
        place: Map of the places.
        ids: The id of each place, shape (N,), ascending.
        kinds: The category of each place, shape (N,).
        categories: The categories by id.
    """
    plain = np.array([(0, 0, 0), *(categories[kind].color for kind in kinds)], np.float64)
    mixed = np.array(_SHADES)[choose(place, ids, len(_SHADES))][:, None]
    towards = np.where(mixed > 0, 255.0, 0.0)
    shaded = np.rint(plain + np.abs(mixed) * (towards - plain))
    return np.asarray(shaded, np.uint8)
