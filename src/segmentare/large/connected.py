"""Connected parts of a mask that is never whole in memory."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from segmentare.large.blocks import Place, Plan
from segmentare.large.seams import Unions

Mask = NDArray[np.uint8]  #: 0 and 1
MaskOf = Callable[[Place], Mask]


def without_small(plan: Plan, mask_of: MaskOf, area: float) -> MaskOf:
    """Return the mask without its connected parts of fewer than `area` pixels.

    Parts are counted over all blocks, which are looked through once, row by row; diagonal
    neighbors are connected.

    Args:
        plan: Of the blocks.
        mask_of: Returns the mask of a block; called again for every block of the result.
        area: In pixels.
    """
    first, areas, count = {}, [], 0
    unions: list[tuple[NDArray[np.int64], NDArray[np.int64]]] = []
    above = np.zeros(plan.size[1], np.int64)
    for rows in plan.rows:
        top, bottom = np.zeros_like(above), np.zeros_like(above)
        left: NDArray[np.int64] | None = None
        for columns in plan.columns:
            labels, sizes = _label(mask_of((rows, columns)))
            first[rows, columns] = count
            numbered = {
                side: np.where(line > 0, line.astype(np.int64) + count, 0)
                for side, line in (
                    ("top", labels[0]),
                    ("bottom", labels[-1]),
                    ("left", labels[:, 0]),
                    ("right", labels[:, -1]),
                )
            }
            top[slice(*columns)] = numbered["top"]
            bottom[slice(*columns)] = numbered["bottom"]
            if left is not None:
                unions += _touching(left, numbered["left"])
            left = numbered["right"]
            areas.append(sizes)
            count += len(sizes)
        unions += _touching(above, top)
        above = bottom
    keep = _large(count, unions, np.concatenate([np.zeros(0, np.int64), *areas]), area)

    def cleaned(place: Place) -> Mask:
        labels, sizes = _label(mask_of(place))
        table = np.append(False, keep[first[place] : first[place] + len(sizes)])
        return np.asarray(table[labels].view(np.uint8))

    return cleaned


def _label(mask: Mask) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Return the number of each pixel's part, from 1, and the areas of the parts."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    return labels, stats[1:count, cv2.CC_STAT_AREA].astype(np.int64)


def _touching(
    one: NDArray[np.int64], other: NDArray[np.int64]
) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Return which parts touch across two neighboring lines, numbered from 1; 0 is none."""
    pairs = []
    for shift in (-1, 0, 1):
        low, high = max(0, shift), min(len(one), len(one) + shift)
        these, those = one[low:high], other[low - shift : high - shift]
        both = (these > 0) & (those > 0)
        pairs.append((these[both] - 1, those[both] - 1))
    return pairs


def _large(
    count: int,
    pairs: list[tuple[NDArray[np.int64], NDArray[np.int64]]],
    areas: NDArray[np.int64],
    area: float,
) -> NDArray[np.bool_]:
    """Tell which parts belong to a whole of `area` pixels or more."""
    unions = Unions(count)
    for these, those in pairs:
        unions.join(these, those)
    owner, total = unions.owners()
    whole = np.bincount(owner, areas, total)
    large: NDArray[np.bool_] = whole[owner] >= area
    return large
