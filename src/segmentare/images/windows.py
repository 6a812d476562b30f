"""Parts of images that are too large to be decoded whole, read from disk as they are needed."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from segmentare.annotations.geometry import Image, Size
from segmentare.errors import DatasetError
from segmentare.images.reading import explained, image_size, read_image
from segmentare.images.scientific import is_tiff
from segmentare.images.tiff_windows import Range, TiffWindows
from segmentare.opening import open_bytes


class Windows(Protocol):
    """An image whose parts can be read; what they hold is what `read_image` would return there.

    Attributes:
        name: Of the file.
        size: Height and width.
        channels: Number of channels.
        dtype: Of the pixels: `uint8`, `uint16` or `float32`.
        memory: Bytes that it holds at most.
    """

    name: str
    size: Size
    channels: int
    dtype: np.dtype[Any]
    memory: int

    def read(self, rows: Range, columns: Range) -> Image:
        """Return the pixels (rows, columns, channels) from the first to before the last.

        Raises:
            DatasetError: The part is damaged.
        """

    def close(self) -> None:
        """Let go of the file."""


class WholeImage:
    """An image that was decoded whole, seen as one whose parts can be read; see `Windows`."""

    def __init__(self, image: Image, name: str = "image") -> None:
        self.name = name
        self.size: Size = (image.shape[0], image.shape[1])
        self.channels, self.dtype, self.memory = image.shape[2], image.dtype, image.nbytes
        self._image = image

    def read(self, rows: Range, columns: Range) -> Image:
        """Return a part as a view."""
        part: Image = self._image[slice(*rows), slice(*columns)]
        return part

    def close(self) -> None:
        """Do nothing: there is no file."""


def open_windows(path: Path) -> Windows:
    """Open an image to read it part by part.

    TIFF, BigTIFF and OME-TIFF are read by their tiles or strips; of several resolutions the finest
    is taken. Whatever else `read_image` reads is decoded whole, and so are TIFF files that cannot
    be read in parts (one compressed strip, a turned orientation).

    Raises:
        DatasetError: The file is missing, damaged, cut short, no single image, or of a kind that
            can neither be read in parts nor whole.
        MissingPackageError: The TIFF's compression needs imagecodecs.
    """
    try:
        with open_bytes(path) as file:
            start = file.read(4)
    except OSError as error:
        raise DatasetError(
            f"'{path.name}' cannot be opened ({error.strerror}); restore or remove it."
        ) from error
    if is_tiff(start):
        tiff = TiffWindows(path)
        if tiff.in_parts:
            return tiff
        tiff.close()
    return WholeImage(read_image(path), path.name)


def open_large(path: Path, limit: float) -> Windows | None:
    """Open a TIFF of more than `limit` pixels as `open_windows` does; `None` for other files.

    Raises:
        DatasetError: As `open_windows`.
        MissingPackageError: As `open_windows`.
    """
    try:
        with open_bytes(path) as file:
            start = file.read(4)
    except OSError:
        return None  # whoever reads it whole says what is wrong
    if not is_tiff(start) or math.prod(stored_size(path)) <= limit:
        return None
    return open_windows(path)


def stored_size(path: Path) -> Size:
    """Return the height and width of an image, reading no more of a TIFF than its header.

    Raises:
        DatasetError: The file is missing, damaged or not an image.
    """
    with open_bytes(path) as file:
        start = file.read(4)
    if not is_tiff(start):
        return image_size(path)
    from tifffile import TiffFile

    with explained(path), TiffFile(path) as tiff:
        page = tiff.pages.first
        return int(page.imagelength), int(page.imagewidth)
