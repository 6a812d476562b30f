"""How many objects were found, against how many there are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from segmentare.report.charts import Axes, add, empty_chart, finish


def counting(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """Return a chart of the counts per image, and what they add up to.

    Args:
        rows: What `Metric.per_image` returned.

    Returns:
        `chart`; `true` and `predicted`, sums over the images; `error`, their relative difference,
        `None` where there is nothing to count; `mean_error`, the mean over images of the absolute
        difference; `images`, and how many of them are `exact`. `None` for a task without objects,
        or where neither truth nor prediction shows any.
    """
    found = [
        (str(row.get("name", "")), int(row["objects_true"]), int(row["objects_predicted"]))
        for row in rows
        if "objects_true" in row and "objects_predicted" in row
    ]
    true, predicted = sum(a for _, a, _ in found), sum(b for _, _, b in found)
    if not true + predicted:
        return None
    gaps = [abs(b - a) for _, a, b in found]
    return {
        "chart": _draw(found),
        "true": true,
        "predicted": predicted,
        "error": (predicted - true) / true if true else None,
        "mean_error": sum(gaps) / len(gaps),
        "images": len(found),
        "exact": sum(gap == 0 for gap in gaps),
    }


def _draw(found: Sequence[tuple[str, int, int]]) -> str:
    """Draw one dot per image: true objects to the right, predicted ones upwards."""
    most = max(max(a, b) for _, a, b in found)
    span = (-0.04 * most, 1.04 * most)
    axes = Axes(span, span, height=380.0)
    summary = f"objects found against true objects in {len(found)} images"
    svg = empty_chart(axes, summary, "objects in the truth", "objects found")
    ends = {"x1": axes.right(0), "y1": axes.down(0), "x2": axes.right(most), "y2": axes.down(most)}
    add(svg, "line", class_="ideal", **ends)
    for name, a, b in found:
        dot = add(svg, "circle", class_="image", r=4.0, cx=axes.right(a), cy=axes.down(b))
        dot.set("fill-opacity", "0.6")
        dot.set("data-tip", f"{name}: {b} found, {a} true")
        dot.set("data-picture", name)
    return finish(svg)
