"""Small folders of images with keypoints, in the layouts of others."""

import json

import cv2
import numpy as np

SIZE = (60, 80)  #: of every image


def write_image(path, size=SIZE):
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(len(path.name)).integers(0, 255, (*size, 3), np.uint8)
    cv2.imwrite(str(path), noise)


def points_of(count, seed=0, visible=2):
    """`count` keypoints in whole pixels, all with the same visibility."""
    points = np.random.default_rng(seed).integers(5, 55, (count, 3)).astype(float)
    points[:, 2] = visible
    return points


def annotation(number, image, points, **more):
    flat = [int(v) if float(v).is_integer() else float(v) for v in np.ravel(points)]
    return {
        "id": number,
        "image_id": image,
        "category_id": 1,
        "iscrowd": 0,
        "keypoints": flat,
        **more,
    }


def coco_data(annotations, images=2, names=None, size=SIZE):
    """A file of `images` images; `names` of keypoints are COCO's where none are given."""
    from segmentare.annotations.skeletons import SKELETONS

    listed = [
        {"id": k, "file_name": f"{k}.png", "height": size[0], "width": size[1]}
        for k in range(1, images + 1)
    ]
    names = list(SKELETONS["coco17"].keypoints) if names is None else names
    category = {"id": 1, "name": "person", "keypoints": names, "skeleton": [[1, 2]]}
    return {"images": listed, "annotations": annotations, "categories": [category]}


def write_coco(root, data, name="person_keypoints_val2017.json"):
    path = root / "annotations" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(data))
    for image in data["images"]:
        write_image(root / "images" / image["file_name"])
    return path
