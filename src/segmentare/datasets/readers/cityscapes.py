"""Cityscapes: leftImg8bit/train/city/*_leftImg8bit.png, gtFine/train/city/*_labelIds.png, ...

Source: Cordts et al., "The Cityscapes Dataset for Semantic Urban Scene Understanding", CVPR 2016;
the ids and colors as in https://github.com/mcordts/cityscapesScripts (labels.py).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segmentare.annotations.geometry import Size
from segmentare.annotations.segmentation import UNLABELED, Category, Segmentation
from segmentare.datasets.base import Problem, Record
from segmentare.datasets.files import relative
from segmentare.datasets.listing import part_of
from segmentare.datasets.masks.reading import check_size, read_raw
from segmentare.datasets.object_dataset import BACKGROUND, Listed, ObjectDataset, distinct, opened
from segmentare.errors import DatasetError

#: Number in the files, name, color, and whether it can be counted, of the 19 scored categories.
LABELS: tuple[tuple[int, str, tuple[int, int, int], bool], ...] = (
    (7, "road", (128, 64, 128), False),
    (8, "sidewalk", (244, 35, 232), False),
    (11, "building", (70, 70, 70), False),
    (12, "wall", (102, 102, 156), False),
    (13, "fence", (190, 153, 153), False),
    (17, "pole", (153, 153, 153), False),
    (19, "traffic light", (250, 170, 30), False),
    (20, "traffic sign", (220, 220, 0), False),
    (21, "vegetation", (107, 142, 35), False),
    (22, "terrain", (152, 251, 152), False),
    (23, "sky", (70, 130, 180), False),
    (24, "person", (220, 20, 60), True),
    (25, "rider", (255, 0, 0), True),
    (26, "car", (0, 0, 142), True),
    (27, "truck", (0, 0, 70), True),
    (28, "bus", (0, 60, 100), True),
    (31, "train", (0, 80, 100), True),
    (32, "motorcycle", (0, 0, 230), True),
    (33, "bicycle", (119, 11, 32), True),
)

_LAST = 33  # the license plate, -1, is 255 in 8-bit files
_PER_KIND = 1000  # an object's number is 1000 times its kind, plus a count


def open_cityscapes(root: Path, task: str = "semantic") -> ObjectDataset | None:
    """Open folders leftImg8bit and gtFine (or gtCoarse), at most one below; `None` for others."""
    for place in (root, *sorted(root.glob("*/"))):
        truth = next((place / n for n in ("gtFine", "gtCoarse") if (place / n).is_dir()), None)
        if truth is not None and (place / "leftImg8bit").is_dir():
            break
    else:
        return None
    records: list[Record] = []
    problems: list[Problem] = []
    for image in sorted((place / "leftImg8bit").rglob("*_leftImg8bit.png")):
        folder = image.parent.relative_to(place / "leftImg8bit")
        stem = image.name.removesuffix("_leftImg8bit.png")
        mask = truth / folder / f"{stem}_{truth.name}_labelIds.png"
        lacking = [path.name for path in (mask, _objects_file(mask)) if not path.is_file()]
        if lacking:
            what = f"'{image.name}' needs '{lacking[0]}', which is missing; restore it."
            problems.append(Problem(relative(root, image), what, stops=True))
            continue
        records.append(Record(stem, image, mask, group=folder.name, part=part_of(folder.parts)))
    if len({record.part for record in records}) == 1:
        records = [Record(r.name, r.image, r.mask, group=r.group) for r in records]
    instance = task == "instance"
    listed = Listed(
        root, "cityscapes", f"Cityscapes (leftImg8bit, {truth.name}).", records, problems
    )

    def read(record: Record, size: Size) -> Segmentation:
        return _read(record, size, task)

    kinds = [
        Category(name, c, thing=thing) for _, name, c, thing in LABELS if thing or not instance
    ]
    return opened(listed, [BACKGROUND, *kinds] if instance else kinds, read)


def _objects_file(mask: Path) -> Path:
    return mask.with_name(mask.name.replace("_labelIds.png", "_instanceIds.png"))


def _table(task: str) -> NDArray[np.uint8]:
    """Return the category of every number of a kind in the files."""
    table = np.full(256, UNLABELED, np.uint8)
    if task == "instance":
        table[[number for number, _, _, thing in LABELS if not thing]] = 0
        table[[number for number, _, _, thing in LABELS if thing]] = range(1, 9)
    else:
        table[[number for number, _, _, _ in LABELS]] = range(len(LABELS))
    return table


def _read(record: Record, size: Size, task: str) -> Segmentation:
    mask = record.mask or record.image
    kinds = _numbers(mask, size)
    objects = _numbers(_objects_file(mask), size)
    if int(kinds.max(initial=0)) > _LAST and not (kinds[kinds > _LAST] == UNLABELED).all():
        raise DatasetError(
            f"'{mask.name}' must hold the numbers 0 to {_LAST} (and 255); it holds "
            f"{int(kinds[kinds != UNLABELED].max())}. Take the file of label ids."
        )
    category = _table(task)[kinds]
    is_thing = np.zeros(256, bool)
    is_thing[[number for number, _, _, thing in LABELS if thing]] = True
    single = is_thing[kinds] & (objects >= _PER_KIND)
    strange = single & (objects // _PER_KIND != kinds)
    if strange.any():
        raise DatasetError(
            f"'{_objects_file(mask).name}' holds the object {int(objects[strange][0])} where "
            f"'{mask.name}' has {int(kinds[strange][0])}; both must name the same kind."
        )
    if task != "semantic":  # a group that nobody told apart is no object
        category[is_thing[kinds] & ~single] = UNLABELED
    _, places = distinct(np.where(single, objects, 0))
    instance = places + int(single.all())
    return Segmentation(category, instance.astype(np.int32))


def _numbers(path: Path, size: Size) -> NDArray[np.int64]:
    raw = read_raw(path)
    check_size(path, raw.values.shape, size)
    if raw.space == "color":
        raise DatasetError(f"'{path.name}' must hold numbers, not colors; restore it.")
    return raw.values.astype(np.int64)
