"""Label Studio's JSON export with `keypointlabels`, one task per image.

Source: https://labelstud.io/guide/task_format and https://labelstud.io/tags/keypointlabels.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from segmentare.annotations.geometry import Size
from segmentare.annotations.poses import VISIBLE
from segmentare.datasets.base import Problem
from segmentare.datasets.files import relative
from segmentare.datasets.object_dataset import read_json
from segmentare.datasets.pose_dataset import PoseDataset
from segmentare.datasets.readers.named_points import (
    Box,
    Marked,
    Point,
    Sheet,
    names_of,
    open_sheets,
    skeleton_named,
    twice,
)
from segmentare.errors import DatasetError
from segmentare.images.reading import is_image
from segmentare.opening import open_bytes

Region = Mapping[str, Any]


def open_label_studio(root: Path) -> PoseDataset | None:
    """Open JSON exports with keypoints, and their images; `None` for others."""
    paths = sorted([*root.glob("*.json"), *root.glob("*/*.json")])
    files = {path: tasks for path in paths if (tasks := _tasks(path)) is not None}
    sheets: list[Sheet] = []
    problems: list[Problem] = []
    kinds: dict[str, None] = {}
    for path, tasks in files.items():
        for number, task in enumerate(tasks):
            image = _image(task)
            try:
                regions = _regions(task)
                if regions is None:
                    continue  # nobody labeled it
                kinds |= dict.fromkeys(_label(r) for r in regions if r["type"] in _BOXES)
                sheets.append(Sheet(path, image, _objects(regions, image), _size(regions)))
            except DatasetError as error:
                problems.append(Problem(image or relative(root, path), str(error), stops=True))
            except (KeyError, TypeError, ValueError, IndexError) as error:
                what = (
                    f"Task {task.get('id', number)} in '{path.name}' must have regions as Label "
                    f"Studio writes them; {type(error).__name__}: {error}. Export it again as JSON."
                )
                problems.append(Problem(image or relative(root, path), what, stops=True))
    names = names_of(sheets)
    if not names:
        return None
    category = next(iter(kinds)) if len(kinds) == 1 else "object"
    said = ", ".join(f"'{path.name}'" for path in files)
    layout = "label_studio", f"Label Studio in {said}."
    return open_sheets(root, layout, sheets, (category, skeleton_named(category, names)), problems)


_BOXES = ("rectanglelabels", "rectangle")


def _tasks(path: Path) -> list[Mapping[str, Any]] | None:
    """Return the tasks of an export, `None` for other JSON."""
    with open_bytes(path) as file:
        if not file.read(64).lstrip(b"\xef\xbb\xbf \r\n\t").startswith(b"["):
            return None  # COCO's files are objects, and some are large
    data = read_json(path)
    if not isinstance(data, list) or not data or not all(isinstance(task, dict) for task in data):
        return None
    known = all(
        isinstance(t.get("data"), dict) and ({"annotations", "completions"} & set(t)) for t in data
    )
    return list(data) if known else None


def _image(task: Mapping[str, Any]) -> str:
    """Return the name of a task's image, from an address or a path on the server."""
    given = [str(value) for value in task["data"].values() if isinstance(value, str)]
    for text in given:
        parts = urlsplit(text)
        place = unquote(parse_qs(parts.query).get("d", [parts.path])[0])
        if is_image(Path(place)):
            return place
    return given[0] if given else ""


def _regions(task: Mapping[str, Any]) -> list[Region] | None:
    """Return what the first annotation that was not cancelled marks; `None` without any."""
    given = task.get("annotations", task.get("completions"))
    done = [one for one in given or () if not one.get("was_cancelled")]
    return [r for r in done[0]["result"] if "value" in r] if done else None


def _label(region: Region) -> str:
    labels = region["value"].get(region["type"]) or region["value"].get("labels") or ["object"]
    return str(labels[0])


def _size(regions: Sequence[Region]) -> Size | None:
    for region in regions:
        if "original_height" in region and "original_width" in region:
            return int(region["original_height"]), int(region["original_width"])
    return None


def _objects(regions: Sequence[Region], image: str) -> list[Marked]:
    """Return the keypoints by object: of the same parent, in the same rectangle, or all.

    Raises:
        DatasetError: An object has a keypoint twice, or the image was turned.
    """
    if any(region.get("image_rotation") for region in regions):
        raise DatasetError(
            f"'{image}' must be labeled as it is stored; it was turned in Label Studio. Turn the "
            f"image file instead and label it again."
        )
    boxes = {str(r.get("id", k)): _box(r) for k, r in enumerate(regions) if r["type"] in _BOXES}
    groups: dict[str, list[tuple[str, Point]]] = {name: [] for name in boxes}
    for region in regions:
        if region["type"] == "keypointlabels":
            point = _point(region)
            owner = str(region.get("parentID") or "")
            owner = owner if owner in boxes else _around(point, boxes)
            groups.setdefault(owner, []).append((_label(region), point))
    for points in groups.values():
        again = twice([name for name, _ in points])
        if again:
            raise DatasetError(
                f"Each object of '{image}' must have one point '{again}'; one has two. Draw a "
                f"rectangle around each object, or make it the parent of its points."
            )
    return [Marked(dict(points), boxes.get(owner)) for owner, points in groups.items()]


def _scale(region: Region) -> tuple[float, float]:
    """Return pixels per percent, by columns and by rows."""
    return float(region["original_width"]) / 100, float(region["original_height"]) / 100


def _point(region: Region) -> Point:
    value, (across, down) = region["value"], _scale(region)
    return float(value["x"]) * across - 0.5, float(value["y"]) * down - 0.5, VISIBLE


def _box(region: Region) -> Box:
    """Return the upright box around a rectangle, which may be turned around its first corner."""
    value, (across, down) = region["value"], _scale(region)
    angle = math.radians(float(value.get("rotation") or 0))
    x, y = float(value["x"]) * across, float(value["y"]) * down
    width, height = float(value["width"]) * across, float(value["height"]) * down
    corners = [(0.0, 0.0), (width, 0.0), (width, height), (0.0, height)]
    turned = [
        (
            x + a * math.cos(angle) - b * math.sin(angle),
            y + a * math.sin(angle) + b * math.cos(angle),
        )
        for a, b in corners
    ]
    columns, rows = zip(*turned, strict=True)
    return min(columns) - 0.5, min(rows) - 0.5, max(columns) - 0.5, max(rows) - 0.5


def _around(point: Point, boxes: Mapping[str, Box]) -> str:
    """Return the smallest rectangle around a point, "" without any."""
    x, y, _ = point
    inside = {
        name: (x1 - x0) * (y1 - y0)
        for name, (x0, y0, x1, y1) in boxes.items()
        if x0 <= x <= x1 and y0 <= y <= y1
    }
    return min(inside, key=lambda name: inside[name]) if inside else ""
