"""Random shapes: parts, holes, holes with islands, single pixels, pixels that meet in corners."""

import cv2
import numpy as np


def shape(rng: np.random.Generator, size: tuple[int, int]) -> np.ndarray:
    kind = rng.integers(4)
    height, width = size
    if kind == 0:  # a few ellipses, some of which cut holes
        drawn = np.zeros(size, np.uint8)
        for _ in range(rng.integers(1, 6)):
            center = (int(rng.integers(width)), int(rng.integers(height)))
            axes = (int(rng.integers(1, 2 + width // 3)), int(rng.integers(1, 2 + height // 3)))
            value = int(rng.random() < 0.7)
            cv2.ellipse(drawn, center, axes, float(rng.integers(180)), 0, 360, value, -1)
    elif kind == 1:  # rings in rings
        y, x = np.mgrid[:height, :width]
        far = np.hypot(y - height / 2, x - width / 2)
        drawn = (far % rng.uniform(4, 12) < rng.uniform(1, 6)).astype(np.uint8)
    elif kind == 2:  # clouds
        noise = cv2.GaussianBlur(rng.random(size), (0, 0), float(rng.uniform(0.5, 3)))
        drawn = (noise > np.quantile(noise, rng.uniform(0.2, 0.8))).astype(np.uint8)
    else:  # dust, which meets in corners
        drawn = (rng.random(size) < rng.uniform(0.05, 0.6)).astype(np.uint8)
    drawn[int(rng.integers(height)), int(rng.integers(width))] = 1
    return drawn.astype(bool)


def shapes(count: int, seed: int = 0) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [shape(rng, (int(rng.integers(1, 41)), int(rng.integers(1, 41)))) for _ in range(count)]
