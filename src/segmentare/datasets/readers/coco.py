"""COCO instances: `annotations/instances_*.json` with polygons or run lengths, and image folders.

Source: Lin et al., "Microsoft COCO: Common Objects in Context", ECCV 2014,
https://cocodataset.org/#format-data.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from segmentare.annotations.geometry import Size
from segmentare.annotations.instances import Instances
from segmentare.annotations.outlines import fill_union
from segmentare.annotations.runlengths import RLE
from segmentare.datasets.base import Problem, Record
from segmentare.datasets.object_dataset import BACKGROUND, Listed, ObjectDataset, misfit, opened
from segmentare.datasets.pairing import named
from segmentare.datasets.readers.coco_files import (
    CocoFile,
    Entry,
    ImageFinder,
    candidates,
    category_of,
    image_problem,
    merged_categories,
    read_coco,
)
from segmentare.errors import DatasetError, InputError

_OTHERS = ("person_keypoints", "captions", "panoptic", "stuff", "image_info", "deepfashion")


def open_coco(root: Path, task: str = "semantic") -> ObjectDataset | None:
    """Open COCO instances; `None` for others, and for the panoptic task where COCO panoptic is."""
    paths = candidates(root)
    if task == "panoptic" and any("panoptic" in path.name for path in paths):
        return None
    chosen = [path for path in paths if path.name.startswith("instances")]
    chosen = chosen or [path for path in paths if not path.name.startswith(_OTHERS)]
    files = [file for file in map(read_coco, chosen) if file is not None and _has_objects(file)]
    return _open(root, files) if files else None


def _has_objects(file: CocoFile) -> bool:
    return all("segments_info" not in a for a in file.annotations[:1]) and any(
        "segmentation" in a for a in file.annotations[:100]
    )


def _open(root: Path, files: list[CocoFile]) -> ObjectDataset:
    entries = merged_categories(files)
    ids = {number: index for index, number in enumerate(entries, start=1)}
    categories = [BACKGROUND]
    categories += [category_of(entry, ids[number], thing=True) for number, entry in entries.items()]
    finder = ImageFinder(root)
    records: list[Record] = []
    problems: list[Problem] = []
    sources: dict[Path, _Source] = {}
    for file in files:
        listed = _list_file(file, finder, problems)
        records += [Record("", path, file.path, part=file.part) for path, _ in listed]
        sources.update(listed)
    problems += finder.remarks()
    parts = {record.part for record in records}
    if len(parts) == 1:
        records = [Record("", r.image, r.mask) for r in records]
    names = ", ".join(f"'{file.path.name}'" for file in files)
    listed_all = Listed(root, "coco", f"COCO instances in {names}.", named(root, records), problems)

    def read(record: Record, size: Size) -> Instances:
        return _read(record, sources[record.image], ids, size)

    return opened(listed_all, categories, read)


_Source = tuple[CocoFile, Entry, list[Entry]]  # of one image: file, its entry, its annotations


def _list_file(
    file: CocoFile, finder: ImageFinder, problems: list[Problem]
) -> list[tuple[Path, _Source]]:
    """Return the usable images of a file with their annotations; say what is wrong with others."""
    by_image: dict[int, list[Entry]] = {number: [] for number in file.images}
    wrong: dict[int, str] = {}
    seen: set[Any] = set()
    for place, annotation in enumerate(file.annotations):
        number = int(annotation["image_id"])
        reason = _wrong(file, annotation, seen)
        seen.add(annotation.get("id"))
        label = f"Annotation {annotation.get('id', f'number {place}')} in '{file.path.name}'"
        if number not in by_image:
            what = f"{label} is of image {number}, which is not in that file; remove it."
            problems.append(Problem(file.path.name, what, stops=False))
        elif reason:
            name = file.images[number]["file_name"]
            wrong.setdefault(number, f"{label}, of '{name}', {reason}")
        else:
            by_image[number].append(annotation)
    found: list[tuple[Path, _Source]] = []
    for number, entry in file.images.items():
        path = finder.find(file, entry)
        problem = image_problem(file, number, path)
        if problem is None and number in wrong:
            problem = Problem(str(entry["file_name"]), wrong[number], stops=True)
        if problem is not None:
            problems.append(problem)
        elif path is not None:
            found.append((path, (file, entry, by_image[number])))
    return found


def _wrong(file: CocoFile, annotation: Entry, seen: set[Any]) -> str:
    """Say what is wrong with an annotation as far as can be seen without decoding it."""
    if annotation.get("id") in seen and annotation.get("id") is not None:
        return "has the id of another one; ids must be unique, so number them anew."
    kind = annotation.get("category_id")
    if kind not in file.categories:
        last = max(file.categories, default=0)
        return (
            f"has the category {kind}, but the file lists {len(file.categories)} categories up "
            f"to {last}; correct it or add the category."
        )
    image = file.images.get(int(annotation["image_id"]), {})
    segmentation = annotation.get("segmentation")
    if isinstance(segmentation, dict):
        return _wrong_runs(segmentation, (image.get("height"), image.get("width")))
    if not isinstance(segmentation, list) or not segmentation:
        return "has no segmentation, only a box; a mask cannot be made of it. Remove or outline it."
    return next(filter(None, map(_wrong_polygon, segmentation)), "")


def _wrong_polygon(polygon: Any) -> str:  # noqa: ANN401  from a JSON file
    if not isinstance(polygon, list) or not all(_is_number(value) for value in polygon):
        return "has a polygon that is no list of numbers x, y, x, y, ...; export it again."
    if len(polygon) < 6 or len(polygon) % 2:
        return (
            f"has a polygon of {len(polygon) / 2:g} points; one must have at least 3. Remove or "
            f"redraw it."
        )
    return ""


def _wrong_runs(segmentation: Mapping[str, Any], size: tuple[Any, Any]) -> str:
    said = segmentation.get("size")
    if "counts" not in segmentation or not isinstance(said, list) or len(said) != 2:
        return "has run lengths without 'counts' and 'size'; export it again."
    if None not in size and tuple(said) != size:
        return (
            f"has run lengths for {said[1]} x {said[0]} pixels (width x height), but the image has "
            f"{size[1]} x {size[0]}; encode it for that size."
        )
    return ""


def _is_number(value: Any) -> bool:  # noqa: ANN401  from a JSON file
    """Tell whether a value is a number that a polygon may have; whole ones may have any length."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e15


def _read(record: Record, source: _Source, ids: Mapping[int, int], size: Size) -> Instances:
    file, entry, annotations = source
    said = (int(entry.get("height", size[0])), int(entry.get("width", size[1])))
    if said != size:
        raise DatasetError(misfit(record.image.name, f"'{file.path.name}'", said, size))
    masks = []
    for annotation in annotations:
        try:
            masks.append(read_segmentation(annotation["segmentation"], size))
        except (ValueError, TypeError) as error:
            raise DatasetError(
                f"Annotation {annotation.get('id')} in '{file.path.name}', of "
                f"'{record.image.name}', cannot be read: {error}; encode it again."
            ) from error
    return Instances(
        tuple(masks),
        tuple(ids[annotation["category_id"]] for annotation in annotations),
        crowd=tuple(bool(annotation.get("iscrowd", 0)) for annotation in annotations),
        size=size,
    )


def read_segmentation(segmentation: Any, size: Size) -> RLE:  # noqa: ANN401  from a JSON file
    """Return the mask of a COCO segmentation: polygons, run lengths, or compressed ones.

    Raises:
        InputError: It is none of these, or does not fit the size.
    """
    if isinstance(segmentation, list):
        wrong = next(filter(None, map(_wrong_polygon, segmentation)), "")
        if wrong:
            raise InputError(f"it {wrong.rstrip('.')}")
        rings = [np.array(polygon, np.float64).reshape(-1, 2) for polygon in segmentation]
        try:
            return RLE.from_mask(fill_union(rings, size))
        except ValueError as error:
            raise InputError(f"it {error}") from error
    if not isinstance(segmentation, dict) or "counts" not in segmentation:
        raise InputError("a segmentation must be a list of polygons, or run lengths with 'counts'")
    counts = segmentation["counts"]
    if isinstance(counts, str):
        return RLE.from_text(counts, size)
    return RLE.of(counts, size)
