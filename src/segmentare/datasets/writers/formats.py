"""Annotated images in the formats of others, and what each format cannot hold.

A writer takes one image after the other and writes the tables in the end. Everything goes into a
folder that does not exist yet, which the caller moves into place.
"""

from __future__ import annotations

import csv
import json
import shutil
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

import cv2
import numpy as np
from PIL import Image as Pillow

from segmentare.annotations.geometry import Size
from segmentare.annotations.instances import Flattened, Instances, outline_of
from segmentare.annotations.outlines import joined
from segmentare.annotations.runlengths import RLE
from segmentare.annotations.segmentation import UNLABELED, Category, Segmentation
from segmentare.atomic import replacing, write_text
from segmentare.datasets.base import Part
from segmentare.datasets.readers.ids import TABLE
from segmentare.errors import DatasetError

_UNLABELED_COLOR = (224, 224, 192)  # as in Pascal VOC


@dataclass(frozen=True)
class Item:
    """One image on its way into another format.

    Attributes:
        name: Unique within the dataset.
        image: The image file, which is copied as it is.
        part: Of the split, or `None`.
        objects: Every object with its whole mask.
        flat: The same in one map, with stuff and unlabeled pixels.
    """

    name: str
    image: Path
    part: Part | None
    objects: Instances
    flat: Flattened

    @property
    def size(self) -> Size:
        """Height and width of the upright image."""
        return self.objects.size


Shown = TypeVar("Shown")


class DatasetWriter(ABC, Generic[Shown]):
    """Writes a dataset in one format, image by image.

    Attributes:
        layout: The format in words.
        out: The folder to write into.
        lost: What the format cannot hold, and how often that was met.
        notes: What is written otherwise than one may expect, and how often.
        objects: Number of objects so far.
    """

    layout: str

    def __init__(self, out: Path) -> None:
        self.out = out
        self.lost: Counter[str] = Counter()
        self.notes: Counter[str] = Counter()
        self.objects = 0

    @abstractmethod
    def add(self, item: Shown) -> None:
        """Write one image with its annotation, and count what does not fit."""

    def finish(self) -> None:
        """Write what belongs to the dataset as a whole."""


class Writer(DatasetWriter[Item]):
    """Writes masks or objects.

    Attributes:
        tells_apart: False where touching objects run together.
        holds_overlaps: False where every pixel belongs to one object at most.
        holds_stuff: True for categories that cannot be counted.
        holds_unlabeled: True for pixels that nobody annotated.
        holds_crowds: True for regions of many objects.
    """

    tells_apart: ClassVar[bool] = True
    holds_overlaps: ClassVar[bool] = True
    holds_stuff: ClassVar[bool] = False
    holds_unlabeled: ClassVar[bool] = False
    holds_crowds: ClassVar[bool] = False

    def __init__(self, out: Path, categories: Sequence[Category]) -> None:
        super().__init__(out)
        self.categories = tuple(categories)

    def add(self, item: Item) -> None:
        self._count_losses(item)
        image = self.image_folder(item.part) / f"{item.name}{item.image.suffix.lower()}"
        image.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(item.image, image)
        self.write(item, image)

    def image_folder(self, part: Part | None) -> Path:
        """Return where the images of a part go."""
        return self.out / (part or "images")

    @abstractmethod
    def write(self, item: Item, image: Path) -> None:
        """Write the annotation of the image that lies at `image`."""

    def _count_losses(self, item: Item) -> None:
        crowd = np.array(item.objects.crowd, bool)
        self.objects += int((~crowd).sum())
        category = item.flat.segmentation.category
        if not self.holds_overlaps:
            hidden = len(item.flat.hidden)
            part = len(item.flat.overlapped) - hidden
            self.lost["objects lose the pixels where smaller ones cover them"] += part
            self.lost["objects are covered wholly, or have no pixel, and vanish"] += hidden
        else:
            empty = sum(not mask.area for mask in item.objects.masks)
            self.lost["objects have no pixel and are left out"] += empty
        if not self.holds_crowds and not self.holds_unlabeled:
            self.lost["crowd regions become background"] += int(crowd.sum())
        if not self.holds_stuff:
            stuff = [i for i, c in enumerate(self.categories) if not (c.thing or c.background)]
            found = np.isin(stuff, category).sum() if stuff else 0
            self.lost["segments of stuff, which cannot be counted, are left out"] += int(found)
        if not self.holds_unlabeled and not crowd.any() and (category == UNLABELED).any():
            self.lost["images have unlabeled pixels, which become background"] += 1


def foreground(categories: Sequence[Category]) -> list[int]:
    """Return the ids of the categories whose objects are counted."""
    return [i for i, category in enumerate(categories) if category.thing]


class YoloWriter(Writer):
    """YOLO polygons: one ring per object, in which cuts of no width join parts and holes."""

    layout = "YOLO polygons (images, labels, data.yaml)"

    def __init__(self, out: Path, categories: Sequence[Category]) -> None:
        super().__init__(out, categories)
        self._order = {kind: place for place, kind in enumerate(foreground(categories))}
        self._parts: dict[str, None] = {}

    def image_folder(self, part: Part | None) -> Path:
        return self.out / "images" / (part or "all")

    def write(self, item: Item, image: Path) -> None:
        self._parts[image.parent.name] = None
        objects = item.objects
        lines = [
            self._line(mask, kind)
            for mask, kind, crowd in zip(
                objects.masks, objects.categories, objects.crowd, strict=True
            )
            if mask.area and not crowd
        ]
        label = self.out / "labels" / image.parent.name / f"{item.name}.txt"
        write_text(label, "".join(f"{line}\n" for line in lines))

    def _line(self, mask: RLE, kind: int) -> str:
        outline = outline_of(mask)
        wider = "by cuts of no width; readers that also draw the ring show a line there"
        self.notes[f"objects with holes: outline and holes are joined {wider}"] += bool(
            outline.holes
        )
        self.notes[f"objects of several parts: the parts are joined {wider}"] += (
            len(outline.parts) > 1
        )
        shares = joined(outline) / (mask.size[1], mask.size[0])
        points = " ".join(f"{value:.7g}" for value in shares.ravel().tolist())
        return f"{self._order[kind]} {points}"

    def finish(self) -> None:
        parts = {name: name for name in self._parts if name != "all"}
        if "all" in self._parts or not parts:
            parts |= {"train": "all", "val": "all"}
        lines = ["path: .", *(f"{name}: images/{folder}" for name, folder in parts.items())]
        names = [self.categories[kind].name for kind in self._order]
        lines += ["names:", *(f"  {i}: {json.dumps(n)}" for i, n in enumerate(names))]
        write_text(self.out / "data.yaml", "\n".join(lines) + "\n")


class MaskWriter(Writer):
    """Palette PNG files of category ids; 255 is unlabeled."""

    layout = "masks of categories (images, masks, classes.csv)"
    tells_apart = False
    holds_overlaps = False
    holds_stuff = True
    holds_unlabeled = True

    def image_folder(self, part: Part | None) -> Path:
        return self.out / (part or "") / "images"

    def write(self, item: Item, image: Path) -> None:
        segmentation = item.flat.segmentation
        self.lost["objects touch one of their own category and run together with it"] += touching(
            segmentation
        )
        colors = np.zeros((256, 3), np.uint8)
        colors[: len(self.categories)] = [category.color for category in self.categories]
        colors[UNLABELED] = _UNLABELED_COLOR
        picture = Pillow.fromarray(segmentation.category)
        picture.putpalette(colors.tobytes())
        _save(picture, image.parent.parent / "masks" / f"{item.name}.png")

    def finish(self) -> None:
        rows = [(i, c.name, *c.color) for i, c in enumerate(self.categories)]
        _write_table(self.out / "classes.csv", ("id", "name", "r", "g", "b"), rows)


class IdWriter(Writer):
    """16-bit PNG files of object ids, and a table of their categories if there are several."""

    layout = "maps of object ids (images, masks as 16-bit PNG)"
    holds_overlaps = False

    def __init__(self, out: Path, categories: Sequence[Category]) -> None:
        super().__init__(out, categories)
        self._rows: list[tuple[str, int, str]] = []

    def image_folder(self, part: Part | None) -> Path:
        return self.out / (part or "") / "images"

    def write(self, item: Item, image: Path) -> None:
        instance = item.flat.segmentation.instance
        if instance is None:
            instance = np.zeros(item.size, np.int32)
        if int(instance.max(initial=0)) > 65535:
            raise DatasetError(
                f"'{item.name}' must have at most 65535 objects to be written as 16-bit ids; it "
                f"has {int(instance.max())}. Cut it into tiles."
            )
        _save(
            Pillow.fromarray(instance.astype(np.uint16)),
            image.parent.parent / "masks" / f"{item.name}.png",
        )
        kinds = Instances.from_segmentation(
            Segmentation(item.flat.segmentation.category, instance)
        ).categories
        self._rows += [
            (image.name, number, self.categories[kind].name)
            for number, kind in enumerate(kinds, start=1)
        ]

    def finish(self) -> None:
        _write_table(self.out / TABLE, ("image", "id", "category"), self._rows)


def touching(segmentation: Segmentation) -> int:
    """Return the number of objects that share an edge or a corner with one of their category."""
    instance = segmentation.instance
    if instance is None:
        return 0
    found: set[int] = set()
    height, width = instance.shape
    for down, right in ((0, 1), (1, 0), (1, 1), (1, -1)):
        left = max(0, -right)
        one = np.s_[: height - down, left : width - max(0, right)]
        other = np.s_[down:, left + right : width - max(0, right) + right]
        a, b = instance[one], instance[other]
        alike = segmentation.category[one] == segmentation.category[other]
        met = (a > 0) & (b > 0) & (a != b) & alike
        found.update(np.unique(a[met]).tolist(), np.unique(b[met]).tolist())
    return len(found)


def connected_parts(category: np.ndarray[Any, Any], kinds: Sequence[int]) -> Segmentation:
    """Make one object of every connected part (by edges or corners) of each of the categories."""
    instance = np.zeros(category.shape, np.int32)
    last = 0
    for kind in kinds:
        count, parts = cv2.connectedComponents((category == kind).astype(np.uint8))
        instance[parts > 0] = parts[parts > 0] + last
        last += count - 1
    return Segmentation(category, instance)


def _save(picture: Pillow.Image, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.save(path)


def _write_table(path: Path, header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    with replacing(path) as place, place.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(header)
        table.writerows(rows)
