"""Large images in overlapping tiles, whose maps are blended without a seam."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from segmentare.annotations.geometry import Size
from segmentare.errors import InputError
from segmentare.tasks.base import Maps

Corner = tuple[int, int]  #: row and column of a tile's first pixel

_Slices = tuple[slice, slice]

_SIGMA = 1 / 8  # of the window, as a part of the tile's side


def tiles(size: Size, tile: Size, overlap: float, multiple: int = 1) -> list[Corner]:
    """Spread tiles evenly over an image; the first and the last lie flush with its edges.

    Args:
        size: Height and width of the image.
        tile: Height and width of a tile, at most those of the image.
        overlap: Part of a tile that it shares with the next one, from 0 to below 1; more where
            the tiles do not divide the image, and less by at most `multiple` pixels.
        multiple: Corners are multiples of this, so that they fall on cells of coarser maps.
            `size` and `tile` must be multiples of it too.

    Returns:
        The corners, row by row. Together the tiles cover every pixel.

    Raises:
        InputError: The tile does not fit, the overlap is not below 1, or a side is no multiple.
    """
    if not 0 <= overlap < 1:
        raise InputError(f"The overlap of tiles must be from 0 to below 1; got {overlap}.")
    if not (0 < tile[0] <= size[0] and 0 < tile[1] <= size[1]):
        raise InputError(f"Tiles must fit into the image of size {size}; got tiles of {tile}.")
    if any(side % multiple for side in (*size, *tile)):
        raise InputError(
            f"Sizes of image and tile must be multiples of {multiple}; got {size} and {tile}."
        )
    rows, columns = (_starts(size[axis], tile[axis], overlap, multiple) for axis in (0, 1))
    return [(row, column) for row in rows for column in columns]


def blend(size: Size, tile: Size, parts: Iterable[tuple[Corner, Maps]]) -> Maps:
    """Average the maps of overlapping tiles, each with more weight in its middle.

    Args:
        size: Height and width of the image in pixels.
        tile: Height and width of every tile in pixels.
        parts: For every tile its corner in pixels and its maps; see `Canvas.add`.

    Returns:
        Per head a float32 array (channels, height / stride, width / stride).

    Raises:
        InputError: A tile's map is no whole fraction of the tile, or corners miss its cells.
    """
    canvas = Canvas(tile, (0, size[0]), (0, size[1]))
    for corner, maps in parts:
        canvas.add(corner, maps)
    return canvas.maps


class Canvas:
    """The average of overlapping tiles, each with more weight in its middle.

    It covers a part of the image, and its rows can move down, so that memory holds no more than
    the tiles that are still being blended. Every pixel gets the same value whatever the part.

    The average is updated tile by tile (new = old + (value - old) * share), so memory holds the
    result, its weights and one tile; and where all tiles agree, the result is their value to the
    last bit.

    Source: Isensee et al., "nnU-Net: a self-configuring method for deep learning-based
    biomedical image segmentation", Nature Methods 2021 (Gaussian window, sigma = 1/8 tile),
    https://doi.org/10.1038/s41592-020-01008-z

    Attributes:
        maps: Per head a float32 array (channels, rows / stride, columns / stride).
        rows: First row, and the row after the last one, in pixels; multiples of all strides.
        columns: The same for columns.
    """

    def __init__(self, tile: Size, rows: tuple[int, int], columns: tuple[int, int]) -> None:
        self.rows, self.columns = rows, columns
        self.maps: Maps = {}
        self._tile = tile
        self._weights: dict[int, NDArray[np.float32]] = {}
        self._windows: dict[int, NDArray[np.float32]] = {}

    def add(self, corner: Corner, maps: Maps) -> None:
        """Blend the maps of a tile into what is there; what lies beside the canvas is cut off.

        Args:
            corner: Of the tile, in pixels of the image.
            maps: Per head (channels, tile height / stride, tile width / stride); every head has
                its own stride.

        Raises:
            InputError: A map is no whole fraction of the tile, or the corner misses its cells.
        """
        tile = self._tile
        strides = {name: _stride(name, values.shape, tile, corner) for name, values in maps.items()}
        for stride in set(strides.values()):
            if stride not in self._weights:
                self._weights[stride] = np.zeros(self._cells(stride), np.float32)
                self._windows[stride] = _window((tile[0] // stride, tile[1] // stride))
            place, part = self._place(corner, stride)
            window = self._windows[stride][part]
            total = self._weights[stride][place]
            total += window
            share = window / total
            for name, values in maps.items():
                if strides[name] != stride:
                    continue
                if name not in self.maps:
                    shape = (values.shape[0], *self._weights[stride].shape)
                    self.maps[name] = np.zeros(shape, np.float32)
                average = self.maps[name][(slice(None), *place)]
                average += (values[(slice(None), *part)] - average) * share

    def move(self, rows: tuple[int, int]) -> None:
        """Let go of rows above, and make room for rows below.

        Args:
            rows: The new rows, in pixels; none of those that stay may lie above the old ones.
        """
        old, self.rows = self.rows, rows
        for stride, weights in self._weights.items():
            self._weights[stride] = _moved(weights[None], old, rows, stride)[0]
        for name, values in self.maps.items():
            stride = (self.columns[1] - self.columns[0]) // values.shape[2]
            self.maps[name] = _moved(values, old, rows, stride)

    def _cells(self, stride: int) -> Size:
        height, width = (b - a for a, b in (self.rows, self.columns))
        return height // stride, width // stride

    def _place(self, corner: Corner, stride: int) -> tuple[_Slices, _Slices]:
        """Return which cells of the canvas a tile covers, and which of its own these are."""
        place, part = [], []
        for start, side, (low, high) in zip(
            corner, self._tile, (self.rows, self.columns), strict=True
        ):
            first, last = max(start, low), min(start + side, high)
            place.append(slice((first - low) // stride, max(0, last - low) // stride))
            part.append(slice((first - start) // stride, max(0, last - start) // stride))
        return (place[0], place[1]), (part[0], part[1])


def _moved(
    values: NDArray[np.float32], old: tuple[int, int], new: tuple[int, int], stride: int
) -> NDArray[np.float32]:
    """Return maps (channels, rows, columns) of other rows; new ones are 0."""
    moved = np.zeros((values.shape[0], (new[1] - new[0]) // stride, values.shape[2]), np.float32)
    first, last = max(new[0], old[0]) // stride, min(new[1], old[1]) // stride
    if first < last:
        top, above = new[0] // stride, old[0] // stride
        moved[:, first - top : last - top] = values[:, first - above : last - above]
    return moved


def _starts(side: int, tile: int, overlap: float, multiple: int) -> list[int]:
    """Return the first pixels of the tiles along one axis."""
    free = side - tile
    count = math.ceil(free / max(1.0, tile * (1 - overlap))) + 1
    if count == 1:
        return [0]
    # at least one multiple apart, or two tiles would be the same
    starts = {round(free * i / (count - 1) / multiple) * multiple for i in range(count)}
    return sorted(starts)


def _window(size: Size) -> NDArray[np.float32]:
    """Return a Gaussian bump over a tile: 1 in the middle, above 0 everywhere."""
    rows, columns = (
        np.exp(-0.5 * (((np.arange(side) + 0.5) / side - 0.5) / _SIGMA) ** 2) for side in size
    )
    return np.outer(rows, columns).astype(np.float32)


def _stride(name: str, shape: tuple[int, ...], tile: Size, corner: Corner) -> int:
    """Return how many pixels one cell of a tile's map spans."""
    stride = tile[0] // shape[1] if len(shape) == 3 and shape[1] else 0
    fits = stride > 0 and shape[1:] == (tile[0] / stride, tile[1] / stride)
    if not fits or corner[0] % stride or corner[1] % stride:
        raise InputError(
            f"Maps of a tile of size {tile} at {corner} must have the shape (channels, height / "
            f"stride, width / stride) and begin on a cell; those of head {name!r} have {shape}."
        )
    return stride
