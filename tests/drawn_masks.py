"""Drawn mask files and the rule that is decided for them."""

from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from segmentare.datasets.masks.rules import Decision, decide
from segmentare.datasets.masks.surveys import survey
from segmentare.datasets.tables import ClassTable

COLORS = np.array([[0, 0, 0], [250, 10, 10], [10, 10, 250]], np.uint8)

SIZE = (40, 56)


def disks(values: tuple[int, ...], seed: int = 0) -> np.ndarray:
    """Draw a disk of each value over a ground of the first; uint16."""
    rng = np.random.default_rng(seed)
    drawn = np.full(SIZE, values[0], np.uint16)
    for i, value in enumerate(values[1:]):
        center = (int(10 + 17 * i % 50), int(rng.integers(12, 28)))
        cv2.circle(drawn, center, 7, int(value), -1)
    return drawn


def save(folder: Path, drawings: list[np.ndarray], ending: str = "png", **options) -> list[Path]:
    paths = [folder / f"m{i:02d}.{ending}" for i in range(len(drawings))]
    for path, drawn in zip(paths, drawings, strict=True):
        Image.fromarray(drawn).save(path, **options)
    return paths


def decided(paths: list[Path], table: ClassTable | None = None) -> Decision:
    return decide(survey(paths), table)


def names(decision: Decision) -> list[str]:
    return [category.name for category in decision.categories]
