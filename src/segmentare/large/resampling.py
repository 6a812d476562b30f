"""Parts of a resampled image, from parts of the image: what OpenCV does to the whole at once."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segmentare.annotations.geometry import Image

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Taps:
    """Which cells of a line each point of the result is a mixture of.

    Attributes:
        places: Indices of the cells, shape (points, taps).
        shares: How much of each, shape (points, taps); those of a point sum to 1.
    """

    places: NDArray[np.intp]
    shares: Floats

    @property
    def span(self) -> tuple[int, int]:
        """The first cell that is needed, and the one after the last."""
        return int(self.places.min()), int(self.places.max()) + 1

    def mix(self, values: Floats, axis: int, first: int) -> Floats:
        """Return the mixtures along one axis.

        Args:
            values: Holds the cells from `first` on along `axis`.
            axis: Which one.
            first: Number of the first cell in `values`.
        """
        shape = [1] * values.ndim
        shape[axis] = len(self.places)
        total: Floats | None = None
        for places, shares in zip(self.places.T, self.shares.T, strict=True):
            part = values.take(places - first, axis=axis)
            part *= shares.reshape(shape)
            total = part if total is None else np.add(total, part, out=total)
        return values if total is None else total


def taps(cells: int, factor: float, points: tuple[int, int], *, area: bool) -> Taps:
    """Return the mixtures of a line that is stretched.

    Args:
        cells: Length of the whole line.
        factor: Points of the result per cell.
        points: The first point that is wanted, and the one after the last.
        area: Average what falls on a point (for lines that shrink) instead of interpolating
            between the two nearest cells.
    """
    here = np.arange(*points, dtype=np.float64)
    if area:
        return _by_area(cells, 1 / factor, here)
    middle = ((here + 0.5) * (1 / factor) - 0.5).astype(np.float32)  # OpenCV has floats here, too
    low = np.floor(middle).astype(np.intp)
    share = middle - low.astype(np.float32)
    places = np.clip(np.stack([low, low + 1], axis=1), 0, cells - 1)
    return Taps(places, np.stack([np.float32(1) - share, share], axis=1))


def _by_area(cells: int, width: float, here: NDArray[np.float64]) -> Taps:
    """Return for each point the cells from `here * width` on, over `width` cells."""
    start = here * width
    stop = np.minimum(start + width, cells)
    # a hair's breadth of a cell is an error of rounding, not a part of it
    first = np.floor(start + 1e-6).astype(np.intp)
    count = max(1, math.ceil(width + 1 - 1e-6))
    places = first[:, None] + np.arange(count)
    shares = np.minimum(places + 1, stop[:, None]) - np.maximum(places, start[:, None])
    shares = np.where(shares > 1e-6, shares, 0)
    shares /= shares.sum(axis=1, keepdims=True)
    return Taps(np.clip(places, 0, cells - 1), shares.astype(np.float32))


def enlarge_bytes(part: Image, down: Taps, across: Taps, first: tuple[int, int]) -> Image:
    """Interpolate uint8 pixels between their neighbors with the integers that OpenCV has there.

    Args:
        part: Of the image, (rows, columns, channels).
        down: Mixtures of rows.
        across: Mixtures of columns.
        first: The row and column at which `part` begins.

    Source: OpenCV 4, `resize` with `INTER_LINEAR`: shares are multiples of 1/2048, and what they
    give is cut to fewer bits twice, https://github.com/opencv/opencv (modules/imgproc/resize.cpp).
    """
    shares = np.rint(across.shares * 2048).astype(np.int32)
    shares[across.places[:, 0] == across.places[:, 1]] = (2048, 0)  # beyond the image's edge
    wide = np.zeros((len(part), len(shares), part.shape[2]), np.int32)
    for place, share in zip((across.places - first[1]).T, shares.T, strict=True):
        wide += part[:, place] * share[:, None]
    wide >>= 4
    total = np.full((len(down.places), *wide.shape[1:]), 2, np.int32)
    for place, share in zip((down.places - first[0]).T, down.shares.T, strict=True):
        rows = wide[place]
        rows *= np.rint(share * 2048).astype(np.int32)[:, None, None]
        total += rows >> 16
    return (total >> 2).astype(np.uint8)


def as_pixels(values: Floats, dtype: np.dtype[np.generic], *, halves_up: bool = False) -> Image:
    """Return float values as pixels of a type, rounded and kept in its range.

    Args:
        values: Of any shape.
        dtype: `uint8`, `uint16` or `float32`.
        halves_up: Round 0.5 to 1 and 1.5 to 2, instead of both to the even number.
    """
    if dtype == np.float32:
        return values
    limits = np.iinfo(dtype.name)
    whole = np.floor(values + np.float32(0.5)) if halves_up else np.rint(values)
    rounded: Image = np.clip(whole, limits.min, limits.max).astype(dtype)
    return rounded
