"""Flows: unit vectors that lead from every pixel of an object to its center, inside the object.

Source of the idea: Stringer et al., "Cellpose: a generalist algorithm for cellular segmentation",
Nature Methods 2021, https://doi.org/10.1038/s41592-020-01018-x. There, the flow is the gradient of
heat that spreads from the center. Here it points along the shortest path inside the object: the
same fixed point, straight vectors wherever the center is in sight, and no iteration for objects
that are seen from their center as a whole, which nearly all cells are.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from segmentare.tasks.encodings import bounded
from segmentare.tasks.grouping import Floats, Ids, Places, measure

_STEPS = 4  # steps of one pixel, interpolated, before whole stretches are followed at once
_DOUBLINGS = 6  # 4 pixels doubled so often: 256, the longest way that is followed to its end
_ROW = 1024  # points are handed to OpenCV in rows, for it allows no array of 32767 columns
_FIRM = 0.5  # vectors of this share of the typical length, or more, make full steps
_CROWD = 4  # end points within 3 x 3 pixels that make a center


def flow_to_center(instance: Ids) -> Floats:
    """Return the unit vector (x, y) of the shortest way to the center, (2, H, W); NaN outside.

    The center is the center of mass, or the object's pixel nearest to it where that lies outside
    (of several equally near the first, so only there can a mirror image have another flow). Its
    own pixel may have the vector 0. Parts of an object that nothing connects to its center point
    straight at it.

    Args:
        instance: Ids 1 to n, 0 where there is no object.
    """
    width = instance.shape[1]
    flow = np.full((2, instance.size), np.nan, np.float32)
    places = np.flatnonzero(instance)
    ids = instance.ravel()[places] - 1
    y, x = np.divmod(places, width)
    centers, roots = _roots(instance, places, ids)
    way = [
        centers[:, axis].astype(np.float32).take(ids) - values.astype(np.float32)
        for axis, values in ((0, x), (1, y))
    ]
    length = np.sqrt(way[0] ** 2 + way[1] ** 2)
    scale = 1 / np.maximum(length, np.float32(1e-6))
    for axis in (0, 1):
        flow[axis, places] = way[axis] * scale
    hidden = _hidden(instance, places, roots.take(ids))
    if hidden.any():
        concave = np.flatnonzero(np.isin(ids, np.unique(ids[hidden])))
        hidden = hidden[concave]
        known = np.where(hidden, np.float32(np.inf), length[concave])
        bent, reached = _shortest(_beside(instance, places[concave]), known, hidden)
        flow[:, places[concave[reached]]] = bent
    return flow.reshape(2, *instance.shape)


def _roots(instance: Ids, places: Places, ids: Ids) -> tuple[NDArray[np.float64], Places]:
    """Return the points (N, 2) that flows end at, and the pixels (N,) that these lie in."""
    width = instance.shape[1]
    centers = measure(instance).centers
    columns, rows = np.rint(centers).astype(np.intp).T
    roots = rows * width + columns
    outside = instance.ravel()[roots] != np.arange(1, len(centers) + 1)
    if outside.any():
        mine = np.flatnonzero(outside.take(ids))
        owner = ids.take(mine)
        y, x = np.divmod(places.take(mine), width)
        squared = (x - centers[:, 0].take(owner)) ** 2 + (y - centers[:, 1].take(owner)) ** 2
        least = np.full(len(centers), np.inf)
        np.minimum.at(least, owner, squared)
        best = np.flatnonzero(squared == least.take(owner))
        numbers, first = np.unique(owner[best], return_index=True)
        roots[numbers] = places[mine[best[first]]]
        centers[numbers] = np.stack(np.divmod(roots[numbers], width)[::-1], axis=1)
    return centers, roots


def _hidden(instance: Ids, places: Places, roots: Places) -> NDArray[np.bool_]:
    """Tell from which pixels the straight line to their root leaves the object, shape (P,).

    The line is walked from pixel to pixel, all lines at once: each pixel knows the next one, and
    looking up the next one's next one doubles the stride.
    """
    width = instance.shape[1]
    labels = instance.ravel()
    y, x = np.divmod(places, width)
    root_y, root_x = np.divmod(roots, width)
    down, right = ((a - b).astype(np.float32) for a, b in ((root_y, y), (root_x, x)))
    scale = 1 / np.maximum(np.sqrt(down * down + right * right), np.float32(1))
    step = np.rint(right * scale) + np.rint(down * scale) * np.float32(width)
    following = places + step.astype(np.intp)
    leaves: NDArray[np.bool_] = labels.take(following) != labels.take(places)
    if not leaves.any():
        return leaves
    of_concave = np.zeros(int(labels.max()) + 1, np.bool_)
    of_concave[labels.take(places[leaves])] = True
    mine = np.flatnonzero(of_concave.take(labels.take(places)))  # all others see their center
    spots, outside = places[mine], instance.size
    table = np.full(instance.size + 1, outside, np.intp)
    table[spots] = np.where(leaves[mine], outside, following[mine])
    longest = int(max(np.abs(down[mine]).max(), np.abs(right[mine]).max()))
    for _ in range(longest.bit_length()):
        table[spots] = table.take(table.take(spots))
    hidden = np.zeros(len(places), np.bool_)
    hidden[mine] = table.take(spots) == outside
    return hidden


def _beside(instance: Ids, places: Places) -> Places:
    """Return which of these pixels lie left, right, above and below each, shape (4, P).

    Args:
        instance: Ids (H, W).
        places: Pixels of whole objects, ascending, shape (P,).

    Returns:
        Indices into `places`; P where the neighbor belongs to another object or to none.
    """
    framed = np.zeros((instance.shape[0] + 2, instance.shape[1] + 2), np.int32)
    framed[1:-1, 1:-1] = instance
    labels, width = framed.ravel(), framed.shape[1]
    y, x = np.divmod(places, instance.shape[1])
    spots = (y + 1) * width + x + 1
    table = np.zeros(framed.size, np.int32)
    table[spots] = np.arange(len(places))
    mine = labels.take(spots)
    steps = [spots + step for step in (-1, 1, -width, width)]
    found = [np.where(labels.take(to) == mine, table.take(to), len(places)) for to in steps]
    return np.stack(found)


def _shortest(beside: Places, distance: Floats, hidden: NDArray[np.bool_]) -> tuple[Floats, Places]:
    """Return the directions of the shortest paths of the pixels that do not see their center.

    Source: Jeong, Whitaker, "A Fast Iterative Method for Eikonal Equations", SIAM Journal on
    Scientific Computing 2008, https://doi.org/10.1137/060670298 (only the front is computed).

    Args:
        beside: What `_beside` returned, shape (4, P).
        distance: To the center, infinite where that is hidden, shape (P,).
        hidden: The pixels to compute, shape (P,).

    Returns:
        Unit vectors (x, y), shape (2, R), and the pixels that they belong to, shape (R,): those
        that a path reaches.
    """
    far = np.append(distance, np.float32(np.inf))  # its last entry stands for "no neighbor"
    waiting = np.append(hidden, False)
    marked = np.zeros(len(waiting), np.bool_)
    marked[beside[:, ~hidden]] = True
    front = np.flatnonzero(marked & waiting)
    while len(front):
        near = far.take(beside.take(front, axis=1))
        across, down = near[:2].min(axis=0), near[2:].min(axis=0)
        low, high = np.minimum(across, down), np.maximum(across, down)
        gap = np.minimum(high - low, np.float32(1))
        new = low + (gap + np.sqrt(2 - gap * gap)) / 2  # low + 1 where the gap is 1 or more
        closer = new < far.take(front) - np.float32(1e-3)
        front = front[closer]
        far[front] = new[closer]
        marked[:] = False
        around = beside.take(front, axis=1)
        marked[around[far.take(around) > far.take(front)]] = True  # paths never come back
        front = np.flatnonzero(marked & waiting)
    reached = np.flatnonzero(np.isfinite(far[:-1]) & hidden)
    near = far.take(beside.take(reached, axis=1))
    here = far.take(reached)
    fall = np.maximum(here - near, 0)
    ways = []
    for before, after in ((fall[0], fall[1]), (fall[2], fall[3])):
        ways.append(np.where(after > before, after, np.where(before > after, -before, 0)))
    length = np.maximum(np.hypot(ways[0], ways[1]), np.float32(1e-6))
    vectors: Floats = (np.stack(ways) / length).astype(np.float32)
    return vectors, reached


def follow(flow: Floats, places: Places) -> Places:
    """Return the pixel in which the way of each pixel ends, shape (P,).

    Four interpolated steps of a pixel are taken from everywhere; then the ways of four pixels are
    strung together, twice as many each time, so that far ones cost no more than near ones.
    Vectors are measured by the typical one: clearly shorter ones, which a network gives where it
    is torn between two objects, make shorter steps.

    Args:
        flow: Predicted vectors (x, y), shape (2, H, W).
        places: The pixels of objects, ascending, shape (P,); ways do not go on outside of them.
    """
    if not len(places):
        return places
    height, width = flow.shape[1:]
    vectors = bounded(flow.reshape(2, -1).take(places, axis=1))
    length = np.sqrt(vectors[0] ** 2 + vectors[1] ** 2)
    typical = max(float(length.mean()), 1e-6)
    scale = 1 / np.maximum(length, np.float32(_FIRM * typical))
    planes = np.zeros((height * width, 2), np.float32)
    for axis in (0, 1):
        planes[places, axis] = vectors[axis] * scale
    field = planes.reshape(height, width, 2)
    rows = -(-len(places) // _ROW)
    y, x = (
        np.resize(values.astype(np.float32), (rows, _ROW)) for values in np.divmod(places, width)
    )
    for _ in range(_STEPS):
        step = cv2.remap(field, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        x = np.clip(x + step[..., 0], 0, width - 1)
        y = np.clip(y + step[..., 1], 0, height - 1)
    ends: Places = np.rint(y).astype(np.intp) * width + np.rint(x).astype(np.intp)
    ends = ends.ravel()[: len(places)]
    table = np.arange(height * width)
    table[places] = ends
    for _ in range(_DOUBLINGS):
        ends = table.take(ends)
        table[places] = ends
    return ends


def gather(ends: Places, size: tuple[int, int], spacing: int) -> tuple[Ids, int]:
    """Number (from 1) the pixels by where their ways end, 0 where that is no center.

    A center is where at least 4 ways end within 3 x 3 pixels; centers that lie up to
    `spacing` pixels apart are one.

    Args:
        ends: What `follow` returned, shape (P,).
        size: Height and width of the image.
        spacing: In pixels; an odd number is exact, an even one counts as the odd one above.

    Returns:
        A number per pixel, shape (P,), and the number of centers.
    """
    arrived = np.bincount(ends, minlength=size[0] * size[1]).astype(np.float32).reshape(size)
    crowd = cv2.boxFilter(arrived, -1, (3, 3), normalize=False, borderType=cv2.BORDER_CONSTANT)
    centers = ((crowd >= _CROWD) & (arrived > 0)).view(np.uint8)
    window = np.ones((spacing // 2 * 2 + 1, spacing // 2 * 2 + 1), np.uint8)
    count, labels = cv2.connectedComponents(cv2.dilate(centers, window), connectivity=8)
    numbers: Ids = labels.ravel().take(ends)
    return numbers, count - 1
