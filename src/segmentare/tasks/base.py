"""What a task is: a code between annotations and dense maps.

A task knows four things and nothing else: which maps a network must predict (`heads`), how an
annotation becomes those maps (`encode`), how maps become an annotation (`decode`), and how well a
prediction matches the truth (`metric`). It is plain NumPy, so one task file serves PyTorch, Keras,
ONNX Runtime and a server alike.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Generic, Literal, Self

import numpy as np
from numpy.typing import NDArray

from segmentare.annotations.poses import MAX_KEYPOINTS, Skeleton
from segmentare.annotations.segmentation import MAX_CATEGORIES, A, Category
from segmentare.json_values import entry, listed, number, text, whole
from segmentare.metrics.base import Metric

Maps = dict[str, NDArray[np.float32]]  #: per head one array (channels, H / stride, W / stride)

Labels = Mapping[str, Mapping[str, str]]  #: image name -> column -> value

# Least and most of the settings of our tasks in model.json; other tasks may have any number.
_SHARE, _ANY = (0, 1), (-(10**9), 10**9)
_RANGES = {
    "agreement": _SHARE,
    "alike": _SHARE,
    "least_stuff": _SHARE,
    "peak": _SHARE,
    "smallest": _SHARE,
    "sure": _SHARE,
    "threshold": _SHARE,
    "unit": (1e-3, 1e6),
    "spacing": (1, 100),
    "least_area": (0, 10**9),
    "least_parts": (0, MAX_KEYPOINTS),
    "reach": (0, 100),
}

HeadKind = Literal["classes", "binary", "heatmap", "vectors"]


@dataclass(frozen=True)
class Head:
    """One group of maps that the network predicts, and how it learns them.

    Attributes:
        name: Key of the maps in `Maps`.
        channels: Number of maps.
        kind: `classes`: softmax over the channels; its target is one map of category ids.
            `binary`: sigmoid, target 0 to 1. `heatmap`: sigmoid, trained by squared error.
            `vectors`: no activation, trained by absolute error. In all targets NaN means "no
            opinion": no loss, no gradient.
        weight: Factor of this head's loss in the sum.
        swaps: The channel that each channel becomes when the image is mirrored, as the maps of
            left and right wrists do; empty where none changes places.
        turned: Channels of vectors that a mirror also turns around, after all else: those that
            lead from a left joint to the right one.
        directions: Vectors are directions of length 0 to 1, not distances in pixels, so they do
            not grow with the image.
    """

    name: str
    channels: int
    kind: HeadKind
    weight: float = 1.0
    swaps: tuple[int, ...] = ()
    turned: tuple[int, ...] = ()
    directions: bool = False


class Task(ABC, Generic[A]):
    """A code between annotations of type `A` and dense maps.

    Every task is a frozen dataclass whose fields are its settings (categories, thresholds), so
    that a model folder can hold them and a search can `dataclasses.replace` them.
    """

    name: ClassVar[str]
    coarse: ClassVar[bool] = False  #: points are read from coarse maps; areas need the fine ones
    stride: ClassVar[int] = 1  #: pixels per cell of the maps that suffice: 1, 2 or 4
    categories: tuple[Category, ...]

    @property
    @abstractmethod
    def headline(self) -> str:
        """Name of the score that training maximizes, a key of `Metric.summary()`."""

    @property
    @abstractmethod
    def tunable(self) -> Mapping[str, tuple[float, ...]]:
        """The decode settings that validation may choose, field by field, with their values."""

    @property
    @abstractmethod
    def heads(self) -> tuple[Head, ...]:
        """The maps that the network must predict."""

    @abstractmethod
    def encode(self, annotation: A, stride: int) -> Maps:
        """Turn an annotation into training targets, one cell per `stride` pixels."""

    @abstractmethod
    def decode(self, maps: Maps, stride: int) -> A:
        """Turn predicted maps (after their activation) into an annotation."""

    @abstractmethod
    def metric(self, labels: Labels | None = None, *, fast: bool = False) -> Metric[A]:
        """Return a fresh score for this task.

        Args:
            labels: What is known of each image by its name; scores are given per value as well.
            fast: Leave out what takes long and is not needed to choose between models.
        """

    @classmethod
    @abstractmethod
    def from_categories(
        cls, categories: tuple[Category, ...], skeleton: Skeleton | None = None
    ) -> Self:
        """Return the task for a dataset, with default settings.

        Args:
            categories: Of the dataset.
            skeleton: The keypoints of its objects; `None` where nobody marked any.

        Raises:
            ValueError: The task needs a skeleton, and there is none.
        """

    def fitted(self, radius: float) -> Self:
        """Return the task with its vectors in units that suit objects of a typical size.

        Args:
            radius: Half the typical extent of an object, in pixels of the network's input.
        """
        del radius
        return self

    def scaled(self, factor: float) -> Self:
        """Return the task for maps that were enlarged: distances and areas grow with them.

        Settings are in pixels of the network's input, where validation chose them; maps are decoded
        at the size of the image.

        Args:
            factor: Pixels of the image per pixel of the network's input.
        """
        del factor
        return self

    @property
    def surroundings(self) -> int | None:
        """How far around a part of an image its decode must see, in pixels of the network's input.

        `None`: only whole images can be decoded.
        """
        return None

    def for_parts(self) -> Self:
        """Return the task without the settings that judge by the whole image."""
        return self

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as JSON-ready data, with the task's `name`."""
        settings = dict(vars(self))
        settings["categories"] = [category.to_dict() for category in self.categories]
        if "skeleton" in settings:
            settings["skeleton"] = settings["skeleton"].to_dict()
        return {"name": self.name, **settings}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Read what `to_dict` wrote; settings that an older version did not have keep defaults.

        Raises:
            ValueError: A value is missing, of another type or out of range.
        """
        settings: dict[str, Any] = {}
        task: Any = cls  # every task is a dataclass, which a base class cannot say
        for field in fields(task):
            if field.name == "categories":
                kinds = listed(entry(dict(data), "categories"), "categories", MAX_CATEGORIES, 2)
                settings[field.name] = tuple(Category.from_dict(kind) for kind in kinds)
            elif field.name == "skeleton":
                settings[field.name] = Skeleton.from_dict(entry(dict(data), "skeleton"))
            elif field.name in data:
                settings[field.name] = _setting(field.name, data[field.name], field.default)
        return cls(**settings)


def _setting(name: str, value: Any, default: Any) -> Any:  # noqa: ANN401  any JSON value
    """Return a setting of a task, of the type of its default and within its range."""
    least, most = _RANGES.get(name, _ANY)
    if isinstance(default, str):
        return text(value, name)
    if isinstance(default, tuple):
        places = listed(value, name, MAX_KEYPOINTS)
        return tuple(whole(place, name, -1, len(places) - 1) for place in places)
    if isinstance(default, int):
        return whole(value, name, int(least), int(most))
    return number(value, name, least, most)
