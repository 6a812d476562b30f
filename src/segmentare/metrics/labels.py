"""Scores per value of a label, such as per diagnosis."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol, TypeVar


class Named(Protocol):
    """What a metric keeps of an image."""

    @property
    def name(self) -> str:
        """Name of the image."""
        ...


Row = TypeVar("Row", bound=Named)


def by_label(
    rows: Iterable[Row],
    labels: Mapping[str, Mapping[str, str]],
    score: Callable[[list[Row]], dict[str, Any]],
) -> dict[str, dict[str, dict[str, Any]]]:
    """Return the scores of the images that share a value of a label.

    Args:
        rows: What is known of each scored image.
        labels: Per name of an image the value of each label; images may have none.
        score: Of some rows, at least one, their scores.

    Returns:
        Per label and value, values in order, `images` with their number, and what `score` returns.
    """
    groups: dict[str, dict[str, list[Row]]] = {}
    for row in rows:
        for label, value in labels.get(row.name, {}).items():
            groups.setdefault(label, {}).setdefault(value, []).append(row)
    return {
        label: {
            value: {"images": len(chosen)} | score(chosen)
            for value, chosen in sorted(values.items())
        }
        for label, values in groups.items()
    }
