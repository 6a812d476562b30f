"""At which size or scale a network sees images, and how their values become its input."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from segmentare.annotations.geometry import Size
from segmentare.annotations.segmentation import Sample
from segmentare.datasets import traits
from segmentare.datasets.traits import ObjectTraits
from segmentare.models import imagenet
from segmentare.models.architecture import LITE_FACTORS, NetworkSpec
from segmentare.prediction.preprocessing import Preprocessing
from segmentare.tasks import Task
from segmentare.training.request import PlanRequest

_FINE = 0.9  # masks that keep less than this Dice at the usual size are finer than it
_SMALL = 14.0  # pixels: smaller objects run into their neighbors in maps of stride 2
_SPREAD = 2.0  # ratio of the widest to the narrowest ranges beyond which images are leveled
_CONTRAST = 32.0  # standard deviation of 8-bit values from which images are like photographs
_SIDES = 32  # sizes are multiples of this
_LEAST = 128 * 128  # pixels of the smallest images that a plan chooses
SMALLEST = 96 * 96  #: pixels of an image to which a budget that is too short leads
_USUAL = 256 * 256  # pixels beyond which only fine detail is worth the time


def choose_preprocessing(
    samples: Sequence[Sample[Any]],
    affordable: float,
    task: Task[Any],
    objects: ObjectTraits | None,
    request: PlanRequest,
    reasons: list[str],
    most: float = math.inf,
) -> Preprocessing:
    """Decide at which size or scale images are seen, and measure their values.

    Args:
        samples: Training images at their own size; a part of them is enough.
        affordable: What `affordable_area` returned.
        task: What is learned.
        objects: How large the objects are, where they are told apart.
        request: What the user decided.
        reasons: Receives a line per decision.
        most: Pixels per image beyond which the budget would end after too few steps.
    """
    aspect = usual_aspect(samples)
    own_area = float(np.median([s.image.shape[0] * s.image.shape[1] for s in samples]))
    scale = request.scale
    area = float(_USUAL)
    if request.size is None and scale is None:
        kept = traits.detail_kept(samples, task.categories, _USUAL)
        if objects is not None and are_small(objects):
            scale = 1.0
            reasons.append(
                "Scale: the images' own pixels, in windows; the objects are "
                f"{objects.diameter:.0f} px large (median) and would be "
                f"{objects.relative * _side(_USUAL):.0f} px in whole images of {_side(_USUAL)} px "
                "a side."
            )
        elif own_area > _USUAL and kept < _FINE:
            scale = 1.0
            reasons.append(
                "Scale: the images' own pixels, in windows; at "
                f"{_side(_USUAL)} px a side the masks would keep {100 * kept:.0f} % of themselves."
            )
        else:
            wanted = traits.enough_detail(samples, task.categories, own_area)
            # Half of what a larger budget can pay for goes into size, half into more images.
            usual = min(math.sqrt(_LEAST * affordable), _USUAL, 2.5 * own_area)
            area = min(max(wanted, usual), max(affordable, _USUAL))
    if request.size is None and most < area:
        area = max(most, SMALLEST)
        reasons.append("Budget: it is short for this machine, so images are smaller than usual.")
    size = request.size or size_of(area, 1.0 if scale else aspect)
    if scale is None:
        reasons.append(
            f"Size: whole images at {size[0]} x {size[1]} (own size: median "
            f"{math.sqrt(own_area * aspect):.0f} x {math.sqrt(own_area / aspect):.0f})."
        )
    return _normalized(samples, size, scale, request.spec, reasons)


def _normalized(
    samples: Sequence[Sample[Any]],
    size: Size,
    scale: float | None,
    spec: NetworkSpec,
    reasons: list[str],
) -> Preprocessing:
    """Choose whether images are leveled, and how their values become those the encoder knows.

    Photographs are normalized as those of ImageNet were; other images get the mean and the contrast
    that photographs have then.
    """
    channels, dtype = traits.usual_kind(samples)
    spread = traits.exposure_spread(samples)
    level = spread > _SPREAD
    if level:
        reasons.append(
            f"Exposure: differs from image to image (ranges {spread:.1f} times as wide), so every "
            "image is stretched to the whole range first."
        )
    plain = Preprocessing(channels, dtype, (0.0,) * channels, (1.0,) * channels, size, scale, level)
    alike = [s.image for s in samples if traits.kind(s) == (channels, dtype)]
    some = [traits.some_pixels(plain.leveled(image)) for image in alike]
    pixels = np.concatenate(some).astype(np.float64)
    mean, std = pixels.mean(axis=0), np.maximum(pixels.std(axis=0), 1e-3 * np.ptp(pixels) + 1e-6)
    if spec.encoder in LITE_FACTORS:
        if dtype == "uint8" and channels in {1, 3} and std.mean() >= _CONTRAST:
            mean, std = np.full(channels, imagenet.MEAN), np.full(channels, imagenet.STD)
        else:
            std = 2 * std
    return replace(
        plain,
        mean=tuple(float(f"{m:.6g}") for m in mean),
        std=tuple(float(f"{s:.6g}") for s in std),
    )


def are_small(objects: ObjectTraits) -> bool:
    """Tell whether objects are too small in whole images, and all small enough for windows."""
    side = _side(_USUAL)
    return objects.relative * side < _SMALL and objects.large < side / 2


def usual_aspect(samples: Sequence[Sample[Any]]) -> float:
    """Return the median of height over width."""
    shapes = [sample.image.shape for sample in samples]
    return math.exp(float(np.median([math.log(shape[0] / shape[1]) for shape in shapes])))


def affordable_area(seconds: float, images: int, speed: float) -> float:
    """Return the pixels per image at which a budget sees enough images.

    A step costs time in proportion to its pixels, and a training wants to see at least 2,000
    images and every image 10 times.
    """
    return max(_LEAST, seconds * speed / max(2000, 10 * images))


def _side(area: float) -> int:
    return round(math.sqrt(area))


def size_of(area: float, aspect: float) -> Size:
    """Return the multiples of 32 that come nearest to an area and an aspect (height over width)."""
    sides = range(_SIDES, 1025, _SIDES)

    def misfit(size: Size) -> float:
        height, width = size
        return abs(math.log(height / width / aspect)) + abs(math.log(height * width / area)) / 2

    return min(((height, width) for height in sides for width in sides), key=misfit)
