"""Mask files as category ids: what a file holds, and the one rule by which all are read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from segmentare.annotations.geometry import Image, Size
from segmentare.errors import DatasetError, InputError
from segmentare.images.pictures import open_picture
from segmentare.images.reading import explained, read_bytes
from segmentare.images.scientific import (
    is_dicom,
    is_tiff,
    read_deep,
    read_dicom,
    read_tiff,
    turn_upright,
)

Kind = Literal["binary", "ids", "palette", "colors"]
Space = Literal["gray", "index", "color"]
Values = NDArray[np.uint8] | NDArray[np.uint16] | NDArray[np.int32]
Color = tuple[int, int, int]

GRAY = 0x010101  #: a gray level times this is the same gray as a packed color

_ORIENTATION = 0x0112  # the EXIF tag


@dataclass(frozen=True)
class RawMask:
    """The values of one mask file before any rule is applied.

    Attributes:
        values: Shape (H, W): gray levels, palette entries, or colors packed as 0xRRGGBB.
        space: Which of the three. A colored file whose pixels are all gray counts as gray, and
            1-bit files hold 0 and 255.
        palette: The colors of the entries; empty unless `space` is "index".
        lossy: True where the file format changes values (JPEG, WebP and AVIF).
    """

    values: Values
    space: Space
    palette: tuple[Color, ...] = ()
    lossy: bool = False


@dataclass(frozen=True)
class MaskRule:
    """How the values of all masks of a dataset become category ids.

    Attributes:
        kind: What the masks are.
        space: Which values the rule looks at: gray levels, numbers as they stand in the file
            (palette entries, or gray levels used as ids), or packed colors.
        mapping: Category id, or `UNLABELED`, of every value.
        description: One sentence for people.
        threshold: Where values are smeared, the least one that is the object; else `None`.
    """

    kind: Kind
    space: Space
    mapping: Mapping[int, int]
    description: str
    threshold: int | None = None


def read_mask(path: Path, rule: MaskRule, size: Size | None = None) -> NDArray[np.uint8]:
    """Read one mask as category ids of shape (H, W), with `UNLABELED` where nothing is known.

    Args:
        path: The mask file.
        rule: The rule of the dataset.
        size: Height and width of the image, which the mask must have; `None` to not check.

    Raises:
        DatasetError: The file cannot be read, has another size, or holds a value without rule.
    """
    raw = read_raw(path)
    check_size(path, raw.values.shape, size)
    try:
        values = in_space(raw, rule.space)
    except ValueError as error:
        raise DatasetError(f"'{path.name}' {error}, but {rule.description}.") from error
    if rule.threshold is not None:
        return (values >= rule.threshold).astype(np.uint8)
    return _look_up(path, values, rule)


def check_size(path: Path, found: tuple[int, ...], size: Size | None) -> None:
    """Compare the shape of a mask with that of its image.

    Raises:
        DatasetError: They differ.
    """
    if size is not None and found != size:
        raise DatasetError(misfit(path, found, size))


def misfit(path: Path, found: tuple[int, ...], size: Size) -> str:
    """Say that a mask of shape `found` has not the size of its image."""
    return (
        f"'{path.name}' must be as large as its image, {size[1]} x {size[0]} pixels (width x "
        f"height); it is {found[1]} x {found[0]}. Resize it by nearest neighbor or replace it."
    )


def read_valid(path: Path, size: Size) -> NDArray[np.bool_]:
    """Read a field of view of shape `size`: true where the pixel counts.

    Raises:
        DatasetError: The file cannot be read or has another size.
    """
    raw = read_raw(path)
    check_size(path, raw.values.shape, size)
    return raw.values >= (128 if raw.lossy else 1)


def in_space(raw: RawMask, space: Space) -> Values:
    """Return the values of a mask as gray levels, numbers or packed colors.

    Raises:
        InputError: The mask holds colors, so it has no gray levels or numbers.
    """
    if raw.space == space or (raw.space == "gray" and space == "index"):
        return raw.values
    if raw.space == "gray":
        if int(raw.values.max(initial=0)) > 255:
            raise InputError("holds gray levels of more than 8 bits")
        return raw.values.astype(np.int32) * GRAY
    if raw.space == "color":
        raise InputError("holds colors")
    colors = np.zeros(256, np.int32)
    colors[: len(raw.palette)] = [pack(color) for color in raw.palette]
    packed = colors[raw.values]
    if space == "color":
        return packed
    if not np.array_equal(packed, (packed & 255) * GRAY):
        raise InputError("holds colors")
    return (packed & 255).astype(np.uint8)


def pack(color: Color) -> int:
    """Return (red, green, blue) as 0xRRGGBB."""
    return color[0] << 16 | color[1] << 8 | color[2]


def unpack(color: int) -> Color:
    """Return 0xRRGGBB as (red, green, blue)."""
    return color >> 16, color >> 8 & 255, color & 255


def read_raw(path: Path) -> RawMask:
    """Read the values of a mask file, upright, in the widest form that loses nothing.

    Raises:
        DatasetError: The file is missing, damaged, not an image, or cannot be a mask.
    """
    data = read_bytes(path)
    with explained(path):
        if is_dicom(data):
            return _from_channels(path, read_dicom(path, data))
        if is_tiff(data) and not _pillow_keeps(data):
            return _from_channels(path, read_tiff(data))
        with open_picture(data) as picture:
            lossy = picture.format in {"JPEG", "MPO", "AVIF"} or data[12:16] == b"VP8 "
            raw = _from_picture(path, data, picture)
            # Pillow turns a TIFF by itself
            turn = 1 if is_tiff(data) else picture.getexif().get(_ORIENTATION, 1)
            return RawMask(turn_upright(raw.values, turn), raw.space, raw.palette, lossy)


def _pillow_keeps(data: bytes) -> bool:
    """Tell whether Pillow reads a TIFF as single values of at most 8 bits, palette included."""
    try:
        with open_picture(data) as picture:
            return picture.mode in {"1", "L", "P"} and getattr(picture, "n_frames", 1) == 1
    except OSError:  # more channels than Pillow knows
        return False


def _from_picture(path: Path, data: bytes, picture: Pillow.Image) -> RawMask:
    if picture.mode == "P":
        entries = np.asarray(picture)
        flat = picture.getpalette("RGB") or []
        triples = [tuple(flat[i : i + 3]) for i in range(0, len(flat) - 2, 3)]
        return RawMask(entries, "index", tuple((r, g, b) for r, g, b in triples))
    if data[:4] == b"\x89PNG" and data[24] == 16:
        return _from_channels(path, read_deep(data))
    if picture.mode in {"1", "L", "I", "F"} or picture.mode.startswith("I;"):
        return _from_channels(path, np.asarray(picture)[..., None])
    if picture.mode == "LA":
        return _from_channels(path, np.asarray(picture)[..., :1])
    has_alpha = picture.mode in {"RGBA", "PA", "RGBa", "La"}
    return _from_channels(path, np.asarray(picture.convert("RGBA" if has_alpha else "RGB")))


def _from_channels(path: Path, pixels: Image) -> RawMask:
    """Tell gray levels from colors in pixels of shape (H, W, C)."""
    if pixels.dtype == bool:
        pixels = pixels.astype(np.uint8) * 255
    if pixels.shape[2] == 4:
        pixels = _without_alpha(pixels)
    red = pixels[..., 0]
    if pixels.shape[2] == 1 or (
        pixels.shape[2] == 3
        and np.array_equal(red, pixels[..., 1])
        and np.array_equal(red, pixels[..., 2])
    ):
        return RawMask(_whole(path, red), "gray")
    if pixels.shape[2] != 3:
        raise DatasetError(
            f"'{path.name}' has {pixels.shape[2]} channels, but a mask must hold one number or "
            f"one color per pixel; save it as a gray or palette PNG."
        )
    if pixels.dtype != np.uint8:
        pixels = (pixels.astype(np.float64) / 257).round()
    wide = pixels.astype(np.int32)
    return RawMask(wide[..., 0] << 16 | wide[..., 1] << 8 | wide[..., 2], "color")


def _without_alpha(pixels: Image) -> Image:
    """Drop the transparency; transparent pixels become black, a black shape its own opacity."""
    color, alpha = pixels[..., :3], pixels[..., 3]
    if (alpha == alpha.flat[0]).all():
        return color
    if not color[alpha > 0].any():
        return alpha[..., None]
    visible: Image = np.where((alpha > 0)[..., None], color, 0).astype(pixels.dtype)
    return visible


def _whole(path: Path, values: Image) -> Values:
    """Return gray levels as whole numbers, at least 0."""
    if values.dtype in {np.dtype(np.uint8), np.dtype(np.uint16)}:
        return np.ascontiguousarray(values)
    whole: NDArray[np.int32] = values.astype(np.int32)
    strange = values[(whole != values) | (whole < 0)]
    if strange.size:
        raise DatasetError(
            f"'{path.name}' must hold whole numbers from 0 on, one per category; it holds "
            f"{float(strange.flat[0]):g}. Round or threshold it first."
        )
    return whole


def _look_up(path: Path, values: Values, rule: MaskRule) -> NDArray[np.uint8]:
    """Replace every value by its category id."""
    if rule.space == "color":
        keys = np.array(sorted(rule.mapping), np.int64)
        places = np.searchsorted(keys, values).clip(max=len(keys) - 1)
        ids = np.array([rule.mapping[int(key)] for key in keys], np.int16)[places]
        ids[keys[places] != values] = -1
    else:
        table = np.full(max(65536, max(rule.mapping) + 1) + 1, -1, np.int16)
        table[list(rule.mapping)] = list(rule.mapping.values())
        ids = table[values.clip(max=len(table) - 1)] if values.dtype == np.int32 else table[values]
    if int(ids.min(initial=0)) < 0:
        strange = int(values[ids < 0].flat[0])
        raise DatasetError(outside(path, strange, rule))
    known: NDArray[np.uint8] = ids.astype(np.uint8)
    return known


def outside(path: Path, value: int, rule: MaskRule) -> str:
    """Say that a mask holds a value that the rule does not know."""
    if rule.space == "color":
        return (
            f"Labels of '{path.name}' contain the color {unpack(value)}, but {rule.description}. "
            f"Recolor these pixels or add the color to the color table."
        )
    known = sorted(rule.mapping)
    if rule.kind == "binary":
        found = " and ".join(str(v) for v in known)
        return (
            f"Labels of '{path.name}' contain the value {value}, but the dataset has the two "
            f"values {found} (background and object). Use one of them."
        )
    last = max((v for v, i in rule.mapping.items() if i != 255), default=0)
    return (
        f"Labels of '{path.name}' contain category {value}, but the dataset has categories "
        f"{known[0]} to {last}. Use 255 for pixels without a label."
    )
