"""CVAT's XML, "CVAT for images 1.1": skeletons, or points that are grouped to objects.

Source: https://docs.cvat.ai/docs/dataset_management/formats/format-cvat/ and
https://docs.cvat.ai/docs/other/xml_format.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from segmentare.annotations.poses import HIDDEN, NOT_LABELED, VISIBLE
from segmentare.datasets.base import Problem
from segmentare.datasets.files import relative
from segmentare.datasets.pose_dataset import PoseDataset
from segmentare.datasets.readers.named_points import (
    Marked,
    Point,
    Sheet,
    names_of,
    open_sheets,
    skeleton_named,
    twice,
)
from segmentare.errors import DatasetError
from segmentare.images.reading import read_bytes


@dataclass(frozen=True)
class _Labels:
    """The skeletons that a file describes: names and limbs of the keypoints, by label."""

    names: Mapping[str, Sequence[str]]
    limbs: Mapping[str, Sequence[tuple[str, str]]]


def open_cvat(root: Path) -> PoseDataset | None:
    """Open XML files of CVAT with skeletons or points, and their images; `None` for others."""
    paths = sorted([*root.glob("*.xml"), *root.glob("*/*.xml")])
    files = {path: tree for path in paths if (tree := _annotations(path)) is not None}
    sheets: list[Sheet] = []
    problems: list[Problem] = []
    kinds: dict[str, _Labels] = {}
    for path, tree in files.items():
        labels = _labels(tree)
        for image in tree.iter("image"):
            name = image.get("name", "")
            try:
                objects = [*_skeletons(image, path, kinds, labels), *_groups(image, path)]
            except DatasetError as error:
                problems.append(Problem(name or relative(root, path), str(error), stops=True))
                continue
            sheets.append(Sheet(path, name, objects, _size(image)))
    names = names_of(sheets)
    if not names:
        return None
    category, skeleton_names, limbs = "object", names, []
    if kinds:
        category = next(iter(kinds))
        described = kinds[category].names.get(category, ())
        skeleton_names = [*described, *(name for name in names if name not in described)]
        place = {name: k for k, name in enumerate(skeleton_names)}
        ends = kinds[category].limbs.get(category, ())
        limbs = [(place[a], place[b]) for a, b in ends if a in place and b in place]
    said = ", ".join(f"'{path.name}'" for path in files)
    layout = "cvat", f"CVAT for images in {said}."
    skeleton = skeleton_named(category, skeleton_names, limbs)
    return open_sheets(root, layout, sheets, (category, skeleton), problems)


def _annotations(path: Path) -> ET.Element | None:
    """Return the contents of a file of CVAT, `None` for other XML.

    Raises:
        DatasetError: It is damaged, or CVAT's format for videos.
    """
    data = read_bytes(path)
    if b"<annotations" not in data[:4096] or re.search(rb"<!(DOCTYPE|ENTITY)", data):
        return None
    try:
        tree = ET.fromstring(data)  # noqa: S314  it defines no entities, see above
    except ET.ParseError as error:
        raise DatasetError(f"'{path.name}' must be XML; {error}. Export it again.") from error
    if tree.find("track") is not None and tree.find("image") is None:
        raise DatasetError(
            f"'{path.name}' must be exported as 'CVAT for images 1.1', a line per image; it is "
            f"'CVAT for video 1.1'. Export it again."
        )
    return tree if tree.tag == "annotations" and tree.find("image") is not None else None


def _labels(tree: ET.Element) -> _Labels:
    """Return what the head of a file says of its skeletons."""
    names: dict[str, list[str]] = {}
    limbs: dict[str, list[tuple[str, str]]] = {}
    for label in tree.iter("label"):
        name, parent = label.findtext("name", ""), label.findtext("parent", "")
        if parent:
            names.setdefault(parent, []).append(name)
        drawing = label.findtext("svg", "")
        nodes = {
            _attribute(circle, "data-node-id"): _attribute(circle, "data-label-name")
            for circle in re.findall(r"<circle\b[^>]*>", drawing)
        }
        ends = [
            (_attribute(line, "data-node-from"), _attribute(line, "data-node-to"))
            for line in re.findall(r"<line\b[^>]*>", drawing)
        ]
        limbs[name] = [(nodes[a], nodes[b]) for a, b in ends if a in nodes and b in nodes]
    return _Labels(names, limbs)


def _attribute(text: str, name: str) -> str:
    found = re.search(rf'\b{name}="([^"]*)"', text)
    return found.group(1) if found else ""


def _skeletons(
    image: ET.Element, path: Path, kinds: dict[str, _Labels], labels: _Labels
) -> list[Marked]:
    """Return the skeletons of an image; their label goes into `kinds`.

    Raises:
        DatasetError: There are two kinds, or a point cannot be read.
    """
    found = []
    for one in image.iter("skeleton"):
        label = one.get("label", "")
        kinds.setdefault(label, labels)
        if len(kinds) > 1:
            first, other = list(kinds)[:2]
            raise DatasetError(
                f"All skeletons in '{path.name}' must be of one kind; there are '{first}' and "
                f"'{other}'. Export them one by one."
            )
        found.append(_object([*one.iter("points")], image, path))
    return found


def _groups(image: ET.Element, path: Path) -> list[Marked]:
    """Return the points of an image outside skeletons: those of a group are one object."""
    groups: dict[str, list[ET.Element]] = {}
    for one in image.findall("points"):
        groups.setdefault(one.get("group_id", ""), []).append(one)
    return [_object(points, image, path) for points in groups.values()]


def _object(given: Sequence[ET.Element], image: ET.Element, path: Path) -> Marked:
    where = f"of '{image.get('name')}' in '{path.name}'"
    again = twice([one.get("label", "") for one in given])
    if again:
        raise DatasetError(
            f"Each object {where} must have one point '{again}'; one has two. Use skeletons, or "
            f"group the points of each object."
        )
    points: dict[str, Point] = {}
    for one in given:
        text = one.get("points", "")
        try:
            x, y = (float(value) for value in text.split(","))
        except ValueError as error:
            raise DatasetError(
                f"The point '{one.get('label')}' {where} must be one x,y; it is '{text[:40]}'. "
                f"Give every keypoint a label of its own."
            ) from error
        seen = HIDDEN if one.get("occluded") == "1" else VISIBLE
        seen = NOT_LABELED if one.get("outside") == "1" else seen
        points[one.get("label", "")] = (x - 0.5, y - 0.5, seen)  # its pixel 0 goes from 0 to 1
    return Marked(points)


def _size(image: ET.Element) -> tuple[int, int] | None:
    height, width = image.get("height", ""), image.get("width", "")
    return (int(height), int(width)) if height.isdecimal() and width.isdecimal() else None
