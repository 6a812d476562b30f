"""What drawn datasets share: a check of what is asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from segmentare.annotations.geometry import Size
from segmentare.atomic import write_bytes
from segmentare.errors import InputError

_MIN_SIDE = 32  # pixels; below, a drawn thing is smaller than its rim


def check_drawing(seed: int, size: Size) -> None:
    """Stop unless something can be drawn.

    Args:
        seed: Must be 0 or more.
        size: Height and width in pixels; must be at least 32 each.

    Raises:
        InputError: They are not.
    """
    if seed < 0:
        raise InputError(f"The seed of a drawing must be 0 or more; got {seed}.")
    if min(size) < _MIN_SIDE:
        raise InputError(
            f"A drawing must be at least {_MIN_SIDE} pixels high and wide; "
            f"got {size[0]} x {size[1]}."
        )


def write_png(path: Path, pixels: NDArray[Any]) -> None:
    """Write a PNG, whole or not at all, replacing one of that name.

    Args:
        path: Its folder is made where it is missing.
        pixels: RGB uint8 (H, W, 3), or gray uint8 or uint16 (H, W).

    Raises:
        OSError: The pixels cannot be encoded, or the folder cannot be written.
    """
    ordered = pixels[..., ::-1] if pixels.ndim == 3 else pixels  # OpenCV wants blue first
    done, data = cv2.imencode(".png", np.ascontiguousarray(ordered))
    if not done:
        raise OSError(f"OpenCV could not encode an image of shape {pixels.shape} as PNG.")
    write_bytes(path, bytes(data))
