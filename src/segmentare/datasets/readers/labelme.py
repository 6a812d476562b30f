"""LabelMe: a JSON file beside each photograph, with labeled shapes.

Source: Russell, Torralba, Murphy and Freeman, "LabelMe: A Database and Web-Based Tool for Image
Annotation", IJCV 77, 2008; the format of https://github.com/wkentaro/labelme.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segmentare.annotations.geometry import Size
from segmentare.annotations.instances import Instances
from segmentare.annotations.outlines import fill_union
from segmentare.annotations.runlengths import RLE
from segmentare.datasets.base import Problem, Record
from segmentare.datasets.files import relative
from segmentare.datasets.listing import part_of
from segmentare.datasets.object_dataset import (
    Listed,
    ObjectDataset,
    misfit,
    opened,
    read_json,
    things,
)
from segmentare.datasets.pairing import named
from segmentare.errors import DatasetError
from segmentare.images.pictures import open_picture
from segmentare.images.reading import SUFFIXES, explained

_SKIPPED = {"point", "line", "linestrip", "points"}  # shapes without an area
_BACKGROUND = {"_background_", "background"}
_IGNORED = {"__ignore__", "ignore", "void"}
_LEAST = {"polygon": 3, "rectangle": 2, "circle": 2, "mask": 2}  # points of each kind of shape
_ROUND = np.linspace(0, 2 * np.pi, 90, endpoint=False)


def open_labelme(root: Path) -> ObjectDataset | None:
    """Open JSON files with 'shapes' beside images, at most two folders below; else `None`."""
    paths = sorted([*root.glob("*.json"), *root.glob("*/*.json"), *root.glob("*/*/*.json")])
    if not paths or not any(_is_labelme(read_json(path)) for path in paths[:3]):
        return None
    records: list[Record] = []
    problems: list[Problem] = []
    shapes: dict[Path, Mapping[str, Any]] = {}
    for path in paths:
        data = read_json(path)
        if not _is_labelme(data):
            continue
        image = _image_of(path, data)
        what = _wrong(path, data) if image else f"'{path.name}' has no image beside it; restore it."
        if what or image is None:
            problems.append(Problem(relative(root, path), what, stops=True))
            continue
        problems += _left_out(root, path, data)
        shapes[path] = {key: value for key, value in data.items() if key != "imageData"}
        records.append(Record("", image, path, part=part_of(path.parent.relative_to(root).parts)))
    if len({record.part for record in records}) == 1:
        records = [Record("", r.image, r.mask) for r in records]
    labels = {str(s["label"]) for data in shapes.values() for s in data["shapes"] if _counts(s)}
    order = {label: index for index, label in enumerate(sorted(labels), start=1)}
    listed = Listed(
        root, "labelme", "LabelMe (JSON beside images).", named(root, records), problems
    )

    def read(record: Record, size: Size) -> Instances:
        path = record.mask or record.image
        return _read(record, shapes[path], order, size)

    return opened(listed, things(sorted(labels)), read)


def _is_labelme(data: Any) -> bool:  # noqa: ANN401  from a JSON file
    return isinstance(data, dict) and isinstance(data.get("shapes"), list)


def _counts(shape: Mapping[str, Any]) -> bool:
    """Tell whether a shape is an object of a category, not one of the special labels."""
    label = str(shape["label"]).lower()
    return _kind(shape) not in _SKIPPED and label not in _BACKGROUND | _IGNORED


def _kind(shape: Mapping[str, Any]) -> str:
    return str(shape.get("shape_type") or "polygon")


def _image_of(path: Path, data: Mapping[str, Any]) -> Path | None:
    tail = str(data.get("imagePath") or "").replace("\\", "/")
    places = [path.parent / tail, path.parent / tail.rsplit("/", 1)[-1]] if tail else []
    places += [path.with_suffix(suffix) for suffix in sorted(SUFFIXES)]
    return next((place for place in places if place.is_file()), None)


def _wrong(path: Path, data: Mapping[str, Any]) -> str:
    """Say what is wrong with a file, or ""."""
    for number, shape in enumerate(data["shapes"], start=1):
        if not isinstance(shape, dict) or "label" not in shape or "points" not in shape:
            return f"Shape {number} of '{path.name}' must have 'label' and 'points'; redraw it."
        kind, points = _kind(shape), shape["points"]
        try:
            shaped = np.array(points, np.float64).reshape(-1, 2)
        except (ValueError, TypeError, OverflowError):
            return f"Shape {number} of '{path.name}' must have points [x, y]; got {points!r:.60}."
        if kind not in _SKIPPED and kind not in _LEAST:
            return f"Shape {number} of '{path.name}' is a '{kind}', which is not known; outline it."
        if kind in _LEAST and (len(shaped) < _LEAST[kind] or not np.isfinite(shaped).all()):
            return (
                f"Shape {number} ('{shape['label']}') of '{path.name}' is a {kind} of "
                f"{len(shaped)} points; it must have at least {_LEAST[kind]}. Redraw it."
            )
    return ""


def _left_out(root: Path, path: Path, data: Mapping[str, Any]) -> list[Problem]:
    count = sum(_kind(shape) in _SKIPPED for shape in data["shapes"])
    what = f"'{path.name}' has {count} points or lines, which cover no area and are left out."
    return [Problem(relative(root, path), what, stops=False)] if count else []


def _read(
    record: Record, data: Mapping[str, Any], order: Mapping[str, int], size: Size
) -> Instances:
    said = (int(data.get("imageHeight") or size[0]), int(data.get("imageWidth") or size[1]))
    if said != size:
        source = f"'{(record.mask or record.image).name}'"
        raise DatasetError(misfit(record.image.name, source, said, size))
    found: dict[object, tuple[RLE, int, bool]] = {}
    for number, shape in enumerate(data["shapes"]):
        label = str(shape["label"])
        if _kind(shape) in _SKIPPED or label.lower() in _BACKGROUND:
            continue
        group = shape.get("group_id")  # shapes of one group are the parts of one object
        key = number if group is None else (label, group)
        try:
            mask = _mask_of(record, shape, size)
        except DatasetError:
            raise
        except ValueError as error:
            name = (record.mask or record.image).name
            raise DatasetError(
                f"Shape {number + 1} ('{label}') of '{name}' {error}. Redraw it."
            ) from error
        if key in found:
            mask = mask | found[key][0].to_mask()
        found[key] = (RLE.from_mask(mask), order.get(label, 1), label.lower() in _IGNORED)
    return Instances(
        tuple(mask for mask, _, _ in found.values()),
        tuple(kind for _, kind, _ in found.values()),
        crowd=tuple(crowd for _, _, crowd in found.values()),
        size=size,
    )


def _mask_of(record: Record, shape: Mapping[str, Any], size: Size) -> NDArray[np.bool_]:
    """Return the pixels of one shape."""
    points = np.array(shape["points"], np.float64).reshape(-1, 2)
    kind = _kind(shape)
    if kind == "mask":
        return _stored_mask(record, shape, points, size)
    if kind == "rectangle":
        (x0, y0), (x1, y1) = points[:2]
        points = np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]])
    elif kind == "circle":
        radius = float(np.hypot(*(points[1] - points[0])))
        points = points[0] + radius * np.stack([np.cos(_ROUND), np.sin(_ROUND)], axis=1)
    return fill_union([points], size)


def _stored_mask(
    record: Record, shape: Mapping[str, Any], points: NDArray[np.float64], size: Size
) -> NDArray[np.bool_]:
    """Return a mask that stands in the JSON as PNG, placed at its first point."""
    path = record.mask or record.image
    with explained(path):
        data = base64.b64decode(str(shape.get("mask") or ""))
        with open_picture(data) as picture:
            patch = np.asarray(picture.convert("L")) > 0
    mask = np.zeros(size, bool)
    x, y = (round(value) for value in points[0].clip(0).tolist())
    place = mask[y : y + patch.shape[0], x : x + patch.shape[1]]
    place |= patch[: place.shape[0], : place.shape[1]]
    return mask
