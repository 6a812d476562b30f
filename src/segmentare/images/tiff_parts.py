"""Tiles and strips of TIFF files, decoded one by one."""

from __future__ import annotations

import struct
from typing import Any

import cv2
import numpy as np
from PIL import TiffImagePlugin

from segmentare.annotations.geometry import Image
from segmentare.errors import DatasetError, InputError, MissingPackageError
from segmentare.images.pictures import open_picture
from segmentare.images.unpacking import check_deflate, check_lzma

NONE, LZW, OLD_JPEG, JPEG = 1, 5, 6, 7  #: values of the tag Compression
RGB, PALETTE, YCBCR = 2, 3, 6  #: values of the tag PhotometricInterpretation

_DEFLATE, _LZMA = (8, 32946, 50013), (34925,)
_DEPTHS = (1, 8, 16, 32, 64)  # bits per sample that arrays have


def check_depth(name: str, page: Any) -> None:  # noqa: ANN401  tifffile has no types
    """Stop where the samples have another number of bits than 1, 8, 16, 32 or 64.

    Raises:
        DatasetError: They have.
    """
    bits = page.bitspersample
    bits = set(bits) if isinstance(bits, tuple) else {bits}
    if len(bits) != 1 or not bits <= set(_DEPTHS) or page.dtype is None:
        shown = " and ".join(str(n) for n in sorted(bits))
        raise DatasetError(
            f"'{name}' must have samples of 1, 8, 16, 32 or 64 bits to be read in parts; it has "
            f"{shown}. Save it with 8 or 16 bits."
        )


def check_unpacked(compression: int, data: bytes) -> None:
    """Stop where a tile or strip unpacks to more memory than any has; see `unpacking`."""
    if compression in _DEFLATE:
        check_deflate(data)
    elif compression in _LZMA:
        check_lzma(data)


def decode(page: Any, data: bytes, index: int) -> Image:  # noqa: ANN401  tifffile has no types
    """Return one tile or strip as (rows, columns, samples).

    The compressions that most large images have are decoded with what is always installed; others
    need the package imagecodecs, which tifffile then uses.

    Args:
        page: tifffile's page.
        data: The compressed bytes.
        index: Number of the tile or strip.

    Raises:
        MissingPackageError: The compression needs imagecodecs, and it is not installed.
        InputError: The bytes are damaged, or the kind of TIFF is not supported.
    """
    if page.compression == JPEG and page.dtype == np.uint8:
        return _decode_jpeg(data, page.jpegtables, page.photometric)
    if page.compression == LZW and not _has_imagecodecs():
        return _decode_lzw(page, data, index)
    check_unpacked(page.compression, data)
    if page.photometric == YCBCR and page.compression not in {OLD_JPEG, JPEG}:
        raise InputError("its colors are YCbCr without JPEG; save it in RGB")
    try:
        pixels, _, _ = page.decode(data, index, jpegtables=page.jpegtables)
    except ValueError as error:
        if "imagecodecs" not in str(error):
            raise
        raise MissingPackageError(
            f"Parts of a TIFF with the compression {page.compression.name} need a package more: "
            "pip install imagecodecs"
        ) from error
    part: Image = pixels[0]
    return part


def _decode_jpeg(data: bytes, tables: bytes | None, photometric: int) -> Image:
    """Decode a JPEG part; its tables may stand in the page, and its colors in a tag only."""
    # Source: Adobe Photoshop TIFF Technical Note 2 (2002): tables without their end mark, then
    # the part without its start mark. The APP14 mark tells the decoder what the tag says.
    marks = b""
    if photometric in {RGB, YCBCR}:
        color = 1 if photometric == YCBCR else 0
        marks = b"\xff\xee" + struct.pack(">H5s3HB", 14, b"Adobe", 100, 0, 0, color)
    body = data[2:] if tables is None else tables[2:-2] + data[2:]
    with open_picture(b"\xff\xd8" + marks + body) as picture:
        pixels = np.asarray(picture)
    return pixels[..., None] if pixels.ndim == 2 else pixels


def _decode_lzw(page: Any, data: bytes, index: int) -> Image:  # noqa: ANN401
    """Decode a part by OpenCV, as a TIFF file that holds nothing else."""
    rows, columns, samples = _shape(page, index)
    small = _as_file(page, data, (rows, columns, samples))
    flags = cv2.IMREAD_UNCHANGED | cv2.IMREAD_IGNORE_ORIENTATION
    pixels = cv2.imdecode(np.frombuffer(small, np.uint8), flags) if samples in {1, 3, 4} else None
    if pixels is None:
        raise MissingPackageError(
            f"Parts of a TIFF with the compression LZW and {samples} samples of {page.dtype} need "
            "a package more: pip install imagecodecs"
        )
    if samples >= 3:
        pixels = pixels[..., [2, 1, 0, 3][:samples]]
    part: Image = pixels.reshape(rows, columns, samples)
    return part


def _shape(page: Any, index: int) -> tuple[int, int, int]:  # noqa: ANN401
    """Return rows, columns and samples of a tile or strip as it is stored."""
    samples = page.samplesperpixel if page.planarconfig == 1 else 1
    if page.is_tiled:
        return page.tilelength, page.tilewidth, samples
    strips = -(-page.imagelength // page.rowsperstrip)
    first = index % strips * page.rowsperstrip
    return min(page.rowsperstrip, page.imagelength - first), page.imagewidth, samples


def _as_file(page: Any, data: bytes, shape: tuple[int, int, int]) -> bytes:  # noqa: ANN401
    """Return a TIFF file of one strip."""
    rows, columns, samples = shape
    head = b"II*\0" if page.parent.byteorder == "<" else b"MM\0*"
    tags = TiffImagePlugin.ImageFileDirectory_v2(head + bytes(4))
    tags[256], tags[257], tags[277], tags[278] = columns, rows, samples, rows
    tags[258] = (page.dtype.itemsize * 8,) * samples
    tags[259], tags[262], tags[284], tags[317] = LZW, RGB if samples >= 3 else 1, 1, page.predictor
    tags[273], tags[279] = 0, len(data)  # the strip begins behind the tags, which Pillow adds
    tags[339] = ({"u": 1, "i": 2, "f": 3}[page.dtype.kind],) * samples
    if samples == 4:
        tags[338] = 0
    return head + struct.pack(f"{page.parent.byteorder}I", 8) + tags.tobytes(8) + data


def _has_imagecodecs() -> bool:
    from importlib.util import find_spec

    return find_spec("imagecodecs") is not None
