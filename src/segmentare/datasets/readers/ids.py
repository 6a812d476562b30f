"""Maps of ids: one file per image, 0 for the background and a number for each object."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segmentare.annotations.geometry import Size
from segmentare.annotations.segmentation import Category, Segmentation
from segmentare.datasets.base import Record
from segmentare.datasets.masks.reading import Values, check_size, read_raw
from segmentare.datasets.masks.surveys import survey
from segmentare.datasets.object_dataset import Listed, ObjectDataset, distinct, opened, things
from segmentare.datasets.readers.folder import list_pairs
from segmentare.datasets.tables import find_classes, read_rows
from segmentare.errors import DatasetError

_LOOK = 8  # files whose pixels are looked at to tell ids of objects from ids of categories
_PIECES = 1.3  # an object is one piece, but for a few that others cut in two
_NAMES = {"nucle": "nucleus", "cell": "cell", "pedestrian": "person"}
TABLE = "objects.csv"  #: columns image, id, category, where there is more than one category


def open_ids(root: Path, task: str = "semantic", *, forced: bool = False) -> ObjectDataset | None:
    """Open folders of images and maps of ids; `None` for others.

    A folder with `objects.csv` holds ids. Else the numbers tell, unless `forced`: an id stands for
    one piece. The semantic task takes only maps of more than 8 bits for maps of ids, since a small
    number may as well be a category.
    """
    listed = list_pairs(root)
    masks = [r.mask for r in listed.records if r.mask is not None] if listed else []
    if listed is None or not masks:
        return None
    sure = forced or (root / TABLE).is_file()
    if not sure and not _hold_ids(masks, deep_only=task == "semantic"):
        return None
    categories, kinds = _categories(root)
    layout = f"{listed.layout}; the masks hold an id for every object."

    def read(record: Record, size: Size) -> Segmentation:
        path = record.mask or record.image
        ids, instance = read_ids(path, size)
        table = [kinds.get((record.image.name, number), 1) for number in ids]
        category = np.array([0, *table], np.uint8)[instance]
        return Segmentation(category, instance)

    found = Listed(root, "ids", layout, listed.records, listed.problems)
    return replace(opened(found, categories, read), problems=listed.problems)


def _categories(root: Path) -> tuple[tuple[Category, ...], dict[tuple[str, int], int]]:
    """Return the categories, and that of each object by the image's name and its id in the file.

    Raises:
        DatasetError: The table of objects names a category that the table of categories lacks.
    """
    if not (root / TABLE).is_file():
        name = next((n for part, n in _NAMES.items() if part in root.resolve().name.lower()), None)
        return things([name or "object"]), {}
    rows = read_rows(root / TABLE)
    table = find_classes([root])
    categories = table.categories if table else things(dict.fromkeys(r["category"] for r in rows))
    categories = tuple(replace(c, thing=not c.background) for c in categories)
    place = {category.name: index for index, category in enumerate(categories)}
    kinds = {}
    for number, row in enumerate(rows, start=2):
        if row.get("category") not in place or not row.get("id", "").isdigit():
            raise DatasetError(
                f"Line {number} of '{TABLE}' must name image, id and one of the categories "
                f"{', '.join(place)}; got {row}."
            )
        kinds[row["image"], int(row["id"])] = place[row["category"]]
    return categories, kinds


def _hold_ids(masks: Sequence[Path], *, deep_only: bool) -> bool:
    """Tell whether the numbers in some files are objects: several, and each in one piece."""
    chosen = [masks[i] for i in np.unique(np.linspace(0, len(masks) - 1, _LOOK).astype(int))]
    several = False
    pieces = objects = 0
    for found in survey(chosen):
        if found.problem or found.space == "color":
            continue
        if deep_only and found.counts:
            return False
        numbers = [value for value in found.values if value]
        several |= len(numbers) > 1
        if len(numbers) > 1:
            pieces += _pieces(read_raw(found.path).values)
            objects += len(numbers)
    return several and pieces <= _PIECES * objects and objects > 2


def _pieces(values: Values) -> int:
    """Return the number of pieces of equal value above 0 in a map, joined by edges or corners."""
    from scipy import ndimage

    labels = np.asarray(values, np.int32)
    corners = np.ones((3, 3), bool)
    boxes = enumerate(ndimage.find_objects(labels), start=1)
    return sum(
        int(ndimage.label(labels[box] == number, corners)[1]) for number, box in boxes if box
    )


def read_ids(path: Path, size: Size) -> tuple[list[int], NDArray[np.int32]]:
    """Return the ids of a file in ascending order, and a map in which they are 1, 2, ...

    Raises:
        DatasetError: The file cannot be read, has another size, holds colors, or has run out of
            numbers for its objects.
    """
    raw = read_raw(path)
    check_size(path, raw.values.shape, size)
    if raw.space == "color":
        raise DatasetError(
            f"'{path.name}' holds colors where ids are expected; if they code the segments of COCO "
            f"panoptic, put its JSON beside the folder, else save the ids as 16-bit gray PNG."
        )
    if raw.lossy:
        raise DatasetError(
            f"'{path.name}' is saved with JPEG, which changes ids; export it as 16-bit PNG."
        )
    ids, places = distinct(raw.values)
    shift = 0 if len(ids) and ids[0] == 0 else 1
    if raw.values.dtype == np.uint8 and len(ids) == 256 and _pieces(raw.values) > 255:
        raise DatasetError(
            f"'{path.name}' has 8 bits, enough for 255 objects, but shows {_pieces(raw.values)} "
            f"pieces, so ids stand for several objects; export it with 16 bits."
        )
    instance = (places + shift).astype(np.int32)
    return [int(number) for number in ids if number], instance
