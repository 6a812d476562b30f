"""The report of objects and of panoptic segmentations, from measured scores."""

import pytest
from object_scenes import draw, random_scene, segmentation
from read_page import Page

from segmentare.annotations.segmentation import Category
from segmentare.metrics.instance import InstanceScores
from segmentare.metrics.panoptic import PanopticScores
from segmentare.report.formatting import KNOWN_SCORES
from segmentare.report.report import ReportData, write_report

KINDS = (
    Category("soil", (90, 60, 0), background=True),
    Category("cell", (255, 0, 0), thing=True),
    Category("debris", (0, 255, 0), thing=True),
    Category("fiber", (0, 0, 255), thing=True),
)


def page(tmp_path, metric, headline):
    for seed in range(5):
        metric.update(*draw(random_scene(seed, categories=3, size=(90, 120))), f"image {seed}")
    scores = metric.compute()
    report = ReportData(
        "Objects", "instance", headline, images=5, scores=scores, per_image=metric.per_image(),
        dataset={"categories": [kind.to_dict() for kind in KINDS]},
    )  # fmt: skip
    write_report(tmp_path / "report.html", report)
    return Page((tmp_path / "report.html").read_text(encoding="utf-8")), scores


@pytest.mark.parametrize(
    ("metric", "headline"),
    [
        (InstanceScores(KINDS, {"image 1": {"organ": "liver"}}), "accuracy@0.5"),
        (InstanceScores(KINDS, fast=True), "f1@0.5"),
        (PanopticScores(KINDS, {"image 1": {"organ": "liver"}}), "pq"),
    ],
    ids=["instance", "instance, fast", "panoptic"],
)
def test_every_score_is_shown_by_its_title(tmp_path, metric, headline):
    shown, scores = page(tmp_path, metric, headline)
    assert {"scores", "images", "categories", "meanings"} <= shown.ids
    known = [name for name in scores if name in KNOWN_SCORES]
    assert {"pq", "sq", "rq"} <= set(known)
    for name in known:
        text = KNOWN_SCORES[name]
        assert text.title in shown.text, name
        assert text.meaning in shown.text, name
        value = scores[name].get("pooled") if isinstance(scores[name], dict) else scores[name]
        assert value is None or f"{value:.3f}" in shown.text, name
    assert "mean over images" in shown.text
    counts = scores["objects"]
    assert f"The truth shows {counts['true']} objects, the predictions" in shown.text
    assert "fiber F1" in shown.text or "fiber Panoptic" in shown.text
    names = {name for row in metric.per_image() for name in row}
    assert {"objects_true", "objects_predicted"} <= names
    assert "objects true" in shown.text
    for name in ("limits", "most_detections", "{'", "nan"):
        assert name not in shown.text


def test_average_precision_that_stays_low_is_told(tmp_path):
    metric = InstanceScores(KINDS[:2], most_detections=3)
    shown, _ = page_of_many(tmp_path, metric)
    assert "AP looks at the 3 surest objects of a category; 1 image has more" in shown.text


def page_of_many(tmp_path, metric):
    many = segmentation([[1, 0] * 4], [[1, 0, 2, 0, 3, 0, 4, 0]])
    metric.update(many, many, "many")
    report = ReportData("Objects", "instance", "ap", images=1, scores=metric.compute())
    write_report(tmp_path / "report.html", report)
    return Page((tmp_path / "report.html").read_text(encoding="utf-8")), report
