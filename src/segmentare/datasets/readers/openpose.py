"""OpenPose's JSON: one file for each image or frame, on one line, in OpenPose's own order.

Source: the format is described at https://github.com/CMU-Perceptual-Computing-Lab/openpose,
doc/02_output.md; version 1.3 is what its last release writes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from segmentare.annotations.geometry import Size
from segmentare.annotations.poses import Keypoints, Poses, Skeleton, box_areas, keypoint_boxes
from segmentare.annotations.skeletons import SKELETONS, convert
from segmentare.datasets.object_dataset import read_json
from segmentare.errors import DatasetError, InputError

SUFFIX = "_keypoints.json"  #: of the file's name

#: The layouts, by the number of their keypoints.
LAYOUTS: dict[int, Skeleton] = {18: SKELETONS["openpose18"], 25: SKELETONS["body25"]}

_VERSION = 1.3
_BODY = "pose_keypoints_2d"
_ABSENT = (
    *("face_keypoints_2d", "hand_left_keypoints_2d", "hand_right_keypoints_2d"),
    *("pose_keypoints_3d", "face_keypoints_3d"),
    *("hand_left_keypoints_3d", "hand_right_keypoints_3d"),
)


def file_name(name: str, frame: int | None = None) -> str:
    """Return the name of the file for an image, or for a frame of the video `name`."""
    return f"{name}{SUFFIX}" if frame is None else f"{name}_{frame:012d}{SUFFIX}"


def to_json(poses: Poses, layout: int | None = 25) -> str:
    """Return the text of the file: one line, numbers of six digits, (0, 0, 0) for what is missing.

    People without any keypoint are left out. In a truth, whose keypoints have no scores, labeled
    ones get 1.

    Args:
        poses: The people.
        layout: 25 (BODY_25) or 18 (OpenPose's COCO); `None` keeps the keypoints as they are.

    Raises:
        InputError: There is no such layout, or the keypoints share none with it.
    """
    if layout is not None and layout not in LAYOUTS:
        raise InputError(f"OpenPose's layout must be 18 or 25 keypoints; got {layout}.")
    written = poses if layout is None else convert(poses, LAYOUTS[layout])
    points = written.keypoints.copy()
    if poses.scores is None:
        points[..., 2] = points[..., 2] > 0
    points[points[..., 2] <= 0] = 0
    ids = poses.ids or (-1,) * len(poses)
    absent = "".join(f',"{key}":[]' for key in _ABSENT)
    people = [
        f'{{"person_id":[{number}],"{_BODY}":[{",".join(f"{v:.6g}" for v in person.ravel())}]'
        f"{absent}}}"
        for number, person in zip(ids, points, strict=True)
        if person.any()
    ]
    return f'{{"version":{_VERSION},"people":[{",".join(people)}]}}'


def read_openpose(path: Path, size: Size | None = None, layout: int = 25) -> Poses:
    """Read what `to_json` or OpenPose wrote: 18 or 25 keypoints with scores.

    Args:
        path: The file.
        size: Height and width of the image; `None` takes the canvas that the file names, else the
            smallest that holds all points.
        layout: What a file without people is taken for.

    Raises:
        DatasetError: The file is damaged, or of a version or layout that cannot be read.
    """
    data = read_json(path)
    if not isinstance(data, dict) or not isinstance(data.get("people"), list):
        raise DatasetError(
            f"'{path.name}' must hold 'people', a list, as OpenPose writes it; it does not. Give "
            f"a file that OpenPose wrote."
        )
    _check_version(path, data)
    bodies: list[Keypoints] = []
    ids = []
    for place, person in enumerate(data["people"]):
        body = _body(path, place, person)
        if body is not None:
            bodies.append(body)
            ids.append(_id(person))
    counts = sorted({len(body) for body in bodies}) or [layout]
    if len(counts) > 1:
        raise DatasetError(
            f"All people in '{path.name}' must have the same layout; there are some of {counts[0]} "
            f"and some of {counts[-1]} keypoints. Run OpenPose again."
        )
    points = np.array(bodies, np.float32).reshape(-1, counts[0], 3)
    _check_pixels(path, points)
    found = points[..., 2] > 0
    boxes = keypoint_boxes(points)
    return Poses(
        LAYOUTS[counts[0]],
        points,
        size or _canvas(data, points),
        boxes,
        box_areas(boxes),
        np.zeros(len(points), bool),
        (points[..., 2].sum(axis=1) / np.maximum(found.sum(axis=1), 1)).astype(np.float32),
        ids=tuple(ids) if any(number >= 0 for number in ids) else None,
    )


def _check_version(path: Path, data: Mapping[str, Any]) -> None:
    """Refuse files of before 2018, whose keys are others, and of versions that nobody knows."""
    old = any(isinstance(p, dict) and "pose_keypoints" in p for p in data["people"])
    given = data.get("version", _VERSION)
    known = isinstance(given, int | float) and 0 < given <= _VERSION
    if old or not known:
        raise DatasetError(
            f"'{path.name}' must be OpenPose's JSON of a version up to {_VERSION}, with "
            f"'{_BODY}'; it is of version {given!r}{' with pose_keypoints' if old else ''}. Write "
            f"it with OpenPose 1.3 to 1.7."
        )


def _body(path: Path, place: int, person: Any) -> Keypoints | None:  # noqa: ANN401  from JSON
    """Return the keypoints (K, 3) of a person; `None` where only hands or a face were found."""
    given = person.get(_BODY) if isinstance(person, dict) else None
    where = f"Person {place} in '{path.name}'"
    if not isinstance(given, list):
        raise DatasetError(f"{where} must have '{_BODY}', a list of numbers; restore the file.")
    if not given:
        return None
    if len(given) % 3 or len(given) // 3 not in LAYOUTS:
        raise DatasetError(
            f"{where} must have 18 keypoints (COCO) or 25 (BODY_25), three numbers each; it has "
            f"{len(given)} numbers. Run OpenPose with --model_pose BODY_25."
        )
    if not all(isinstance(v, int | float) and math.isfinite(v) for v in given):
        raise DatasetError(f"{where} must have numbers as keypoints only; restore the file.")
    points = np.array(given, np.float32).reshape(-1, 3)
    points[points[:, 2] <= 0] = 0
    return points


def _id(person: Mapping[str, Any]) -> int:
    given = person.get("person_id")
    first = given[0] if isinstance(given, list) and given else given
    return int(first) if isinstance(first, int | float) else -1


def _check_pixels(path: Path, points: Keypoints) -> None:
    """Refuse points in shares of the image, which OpenPose writes with keypoint_scale 3 and 4."""
    found = points[points[..., 2] > 0]
    if len(found) > 2 and np.abs(found[:, :2]).max() <= 1:
        raise DatasetError(
            f"The keypoints in '{path.name}' must be in pixels; they lie between "
            f"{found[:, :2].min():g} and {found[:, :2].max():g}. Run OpenPose with "
            f"--keypoint_scale 0."
        )


def _canvas(data: Mapping[str, Any], points: Keypoints) -> Size:
    height, width = data.get("canvas_height"), data.get("canvas_width")
    if isinstance(height, int) and isinstance(width, int) and min(height, width) > 0:
        return height, width
    x, y = points[..., 0].max(initial=0), points[..., 1].max(initial=0)
    return math.ceil(y) + 1, math.ceil(x) + 1
