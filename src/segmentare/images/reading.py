"""Image files as arrays: every common format, upright, or one sentence about what is wrong.

Pillow decodes all 8-bit files: OpenCV is 10 to 20 % faster on plain JPEG and PNG and yields the
same pixels, but it would need a second way to handle EXIF and prints warnings of its own.
OpenCV, tifffile and pydicom read what Pillow would cut down to 8 bits.
"""

from __future__ import annotations

import lzma
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
from PIL import Image as Pillow
from PIL import UnidentifiedImageError

from segmentare import opening
from segmentare.annotations.geometry import Image, Size
from segmentare.errors import DatasetError, MissingPackageError
from segmentare.images.pictures import open_picture
from segmentare.images.scientific import (
    MAX_PIXELS,
    TooManyPixelsError,
    dicom_size,
    is_dicom,
    is_tiff,
    read_deep,
    read_dicom,
    read_tiff,
    rgb,
    tiff_header,
    turn_upright,
)

SUFFIXES = frozenset(
    {
        *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp", ".dib", ".gif", ".webp", ".jp2"),
        *(".tif", ".tiff", ".ppm", ".pgm", ".pbm", ".pnm", ".dcm"),
    }
)

_ORIENTATION = 0x0112  # the EXIF tag
_EXIF_IN_PNG = (b"eXIf", b"Raw profile type")

# What the decoders raise on damaged files, found by cutting and flipping bytes of real ones.
_DAMAGE = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    LookupError,
    TypeError,
    AttributeError,
    ArithmeticError,
    MemoryError,
    RuntimeError,
    struct.error,
    zlib.error,
    lzma.LZMAError,
    cv2.error,
)


def is_image(path: Path) -> bool:
    """Tell by the name whether a file should be an image; hidden files never are."""
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".")


def read_image(path: str | Path) -> Image:
    """Decode one image of shape (H, W, C), upright.

    8-bit files become uint8 RGB: gray is repeated, a palette looked up, transparency dropped.
    Files of more than 8 bits or of more than four channels keep their channels and their range:
    as uint8 or uint16 where they hold that, else as float32. DICOM frames are rescaled to their
    own unit (Hounsfield in a CT) and MONOCHROME1 is inverted.

    Raises:
        DatasetError: The file is missing, empty, damaged, too large, or not an image.
        MissingPackageError: The file is a DICOM and pydicom is not installed.

    Examples:
        >>> image = segmentare.read_image(sorted((photos / "images").iterdir())[0])
        >>> image.shape, image.dtype
        ((48, 64, 3), dtype('uint8'))
    """
    path = Path(path)
    data = read_bytes(path)
    with explained(path):
        if is_dicom(data):
            return read_dicom(path, data)
        if is_tiff(data):
            return read_tiff(data)
        with open_picture(data) as picture:
            pixels = read_deep(data) if _is_deep(data, picture) else rgb(picture)
            return turn_upright(pixels, picture.getexif().get(_ORIENTATION, 1))


def image_size(path: Path) -> Size:
    """Return the height and width of the upright image without decoding its pixels.

    Raises:
        DatasetError: As `read_image`, for the damage that shows in the header.
        MissingPackageError: The file is a DICOM and pydicom is not installed.
    """
    (height, width), orientation = header(path)
    return (width, height) if orientation >= 5 else (height, width)


def header(path: Path) -> tuple[Size, int]:
    """Return the height and width as stored, and the EXIF orientation (1 to 8; 1 is upright).

    Raises:
        DatasetError: As `image_size`.
        MissingPackageError: As `image_size`.
    """
    data = read_bytes(path)
    with explained(path):
        if is_dicom(data):
            return dicom_size(path, data), 1
        if is_tiff(data):
            return tiff_header(data)
        with open_picture(data) as picture:
            # Pillow looks for the EXIF of a PNG behind its pixels, so it decodes them first.
            plain = picture.format == "PNG" and not any(mark in data for mark in _EXIF_IN_PNG)
            orientation = 1 if plain else int(picture.getexif().get(_ORIENTATION, 1))
            return (picture.height, picture.width), orientation if 1 <= orientation <= 8 else 1


def read_bytes(path: Path) -> bytes:
    """Read a file that must not be empty.

    Raises:
        DatasetError: The file is missing, unreadable or empty.
    """
    try:
        data = opening.read_bytes(path)
    except OSError as error:
        raise DatasetError(
            f"'{path.name}' cannot be opened ({error.strerror}); restore or remove it."
        ) from error
    if not data:
        raise DatasetError(f"'{path.name}' is empty (0 bytes); restore or remove it.")
    return data


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn whatever a decoder raises on damaged bytes into one sentence that names the file."""
    try:
        yield
    except (DatasetError, MissingPackageError):
        raise
    except (Pillow.DecompressionBombError, TooManyPixelsError) as error:
        raise DatasetError(
            f"'{path.name}' holds more than {MAX_PIXELS:,} pixels, which may be a damaged header; "
            f"cut it into tiles or remove it."
        ) from error
    except UnidentifiedImageError as error:
        raise DatasetError(
            f"'{path.name}' is not an image that can be read, whatever its name says; "
            f"convert or remove it."
        ) from error
    except _DAMAGE as error:
        reason = str(error).split("\n", maxsplit=1)[0].strip().rstrip(".") or type(error).__name__
        raise DatasetError(f"'{path.name}' is damaged ({reason}); restore or remove it.") from error


def _is_deep(data: bytes, picture: Pillow.Image) -> bool:
    """Tell whether the pixels hold more than 8 bits; Pillow hides that for colors in a PNG."""
    deep_png = data[:8] == b"\x89PNG\r\n\x1a\n" and data[24] == 16
    return deep_png or picture.mode in {"I", "F"} or picture.mode.startswith("I;")
