"""Parts of the network's input and of its maps, for images that are never whole in memory."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segmentare.annotations.geometry import Image
from segmentare.errors import InputError
from segmentare.images.tiff_windows import Range
from segmentare.images.windows import Windows
from segmentare.large import resampling
from segmentare.prediction import tiling
from segmentare.prediction.predictor import BATCH_PIXELS, Predictor
from segmentare.prediction.preprocessing import (
    STRIDE_MULTIPLE,
    Frame,
    Preprocessing,
    sampled_range,
    sampling_step,
)
from segmentare.tasks.base import Head, Maps

_PIECE = 2048  # rows and columns of the parts in which a whole image is walked through


def measure_range(windows: Windows) -> tuple[float, float]:
    """Return what `preprocessing.value_range` would return for the whole image.

    Every part of the image is read once.
    """
    step = sampling_step(windows.size)
    height, width = windows.size
    rows = []
    for top in range(0, height, _PIECE):
        bottom = min(top + _PIECE, height)
        parts = []
        for left in range(0, width, _PIECE):
            part = windows.read((top, bottom), (left, min(left + _PIECE, width)))
            parts.append(part[-top % step :: step, -left % step :: step].copy())
        rows.append(np.concatenate(parts, axis=1))
    return sampled_range(np.concatenate(rows))


class Grid:
    """The network's input of an image, by parts: leveled, resampled and padded.

    Attributes:
        frame: Where the image lies in it.
    """

    def __init__(
        self,
        windows: Windows,
        preprocessing: Preprocessing,
        limits: tuple[float, float] | None = None,
    ) -> None:
        """Plan it.

        Args:
            windows: The image.
            preprocessing: Of the model.
            limits: What `measure_range` returned, where the model levels its images.
        """
        self.frame: Frame = preprocessing.frame(windows.size)
        self._windows, self._preprocessing, self._limits = windows, preprocessing, limits

    def read(self, rows: Range, columns: Range) -> Image:
        """Return a part as `Preprocessing.arrange` would make it; it is not normalized yet."""
        content = self.frame.content
        inner = [
            (min(low, side - 1), min(high, side))
            for (low, high), side in zip((rows, columns), content, strict=True)
        ]
        image = self._resampled(inner[0], inner[1])
        bottom, right = rows[1] - inner[0][1], columns[1] - inner[1][1]
        if not bottom and not right:
            return image
        return np.pad(image, ((0, bottom), (0, right), (0, 0)), mode="edge")

    def _resampled(self, rows: Range, columns: Range) -> Image:
        size, content = self.frame.image, self.frame.content
        if size == content:
            return self._leveled(rows, columns)
        both = [_line(size[axis], content[axis], part) for axis, part in ((0, rows), (1, columns))]
        spans = [line.span for line in both]
        if min(content[0] / size[0], content[1] / size[1]) >= 1 and self._windows.dtype == np.uint8:
            part = self._leveled(spans[0], spans[1])
            return resampling.enlarge_bytes(part, both[0], both[1], (spans[0][0], spans[1][0]))
        # rows piece by piece: where an image shrinks much, a few rows of the result are many here
        total: NDArray[np.float32] | None = None
        shrinks = [content[axis] < size[axis] for axis in (0, 1)]
        for line, piece in _pieces(both[0], spans[0]):
            part = both[1].mix(self._leveled(piece, spans[1]).astype(np.float32), 1, spans[1][0])
            if shrinks[0] != shrinks[1]:  # OpenCV shrinks first, and rounds before it enlarges
                part = resampling.as_pixels(part, self._windows.dtype).astype(np.float32)
            part = line.mix(part, 0, piece[0])
            total = part if total is None else total + part
        if total is None:
            raise InputError("A part of an image must have rows.")
        # OpenCV halves an image with integers, and rounds halves up there, but nowhere else
        halved = size == (2 * content[0], 2 * content[1]) and self._windows.channels != 2
        return resampling.as_pixels(total, self._windows.dtype, halves_up=halved)

    def _leveled(self, rows: Range, columns: Range) -> Image:
        return self._preprocessing.leveled(self._windows.read(rows, columns), self._limits)


def _line(size: int, content: int, part: Range) -> resampling.Taps:
    return resampling.taps(size, content / size, part, area=content < size)


def _pieces(line: resampling.Taps, span: Range) -> Iterator[tuple[resampling.Taps, Range]]:
    """Split the cells that a mixture needs; the mixtures of the pieces sum to the whole one."""
    step = 512
    for first in range(span[0], span[1], step):
        last = min(first + step, span[1])
        inside = (line.places >= first) & (line.places < last)
        if inside.any():
            places = np.clip(line.places, first, last - 1)
            yield resampling.Taps(places, np.where(inside, line.shares, 0)), (first, last)


class MapRows:
    """The blended maps of some columns of an image, computed from the top to the bottom.

    Memory holds the rows that are still being blended or read. The values are those that
    `Predictor.maps` has for the whole image.

    Attributes:
        done: Number of tiles that were computed or skipped.
        skipped: Number of tiles that were skipped.
        total: Number of tiles that the columns need.
    """

    def __init__(self, predictor: Predictor[Any], grid: Grid, columns: Range) -> None:
        """Plan it; nothing is computed yet.

        Args:
            predictor: The model.
            grid: The image.
            columns: Of the image, for which maps will be wanted.
        """
        self._predictor, self._grid, self._frame = predictor, grid, grid.frame
        frame = grid.frame
        low, high = grid_span(frame, 1, columns)
        corners = tiling.tiles(frame.padded, frame.tile, predictor.overlap, STRIDE_MULTIPLE)
        self._columns = (low // STRIDE_MULTIPLE * STRIDE_MULTIPLE, _up(high))
        self._rows: dict[int, list[int]] = {}
        for row, column in corners:
            if column < self._columns[1] and column + frame.tile[1] > self._columns[0]:
                self._rows.setdefault(row, []).append(column)
        self._waiting = sorted(self._rows)
        self.done = self.skipped = 0
        self.total = sum(len(columns) for columns in self._rows.values())
        self._canvas: tiling.Canvas | None = None

    def skip_to(self, rows: Range) -> None:
        """Leave out the tiles that only rows above these need."""
        low = grid_span(self._frame, 0, rows)[0]
        while self._waiting and self._waiting[0] + self._frame.tile[0] <= low:
            count = len(self._rows[self._waiting.pop(0)])
            self.done, self.skipped = self.done + count, self.skipped + count

    def read(self, rows: Range, columns: Range) -> Maps:
        """Return the maps of a part of the image, at its own size.

        Rows are never read again that lie above the first one of an earlier call.

        Returns:
            Per head (channels, rows, columns).
        """
        canvas = self._advance(grid_span(self._frame, 0, rows))
        return {
            head.name: _restored(canvas, head, self._frame, (rows, columns))
            for head in self._predictor.task.heads
        }

    def advance(self, rows: Range) -> Iterator[int]:
        """Compute what `read` needs of these rows; yields the number of tiles done so far."""
        low, high = grid_span(self._frame, 0, rows)
        top = low // STRIDE_MULTIPLE * STRIDE_MULTIPLE
        tile = self._frame.tile
        while self._waiting and self._waiting[0] < high:
            row = self._waiting.pop(0)
            if self._canvas is None:
                self._canvas = tiling.Canvas(tile, (row, row + tile[0]), self._columns)
            first = max(top, self._canvas.rows[0])
            last = max(row + tile[0], self._canvas.rows[1])
            self._canvas.move((first, last))
            for corner, maps in self._tiles(row):
                self._canvas.add(corner, maps)
            self.done += len(self._rows[row])
            yield self.done
        if self._canvas is not None and top > self._canvas.rows[0]:
            self._canvas.move((top, self._canvas.rows[1]))

    def close(self) -> None:
        """Let go of the maps."""
        self._canvas = None

    def _advance(self, span: Range) -> tiling.Canvas:
        canvas = self._canvas
        if canvas is None or span[0] < canvas.rows[0] or span[1] > canvas.rows[1]:
            raise InputError(f"Rows {span} must be computed first, by `advance`.")
        return canvas

    def _tiles(self, row: int) -> Iterator[tuple[tiling.Corner, Maps]]:
        """Compute a row of tiles, some at once."""
        height, width = self._frame.tile
        step = max(1, BATCH_PIXELS // (height * width))
        columns = self._rows[row]
        for first in range(0, len(columns), step):
            chosen = columns[first : first + step]
            left = chosen[0]
            strip = self._grid.read((row, row + height), (left, chosen[-1] + width))
            batch = np.stack([strip[:, x - left : x - left + width] for x in chosen])
            maps = self._predictor.run(self._predictor.preprocessing.normalize(batch))
            for i, column in enumerate(chosen):
                yield (row, column), {name: values[i] for name, values in maps.items()}


def grid_span(frame: Frame, axis: int, part: Range) -> Range:
    """Return which rows or columns of the grid some of the image's need, a little generously."""
    factor = frame.content[axis] / frame.image[axis]
    around = 0 if frame.content == frame.image else 1
    # maps may be coarse: the cells around the part are needed, of up to a multiple of pixels
    low = math.floor(part[0] * factor) - around
    high = math.ceil(part[1] * factor) + around
    low = max(0, low // STRIDE_MULTIPLE * STRIDE_MULTIPLE - STRIDE_MULTIPLE)
    return low, min(_up(high) + STRIDE_MULTIPLE, frame.padded[axis])


def _up(value: int) -> int:
    return -(-value // STRIDE_MULTIPLE) * STRIDE_MULTIPLE


def _restored(
    canvas: tiling.Canvas, head: Head, frame: Frame, part: tuple[Range, Range]
) -> NDArray[np.float32]:
    """Bring a part of the maps to the image's size, as `Predictor.maps` brings the whole."""
    maps = canvas.maps[head.name]
    stride = (canvas.columns[1] - canvas.columns[0]) // maps.shape[2]
    scales = [frame.image[axis] / frame.content[axis] for axis in (0, 1)]
    factors = [stride * scale for scale in scales]
    origin = canvas.rows[0] // stride, canvas.columns[0] // stride
    if factors == [1, 1]:
        inner = [slice(low - o, high - o) for (low, high), o in zip(part, origin, strict=True)]
        maps = maps[:, inner[0], inner[1]]
    else:
        cells = [-(-side // stride) for side in frame.content]
        area = max(factors) < 1
        down, across = (
            resampling.taps(cells[axis], factors[axis], part[axis], area=area) for axis in (0, 1)
        )
        spans = down.span, across.span
        inner = [slice(low - o, high - o) for (low, high), o in zip(spans, origin, strict=True)]
        maps = across.mix(maps[:, inner[0], inner[1]], 2, spans[1][0])
        maps = down.mix(maps, 1, spans[0][0])
    if head.kind == "vectors":
        mean = math.sqrt(scales[0] * scales[1]) if head.directions else 1.0
        pair = np.array([scales[1] / mean, scales[0] / mean], np.float32)
        maps = maps * np.resize(pair, head.channels)[:, None, None]
    return maps
