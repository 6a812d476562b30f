"""The skeleton that a user names: an included one, or one from a TOML file."""

from __future__ import annotations

from pathlib import Path

from segmentare.annotations.poses import Skeleton
from segmentare.annotations.skeletons import SKELETONS, read_skeleton
from segmentare.datasets import KEYPOINT_TASKS, open_dataset
from segmentare.datasets.as_skeleton import as_skeleton
from segmentare.datasets.files import FileDataset
from segmentare.datasets.pose_dataset import PoseDataset
from segmentare.errors import InputError

Chosen = str | Path | Skeleton


def choose_skeleton(given: Chosen) -> Skeleton:
    """Return a skeleton by the name of an included one or of a TOML file.

    Raises:
        OSError: The file cannot be opened.
        InputError: There is no such skeleton, or the file holds none.
    """
    if isinstance(given, Skeleton):
        return given
    if str(given) in SKELETONS:
        return SKELETONS[str(given)]
    path = Path(given)
    if path.suffix.lower() != ".toml" and not path.is_file():
        raise InputError(
            f"The skeleton must be one of {', '.join(SKELETONS)}, or a TOML file; got "
            f"'{given}'. 'segmentare skeletons' lists them."
        )
    return read_skeleton(path)


def open_as(
    data: Path, reader: str | None, task: str, skeleton: Skeleton | None = None
) -> FileDataset:
    """Open a dataset as `open_dataset` does, its people with the keypoints of `skeleton`.

    Raises:
        DatasetError: As `open_dataset`.
        InputError: The task needs no skeleton, or the data has no keypoint of it.
    """
    if skeleton is None:
        return open_dataset(data, reader, task)
    check_task(skeleton, task)
    dataset = open_dataset(data, reader, task, skeleton)
    return as_skeleton(dataset, skeleton) if isinstance(dataset, PoseDataset) else dataset


def check_task(skeleton: Skeleton | None, task: str) -> None:
    """Refuse a skeleton for a task without keypoints.

    Raises:
        InputError: It is one.
    """
    if skeleton is not None and task not in KEYPOINT_TASKS:
        raise InputError(
            f"`skeleton` is for the tasks {' and '.join(KEYPOINT_TASKS)}; got it with the task "
            f"'{task}'. Leave it out, or give `task={KEYPOINT_TASKS[0]!r}`."
        )
