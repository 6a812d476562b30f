"""How long the two codes of poses take to decode, without any network.

    python benchmarks/pose_decode.py

Maps of 96 x 96 cells (stride 4: an image of 384 x 384) show 1, 10 and 50 people with COCO's 17
keypoints, drawn by the code itself, with noise on every map as a network leaves it. Times are
medians over some rounds, in time of one core, so that other work on the machine does not count.
They are given for the maps as a network makes them, and for the same maps enlarged to the image's
size, as a predictor hands them over. `found` is the share of people whose keypoints all lie within
2 pixels of the truth.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import cv2
import numpy as np

from segmentare.annotations.poses import Poses, box_areas, keypoint_boxes
from segmentare.annotations.skeletons import SKELETONS
from segmentare.tasks import encodings
from segmentare.tasks.pose import CODES, PoseTask

COCO = SKELETONS["coco17"]
CELLS, STRIDE = 96, 4
PEOPLE = (1, 10, 50)

#: A person in a box of 1 x 1, in COCO's order.
STANDING = np.array(
    [
        *[(0.50, 0.10), (0.54, 0.07), (0.46, 0.07), (0.60, 0.09), (0.40, 0.09)],
        *[(0.68, 0.24), (0.32, 0.24), (0.84, 0.38), (0.16, 0.38), (0.95, 0.52), (0.05, 0.52)],
        *[(0.60, 0.55), (0.40, 0.55), (0.64, 0.76), (0.36, 0.76), (0.66, 0.97), (0.34, 0.97)],
    ]
)


def people(rng, count, side, tall=84.0):
    """Place people of one height in a grid, limbs a little off."""
    columns = min(count, 10)
    rows = -(-count // columns)
    cell = np.array([side / columns, side / rows])
    keypoints = np.full((count, len(STANDING), 3), 2, np.float32)
    scale = np.array([38.0, 76.0 if rows > 1 else tall])
    for i in range(count):
        corner = cell * (i % columns, i // columns) + (cell - scale) / 2
        keypoints[i, :, :2] = corner + (STANDING + rng.normal(0, 0.01, STANDING.shape)) * scale
    keypoints[..., :2] = np.clip(keypoints[..., :2], 0, side - 1)
    boxes = keypoint_boxes(keypoints)
    none = np.zeros(count, np.bool_)
    return Poses(COCO, keypoints, (side, side), boxes, box_areas(boxes), none)


def noisy(task, annotation, rng, noise):
    maps = {}
    for name, values in task.encode(annotation, STRIDE).items():
        shaken = np.nan_to_num(values) + noise * rng.standard_normal(values.shape)
        maps[name] = shaken.astype(np.float32)
    return maps


def found(predicted, truth):
    far = np.abs(predicted.keypoints[:, None, :, :2] - truth.keypoints[None, :, :, :2])
    return (far.max(axis=(2, 3)) < 2).any(axis=0).mean() if len(predicted) else 0.0


def median_ms(function: Callable[[], object], rounds: int) -> float:
    function()
    times = []
    for _ in range(rounds):
        began = time.process_time()
        function()
        times.append(time.process_time() - began)
    return 1000 * statistics.median(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=31)
    parser.add_argument("--noise", type=float, default=0.02)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    print("| code | maps | " + " | ".join(f"{n} people" for n in PEOPLE) + " | 50 : 1 | found |")
    print("|---|---|" + "---|" * (len(PEOPLE) + 2))
    for code in CODES:
        task = PoseTask(COCO, code=code)
        for stride in (STRIDE, 1):
            times, shares = [], []
            for count in PEOPLE:
                rng = np.random.default_rng(count)
                truth = people(rng, count, CELLS * STRIDE)
                maps = noisy(task, truth, rng, options.noise)
                if stride == 1:
                    maps = {name: encodings.stretch(m, STRIDE) for name, m in maps.items()}
                times.append(median_ms(lambda: task.decode(maps, stride), options.rounds))  # noqa: B023
                shares.append(found(task.decode(maps, stride), truth))
            side = CELLS * STRIDE // stride
            cells = " | ".join(f"{milliseconds:.1f} ms" for milliseconds in times)
            ratio, share = times[-1] / times[0], " / ".join(f"{share:.2f}" for share in shares)
            print(f"| {code} | {side} x {side} | {cells} | {ratio:.1f} | {share} |")


if __name__ == "__main__":
    main()
