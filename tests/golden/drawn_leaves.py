"""Drawn leaves with keypoints of their own, which a tiny network finds after a short training."""

import json

import cv2
import numpy as np
from PIL import Image

KEYPOINTS = ("stem", "left_lobe", "right_lobe", "tip")
LIMBS = ((0, 1), (0, 2), (1, 3), (2, 3))
SHAPE = np.array([(0.0, 0.5), (-0.45, 0.0), (0.45, 0.0), (0.0, -0.5)])
COLORS = ((230, 60, 60), (60, 200, 60), (70, 90, 240), (240, 230, 60))


def draw(seed, size):
    """Return an image with one leaf or two, and the keypoints (N, 4, 2) of them."""
    rng = np.random.default_rng(seed)
    image = rng.integers(0, 40, (*size, 3)).astype(np.uint8)
    count = rng.integers(1, 3)
    leaves = []
    for place in range(count):
        middle = np.array([size[1] * (place + 0.5) / count, size[0] / 2]) + rng.uniform(-4, 4, 2)
        length = rng.uniform(0.6, 0.75) * min(size[0], size[1] / count * 1.3)
        points = middle + length * SHAPE + rng.normal(0, 0.6, (4, 2))
        for one, other in LIMBS:
            for part in np.linspace(0, 1, 40):  # fading from color to color shows where it leads
                x, y = np.rint((1 - part) * points[one] + part * points[other]).astype(int)
                color = (1 - part) * np.array(COLORS[one]) + part * np.array(COLORS[other])
                cv2.circle(image, (int(x), int(y)), 1, (0.6 * color).tolist(), -1)
        for point, color in zip(points, COLORS, strict=True):
            cv2.circle(image, np.rint(point).astype(int).tolist(), 3, color, -1)
        leaves.append(points)
    return image, np.array(leaves)


def write_dataset(folder, count, size):
    """Write leaves in COCO's form and return the folder."""
    category = {"id": 1, "name": "leaf", "keypoints": KEYPOINTS}
    category["skeleton"] = [[one + 1, other + 1] for one, other in LIMBS]
    data = {"images": [], "annotations": [], "categories": [category]}
    (folder / "images").mkdir(parents=True)
    (folder / "annotations").mkdir()
    for seed in range(count):
        image, leaves = draw(seed, size)
        Image.fromarray(image).save(folder / "images" / f"{seed:02}.png")
        shape = {"height": size[0], "width": size[1]}
        data["images"].append({"id": seed, "file_name": f"{seed:02}.png", **shape})
        for points in leaves:
            low, side = points.min(axis=0), np.ptp(points, axis=0)
            data["annotations"].append(
                {
                    "id": len(data["annotations"]) + 1,
                    "image_id": seed,
                    "category_id": 1,
                    "iscrowd": 0,
                    "bbox": [*low.tolist(), *side.tolist()],
                    "area": float(side.prod()) / 2,
                    "num_keypoints": len(points),
                    "keypoints": np.c_[points, np.full(4, 2)].ravel().tolist(),
                }
            )
    (folder / "annotations" / "person_keypoints_leaves.json").write_text(json.dumps(data))
    return folder
