"""Pixels beyond 8-bit RGB: deep PNG, TIFF of any kind, DICOM; what `images` reads them with."""

from __future__ import annotations

import io
import math
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image as Pillow

from segmentare.annotations.geometry import Image, Size
from segmentare.errors import DatasetError, InputError, MissingPackageError
from segmentare.images import tiff_parts
from segmentare.images.pictures import open_picture
from segmentare.images.unpacking import check_deflate

MAX_PIXELS = 2 * (Pillow.MAX_IMAGE_PIXELS or 0)  #: where Pillow speaks of a decompression bomb

_ORIENTATION = 0x0112  # the EXIF tag
_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def turn_upright(pixels: Image, orientation: int) -> Image:
    """Undo an EXIF orientation: 2 to 4 keep the height and width, 5 to 8 swap them."""
    if orientation in {5, 6, 7, 8}:
        pixels = pixels.swapaxes(0, 1)
    if orientation in {3, 4, 7, 8}:
        pixels = pixels[::-1]
    if orientation in {2, 3, 6, 7}:
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(pixels)


def rgb(picture: Pillow.Image) -> Image:
    """Decode a Pillow image as uint8 of shape (H, W, 3)."""
    return np.asarray(picture.convert("RGB"))


class TooManyPixelsError(ValueError):
    """An image is larger than `MAX_PIXELS`."""


def check_pixels(pixels: int) -> None:
    """Refuse an image of too many pixels before memory is asked for.

    Raises:
        TooManyPixelsError: There are more than `MAX_PIXELS`.
    """
    if pixels > MAX_PIXELS:
        raise TooManyPixelsError


def read_deep(data: bytes) -> Image:
    """Decode 16-bit or float pixels with OpenCV; keeps 1 or 3 channels, drops transparency."""
    flags = cv2.IMREAD_UNCHANGED | cv2.IMREAD_IGNORE_ORIENTATION
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    if pixels is None:
        raise InputError("its pixels do not decode")
    pixels = pixels[..., None] if pixels.ndim == 2 else pixels
    if pixels.shape[2] >= 3:
        pixels = pixels[..., 2::-1]
    return standard_range(pixels)


def standard_range(pixels: Image) -> Image:
    """Keep uint8 and uint16; turn bool into 0 and 255, and every other kind into float32.

    Raises:
        DatasetError: The pixels are complex numbers, which no gray stands for.
        InputError: Some are no numbers, which would spread over all that a network sees around.
    """
    if pixels.dtype.kind == "c":
        raise DatasetError(
            f"Pixels must be real numbers; got {pixels.dtype}. Save magnitudes or phases instead."
        )
    if pixels.dtype == bool:
        return pixels.astype(np.uint8) * 255
    if pixels.dtype in {np.dtype(np.uint8), np.dtype(np.uint16)}:
        return pixels
    with np.errstate(over="ignore"):
        pixels = pixels.astype(np.float32)
    if not np.isfinite(pixels.sum(dtype=np.float64)):  # a quick look; infinities may cancel to NaN
        strange = int((~np.isfinite(pixels)).sum())
        raise InputError(
            f"{strange:,} of {pixels.size:,} values are NaN or infinite; put numbers in their place"
        )
    return pixels


def tiff_header(data: bytes) -> tuple[Size, int]:
    """Return the height and width as stored, and the orientation tag (1 to 8)."""
    from tifffile import TiffFile

    with TiffFile(io.BytesIO(data)) as tiff:
        series = tiff.series[0]
        channel = _channel_axis(series.shape, series.axes)
        height, width = (n for axis, n in enumerate(series.shape) if axis != channel)
        tag = tiff.pages[0].tags.get(_ORIENTATION)
        return (int(height), int(width)), 1 if tag is None else int(tag.value)


def read_tiff(data: bytes) -> Image:
    """Decode a TIFF: by Pillow what is an ordinary 8-bit picture, else with all its channels."""
    from tifffile import TiffFile

    with TiffFile(io.BytesIO(data)) as tiff:
        series = tiff.series[0]
        page = tiff.pages[0]
        channel = _channel_axis(series.shape, series.axes)
        check_pixels(math.prod(n for axis, n in enumerate(series.shape) if axis != channel))
        _check_claims(series, data)
        channels = 1 if channel is None else series.shape[channel]
        samples = 3 + len(page.extrasamples) if page.photometric in {2, 6} else channels
        if series.dtype.itemsize == 1 and len(tiff.pages) == 1 and samples in {1, 3}:
            with open_picture(data) as picture:  # which turns it upright by itself
                return rgb(picture)
        try:
            pixels = series.asarray()
        except ValueError:  # a compression that needs an extra package, or damage
            if channels > 4:
                raise
            return read_deep(data)
        tag = page.tags.get(_ORIENTATION)
        has_alpha = any(int(kind) in {1, 2} for kind in page.extrasamples)
    pixels = pixels[..., None] if channel is None else np.moveaxis(pixels, channel, -1)
    pixels = pixels[..., : channels - 1] if has_alpha else pixels
    if pixels.dtype == np.uint8 and pixels.shape[2] == 1:
        pixels = np.repeat(pixels, 3, axis=2)
    return turn_upright(standard_range(pixels), 1 if tag is None else int(tag.value))


def _check_claims(series: Any, data: bytes) -> None:  # noqa: ANN401  tifffile has no types
    """Compare what a TIFF claims with the bytes that are there, and with what memory allows.

    Raises:
        TooManyPixelsError: It would take more memory than `MAX_PIXELS` pixels of 16 bytes.
        InputError: Its pixels lie beyond its end, or a compressed part is larger than any.
    """
    if series.nbytes > 16 * MAX_PIXELS:
        raise TooManyPixelsError
    compression = series.keyframe.compression
    parts = [
        part
        for page in series.pages
        if page is not None
        for part in zip(page.dataoffsets, page.databytecounts, strict=False)
    ]
    whole = all(count for _, count in parts)  # a part that was never written is empty
    if whole and compression == tiff_parts.NONE and series.nbytes > len(data):
        raise InputError(f"it claims {series.nbytes:,} bytes of pixels, but has {len(data):,}")
    for start, count in parts:
        tiff_parts.check_unpacked(compression, data[start : start + count])


def _channel_axis(shape: tuple[int, ...], axes: str) -> int | None:
    """Return which axis of a TIFF counts channels: the one so named, else the shortest outer."""
    if len(shape) == 2:
        return None
    if len(shape) != 3:
        raise DatasetError(
            f"A TIFF must hold one image of height, width and channels; got the axes '{axes}' "
            f"of lengths {shape}. Save every image as a file of its own."
        )
    for axis in (0, 2):
        if axes[axis] in "SC":
            return axis
    return 0 if shape[0] < shape[2] else 2


def dicom_size(path: Path, data: bytes) -> Size:
    """Return the height and width of a DICOM frame.

    Raises:
        MissingPackageError: pydicom is not installed.
    """
    with _pydicom(path) as pydicom:
        _check_deflated(pydicom, data)
        frame = pydicom.dcmread(io.BytesIO(data), stop_before_pixels=True)
        return int(frame.Rows), int(frame.Columns)


def is_tiff(data: bytes) -> bool:
    """Tell by its first bytes whether a file is a TIFF."""
    return data[:4] in _TIFF


def is_dicom(data: bytes) -> bool:
    """Tell by the mark behind the preamble whether the bytes are a DICOM file."""
    return data[128:132] == b"DICM"


@contextmanager
def _pydicom(path: Path) -> Iterator[Any]:
    """Yield the package, and turn the one error of its own that damage causes into ours."""
    try:
        import pydicom
    except ImportError as error:
        raise MissingPackageError(
            f"'{path.name}' is a DICOM file, which needs a package more: "
            f"pip install segmentare[dicom]"
        ) from error
    try:
        yield pydicom
    except pydicom.errors.BytesLengthException as error:
        raise InputError(str(error)) from error


def read_dicom(path: Path, data: bytes) -> Image:
    """Decode a DICOM frame of shape (H, W, C) in its own unit; MONOCHROME1 is inverted.

    Raises:
        DatasetError: There is more than one frame.
        MissingPackageError: pydicom is not installed.
    """
    with _pydicom(path) as pydicom:
        _check_deflated(pydicom, data)
        return _read_frame(path, pydicom.dcmread(io.BytesIO(data)))


def _check_deflated(pydicom: Any, data: bytes) -> None:  # noqa: ANN401  an optional package
    """Stop where a DICOM whose whole content is deflated unpacks to more than any image has."""
    file = io.BytesIO(data)
    pydicom.filereader.read_preamble(file, force=False)
    meta = pydicom.filereader._read_file_meta_info(file)  # noqa: SLF001  which leaves the place
    if meta.get("TransferSyntaxUID") == pydicom.uid.DeflatedExplicitVRLittleEndian:
        check_deflate(data[file.tell() :], -zlib.MAX_WBITS)


def _read_frame(path: Path, frame: Any) -> Image:  # noqa: ANN401 (an optional package without types)
    frames = int(frame.get("NumberOfFrames", 1) or 1)
    if frames != 1:
        raise DatasetError(
            f"'{path.name}' holds {frames} frames, but an image must be a single one; "
            f"save every frame as a file of its own."
        )
    check_pixels(int(frame.Rows) * int(frame.Columns) * max(int(frame.SamplesPerPixel) // 4, 1))
    pixels = frame.pixel_array
    if frame.PhotometricInterpretation == "MONOCHROME1":
        low = -(1 << (frame.BitsStored - 1)) if frame.PixelRepresentation else 0
        pixels = (2 * low + (1 << frame.BitsStored) - 1) - pixels.astype(np.int64)
        pixels = pixels.astype(frame.pixel_array.dtype)
    slope = float(frame.get("RescaleSlope", 1))
    intercept = float(frame.get("RescaleIntercept", 0))
    if (slope, intercept) != (1.0, 0.0):
        pixels = pixels.astype(np.float32) * slope + intercept
    pixels = pixels[..., None] if pixels.ndim == 2 else pixels
    if pixels.dtype == np.uint8 and pixels.shape[2] == 1:
        pixels = np.repeat(pixels, 3, axis=2)
    return standard_range(pixels)
