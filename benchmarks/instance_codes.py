"""How fast and how exact the two codes of instance segmentation are, without any network.

    python benchmarks/instance_codes.py

One image of 1024 x 1024 pixels with about 500 touching ellipses and, once more, with rings is
encoded and decoded at stride 1 (the median of some rounds, in time of one core, so that other work
on the machine does not count). Then the share of objects found again (F1 at IoU 0.5) on small
images of touching ellipses with radii of 4 to 10 pixels: from perfect maps, and with noise of one
pixel (`center`), or of 30 degrees (`flow`).
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import cv2
import numpy as np

from segmentare.annotations.segmentation import Category, Segmentation
from segmentare.tasks.instance import CODES, InstanceTask

CATEGORIES = (
    Category("background", (0, 0, 0), background=True),
    Category("cell", (255, 196, 0), thing=True),
)


def touching(rng, size, count, radii, *, hollow=False):
    """Draw ellipses that touch and keep the pixels of those that came first."""
    instance = np.zeros((size, size), np.int32)
    y, x = np.mgrid[:size, :size].astype(np.float32)
    number = 0
    for _ in range(20 * count):
        if number == count:
            break
        a, b = rng.uniform(*radii, 2)
        r = int(max(a, b)) + 2
        cx, cy = rng.uniform(r, size - r - 1, 2)
        box = np.s_[int(cy) - r : int(cy) + r + 1, int(cx) - r : int(cx) + r + 1]
        turn = rng.uniform(0, np.pi)
        dx, dy = x[box] - cx, y[box] - cy
        q = ((dx * np.cos(turn) + dy * np.sin(turn)) / a) ** 2
        q += ((dy * np.cos(turn) - dx * np.sin(turn)) / b) ** 2
        if (instance[box][q <= 1] == 0).mean() < 0.9:
            continue
        number += 1
        free = (q <= 1) & (q >= 0.25 * hollow) & (instance[box] == 0)
        instance[box][free] = number
    return Segmentation((instance > 0).astype(np.uint8), instance)


def perfect(task, annotation, noise, rng):
    maps = {name: np.nan_to_num(values) for name, values in task.encode(annotation, 1).items()}
    if task.code == "center":
        shaken = rng.normal(0, noise / task.unit, maps["offset"].shape)
        maps["offset"] += shaken.astype(np.float32)
    else:
        turn = rng.normal(0, np.deg2rad(30) * noise, annotation.size).astype(np.float32)
        right, down = maps["flow"]
        maps["flow"] = np.stack(
            [right * np.cos(turn) - down * np.sin(turn), right * np.sin(turn) + down * np.cos(turn)]
        )
    return maps


def f1(found, truth):
    """Return the F1 at IoU 0.5, which needs no matching: above 0.5 there is one partner."""
    m, n = int(found.max()) + 1, int(truth.max()) + 1
    shared = np.bincount(found.ravel() * n + truth.ravel(), minlength=m * n).reshape(m, n)
    union = shared.sum(1)[:, None] + shared.sum(0) - shared
    pairs = (shared / np.maximum(union, 1))[1:, 1:] > 0.5
    counts = len(np.unique(found[found > 0])) + len(np.unique(truth[truth > 0]))
    return 2 * pairs.sum() / max(counts, 1)


def median_ms(function: Callable[[], object], rounds: int) -> float:
    times = []
    for _ in range(rounds):
        began = time.process_time()
        function()
        times.append(time.process_time() - began)
    return 1000 * statistics.median(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--images", type=int, default=40)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    rng = np.random.default_rng(0)
    for hollow in (False, True):
        large = touching(rng, 1024, 500, (10, 24), hollow=hollow)
        kind = "rings" if hollow else "ellipses"
        covered = (large.instance > 0).mean()
        print(f"1024 x 1024, {large.instance.max()} {kind} on {covered:.0%} of the image:")
        for code in CODES:
            task = InstanceTask(CATEGORIES, code)
            maps = perfect(task, large, 0.0, rng)
            encode = median_ms(lambda: task.encode(large, 1), options.rounds)  # noqa: B023
            decode = median_ms(lambda: task.decode(maps, 1), options.rounds)  # noqa: B023
            score = f1(task.decode(maps, 1).instance, large.instance)
            print(f"  {code}: encode {encode:.0f} ms, decode {decode:.0f} ms, F1@0.5 {score:.4f}")
    small = [touching(rng, 256, 120, (4, 10)) for _ in range(options.images)]
    for code in CODES:
        task = InstanceTask(CATEGORIES, code)
        for noise in (0.0, 1.0):
            scores = [
                f1(task.decode(perfect(task, one, noise, rng), 1).instance, one.instance)
                for one in small
            ]
            print(f"radius 4 to 10, {code}, noise {noise:g}: F1@0.5 {np.mean(scores):.4f}")


if __name__ == "__main__":
    main()
