"""Small datasets of objects, drawn in the layouts of others."""

import json
from pathlib import Path

import numpy as np
from drawn_folders import photo
from PIL import Image

from segmentare.annotations.runlengths import RLE

SIZE = (24, 32)  # of drawn_folders.photo


def instance_map(count: int = 4) -> np.ndarray:
    """Boxes 1, 2, ... from left to right; every second one touches the one before."""
    ids = np.zeros(SIZE, np.int32)
    for i in range(count):
        ids[4 + i : 14 + i, 2 + 7 * i : 9 + 7 * i] = i + 1
    ids[6, 4] = 0  # a hole in the first
    return ids


def save_photo(path: Path, seed: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(photo(seed)).save(path)
    return path


def save_map(path: Path, values: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values).save(path)
    return path


def coco(root: Path, images: int = 3) -> dict:
    """Write `images` pictures with two objects each and return the JSON, to be damaged."""
    one, other = (RLE.from_mask(instance_map() == i) for i in (1, 2))
    data = {"images": [], "annotations": [], "categories": []}
    data["categories"] = [{"id": 7, "name": "cow"}, {"id": 90, "name": "sheep"}]
    for i in range(images):
        save_photo(root / f"train/{i}.png", i)
        data["images"].append({"id": 50 + i, "file_name": f"{i}.png", "height": 24, "width": 32})
        shared = {"image_id": 50 + i, "iscrowd": 0}
        square = [20, 2, 28, 2, 28, 10, 20, 10]
        runs = {"size": [24, 32], "counts": one.to_text()}
        crowd = {"size": [24, 32], "counts": list(other.counts)}
        data["annotations"] += [
            {**shared, "id": 10 * i, "category_id": 90, "segmentation": [square]},
            {**shared, "id": 10 * i + 1, "category_id": 7, "segmentation": runs},
            {**shared, "id": 10 * i + 2, "category_id": 7, "segmentation": crowd, "iscrowd": 1},
        ]
    save_coco(root, data)
    return data


def save_coco(root: Path, data: dict) -> Path:
    (root / "annotations").mkdir(exist_ok=True)
    (root / "annotations/instances_train.json").write_text(json.dumps(data))
    return root
