"""An exported model against the one it was made from: the same maps, the same predictions?"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from segmentare.annotations import Sample, Segmentation
from segmentare.geometry import Image
from segmentare.prediction.predictor import Predictor, Reading

MAPS = 1e-4  #: most that a value of a map in float32 may differ
PIXELS = 1e-4  #: share of the pixels (or keypoints) that may differ in float32


class Reader(Protocol):
    """What reads images as a `Predictor` does."""

    def read(self, image: Image) -> Reading:
        """Return the maps of an image."""

    def decode(self, reading: Reading) -> Any:  # noqa: ANN401  any annotation
        """Return what a reading shows."""


@dataclass
class Compared:
    """What a comparison of an export with its model found.

    Attributes:
        computed: What was compared: a function of the export, and in which numbers.
        images: On how many images.
        largest: Per head the largest difference of any value of its maps.
        pixels: How many pixels (or keypoints) were compared.
        differ: How many of them are different.
        score: Name of the main score.
        before: That score of the model itself.
        after: That score of the export.
        milliseconds: From an image to its maps: the median of the model, and of the export.
    """

    computed: str
    images: int = 0
    largest: dict[str, float] = field(default_factory=dict)
    pixels: int = 0
    differ: int = 0
    score: str = ""
    before: float = 0.0
    after: float = 0.0
    milliseconds: dict[str, float] = field(default_factory=dict)

    @property
    def share(self) -> float:
        """Share of the pixels that differ."""
        return self.differ / max(self.pixels, 1)

    def complaint(self) -> str:
        """Return what is wrong with the export, "" where nothing is."""
        largest = max(self.largest.values(), default=0.0)
        # What serves pixels resamples them itself, and rounds some of them to the other side.
        if largest > MAPS and "serving" not in self.computed:
            return f"its maps differ by up to {largest:.2g}, more than {MAPS}"
        if self.share > PIXELS:
            return f"{100 * self.share:.3f} % of the pixels differ, more than {100 * PIXELS} %"
        return ""

    def sentence(self) -> str:
        """Say in one line what was found."""
        took = ", ".join(f"{name} {value:.0f}" for name, value in self.milliseconds.items())
        return (
            f"{self.computed}: maps differ by at most {max(self.largest.values(), default=0):.1e}, "
            f"{self.differ} of {self.pixels} pixels (or keypoints) differ "
            f"({100 * self.share:.4f} %), {self.score} {self.before:.5f} before, {self.after:.5f} "
            f"after; ms per image: {took}."
        )


def compare(
    model: Predictor[Any], name: str, exported: Reader, samples: Sequence[Sample[Any]]
) -> Compared:
    """Compare two readers of the same task, image by image at their own sizes.

    Args:
        model: What must be matched.
        name: Of the export and of the way it is computed.
        exported: Has the `read` and the `decode` of a `Predictor`.
        samples: Images with annotations.
    """
    row = Compared(name, images=len(samples), score=model.task.headline)
    metrics = [model.task.metric(fast=True) for _ in range(2)]
    times: dict[str, list[float]] = {"model": [], "export": []}
    for sample in samples:
        readings = []
        for who, reader in zip(times, (model, exported), strict=True):
            began = time.perf_counter()
            readings.append(reader.read(sample.image))
            times[who].append(1000 * (time.perf_counter() - began))
        for head, maps in readings[0].maps.items():
            far = float(np.abs(maps - readings[1].maps[head]).max())
            row.largest[head] = max(far, row.largest.get(head, 0.0))
        shown = model.decode(readings[0]), exported.decode(readings[1])
        differ, pixels = _differing(*shown)
        row.differ, row.pixels = row.differ + differ, row.pixels + pixels
        for metric, found in zip(metrics, shown, strict=True):
            metric.update(found, sample.annotation, sample.name)
    row.before, row.after = (float(metric.summary()[row.score]) for metric in metrics)
    row.milliseconds = {who: float(np.median(found)) for who, found in times.items()}
    return row


def _differing(one: Any, other: Any) -> tuple[int, int]:  # noqa: ANN401  any annotations
    """Return how many pixels, or keypoints by more than half a pixel, differ, and of how many."""
    if isinstance(one, Segmentation):
        same = one.category == other.category
        if one.instance is not None:
            same &= one.instance == other.instance
        return int((~same).sum()), same.size
    total = max(len(one.keypoints), len(other.keypoints)) * one.keypoints.shape[1]
    if one.keypoints.shape != other.keypoints.shape:
        return total, total
    far = np.abs(one.keypoints[..., :2] - other.keypoints[..., :2]).max(-1) > 0.5
    return int(far.sum()), total
