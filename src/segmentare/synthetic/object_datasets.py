"""Drawn datasets with objects to count: cells under a microscope, and a meadow of sheep.

Every picture is drawn from one whole number, so nothing has to be stored or downloaded, and the
ids of the objects are exact: the same masks give the pixels their colors.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from segmentare.annotations.geometry import Size
from segmentare.annotations.instances import Flattened, Instances
from segmentare.annotations.segmentation import Category, Sample, Segmentation
from segmentare.datasets.base import Problem, Record
from segmentare.datasets.writers.coco import PanopticWriter
from segmentare.datasets.writers.formats import Item
from segmentare.errors import InputError
from segmentare.synthetic import cells as drawing_cells
from segmentare.synthetic import meadow as drawing_meadow
from segmentare.synthetic.files import check_drawing, write_png

Kind = Literal["cells", "meadow"]

CELL_CATEGORIES = (
    Category("background", (0, 0, 0), background=True),
    Category("cell", (255, 196, 0), thing=True),
)
MEADOW_CATEGORIES = (
    Category("sky", (112, 174, 224)),
    Category("grass", (92, 160, 72)),
    Category("fence", (150, 105, 60)),
    Category("sheep", (245, 240, 228), thing=True),
)

_CATEGORIES: dict[Kind, tuple[Category, ...]] = {
    "cells": CELL_CATEGORIES,
    "meadow": MEADOW_CATEGORIES,
}


def draw_cells(seed: int, size: Size = (192, 256)) -> Sample[Segmentation]:
    """Draw touching ellipses and rings as a microscope shows cells, and their exact ids.

    Args:
        seed: A whole number, 0 or more; the same number and size give the same picture.
        size: Height and width, at least 32 each.

    Returns:
        uint8 RGB image; category 1 in cells, whose instance ids are 1 to n; label `look`, one of
        `fluorescence`, `stained` and `bright`.

    Raises:
        InputError: The seed is negative, or the size is too small.
    """
    check_drawing(seed, size)
    rng = np.random.default_rng(seed)
    look = drawing_cells.choose_look(rng)
    picture, ids = drawing_cells.draw(rng, look, size)
    truth = Segmentation((ids > 0).astype(np.uint8), ids)
    return Sample(_bytes(picture), truth, f"drawn_{seed}", {"look": look.name})


def draw_meadow(seed: int, size: Size = (192, 256)) -> Sample[Segmentation]:
    """Draw sheep on a meadow under a sky, often behind a fence, and what every pixel shows.

    Args:
        seed: A whole number, 0 or more; the same number and size give the same picture.
        size: Height and width, at least 32 each.

    Returns:
        uint8 RGB image; categories of `MEADOW_CATEGORIES`; instance ids 1 to n on sheep.

    Raises:
        InputError: The seed is negative, or the size is too small.
    """
    check_drawing(seed, size)
    picture, category, ids = drawing_meadow.draw(np.random.default_rng(seed), size)
    return Sample(_bytes(picture), Segmentation(category, ids), f"drawn_{seed}")


class SyntheticObjects:
    """Drawn objects as a dataset; each picture is drawn when it is asked for, and not kept.

    The records name the files that `write_dataset` would write; nothing lies on disk.

    Args:
        kind: `cells` (for the instance task) or `meadow` (for the panoptic one).
        count: Number of pictures, at least 1.
        seed: Two datasets with different seeds have no picture in common.
        size: Height and width of every picture, at least 32 each.

    Raises:
        InputError: The kind is unknown, the count or the seed is out of range, or the size is too
            small.
    """

    reader = "synthetic"

    def __init__(self, kind: Kind, count: int, seed: int = 0, size: Size = (192, 256)) -> None:
        if kind not in _CATEGORIES:
            raise InputError(f"Drawn objects must be {' or '.join(_CATEGORIES)}; got {kind!r}.")
        if count < 1:
            raise InputError(f"A drawn dataset must have at least 1 picture; got {count}.")
        check_drawing(seed, size)
        self.root = Path()
        self.categories = _CATEGORIES[kind]
        self.layout = f"{count} drawn {kind} of {size[0]} x {size[1]} pixels, seed {seed}"
        self.problems: tuple[Problem, ...] = ()
        self._draw = draw_cells if kind == "cells" else draw_meadow
        self._size = size
        digits = max(3, len(str(count - 1)))
        # Hashed, because seed 0's second picture must not be seed 1's first.
        self._seeds = [
            int(np.random.SeedSequence((seed, index)).generate_state(1, np.uint64)[0])
            for index in range(count)
        ]
        names = [f"drawn_{index:0{digits}d}" for index in range(count)]
        folder = Path("masks" if kind == "cells" else "annotations/panoptic_images")
        self.records = tuple(
            Record(name, Path("images", f"{name}.png"), folder / f"{name}.png") for name in names
        )

    def __len__(self) -> int:
        return len(self.records)

    def __getitem__(self, index: int) -> Sample[Segmentation]:
        drawn = self._draw(self._seeds[index], self._size)
        return Sample(drawn.image, drawn.annotation, self.records[index].name, drawn.labels)


def write_dataset(
    root: Path, kind: Kind, count: int, seed: int = 0, size: Size = (192, 256)
) -> Path:
    """Write drawn objects to disk as a lab would keep its own.

    Each file is written whole or not at all; files of the same name are replaced, so that an
    interrupted call can be repeated.

    Args:
        root: Folder that receives `images/*.png` (RGB) and for cells `masks/*.png` (16-bit, the
            ids of the objects), for a meadow `annotations` in the format of COCO panoptic; made
            where it does not exist.
        kind: `cells` or `meadow`.
        count: Number of pictures, at least 1.
        seed: The same pictures as `SyntheticObjects(kind, count, seed, size)`.
        size: Height and width of every picture, at least 32 each.

    Returns:
        `root`.

    Raises:
        InputError: As `SyntheticObjects` does.
        OSError: The folder cannot be written.
    """
    dataset = SyntheticObjects(kind, count, seed, size)
    writer = PanopticWriter(root, dataset.categories)
    for sample in (dataset[index] for index in range(count)):
        truth, image = sample.annotation, root / "images" / f"{sample.name}.png"
        write_png(image, sample.image)
        if kind == "meadow":
            objects = Instances.from_segmentation(truth)
            item = Item(sample.name, image, None, objects, Flattened(truth, (), ()))
            writer.write(item, image)
        elif truth.instance is not None:
            write_png(root / "masks" / image.name, truth.instance.astype(np.uint16))
    writer.finish()
    return root


def _bytes(picture: NDArray[np.float32]) -> NDArray[np.uint8]:
    pixels: NDArray[np.uint8] = np.clip(picture * 255 + 0.5, 0, 255).astype(np.uint8)
    return pixels
