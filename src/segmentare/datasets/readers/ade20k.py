"""ADE20K: photographs with `<name>_seg.png` and `<name>.json` beside them.

In `_seg.png` the number of the category is red // 10 * 256 + green, and blue counts the objects.

Source: Zhou et al., "Scene Parsing through ADE20K Dataset", CVPR 2017; the encoding as in
https://github.com/CSAILVision/ADE20K; which categories are stuff, of the 150 of sceneparsing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from segmentare.annotations.geometry import Size
from segmentare.annotations.segmentation import (
    MAX_CATEGORIES,
    UNLABELED,
    Category,
    Segmentation,
    distinct_color,
)
from segmentare.datasets.base import Problem, Record
from segmentare.datasets.files import relative
from segmentare.datasets.listing import part_of
from segmentare.datasets.masks.reading import check_size
from segmentare.datasets.object_dataset import (
    BACKGROUND,
    Listed,
    ObjectDataset,
    distinct,
    opened,
    read_json,
)
from segmentare.datasets.pairing import named
from segmentare.errors import DatasetError
from segmentare.images.pictures import open_picture
from segmentare.images.reading import explained, is_image, read_bytes

STUFF = frozenset(
    {
        *("wall", "building", "sky", "floor", "ceiling", "road", "grass", "sidewalk", "earth"),
        *("mountain", "water", "house", "sea", "rug", "field", "sand", "skyscraper", "grandstand"),
        *("path", "runway", "stairway", "river", "bridge", "hill", "hovel", "tower", "dirt track"),
        *("land", "escalator", "stage", "conveyer belt", "swimming pool", "waterfall", "lake"),
        "pier",
    }
)


def open_ade20k(root: Path, task: str = "semantic") -> ObjectDataset | None:
    """Open files `*_seg.png` and `*.json` beside photographs, at any depth; `None` for others."""
    masks = sorted(root.rglob("*_seg.png"))
    if not masks or not any(_stem(path).with_suffix(".json").is_file() for path in masks[:20]):
        return None
    records: list[Record] = []
    problems: list[Problem] = []
    names: dict[int, str] = {}
    often: Counter[int] = Counter()
    for mask in masks:
        image = next(
            (p for p in sorted(mask.parent.glob(f"{_stem(mask).name}.*")) if is_image(p)), None
        )
        table = _stem(mask).with_suffix(".json")
        if image is None or not table.is_file():
            lacking = "photograph" if image is None else f"'{table.name}'"
            what = f"'{mask.name}' needs its {lacking} beside it; restore it."
            problems.append(Problem(relative(root, mask), what, stops=True))
            continue
        found = _names(table)
        names.update(found)
        often.update(found.keys())
        records.append(Record("", image, mask, part=part_of(mask.parent.relative_to(root).parts)))
    if len({record.part for record in records}) == 1:
        records = [Record("", r.image, r.mask) for r in records]
    kept = {n for n, _ in often.most_common(MAX_CATEGORIES - 1)}
    if len(kept) < len(often):
        what = (
            f"Of {len(often)} categories the {len(kept)} most frequent are used; pixels of the "
            f"others count as unlabeled."
        )
        problems.append(Problem("", what, stops=False))
    table_of, categories = _categories({n: names[n] for n in sorted(kept)}, task)
    listed = Listed(root, "ade20k", "ADE20K (_seg.png, json).", named(root, records), problems)

    def read(record: Record, size: Size) -> Segmentation:
        return _read(record.mask or record.image, size, table_of, categories)

    return opened(listed, categories, read)


def _stem(mask: Path) -> Path:
    return mask.with_name(mask.name.removesuffix("_seg.png"))


def _names(path: Path) -> dict[int, str]:
    """Return the names of the categories of one image by their numbers.

    Raises:
        DatasetError: The JSON is damaged or not ADE20K's.
    """
    data: Any = read_json(path)
    try:
        return {int(o["name_ndx"]): str(o["name"]) for o in data["annotation"]["object"]}
    except (KeyError, TypeError, ValueError) as error:
        raise DatasetError(
            f"'{path.name}' must list objects with 'name_ndx' and 'name' as ADE20K does; it lacks "
            f"{error}. Restore it."
        ) from error


def _categories(names: Mapping[int, str], task: str) -> tuple[Mapping[int, int], list[Category]]:
    """Give the numbers ids without gaps; for the instance task all stuff is background."""
    short = {number: name.split(",")[0].strip() for number, name in names.items()}
    often = Counter(short.values())
    shown = {n: names[n] if often[short[n]] > 1 else short[n] for n in names}
    is_stuff = {number: name in STUFF for number, name in short.items()}
    if task != "instance":
        kinds = [
            Category(shown[n], distinct_color(i), thing=not is_stuff[n])
            for i, n in enumerate(names, start=1)
        ]
        return {n: i for i, n in enumerate(names)}, kinds
    things = [n for n in names if not is_stuff[n]]
    ids = dict.fromkeys(names, 0) | {n: i for i, n in enumerate(things, start=1)}
    found = [Category(shown[n], distinct_color(ids[n]), thing=True) for n in things]
    return ids, [BACKGROUND, *found]


def _read(
    path: Path, size: Size, ids: Mapping[int, int], categories: list[Category]
) -> Segmentation:
    data = read_bytes(path)
    with explained(path), open_picture(data) as picture:
        colors = np.asarray(picture.convert("RGB")).astype(np.int32)
    check_size(path, colors.shape[:2], size)
    numbers = colors[..., 0] // 10 * 256 + colors[..., 1]
    pairs, places = distinct(numbers * 256 + colors[..., 2])
    category = np.array([ids.get(int(pair) // 256, UNLABELED) for pair in pairs], np.uint8)
    thing = np.array([c != UNLABELED and categories[c].thing for c in category], bool)
    instance = np.where(thing, np.cumsum(thing), 0).astype(np.int32)
    return Segmentation(category[places], instance[places])
