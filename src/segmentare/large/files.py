"""Results that are too large for PNG and for memory: tiled, compressed TIFF, block by block."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segmentare.annotations.segmentation import UNLABELED, Category, is_binary
from segmentare.atomic import replacing
from segmentare.large.blocks import TILE, Place, Plan
from segmentare.results.files import UNLABELED_COLOR
from segmentare.results.object_tables import Scale

Values = NDArray[Any]

_BIG = 4_000_000_000  # bytes from which on a TIFF must be a BigTIFF, if nothing compresses
_PER_CENTIMETER = {"um": 1e4, "mm": 10.0, "cm": 1.0}


def write_category(
    path: Path,
    plan: Plan,
    read: Callable[[Place], NDArray[np.uint8]],
    categories: tuple[Category, ...],
    scale: Scale | None = None,
) -> None:
    """Write the categories with the values that `files.write_mask` gives them in a PNG.

    That is 0 and 255 where there are one background and one kind of object without instances, else
    ids with the categories' colors as palette.

    Args:
        path: Ends in `.tif`.
        plan: Of the blocks.
        read: Returns the categories of a block.
        categories: Of the model.
        scale: Size of a pixel, if it is known.
    """
    if is_binary(categories):
        white = np.zeros(256, np.uint8)
        white[1] = 255
        write_tiff(path, plan, lambda place: white[read(place)], np.dtype(np.uint8), scale=scale)
        return
    colors = np.zeros((256, 3), np.uint16)
    colors[: len(categories)] = [category.color for category in categories]
    colors[UNLABELED] = UNLABELED_COLOR
    write_tiff(path, plan, read, np.dtype(np.uint8), palette=257 * colors.T, scale=scale)


def write_tiff(
    path: Path,
    plan: Plan,
    read: Callable[[Place], Values],
    dtype: np.dtype[Any],
    *,
    palette: NDArray[np.uint16] | None = None,
    scale: Scale | None = None,
) -> None:
    """Write a map of the image's size as tiled TIFF, whole or not at all.

    The same values give the same bytes.

    Args:
        path: Ends in `.tif`.
        plan: Of the blocks.
        read: Returns the values of a block; called once for each, row by row.
        dtype: Of the values.
        palette: Colors of the values, shape (3, 256); `None`: gray.
        scale: Size of a pixel, if it is known.

    Raises:
        OSError: The disk is full; nothing is left behind.
    """
    from tifffile import TiffWriter

    options: dict[str, Any] = {"photometric": "minisblack" if palette is None else "palette"}
    if palette is not None:
        options["colormap"] = palette
    if scale is not None and scale.unit in _PER_CENTIMETER:
        dots = _PER_CENTIMETER[scale.unit] / scale.size
        options |= {"resolution": (dots, dots), "resolutionunit": "CENTIMETER"}
    with (
        replacing(path, f".{path.name}.tmp") as place,
        TiffWriter(place, bigtiff=_bytes(plan, dtype) > _BIG) as file,
    ):
        file.write(
            _tiles(plan, read, dtype),
            shape=plan.size,
            dtype=dtype,
            tile=(TILE, TILE),
            compression="zlib",
            metadata=None,
            software="segmentare",
            **options,
        )


def _bytes(plan: Plan, dtype: np.dtype[Any]) -> int:
    return plan.size[0] * plan.size[1] * dtype.itemsize


def _tiles(plan: Plan, read: Callable[[Place], Values], dtype: np.dtype[Any]) -> Iterator[Values]:
    """Yield the tiles of all blocks, row by row; those at the right and below are filled up."""
    for place in plan.blocks:
        values = read(place).astype(dtype, copy=False)
        for left in range(0, values.shape[1], TILE):
            tile = values[:, left : left + TILE]
            if tile.shape != (TILE, TILE):
                room = ((0, TILE - tile.shape[0]), (0, TILE - tile.shape[1]))
                tile = np.pad(tile, room)
            yield np.ascontiguousarray(tile)
