"""A dataset of people, or other objects, with keypoints, in whatever files they stand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segmentare.annotations.geometry import Size
from segmentare.annotations.poses import (
    VISIBLE,
    Keypoints,
    Poses,
    Skeleton,
    box_areas,
    keypoint_boxes,
)
from segmentare.annotations.runlengths import RLE
from segmentare.annotations.segmentation import UNLABELED, Sample, Segmentation
from segmentare.datasets.base import Problem, Record
from segmentare.datasets.files import FileDataset
from segmentare.datasets.object_dataset import Listed, things

Read = Callable[[Record, Size], Poses]


@dataclass(frozen=True)
class PoseDataset(FileDataset):
    """Images on disk and keypoints in annotation files; `skeleton` says which.

    Attributes:
        read: Reads the people of a record whose image has the size given.
    """

    read: Read

    def __getitem__(self, index: int) -> Sample[Any]:
        """Read one image and the people in it.

        Raises:
            DatasetError: One of the files cannot be read, or they do not fit together.
        """
        return super().__getitem__(index)

    def annotation(self, record: Record, size: Size) -> Poses:  # type: ignore[override]  # no masks
        """Read the people of a record whose image has this height and width.

        Raises:
            DatasetError: The annotation cannot be read or does not fit the image.
        """
        return self.read(record, size)


@dataclass(frozen=True)
class Person:
    """One object as a file has it.

    Attributes:
        keypoints: (K, 3): x, y, visibility; `None` where nobody marked any.
        box: (x0, y0, x1, y1), `None` where there is none.
        area: In pixels, `None` where nobody says.
        mask: The silhouette, `None` where there is none.
        crowd: True for a region of many people.
        track: Identity within a video, or `None`.
    """

    keypoints: Keypoints | None
    box: tuple[float, float, float, float] | None = None
    area: float | None = None
    mask: RLE | None = None
    crowd: bool = False
    track: int | None = None


def opened(listed: Listed, skeleton: Skeleton, read: Read, category: str = "person") -> PoseDataset:
    """Return the dataset of what a reader listed: the background and one kind of object."""
    problems = tuple(listed.problems)
    if not listed.records and not any(problem.file == "" for problem in problems):
        what = f"No image of '{listed.root.name}' can be used; see the list."
        problems = (*problems, Problem("", what, stops=True))
    return PoseDataset(
        listed.root,
        listed.reader,
        f"{listed.layout.rstrip('.')}; {len(skeleton.keypoints)} keypoints ('{skeleton.name}').",
        things([category]),
        tuple(listed.records),
        problems,
        None,
        read,
        skeleton=skeleton,
    )


def poses_of(
    people: Sequence[Person],
    skeleton: Skeleton,
    size: Size,
    ignored: NDArray[np.bool_] | None = None,
    *,
    silhouettes: bool = False,
) -> Poses:
    """Return the people of one image, each with a box and an area.

    Keypoints outside the image count as not labeled. Where nobody marked a person's keypoints, its
    mask, or else its box, is unknown; without either it is left out.

    Args:
        people: What the file says of them.
        skeleton: Names and pairs of their keypoints.
        size: Height and width of the image.
        ignored: Further pixels (H, W) that are unknown.
        silhouettes: Keep the masks, if every person has one.
    """
    blank = np.zeros((len(skeleton.keypoints), 3), np.float32)
    keypoints = [
        blank if p.keypoints is None or p.crowd else inside(p.keypoints, size)[0] for p in people
    ]
    kept = [i for i, p in enumerate(people) if p.box or p.mask or keypoints[i][:, 2].any()]
    people = [people[i] for i in kept]
    points = np.array([keypoints[i] for i in kept], np.float32).reshape(-1, *blank.shape)
    boxes = _boxes(people, points, size)
    areas = box_areas(boxes)
    for i, person in enumerate(people):
        areas[i] = areas[i] if person.area is None else person.area
    tracks = tuple(person.track for person in people if person.track is not None)
    return Poses(
        skeleton,
        points,
        size,
        boxes,
        areas,
        np.array([person.crowd for person in people], bool),
        unknown=_unknown(people, points, boxes, ignored, size),
        segmentation=_lay(people, size) if silhouettes else None,
        ids=tracks if tracks and len(tracks) == len(people) else None,
    )


def inside(keypoints: Keypoints, size: Size) -> tuple[Keypoints, NDArray[np.bool_]]:
    """Return keypoints (K, 3) without those that lie outside the image, and which those are.

    Numbers that are no numbers lie outside, too. What is not labeled becomes (0, 0, 0).
    """
    x, y, visibility = np.asarray(keypoints, np.float64).T
    labeled = visibility > 0
    fits = (x >= -0.5) & (y >= -0.5) & (x <= size[1] - 0.5) & (y <= size[0] - 0.5)
    kept: Keypoints = np.zeros(keypoints.shape, np.float32)
    kept[labeled & fits] = keypoints[labeled & fits]
    return kept, labeled & ~fits


def without_visibility(points: NDArray[np.float64]) -> Keypoints:
    """Return (K, 2) as visible keypoints; those at (0, 0) or that are no numbers are not there."""
    there = np.isfinite(points).all(axis=1) & (points != 0).any(axis=1)
    keypoints: Keypoints = np.zeros((len(points), 3), np.float32)
    keypoints[there, :2], keypoints[there, 2] = points[there], VISIBLE
    return keypoints


def _boxes(people: Sequence[Person], points: Keypoints, size: Size) -> NDArray[np.float32]:
    boxes = keypoint_boxes(points)
    for i, person in enumerate(people):
        if person.box is not None:
            boxes[i] = person.box
        elif person.mask is not None and person.mask.area:
            boxes[i] = np.array(person.mask.box) - 0.5
    edge = np.tile([size[1] - 0.5, size[0] - 0.5], 2)
    return np.clip(boxes, -0.5, edge).astype(np.float32)


def _unknown(
    people: Sequence[Person],
    points: Keypoints,
    boxes: NDArray[np.float32],
    ignored: NDArray[np.bool_] | None,
    size: Size,
) -> NDArray[np.bool_] | None:
    unknown = np.zeros(size, bool) if ignored is None else ignored.copy()
    for person, keypoints, box in zip(people, points, boxes, strict=True):
        if keypoints[:, 2].any():
            continue
        if person.mask is not None:
            unknown |= person.mask.to_mask()
        else:
            x0, y0, x1, y1 = np.rint(box + 0.5).astype(int)
            unknown[y0:y1, x0:x1] = True
    return unknown if unknown.any() else None


def _lay(people: Sequence[Person], size: Size) -> Segmentation | None:
    """Lay all silhouettes into one map, smaller ones over larger ones; id i + 1 is person i.

    Pixels of a crowd that no person covers are `UNLABELED`.
    """
    masks = [person.mask for person in people if person.mask is not None]
    if len(masks) < len(people):
        return None
    category, instance = np.zeros(size, np.uint8), np.zeros(size, np.int32)
    for i in sorted(range(len(masks)), key=lambda i: (not people[i].crowd, -masks[i].area)):
        where = masks[i].to_mask()
        category[where] = UNLABELED if people[i].crowd else 1
        instance[where] = 0 if people[i].crowd else i + 1
    return Segmentation(category, instance)


@dataclass
class Remarks:
    """What was noticed in a file without leaving an image out: said once, with its number."""

    file: str
    counts: Counter[str] = field(default_factory=Counter)
    first: dict[str, str] = field(default_factory=dict)

    def add(self, what: str, where: str, count: int = 1) -> None:
        """Count `what` and remember where it was first."""
        if count:
            self.counts[what] += count
            self.first.setdefault(what, where)

    def outside(
        self, gone: NDArray[np.bool_], given: Keypoints, names: Sequence[str], where: str
    ) -> None:
        """Count the keypoints that cannot be used, `gone` (K,), of one person."""
        broken = gone & ~np.isfinite(given[:, :2]).all(axis=1)
        for wrong, how in ((broken, "are no numbers"), (gone & ~broken, "lie outside their image")):
            if wrong.any():
                k = int(np.argmax(wrong))
                place = f"'{names[k]}' of {where}, at ({given[k, 0]:g}, {given[k, 1]:g})"
                self.add(f"keypoints {how} and count as not labeled", place, int(wrong.sum()))

    def problems(self) -> list[Problem]:
        """Return one sentence for each kind."""
        return [
            Problem(
                self.file,
                f"Some {what}: {count} in '{Path(self.file).name}', the first is "
                f"{self.first[what]}. Correct them if there are many.",
                stops=False,
            )
            for what, count in self.counts.items()
        ]


def without_parts(records: Iterable[Record]) -> list[Record]:
    """Return the records without their part of a split where all have the same."""
    listed = list(records)
    if len({record.part for record in listed}) == 1:
        return [replace(record, part=None) for record in listed]
    return listed
