"""Codes of objects by their centers: bumps and offsets, and the votes that undo them.

Points are (x, y) in pixels of the image, as everywhere; windows and distances too, whatever the
stride of the maps. Nothing here loops over pixels, and only `draw_bumps` loops over objects.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from segmentare.annotations.geometry import Size

Floats = NDArray[np.float32]
Ids = NDArray[np.int32]  #: ids 1 to n, 0 where there is no object
Places = NDArray[np.intp]  #: indices into a flattened map

_BUMP = (0.1, 2.0, 10.0)  # standard deviation of a bump: share of sqrt(area), least, most (pixels)
_SLACK = 3.0  # pixels by which a vote may always miss its center
_REACH = 0.3  # of the square root of an object's area: by how much its votes may miss


@dataclass(frozen=True)
class Objects:
    """All objects of an instance map at once; row i belongs to id i + 1.

    Attributes:
        centers: Mean (x, y) of the pixels, float64 of shape (N, 2).
        areas: Number of pixels, int64 of shape (N,).
    """

    centers: NDArray[np.float64]
    areas: NDArray[np.int64]


def measure(instance: Ids) -> Objects:
    """Return the centers of mass and the areas of objects 1 to n, in one pass over the pixels."""
    places = np.flatnonzero(instance)
    ids = instance.ravel().take(places)
    y, x = np.divmod(places, instance.shape[1])
    areas = np.bincount(ids, minlength=1)[1:]
    sums = [np.bincount(ids, values, minlength=1)[1:] for values in (x, y)]
    return Objects(np.stack(sums, axis=1) / np.maximum(areas, 1)[:, None], areas)


def draw_bumps(objects: Objects, shape: Size, stride: int) -> Floats:
    """Return a map with a Gaussian of height 1 at every center; bumps merge by their maximum.

    A bump is wider for a larger object, and the cell nearest to its center is exactly 1. Only the
    window that it fills (3 standard deviations) is touched.

    Args:
        objects: What `measure` returned for the image; those without an area have no bump.
        shape: Height and width of the map, in cells.
        stride: Pixels per cell.
    """
    alone = np.zeros(len(objects.areas), np.intp)
    bumps: Floats = draw_bumps_of_kinds(objects, alone, 1, shape, stride)[0]
    return bumps


def draw_bumps_of_kinds(
    objects: Objects, kinds: Places, count: int, shape: Size, stride: int
) -> Floats:
    """Return `count` maps as `draw_bumps` makes, each with the objects of one kind, (count, h, w).

    Args:
        objects: Of all kinds.
        kinds: The map that each belongs to, (N,).
        count: Number of maps.
        shape: Height and width of a map, in cells.
        stride: Pixels per cell.
    """
    bumps = np.zeros((count, *shape), np.float32)
    share, least, most = _BUMP
    shown = np.flatnonzero(objects.areas)
    sigmas = np.clip(share * np.sqrt(objects.areas[shown]), least, most)[:, None] / stride
    cells = (objects.centers[shown] - (stride - 1) / 2) / stride
    cells = np.clip(cells, 0, np.array(shape[::-1]) - 1)
    reach = np.ceil(3 * sigmas)
    low = np.maximum(np.floor(cells - reach), 0).astype(np.intp).tolist()
    high = np.minimum(np.ceil(cells + reach) + 1, shape[::-1]).astype(np.intp).tolist()
    across, down = (
        _profiles(np.arange(shape[1 - axis]), cells[:, [axis]], sigmas) for axis in (0, 1)
    )
    for i, kind in enumerate(kinds[shown].tolist()):
        rows, columns = slice(low[i][1], high[i][1]), slice(low[i][0], high[i][0])
        window = bumps[kind, rows, columns]
        np.maximum(window, down[i, rows, None] * across[i, columns], out=window)
    return bumps


def _profiles(
    axis: NDArray[np.intp], cells: NDArray[np.float64], sigmas: NDArray[np.float64]
) -> Floats:
    """Return how bumps fall along one axis, (N, cells); 1 at the cell nearest to each center."""
    squared = (axis - cells) ** 2
    fall = (squared.min(axis=1, keepdims=True) - squared) / (2 * sigmas**2)
    profiles: Floats = np.exp(fall).astype(np.float32)
    return profiles


def offsets(instance: Ids, objects: Objects, stride: int) -> Floats:
    """Return for every cell of an object the way (x, y) to its center, (2, h, w); NaN elsewhere.

    Args:
        instance: Ids of the cells.
        objects: What `measure` returned for the pixels.
        stride: Pixels per cell.
    """
    result = np.full((2, instance.size), np.nan, np.float32)
    places = np.flatnonzero(instance)
    ids = instance.ravel()[places] - 1
    y, x = np.divmod(places, instance.shape[1])
    for axis, values in enumerate((x, y)):
        cells = values.astype(np.float32) * np.float32(stride) + np.float32((stride - 1) / 2)
        result[axis, places] = objects.centers[:, axis].astype(np.float32).take(ids) - cells
    return result.reshape(2, *instance.shape)


def find_peaks(heatmap: Floats, least: float, radius: int) -> tuple[NDArray[np.float64], Floats]:
    """Return the local maxima of a map (H, W), highest first.

    Neighbors of equal height are one peak, in their middle.

    Args:
        heatmap: One value per pixel.
        least: Lower maxima do not count.
        radius: A peak is the highest value within so many pixels, by rows and by columns.

    Returns:
        Points (x, y), shape (N, 2), and their heights, shape (N,).
    """
    window = np.ones((2 * radius + 1, 2 * radius + 1), np.uint8)
    tops = (heatmap >= least) & (heatmap == cv2.dilate(heatmap, window))
    count, labels, _, middles = cv2.connectedComponentsWithStats(tops.view(np.uint8))
    places = np.flatnonzero(tops)
    heights = np.zeros(count, np.float32)
    heights[labels.ravel()[places]] = heatmap.ravel()[places]
    order = 1 + np.argsort(-heights[1:], kind="stable")
    return middles[order], heights[order]


def group(
    votes: Floats, places: Places, centers: NDArray[np.float64], size: Size, least_area: int
) -> Ids:
    """Give every vote the number (from 1) of its nearest center, and 0 to votes far from any.

    A vote is far when it misses its center by more than 0.3 times the square root of the area
    that the center won (half the radius of a disk), and by more than 3 pixels: so an object whose
    center was not seen is not swallowed by its neighbor. What is left over in one piece, votes for
    one point and is as large as half of a typical object becomes an object of its own (these take
    the numbers above `len(centers)`). Other pixels that are left over go to the object that they
    touch: between two objects, where maps were enlarged, votes are a mixture of both.

    Nearest is looked up in a map of the image (exact to a pixel where two centers are equally
    far), which takes the same time for one center and for thousands.

    Source: Cheng et al., "Panoptic-DeepLab", CVPR 2020, https://arxiv.org/abs/1911.10194; the
    limit is ours.

    Args:
        votes: Where each pixel believes its center is, (x, y), shape (P, 2).
        places: Which pixels vote, ascending, shape (P,).
        centers: (x, y), shape (N, 2).
        size: Height and width of the image.
        least_area: Pixels that an object whose center was not seen must have at least.
    """
    numbers = np.zeros(len(places), np.int32)
    if len(centers):
        numbers = _nearest(votes, centers, size)
        numbers[_misses(votes, centers, numbers)] = 0
    lost = np.flatnonzero(numbers == 0)
    if not len(lost):
        return numbers
    won = np.bincount(numbers)[1:]
    typical = float(np.median(won[won > 0])) if won.any() else 0.0
    unseen = _unseen(votes[lost], places[lost], size, max(least_area, typical / 2))
    numbers[lost] = np.where(unseen > 0, len(centers) + unseen, 0)
    fill_gaps(numbers, places, size)
    return numbers


def _unseen(votes: Floats, places: Places, size: Size, least_area: float) -> Ids:
    """Return the number (from 1) of the object without a center that a pixel is of, else 0.

    It is a connected piece whose votes meet in one point: none far from it, and all together
    spread by less than half as much as the pixels themselves, which those between two objects,
    mixed of both, are not.
    """
    pieces, areas = _pieces(places, size)
    y, x = np.divmod(places, size[1])
    spread, means = [], []
    for values in (votes[:, 0], votes[:, 1], x, y):
        sums = [np.bincount(pieces, power, minlength=len(areas)) for power in (values, values**2)]
        mean = sums[0] / np.maximum(areas, 1)
        means.append(mean[1:])
        spread.append(np.maximum(sums[1] / np.maximum(areas, 1) - mean**2, 0))
    met = 4 * (spread[0] + spread[1]) < spread[2] + spread[3]
    keeps = (areas >= least_area) & met
    far = _misses(votes, np.stack(means[:2], axis=1), pieces)
    numbers: Ids = np.where(keeps[pieces] & ~far, pieces, 0).astype(np.int32)
    return numbers


def fill_gaps(numbers: Ids, places: Places, size: Size) -> None:
    """Give pixels without a number that of an object within 2 pixels, where there is one.

    Args:
        numbers: Number of each pixel, 0 for none, shape (P,); changed in place.
        places: Which pixels these are, ascending, shape (P,).
        size: Height and width of the image.
    """
    gaps = np.flatnonzero(numbers == 0)
    if not len(gaps):
        return
    known = np.zeros(size, np.float32)  # exact for 16 million objects, and OpenCV dilates it
    known.ravel()[places] = numbers
    around = cv2.dilate(known, np.ones((5, 5), np.uint8))
    numbers[gaps] = around.ravel().take(places[gaps]).astype(np.int32)


@dataclass(frozen=True)
class Found:
    """The objects that a decode keeps, best first; row i belongs to instance id i + 1.

    Attributes:
        instance: Ids of shape (H, W).
        numbers: The number that each object had before, int of shape (N,).
        scores: How sure each object is, 0 to 1, shape (N,).
    """

    instance: Ids
    numbers: Places
    scores: Floats


def keep(numbers: Ids, places: Places, size: Size, quality: Floats, least_area: int) -> Found:
    """Drop the objects of fewer than `least_area` pixels and number the others, best first.

    Args:
        numbers: Number (from 1) of each pixel's object, 0 for none, shape (P,).
        places: Which pixels these are, shape (P,).
        size: Height and width of the image.
        quality: Score of each number, 0 to 1; that of number i stands at i - 1.
        least_area: In pixels; at 0 objects without any stay, too.
    """
    areas = np.bincount(numbers, minlength=len(quality) + 1)[1:]
    chosen = np.flatnonzero(areas >= least_area)
    chosen = chosen[np.argsort(-quality[chosen], kind="stable")]
    table = np.zeros(len(quality) + 1, np.int32)
    table[chosen + 1] = np.arange(1, len(chosen) + 1)
    instance = np.zeros(size, np.int32)
    instance.ravel()[places] = table.take(numbers)
    return Found(instance, chosen + 1, quality[chosen])


def mean_of(values: Floats, numbers: Ids, count: int) -> Floats:
    """Return the mean of the pixels' values over objects 1 to `count`, 0 where there are none."""
    areas = np.bincount(numbers, minlength=count + 1)[1:]
    sums = np.bincount(numbers, values, minlength=count + 1)[1:]
    return (sums / np.maximum(areas, 1)).astype(np.float32)


def majority(category: NDArray[np.uint8], numbers: Ids, count: int) -> NDArray[np.uint8]:
    """Return the most frequent category of objects 1 to `count`; the lower of two equal ones.

    Args:
        category: Of each pixel, shape (P,).
        numbers: Number of each pixel's object, 0 for none, shape (P,).
        count: Number of objects.
    """
    kinds = int(category.max(initial=0)) + 1
    pairs = np.bincount(numbers * np.int64(kinds) + category, minlength=(count + 1) * kinds)
    most: NDArray[np.uint8] = pairs.reshape(count + 1, kinds)[1:].argmax(axis=1).astype(np.uint8)
    return most


def _nearest(votes: Floats, centers: NDArray[np.float64], size: Size) -> Ids:
    limits = np.array(size[::-1]) - 1
    spots = np.clip(np.rint(centers).astype(np.intp), 0, limits)
    free = np.ones(size, np.uint8)
    free[spots[:, 1], spots[:, 0]] = 0
    _, regions = cv2.distanceTransformWithLabels(
        free, cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )
    owner = np.zeros(int(regions.max()) + 1, np.int32)
    owner[regions[spots[:, 1], spots[:, 0]]] = np.arange(1, len(centers) + 1)
    x, y = (np.clip(np.rint(votes[:, axis]), 0, limits[axis]).astype(np.int32) for axis in (0, 1))
    nearest: Ids = owner.take(regions.ravel().take(y * np.int64(size[1]) + x))
    return nearest


def _misses(votes: Floats, centers: NDArray[np.float64], numbers: Ids) -> NDArray[np.bool_]:
    """Tell which votes lie too far from the center that they were counted for."""
    areas = np.bincount(numbers, minlength=len(centers) + 1)[1:]
    limits = np.maximum(_SLACK**2, _REACH**2 * areas).astype(np.float32)
    rows = numbers - 1
    x, y = (centers[:, axis].astype(np.float32).take(rows) for axis in (0, 1))
    squared = (votes[:, 0] - x) ** 2 + (votes[:, 1] - y) ** 2
    missed: NDArray[np.bool_] = squared > limits.take(rows)
    return missed


def _pieces(places: Places, size: Size) -> tuple[Ids, NDArray[np.int64]]:
    """Return the number (from 1) of each pixel's connected piece, and by number the areas."""
    mask = np.zeros(size, np.uint8)
    mask.ravel()[places] = 1
    labels: Ids = cv2.connectedComponents(mask, connectivity=8)[1].ravel()[places]
    return labels, np.bincount(labels)
