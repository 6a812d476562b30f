"""The one score of all peers: Dice per image of saved masks, against the truth that we read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np

from segmentare.annotations import Segmentation
from segmentare.datasets.files import FileDataset
from segmentare.errors import DatasetError
from segmentare.metrics.semantic import SemanticScores


def score(dataset: FileDataset, names: tuple[str, ...], folder: Path) -> dict[str, Any]:
    """Return `dice` (mean over images), `ci95`, `pooled` and `images`.

    Args:
        dataset: With one background and one kind of object.
        names: Of the images that are scored; each has a mask NAME.png, 0 where there is nothing.
        folder: Of these masks.

    Raises:
        DatasetError: A mask is missing or not of the image's size.
    """
    thing = next(i for i, known in enumerate(dataset.categories) if not known.background)
    metric = SemanticScores(dataset.categories, boundary=False)
    places = {record.name: i for i, record in enumerate(dataset.records)}
    for name in names:
        truth = dataset[places[name]].annotation
        path = folder / f"{name}.png"
        mask = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        if mask is None or mask.shape != truth.size:
            found = "no readable file" if mask is None else f"a size of {mask.shape}"
            raise DatasetError(f"'{path}' must be a mask of the size {truth.size}; found {found}.")
        category = np.where(mask > 0, thing, 1 - thing).astype(np.uint8)
        metric.update(Segmentation(category), truth, name)
    dice = metric.compute()["dice"]
    return {
        "dice": round(dice["mean"], 5),
        "ci95": [round(end, 5) for end in dice["ci95"]],
        "pooled": round(dice["pooled"], 5),
        "images": len(names),
    }
