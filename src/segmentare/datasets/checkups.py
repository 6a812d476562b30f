"""The result of checking a dataset: what it holds, what is wrong, whether a training can start."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from segmentare.annotations.geometry import Size
from segmentare.annotations.segmentation import Category
from segmentare.datasets.base import Part, Problem
from segmentare.images.fingerprints import Fingerprint


@dataclass(frozen=True)
class CategoryUse:
    """How much of a dataset a category covers.

    Attributes:
        category: The category.
        share: Of the labeled pixels of all images, 0 to 1.
        images: In how many images it occurs.
    """

    category: Category
    share: float
    images: int


@dataclass(frozen=True)
class Crossing:
    """Two images that show the same but lie in different parts of a split.

    Attributes:
        one: Name of the first image.
        part: The part it lies in.
        other: Name of the second image.
        other_part: The part that lies in.
        exact: True for the same pixels, false for a near-duplicate.
    """

    one: str
    part: Part
    other: str
    other_part: Part
    exact: bool


@dataclass(frozen=True)
class Checkup:
    """What a dataset holds and what is wrong with it.

    Attributes:
        root: The folder.
        reader: Name of the reader.
        layout: One sentence on what was recognized and how the masks are read.
        images: Number of images looked for, the unusable ones included.
        usable: Names of the images that a training can use.
        sizes: Every (height, width) and how many images have it, sorted.
        pixels: Such as "3 channels of uint8" and how many images are so, the usual kind first.
        categories: How much each covers.
        unlabeled: Share of the pixels without a label, 0 to 1.
        empty: Names of the images without any object, where there is a background.
        full: Names of the images without any background, where there is one.
        objects: Number of separate objects in each usable image; empty without a background.
        labels: How many images have each value of each label.
        groups: Number of groups (patients, sequences).
        parts: Number of images in each part that the dataset prescribes.
        duplicates: Pairs of names of images with the same pixels.
        near_duplicates: Pairs of names of images that show the same picture.
        crossings: Such pairs in different parts of the split, if one was given.
        problems: Everything that is wrong; each broken file once.
        fingerprints: Of the usable images, by name.
    """

    root: str
    reader: str
    layout: str
    images: int = 0
    usable: tuple[str, ...] = ()
    sizes: tuple[tuple[Size, int], ...] = ()
    pixels: tuple[tuple[str, int], ...] = ()
    categories: tuple[CategoryUse, ...] = ()
    unlabeled: float = 0.0
    empty: tuple[str, ...] = ()
    full: tuple[str, ...] = ()
    objects: tuple[int, ...] = ()
    labels: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    groups: int = 0
    parts: Mapping[Part, int] = field(default_factory=dict)
    duplicates: tuple[tuple[str, str], ...] = ()
    near_duplicates: tuple[tuple[str, str], ...] = ()
    crossings: tuple[Crossing, ...] = ()
    problems: tuple[Problem, ...] = ()
    fingerprints: Mapping[str, Fingerprint] = field(default_factory=dict)

    @property
    def can_train(self) -> bool:
        """True if nothing stops a training; `train --skip-broken` goes on without single files."""
        return not any(problem.stops for problem in self.problems)

    def to_dict(self) -> dict[str, Any]:
        """Return everything but the fingerprints as JSON-ready data, with `can_train`."""
        heights = [size[0] for size, count in self.sizes for _ in range(count)]
        widths = [size[1] for size, count in self.sizes for _ in range(count)]
        return {
            "can_train": self.can_train,
            "root": self.root,
            "reader": self.reader,
            "layout": self.layout,
            "images": self.images,
            "usable": list(self.usable),
            "height": _range(heights),
            "width": _range(widths),
            "sizes": [{"size": list(size), "images": count} for size, count in self.sizes],
            "pixels": dict(self.pixels),
            "categories": [
                {**use.category.to_dict(), "share": use.share, "images": use.images}
                for use in self.categories
            ],
            "unlabeled": self.unlabeled,
            "empty": list(self.empty),
            "full": list(self.full),
            "objects": _range(self.objects),
            "labels": {label: dict(values) for label, values in self.labels.items()},
            "groups": self.groups,
            "parts": {str(part): count for part, count in self.parts.items()},
            "duplicates": [list(pair) for pair in self.duplicates],
            "near_duplicates": [list(pair) for pair in self.near_duplicates],
            "crossings": [asdict(crossing) for crossing in self.crossings],
            "problems": [asdict(problem) for problem in self.problems],
        }


def _range(values: list[int] | tuple[int, ...]) -> dict[str, float] | None:
    """Return the least, the middle and the greatest of some numbers; `None` for none."""
    if not values:
        return None
    return {"least": min(values), "median": float(np.median(values)), "most": max(values)}
