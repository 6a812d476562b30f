"""Which mask belongs to which image, and what to say where that is not clear."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from segmentare.datasets.base import Problem, Record
from segmentare.datasets.files import relative
from segmentare.datasets.listing import Found


def pair(root: Path, found: Sequence[Found]) -> tuple[list[Record], list[Problem]]:
    """Give every image its mask.

    A mask fits by its stem, or by its stem without a word such as `_mask`. Of several that fit,
    the one in the same part of the folder tree counts, then the one whose folder has the likelier
    name; two in one folder are a problem, and so is an image or a mask without a partner.
    """
    images = [file for file in found if file.role == "image"]
    masks = [file for file in found if file.role == "mask"]
    by_key: dict[str, list[Found]] = {}
    for mask in masks:
        for key in mask.keys:
            by_key.setdefault(key, []).append(mask)
    same_key = Counter(key for image in images for key in image.keys)
    records: list[Record] = []
    problems: list[Problem] = []
    owner: dict[Path, Found] = {}
    for image in images:
        fitting = _fitting(image, by_key, same_key)
        if len(fitting) == 1 and fitting[0].path in owner:
            what = (
                f"'{image.path.name}' and '{owner[fitting[0].path].path.name}' both fit the mask "
                f"'{fitting[0].path.name}'; every image needs its own, so rename or remove one."
            )
            problems.append(Problem(relative(root, image.path), what, stops=True))
        elif len(fitting) == 1:
            owner[fitting[0].path] = image
            records.append(Record("", image.path, fitting[0].path, part=image.part))
        else:
            problems.append(_unclear(root, image, fitting))
    problems += _unused(root, masks, owner)
    return named(root, records), problems


def _fitting(image: Found, by_key: dict[str, list[Found]], same_key: Counter[str]) -> list[Found]:
    """Return the masks that fit an image best; more than one if that is not clear."""
    for key in image.keys:
        masks = by_key.get(key, [])
        near = [mask for mask in masks if mask.context == image.context]
        if not near and same_key[key] == 1:  # "Training_Images" and "Ground_Truth"
            near = [
                mask for mask in masks if None in {mask.part, image.part} or mask.part == image.part
            ]
        if near:
            best = min(mask.rank for mask in near)
            return [mask for mask in near if mask.rank == best]
    return []


def _unclear(root: Path, image: Found, fitting: Sequence[Found]) -> Problem:
    what = f"'{image.path.name}' has no mask; add one or remove the image."
    if fitting:
        names = " and ".join(f"'{relative(root, mask.path)}'" for mask in fitting)
        what = f"'{image.path.name}' must have one mask, but {names} fit; remove all but one."
    return Problem(relative(root, image.path), what, stops=True)


def _unused(root: Path, masks: Sequence[Found], owner: dict[Path, Found]) -> list[Problem]:
    """Name the masks without an image, in the folders that masks were taken from."""
    used = {path.parent for path in owner} or {mask.path.parent for mask in masks}
    return [
        Problem(
            relative(root, mask.path),
            f"'{mask.path.name}' has no image; add one or remove the mask.",
            stops=True,
        )
        for mask in masks
        if mask.path not in owner and mask.path.parent in used
    ]


def named(root: Path, records: Sequence[Record]) -> list[Record]:
    """Give every record a unique name: the stem, else the path, else with its ending as well."""
    paths = [record.image for record in records]
    names = [path.stem for path in paths]
    for longer in (_path_name, _full_name):
        often = Counter(names)
        names = [
            longer(root, path) if often[name] > 1 else name
            for name, path in zip(names, paths, strict=True)
        ]
    return [
        Record(name, r.image, r.mask, r.valid, r.labels, r.group, r.part)
        for name, r in zip(names, records, strict=True)
    ]


def _path_name(root: Path, path: Path) -> str:
    return relative(root, path.with_suffix("")).strip("/").replace("/", "-")


def _full_name(root: Path, path: Path) -> str:
    return relative(root, path).strip("/").replace("/", "-").replace(".", "-")
