"""The report: sections by data, escaped names, the numbers given, nothing loaded from elsewhere."""

import math
import re
from dataclasses import replace
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from read_page import Page, jpeg

from segmentare.annotations.segmentation import Category, Segmentation
from segmentare.metrics.calibration import Calibration
from segmentare.metrics.semantic import SemanticScores
from segmentare.report import charts, pages
from segmentare.report.formatting import NOTHING, anything, number
from segmentare.report.report import Picture, ReportData, write_report

SECTIONS = {
    "scores": "scores",
    "pictures": "pictures",
    "images": "per_image",
    "calibration": "calibration",
    "curves": "history",
    "plan": "plan",
    "commands": "commands",
}
CATEGORIES = (
    Category("background", (0, 0, 0), background=True),
    Category("lesion <b>", (230, 80, 40)),
)


def measured():
    """Real scores of five squares, each moved by some pixels; the last one is missed."""
    labels = {f"img_{i}": {"diagnosis": "melanoma" if i % 2 else "nevus"} for i in range(5)}
    metric, calibration = SemanticScores(CATEGORIES, labels), Calibration(CATEGORIES)
    for index, name in enumerate(labels):
        truth, found = np.zeros((2, 40, 60), np.uint8)
        truth[10:30, 10:40] = 1
        found[10:30, 10 + index : 40 + index] = index != 4
        predicted = Segmentation(found, probability=found * np.float32(0.8) + np.float32(0.1))
        metric.update(predicted, Segmentation(truth), name)
        calibration.update(predicted, Segmentation(truth))
    return metric, calibration


@pytest.fixture(scope="module")
def full():
    metric, calibration = measured()
    return ReportData(
        title="Lesions & more",
        task="semantic",
        images=5,
        seen=0,
        when="today",
        scores=metric.compute(),
        per_image=metric.per_image(),
        pictures=[Picture("img_4", "worst", jpeg(), {"dice": 0.0, "hd95": None})],
        history=[
            {"step": "10", "loss": "0.9", "val_dice": "", "learning_rate": "0.001"},
            {"step": "20", "loss": "nan", "val_dice": "0.5", "learning_rate": "0.002"},
            {"step": "30", "loss": "0.4", "val_dice": "0.7", "learning_rate": "0.001"},
        ],
        calibration=calibration.compute(),
        dataset={
            "root": "lesions",
            "counts": {"train": 8, "test": 5},
            "categories": [category.to_dict() for category in CATEGORIES],
        },
        plan={"size": [256, 192], "ema": 0.98, "crop": {"mirror": True}},
        plan_lines=["Five lines of text."],
        machine={"cores": 2},
        commands=["segmentare train lesions --out run"],
        notes=["No validation part was kept."],
    )


def written(tmp_path, report):
    path = tmp_path / "report.html"
    write_report(path, report)
    return path.read_text(encoding="utf-8")


def test_full_report_has_every_section(tmp_path, full):
    page = Page(written(tmp_path, full))
    wanted = {*SECTIONS, "categories", "confusion", "labels", "dataset", "meanings"}
    assert wanted <= page.ids
    assert "No validation part was kept." in page.text
    assert "none of them seen in training" in page.text
    assert "256 \u00d7 192" in page.text


def test_bare_report_has_no_section(tmp_path):
    page = Page(written(tmp_path, ReportData(title="Nothing yet", task="semantic")))
    assert page.ids == set()
    assert page.addresses == [""] * page.addresses.count("")


@pytest.mark.parametrize(("section", "field"), SECTIONS.items())
def test_a_section_without_data_is_left_out(tmp_path, full, section, field):
    empty = {"scores": {}, "calibration": None, "plan": {}}.get(field, ())
    changes = {field: empty} | ({"plan_lines": ()} if field == "plan" else {})
    page = Page(written(tmp_path, replace(full, **changes)))
    assert section not in page.ids
    assert f"#{section}" not in page.addresses


def test_nothing_is_loaded_from_elsewhere(tmp_path, full):
    html = written(tmp_path, full)
    for address in Page(html).addresses:
        assert address == "" or address[0] == "#" or address.startswith("data:image/jpeg;base64,")
    assert not re.search(r"https?:|@import|url\(", html)
    assert "default-src 'none'" in html


def test_the_numbers_are_those_given(tmp_path, full):
    page = Page(written(tmp_path, full))
    dice = full.scores["dice"]
    assert f"{dice['mean']:.3f} Dice" in page.text.replace(" , 95", ", 95")
    assert f"{dice['ci95'][0]:.3f} to {dice['ci95'][1]:.3f}" in page.text
    assert f"{dice['pooled']:.3f}" in page.text
    assert f"{full.scores['hd95']['mean']:.1f}" in page.text
    row = full.scores["confusion"][1]
    assert f"{100 * row[1] / sum(row):.1f}" in page.text
    for value, group in full.scores["labels"]["diagnosis"].items():
        assert f"{value} {group['images']} {group['dice']['mean']:.3f}" in page.text


def test_names_cannot_break_out(tmp_path, full):
    evil = '"><script>alert(1)</script>'
    row = {"name": evil, "dice": 0.5, "labels": {"kind": evil}}
    report = replace(
        full,
        title=evil,
        notes=[evil],
        per_image=[row, {"name": "b", "dice": 0.7}],
        pictures=[Picture(evil, "best", jpeg(), {"dice": 0.5}, {"kind": evil})],
        commands=[evil],
        plan={evil: evil},
        dataset={"root": evil},
    )
    html = written(tmp_path, report)
    assert "alert(1)" in html
    assert html.count("<script>") == 1
    Page(html)


def test_missing_and_endless_numbers(tmp_path, full):
    rows = [{"name": "a", "dice": None}, {"name": "b", "dice": math.nan}, {"name": "c", "dice": 1}]
    scores = {"dice": {"mean": None, "ci95": None}, "miou": math.nan, "own_score": 0.25, "odd": {}}
    page = Page(written(tmp_path, replace(full, scores=scores, per_image=rows)))
    assert f"{NOTHING} Dice mean of 5 test images" in page.text
    assert "own score 0.250" in page.text
    assert "nan" not in page.text.lower().split()


def test_images_seen_in_training_are_named_first(tmp_path, full):
    text = Page(written(tmp_path, replace(full, seen=3))).text
    assert text.index("3 of 5 images were used to train or choose this model.") < text.index("Dice")
    assert "none of them seen" not in text


def test_a_failed_write_leaves_the_old_page(tmp_path, full, monkeypatch):
    path = tmp_path / "report.html"
    write_report(path, full)
    before = path.read_bytes()

    def broken(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pages.Path, "replace", broken)
    with pytest.raises(OSError, match="No space"):
        write_report(path, full)
    assert path.read_bytes() == before
    assert [item.name for item in tmp_path.iterdir()] == ["report.html"]


def test_dots_stand_for_images_where_their_scores_are():
    svg = charts.distribution({"a": 0.90, "b": 0.9001, "c": 0.5}, "Dice", 0.7667, (0.5, 0.9))
    marks = {mark.get("data-tip"): mark for mark in ET.fromstring(svg)}  # noqa: S314 - our own text
    a, b, c = (float(marks[f"{tip}00"].get("cx")) for tip in ("a: 0.9", "b: 0.9", "c: 0.5"))
    mean = float(marks["mean 0.767"].get("x1"))
    assert a == b  # one column,
    assert marks["a: 0.900"].get("cy") != marks["b: 0.900"].get("cy")  # one above the other
    column = 656 / 48  # a dot stands in the middle of its column, the line at its value
    assert (mean - c) / (a - c) == pytest.approx((0.7667 - 0.5) / 0.4, abs=column / (a - c))


def test_many_images_are_counted_in_bars():
    values = {str(i): i / 2000 for i in range(2000)}
    svg = charts.distribution(values, "Dice")
    assert sum(int(n) for n in re.findall(r'data-tip="(\d+) images"', svg)) == 2000


@pytest.mark.parametrize("values", [[0.5, 0.5], [0.0, 0.0], [1e-9, 2e3], [-3.0, 4.0]])
def test_curves_of_any_range(values):
    svg = charts.curves({"loss": ([1.0, 2.0], values)}, "loss")
    for place in re.findall(r'points="([^"]*)"', svg)[0].replace(",", " ").split():
        assert 0 <= float(place) <= 400


@pytest.mark.parametrize("marked", [True, False])
def test_the_chosen_step_is_marked(tmp_path, full, marked):
    rows = [
        {"step": "10", "score": "0.5", "best": "True"},
        {"step": "20", "score": "0.8", "best": "True"},
        {"step": "25", "score": "", "best": "False"},
        {"step": "30", "score": "0.7", "best": "False"},
    ]
    if not marked:
        rows = [{"step": row["step"], "val_dice": row["score"]} for row in rows]
    assert 'data-tip="chosen: 0.800 at step 20"' in written(tmp_path, replace(full, history=rows))


def test_ticks_are_round():
    assert charts.ticks(0, 1) == [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    assert charts.ticks(-3, 17) == [0.0, 5.0, 10.0, 15.0]


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.91249, "", "0.912"),
        (1.0, "", "1.000"),
        (0.0, "", "0.000"),
        (2e-4, "", "2.0e-04"),
        (12.34, "", "12.3"),
        (3.456, "px", "3.5"),
        (12345, "", "12\u202f345"),
        (None, "", NOTHING),
        (math.inf, "", "∞"),
    ],
)
def test_numbers(value, unit, text):
    assert number(value, unit) == text


def test_anything():
    assert anything([256, 192]) == "256 \u00d7 192"
    assert anything({"a": None, "b": True}) == f"a: {NOTHING}, b: yes"
