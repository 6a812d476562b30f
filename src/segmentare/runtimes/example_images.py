"""Images to try, compare, calibrate and time a model with."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from segmentare.annotations.geometry import Image
from segmentare.annotations.segmentation import Sample
from segmentare.datasets import open_dataset
from segmentare.errors import DatasetError, InputError, ModelError
from segmentare.images.reading import read_image
from segmentare.models.description import Model
from segmentare.prediction.compatibility import check_categories, check_skeletons, fitted
from segmentare.prediction.predictor import Predictor
from segmentare.training.runs import read_split_parts
from segmentare.video.sources import find_images

DRAWN = 4  #: images of noise that stand in where none are given
_TRIED = 3  # images of a trial


@dataclass(frozen=True)
class Examples:
    """Images of the kind that a model sees.

    Attributes:
        compared: To compare predictions on; with annotations where the data has them.
        calibrating: Others, that only ranges are measured on.
        where: What they are, in words.
    """

    compared: Sequence[Sample[Any]]
    calibrating: Sequence[Image]
    where: str


def examples_from(
    model: Model, data: Path | None, reader: str | None, count: int, calibrating: int = 0
) -> Examples:
    """Choose images: annotated ones, else any that a folder holds, else noise.

    Images are compared that the model has not seen in its training, as far as its split tells, and
    calibrated on those that it has.

    Args:
        model: A run.
        data: Dataset, folder of images, or image; `None` for noise.
        reader: Of the dataset.
        count: Images to compare on, at most.
        calibrating: Images to calibrate on, at most.

    Raises:
        DatasetError: The data holds no image.
        InputError: The dataset's categories or keypoints are not the model's, or none of the
            images suits the model.
    """
    if data is None:
        samples = [Sample(image, None, f"noise_{i}") for i, image in enumerate(noise(model, DRAWN))]
        return Examples(samples, (), f"{len(samples)} images of noise")
    try:
        return _annotated(model, data, reader, (count, calibrating))
    except DatasetError:
        if reader is not None:
            raise
    found = usable(model, spread(list(find_images([data]).values()), count + calibrating))
    images = list(found)
    if not images:
        raise InputError(f"None of the images in {str(data)!r} suits the model.")
    share = min(count, max(1, len(images) // 2)) if calibrating else count
    samples = [Sample(image, None, str(i)) for i, image in enumerate(images[:share])]
    return Examples(samples, images[share:], f"{len(samples)} images without annotations")


def trial_images(model: Model, paths: Collection[Path]) -> list[Image]:
    """Return a few of the images that the model can take."""
    return list(usable(model, spread(list(paths), _TRIED)))


def noise(model: Model, count: int) -> list[Image]:
    """Return smooth noise of various sizes, with the model's own mean, deviation and pixel type."""
    rng = np.random.default_rng(0)
    preprocessing = model.preprocessing
    images = []
    for index in range(count):
        height, width = (
            round(side * (0.8 + 0.3 * index)) + 7 * index for side in preprocessing.size
        )
        coarse = rng.standard_normal((height // 8 + 2, width // 8 + 2, preprocessing.channels))
        large = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
        values = large.reshape(height, width, -1) + 0.2 * rng.standard_normal((height, width, 1))
        values = values * np.array(preprocessing.std) + np.array(preprocessing.mean)
        if preprocessing.dtype != "float32":
            values = np.clip(np.rint(values), 0, np.iinfo(preprocessing.dtype).max)
        images.append(values.astype(preprocessing.dtype))
    return images


def spread(names: Sequence[Any], count: int) -> list[Any]:
    """Return up to `count` of the names, evenly spread."""
    if len(names) <= count:
        return list(names)
    return [names[round(i * (len(names) - 1) / max(count - 1, 1))] for i in range(count)]


def usable(model: Model, paths: Sequence[Path]) -> Iterator[Image]:
    """Yield those of the images that can be read and that the model can take."""
    for path in paths:
        try:
            image = read_image(path)
            model.preprocessing.check(image)
        except (DatasetError, ValueError):
            continue
        yield image


def _annotated(model: Model, data: Path, reader: str | None, counts: tuple[int, int]) -> Examples:
    dataset = open_dataset(data, reader, model.task.name)
    nothing: Any = None
    frame = Predictor(nothing, model.task, model.preprocessing)
    check_categories(frame, dataset)
    check_skeletons(frame, dataset)
    place = {record.name: index for index, record in enumerate(dataset.records)}
    unseen, seen, where = _parts(model, list(place))

    def read(names: Sequence[str], count: int) -> Iterator[Sample[Any]]:
        for name in spread(names, count):
            try:
                sample = fitted(dataset[place[name]], frame)
                model.preprocessing.check(sample.image)
            except (DatasetError, ValueError):
                continue
            yield sample

    compared = list(read(unseen, counts[0]))
    if not compared:
        raise DatasetError(f"{str(data)!r} must hold annotated images that the model can take.")
    known = {sample.name for sample in compared}
    others = [name for name in seen if name not in known]
    calibrating = [sample.image for sample in read(others, counts[1])] if counts[1] else []
    return Examples(compared, calibrating, f"{len(compared)} annotated images ({where})")


def _parts(model: Model, names: Sequence[str]) -> tuple[list[str], list[str], str]:
    """Return which images the model has not seen, which it was trained on, and what these are."""
    try:
        parts = read_split_parts(model.folder)
    except ModelError:
        return list(names), list(names), "of which it is not known whether the model saw them"
    test = [name for name in names if name in parts["test"]]
    train = [name for name in names if name in parts["train"]]
    if test:
        return test, train or list(names), "the test part"
    return list(names), train or list(names), "not of the run's split"
