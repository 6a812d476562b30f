"""What a pose model has to beat: every joint at its mean place.

    python benchmarks/mean_place.py ../shared/data/pose_lspet RUN

The places are the means over the training part of a run, as shares of the image's width and
height; printed is the PCK at 0.2 of the torso on its test part.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from segmentare.annotations.poses import Poses
from segmentare.datasets import open_dataset
from segmentare.metrics.keypoints import PoseScores
from segmentare.training.runs import read_split_parts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="a dataset of one person in each image")
    parser.add_argument("run", type=Path, help="whose split is taken")
    options = parser.parse_args()
    parts = read_split_parts(options.run)
    dataset = open_dataset(options.data, task="pose")
    samples = [dataset[i] for i in range(len(dataset))]
    train, test = set(parts["train"]), set(parts["test"])
    seen = np.ma.stack([relative(sample.annotation) for sample in samples if sample.name in train])
    places = seen.mean(axis=0).filled(0.5)
    scores = PoseScores(dataset.skeleton)
    for sample in samples:
        if sample.name in test:
            scores.update(at(places, sample.annotation), sample.annotation, sample.name)
    print(f"{len(test)} test images: PCK@0.2 {scores.summary()['pck@0.2']:.3f}")


def relative(poses: Poses) -> np.ma.MaskedArray:
    """Return the first person's keypoints as shares of width and height, unlabeled ones masked."""
    points = poses.keypoints[0, :, :2] / (poses.size[1], poses.size[0])
    return np.ma.masked_array(points, np.repeat(poses.keypoints[0, :, 2:] == 0, 2, axis=1))


def at(places: np.ndarray, truth: Poses) -> Poses:
    """Return a person whose keypoints lie at given shares of the image."""
    points = np.ones((1, len(places), 3), np.float32)
    points[0, :, :2] = places * (truth.size[1], truth.size[0])
    nobody = np.zeros((1, 4), np.float32)
    return Poses(
        truth.skeleton,
        points,
        truth.size,
        nobody,
        nobody[:, 0],
        np.zeros(1, bool),
        scores=np.ones(1, np.float32),
    )


if __name__ == "__main__":
    main()
