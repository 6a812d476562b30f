"""`segmentare convert` between formats of keypoints: any dataset to OpenPose's JSON or COCO's."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from segmentare.annotations.geometry import Size
from segmentare.annotations.poses import HIDDEN, Poses, Skeleton
from segmentare.annotations.skeletons import dropped
from segmentare.atomic import write_text
from segmentare.datasets import open_dataset
from segmentare.datasets.as_skeleton import conversion, in_skeleton
from segmentare.datasets.converting import Converted, converted, new_folder
from segmentare.datasets.listing import list_images
from segmentare.datasets.pose_dataset import PoseDataset
from segmentare.datasets.readers.coco_keypoints import keypoint_files
from segmentare.datasets.readers.coco_marks import Marks, read_marks
from segmentare.datasets.readers.openpose import LAYOUTS, SUFFIX, file_name, read_openpose, to_json
from segmentare.datasets.readers.openpose_dataset import openpose_files
from segmentare.datasets.writers.formats import DatasetWriter
from segmentare.datasets.writers.keypoints import CocoKeypoints
from segmentare.errors import DatasetError
from segmentare.images.reading import image_size
from segmentare.progress import Display


@dataclass(frozen=True)
class _Shown:
    """One image on its way into another format; `size` and `image` are `None` if unknown."""

    name: str
    image: Path | None
    part: str | None
    size: Size | None
    poses: Poses


@dataclass(frozen=True)
class _Source:
    """People read from somewhere; `shown` yields an image, or (file, reason) of a bad one."""

    skeleton: Skeleton
    category: str
    count: int
    shown: Iterator[_Shown | tuple[str, str]]
    remarks: tuple[str, ...] = ()


def convert_poses(
    data: Path,
    out: Path,
    to: str,
    *,
    reader: str | None = None,
    skeleton: Skeleton | None = None,
    display: Display,
) -> Converted:
    """Write people with keypoints in another format; see `commands.convert`.

    The folder may hold annotation files alone. Images are copied where they are there.

    Raises:
        DatasetError: The data cannot be read, or hold no usable image.
        ValueError: OpenPose, or `skeleton`, has none of the keypoints.
    """
    source = _source(data, reader, skeleton)
    if skeleton is not None:
        source = _in_skeleton(source, skeleton)
    skipped: list[tuple[str, str]] = []
    images = 0
    with new_folder(out) as building:
        kind = _OpenPose if to == "openpose" else _Coco
        writer: DatasetWriter[_Shown] = kind(building, source)
        for shown in display.over(source.shown, "Converting", source.count):
            if not isinstance(shown, _Shown):
                skipped.append(shown)
                continue
            writer.add(shown)
            images += 1
        if not images:
            reasons = " ".join(reason for _, reason in skipped[:1])
            raise DatasetError(f"'{data}' must hold people that can be read. {reasons}".strip())
        writer.finish()
    return converted(out, writer, images, source.remarks, skipped)


class _OpenPose(DatasetWriter[_Shown]):
    """One file for each image, of 25 keypoints, or of 18 where there were those 18."""

    def __init__(self, out: Path, source: _Source) -> None:
        super().__init__(out)
        self._layout = 18 if source.skeleton.keypoints == LAYOUTS[18].keypoints else 25
        self.layout = f"OpenPose's JSON of {self._layout} keypoints (keypoints/*{SUFFIX})"
        gone = set(dropped(source.skeleton, LAYOUTS[self._layout]))
        self._gone = np.array([name in gone for name in source.skeleton.keypoints])

    def add(self, item: _Shown) -> None:
        self.objects += int((item.poses.keypoints[..., 2] > 0).any(axis=1).sum())
        visibility = item.poses.keypoints[..., 2]
        empty = int((~(visibility > 0).any(axis=1)).sum())
        self.lost["keypoints that OpenPose does not have"] += int(
            (visibility[:, self._gone] > 0).sum()
        )
        self.lost["crowds and people without keypoints are left out"] += empty
        if item.poses.segmentation is not None:
            self.lost["silhouettes"] += len(item.poses)
        if item.poses.scores is None:
            self.notes["hidden keypoints are written as visible ones"] += int(
                (visibility == HIDDEN).sum()
            )
        text = to_json(item.poses, self._layout)
        write_text(self.out / "keypoints" / file_name(item.name), text)
        _copy(item, self.out / "images")


class _Coco(DatasetWriter[_Shown]):
    """One file for each part of the split, with the keypoints as they are."""

    layout = "COCO keypoints (annotations/person_keypoints_*.json)"

    def __init__(self, out: Path, source: _Source) -> None:
        super().__init__(out)
        self._source = source
        self._files: dict[str, CocoKeypoints] = {}

    def add(self, item: _Shown) -> None:
        self.objects += int((item.poses.keypoints[..., 2] > 0).any(axis=1).sum())
        folder = item.part or "images"
        file = self._files.setdefault(
            folder, CocoKeypoints(self._source.skeleton, self._source.category)
        )
        copied = _copy(item, self.out / folder)
        if copied is None:
            self.notes["images are not there, so their names are guessed"] += 1
        self.notes["images without size, which no file says"] += item.size is None
        file.add(copied or f"{item.name}.jpg", item.poses, item.size)

    def finish(self) -> None:
        for name, file in self._files.items():
            path = self.out / "annotations" / f"person_keypoints_{name}.json"
            write_text(path, json.dumps(file.to_dict()))


def _copy(shown: _Shown, folder: Path) -> str | None:
    """Copy the image if there is one, and return its new name."""
    if shown.image is None:
        return None
    folder.mkdir(parents=True, exist_ok=True)
    name = f"{shown.name}{shown.image.suffix.lower()}"
    shutil.copyfile(shown.image, folder / name)
    return name


def _source(data: Path, reader: str | None, skeleton: Skeleton | None) -> _Source:
    """Open a dataset, or annotation files without images; `skeleton` names unnamed keypoints."""
    dataset = open_dataset(data, reader, "body", skeleton)
    if not dataset.records and not list_images(data):
        if dataset.reader == "openpose":
            return _from_openpose(data, openpose_files(data))
        if dataset.reader == "coco_keypoints":
            found = (read_marks(path, skeleton) for path in keypoint_files(data))
            return _from_coco(next(marks for marks in found if marks is not None))
    if not isinstance(dataset, PoseDataset) or dataset.skeleton is None:
        raise DatasetError(f"'{data}' must hold people with keypoints; it holds none.")
    remarks = tuple(problem.what for problem in dataset.problems if not problem.stops)
    return _Source(
        dataset.skeleton,
        dataset.categories[-1].name,
        len(dataset.records),
        _from_dataset(dataset),
        remarks,
    )


def _in_skeleton(source: _Source, wanted: Skeleton) -> _Source:
    """Return the same people with the keypoints of another skeleton."""
    remark = conversion(source.skeleton, wanted)

    def shown() -> Iterator[_Shown | tuple[str, str]]:
        for given in source.shown:
            if isinstance(given, _Shown):
                yield replace(given, poses=in_skeleton(given.poses, wanted))
            else:
                yield given

    remarks = (*source.remarks, remark) if remark else source.remarks
    return replace(source, skeleton=wanted, shown=shown(), remarks=remarks)


def _from_dataset(dataset: PoseDataset) -> Iterator[_Shown | tuple[str, str]]:
    yield from ((problem.file, problem.what) for problem in dataset.problems if problem.stops)
    for record in dataset.records:
        try:
            size = image_size(record.image)
            poses = dataset.annotation(record, size)
        except DatasetError as error:
            yield dataset.relative(record.image), str(error)
            continue
        yield _Shown(record.name, record.image, record.part, size, poses)


def _from_openpose(data: Path, files: list[Path]) -> _Source:
    def shown() -> Iterator[_Shown | tuple[str, str]]:
        for path in files:
            try:
                poses = read_openpose(path, layout=count)
            except DatasetError as error:
                yield path.relative_to(data).as_posix(), str(error)
                continue
            if len(poses.skeleton.keypoints) == count:
                yield _Shown(path.name.removesuffix(SUFFIX), None, None, None, poses)
            else:
                what = f"'{path.name}' must have {count} keypoints like the first file."
                yield path.relative_to(data).as_posix(), what

    count = _layout(files)
    return _Source(LAYOUTS[count], "person", len(files), shown())


def _layout(files: list[Path]) -> int:
    """Return the layout of the first file with people in it."""
    for path in files:
        try:
            poses = read_openpose(path)
        except DatasetError:
            continue
        if len(poses):
            return len(poses.skeleton.keypoints)
    return 25


def _from_coco(marks: Marks) -> _Source:
    def shown() -> Iterator[_Shown | tuple[str, str]]:
        for number, entry in marks.file.images.items():
            name = str(entry["file_name"])
            try:
                size = int(entry["height"]), int(entry["width"])
                poses = marks.poses(number, size)
            except DatasetError as error:
                yield name, str(error)
                continue
            except KeyError:
                yield name, f"'{name}' must have its height and width in the file; add them."
                continue
            if number in marks.wrong:
                yield name, marks.wrong[number]
            else:
                yield _Shown(Path(name).stem, None, marks.file.part, size, poses)

    remarks = tuple(problem.what for problem in marks.remarks.problems())
    kind = marks.kind
    return _Source(kind.skeleton, kind.name, len(marks.file.images), shown(), remarks)
