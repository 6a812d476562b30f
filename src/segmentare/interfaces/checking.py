"""`segmentare check`: what a dataset holds and what is wrong with it, in a table and a page."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from segmentare.datasets import KEYPOINT_TASKS, open_richest
from segmentare.datasets.base import Dataset
from segmentare.datasets.checking import check as check_dataset
from segmentare.datasets.checkups import Checkup
from segmentare.interfaces.check_page import SamplePicture, write_check_page
from segmentare.interfaces.chosen_skeletons import Chosen, choose_skeleton, open_as
from segmentare.interfaces.display import Display
from segmentare.interfaces.overwriting import check_replaceable
from segmentare.poses import Poses
from segmentare.prediction import files
from segmentare.prediction.drawing import thumbnail
from segmentare.prediction.drawing_poses import draw_poses
from segmentare.prediction.object_drawing import draw_annotation

_SIDE = 420  # pixels of the longer side of a picture on the page


def check(
    data: str | Path,
    *,
    reader: str | None = None,
    task: str | None = None,
    skeleton: Chosen | None = None,
    page: str | Path | None = None,
    samples: int = 24,
    display: Display | None = None,
) -> Checkup:
    """Decode every file of a dataset and say what it holds and what is wrong.

    Args:
        data: Dataset folder.
        reader: Name of the reader, where the layout is not recognized rightly.
        task: Name of the task that the data are for; `None` takes the one that uses most of them.
        skeleton: Name or TOML file of the keypoints that people shall have; `None` keeps theirs.
        page: Where an HTML page with samples goes; `None` writes none.
        samples: Number of images on the page, spread over the dataset.
        display: Where progress is shown; `None` shows nothing.

    Raises:
        DatasetError: The folder is missing or empty, or its layout is not known.
        ValueError: The skeleton cannot be had.
        FileExistsError: `page` is there, and is no earlier page.
    """
    if page is not None:
        check_replaceable(Path(page), "check")
    display = display or Display(quiet=True)
    if skeleton is not None or task:
        chosen = None if skeleton is None else choose_skeleton(skeleton)
        dataset = open_as(Path(data), reader, task or KEYPOINT_TASKS[0], chosen)
    else:
        dataset = open_richest(Path(data), reader)
    with display.bar("Checking", len(dataset)) as bar:
        checkup = check_dataset(dataset, progress=lambda done, total: bar.show(done, total, ""))
    if page is not None:
        write_check_page(Path(page), checkup.to_dict(), _samples(dataset, checkup, samples))
    return checkup


def _samples(dataset: Dataset, checkup: Checkup, count: int) -> list[SamplePicture]:
    """Draw the outlines of some usable images, evenly spread over the dataset."""
    usable = frozenset(checkup.usable)
    places = [i for i, record in enumerate(dataset.records) if record.name in usable]
    chosen = np.unique(np.linspace(0, len(places) - 1, min(count, len(places))).round().astype(int))
    shown = []
    for index in chosen:
        sample = dataset[places[index]]
        truth = sample.annotation
        if isinstance(truth, Poses):
            picture = draw_poses(sample.image, truth)
        else:
            picture = draw_annotation(sample.image, truth, dataset.categories)
        jpeg = files.encode_jpeg(thumbnail(picture, _SIDE), quality=85)
        shown.append(SamplePicture(sample.name, jpeg, dict(sample.labels)))
    return shown
