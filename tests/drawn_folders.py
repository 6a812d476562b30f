"""Small folders of drawn images and masks, in any naming."""

from pathlib import Path

import cv2
import numpy as np
from PIL import Image

SIZE = (24, 32)


def photo(seed: int) -> np.ndarray:
    noise = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return cv2.resize(noise, SIZE[::-1], interpolation=cv2.INTER_CUBIC)


def mask(seed: int, high: int = 255) -> np.ndarray:
    drawn = np.zeros(SIZE, np.uint8)
    cv2.circle(drawn, (8 + seed % 12, 10), 5, high, -1)
    return drawn


def draw(root: Path, pairs: list[tuple[str, str]], high: int = 255) -> Path:
    for seed, (image, truth) in enumerate(pairs):
        for name, pixels in ((image, photo(seed)), (truth, mask(seed, high))):
            if name:
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(pixels).save(root / name)
    return root


def numbered(image: str, truth: str, count: int = 4) -> list[tuple[str, str]]:
    return [(image.format(i), truth.format(i)) for i in range(count)]
