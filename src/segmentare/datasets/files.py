"""A dataset of files: records, one rule for all masks, samples on demand."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from segmentare.annotations.geometry import Size
from segmentare.annotations.poses import Skeleton
from segmentare.annotations.segmentation import UNLABELED, Category, Sample, Segmentation
from segmentare.datasets.base import Problem, Record
from segmentare.datasets.masks.reading import MaskRule, misfit, read_mask, read_valid
from segmentare.datasets.masks.rules import decide
from segmentare.datasets.masks.surveys import Survey, survey
from segmentare.datasets.tables import ClassTable
from segmentare.errors import DatasetError
from segmentare.images.reading import header, read_image

_FEW = 8  # an image file with at most so many values looks like a mask


@dataclass(frozen=True)
class FileDataset:
    """Images and masks on disk, read one by one when they are asked for.

    Attributes:
        root: The folder.
        reader: Name of the reader that recognized it.
        layout: One sentence that says what was recognized and how the masks are read.
        categories: What the ids in the masks stand for; empty where no masks can be read.
        records: The images that have a readable mask; `len` and `[]` go over them.
        problems: What was noticed while listing the files.
        rule: How the masks are read; `None` where they cannot be.
        skeleton: The keypoints of each object; `None` in a dataset without keypoints.
    """

    root: Path
    reader: str
    layout: str
    categories: tuple[Category, ...]
    records: tuple[Record, ...]
    problems: tuple[Problem, ...]
    rule: MaskRule | None
    skeleton: Skeleton | None = field(default=None, kw_only=True)

    def __len__(self) -> int:
        return len(self.records)

    def __getitem__(self, index: int) -> Sample[Segmentation]:
        """Read one image and its mask.

        Raises:
            DatasetError: One of the files cannot be read, or they do not fit together.
        """
        record = self.records[index]
        image = read_image(record.image)
        height, width = image.shape[:2]
        return Sample(image, self.annotation(record, (height, width)), record.name, record.labels)

    def annotation(self, record: Record, size: Size) -> Segmentation:
        """Read the mask of a record whose image has this height and width.

        Raises:
            DatasetError: The mask is missing, cannot be read, or does not fit the image.
        """
        if record.mask is None or self.rule is None:
            raise DatasetError(f"'{record.name}' has no mask that can be read.")
        category = read_mask(record.mask, self.rule)
        found = Segmentation(category).size
        if found != size:
            raise DatasetError(_misfit(record.mask, record.image, found, size))
        if record.valid is not None:
            category[~read_valid(record.valid, size)] = UNLABELED
        return Segmentation(category)

    def without(self, names: Collection[str]) -> FileDataset:
        """Return the dataset without the records of these names."""
        left_out = frozenset(names)
        return replace(self, records=tuple(r for r in self.records if r.name not in left_out))

    def relative(self, path: Path) -> str:
        """Return a file's path as problems name it: relative to the root, with slashes."""
        return relative(self.root, path)


def relative(root: Path, path: Path) -> str:
    """Return a path relative to the root where it lies below, with slashes."""
    return (path.relative_to(root) if path.is_relative_to(root) else path).as_posix()


def build(
    opened: FileDataset, table: ClassTable | None = None, object_name: str = "object"
) -> FileDataset:
    """Look at all masks of a dataset whose files are listed, and decide how they are read.

    What cannot be read leaves the records and becomes a problem; where the masks as a whole
    cannot be read, no record is left and a problem without a file says why.

    Args:
        opened: The dataset with neither rule nor categories.
        table: Names, numbers and colors of the categories, where they are known.
        object_name: Name of the object of a binary dataset that has no table.
    """
    problems = list(opened.problems)
    records = [record for record in opened.records if record.mask is not None]
    surveys = survey([record.mask for record in records if record.mask is not None])
    if not records:
        return replace(opened, records=(), problems=tuple(problems))
    problems += [
        Problem(opened.relative(found.path), found.problem, stops=True)
        for found in surveys
        if found.problem
    ]
    try:
        decision = decide(surveys, table, object_name)
    except DatasetError as error:
        what = _swapped(opened, records, surveys) or str(error)
        problems.append(Problem("", what, stops=True))
        return replace(opened, records=(), problems=tuple(problems))
    problems += [
        Problem(opened.relative(path), what, stops=True) for path, what in decision.outsiders
    ]
    if decision.warning:
        problems.append(Problem("", decision.warning, stops=False))
    broken = {found.path for found in surveys if found.problem}
    broken |= {path for path, _ in decision.outsiders}
    return FileDataset(
        opened.root,
        opened.reader,
        f"{opened.layout.rstrip('.')}; {decision.rule.description}.",
        decision.categories,
        tuple(record for record in records if record.mask not in broken),
        tuple(problems),
        decision.rule,
    )


def unread(
    root: Path, reader: str, layout: str, records: Sequence[Record], problems: Sequence[Problem]
) -> FileDataset:
    """Return a dataset whose files are listed but whose masks nobody has looked at, for `build`."""
    return FileDataset(root, reader, layout, (), tuple(records), tuple(problems), None)


def _swapped(opened: FileDataset, records: Sequence[Record], surveys: Sequence[Survey]) -> str:
    """Say that images and masks have changed places, if the files look like that."""
    seen = survey([record.image for record in records[:8]])
    few = [found for found in seen if not found.problem and len(found.values) <= _FEW]
    readable = [found for found in surveys if not found.problem]
    if not few or len(few) < len([found for found in seen if not found.problem]):
        return ""
    if sum(len(found.values) > _FEW for found in readable) * 2 < len(readable):
        return ""
    return (
        f"Images and masks look swapped: '{opened.relative(records[0].image)}' is taken for an "
        f"image but holds {len(seen[0].values)} values, like a mask; exchange the two folders."
    )


def _misfit(mask: Path, image: Path, found: Size, size: Size) -> str:
    """Say how the sizes of a mask and its upright image differ."""
    stored, orientation = header(image)
    if orientation == 1 or found != stored:
        return misfit(mask, found, size)
    return (
        f"'{mask.name}' was drawn on '{image.name}' before the rotation that its EXIF data ask "
        f"for (orientation {orientation}); rotate the mask the same way, or remove that entry "
        f"from the image."
    )
