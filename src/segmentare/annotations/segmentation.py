"""What an image shows: the annotations that readers yield and that tasks predict.

Truth and prediction have the same type, so a metric compares like with like and a decoded
prediction can be drawn, saved, or fed back as a training annotation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from segmentare.annotations import geometry
from segmentare.annotations.geometry import Affine, Image, Size
from segmentare.errors import InputError
from segmentare.json_values import entry, flag, listed, table, text, whole

UNLABELED = 255  #: category of the pixels that nobody annotated; neither trained on nor scored

MAX_CATEGORIES = 255  #: ids 0 to 254; 255 is `UNLABELED`


@dataclass(frozen=True)
class Category:
    """One kind of object or surface; its id is its place in the dataset's list of categories.

    Attributes:
        name: What people call it.
        color: (red, green, blue), 0 to 255, for drawings and palette PNGs.
        thing: True for countable objects (sheep), false for stuff (sky).
        background: True for "everything else", which is left out of means over categories.
    """

    name: str
    color: tuple[int, int, int]
    thing: bool = False
    background: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Return the category as JSON-ready data."""
        return {
            "name": self.name,
            "color": list(self.color),
            "thing": self.thing,
            "background": self.background,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Read what `to_dict` wrote.

        Raises:
            ValueError: A value is missing, of another type or out of range.
        """
        data = table(data, "category")
        color = listed(entry(data, "color"), "color", 3, 3)
        red, green, blue = (whole(value, "color", 0, 255) for value in color)
        return cls(
            text(entry(data, "name"), "name"),
            (red, green, blue),
            flag(data.get("thing", False), "thing"),
            flag(data.get("background", False), "background"),
        )


def distinct_color(index: int) -> tuple[int, int, int]:
    """Return a color for category `index`: Pascal VOC's palette, whose entry 0 is black.

    Source: Everingham et al., "The Pascal Visual Object Classes Challenge", development kit.
    """
    red = green = blue = 0
    for bit in range(8):
        red |= (index >> 0 & 1) << (7 - bit)
        green |= (index >> 1 & 1) << (7 - bit)
        blue |= (index >> 2 & 1) << (7 - bit)
        index >>= 3
    return red, green, blue


def foreground_ids(categories: tuple[Category, ...]) -> tuple[int, ...]:
    """Return the ids of the categories that are not background; all ids where none is."""
    return tuple(i for i, category in enumerate(categories) if not category.background)


def is_binary(categories: tuple[Category, ...]) -> bool:
    """Tell whether the categories are one background (id 0) and one kind of object (id 1)."""
    return len(categories) == 2 and categories[0].background and not categories[1].background


@dataclass(frozen=True)
class Segmentation:
    """A category, and for tasks that count an instance, for every pixel.

    Attributes:
        category: Category ids, uint8 of shape (H, W); `UNLABELED` where unknown.
        instance: Instance ids, int32 of shape (H, W), 0 where there is no instance; `None` in a
            semantic segmentation, which does not tell objects apart.
        probability: How sure a prediction is of each pixel's category, float32 of shape (H, W) in
            0 to 1; for a binary task the probability of the object. `None` in a truth.
        scores: How sure a prediction is of each object, float32 in 0 to 1; that of instance id i
            stands at i - 1. `None` in a truth.
    """

    category: NDArray[np.uint8]
    instance: NDArray[np.int32] | None = None
    probability: NDArray[np.float32] | None = None
    scores: NDArray[np.float32] | None = None

    def __post_init__(self) -> None:
        if self.category.ndim != 2:
            raise InputError(
                f"A category map must have the shape (H, W); got {self.category.shape}."
            )
        for name in ("instance", "probability"):
            other = getattr(self, name)
            if other is not None and other.shape != self.category.shape:
                raise InputError(
                    f"The {name} map must have the shape of the category map, "
                    f"{self.category.shape}; got {other.shape}."
                )
        if self.scores is not None:
            largest = 0 if self.instance is None else int(self.instance.max(initial=0))
            if self.scores.shape != (len(self.scores),) or len(self.scores) < largest:
                raise InputError(
                    f"Scores must have one number for each instance id up to {largest}; got an "
                    f"array of shape {self.scores.shape}."
                )

    def __repr__(self) -> str:
        height, width = self.size
        ids = np.unique(self.category).tolist()
        parts = [f"{height} x {width} pixels", f"categories {_listed(ids)}"]
        if self.instance is not None:
            parts.append(f"{np.count_nonzero(np.unique(self.instance))} instances")
        given = [name for name in ("probability", "scores") if getattr(self, name) is not None]
        return f"Segmentation({', '.join([*parts, *given])})"

    @property
    def size(self) -> Size:
        """Height and width."""
        height, width = self.category.shape
        return height, width

    @property
    def nbytes(self) -> int:
        """Memory of the maps, in bytes."""
        maps = (self.category, self.instance, self.probability)
        return sum(values.nbytes for values in maps if values is not None)

    def warp(self, affine: Affine, size: Size) -> Segmentation:
        """Return the segmentation seen through `affine`; pixels from outside are `UNLABELED`."""
        instance = self.instance
        return Segmentation(
            geometry.warp(self.category, affine, size, fill=UNLABELED),
            None if instance is None else geometry.warp(instance, affine, size, fill=0),
            scores=self.scores,
        )

    def resize(self, size: Size) -> Segmentation:
        """Return the segmentation stretched to `size`, by nearest labels."""
        instance = self.instance
        return Segmentation(
            geometry.resample_labels(self.category, size),
            None if instance is None else geometry.resample_labels(instance, size),
            scores=self.scores,
        )


def _listed(ids: Sequence[int], most: int = 8) -> str:
    """Return the first ids, and how many more there are."""
    more = [f"and {len(ids) - most} more"] if len(ids) > most else []
    return " ".join([*map(str, ids[:most]), *more])


def relabel(instance: NDArray[np.int32]) -> NDArray[np.int32]:
    """Return the instance ids as 1 to n in the order they had, 0 staying 0.

    Args:
        instance: Ids of any size, 0 or more, of any shape.
    """
    largest = int(instance.max(initial=0))
    if largest > 4 * instance.size + 256:  # ids that hold a color, as COCO's do
        values, places = np.unique(instance, return_inverse=True)
        first = 0 if values[0] == 0 else 1
        return (places.reshape(instance.shape) + first).astype(np.int32)
    there = np.bincount(instance.ravel(), minlength=largest + 1) > 0
    there[0] = False
    if there[1:].all():
        return instance
    table = (np.cumsum(there) * there).astype(np.int32)
    renumbered: NDArray[np.int32] = table[instance]
    return renumbered


A = TypeVar("A")  #: kind of annotation


@dataclass(frozen=True)
class Sample(Generic[A]):
    """One annotated image, as every reader yields it.

    Attributes:
        image: (H, W, C); uint8 RGB with C = 3 for ordinary pictures (gray ones are repeated),
            else uint16 or float32 with the channels of the file and their own range.
        annotation: What the image shows.
        name: Unique within its dataset; used to name predictions.
        labels: What is known of the whole image, such as `{"diagnosis": "melanoma"}`.
    """

    image: Image
    annotation: A
    name: str
    labels: Mapping[str, str] = field(default_factory=dict)

    def __repr__(self) -> str:
        image = f"{self.image.dtype} image of shape {self.image.shape}"
        labels = [str(dict(self.labels))] if self.labels else []
        return f"Sample({', '.join([repr(self.name), image, repr(self.annotation), *labels])})"
