"""The scores of an evaluation as tables on a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from segmentare.datasets import KEYPOINT_TASKS
from segmentare.report.formatting import score_order, score_text

if TYPE_CHECKING:
    from segmentare.report.evaluation import Evaluation

_COLUMNS = 4  # scores of a group that a terminal has room for


def score_tables(evaluation: Evaluation) -> Iterator[RenderableType]:
    """Yield the scores with their intervals, per category and per label."""
    where = f"{evaluation.part} part" if evaluation.part else "all images"
    table = Table(title=f"{evaluation.images} images ({where})", title_justify="left")
    for column in ("score", "mean per image", "95 % interval", "pooled"):
        table.add_column(column, justify="left" if column == "score" else "right")
    for name, value in evaluation.scores.items():
        if isinstance(value, float):
            table.add_row(name, "", "", decimal(value))
        elif _is_score(value):
            numbers = decimal(value.get("mean")), interval_text(value), decimal(value.get("pooled"))
            table.add_row(name, *numbers)
    yield table
    objects = evaluation.scores.get("objects")
    if objects:
        like = "OKS" if evaluation.task in KEYPOINT_TASKS else "IoU"
        yield (
            f"Objects: {objects['true']} in the truth, {objects['predicted']} predicted, "
            f"{objects['matched']} of them matched at {like} 0.5."
        )
    categories = evaluation.scores.get("categories", {})
    if len(categories) > 2:
        yield from _groups("category", categories, evaluation.headline)
    joints = evaluation.scores.get("joints", {})
    yield from _groups("keypoint", joints, evaluation.headline, ("marked", "labeled"))
    for column, groups in evaluation.scores.get("labels", {}).items():
        yield from _groups(column, groups, evaluation.headline)
    if evaluation.seen.found:
        yield Text(f"Warning: {evaluation.seen.sentence()}", "bold red")
    for name, reason in evaluation.failed:
        yield Text(f"Skipped: {name}: {reason}", "yellow")


def _groups(
    title: str,
    groups: Mapping[str, Any],
    headline: str,
    counted: tuple[str, str] = ("images", "images"),
) -> Iterator[Table]:
    """Yield a table with a row per group, with its most telling scores, the main one first.

    Args:
        title: Of the column with their names.
        groups: Name of the group -> its scores.
        headline: Name of the main score.
        counted: How the column of counts is called, and where they stand.
    """
    if len(groups) < 2:
        return
    found = {name for group in groups.values() for name, value in group.items() if _is_score(value)}
    names = sorted(found, key=lambda name: (name != headline, score_order(name), name))[:_COLUMNS]
    table = Table()
    table.add_column(title)
    table.add_column(counted[0], justify="right")
    interval = _has_interval(groups, names[0]) if names else False  # of the main one; room is short
    for name in names:
        table.add_column(score_text(name).title, justify="right")
        if interval and name == names[0]:
            table.add_column("95 % interval", justify="right")
    for label, group in groups.items():
        cells = []
        for name in names:
            value = group.get(name) or {}
            cells.append(decimal(value.get("mean", value.get("pooled"))))
            if interval and name == names[0]:
                cells.append(interval_text(value))
        table.add_row(label, str(group.get(counted[1], "")), *cells)
    yield table


def _is_score(value: Any) -> bool:  # noqa: ANN401  any JSON value
    return isinstance(value, Mapping) and ("mean" in value or "pooled" in value)


def _has_interval(groups: Mapping[str, Any], name: str) -> bool:
    return any((group.get(name) or {}).get("ci95") for group in groups.values())


def decimal(value: float | None) -> str:
    """Return a score as tables print it."""
    if value is None:
        return ""
    return f"{value:.4f}" if abs(value) < 10 else f"{value:.1f}"


def interval_text(value: Mapping[str, Any]) -> str:
    """Return the 95 % interval of a score, or ""."""
    interval = value.get("ci95")
    return f"{decimal(interval[0])} to {decimal(interval[1])}" if interval else ""
