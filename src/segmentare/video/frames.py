"""What was found in one frame of a video, whatever the task: drawn, and as JSON-ready data."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from segmentare.annotations.poses import Poses
from segmentare.annotations.segmentation import Category, Segmentation
from segmentare.drawing.overlays import overlay
from segmentare.drawing.poses import LEAST, draw_poses, tint_objects, write_id
from segmentare.results import files
from segmentare.video.reading import Frame


def draw(
    image: NDArray[np.uint8],
    found: Poses | Segmentation,
    categories: tuple[Category, ...],
    least: float = LEAST,
) -> NDArray[np.uint8]:
    """Return the frame with what was found, whatever the task (uint8 RGB of the same size)."""
    if isinstance(found, Poses):
        return draw_poses(image, found, least=least)
    if found.instance is None:
        return overlay(image, found, categories)
    stuff = any(not (category.thing or category.background) for category in categories)
    canvas = overlay(image, found, categories) if stuff else image.copy()
    tint_objects(canvas, found.instance)
    for number, box in _boxes(found.instance).items():
        write_id(canvas, number, ((box[0] + box[2]) / 2, (box[1] + box[3]) / 2))
    return canvas


def describe(
    found: Poses | Segmentation, categories: tuple[Category, ...], name: str, frame: Frame
) -> dict[str, Any]:
    """Return what is in a frame as JSON-ready data.

    Returns:
        `image`, the name of the video; `frame`, `seconds`, `width`, `height`. Of poses `skeleton`
        and `people`, each with `id` (`None` without tracking), `score`, `box` [x0, y0, x1, y1]
        and `keypoints`, [x, y, score] in the skeleton's order, zeros for what was not found. Else
        `categories` and `confidence` as `files.describe` has them, and of objects `objects`, each
        with `id`, `category`, `score`, `area_px` and `box`.
    """
    where = {"image": name, "frame": frame.number, "seconds": round(frame.seconds, 4)}
    if isinstance(found, Poses):
        height, width = found.size
        return where | {
            "width": width,
            "height": height,
            "skeleton": found.skeleton.name,
            "people": [_person(found, index) for index in range(len(found))],
        }
    row = files.describe(found, categories, name) | where
    if found.instance is None:
        return row
    return row | {"objects": _objects(found, found.instance, categories)}


def _person(found: Poses, index: int) -> dict[str, Any]:
    points = found.keypoints[index] * (found.keypoints[index, :, 2:] > 0)
    return {
        "id": None if found.ids is None else found.ids[index],
        "score": None if found.scores is None else round(float(found.scores[index]), 4),
        "box": [round(float(value), 2) for value in found.boxes[index]],
        "keypoints": [
            [round(float(x), 2), round(float(y), 2), round(float(s), 4)] for x, y, s in points
        ],
    }


def _objects(
    found: Segmentation, instance: NDArray[np.int32], categories: tuple[Category, ...]
) -> list[dict[str, Any]]:
    rows = []
    for number, box in _boxes(instance).items():
        inside = np.s_[box[1] : box[3], box[0] : box[2]]
        mask = instance[inside] == number
        kind = int(np.bincount(found.category[inside][mask]).argmax())
        rows.append(
            {
                "id": number,
                "category": categories[kind].name if kind < len(categories) else None,
                "score": None
                if found.scores is None
                else round(float(found.scores[number - 1]), 4),
                "area_px": int(mask.sum()),
                "box": box,
            }
        )
    return rows


def _boxes(instance: NDArray[np.int32]) -> dict[int, list[int]]:
    """Return id -> box [x0, y0, x1, y1], x1 and y1 excluded."""
    from scipy.ndimage import find_objects

    return {
        number: [place[1].start, place[0].start, place[1].stop, place[0].stop]
        for number, place in enumerate(find_objects(instance), start=1)
        if place is not None
    }
