"""Short drawn videos of moving figures, and a model that sees them perfectly."""

import cv2
import numpy as np
from drawn_poses import COCO, STANDING, of_keypoints

from segmentare.annotations.segmentation import Category, Segmentation
from segmentare.video.writing import VideoFile

SIZE = (120, 200)
FPS = 25.0
CATEGORIES = (
    Category("background", (0, 0, 0), background=True),
    Category("disk", (9, 9, 200), thing=True),
)


def walkers(number, noise=0.0, rng=None):
    """Return two people in frame `number`: one goes right, one left; they pass each other."""
    height, keypoints = 80, []
    for x, y, step in ((10, 12, 3.0), (150, 28, -3.0)):
        points = STANDING * [0.45 * height, height] + [x + step * number, y]
        if rng is not None:
            points = points + rng.normal(0, noise, points.shape)
        keypoints.append(np.concatenate([points, np.full((17, 1), 0.9)], 1))
    return np.array(keypoints, np.float32)


def poses(keypoints, size=SIZE):
    keypoints = np.asarray(keypoints, np.float32).reshape(-1, 17, 3)
    return of_keypoints(keypoints, size, COCO, scores=np.full(len(keypoints), 0.9, np.float32))


def disks(number, size=SIZE):
    """Return two disks that move towards each other on different rows, ids in changing order."""
    instance = np.zeros(size, np.int32)
    places = [(30 + 3 * number, 35), (170 - 3 * number, 85)]
    for index, place in enumerate(places[:: 1 if number % 2 else -1], start=1):
        cv2.circle(instance, place, 18, index, -1)
    scores = np.array([0.9, 0.8], np.float32)
    return Segmentation((instance > 0).astype(np.uint8), instance, scores=scores)


def picture(number, size=SIZE):
    """Return a frame whose brightness says its number, with a moving disk."""
    image = np.full((*size, 3), 40 + 8 * number, np.uint8)
    cv2.circle(image, (20 + 4 * number, size[0] // 2), 12, (255, 60, 60), -1)
    return image


def write_video(path, frames=20, size=SIZE, fps=FPS):
    with VideoFile(path, fps) as film:
        for number in range(frames):
            film.add(picture(number, size))
    return path
