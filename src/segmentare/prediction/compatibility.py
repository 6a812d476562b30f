"""What a model and the data that it is scored on must have in common: categories and keypoints."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from segmentare.annotations import skeletons
from segmentare.annotations.poses import Poses, Skeleton
from segmentare.annotations.segmentation import UNLABELED, Sample, Segmentation
from segmentare.datasets.base import Dataset
from segmentare.errors import InputError
from segmentare.prediction.predictor import Predictor


def check_categories(predictor: Predictor[Any], dataset: Dataset) -> None:
    """Stop unless the dataset's categories can be compared with the model's.

    Two categories always can: a background and an object, whatever its name.

    Raises:
        InputError: Another number of categories.
    """
    have, want = len(dataset.categories), len(predictor.task.categories)
    if have and have != want:
        names = [category.name for category in predictor.task.categories]
        others = [category.name for category in dataset.categories]
        raise InputError(
            f"The dataset must have the model's {want} categories ({', '.join(names)}); it has "
            f"{have} ({', '.join(others)}). Evaluate on data of the same kind."
        )


def check_skeletons(predictor: Predictor[Any], dataset: Dataset) -> str:
    """Stop unless the dataset's keypoints are the model's, or can be converted to them.

    Returns:
        A sentence on what the conversion leaves out; "" without one.

    Raises:
        InputError: They have none in common.
    """
    mine: Skeleton | None = getattr(predictor.task, "skeleton", None)
    given: Skeleton | None = getattr(dataset, "skeleton", None)
    if mine is None or given is None or given.keypoints == mine.keypoints:
        return ""
    try:
        there = skeletons.available(given, mine)
    except ValueError as error:
        raise InputError(
            f"The dataset must have keypoints of the model, '{mine.name}'. {error}"
        ) from error
    absent = [name for name in mine.keypoints if name not in there]
    return (
        f"The dataset's {len(given.keypoints)} keypoints ('{given.name}') are converted to the "
        f"model's {len(mine.keypoints)} ('{mine.name}')"
        + (f"; not scored: {', '.join(absent)}." if absent else ".")
    )


def fitted(sample: Sample[Any], predictor: Predictor[Any]) -> Sample[Any]:
    """Return the sample with the model's keypoints."""
    mine, truth = getattr(predictor.task, "skeleton", None), sample.annotation
    if mine is None or not isinstance(truth, Poses) or truth.skeleton == mine:
        return sample
    return replace(sample, annotation=skeletons.convert(truth, mine))


def pixels_of(annotation: Any) -> Segmentation | None:  # noqa: ANN401  any annotation
    """Return what is known of pixels, or `None` for skeletons alone."""
    found = annotation.segmentation if isinstance(annotation, Poses) else annotation
    if not isinstance(found, Segmentation):
        return None
    return None if bool(np.all(found.category == UNLABELED)) else found
