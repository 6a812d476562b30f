"""A drawn dataset of people with skeletons and silhouettes, for the demo and for tests.

Every picture is drawn from one whole number, so nothing has to be stored or downloaded, and
keypoints and silhouettes are exact: the same outlines give the pixels their colors.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from segmentare.annotations.geometry import Size
from segmentare.annotations.poses import Poses, Skeleton
from segmentare.annotations.runlengths import RLE
from segmentare.annotations.segmentation import UNLABELED, Category, Sample, Segmentation
from segmentare.annotations.skeletons import SKELETONS
from segmentare.atomic import write_bytes
from segmentare.datasets.base import Problem, Record
from segmentare.errors import InputError
from segmentare.synthetic import people as drawing_people
from segmentare.synthetic.files import check_drawing, write_png

SKELETON = SKELETONS["coco17"]

CATEGORIES = (
    Category("background", (0, 0, 0), background=True),
    Category("person", (255, 196, 0), thing=True),
)

_PERSON = {
    "id": 1,
    "name": "person",
    "supercategory": "person",
    "keypoints": list(SKELETON.keypoints),
    "skeleton": [[a + 1, b + 1] for a, b in SKELETON.limbs],
}  # as COCO's file describes it


def draw_people(seed: int, size: Size = (192, 256)) -> Sample[Poses]:
    """Draw a picture of up to four people, their skeletons and their silhouettes.

    Args:
        seed: A whole number, 0 or more; the same number and size give the same picture.
        size: Height and width, at least 32 each.

    Returns:
        uint8 RGB image; the keypoints are COCO's, `HIDDEN` where something lies before them and
        `NOT_LABELED` out of the picture; person i has the instance id i + 1, and areas and boxes
        are those of the pixels that show. People of whom hardly anything shows are unknown.

    Raises:
        InputError: The seed is negative, or the size is too small.
    """
    check_drawing(seed, size)
    drawn = drawing_people.draw(np.random.default_rng(seed), size)
    pixels = np.clip(drawn.picture * 255 + 0.5, 0, 255).astype(np.uint8)
    return Sample(pixels, _poses(drawn, size), f"drawn_{seed}")


def _poses(drawn: drawing_people.Drawing, size: Size) -> Poses:
    count = len(drawn.keypoints)
    boxes = np.zeros((count, 4), np.float32)
    for box, number in zip(boxes, range(1, count + 1), strict=True):
        rows, columns = (np.flatnonzero((drawn.ids == number).any(axis=a)) for a in (1, 0))
        box[:] = columns[0] - 0.5, rows[0] - 0.5, columns[-1] + 0.5, rows[-1] + 0.5
    category = (drawn.ids > 0).astype(np.uint8)
    category[drawn.unknown] = UNLABELED
    return Poses(
        SKELETON,
        drawn.keypoints,
        size,
        boxes,
        np.bincount(drawn.ids.ravel(), minlength=count + 1)[1:].astype(np.float32),
        np.zeros(count, np.bool_),
        unknown=drawn.unknown if drawn.unknown.any() else None,
        segmentation=Segmentation(category, drawn.ids),
    )


class SyntheticPeople:
    """Drawn people as a dataset; each picture is drawn when it is asked for, and not kept.

    The records name the images that `write_dataset` would write; nothing lies on disk.

    Args:
        count: Number of pictures, at least 1.
        seed: Two datasets with different seeds have no picture in common.
        size: Height and width of every picture, at least 32 each.

    Raises:
        InputError: The count or the seed is out of range, or the size is too small.
    """

    reader = "synthetic"
    categories = CATEGORIES
    skeleton: Skeleton | None = SKELETON

    def __init__(self, count: int, seed: int = 0, size: Size = (192, 256)) -> None:
        if count < 1:
            raise InputError(f"A drawn dataset must have at least 1 picture; got {count}.")
        check_drawing(seed, size)
        self.root = Path()
        self.layout = f"{count} drawn pictures of people, {size[0]} x {size[1]} pixels, seed {seed}"
        self.problems: tuple[Problem, ...] = ()
        self._size = size
        digits = max(3, len(str(count - 1)))
        # Hashed, because seed 0's second picture must not be seed 1's first.
        self._seeds = [
            int(np.random.SeedSequence((seed, index)).generate_state(1, np.uint64)[0])
            for index in range(count)
        ]
        names = [f"drawn_{index:0{digits}d}" for index in range(count)]
        self.records = tuple(Record(name, Path("images", f"{name}.png")) for name in names)

    def __len__(self) -> int:
        return len(self.records)

    def __getitem__(self, index: int) -> Sample[Poses]:
        drawn = draw_people(self._seeds[index], self._size)
        return Sample(drawn.image, drawn.annotation, self.records[index].name)


def write_dataset(root: Path, count: int, seed: int = 0, size: Size = (192, 256)) -> Path:
    """Write drawn people to disk in COCO's form: images, keypoints, silhouettes.

    Each file is written whole or not at all; files of the same name are replaced, so that an
    interrupted call can be repeated.

    Args:
        root: Folder that receives `images/*.png` (RGB) and, when all of them are there,
            `annotations/person_keypoints_drawn.json`; made where it does not exist.
        count: Number of pictures, at least 1.
        seed: The same pictures as `SyntheticPeople(count, seed, size)`.
        size: Height and width of every picture, at least 32 each.

    Returns:
        `root`.

    Raises:
        InputError: As `SyntheticPeople` does.
        OSError: The folder cannot be written.
    """
    dataset = SyntheticPeople(count, seed, size)
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for folder in ("images", "annotations"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    for index in range(count):
        sample = dataset[index]
        name = f"{sample.name}.png"
        write_png(root / "images" / name, sample.image)
        height, width = size
        images.append({"id": index + 1, "file_name": name, "height": height, "width": width})
        for entry in _entries(sample.annotation):
            numbered = {"id": len(annotations) + 1, "image_id": index + 1, "category_id": 1}
            annotations.append({**numbered, **entry})
    data = {"images": images, "annotations": annotations, "categories": [_PERSON]}
    path = root / "annotations" / "person_keypoints_drawn.json"
    write_bytes(path, json.dumps(data).encode())
    return root


def _entries(poses: Poses) -> list[Mapping[str, Any]]:
    """Return COCO's annotations of one image; people who are unknown become a crowd."""
    entries: list[Mapping[str, Any]] = []
    instance = np.zeros(poses.size, np.int32)
    if poses.segmentation is not None and poses.segmentation.instance is not None:
        instance = poses.segmentation.instance
    for number, keypoints in enumerate(poses.keypoints, start=1):
        mask = RLE.from_mask(instance == number)
        points = [[round(float(x), 2), round(float(y), 2), int(v)] for x, y, v in keypoints]
        entries.append(
            {
                "keypoints": [value for point in points for value in point],
                "num_keypoints": sum(point[2] > 0 for point in points),
                "segmentation": {"size": list(poses.size), "counts": mask.to_text()},
                **_extent(mask),
                "iscrowd": 0,
            }
        )
    if poses.unknown is not None:
        mask = RLE.from_mask(poses.unknown)
        entries.append(
            {
                "keypoints": [0] * (3 * len(poses.skeleton.keypoints)),
                "num_keypoints": 0,
                "segmentation": {"size": list(poses.size), "counts": list(mask.counts)},
                **_extent(mask),
                "iscrowd": 1,
            }
        )
    return entries


def _extent(mask: RLE) -> dict[str, Any]:
    x0, y0, x1, y1 = mask.box
    return {"area": mask.area, "bbox": [x0, y0, x1 - x0, y1 - y0]}
