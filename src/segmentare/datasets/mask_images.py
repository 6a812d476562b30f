"""Masks that were taken for images: the same file or pixels, or only the values of a mask."""

from __future__ import annotations

import filecmp
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segmentare.annotations.geometry import Image
from segmentare.datasets.base import Dataset, Problem, Record
from segmentare.datasets.files import FileDataset, relative
from segmentare.datasets.findings import Seen
from segmentare.datasets.masks.reading import GRAY, read_raw, unpack
from segmentare.datasets.masks.surveys import survey, survey_file
from segmentare.errors import DatasetError
from segmentare.images.reading import is_image

_FEW = 8  # an image with at most so many colors looks like a mask
_SAMPLE = 10_000  # pixels that are looked at first


def colors_of(image: Image) -> frozenset[int]:
    """Return the colors of an 8-bit RGB image, packed, if there are 2 to 8 of them; else none."""
    if image.dtype != np.uint8 or image.shape[2] != 3:
        return frozenset()
    pixels = image.reshape(-1, 3)
    if len(_distinct(pixels[:: max(1, len(pixels) // _SAMPLE)])) > _FEW:
        return frozenset()
    found = _distinct(pixels)
    return frozenset(found.tolist()) if 2 <= len(found) <= _FEW else frozenset()


def _distinct(pixels: NDArray[np.uint8]) -> NDArray[np.int32]:
    wide = pixels.astype(np.int32)
    return np.unique(wide[:, 0] << 16 | wide[:, 1] << 8 | wide[:, 2])


def refuse_own_mask(record: Record, image: Image) -> None:
    """Refuse an image that is its own mask: one file, two copies of one, or the same pixels.

    Raises:
        DatasetError: It is.
    """
    mask = record.mask
    if mask is not None and is_image(mask) and _are_same(record.image, mask, image):
        raise DatasetError(
            f"'{record.image.name}' and its mask '{mask.name}' hold the same pixels; put the "
            "photograph and the mask in their places."
        )


def _are_same(path: Path, mask: Path, image: Image) -> bool:
    if not mask.is_file():
        return False
    if path.stat().st_size == mask.stat().st_size and filecmp.cmp(path, mask, shallow=False):
        return True
    sample = image.reshape(-1, image.shape[2])[:: max(1, image[..., 0].size // _SAMPLE)]
    if (sample != sample[:, :1]).any():  # colors
        return False
    known = survey_file(mask)
    if known.space == "color" or not set(sample[:, 0].tolist()) <= set(known.values):
        return False
    values = read_raw(mask).values
    return values.shape == image.shape[:2] and bool((image == values[..., None]).all())


def among_photographs(dataset: Dataset, everything: Sequence[Seen]) -> list[Seen]:
    """Mark the images that hold only the values of masks, where most images are photographs."""
    good = [seen for seen in everything if seen.problem is None]
    few = [seen for seen in good if seen.colors]
    if not few or 2 * len(few) >= len(good):
        return list(everything)
    values = _mask_values(dataset)
    return [
        replace(seen, problem=_only_mask_values(dataset, seen))
        if seen.problem is None and seen.colors and seen.colors <= values
        else seen
        for seen in everything
    ]


def only_masks(dataset: Dataset, good: Sequence[Seen]) -> list[Problem]:
    """Doubt a dataset most of whose images hold only the values of its masks."""
    values = _mask_values(dataset)
    few = [seen for seen in good if seen.colors and seen.colors <= values]
    if not few or 2 * len(few) < len(good):
        return []
    what = (
        f"{len(few)} of {len(good)} images, such as '{few[0].record.image.name}', hold only "
        f"{_shown(few[0].colors)}, as masks do; see that they are the images."
    )
    return [Problem("", what, stops=False)]


def _only_mask_values(dataset: Dataset, seen: Seen) -> Problem:
    what = (
        f"'{seen.record.image.name}' is taken for an image but holds only {_shown(seen.colors)}, "
        "as masks do, where other images are photographs; put the image in its place."
    )
    return Problem(relative(dataset.root, seen.record.image), what, stops=True)


def _shown(colors: frozenset[int]) -> str:
    grays = all(color == (color & 255) * GRAY for color in colors)
    named = [str(color & 255 if grays else unpack(color)) for color in sorted(colors)]
    return f"the values {', '.join(named[:-1])} and {named[-1]}"


def _mask_values(dataset: Dataset) -> frozenset[int]:
    """Return the colors of the pixels of all masks, packed; none where masks are no images."""
    if not isinstance(dataset, FileDataset):
        return frozenset()
    masks = [r.mask for r in dataset.records if r.mask is not None and is_image(r.mask)]
    found = (seen.values_in("color") for seen in survey(masks) if not seen.problem)
    return frozenset().union(*found)
