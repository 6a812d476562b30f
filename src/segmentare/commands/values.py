"""The values that options of several commands take."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

from segmentare.errors import InputError

Folder = str | Path
Seconds = str | float
Pixels = str | int | tuple[int, int]

TaskName = Literal["semantic", "instance", "panoptic", "pose", "body"]
PartName = Literal["train", "val", "test"]
FrameworkName = Literal["auto", "torch", "tensorflow"]
EngineName = Literal["auto", "torch", "openvino", "onnx", "litert", "tensorflow"]
Precision = Literal["float32", "bfloat16", "int8"]


def parse_duration(text: Seconds) -> float:
    """Return seconds: from a number, or from `90`, `90s`, `10m`, `2h`, `1h30m`.

    >>> parse_duration("1h30m")
    5400.0

    Raises:
        InputError: It is not a time, or not above zero.
    """
    if isinstance(text, str):
        number = r"(\d+(?:\.\d+)?)"
        match = re.fullmatch(f"(?:{number}h)?(?:{number}m)?(?:{number}s?)?", text.strip())
        values = [float(group or 0) for group in match.groups()] if match else [0.0]
        seconds = sum(value * unit for value, unit in zip(values, (3600, 60, 1), strict=False))
    else:
        seconds = float(text)
    if not seconds > 0:
        raise InputError(f"A time must be such as 90s, 10m or 2h; got {text!r}.")
    return seconds


def parse_size(text: Pixels) -> tuple[int, int]:
    """Return (height, width): from 256, "256", "192x256" or (192, 256).

    >>> parse_size("192x256")
    (192, 256)

    Raises:
        InputError: It is not a size, or a side is below 32 pixels.
    """
    parts = (
        [str(part) for part in text] if isinstance(text, tuple) else str(text).lower().split("x")
    )
    if len(parts) > 2 or not all(part.isdecimal() and int(part) >= 32 for part in parts):
        raise InputError(
            "A size must be pixels such as 256 or 192x256 (height x width), 32 or more; "
            f"got {text!r}."
        )
    return int(parts[0]), int(parts[-1])
