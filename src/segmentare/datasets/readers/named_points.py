"""Keypoints as labeling tools export them: single points with names, put together to objects."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from segmentare.annotations.geometry import Size
from segmentare.annotations.poses import Keypoints, Poses, Skeleton
from segmentare.annotations.skeletons import SKELETONS, plain, skeleton_of
from segmentare.datasets.base import Problem, Record
from segmentare.datasets.files import relative
from segmentare.datasets.listing import classify, list_images, part_of
from segmentare.datasets.object_dataset import Listed, misfit
from segmentare.datasets.pairing import named
from segmentare.datasets.pose_dataset import (
    Person,
    PoseDataset,
    Remarks,
    inside,
    opened,
    poses_of,
    without_parts,
)
from segmentare.errors import DatasetError
from segmentare.images.reading import image_size

_UPLOADED = re.compile(r"^[0-9a-f]{8}-")  # what Label Studio puts before the names of uploads

Point = tuple[float, float, int]  #: x, y, visibility
Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Marked:
    """One object.

    Attributes:
        points: Its keypoints by name.
        box: (x0, y0, x1, y1), `None` where there is none.
    """

    points: Mapping[str, Point]
    box: Box | None = None


@dataclass(frozen=True)
class Sheet:
    """One image as a file names it.

    Attributes:
        file: The annotation file.
        image: Name or address of the image.
        objects: What is marked in it.
        size: Height and width, if the file says them.
    """

    file: Path
    image: str
    objects: Sequence[Marked]
    size: Size | None = None


def skeleton_named(
    category: str, names: Sequence[str], limbs: Sequence[tuple[int, int]] = ()
) -> Skeleton:
    """Return the known skeleton of these keypoints in any order, else one of them as they come."""
    mine = {plain(name) for name in names}
    for known in SKELETONS.values():
        if len(names) == len(known.keypoints) and mine == set(known.keypoints):
            return known
    return skeleton_of(category, names, limbs=limbs)


def names_of(sheets: Iterable[Sheet]) -> list[str]:
    """Return the names of all keypoints, in the order in which they come first."""
    return list(dict.fromkeys(n for sheet in sheets for one in sheet.objects for n in one.points))


def twice(points: Sequence[str]) -> str:
    """Return a name that comes more than once, or ""."""
    return next((name for name, count in Counter(points).items() if count > 1), "")


def open_sheets(
    root: Path,
    layout: tuple[str, str],
    sheets: Sequence[Sheet],
    kind: tuple[str, Skeleton],
    problems: Sequence[Problem] = (),
) -> PoseDataset:
    """Return the dataset of what the files of a labeling tool say.

    Args:
        root: The folder.
        layout: Name of the reader, and what it recognized.
        sheets: The images.
        kind: Name of the objects, and their skeleton.
        problems: What the reader noticed.
    """
    category, skeleton = kind
    place = {plain(name): k for k, name in enumerate(skeleton.keypoints)}
    images = _Images(root)
    records: list[Record] = []
    wrong: list[Problem] = list(problems)
    people: dict[Path, tuple[Sheet, list[Person]]] = {}
    remarks: dict[Path, Remarks] = {}
    for sheet in sheets:
        try:
            image, size = images.take(sheet)
        except DatasetError as error:
            wrong.append(Problem(sheet.image, str(error), stops=True))
            continue
        found = [Person(_keypoints(one, place), one.box) for one in sheet.objects]
        people[image] = sheet, found
        said_of = remarks.setdefault(sheet.file, Remarks(relative(root, sheet.file)))
        _look_outside(found, skeleton, size, said_of, image.name)
        part = part_of((*image.relative_to(root).parent.parts, sheet.file.stem))
        records.append(Record("", image, sheet.file, part=part))

    def read(record: Record, size: Size) -> Poses:
        return poses_of(people[record.image][1], skeleton, size)

    wrong += [problem for said in remarks.values() for problem in said.problems()]
    kept = named(root, without_parts(records))
    return opened(Listed(root, *layout, kept, wrong), skeleton, read, category)


def _keypoints(one: Marked, place: Mapping[str, int]) -> Keypoints:
    keypoints: Keypoints = np.zeros((len(place), 3), np.float32)
    for name, point in one.points.items():
        keypoints[place[plain(name)]] = point
    return keypoints


def _look_outside(
    people: Sequence[Person], skeleton: Skeleton, size: Size, remarks: Remarks, image: str
) -> None:
    for number, person in enumerate(people, start=1):
        if person.keypoints is not None:
            _, gone = inside(person.keypoints, size)
            where = f"object {number} in '{image}'"
            remarks.outside(gone, person.keypoints, skeleton.keypoints, where)


class _Images:
    """Finds the image files of names that may be paths on other machines, or addresses."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._taken: set[Path] = set()
        self._by_name: dict[str, list[Path]] = {}
        found = classify(root, list_images(root))
        only = {file.role for file in found} == {"mask"}  # then the names mislead
        for file in found:
            if file.role != "mask" or only:
                self._by_name.setdefault(file.path.name, []).append(file.path)

    def take(self, sheet: Sheet) -> tuple[Path, Size]:
        """Return the file of an image that nobody took before, and its size.

        Raises:
            DatasetError: There is none, or there are several, or it has another size.
        """
        image = self._find(sheet)
        size = image_size(image)
        if sheet.size is not None and sheet.size != size:
            raise DatasetError(misfit(image.name, f"'{sheet.file.name}'", sheet.size, size))
        if image in self._taken:
            raise DatasetError(
                f"'{image.name}' must stand in the files once; '{sheet.file.name}' has it again. "
                f"Remove one of them."
            )
        self._taken.add(image)
        return image, size

    def _find(self, sheet: Sheet) -> Path:
        name = PurePosixPath(sheet.image.replace("\\", "/")).name
        found = self._by_name.get(name) or self._by_name.get(_UPLOADED.sub("", name)) or []
        exact = [p for p in found if p.as_posix().endswith(f"/{sheet.image.lstrip('/')}")]
        found = exact if len(exact) == 1 else found
        if not found:
            raise DatasetError(
                f"'{name}' stands in '{sheet.file.name}' but not on disk; put it into "
                f"'{self._root.name}'."
            )
        if len(found) > 1:
            raise DatasetError(
                f"'{name}' of '{sheet.file.name}' must be one image; "
                f"'{relative(self._root, found[0])}' and '{relative(self._root, found[1])}' have "
                f"this name. Rename one."
            )
        return found[0]
