"""A dataset with masks or objects in another format, and what that format cannot hold."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from segmentare.annotations.instances import Flattened, Instances
from segmentare.annotations.segmentation import Category, Segmentation
from segmentare.datasets import WITH_STUFF, recognize
from segmentare.datasets.base import Record
from segmentare.datasets.files import FileDataset
from segmentare.datasets.object_dataset import ObjectDataset
from segmentare.datasets.writers.coco import CocoWriter, PanopticWriter
from segmentare.datasets.writers.formats import (
    DatasetWriter,
    IdWriter,
    Item,
    MaskWriter,
    Writer,
    YoloWriter,
    connected_parts,
)
from segmentare.errors import DatasetError, OutputExistsError
from segmentare.images.reading import header, image_size
from segmentare.progress import Display
from segmentare.result import Result

FORMATS: dict[str, type[Writer]] = {
    "coco": CocoWriter,
    "yolo": YoloWriter,
    "masks": MaskWriter,
    "ids": IdWriter,
    "panoptic": PanopticWriter,
}

#: Formats of keypoints, which `converting_poses` writes.
POSE_FORMATS = ("openpose", "coco-keypoints")


@dataclass(frozen=True, repr=False)
class Converted(Result):
    """What a conversion wrote.

    Attributes:
        out: The new dataset.
        layout: Its format in words.
        images: Number of images written.
        objects: Number of objects in them.
        lost: What the format cannot hold, and how many objects, regions or images suffered.
        notes: What is written otherwise than one may expect, and how often.
        remarks: What the reader said of the data without leaving anything out.
        skipped: (file, reason) of what could not be read and is not in the new dataset.
    """

    out: Path
    layout: str
    images: int
    objects: int
    lost: dict[str, int]
    notes: dict[str, int]
    remarks: tuple[str, ...]
    skipped: tuple[tuple[str, str], ...]

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON-ready data."""
        skipped = [{"file": file, "reason": reason} for file, reason in self.skipped]
        return {**vars(self), "out": str(self.out), "skipped": skipped}

    @property
    def title(self) -> str:
        """How much was written."""
        with_objects = f" with {self.objects} objects" if self.objects else ""
        return f"Wrote {self.images} images{with_objects} as {self.layout}."

    @property
    def summary(self) -> Mapping[str, object]:
        """Where it is and what was lost."""
        return {
            "folder": self.out,
            "lost": "; ".join(f"{what} ({count})" for what, count in self.lost.items())
            or "nothing",
            "notes": "; ".join(f"{what} ({count})" for what, count in self.notes.items()),
            "remarks": " ".join(self.remarks),
            "skipped": "; ".join(f"{file}: {reason}" for file, reason in self.skipped),
        }

    @property
    def exit_code(self) -> int:
        """1 where an image had to be left out."""
        return 1 if self.skipped else 0

    def tables(self) -> Iterator[str]:
        """Yield the result in sentences, the losses first."""
        yield self.title
        yield from (f"Lost: {what} ({count})." for what, count in self.lost.items())
        if not self.lost:
            yield "The format holds everything that was read."
        yield from (f"Note: {what} ({count})." for what, count in self.notes.items())
        yield from (f"Note: {remark}" for remark in self.remarks)
        yield from (f"Skipped: {file}: {reason}" for file, reason in self.skipped)


def convert_objects(
    data: Path, out: Path, to: str, reader: str | None, display: Display
) -> Converted:
    """Write a dataset with masks or objects in another format; see `commands.convert`.

    Args:
        data: Folder of the dataset.
        out: Folder of the new one, which is free.
        to: A key of `FORMATS`.
        reader: Name of the reader, where the layout is not recognized rightly.
        display: Where progress is shown.

    Raises:
        DatasetError: The data cannot be read, or hold no usable image.
    """
    dataset = _open_whole(data, reader, to)
    with new_folder(out) as building:
        writer = FORMATS[to](building, _counted(dataset))
        written, skipped = _write_all(dataset, writer, display)
        writer.finish()
    if not writer.tells_apart and not isinstance(dataset, ObjectDataset):
        writer.objects = 0
    remarks = [problem.what for problem in dataset.problems if not problem.stops]
    return converted(out, writer, written, remarks, skipped)


def converted(
    out: Path,
    writer: DatasetWriter[Any],
    images: int,
    remarks: Sequence[str],
    skipped: Sequence[tuple[str, str]],
) -> Converted:
    """Return what a writer wrote; see `Converted`."""
    return Converted(
        out=out,
        layout=writer.layout,
        images=images,
        objects=writer.objects,
        lost={what: count for what, count in writer.lost.items() if count},
        notes={what: count for what, count in writer.notes.items() if count},
        remarks=tuple(remarks),
        skipped=tuple(skipped),
    )


def check_free(out: Path) -> None:
    """Refuse a folder with something in it.

    Raises:
        OutputExistsError: There is something in `out`.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise OutputExistsError(f"'{out}' holds something already. Give another `out`.")


@contextmanager
def new_folder(out: Path) -> Iterator[Path]:
    """Yield a folder to write into that becomes `out` in the end, or vanishes after an error."""
    out.parent.mkdir(parents=True, exist_ok=True)
    building = out.with_name(f".{uuid.uuid4().hex}.tmp")
    try:
        building.mkdir()
        yield building
        if out.exists():
            out.rmdir()
        building.rename(out)
    finally:
        shutil.rmtree(building, ignore_errors=True)


def _open_whole(data: Path, reader: str | None, to: str) -> FileDataset:
    """Open a dataset for the task that keeps most of what it holds."""
    task = "panoptic" if to == "panoptic" else "instance"
    found = recognize(data, reader, task)
    if task == "instance" and found.reader in WITH_STUFF:  # so that lost stuff can be told
        found = recognize(data, found.reader, "panoptic")
    if not found.records:
        reasons = [problem.what for problem in found.problems if problem.stops]
        raise DatasetError(f"'{data}' must hold images that can be read. {' '.join(reasons[-1:])}")
    return found


def _counted(dataset: FileDataset) -> tuple[Category, ...]:
    """Return the categories, countable where objects are to be made of plain masks."""
    if isinstance(dataset, ObjectDataset):
        return dataset.categories
    return tuple(replace(c, thing=not c.background) for c in dataset.categories)


def _write_all(
    dataset: FileDataset, writer: Writer, display: Display
) -> tuple[int, tuple[tuple[str, str], ...]]:
    """Write all images that can be read; return how many, and why the others could not."""
    skipped = [(problem.file, problem.what) for problem in dataset.problems if problem.stops]
    written = 0
    for record in display.over(dataset.records, "Converting", len(dataset.records)):
        try:
            item = _item(dataset, record, writer)
        except DatasetError as error:
            skipped.append((dataset.relative(record.mask or record.image), str(error)))
            continue
        writer.add(item)
        written += 1
        if header(record.image)[1] != 1:
            writer.notes[
                "images are stored turned; readers that ignore their EXIF data see them so"
            ] += 1
    return written, tuple(skipped)


def _item(dataset: FileDataset, record: Record, writer: Writer) -> Item:
    """Read one image's annotation, whole objects and all in one map."""
    size = image_size(record.image)
    found: Instances | Segmentation
    if isinstance(dataset, ObjectDataset):
        found = dataset.read(record, size)
    else:
        kinds = [i for i, category in enumerate(writer.categories) if category.thing]
        found = connected_parts(dataset.annotation(record, size).category, kinds)
        note = "images without object ids: each connected part became one object"
        writer.notes[note] += writer.tells_apart
    if isinstance(found, Instances):
        flat = found.to_segmentation(writer.categories)
        return Item(record.name, record.image, record.part, found, flat)
    objects = Instances.from_segmentation(found)
    return Item(record.name, record.image, record.part, objects, Flattened(found, (), ()))
