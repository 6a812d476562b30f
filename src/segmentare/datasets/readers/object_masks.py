"""One mask file per object: a folder per image with `images/` (one file) and `masks/` (many).

Source: the 2018 Data Science Bowl; Caicedo et al., "Nucleus segmentation across imaging
experiments: the 2018 Data Science Bowl", Nature Methods 16, 2019.
"""

from __future__ import annotations

from pathlib import Path

from segmentare.annotations.geometry import Size
from segmentare.annotations.instances import Instances
from segmentare.annotations.runlengths import RLE
from segmentare.datasets.base import Problem, Record
from segmentare.datasets.files import relative
from segmentare.datasets.listing import part_of
from segmentare.datasets.masks.reading import check_size, read_raw
from segmentare.datasets.object_dataset import Listed, ObjectDataset, opened, things
from segmentare.errors import DatasetError
from segmentare.images.reading import is_image


def open_object_masks(
    root: Path, task: str = "semantic", *, forced: bool = False
) -> ObjectDataset | None:
    """Open folders `<id>/images/<id>.png` and `<id>/masks/*.png`, at most one below the root.

    Where no image has more than one mask, these are taken for objects only if objects are asked
    for, or if `forced`.
    """
    places = sorted([*root.glob("*/images/"), *root.glob("*/*/images/")])
    cases = [place.parent for place in places if _is_case(place.parent)]
    if not cases or 2 * len(cases) < len(places):
        return None
    if task == "semantic" and not forced and not any(_has_several(case) for case in cases):
        return None
    records: list[Record] = []
    problems: list[Problem] = []
    for case in cases:
        image = next(path for path in (case / "images").iterdir() if is_image(path))
        if not (case / "masks").is_dir():
            what = f"'{case.name}' has no folder 'masks'; add it or remove the image."
            problems.append(Problem(relative(root, image), what, stops=True))
            continue
        part = part_of(case.relative_to(root).parent.parts)
        records.append(Record(case.name, image, case / "masks", part=part))
    if len({record.part for record in records}) == 1:
        records = [Record(r.name, r.image, r.mask) for r in records]
    layout = "one folder per image, with a mask file for each object."
    listed = Listed(root, "object_masks", layout, records, problems)
    return opened(listed, things(["nucleus" if _is_bowl(root) else "object"]), _read)


def _is_case(case: Path) -> bool:
    """Tell whether a folder holds one image, and masks or nothing else."""
    files = [path for path in (case / "images").iterdir() if is_image(path)]
    return len(files) == 1 and not (case / "labels").is_dir()


def _has_several(case: Path) -> bool:
    masks = case / "masks"
    return masks.is_dir() and sum(is_image(path) for path in masks.iterdir()) > 1


def _is_bowl(root: Path) -> bool:
    return root.name.startswith("stage1") or any(root.glob("stage1*/"))


def _read(record: Record, size: Size) -> Instances:
    folder = record.mask or record.image
    masks = []
    for path in sorted(path for path in folder.iterdir() if is_image(path)):
        raw = read_raw(path)
        check_size(path, raw.values.shape, size)
        mask = RLE.from_mask(raw.values >= (128 if raw.lossy else 1))
        if not mask.area:
            raise DatasetError(
                f"'{path.name}' of '{record.name}' must show an object, but all its pixels are 0; "
                f"remove it."
            )
        masks.append(mask)
    return Instances(tuple(masks), (1,) * len(masks), size=size)
