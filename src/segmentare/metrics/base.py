"""What a metric is: a running score over many images."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, Protocol, TypeVar

from segmentare.annotations.segmentation import A, Category
from segmentare.errors import InputError


class Named(Protocol):
    """What a metric keeps of an image."""

    @property
    def name(self) -> str:
        """Name of the image."""


Row = TypeVar("Row", bound=Named)


class Metric(ABC, Generic[A]):
    """A running score over many images."""

    @abstractmethod
    def update(self, predicted: A, truth: A, name: str = "") -> None:
        """Count one more image."""

    @abstractmethod
    def summary(self) -> dict[str, float]:
        """Return the main scores so far, by name, each one number."""

    @abstractmethod
    def compute(self) -> dict[str, Any]:
        """Return all scores with their intervals, as JSON-ready data."""

    @abstractmethod
    def per_image(self) -> list[dict[str, Any]]:
        """Return one JSON-ready row per image: `name` and its own scores."""


class ImageMetric(Metric[A], Generic[A, Row]):
    """A metric that keeps a row per image.

    Args:
        labels: Per name of an image the value of each label, such as `{"diagnosis": "melanoma"}`;
            images may have none.
    """

    def __init__(self, labels: Mapping[str, Mapping[str, str]] | None) -> None:
        self._labels = labels or {}
        self._images: list[Row] = []
        self._unscored: list[str] = []

    def _scored(self) -> list[Row]:
        """Return the rows.

        Raises:
            InputError: No image was scored yet.
        """
        if not self._images:
            raise InputError(
                f"Scores need at least one image with something labeled; got none "
                f"({len(self._unscored)} without labels)."
            )
        return self._images

    def _labels_of(self, row: Row) -> dict[str, str]:
        return dict(self._labels.get(row.name, {}))

    def _by_label(self, score: Callable[[list[Row]], dict[str, Any]]) -> dict[str, Any]:
        """Return the scores of the images that share a value of a label.

        Args:
            score: Of some rows, at least one, their scores.

        Returns:
            Per label and value, values in order, `images` with their number, and what `score`
            returns.
        """
        groups: dict[str, dict[str, list[Row]]] = {}
        for row in self._images:
            for label, value in self._labels_of(row).items():
                groups.setdefault(label, {}).setdefault(value, []).append(row)
        return {
            label: {
                value: {"images": len(chosen)} | score(chosen)
                for value, chosen in sorted(values.items())
            }
            for label, values in groups.items()
        }


def check_names(categories: Sequence[Category]) -> None:
    """Stop unless there are categories, all of different names.

    Raises:
        InputError: There is none, or two have the same name.
    """
    names = [category.name for category in categories]
    if not names or len(set(names)) < len(names):
        raise InputError(f"Categories must have different names, at least one; got {names}.")
