"""The report of a model as one HTML file that needs nothing beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from segmentare.datasets import KEYPOINT_TASKS
from segmentare.drawing.overlays import PREDICTION_COLOR, TRUTH_COLOR
from segmentare.report import charts
from segmentare.report.counts import counting
from segmentare.report.formatting import (
    KNOWN_SCORES,
    NOTHING,
    anything,
    finite,
    flat,
    number,
    score_order,
    score_text,
    task_title,
)
from segmentare.report.history import draw_curves
from segmentare.report.pages import picture, write_page
from segmentare.report.score_tables import draw_bars, group_table, main_scores, score_row

Row = Mapping[str, Any]  #: one JSON-ready row of a table

_OUTLINES = {"truth": TRUTH_COLOR, "prediction": PREDICTION_COLOR}
_MOST_CATEGORIES = 30  # of which also those are listed that no image shows
_CALIBRATION = ("of", "expected_calibration_error", "brier", "pixels")


@dataclass(frozen=True)
class Picture:
    """One image with truth and prediction outlined on it.

    Attributes:
        name: Name of the image; the same as in the rows per image.
        rank: Why it is shown.
        jpeg: The picture as the bytes of a JPEG file.
        scores: Its scores by name; `None` where one does not exist.
        outcomes: What became of the segments on it -> how many, such as `{"missed": 2}`.
        labels: What is known of the whole image.
    """

    name: str
    rank: Literal["worst", "typical", "best"]
    jpeg: bytes
    scores: Mapping[str, float | None] = field(default_factory=dict)
    outcomes: Mapping[str, int] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ReportData:
    """Everything a report shows, JSON-ready but for the pictures; empty fields are left out.

    Attributes:
        title: Title of the page.
        task: Name of the task.
        headline: Name of the one score that is printed large, a key of `scores`.
        when: When the scores were measured.
        images: Number of images behind the scores.
        part: The part of the split that was scored (`test`, `val`), or "" for a whole folder.
        seen: How many of these images the model was trained on or chosen by; `None` if unknown.
        scores: What `Metric.compute()` returned.
        per_image: What `Metric.per_image()` returned.
        pictures: Images with outlines, in the order in which they are to be shown.
        outlines: Meaning of an outline -> its color (red, green, blue) in the pictures.
        history: Rows of the training log, as numbers or as text: `step`, `loss`, `score` or `val_*`
            for the validation part (larger is better), `best` (true where the score is the best
            so far), `learning_rate`; others are not drawn, and cells may be empty.
        calibration: What `Calibration.compute()` returned.
        dataset: `root`, `reader`, `layout`, `counts` per part, `categories` as
            `Category.to_dict()`; other entries are listed as they are.
        plan: The settings of the training as data.
        plan_lines: The same as a few sentences.
        machine: What it ran on.
        commands: Shell lines that repeat it.
        notes: Warnings that a reader must see before the numbers.
        made_by: The command that writes the page.
    """

    title: str
    task: str
    headline: str = "dice"
    when: str = ""
    images: int = 0
    part: str = "test"
    seen: int | None = None
    scores: Mapping[str, Any] = field(default_factory=dict)
    per_image: Sequence[Row] = ()
    pictures: Sequence[Picture] = ()
    outlines: Mapping[str, Sequence[int]] = field(default_factory=lambda: dict(_OUTLINES))
    history: Sequence[Row] = ()
    calibration: Mapping[str, Any] | None = None
    dataset: Mapping[str, Any] = field(default_factory=dict)
    plan: Mapping[str, Any] = field(default_factory=dict)
    plan_lines: Sequence[str] = ()
    machine: Mapping[str, Any] = field(default_factory=dict)
    commands: Sequence[str] = ()
    notes: Sequence[str] = ()
    made_by: str = "evaluate"


def write_report(path: Path, report: ReportData) -> None:
    """Write the page; an earlier report is replaced whole or, on failure, left as it was.

    Raises:
        OutputExistsError: There is something else of that name.
    """
    rows = [score_row(name, value) for name, value in main_scores(report.scores).items()]
    calibration = _calibration(report.calibration)
    used = {row["name"] for row in rows} | (
        {"expected_calibration_error"} if calibration else set()
    )
    categories = report.scores.get("categories") or {}
    shown = {name: scores for name, scores in categories.items() if _is_shown(scores, categories)}
    values = {
        "report": report,
        "scores": rows,
        "scale": draw_bars(rows),
        "headline": next((row for row in rows if row["name"] == report.headline), None),
        "pictures": _pictures(report),
        "distributions": _distributions(report),
        "table": _image_table(report),
        "counting": counting(report.per_image),
        "curves": draw_curves(report.history),
        "categories": group_table(shown, _colors(report)),
        "joints": group_table(report.scores.get("joints") or {}, {}, "labeled"),
        "kind": task_title(report.task),
        "likeness": "OKS" if report.task in KEYPOINT_TASKS else "IoU",
        "absent": len(categories) - len(shown),
        "confusion": _confusion(report),
        "labels": {
            column: group_table(groups, {})
            for column, groups in (report.scores.get("labels") or {}).items()
            if groups
        },
        "calibration": calibration,
        "dataset": {
            name: value
            for name, value in report.dataset.items()
            if name not in {"counts", "categories"} and value not in (None, "")
        },
        "plan": flat(report.plan),
        "machine": flat(report.machine),
        "meanings": {name: text for name, text in KNOWN_SCORES.items() if name in used},
    }
    write_page(path, report.made_by, "report.html.j2", values)


def _is_shown(scores: Row, categories: Mapping[str, Any]) -> bool:
    """Tell whether a category has a row: of very many, those that no image shows have none."""
    return len(categories) <= _MOST_CATEGORIES or scores.get("images") != 0


def _colors(report: ReportData) -> dict[str, str]:
    categories = report.dataset.get("categories") or ()
    return {item["name"]: f"rgb({', '.join(map(str, item['color']))})" for item in categories}


def _pictures(report: ReportData) -> dict[str, list[dict[str, Any]]]:
    """Return the pictures by rank, worst first."""
    ranked: dict[str, list[dict[str, Any]]] = {}
    for rank in ("worst", "typical", "best"):
        for shown in report.pictures:
            if shown.rank == rank:
                ranked.setdefault(rank, []).append(
                    {
                        "name": shown.name,
                        "source": picture(shown.jpeg),
                        "scores": [_named(name, value) for name, value in shown.scores.items()],
                        "outcomes": [f"{n}\u00a0{what}" for what, n in shown.outcomes.items()],
                        "labels": [str(value) for value in shown.labels.values()],
                    }
                )
    return ranked


def _named(name: str, value: float | None) -> str:
    text = score_text(name)
    return f"{text.title} {number(value, text.unit)} {text.unit}".strip().replace(" ", "\u00a0")


def _distributions(report: ReportData) -> list[str]:
    """Return one chart per score that the images have, the headline first."""
    names = [name for name in KNOWN_SCORES if any(name in row for row in report.per_image)]
    names.sort(key=lambda name: name != report.headline)
    drawn = []
    for name in names:
        pairs = ((str(row.get("name", "")), finite(row.get(name))) for row in report.per_image)
        values = {image: value for image, value in pairs if value is not None}
        score = score_row(name, report.scores.get(name))
        if values:
            chart = charts.distribution(
                values, score["title"], score["mean"], score["ci95"], score["unit"]
            )
            drawn.append(chart)
    return drawn


def _image_table(report: ReportData) -> dict[str, Any]:
    """Return the table of all images, the ones that most need a look first."""
    rows = [_one_level(row) for row in report.per_image]
    names = {name: None for row in rows for name in row if name != "name"}
    columns = sorted(names, key=lambda name: (score_order(name), name in KNOWN_SCORES))
    worst = score_text(report.headline).smaller_is_better

    def order(row: Row) -> float:
        value = finite(row.get(report.headline))
        return float("-inf") if value is None else -value if worst else value

    return {
        "columns": [(score_text(name).title, score_text(name).unit) for name in columns],
        "rows": [
            {
                "name": row.get("name", ""),
                "cells": [_cell(row.get(name), score_text(name).unit) for name in columns],
            }
            for row in sorted(rows, key=order)
        ],
    }


def _one_level(row: Row) -> dict[str, Any]:
    """Return the row with its labels and, where there are several, its categories as columns."""
    found = {name: value for name, value in row.items() if not isinstance(value, Mapping)}
    categories = row.get("categories") or {}
    for category, scores in categories.items() if len(categories) > 2 else ():
        if scores:
            name = min(scores, key=score_order)
            found[f"{category} {score_text(name).title}"] = scores[name]
    return found | dict(row.get("labels") or {})


def _cell(value: Any, unit: str) -> tuple[str, str]:  # noqa: ANN401 - any JSON value
    """Return the text of a cell and the text by which its column is sorted."""
    if value is None:
        return NOTHING, ""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return number(value, unit), repr(value)
    return anything(value), anything(value)


def _confusion(report: ReportData) -> dict[str, Any] | None:
    """Return the confusion matrix with the shares of each row, or `None` without one."""
    counts = report.scores.get("confusion")
    if not counts:
        return None
    categories = report.dataset.get("categories") or ()
    names = [str(item["name"]) for item in categories]
    names += [str(index) for index in range(len(names), len(counts[0]))]
    columns = [sum(row[index] for row in counts) for index in range(len(counts[0]))]
    listed = [
        index
        for index, row in enumerate(counts)
        if len(counts) <= _MOST_CATEGORIES or sum(row) + columns[index] > 0
    ]
    rows = []
    for index in listed:
        total = sum(counts[index])
        numbers = [int(counts[index][other]) for other in listed]
        cells = [(count, count / total if total else None) for count in numbers]
        rows.append({"name": names[index], "total": int(total), "cells": cells})
    return {"columns": [names[index] for index in listed], "rows": rows}


def _calibration(data: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return diagram and error, or `None` where no pixel was counted."""
    bins = []
    for item in (data or {}).get("bins", ()):
        pair = finite(item["confidence"]), finite(item["frequency"])
        if item["pixels"] and pair[0] is not None and pair[1] is not None:
            bins.append((pair[0], pair[1], int(item["pixels"])))
    if data is None or not bins:
        return None
    return {"chart": charts.reliability(bins), **{name: data.get(name) for name in _CALIBRATION}}
