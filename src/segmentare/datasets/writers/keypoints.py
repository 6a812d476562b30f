"""Keypoints in the files of others: COCO's annotations, COCO's results, and a table.

Source: https://cocodataset.org/#format-data and #format-results.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from typing import Any

import numpy as np

from segmentare.annotations.geometry import Size
from segmentare.annotations.poses import Poses, Skeleton
from segmentare.annotations.runlengths import RLE

COLUMNS = ("image", "person", "person_score", "keypoint", "x", "y", "score")  #: of the table


def coco_results(poses: Poses, image_id: int, category_id: int = 1) -> list[dict[str, Any]]:
    """Return the people of one image as COCO's evaluation reads them.

    Found keypoints are x, y, 1 and others -1, -1, 0, as OpenPose writes them. In a truth everybody
    has the score 1.
    """
    results = []
    for i, points in enumerate(poses.keypoints):
        found = points[:, 2] > 0
        if found.any():
            rows = np.where(found[:, None], np.c_[points[:, :2], np.ones(len(points))], (-1, -1, 0))
            results.append(
                {
                    "image_id": image_id,
                    "category_id": category_id,
                    "keypoints": _numbers(rows),
                    "score": 1.0 if poses.scores is None else float(poses.scores[i]),
                }
            )
    return results


def keypoint_table(images: Iterable[tuple[str, Poses]]) -> str:
    """Return a CSV with a line for each keypoint of each person in the images, given by name.

    People are numbered from 0, or by their identity where they are tracked. A keypoint that is
    missing has the score 0 and no place; in a truth the last column is the visibility.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for name, poses in images:
        for i, points in enumerate(poses.keypoints):
            person = i if poses.ids is None else poses.ids[i]
            score = "" if poses.scores is None else f"{poses.scores[i]:.6g}"
            for keypoint, (x, y, own) in zip(poses.skeleton.keypoints, points, strict=True):
                place = (f"{x:.6g}", f"{y:.6g}") if own > 0 else ("", "")
                writer.writerow((name, person, score, keypoint, *place, f"{max(own, 0):.6g}"))
    return text.getvalue()


class CocoKeypoints:
    """Gathers images with people into one file of COCO's form.

    Args:
        skeleton: The keypoints.
        category: Name of the objects.
    """

    def __init__(self, skeleton: Skeleton, category: str = "person") -> None:
        self._skeleton = skeleton
        self._category = category
        self._images: list[dict[str, Any]] = []
        self._annotations: list[dict[str, Any]] = []

    def add(self, file_name: str, poses: Poses, size: Size | None) -> None:
        """Append an image; its size is left out where nobody knows it.

        Silhouettes are written as run lengths; where there are none, people whose keypoints
        nobody marked get the unknown pixels in their box.
        """
        number = len(self._images) + 1
        image: dict[str, Any] = {"id": number, "file_name": file_name}
        if size is not None:
            image |= {"height": size[0], "width": size[1]}
        self._images.append(image)
        for i in range(len(poses)):
            self._annotations.append(
                {
                    "id": len(self._annotations) + 1,
                    "image_id": number,
                    "category_id": 1,
                    **self._person(poses, i),
                }
            )

    def to_dict(self) -> dict[str, Any]:
        """Return the file as JSON-ready data."""
        category = {
            "id": 1,
            "name": self._category,
            "supercategory": "",
            "keypoints": list(self._skeleton.keypoints),
            "skeleton": [[a + 1, b + 1] for a, b in self._skeleton.limbs],
        }
        return {
            "images": self._images,
            "annotations": self._annotations,
            "categories": [category],
        }

    def _person(self, poses: Poses, i: int) -> dict[str, Any]:
        points = poses.keypoints[i].copy()
        if poses.scores is not None:  # found is visible
            points[:, 2] = 2 * (points[:, 2] > 0)
        points[points[:, 2] <= 0] = 0
        x0, y0, x1, y1 = (float(value) for value in poses.boxes[i])
        person: dict[str, Any] = {
            "iscrowd": int(poses.crowd[i]),
            "num_keypoints": int((points[:, 2] > 0).sum()),
            "keypoints": _numbers(points),
            "bbox": _numbers(np.array([x0 + 0.5, y0 + 0.5, x1 - x0, y1 - y0])),
            "area": _numbers(poses.areas[i : i + 1])[0],
        }
        mask = _mask(poses, i)
        if mask is not None:
            counts = list(mask.counts) if poses.crowd[i] else mask.to_text()
            person["segmentation"] = {"size": list(mask.size), "counts": counts}
        if poses.scores is not None:
            person["score"] = float(poses.scores[i])
        if poses.ids is not None:
            person["track_id"] = poses.ids[i]
        return person


def _mask(poses: Poses, i: int) -> RLE | None:
    """Return the silhouette of person i, or the unknown pixels in the box of one unmarked."""
    seen = None if poses.segmentation is None else poses.segmentation.instance
    mask = np.zeros(poses.size, bool) if seen is None else seen == i + 1
    if poses.unknown is not None and not mask.any() and not (poses.keypoints[i, :, 2] > 0).any():
        x0, y0, x1, y1 = np.rint(poses.boxes[i] + 0.5).astype(int)
        mask[y0:y1, x0:x1] = poses.unknown[y0:y1, x0:x1]
    return RLE.from_mask(mask) if mask.any() else None


def _numbers(values: np.ndarray[Any, Any]) -> list[float | int]:
    """Return numbers for JSON, to a thousandth of a pixel, whole ones as such."""
    rounded = [round(float(value), 3) for value in values.ravel()]
    return [int(value) if value.is_integer() else value for value in rounded]
