"""Large images in overlapping tiles, whose maps are blended without a seam."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from segmentare.geometry import Size
from segmentare.tasks.base import Maps

Corner = tuple[int, int]  #: row and column of a tile's first pixel

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
        ValueError: The tile does not fit, the overlap is not below 1, or a side is no multiple.
    """
    if not 0 <= overlap < 1:
        raise ValueError(f"The overlap of tiles must be from 0 to below 1; got {overlap}.")
    if not (0 < tile[0] <= size[0] and 0 < tile[1] <= size[1]):
        raise ValueError(f"Tiles must fit into the image of size {size}; got tiles of {tile}.")
    if any(side % multiple for side in (*size, *tile)):
        raise ValueError(
            f"Sizes of image and tile must be multiples of {multiple}; got {size} and {tile}."
        )
    rows, columns = (_starts(size[axis], tile[axis], overlap, multiple) for axis in (0, 1))
    return [(row, column) for row in rows for column in columns]


def blend(size: Size, tile: Size, parts: Iterable[tuple[Corner, Maps]]) -> Maps:
    """Average the maps of overlapping tiles, each with more weight in its middle.

    The average is updated tile by tile (new = old + (value - old) * share), so memory holds the
    result, its weights and one tile; and where all tiles agree, the result is their value to the
    last bit.

    Source: Isensee et al., "nnU-Net: a self-configuring method for deep learning-based
    biomedical image segmentation", Nature Methods 2021 (Gaussian window, sigma = 1/8 tile),
    https://doi.org/10.1038/s41592-020-01008-z

    Args:
        size: Height and width of the image in pixels.
        tile: Height and width of every tile in pixels.
        parts: For every tile its corner in pixels and its maps, each of shape
            (channels, tile height / stride, tile width / stride); every head has its own stride.

    Returns:
        Per head a float32 array (channels, height / stride, width / stride).

    Raises:
        ValueError: A tile's map is no whole fraction of the tile, or corners miss its cells.
    """
    blended: Maps = {}
    weights: dict[int, NDArray[np.float32]] = {}
    windows: dict[int, NDArray[np.float32]] = {}
    for corner, maps in parts:
        strides = {name: _stride(name, values.shape, tile, corner) for name, values in maps.items()}
        for stride in set(strides.values()):
            if stride not in weights:
                weights[stride] = np.zeros((size[0] // stride, size[1] // stride), np.float32)
                windows[stride] = _window((tile[0] // stride, tile[1] // stride))
            window = windows[stride]
            place = _place(corner, window.shape, stride)
            total = weights[stride][place]
            total += window
            share = window / total
            for name, values in maps.items():
                if strides[name] != stride:
                    continue
                if name not in blended:
                    shape = (values.shape[0], *weights[stride].shape)
                    blended[name] = np.zeros(shape, np.float32)
                average = blended[name][(slice(None), *place)]
                average += (values - average) * share
    return blended


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


def _place(corner: Corner, cells: Size, stride: int) -> tuple[slice, slice]:
    """Return where the cells of a tile lie in the image's map."""
    row, column = corner[0] // stride, corner[1] // stride
    return slice(row, row + cells[0]), slice(column, column + cells[1])


def _stride(name: str, shape: tuple[int, ...], tile: Size, corner: Corner) -> int:
    """Return how many pixels one cell of a tile's map spans."""
    stride = tile[0] // shape[1] if len(shape) == 3 and shape[1] else 0
    fits = stride > 0 and shape[1:] == (tile[0] / stride, tile[1] / stride)
    if not fits or corner[0] % stride or corner[1] % stride:
        raise ValueError(
            f"Maps of a tile of size {tile} at {corner} must have the shape (channels, height / "
            f"stride, width / stride) and begin on a cell; those of head {name!r} have {shape}."
        )
    return stride
