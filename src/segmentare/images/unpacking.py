"""How much compressed bytes unpack to, found in pieces before they are unpacked for good."""

from __future__ import annotations

import lzma
import zlib
from collections.abc import Iterator

from segmentare.errors import InputError

MOST = 1 << 30  #: bytes that one compressed part of a file may unpack to

_PIECE = 1 << 20  # bytes that are unpacked at once
_DEFLATE_RATIO = 1032  # of unpacked to packed bytes, at most
_LZMA_RATIO = 1 << 13


def check_deflate(data: bytes, window: int = zlib.MAX_WBITS) -> None:
    """Stop where a stream of zlib unpacks to more than `MOST` bytes.

    Args:
        data: The stream; one so short that it cannot be as large is not looked at.
        window: As `zlib.decompress` takes it; below 0 for a stream without a header.

    Raises:
        InputError: It does.
        zlib.error: It is damaged.
    """
    if len(data) * _DEFLATE_RATIO > MOST:
        _check(_deflate_pieces(data, window))


def check_lzma(data: bytes) -> None:
    """Stop where a stream of LZMA unpacks to more than `MOST` bytes.

    Raises:
        InputError: It does.
        lzma.LZMAError: It is damaged.
    """
    if len(data) * _LZMA_RATIO > MOST:
        _check(_lzma_pieces(data))


def _check(pieces: Iterator[int]) -> None:
    total = 0
    for size in pieces:
        total += size
        if total > MOST:
            raise InputError(f"a part of it unpacks to more than {MOST >> 20} MB")


def _deflate_pieces(data: bytes, window: int) -> Iterator[int]:
    """Yield the sizes of the pieces of a stream."""
    stream, rest = zlib.decompressobj(window), data
    while rest:
        yield len(stream.decompress(rest, _PIECE))
        rest = stream.unconsumed_tail


def _lzma_pieces(data: bytes) -> Iterator[int]:
    stream = lzma.LZMADecompressor()
    size = len(stream.decompress(data, _PIECE))
    while size:
        yield size
        size = 0 if stream.eof else len(stream.decompress(b"", _PIECE))
