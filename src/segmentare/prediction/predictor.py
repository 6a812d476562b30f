"""From an image to an annotation, with any function that computes maps."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Generic

import cv2
import numpy as np
from numpy.typing import NDArray

from segmentare.annotations import geometry
from segmentare.annotations.geometry import Image, Size
from segmentare.annotations.segmentation import A
from segmentare.errors import InputError
from segmentare.prediction import tiling
from segmentare.prediction.preprocessing import STRIDE_MULTIPLE, Frame, Preprocessing
from segmentare.tasks.base import Head, Maps, Task
from segmentare.tasks.encodings import bounded

BATCH_PIXELS = 512 * 512  #: pixels that are handed to the network at once, at least one tile


@dataclass(frozen=True)
class Reading:
    """What a network says of one image, ready to be decoded.

    Attributes:
        maps: Per head (channels, H / stride, W / stride).
        stride: 1 for maps at the image's own size; else that of the network, whose input the maps
            then cover.
        frame: Where the image lay in the network's input.
    """

    maps: Maps
    stride: int
    frame: Frame


@dataclass(frozen=True)
class Predictor(Generic[A]):
    """A model ready for use: any function from images to maps, and all that surrounds it.

    Attributes:
        maps_of: Takes a normalized batch, float32 of shape (N, H, W, C) with H and W multiples
            of `STRIDE_MULTIPLE`, and returns per head float32 maps *after* their activation
            (sigmoid for `binary` and `heatmap`, softmax for `classes`), of shape
            (N, channels, H / stride, W / stride); every head may have its own stride.
        task: What the maps mean.
        preprocessing: How images become input.
        flips: Average the maps of the image and of its three mirrors: four times the work for
            slightly better and steadier maps.
        overlap: Part of a tile that it shares with the next one, from 0 to below 1.
        computed: What computes the maps and how exactly, such as "openvino float32"; for people.
    """

    maps_of: Callable[[NDArray[np.float32]], Maps]
    task: Task[A]
    preprocessing: Preprocessing
    flips: bool = False
    overlap: float = 0.25
    computed: str = ""

    def predict(self, image: Image, reading: Reading | None = None) -> A:
        """Return what the image, of shape (H, W, C) and any size, shows.

        Args:
            image: The image.
            reading: What `read` returned for it, where that is there already.

        Raises:
            InputError: The image has other channels or another dtype than the model takes.
        """
        return self.decode(self.read(image) if reading is None else reading)

    def read(self, image: Image) -> Reading:
        """Run the network, and enlarge its maps to the image's size if the task needs that.

        Raises:
            InputError: As `maps`.
        """
        if not self.task.coarse:
            frame = self.preprocessing.frame((image.shape[0], image.shape[1]))
            return Reading(self.maps(image), 1, frame)
        maps, frame = self._blended(image)
        stride = frame.padded[0] // next(iter(maps.values())).shape[1]
        rows, columns = (-(-side // stride) for side in frame.content)
        return Reading({n: values[:, :rows, :columns] for n, values in maps.items()}, stride, frame)

    def decode(self, reading: Reading, task: Task[A] | None = None) -> A:
        """Return what a reading shows, at the image's own size.

        Args:
            reading: What `read` returned.
            task: With other settings than the predictor's, to try them.
        """
        task, frame = task or self.task, reading.frame
        if task.coarse:
            found: Any = task.decode(reading.maps, reading.stride)
            shown: A = found.warp(geometry.resize(frame.content, frame.image), frame.image)
            return shown
        factor = math.sqrt(math.prod(frame.image) / math.prod(frame.content))
        return task.scaled(factor).decode(reading.maps, stride=1)

    def maps(self, image: Image) -> Maps:
        """Return the maps at the image's own size, float32 of shape (channels, H, W) per head.

        Vectors are in pixels of the image, divided by the unit that the task gives them. Values
        between cells are interpolated linearly; cells that see nothing but padding are never used.

        Raises:
            InputError: The image has other channels or another dtype than the model takes, or
                `maps_of` returns other maps than the task has heads.
        """
        maps, frame = self._blended(image)
        return {head.name: _restore(maps.pop(head.name), head, frame) for head in self.task.heads}

    def _blended(self, image: Image) -> tuple[Maps, Frame]:
        """Return the maps of the whole padded grid, with the network's own stride."""
        self.preprocessing.check(image)
        frame = self.preprocessing.frame((image.shape[0], image.shape[1]))
        grid = self.preprocessing.arrange(image, frame)
        return tiling.blend(frame.padded, frame.tile, self._parts(grid, frame)), frame

    def _parts(self, grid: Image, frame: Frame) -> Iterator[tuple[tiling.Corner, Maps]]:
        """Compute the maps of the tiles, some tiles at once."""
        height, width = frame.tile
        corners = tiling.tiles(frame.padded, frame.tile, self.overlap, STRIDE_MULTIPLE)
        step = max(1, BATCH_PIXELS // (height * width))
        for first in range(0, len(corners), step):
            chosen = corners[first : first + step]
            batch = np.stack([grid[y : y + height, x : x + width] for y, x in chosen])
            maps = self.run(self.preprocessing.normalize(batch))
            for i, corner in enumerate(chosen):
                yield corner, {name: values[i] for name, values in maps.items()}

    def run(self, batch: NDArray[np.float32]) -> Maps:
        """Return the maps of a normalized batch, averaged over its mirrors with `flips`."""
        if not self.flips:
            return self._checked(batch)
        total: Maps = {}
        for axes in ((), (2,), (1,), (1, 2)):  # rows are axis 1 of the batch, columns axis 2
            maps = self._checked(np.ascontiguousarray(np.flip(batch, axes)))
            for head in self.task.heads:
                values = _turn_back(maps[head.name], head, axes)
                total[head.name] = np.float32(0.25) * values + total.get(head.name, np.float32(0))
        return total

    def _checked(self, batch: NDArray[np.float32]) -> Maps:
        """Return the maps of a batch as the network gives them."""
        maps = self.maps_of(batch)
        for head in self.task.heads:
            shape = maps[head.name].shape if head.name in maps else None
            if shape is None or len(shape) != 4 or shape[:2] != (len(batch), head.channels):
                raise InputError(
                    f"Head {head.name!r} must have maps of shape ({len(batch)}, {head.channels}, "
                    f"H / stride, W / stride); got {shape}. Model and task do not belong together."
                )
        return {head.name: maps[head.name] for head in self.task.heads}


def _turn_back(maps: NDArray[np.float32], head: Head, axes: tuple[int, ...]) -> NDArray[np.float32]:
    """Return the maps (N, C, H, W) of a batch whose axes (1: rows, 2: columns) were reversed.

    Vectors (x, y, x, y, ...) turn with their axis. One mirror makes a left hand a right one, two
    are half a turn, which does not.
    """
    maps = np.flip(maps, tuple(axis + 1 for axis in axes))
    swapped = len(axes) == 1
    if swapped and head.swaps:
        maps = maps[:, list(head.swaps)]
    if head.kind == "vectors":
        pair = [-1 if axis in axes else 1 for axis in (2, 1)]
        signs = np.resize(np.array(pair, np.float32), head.channels)
        if swapped:
            signs[list(head.turned)] *= -1
        maps = maps * signs[:, None, None]
    return maps


def _restore(maps: NDArray[np.float32], head: Head, frame: Frame) -> NDArray[np.float32]:
    """Bring the maps of the padded grid to the image: cut the padding, stretch to its size."""
    stride = frame.padded[0] // maps.shape[1]
    rows, columns = (-(-side // stride) for side in frame.content)
    scale_y, scale_x = (frame.image[axis] / frame.content[axis] for axis in (0, 1))
    maps = maps[:, :rows, :columns]
    if head.kind == "vectors":
        maps = bounded(maps)
    if (stride * scale_y, stride * scale_x) != (1, 1):
        maps = _stretch(maps, (stride * scale_y, stride * scale_x), frame.image)
    if head.kind == "vectors":
        mean = math.sqrt(scale_x * scale_y) if head.directions else 1.0
        factors = np.resize(np.array([scale_x / mean, scale_y / mean], np.float32), head.channels)
        maps = maps * factors[:, None, None]
    return maps


def _stretch(
    maps: NDArray[np.float32], factors: tuple[float, float], size: Size
) -> NDArray[np.float32]:
    """Enlarge maps by (vertical, horizontal) factors and cut them to `size`.

    The factors are given to OpenCV as they are: a size that it had to derive them from would be
    wrong where the last cell spans the image's edge.
    """
    method = cv2.INTER_AREA if max(factors) < 1 else cv2.INTER_LINEAR
    result = np.empty((len(maps), *size), np.float32)
    for target, source in zip(result, maps, strict=True):
        large = cv2.resize(source, None, fx=factors[1], fy=factors[0], interpolation=method)
        target[:] = large[: size[0], : size[1]]
    return result
