"""Measures of the objects in a large image, from what is added up over its blocks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from segmentare.annotations.measures import Measures, crossings, eccentricities
from segmentare.images.tiff_windows import TiffWindows
from segmentare.images.windows import Windows
from segmentare.large.blocks import Place, Plan

Sums = NDArray[np.float64]


def measure_blocks(
    ids: TiffWindows, image: Windows, plan: Plan, kinds: NDArray[np.uint8]
) -> Measures:
    """Measure all objects, as `measures.measure` does with whole images.

    Memory holds a block and about 200 bytes for every object.

    Args:
        ids: The file of ids 1 to N.
        image: Its pixels are averaged.
        plan: Of the blocks.
        kinds: Category of each object, shape (N,).
    """
    count = len(kinds)
    sums = np.zeros((6, count))  # area, x, y, xx, yy, xy
    intensity = np.zeros((image.channels, count))
    box = np.zeros((4, count), np.int64)
    box[:2] = np.iinfo(np.int64).max
    border = np.zeros(count + 1)
    for place in plan.blocks:
        (top, bottom), (left, right) = place
        around, inner = _with_ring(ids, place, plan)
        border += crossings(around, inner, count)
        block = around[1 : 1 + bottom - top, 1 : 1 + right - left]
        flat = np.flatnonzero(block)
        if not flat.size:
            continue
        ids_here, owner = np.unique(block.ravel()[flat], return_inverse=True)
        here = ids_here.astype(np.intp) - 1
        y, x = np.divmod(flat, right - left)
        box[:, here] = _wider(box[:, here], x + left, y + top, owner)
        points = [values.astype(np.float64) for values in (x + left, y + top)]
        for row, values in enumerate((np.ones(len(x)), *points, *_squares(*points))):
            sums[row, here] += np.bincount(owner, values)
        pixels = image.read(*place).reshape(-1, image.channels)
        for channel in range(image.channels):
            intensity[channel, here] += np.bincount(owner, pixels[flat, channel])
    area = np.maximum(sums[0], 1)
    middle = sums[1:3] / area
    spread = [mean - of for mean, of in zip(sums[3:] / area, _squares(*middle), strict=True)]
    return Measures(
        ids=np.arange(1, count + 1),
        category=kinds.astype(np.int64),
        area=sums[0].astype(np.int64),
        centroid=middle.T,
        box=box.T,
        perimeter=np.pi / 8 * border[1:],
        eccentricity=eccentricities(*spread),
        intensity=(intensity / area).T,
    )


def _squares(x: Sums, y: Sums) -> tuple[Sums, Sums, Sums]:
    return x * x, y * y, x * y


def _with_ring(
    ids: TiffWindows, place: Place, plan: Plan
) -> tuple[NDArray[np.int32], tuple[slice, slice]]:
    """Return the ids of a block and one pixel around it, and the part whose lines it counts.

    A line between two pixels is counted with the upper or left one; at the image's edge, beyond
    which there is nothing, with the one inside.
    """
    rows, columns = place
    low = max(0, rows[0] - 1), max(0, columns[0] - 1)
    high = min(plan.size[0], rows[1] + 1), min(plan.size[1], columns[1] + 1)
    part = ids.read_stored((low[0], high[0]), (low[1], high[1]))[..., 0].astype(np.int32)
    room = [
        (int(low[axis] == side[0]), int(high[axis] == side[1]))
        for axis, side in enumerate((rows, columns))
    ]
    around = np.pad(part, room)
    first = [0 if side[0] == 0 else 1 for side in (rows, columns)]
    last = [
        side[1] - side[0] + 1 + (side[1] == plan.size[axis])
        for axis, side in enumerate((rows, columns))
    ]
    return around, (slice(first[0], last[0]), slice(first[1], last[1]))


def _wider(
    box: NDArray[np.int64], x: NDArray[np.intp], y: NDArray[np.intp], owner: NDArray[np.intp]
) -> NDArray[np.int64]:
    """Return boxes (x0, y0, x1, y1 by row) widened to hold more pixels."""
    wider = box.copy()
    columns = np.arange(box.shape[1])
    for row, values, last in ((0, x, False), (1, y, False), (2, x, True), (3, y, True)):
        order = np.lexsort((values, owner))
        ends = np.searchsorted(owner[order], columns, side="right" if last else "left")
        found = values[order[ends - last]] + last
        wider[row] = np.maximum(box[row], found) if last else np.minimum(box[row], found)
    return wider
