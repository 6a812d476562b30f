"""How far the predictions of PyTorch and TensorFlow are the same, for trained models.

    python benchmarks/framework_parity.py 24 RUN IMAGES [RUN IMAGES ...]

Both read the same model folders and look at the same images of a folder, evenly chosen. Per model:
the largest difference of any value of its maps, and how many pixels or keypoints of all predictions
differ; a keypoint differs when it moves by more than 0.01 pixels.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from segmentare.datasets.images import read_image
from segmentare.interfaces.predicting import find_images
from segmentare.loading import load
from segmentare.poses import Poses

NEAR = 0.01  # pixels


def differing(one, other):
    """Return how many pixels or keypoints differ, and of how many."""
    if isinstance(one, Poses):
        there, count = one.keypoints[..., :2], max(len(one.keypoints), len(other.keypoints))
        total = count * one.keypoints.shape[1]
        if one.keypoints.shape != other.keypoints.shape:
            return total, total
        far = np.abs(there - other.keypoints[..., :2]).max(-1) > NEAR
        return int(far.sum()), total
    same = one.category == other.category
    if one.instance is not None:
        same &= one.instance == other.instance
    return int((~same).sum()), same.size


def main():
    count, *pairs = sys.argv[1:]
    for run, folder in zip(pairs[::2], pairs[1::2], strict=True):
        one, other = (load(run, framework=name) for name in ("torch", "tensorflow"))
        paths = list(find_images([Path(folder)]).values())
        chosen = np.unique(np.linspace(0, len(paths) - 1, int(count)).round().astype(int))
        largest, differ, total = 0.0, 0, 0
        for index in chosen:
            image = read_image(paths[index])
            readings = [predictor.read(image) for predictor in (one, other)]
            for name, maps in readings[0].maps.items():
                largest = max(largest, float(np.abs(maps - readings[1].maps[name]).max()))
            wrong, seen = differing(one.decode(readings[0]), other.decode(readings[1]))
            differ, total = differ + wrong, total + seen
        what = f"{Path(run).name:22} {one.task.name:9} {len(chosen)} images"
        print(f"{what}  largest {largest:.1e}  differ {differ} of {total}", flush=True)


if __name__ == "__main__":
    main()
