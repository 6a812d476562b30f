"""A dataset whose annotations tell objects apart, in whatever files they stand."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segmentare.annotations.geometry import Size
from segmentare.annotations.instances import Instances
from segmentare.annotations.segmentation import (
    MAX_CATEGORIES,
    Category,
    Segmentation,
    distinct_color,
)
from segmentare.datasets.base import Problem, Record
from segmentare.datasets.files import FileDataset
from segmentare.errors import DatasetError
from segmentare.images.reading import read_bytes

Read = Callable[[Record, Size], Instances | Segmentation]

BACKGROUND = Category("background", (0, 0, 0), background=True)


@dataclass(frozen=True)
class ObjectDataset(FileDataset):
    """Images on disk and objects in annotation files.

    Attributes:
        read: Reads the annotation of a record whose image has the size given; overlapping
            objects stay apart, so that nothing is lost where no map of ids is asked for.
    """

    read: Read

    def annotation(self, record: Record, size: Size) -> Segmentation:
        """Read the objects of a record as one map of categories and one of ids.

        Raises:
            DatasetError: The annotation cannot be read or does not fit the image.
        """
        found = self.read(record, size)
        if isinstance(found, Instances):
            return found.to_segmentation(self.categories).segmentation
        return found

    def objects(self, record: Record, size: Size) -> Instances:
        """Read the objects of a record, each with its whole mask where the files have it.

        Raises:
            DatasetError: As `annotation`.
        """
        found = self.read(record, size)
        return found if isinstance(found, Instances) else Instances.from_segmentation(found)


@dataclass(frozen=True)
class Listed:
    """What a reader found before anything is decoded: where, in which layout, which images."""

    root: Path
    reader: str
    layout: str
    records: Sequence[Record]
    problems: Sequence[Problem]


def opened(listed: Listed, categories: Sequence[Category], read: Read) -> ObjectDataset:
    """Return the dataset of what a reader listed.

    Raises:
        DatasetError: There are more categories than a map of bytes can hold.
    """
    if len(categories) > MAX_CATEGORIES:
        raise DatasetError(
            f"A dataset must have at most {MAX_CATEGORIES} categories; '{listed.root.name}' has "
            f"{len(categories)}. Merge or drop the rarest ones."
        )
    problems = tuple(listed.problems)
    if not listed.records and not any(problem.file == "" for problem in problems):
        what = f"No image of '{listed.root.name}' can be used; see the list."
        problems = (*problems, Problem("", what, stops=True))
    return ObjectDataset(
        listed.root,
        listed.reader,
        listed.layout,
        tuple(categories),
        tuple(listed.records),
        problems,
        None,
        read,
    )


def things(names: Iterable[str]) -> tuple[Category, ...]:
    """Return the background and one countable category per name."""
    kinds = (Category(n, distinct_color(i), thing=True) for i, n in enumerate(names, start=1))
    return (BACKGROUND, *kinds)


def distinct(values: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Return the distinct values of a map, sorted, and the place of each pixel's among them.

    The same as NumPy's `unique`, but only one value of each run is sorted: maps have long runs.
    """
    flat = values.ravel()
    starts = np.flatnonzero(np.append(True, flat[1:] != flat[:-1]))
    found, places = np.unique(flat[starts], return_inverse=True)
    lengths = np.diff(starts, append=flat.size)
    return found, np.repeat(places, lengths).reshape(values.shape)


def read_json(path: Path) -> Any:  # noqa: ANN401  whatever the file holds
    """Read a JSON file.

    Raises:
        DatasetError: It is missing, empty, or no JSON.
    """
    data = read_bytes(path)
    try:
        return json.loads(data.decode("utf-8-sig", errors="replace"))
    except (ValueError, RecursionError) as error:
        raise DatasetError(
            f"'{path.name}' is no complete JSON file ({error}); restore or export it again."
        ) from error


def misfit(name: str, source: str, said: Size, size: Size) -> str:
    """Say that an annotation was made for an image of another size."""
    return (
        f"'{name}' must be {said[1]} x {said[0]} pixels (width x height), as {source} says; it is "
        f"{size[1]} x {size[0]}. Restore the image that was annotated."
    )
