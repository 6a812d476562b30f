"""YOLO polygons: `images/`, `labels/` with one text file per image, and a YAML file with names.

A line is the number of a category and the points of one ring, divided by width and height. One
ring holds neither holes nor several parts, unless cuts of no width join them, which are read back.

Source: https://docs.ultralytics.com/datasets/segment.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from segmentare.annotations.geometry import Size
from segmentare.annotations.instances import Instances
from segmentare.annotations.outlines import Ring, fill_union
from segmentare.annotations.runlengths import RLE
from segmentare.datasets.base import PARTS, Part, Problem, Record
from segmentare.datasets.files import relative
from segmentare.datasets.object_dataset import Listed, ObjectDataset, opened, things
from segmentare.datasets.pairing import named
from segmentare.errors import DatasetError, InputError
from segmentare.images.reading import is_image

_LONGEST = 1_000_000  # characters of a YAML file
_LABEL = re.compile(r"\d+( +[-+.\deE]+){4,}\s*")


@dataclass(frozen=True)
class _Settings:
    """What the YAML file says: names by number, and the folders of each part."""

    source: str
    names: Mapping[int, str]
    folders: Mapping[Part, tuple[str, ...]]


def open_yolo(root: Path) -> ObjectDataset | None:
    """Open YOLO's layout; `None` for others."""
    if not any((root / name).is_dir() for name in ("labels", "train/labels", "valid/labels")):
        return None
    settings = next((s for s in map(_settings, sorted(root.glob("*.y*ml"))) if s), None)
    places = _places(root, settings)
    labels = [label for folder, _ in places for label in sorted(_labels_of(folder).glob("*.txt"))]
    if not labels or not any(_looks_right(path) for path in labels[:20]):
        return None
    records: list[Record] = []
    problems: list[Problem] = []
    for folder, part in places:
        images = sorted(path for path in folder.iterdir() if is_image(path))
        for image in images:
            label = _labels_of(folder) / f"{image.stem}.txt"
            records.append(Record("", image, label if label.is_file() else None, part=part))
        stems = {path.stem for path in images}
        for label in sorted(_labels_of(folder).glob("*.txt")):
            if label.stem not in stems:
                what = f"'{label.name}' has no image in '{folder.name}'; add one or remove it."
                problems.append(Problem(relative(root, label), what, stops=True))
    names = dict(settings.names) if settings else {}
    if not names:
        last = max((_highest(path) for path in labels), default=0)
        names = {number: f"category {number}" for number in range(last + 1)}
        what = "No YAML file names the categories; put one beside 'images' and 'labels'."
        problems.append(Problem("", what, stops=False))
    without = sum(record.mask is None for record in records)
    layout = "YOLO polygons (images, labels)"
    layout += f"; {without} images without a label file hold no object." if without else "."
    listed = Listed(root, "yolo", layout, named(root, records), problems)
    order = {number: index for index, number in enumerate(sorted(names), start=1)}

    def read(record: Record, size: Size) -> Instances:
        return _read(record, order, size)

    return opened(listed, things(names[number] for number in sorted(names)), read)


def _places(root: Path, settings: _Settings | None) -> list[tuple[Path, Part | None]]:
    """Return the folders of images and their part; `None` where parts share one folder."""
    given = dict(settings.folders) if settings else {}
    found: dict[Path, Part | None] = {}
    for part in PARTS:
        for name in given.get(part, ()):
            tail = name.replace("\\", "/").removeprefix("../").removeprefix("./")
            folder = root / tail
            if folder.is_dir():
                found[folder] = None if folder in found else part
    if not found:
        for folder in (root / "images", *root.glob("images/*/"), *root.glob("*/images/")):
            if folder.is_dir() and any(is_image(path) for path in folder.iterdir()):
                found[folder] = None
    parts = set(found.values())
    return [(folder, part if len(parts) > 1 else None) for folder, part in found.items()]


def _labels_of(images: Path) -> Path:
    """Return the folder of the label files: the last 'images' in the path replaced."""
    parts = list(images.parts)
    for place in range(len(parts) - 1, -1, -1):
        if parts[place] == "images":
            parts[place] = "labels"
            break
    return Path(*parts)


def _looks_right(path: Path) -> bool:
    lines = [line for line in _lines(path) if line.strip()]
    return bool(lines) and all(_LABEL.fullmatch(line) for line in lines[:20])


def _highest(path: Path) -> int:
    firsts = [line.split()[0] for line in _lines(path) if line.strip()]
    return max((int(word) for word in firsts if word.isdigit()), default=0)


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"'{path.name}' must be a text file of polygons ({error}).") from error


def _read(record: Record, order: Mapping[int, int], size: Size) -> Instances:
    lines = _lines(record.mask) if record.mask is not None else []
    masks: list[RLE] = []
    kinds: list[int] = []
    for number, line in enumerate(lines, start=1):
        words = line.split()
        if not words:
            continue
        try:
            kind, ring = _ring(words, order)
            mask = fill_union([ring * (size[1], size[0])], size)
        except ValueError as error:
            name = record.mask.name if record.mask is not None else record.name
            raise DatasetError(f"Line {number} of '{name}' {error}") from error
        masks.append(RLE.from_mask(mask))
        kinds.append(order[kind])
    return Instances(tuple(masks), tuple(kinds), size=size)


def _ring(words: Sequence[str], order: Mapping[int, int]) -> tuple[int, Ring]:
    """Read one line: the category's number, and the points as shares of width and height.

    Raises:
        InputError: The line is no polygon; the text goes on after "Line 3 of 'a.txt' ".
    """
    try:
        values = [float(word) for word in words]
    except ValueError as error:
        raise InputError(f"must hold numbers only; got '{' '.join(words)[:60]}'.") from error
    if not values[0].is_integer() or int(values[0]) not in order:
        raise InputError(
            f"has the category {words[0]}, but the dataset has {len(order)} categories, "
            f"{min(order)} to {max(order)}; correct it."
        )
    if len(values) == 5:
        raise InputError("holds a box (4 numbers), not a polygon; outline the object.")
    if len(values) < 7 or len(values) % 2 == 0:
        raise InputError(
            f"must hold at least 3 points x y; it has {len(values) - 1} numbers. Redraw it."
        )
    outside = next((v for v in values[1:] if not (math.isfinite(v) and 0 <= v <= 1)), None)
    if outside is not None:
        raise InputError(
            f"must hold points from 0 to 1, as shares of width and height; got {outside:g}. "
            f"Divide by the size of the image, or clip."
        )
    return int(values[0]), np.array(values[1:], np.float64).reshape(-1, 2)


def _settings(path: Path) -> _Settings | None:
    """Read the names and folders from a YAML file; `None` where it names no categories."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"'{path.name}' must be a UTF-8 text file ({error}).") from error
    found = read_yaml(path.name, text)
    names = found.get("names")
    if isinstance(names, list):
        numbered = dict(enumerate(names))
    elif isinstance(names, dict) and all(key.isdigit() for key in names):
        numbered = {int(key): value for key, value in names.items()}
    else:
        return None
    if not all(isinstance(name, str) for name in numbered.values()):
        raise DatasetError(f"Every name in '{path.name}' must be one text; correct the file.")
    folders: dict[Part, tuple[str, ...]] = {}
    for part in PARTS:
        value = found.get(part, found.get("valid") if part == "val" else None)
        if value:
            folders[part] = tuple(value) if isinstance(value, list) else (str(value),)
    return _Settings(path.name, numbered, folders)


def read_yaml(name: str, text: str) -> dict[str, Any]:
    """Return what a file says; every number and word in it as text, so that "no" is a name.

    Raises:
        DatasetError: It is not YAML, or larger than any that names categories.
    """
    if len(text) > _LONGEST:
        raise DatasetError(f"'{name}' must have at most {_LONGEST} characters; has {len(text)}.")
    try:
        found = yaml.load(text, yaml.BaseLoader)  # noqa: S506  makes texts, lists and mappings only
    except (yaml.YAMLError, RecursionError) as error:
        where = str(error).splitlines()[-1].strip() or "too deeply nested"
        raise DatasetError(f"'{name}' must be YAML; it is not ({where}). Correct it.") from error
    return found if isinstance(found, dict) else {}
