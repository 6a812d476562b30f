"""Drawn annotations with skeletons, for the tests of tasks that find keypoints."""

import numpy as np

from segmentare.annotations.poses import Poses, Skeleton, box_areas, keypoint_boxes
from segmentare.annotations.segmentation import Segmentation
from segmentare.annotations.skeletons import SKELETONS

COCO = SKELETONS["coco17"]

#: A person in a box of 1 x 1, in COCO's order.
STANDING = np.array(
    [
        *[(0.50, 0.10), (0.54, 0.07), (0.46, 0.07), (0.60, 0.09), (0.40, 0.09)],
        *[(0.68, 0.24), (0.32, 0.24), (0.84, 0.38), (0.16, 0.38), (0.95, 0.52), (0.05, 0.52)],
        *[(0.60, 0.55), (0.40, 0.55), (0.64, 0.76), (0.36, 0.76), (0.66, 0.97), (0.34, 0.97)],
    ]
)

LEAF = Skeleton(
    "leaf",
    ("stem", "left", "right", "tip"),
    (0, 2, 1, 3),
    ((0, 1), (0, 2), (1, 2), (1, 3), (2, 3)),
    (0.05,) * 4,
    ((255, 0, 0),) * 4,
)


def people(rng, count, size, height=None, skeleton=COCO, shape=STANDING):
    """Place people in a grid, each with its own size and limbs a little off."""
    columns = int(np.ceil(np.sqrt(count * 1.6 * size[1] / size[0])))
    rows = -(-count // max(columns, 1))
    cell = np.array([size[1] / columns, size[0] / rows]) if count else np.ones(2)
    tall = height or 0.85 * min(cell[1], cell[0] * 2)
    keypoints = np.full((count, len(shape), 3), 2, np.float32)
    for i in range(count):
        corner = cell * (i % columns, i // columns)
        scale = tall * rng.uniform(0.85, 1) * np.array([0.5, 1])
        moved = shape + rng.normal(0, 0.01, shape.shape)
        keypoints[i, :, :2] = corner + (cell - scale) / 2 + moved * scale
    return of_keypoints(keypoints, size, skeleton)


def of_keypoints(keypoints, size, skeleton=COCO, **more):
    """Return the annotation of keypoints (N, K, 3)."""
    keypoints = np.asarray(keypoints, np.float32)
    boxes = keypoint_boxes(keypoints)
    crowd = np.zeros(len(keypoints), bool)
    return Poses(skeleton, keypoints, size, boxes, box_areas(boxes), crowd, **more)


def with_silhouettes(poses):
    """Return poses whose boxes, less what nearer people cover, are their silhouettes."""
    instance = np.zeros(poses.size, np.int32)
    for i, (x0, y0, x1, y1) in enumerate(poses.boxes.tolist()):
        box = np.s_[max(0, round(y0)) : round(y1) + 1, max(0, round(x0)) : round(x1) + 1]
        instance[box] = i + 1
    silhouettes = Segmentation((instance > 0).astype(np.uint8), instance)
    return Poses(**{**vars(poses), "segmentation": silhouettes})
