"""What a task is: a code between annotations and dense maps.

A task knows four things and nothing else: which maps a network must predict (`heads`), how an
annotation becomes those maps (`encode`), how maps become an annotation (`decode`), and how well a
prediction matches the truth (`metric`). It is plain NumPy, so one task file serves PyTorch, Keras,
ONNX Runtime and a server alike.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, Literal, Self

import numpy as np
from numpy.typing import NDArray

from segmentare.annotations import A, Category
from segmentare.metrics.base import Metric

Maps = dict[str, NDArray[np.float32]]  #: per head one array (channels, H / stride, W / stride)

Labels = Mapping[str, Mapping[str, str]]  #: image name -> column -> value

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
    """

    name: str
    channels: int
    kind: HeadKind
    weight: float = 1.0


class Task(ABC, Generic[A]):
    """A code between annotations of type `A` and dense maps.

    Every task is a frozen dataclass whose fields are its settings (categories, thresholds), so
    that a model folder can hold them and a search can `dataclasses.replace` them.
    """

    name: ClassVar[str]
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
    def from_categories(cls, categories: tuple[Category, ...]) -> Self:
        """Return the task for a dataset of these categories, with default settings."""

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

    @abstractmethod
    def to_dict(self) -> dict[str, Any]:
        """Return the settings as JSON-ready data, with the task's `name`."""

    @classmethod
    @abstractmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Read what `to_dict` wrote."""
