"""TIFF files whose tiles and strips are decoded as they are needed."""

from __future__ import annotations

import threading
from collections import OrderedDict
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from segmentare.annotations.geometry import Image, Size
from segmentare.errors import DatasetError
from segmentare.images import tiff_parts
from segmentare.images.reading import explained
from segmentare.images.scientific import standard_range

Range = tuple[int, int]  #: the first row or column, and the one after the last

CACHE = 96 << 20  #: bytes of decoded parts that are kept

_LARGEST_PART = 512 << 20  # bytes: a part that cannot be read in parts itself must fit into memory
_ORIENTATION = 0x0112
_WHITE_IS_ZERO = 0
_ALPHA = {1, 2}  # values of the tag ExtraSamples


class TiffWindows:
    """A TIFF file whose tiles or strips are decoded as they are needed; see `Windows`.

    Attributes:
        in_parts: Whether it can be read in parts; else `read` must not be called.
    """

    def __init__(self, path: Path) -> None:
        """Read the header.

        Raises:
            DatasetError: It is damaged, promises what the file does not hold, or describes more
                than one image.
        """
        from tifffile import TiffFile

        self.name = path.name
        self._path, self._lock = path, threading.Lock()
        with explained(path):
            self._tiff = TiffFile(path)
        try:
            with explained(path):
                self._describe()
        except BaseException:
            self._tiff.close()
            raise

    def _describe(self) -> None:
        series = self._tiff.series[0]
        page = self._page = series.keyframe
        self.size: Size = (int(page.imagelength), int(page.imagewidth))
        tiff_parts.check_depth(self.name, page)
        planes = _planes(self.name, series)
        contiguous = page.planarconfig == 1
        pages = list(series.pages)[:planes]
        self._planes = [
            (one, plane)
            for one in pages
            for plane in range(1 if contiguous else page.samplesperpixel)
        ]
        self._samples = page.samplesperpixel if contiguous else 1
        tiled = page.is_tiled
        self._part: Size = (
            (page.tilelength, page.tilewidth)
            if tiled
            else (min(page.rowsperstrip, self.size[0]), self.size[1])
        )
        self._across = -(-self.size[1] // self._part[1])
        self._down = -(-self.size[0] // self._part[0])
        self._plain = not tiled and page.compression == tiff_parts.NONE and page.predictor == 1
        self._plain = self._plain and page.fillorder == 1 and page.dtype.itemsize * 8 == _bits(page)
        stored = self._samples * len(self._planes)
        extra = [int(kind) for kind in page.extrasamples]
        self._alpha = bool(extra) and extra[-1] in _ALPHA and len(pages) == 1
        colors = stored - self._alpha
        self.dtype = standard_range(np.zeros((1, 1), page.dtype)).dtype
        self._palette = page.photometric == tiff_parts.PALETTE and page.colormap is not None
        self._gray = colors == 1 and self.dtype == np.uint8
        self.channels = 3 if self._gray or self._palette else colors
        part_bytes = self._part[0] * self._part[1] * self._samples * page.dtype.itemsize
        turned = page.tags.valueof(_ORIENTATION, 1) != 1
        whole = self._down * self._across == 1 and not self._plain
        complete = len(pages) == planes
        self.in_parts = complete and not turned and not (whole and part_bytes > CACHE)
        self.in_parts = self.in_parts and (self._plain or part_bytes <= _LARGEST_PART)
        self.memory = CACHE if self._plain else CACHE + 2 * part_bytes
        self._cache: OrderedDict[tuple[int, int], Image] = OrderedDict()
        self._held = 0
        self._check_length(pages)

    def _check_length(self, pages: list[Any]) -> None:
        """Refuse a file that ends before its last part does, before hours are spent on it."""
        length = self._path.stat().st_size
        ends = [
            offset + count
            for page in pages
            for offset, count in zip(page.dataoffsets, page.databytecounts, strict=True)
        ]
        beyond = sum(end > length for end in ends)
        expected = self._down * self._across * len(self._planes)
        if beyond or (self.in_parts and len(ends) < expected):
            raise DatasetError(
                f"'{self.name}' is cut short: {beyond or expected - len(ends)} of its {expected} "
                f"parts lie beyond its end at {length:,} bytes. Copy it again."
            )

    def read(self, rows: Range, columns: Range) -> Image:
        """Return the pixels (rows, columns, channels) from the first to before the last.

        Raises:
            DatasetError: A part is damaged.
            MissingPackageError: The compression needs imagecodecs.
        """
        stored = self.read_stored(rows, columns)
        with explained(self._path):
            return self._as_image(stored)

    def read_stored(self, rows: Range, columns: Range) -> Image:
        """Return samples as they are stored, (rows, columns, samples); errors as in `read`."""
        with explained(self._path), self._lock:
            planes = [self._read_plane(i, rows, columns) for i in range(len(self._planes))]
        return planes[0] if len(planes) == 1 else np.concatenate(planes, axis=2)

    def _as_image(self, pixels: Image) -> Image:
        """Return what `read_image` makes of such pixels."""
        if self._palette:
            colors = (self._page.colormap >> 8).astype(np.uint8).T
            return np.ascontiguousarray(colors[pixels[..., 0]])
        pixels = standard_range(pixels[..., :-1] if self._alpha else pixels)
        if self._gray:
            if self._page.photometric == _WHITE_IS_ZERO:
                pixels = 255 - pixels
            return np.repeat(pixels, 3, axis=2)
        return np.ascontiguousarray(pixels)

    def _read_plane(self, number: int, rows: Range, columns: Range) -> Image:
        page, plane = self._planes[number]
        if self._plain:
            return self._read_rows(page, plane, rows)[:, slice(*columns)]
        height, width = rows[1] - rows[0], columns[1] - columns[0]
        found = np.zeros((height, width, self._samples), self._page.dtype)
        for down in range(rows[0] // self._part[0], -(-rows[1] // self._part[0])):
            for across in range(columns[0] // self._part[1], -(-columns[1] // self._part[1])):
                part = self._decoded(number, page, (plane * self._down + down, across))
                if part is None:  # a part that was never written is empty
                    continue
                top, left = down * self._part[0], across * self._part[1]
                y0, y1 = max(top, rows[0]), min(top + part.shape[0], rows[1])
                x0, x1 = max(left, columns[0]), min(left + part.shape[1], columns[1])
                found[y0 - rows[0] : y1 - rows[0], x0 - columns[0] : x1 - columns[0]] = part[
                    y0 - top : y1 - top, x0 - left : x1 - left
                ]
        return found

    def _decoded(self, number: int, page: Any, place: tuple[int, int]) -> Image | None:  # noqa: ANN401
        index = place[0] * self._across + place[1]
        if (number, index) in self._cache:
            self._cache.move_to_end((number, index))
            return self._cache[number, index]
        count = page.databytecounts[index]
        if not count:
            return None
        handle = self._tiff.filehandle
        handle.seek(page.dataoffsets[index])
        part = tiff_parts.decode(self._page, handle.read(count), index)
        self._cache[number, index] = part
        self._held += part.nbytes
        while self._held > CACHE and len(self._cache) > 1:
            self._held -= self._cache.popitem(last=False)[1].nbytes
        return part

    def _read_rows(self, page: Any, plane: int, rows: Range) -> Image:  # noqa: ANN401
        """Read whole rows of strips without compression, however large a strip is."""
        dtype = self._page.dtype.newbyteorder(self._page.parent.byteorder)
        stride = self.size[1] * self._samples * dtype.itemsize
        pieces, row, handle = [], rows[0], self._tiff.filehandle
        while row < rows[1]:
            strip, first = divmod(row, self._part[0])
            count = min(rows[1] - row, self._part[0] - first)
            handle.seek(page.dataoffsets[plane * self._down + strip] + first * stride)
            data = handle.read(count * stride)
            pieces.append(np.frombuffer(data, dtype).reshape(count, self.size[1], self._samples))
            row += count
        return np.concatenate(pieces).astype(self._page.dtype)

    def close(self) -> None:
        """Let go of the file and of what was decoded."""
        self._tiff.close()
        self._cache.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _planes(name: str, series: Any) -> int:  # noqa: ANN401  tifffile has no types
    """Return how many pages hold the channels of the one image in a series.

    Raises:
        DatasetError: The series has planes, times or other axes beside channels.
    """
    axes = dict(zip(series.axes, series.shape, strict=True))
    others = {axis: count for axis, count in axes.items() if axis not in "YXSC" and count > 1}
    if others:
        words = {"Z": "planes", "T": "times", "I": "pages"}
        shown = " and ".join(
            f"{count} {words.get(a, f'of axis {a}')}" for a, count in others.items()
        )
        raise DatasetError(
            f"'{name}' must hold one image to be read in parts; it holds {shown} (axes "
            f"'{series.axes}' of lengths {tuple(series.shape)}). Save each as a file of its own, "
            "or name the axis C if these are channels."
        )
    return int(axes.get("C", 1))


def _bits(page: Any) -> int:  # noqa: ANN401
    bits = page.bitspersample
    return int(bits[0] if isinstance(bits, tuple) else bits)
