"""The one score of all peers: of masks that they saved, against the truth that we read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from segmentare.annotations.segmentation import Segmentation
from segmentare.datasets.files import FileDataset
from segmentare.errors import DatasetError
from segmentare.metrics.instance import InstanceScores
from segmentare.metrics.semantic import SemanticScores


def score_objects(dataset: FileDataset, names: tuple[str, ...], folder: Path) -> dict[str, Any]:
    """Return the share TP / (TP + FP + FN) at IoU 0.5 and 0.7, mean over images, as `score` does.

    Args:
        dataset: With one background and one kind of object, opened for the task "instance".
        names: Of the images that are scored; each has a map of ids NAME.ids.png.
        folder: Of these maps.

    Raises:
        DatasetError: A map is missing or not of the image's size.
    """
    thing = thing_of(dataset)
    metric = InstanceScores(dataset.categories, fast=True)
    for name, truth in truths(dataset, names):
        ids = read(folder / f"{name}.ids.png", cv2.IMREAD_UNCHANGED, truth.size).astype(np.int32)
        category = np.where(ids > 0, thing, 1 - thing).astype(np.uint8)
        metric.update(Segmentation(category, ids), truth, name)
    found = metric.compute()
    half, more = found["accuracy@0.5"], found["accuracy@0.7"]
    return {
        "metric": "accuracy@0.5",
        "accuracy@0.5": round(half["mean"], 5),
        "ci95": [round(end, 5) for end in half["ci95"]],
        "accuracy@0.7": round(more["mean"], 5),
        "images": len(names),
    }


def truths(dataset: FileDataset, names: tuple[str, ...]) -> Iterator[tuple[str, Segmentation]]:
    """Yield each name with what its image truly shows."""
    places = {record.name: i for i, record in enumerate(dataset.records)}
    for name in names:
        yield name, dataset[places[name]].annotation


def thing_of(dataset: FileDataset) -> int:
    return next(i for i, known in enumerate(dataset.categories) if not known.background)


def read(path: Path, how: int, size: tuple[int, int]) -> np.ndarray:
    """Read a mask, which must be of the image's size."""
    mask = cv2.imread(str(path), how)
    if mask is None or mask.shape != size:
        found = "no readable file" if mask is None else f"a size of {mask.shape}"
        raise DatasetError(f"'{path}' must be a mask of the size {size}; found {found}.")
    return mask


def score(dataset: FileDataset, names: tuple[str, ...], folder: Path) -> dict[str, Any]:
    """Return `dice` (mean over images), `ci95`, `pooled` and `images`.

    Args:
        dataset: With one background and one kind of object.
        names: Of the images that are scored; each has a mask NAME.png, 0 where there is nothing.
        folder: Of these masks.

    Raises:
        DatasetError: A mask is missing or not of the image's size.
    """
    thing = thing_of(dataset)
    metric = SemanticScores(dataset.categories, boundary=False)
    for name, truth in truths(dataset, names):
        mask = read(folder / f"{name}.png", cv2.IMREAD_GRAYSCALE, truth.size)
        category = np.where(mask > 0, thing, 1 - thing).astype(np.uint8)
        metric.update(Segmentation(category), truth, name)
    dice = metric.compute()["dice"]
    return {
        "dice": round(dice["mean"], 5),
        "ci95": [round(end, 5) for end in dice["ci95"]],
        "pooled": round(dice["pooled"], 5),
        "images": len(names),
    }
