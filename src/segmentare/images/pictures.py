"""The one place that hands bytes to Pillow, which would run other programs for some formats."""

from __future__ import annotations

import io
from functools import cache

from PIL import Image as Pillow

#: Pillow reads some forty formats, told by the bytes; PostScript, for one, by starting Ghostscript.
#: These are the ones that images and masks are stored in.
FORMATS = ("PNG", "JPEG", "TIFF", "BMP", "DIB", "GIF", "WEBP", "JPEG2000", "PPM", "AVIF")


def open_picture(data: bytes) -> Pillow.Image:
    """Open a picture of one of `FORMATS`, whatever its file is called; nothing is decoded yet.

    Raises:
        PIL.UnidentifiedImageError: The bytes are of another format, or no picture.
    """
    return Pillow.open(io.BytesIO(data), formats=_known())  # noqa: TID251  the one place


@cache
def _known() -> tuple[str, ...]:
    """Return the formats that this Pillow was built with; it fails over names it does not know."""
    Pillow.init()
    return tuple(name for name in FORMATS if name in Pillow.OPEN)
