"""Peaks of many heatmaps at once, to fractions of a cell."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Indices = NDArray[np.intp]

_STEPS = np.array([1, 2, 3, 4, 6, 8, 12, 16, 24])  # cells at which a bump's fall is looked for
_FALLEN = 0.75  # of a peak's height: where its shape is read
_MOST = 1000  # peaks of one map: pairs of them are compared, which noise must not make endless
_LEAST = 1e-6  # lower values have no logarithm worth using


@dataclass(frozen=True)
class Peaks:
    """Local maxima of maps (K, h, w), those of map 0 first.

    Attributes:
        kinds: Which map each is of, ascending, shape (P,).
        cells: (x, y) of the highest cell, int of shape (P, 2).
        points: (x, y) of the peak in pixels of the image, float32 of shape (P, 2).
        heights: Values of the highest cells, shape (P,).
    """

    kinds: Indices
    cells: Indices
    points: Floats
    heights: Floats

    def __len__(self) -> int:
        return len(self.kinds)

    def table(self, count: int) -> Indices:
        """Return the indices of the peaks of each of `count` maps, (K, P), and -1 behind them."""
        numbers = np.bincount(self.kinds, minlength=count)
        rank = np.arange(len(self)) - (np.cumsum(numbers) - numbers)[self.kinds]
        table = np.full((count, int(numbers.max(initial=0))), -1, np.intp)
        table[self.kinds, rank] = np.arange(len(self))
        return table


def find(maps: Floats, least: float, spacing: int, stride: int) -> Peaks:
    """Return the local maxima of maps (K, h, w), of each map the 1,000 highest.

    Args:
        maps: One heatmap for each kind of point.
        least: Lower maxima do not count.
        spacing: A peak is the highest value within so many pixels of the image, by rows and by
            columns, and within one cell at least; of neighbors that are equal the first counts.
        stride: Pixels per cell.
    """
    count, height, width = maps.shape
    reach = min(max(1, round(spacing / stride)), max(height, width))
    # One tall map, with room between the planes, so that OpenCV is called once.
    tall = np.full((count, height + reach, width), -1, np.float32)
    tall[:, :height] = maps
    flat = tall.reshape(-1, width)
    window = np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)
    highest = cv2.dilate(flat, window, borderType=cv2.BORDER_REPLICATE)
    tops = (flat >= np.float32(max(least, 0))) & (flat == highest)
    rows, columns = np.divmod(np.flatnonzero(tops), width)
    first = _first_of_equals(tops, rows, columns, reach)
    rows, columns = rows[first], columns[first]
    kinds, rows = np.divmod(rows, height + reach)
    if np.bincount(kinds, minlength=1).max() > _MOST:
        high = _highest(kinds, maps[kinds, rows, columns])
        kinds, rows, columns = kinds[high], rows[high], columns[high]
    cells = np.stack([columns, rows], axis=1)
    fine = cells + _fractions(maps, kinds, cells)
    points = (fine * stride + (stride - 1) / 2).astype(np.float32)
    return Peaks(kinds, cells, points, maps[kinds, rows, columns])


def _first_of_equals(
    tops: NDArray[np.bool_], rows: Indices, columns: Indices, reach: int
) -> NDArray[np.bool_]:
    """Tell which maxima have no equal one within `reach` above them, or left of them."""
    framed = np.pad(tops, reach)
    first = np.ones(len(rows), np.bool_)
    for down in range(-reach, 1):
        for right in range(-reach, reach + 1 if down else 0):
            first &= ~framed[rows + reach + down, columns + reach + right]
    return first


def _highest(kinds: Indices, heights: Floats) -> Indices:
    """Return the indices of the highest peaks of every kind, ascending."""
    order = np.lexsort((-heights, kinds))  # stable: of equal heights the first counts
    numbers = np.bincount(kinds)
    rank = np.arange(len(kinds)) - (np.cumsum(numbers) - numbers)[kinds]
    return np.sort(order[rank < _MOST])


def _fractions(maps: Floats, kinds: Indices, cells: Indices) -> Floats:
    """Return how far the tops of bumps lie from their highest cells, (P, 2), within half a step.

    A parabola goes through the logarithms of three values: exact for a Gaussian of any width. They
    lie as far apart as the bump needs to fall by a quarter, because maps that were enlarged have
    no shape to speak of between one cell of the network and the next.

    Source: the logarithm as in Zhang et al., "Distribution-Aware Coordinate Representation for
    Human Pose Estimation", CVPR 2020, https://arxiv.org/abs/1910.06278.
    """
    result = np.zeros((len(kinds), 2), np.float32)
    if not len(kinds):
        return result
    _, height, width = maps.shape
    flat = maps.reshape(-1)
    x, y = cells.T
    places = (kinds * height + y) * width + x
    top = flat[places]
    sizes, shifts = (width, height), (1, width)
    lows, highs = [], []
    for axis, at in enumerate((x, y)):
        back = np.minimum(_STEPS, at[:, None])
        on = np.minimum(_STEPS, (sizes[axis] - 1 - at)[:, None])
        lows.append(flat[places[:, None] - back * shifts[axis]])
        highs.append(flat[places[:, None] + on * shifts[axis]])
    fall = (lows[0] + highs[0] + lows[1] + highs[1]) <= 4 * _FALLEN * top[:, None]
    step = fall.argmax(axis=1)  # the first; 0 where it never falls so far
    here = np.arange(len(kinds))
    middle = np.log(np.maximum(top, _LEAST))
    for axis, at in enumerate((x, y)):
        far = _STEPS[step]
        low = np.log(np.maximum(lows[axis][here, step], _LEAST))
        high = np.log(np.maximum(highs[axis][here, step], _LEAST))
        bend = 2 * middle - low - high
        inside = (at >= far) & (at + far < sizes[axis]) & (bend > _LEAST)
        offset = 0.5 * far * (high - low) / np.where(inside, bend, 1)
        result[:, axis] = np.where(inside, np.clip(offset, -far / 2, far / 2), 0)
    return result
