"""What a prediction leaves on disk: masks, probabilities, pictures, and one JSON line per image.

Every file is complete or absent: it is written under a temporary name and then moved.
"""

from __future__ import annotations

import io
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from segmentare.annotations.measures import compact, instances, majority
from segmentare.annotations.segmentation import (
    UNLABELED,
    Category,
    Segmentation,
    foreground_ids,
    is_binary,
)
from segmentare.atomic import write_bytes
from segmentare.errors import InputError

UNLABELED_COLOR = (224, 224, 192)  #: in palette files; Pascal VOC's color of its void label

_JPEG_QUALITY = 92


def write_mask(
    path: Path,
    segmentation: Segmentation,
    categories: tuple[Category, ...],
    *,
    overwrite: bool = False,
    palette: bool = False,
) -> None:
    """Write the categories as PNG, or as TIFF if `path` ends so, of the image's size.

    One background and one kind of object become 8-bit gray, 0 and 255, unless `palette` is set.
    Other categories become a palette file in the categories' colors: its values are the ids, 255
    means unlabeled.

    Raises:
        FileExistsError: The file exists and `overwrite` is not set.
        InputError: Ids beyond the categories, or unlabeled pixels in a binary mask.
    """
    category, binary = segmentation.category, is_binary(categories) and not palette
    unknown = category >= len(categories)
    if not binary:
        unknown &= category != UNLABELED
    if unknown.any():
        raise InputError(
            f"The mask '{path.name}' must hold ids from 0 to {len(categories) - 1}, but has "
            f"{np.unique(category[unknown]).tolist()}. Pass the categories of this segmentation"
            + (", without unlabeled pixels: a 0/255 mask cannot show them." if binary else ".")
        )
    if binary:
        picture = Pillow.fromarray((category == 1).view(np.uint8) * np.uint8(255))
    else:
        colors = np.zeros((256, 3), np.uint8)
        colors[: len(categories)] = [c.color for c in categories]
        colors[UNLABELED] = UNLABELED_COLOR
        picture = Pillow.fromarray(np.ascontiguousarray(category))
        picture.putpalette(colors.tobytes())
    if path.suffix.lower() in {".tif", ".tiff"}:
        data = _encoded(picture, "TIFF", compression="tiff_adobe_deflate")
    else:  # masks are runs of equal values: so compressed they are smaller, in half the time
        data = _encoded(picture, "PNG", compress_type=zlib.Z_RLE)
    write_bytes(path, data, overwrite=overwrite)


def write_probability(path: Path, segmentation: Segmentation, *, overwrite: bool = False) -> None:
    """Write the probability as 8-bit gray PNG: the value is round(255 p).

    Raises:
        FileExistsError: The file exists and `overwrite` is not set.
        InputError: The segmentation has no probability.
    """
    if segmentation.probability is None:
        raise InputError(
            f"'{path.name}' needs a segmentation with a probability, which only predictions have."
        )
    gray = np.rint(np.clip(segmentation.probability, 0, 1) * 255).astype(np.uint8)
    write_bytes(path, encode_png(gray), overwrite=overwrite)


def write_overlay(path: Path, picture: NDArray[np.uint8], *, overwrite: bool = False) -> None:
    """Write an RGB picture (H, W, 3) as JPEG.

    Raises:
        FileExistsError: The file exists and `overwrite` is not set.
    """
    write_bytes(path, encode_jpeg(picture), overwrite=overwrite)


def write_cutout(path: Path, rgba: NDArray[np.uint8], *, overwrite: bool = False) -> None:
    """Write a cut-out (H, W, 4), or one on its new background (H, W, 3), as PNG.

    Raises:
        FileExistsError: The file exists and `overwrite` is not set.
    """
    write_bytes(path, encode_png(rgba), overwrite=overwrite)


def encode_png(picture: NDArray[np.uint8]) -> bytes:
    """Return the PNG file of a gray (H, W), RGB (H, W, 3) or RGBA (H, W, 4) picture."""
    return _encoded(Pillow.fromarray(np.ascontiguousarray(picture)), "PNG")


def encode_jpeg(picture: NDArray[np.uint8], quality: int = _JPEG_QUALITY) -> bytes:
    """Return the JPEG file of a gray (H, W) or RGB (H, W, 3) picture, in full color resolution."""
    opened = Pillow.fromarray(np.ascontiguousarray(picture))
    # halved color resolution, Pillow's default, smears thin colored outlines
    return _encoded(opened, "JPEG", quality=quality, subsampling=0)


def describe(
    segmentation: Segmentation, categories: tuple[Category, ...], name: str
) -> dict[str, Any]:
    """Return what is in an image as JSON-ready data, for one line of a file.

    Returns:
        `image`, `width`, `height`; `categories`, with `area_px`, `share` of all pixels, and
        `box` [x0, y0, x1, y1] (x1 and y1 excluded; `None` if absent) for each one that is not
        background; and `confidence`, the mean over all pixels of the probability of the chosen
        answer (max(p, 1 - p) for a binary task), `None` without a probability.

        Where objects are told apart also `objects`, how many there are, and the same for each
        category that comes in objects, with `mean_score`, the mean of theirs (`None` if there is
        none, or no score).
    """
    height, width = segmentation.size
    found: dict[str, dict[str, Any]] = {}
    for index in foreground_ids(categories):
        area = int(np.count_nonzero(segmentation.category == index))  # faster than `bincount`
        found[categories[index].name] = {
            "area_px": area,
            "share": area / segmentation.category.size,
            "box": _box(segmentation.category == index) if area else None,
        }
    sure = segmentation.probability
    if sure is not None and is_binary(categories):
        sure = np.maximum(sure, 1 - sure)
    confidence = None if sure is None else float(sure.mean(dtype=np.float64))
    row = {
        "image": name,
        "width": width,
        "height": height,
        "categories": found,
        "confidence": confidence,
    }
    return row if segmentation.instance is None else row | _count(segmentation, categories, found)


def _box(mask: NDArray[np.bool_]) -> list[int]:
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    return [int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1]


def _count(
    segmentation: Segmentation,
    categories: tuple[Category, ...],
    found: dict[str, dict[str, Any]],
) -> dict[str, int]:
    """Add the objects of each category to its entry, and return how many there are in all."""
    ids, place = compact(instances(segmentation))
    kinds = majority(segmentation, place, ids.size)
    scores = segmentation.scores
    for index in foreground_ids(categories):
        own = ids[kinds == index]
        if categories[index].thing or own.size:
            mean = float(scores[own - 1].mean()) if scores is not None and own.size else None
            found[categories[index].name] |= {"objects": int(own.size), "mean_score": mean}
    return {"objects": int(ids.size)}


def _encoded(picture: Pillow.Image, kind: str, **options: int | str) -> bytes:
    """Return the file of a picture."""
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()
