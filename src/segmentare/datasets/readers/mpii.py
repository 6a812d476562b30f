"""MPII Human Pose as JSON: a list of people with joints, scale and center.

Source: Andriluka, Pishchulin, Gehler and Schiele, "2D Human Pose Estimation: New Benchmark and
State of the Art Analysis", CVPR 2014; the form is that of HRNet and MMPose, `annot/train.json`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from segmentare.annotations.geometry import Size
from segmentare.annotations.poses import VISIBLE, Keypoints, Poses
from segmentare.annotations.skeletons import SKELETONS
from segmentare.datasets.base import Problem, Record
from segmentare.datasets.files import relative
from segmentare.datasets.listing import list_images, part_of
from segmentare.datasets.object_dataset import Listed, read_json
from segmentare.datasets.pairing import named
from segmentare.datasets.pose_dataset import (
    Person,
    PoseDataset,
    Remarks,
    inside,
    opened,
    poses_of,
    without_parts,
)
from segmentare.errors import DatasetError
from segmentare.images.reading import image_size

_MPII = SKELETONS["mpii16"]


def open_mpii(root: Path) -> PoseDataset | None:
    """Open a folder with such lists and the images they name; `None` for others."""
    paths = sorted({*root.glob("*.json"), *root.glob("ann*/*.json")})
    files = {path: entries for path in paths if (entries := _entries(path)) is not None}
    if not files:
        return None
    images = {image.name: image for image in list_images(root)}
    records: list[Record] = []
    problems: list[Problem] = []
    people: dict[Path, list[Keypoints]] = {}
    for path, entries in files.items():
        again = [e for e in entries if images.get(str(e["image"])) in people]
        if again:
            what = (
                f"'{path.name}' is left out, for another file annotates the same images, such as "
                f"'{again[0]['image']}'; to use it, remove the other one."
            )
            problems.append(Problem(path.name, what, stops=False))
            continue
        found, wrong = _list_file(root, path, entries, images)
        people |= found
        problems += wrong
        records += [Record("", image, path, part=part_of((path.stem,))) for image in found]

    def read(record: Record, size: Size) -> Poses:
        return poses_of([Person(points) for points in people[record.image]], _MPII, size)

    names = ", ".join(f"'{path.name}'" for path in files)
    kept = named(root, without_parts(records))
    listed = Listed(root, "mpii", f"MPII human pose in {names}.", kept, problems)
    return opened(listed, _MPII, read)


def _entries(path: Path) -> list[Mapping[str, Any]] | None:
    """Return the people in a file, `None` where it is no list of such."""
    data = read_json(path)
    listed = isinstance(data, list) and bool(data)
    if not listed or not all(isinstance(e, dict) and {"image", "joints"} <= set(e) for e in data):
        return None
    return list(data)


def _list_file(
    root: Path,
    path: Path,
    entries: Sequence[Mapping[str, Any]],
    images: Mapping[str, Path],
) -> tuple[dict[Path, list[Keypoints]], list[Problem]]:
    """Return the people in each usable image, and what is wrong with others."""
    found: dict[Path, list[Keypoints]] = {}
    wrong: dict[str, Problem] = {}
    remarks = Remarks(path.name)
    for place, entry in enumerate(entries):
        name = str(entry["image"])
        image = images.get(name)
        label = f"entry {place} ('{name}')"
        if image is None:
            what = f"'{name}' stands in '{path.name}' but not on disk; restore it."
            wrong.setdefault(name, Problem(name, what, stops=True))
            continue
        try:
            keypoints = _keypoints(entry, f"{label} in '{path.name}'", remarks)
            _, gone = inside(keypoints, image_size(image))
        except DatasetError as error:
            wrong.setdefault(name, Problem(relative(root, image), str(error), stops=True))
            continue
        remarks.outside(gone, keypoints, _MPII.keypoints, label)
        found.setdefault(image, []).append(keypoints)
    usable = {image: points for image, points in found.items() if image.name not in wrong}
    return usable, [*wrong.values(), *remarks.problems()]


def _keypoints(entry: Mapping[str, Any], where: str, remarks: Remarks) -> Keypoints:
    """Return the keypoints of one person; the files count pixels from 1."""
    try:
        joints = np.array(entry["joints"], np.float32)
        given = entry.get("joints_vis")
        visible = (
            np.ones(len(_MPII.keypoints), np.float32)
            if given is None
            else np.array(given, np.float32)
        )
    except (ValueError, TypeError) as error:
        raise DatasetError(f"The joints of {where} must be numbers x, y: {error}.") from error
    count = len(_MPII.keypoints)
    if joints.shape != (count, 2) or visible.shape != (count,):
        raise DatasetError(
            f"The joints of {where} must have the shape ({count}, 2) and their visibility "
            f"({count},); they have {joints.shape} and {visible.shape}. Correct or remove it."
        )
    if given is None:
        remarks.add("people have joints without visibility, which count as visible", where)
        visible[~np.isfinite(joints).all(axis=1) | (joints <= 0).all(axis=1)] = 0
    keypoints: Keypoints = np.zeros((count, 3), np.float32)
    keypoints[:, :2], keypoints[:, 2] = joints - 1, np.where(visible > 0, VISIBLE, 0)
    return keypoints
