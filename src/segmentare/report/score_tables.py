"""Scores as pages print them: the same few rules for every task's dictionary of scores."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from segmentare.report import charts
from segmentare.report.formatting import finite, score_order, score_text

_NOT_SCORES = {
    "categories",
    "confusion",
    "labels",
    "images",
    "unscored",
    "objects",
    "limits",
    "joints",
    "outlined",
}  # shown elsewhere
_NOT_COLUMNS = {"images", "pixels_true", "pixels_predicted", "labeled"}
_MOST_COLUMNS = 8  # a wide table scrolls; more score columns than this are left out


def main_scores(scores: Mapping[str, Any]) -> dict[str, Any]:
    """Return the scores over all images, known ones first, in the form {"mean": ...}."""
    main: dict[str, Any] = {}
    for name in sorted(set(scores) - _NOT_SCORES, key=lambda name: (score_order(name), name)):
        value = scores[name]
        if isinstance(value, Mapping):
            if "mean" in value or "pooled" in value:
                main[name] = value
        elif value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
            main[name] = {"mean": value}
    return main


def score_row(name: str, value: Any) -> dict[str, Any]:  # noqa: ANN401 - a number or a mapping
    """Return what a page prints of one score; `bar` is empty until `draw_bars` fills it."""
    text = score_text(name)
    parts = value if isinstance(value, Mapping) else {"mean": value}
    main = "mean" if "mean" in parts else "pooled"
    ends = parts.get("ci95") or (None, None)
    low, high = finite(ends[0]), finite(ends[1])
    return {
        "name": name,
        "title": text.title,
        "unit": str(parts.get("unit", text.unit)),
        "mean": _counted(parts.get(main)),
        "ci95": None if low is None or high is None else (low, high),
        "pooled": parts.get("pooled") if main == "mean" else None,
        "median": parts.get("median"),
        "is_pooled": main == "pooled",
        "bar": "",
    }


def _counted(value: Any) -> float | None:  # noqa: ANN401 - any JSON value
    """Return a number as float, but a count as it is, so that it is printed without decimals."""
    return value if isinstance(value, int) and not isinstance(value, bool) else finite(value)


def draw_bars(rows: Sequence[dict[str, Any]]) -> str:
    """Fill the `bar` of the rows whose scores are shares, all on one scale.

    Returns:
        The scale in words, "" where no bar was drawn.
    """
    drawn = [row for row in rows if row["mean"] is not None and not row["unit"]]
    lowest = [
        min(row["mean"], *(row["ci95"] or ())) if row["ci95"] else row["mean"] for row in drawn
    ]
    if not drawn or min(lowest) < 0 or max(row["mean"] for row in drawn) > 1:
        return ""
    low = max(0.0, math.floor(min(lowest) * 10 - 0.2) / 10)
    for row in drawn:
        row["bar"] = charts.interval_bar(row["mean"], row["ci95"], (low, 1.0))
    return f"{low:g} to 1"


def group_table(
    groups: Mapping[str, Any], colors: Mapping[str, str], count: str = "images"
) -> dict[str, Any]:
    """Return the table of scores of some groups of images or pixels; its `rows` may be empty.

    Args:
        groups: Name of the group -> its scores.
        colors: Name of the group -> color of its mark.
        count: Which entry says how many there are of what was scored.
    """
    names = {name for scores in groups.values() for name in scores} - _NOT_COLUMNS
    ordered = sorted(names, key=lambda name: (score_order(name), name))[:_MOST_COLUMNS]
    rows = [
        {
            "name": group,
            "color": colors.get(group, ""),
            "count": scores.get(count),
            "cells": [score_row(name, scores.get(name)) for name in ordered],
        }
        for group, scores in groups.items()
    ]
    return {
        "columns": [(score_text(name).title, score_text(name).unit) for name in ordered],
        "rows": rows,
        "scale": draw_bars([row["cells"][0] for row in rows]) if ordered else "",
        "counted": any(count in scores for scores in groups.values()),
    }
