"""Curves of a training: losses, scores of the validation part, learning rate."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from segmentare.report import charts
from segmentare.report.formatting import finite

Row = Mapping[str, Any]  #: one JSON-ready row of the log


def draw_curves(history: Sequence[Row]) -> list[tuple[str, str, list[str]]]:
    """Return title, chart and names of the losses, the validation scores, and the rate."""
    names = {name: None for row in history for name in row}
    losses = [name for name in names if "loss" in name]
    scores = [n for n in names if (n.startswith("val_") or n == "score") and n not in losses]
    drawn = []
    for title, wanted in (
        ("Loss", losses),
        ("Score in validation", scores),
        ("Learning rate", [name for name in names if name == "learning_rate"]),
    ):
        series = _series(history, wanted)
        if series:
            best = _best(history, next(iter(series))) if wanted is scores else None
            chart = charts.curves(series, title, smooth=wanted is losses, best=best)
            drawn.append((title, chart, list(series)))
    return drawn


def _series(
    history: Sequence[Row], names: Iterable[str]
) -> dict[str, tuple[list[float], list[float]]]:
    """Return the finite values of some columns of the log against the step."""
    series: dict[str, tuple[list[float], list[float]]] = {}
    for name in names:
        points = [
            (finite(row.get("step", index)), finite(row.get(name)))
            for index, row in enumerate(history)
        ]
        found = [(x, y) for x, y in points if x is not None and y is not None]
        if len(found) > 1:
            series[name] = ([x for x, _ in found], [y for _, y in found])
    return series


def _best(history: Sequence[Row], name: str) -> tuple[float, float] | None:
    """Return step and score of the best row: the last one so marked, else the first highest."""
    points = _series(history, [name])[name]
    marked = [row for row in history if str(row.get("best", "")).lower() in {"true", "1"}]
    step, score = (
        (finite(marked[-1].get(key)) for key in ("step", name)) if marked else (None, None)
    )
    if step is not None and score is not None:
        return step, score
    return max(zip(*points, strict=True), key=lambda point: point[1])
