"""What a metric is: a running score over many images."""

from abc import ABC, abstractmethod
from typing import Any, Generic

from segmentare.annotations import A


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
