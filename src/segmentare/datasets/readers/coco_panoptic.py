"""COCO panoptic: PNG files whose colors are the ids of segments, and a JSON that explains them.

Source: Kirillov, He, Girshick, Rother and Dollar, "Panoptic Segmentation", CVPR 2019,
https://cocodataset.org/#format-data and https://github.com/cocodataset/panopticapi.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segmentare.annotations.geometry import Size
from segmentare.annotations.segmentation import UNLABELED, Category, Segmentation
from segmentare.datasets.base import Problem, Record
from segmentare.datasets.masks.reading import check_size
from segmentare.datasets.object_dataset import BACKGROUND, Listed, ObjectDataset, distinct, opened
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
from segmentare.errors import DatasetError
from segmentare.images.pictures import open_picture
from segmentare.images.reading import explained, is_image, read_bytes


def open_panoptic(root: Path, task: str = "semantic") -> ObjectDataset | None:
    """Open COCO panoptic; `None` for others, and where the instances suffice for the task."""
    paths = candidates(root)
    if task != "panoptic" and any(path.name.startswith("instances") for path in paths):
        return None
    chosen = [path for path in paths if "panoptic" in path.name] or paths
    files = [file for file in map(read_coco, chosen) if file is not None and _is_panoptic(file)]
    folders = {file.path: _png_folder(root, file) for file in files}
    if not files:
        _refuse_lonely(root)
        return None
    return _open(root, files, folders, task)


def _is_panoptic(file: CocoFile) -> bool:
    return bool(file.annotations) and all("segments_info" in a for a in file.annotations)


def _png_folder(root: Path, file: CocoFile) -> Path:
    places = [folder / file.path.stem for folder in (root, file.path.parent, root / "annotations")]
    found = next((place for place in places if place.is_dir()), None)
    if found is None:
        raise DatasetError(
            f"The folder '{file.path.stem}' with the PNG files that '{file.path.name}' explains "
            f"must lie beside it or in '{root.name}'; it is missing. Restore it."
        )
    return found


def _refuse_lonely(root: Path) -> None:
    """Stop where the PNG files are without the JSON that gives their colors a meaning."""
    for folder in sorted([*root.glob("panoptic*/"), *root.glob("annotations/panoptic*/")]):
        if any(is_image(path) for path in folder.iterdir()):
            raise DatasetError(
                f"'{folder.name}' holds segments coded as colors, but '{folder.name}.json', which "
                f"says what they are, is missing; put it beside the folder."
            )


@dataclass(frozen=True)
class Segment:
    """What the JSON says of one segment: its category id here, and whether it is an object."""

    category: int
    thing: bool


@dataclass(frozen=True)
class _Meaning:
    """The categories, and which id and kind each number in the files has."""

    categories: tuple[Category, ...]
    segments: Mapping[int, Segment]


def _meaning(files: list[CocoFile], task: str) -> _Meaning:
    """Give the categories ids without gaps; for the instance task all stuff is background."""
    entries = merged_categories(files)
    is_thing = {number: bool(entry.get("isthing", 1)) for number, entry in entries.items()}
    things = [number for number in entries if is_thing[number]]
    ground = [n for n in entries if not is_thing[n] and entries[n]["name"] == "background"]
    if task == "instance":
        ids = {n: things.index(n) + 1 if is_thing[n] else 0 for n in entries}
        kinds = [category_of(entries[n], ids[n], thing=True) for n in things]
        categories = [BACKGROUND, *kinds]
    else:
        order = [*ground, *(n for n in entries if n not in ground)]
        ids = {number: index for index, number in enumerate(order)}
        categories = [
            category_of(entries[n], ids[n], thing=is_thing[n], background=n in ground[:1])
            for n in order
        ]
    return _Meaning(tuple(categories), {n: Segment(ids[n], is_thing[n]) for n in entries})


def _open(
    root: Path, files: list[CocoFile], folders: Mapping[Path, Path], task: str
) -> ObjectDataset:
    meaning = _meaning(files, task)
    finder = ImageFinder(root, _png_folders(root, folders.values()))
    records: list[Record] = []
    problems: list[Problem] = []
    known: dict[Path, dict[int, Segment]] = {}
    for file in files:
        annotated = {int(a["image_id"]): a for a in file.annotations}
        often = Counter(int(a["image_id"]) for a in file.annotations)
        for number, entry in file.images.items():
            path = finder.find(file, entry)
            problem = image_problem(file, number, path)
            annotation = annotated.get(number)
            what = _wrong(file, entry, annotation)
            if often[number] > 1:
                name = entry["file_name"]
                what = f"'{name}' must have one annotation in '{file.path.name}'; it has several."
            if problem is None and what:
                problem = Problem(str(entry["file_name"]), what, stops=True)
            if problem is not None or path is None or annotation is None:
                problems += [problem] if problem is not None else []
                continue
            mask = folders[file.path] / str(annotation["file_name"])
            records.append(Record("", path, mask, part=file.part))
            known[mask] = _segments(annotation, meaning)
    problems += finder.remarks()
    crowds = sum(s.category == UNLABELED for found in known.values() for s in found.values())
    if crowds:
        what = f"{crowds} segments are crowds of objects that nobody told apart: read as unlabeled."
        problems.append(Problem("", what, stops=False))
    if len({record.part for record in records}) == 1:
        records = [Record("", r.image, r.mask) for r in records]
    names = ", ".join(f"'{file.path.name}'" for file in files)
    layout = f"COCO panoptic in {names}."
    listed = Listed(root, "coco_panoptic", layout, named(root, records), problems)

    def read(record: Record, size: Size) -> Segmentation:
        path = record.mask or record.image
        return read_segments(path, known[path], size)

    return opened(listed, meaning.categories, read)


def _png_folders(root: Path, used: Iterable[Path]) -> list[Path]:
    """Return all folders of segments, also those in panopticapi's form with two channels."""
    return [place for path in used for place in (path, *root.glob(f"{path.name}_*/"))]


def _wrong(file: CocoFile, entry: Entry, annotation: Entry | None) -> str:
    name = entry["file_name"]
    if annotation is None:
        return f"'{name}' has no annotation in '{file.path.name}'; add it or remove the image."
    numbers = [segment.get("id") for segment in annotation["segments_info"]]
    twice = next((n for n in numbers if numbers.count(n) > 1), None)
    if twice is not None:
        return f"Segment {twice} of '{name}' stands twice in '{file.path.name}'; remove one."
    for segment in annotation["segments_info"]:
        if segment.get("category_id") not in file.categories:
            return (
                f"Segment {segment.get('id')} of '{name}' in '{file.path.name}' has the category "
                f"{segment.get('category_id')}, which the file does not list; correct it."
            )
    return ""


def _segments(annotation: Entry, meaning: _Meaning) -> dict[int, Segment]:
    """Return the segments of one image by their id; a crowd is unlabeled."""
    found = {}
    for entry in annotation["segments_info"]:
        known = meaning.segments[entry["category_id"]]
        crowd = bool(entry.get("iscrowd", 0))
        found[int(entry["id"])] = Segment(UNLABELED, thing=False) if crowd else known
    return found


def read_segments(path: Path, segments: Mapping[int, Segment], size: Size) -> Segmentation:
    """Read one PNG: id = red + 256 green + 65536 blue, and 0 is unlabeled.

    Raises:
        DatasetError: The file cannot be read, has another size, or holds an id that the JSON does
            not explain.
    """
    ids, places = distinct(_read_ids(path, size))
    strange = [int(number) for number in ids if number and int(number) not in segments]
    if strange:
        raise DatasetError(
            f"'{path.name}' holds the segment {strange[0]}, which its JSON does not explain; "
            f"export both again."
        )
    absent = sorted(segments.keys() - set(ids.tolist()))
    if absent:
        raise DatasetError(
            f"Segment {absent[0]} stands in the JSON but has no pixel in '{path.name}'; export "
            f"both again."
        )
    found = [segments[int(n)] if n else Segment(UNLABELED, thing=False) for n in ids]
    category = np.array([segment.category for segment in found], np.uint8)
    is_thing = np.array([segment.thing for segment in found], bool)
    instance = np.where(is_thing, np.cumsum(is_thing), 0).astype(np.int32)
    return Segmentation(category[places], instance[places])


def _read_ids(path: Path, size: Size) -> NDArray[np.int32]:
    data = read_bytes(path)
    with explained(path), open_picture(data) as picture:
        if picture.mode not in {"RGB", "RGBA"}:
            raise DatasetError(
                f"'{path.name}' must hold segments as RGB colors; its pixels are of the kind "
                f"'{picture.mode}'. Save it as an RGB PNG."
            )
        colors = np.asarray(picture.convert("RGB")).astype(np.int32)
    check_size(path, colors.shape[:2], size)
    ids: NDArray[np.int32] = colors[..., 0] | colors[..., 1] << 8 | colors[..., 2] << 16
    return ids
