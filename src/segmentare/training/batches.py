"""Samples become augmented, encoded, stacked NumPy batches; both frameworks train on them.

A batch depends on nothing but the seed and its number, so a run that was killed goes on with the
very batches it would have seen.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from segmentare.annotations import geometry
from segmentare.annotations.poses import Poses
from segmentare.annotations.segmentation import UNLABELED, Sample, Segmentation
from segmentare.datasets.augmentation import (
    Augmentation,
    change_colors,
    random_affine,
    warp_image,
)
from segmentare.errors import InputError
from segmentare.prediction.preprocessing import Preprocessing
from segmentare.tasks.base import Maps, Task

Batch = tuple[NDArray[np.float32], Maps]  #: (N, H, W, C) normalized, and (N, channels, h, w) a head

_FOCUS = 1 / 3  # share of windows placed on an object, as nnU-Net does


def prepare(sample: Sample[Any], preprocessing: Preprocessing) -> Sample[Any]:
    """Bring a sample to the scale at which the network sees it, once, so no step decodes a file.

    Raises:
        InputError: The image has other channels or another dtype than the preprocessing takes.
    """
    try:
        preprocessing.check(sample.image)
    except ValueError as error:
        raise InputError(f"Image {sample.name!r} is unlike the others. {error}") from error
    height, width = sample.image.shape[:2]
    size = preprocessing.frame((height, width)).content
    leveled = preprocessing.leveled(sample.image)
    image = np.ascontiguousarray(geometry.resample(leveled, size))
    return replace(sample, image=image, annotation=sample.annotation.resize(size))


@dataclass(frozen=True)
class Batches:
    """An endless, seeded sequence of batches.

    Attributes:
        samples: What `prepare` made; kept as they are, augmented anew for every batch.
        task: Turns annotations into targets.
        preprocessing: Normalization, and the size of the batch.
        augmentation: How strongly samples are changed.
        batch: Samples per batch.
        stride: Pixels per cell of the network's maps.
        seed: Every number drawn follows from it.
    """

    samples: Sequence[Sample[Any]]
    task: Task[Any]
    preprocessing: Preprocessing
    augmentation: Augmentation
    batch: int
    stride: int
    seed: int

    def __getitem__(self, step: int) -> Batch:
        """Return batch number `step`; batches walk through shuffled epochs without gaps."""
        images, targets = [], []
        for place in range(step * self.batch, (step + 1) * self.batch):
            sample = self.samples[self._index(place)]
            rng = np.random.default_rng([self.seed, 1, place])
            image, annotation = self._augment(sample, rng)
            images.append(self.preprocessing.normalize(image))
            targets.append(self.task.encode(annotation, self.stride))
        stacked = {
            head.name: np.stack([target[head.name] for target in targets])
            for head in self.task.heads
        }
        return np.stack(images), stacked

    def _index(self, place: int) -> int:
        epoch, position = divmod(place, len(self.samples))
        order = np.random.default_rng([self.seed, 0, epoch]).permutation(len(self.samples))
        return int(order[position])

    def _augment(
        self, sample: Sample[Segmentation], rng: Generator
    ) -> tuple[NDArray[Any], Segmentation]:
        size = self.preprocessing.size
        height, width = sample.image.shape[:2]
        affine = random_affine(self.augmentation, rng, (height, width), size, 1.0)
        if self.preprocessing.scale is not None and rng.random() < _FOCUS:
            affine = _on_an_object(sample.annotation, affine, size, rng)
        image = warp_image(sample.image, affine, size)
        image = change_colors(self.augmentation, rng, image)
        return image, sample.annotation.warp(affine, size)


def _on_an_object(
    annotation: Segmentation | Poses, affine: geometry.Affine, size: geometry.Size, rng: Generator
) -> geometry.Affine:
    """Move the window so that a random labeled pixel of no background lies near its middle."""
    shown = annotation.silhouettes() if isinstance(annotation, Poses) else annotation
    rows, columns = np.nonzero((shown.category > 0) & (shown.category != UNLABELED))
    if not len(rows):
        return affine
    chosen = int(rng.integers(len(rows)))
    point = np.array([columns[chosen], rows[chosen]], np.float64)
    near_middle = (np.array(size[::-1]) - 1) / 2 + rng.uniform(-0.25, 0.25, 2) * size[::-1]
    moved = affine.copy()
    moved[:2, 2] = near_middle - affine[:2, :2] @ point
    return moved


@contextmanager
def one_opencv_thread() -> Iterator[None]:
    """Keep OpenCV to one thread: more would fight those of the network over the same cores."""
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(before)
