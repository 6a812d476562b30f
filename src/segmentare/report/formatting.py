"""How pages and tables print numbers, and what the scores are called and mean."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

NOTHING = "\u2013"  #: printed for a number that does not exist


@dataclass(frozen=True)
class ScoreText:
    """Title, unit and meaning of a score.

    Attributes:
        title: What a reader calls it.
        meaning: One short paragraph: definition, range, and the hard cases.
        unit: "" for shares between 0 and 1.
        smaller_is_better: True for distances and errors.
    """

    title: str
    meaning: str = ""
    unit: str = ""
    smaller_is_better: bool = False


#: Known scores in the order in which pages show them.
KNOWN_SCORES = {
    "dice": ScoreText(
        "Dice",
        "Twice the overlap of prediction and truth over the sum of their areas: 1 for equal "
        "masks, 0 for masks without a common pixel. Where both are empty it is 1. The mean is over "
        "images; pooled means that the pixels of all images were counted together first.",
    ),
    "iou": ScoreText(
        "IoU",
        "Intersection over union (Jaccard index): the overlap of prediction and truth over the "
        "area that either covers. IoU = Dice / (2 - Dice) on one image. Where both are empty "
        "it is 1.",
    ),
    "miou": ScoreText(
        "Mean IoU",
        "The mean of the pooled IoU over all categories that truth or prediction shows, background "
        "included.",
    ),
    "boundary_f": ScoreText(
        "Boundary F",
        "Harmonic mean of the share of predicted outline that lies near the true outline and the "
        "share of true outline that lies near the predicted one; near is 0.75 % of the image's "
        "diagonal, at least 1 pixel. A missed object and a false alarm score 0.",
    ),
    "hd95": ScoreText(
        "HD95",
        "95th percentile of the distances between the outlines of prediction and truth (Hausdorff "
        "distance), in pixels of the image: 0 is best. A missed object and a false alarm count as "
        "the diagonal of the image; they are never left out of the mean.",
        unit="px",
        smaller_is_better=True,
    ),
    "assd": ScoreText(
        "Outline distance",
        "Mean distance between the outlines of prediction and truth (average symmetric surface "
        "distance), in pixels of the image: 0 is best. Missing outlines count as in HD95.",
        unit="px",
        smaller_is_better=True,
    ),
    "precision": ScoreText(
        "Precision",
        "The share of the predicted object's pixels that are true ones. Where nothing was "
        "predicted it is 1 if there was nothing to find, else 0.",
    ),
    "recall": ScoreText(
        "Recall",
        "The share of the true object's pixels that were found (sensitivity). Where there was "
        "nothing to find it is 1 if nothing was predicted, else 0.",
    ),
    "pixel_accuracy": ScoreText(
        "Pixel accuracy",
        "The share of labeled pixels with the right category. It is large for any model where "
        "background prevails, so it should not be read alone.",
    ),
    "accuracy@0.5": ScoreText(
        "Accuracy at IoU 0.5",
        "Matched / (matched + invented + missed) objects, where a match has an IoU of at least "
        "0.5. An image without any object scores 1 if none was predicted. Papers on cells also "
        "call it AP, which it is not. The mean is over images; pooled means that the objects of "
        "all images were counted together.",
    ),
    **{
        f"accuracy@{threshold}": ScoreText(
            f"Accuracy at IoU {threshold}", f"The same for matches of an IoU of {threshold}."
        )
        for threshold in (0.6, 0.7, 0.8, 0.9)
    },
    "f1@0.5": ScoreText(
        "F1 at IoU 0.5",
        "Harmonic mean of the share of predicted objects that match a true one at an IoU of at "
        "least 0.5 and the share of true objects that were found.",
    ),
    "pq": ScoreText(
        "Panoptic quality",
        "Mean IoU of the segments matched above an IoU of 0.5 (SQ) times the F1 score of finding "
        "them (RQ), per category, then averaged. Crowds and unlabeled pixels are left out.",
    ),
    "sq": ScoreText(
        "SQ", "Segmentation quality: the mean IoU of the matched segments, 0 for none."
    ),
    "rq": ScoreText("RQ", "Recognition quality: F1 score of finding segments above an IoU of 0.5."),
    **{
        f"{name}_{kind}": ScoreText(
            f"{name.upper()} of {kind}", f"{name.upper()} averaged over the categories of {what}."
        )
        for kind, what in (("things", "countable objects"), ("stuff", "uncountable regions"))
        for name in ("pq", "sq", "rq")
    },
    "ap": ScoreText(
        "AP",
        "COCO's average precision of masks: the area under precision against recall over the "
        "confidence, mean over IoU from 0.50 to 0.95 and over categories. It looks at the 100 "
        "surest objects per image and category only, and so is low where images hold more.",
    ),
    "ap50": ScoreText("AP50", "AP for matches of an IoU of 0.5."),
    "ap75": ScoreText("AP75", "AP for matches of an IoU of 0.75."),
    "ap_small": ScoreText("AP small", "AP of true objects up to 32 \u00d7 32 pixels of area."),
    "ap_medium": ScoreText(
        "AP medium", "AP of objects between 32 \u00d7 32 and 96 \u00d7 96 pixels."
    ),
    "ap_large": ScoreText("AP large", "AP of objects of 96 \u00d7 96 pixels and more."),
    "boundary_ap": ScoreText(
        "Boundary AP",
        "AP with the smaller of the IoU of the masks and of bands along their outlines, 2 % of the "
        "image's diagonal wide: it sees errors at the rim of large objects.",
    ),
    "aji": ScoreText(
        "AJI",
        "Aggregated Jaccard index: the common pixels of all true objects and their best "
        "predictions over all pixels of either and of unused predictions. It charges a prediction "
        "across several objects several times.",
    ),
    "aji_plus": ScoreText("AJI+", "AJI with each prediction given to at most one true object."),
    "oks_ap": ScoreText(
        "OKS AP",
        "COCO's average precision of keypoints: the area under precision against recall over the "
        "confidence, mean over object keypoint similarities (OKS) from 0.50 to 0.95. OKS is 1 for "
        "keypoints in their places, and falls with the distance in relation to the object's size "
        "and to how far annotators differ on that joint. Over all images together; of one image "
        "alone in the tables. Crowds and people without marked keypoints are left out.",
    ),
    "oks_ap50": ScoreText("OKS AP50", "OKS AP for matches of an OKS of 0.5."),
    "oks_ap75": ScoreText("OKS AP75", "OKS AP for matches of an OKS of 0.75."),
    "oks_ap_medium": ScoreText(
        "OKS AP medium", "OKS AP of objects between 32 \u00d7 32 and 96 \u00d7 96 pixels."
    ),
    "oks_ap_large": ScoreText("OKS AP large", "OKS AP of objects of 96 \u00d7 96 pixels and more."),
    "oks_ar": ScoreText(
        "OKS AR",
        "Average recall: the share of true objects that were found, whatever the confidence, mean "
        "over OKS from 0.50 to 0.95, among the 20 surest predictions per image.",
    ),
    "oks_ar50": ScoreText("OKS AR50", "OKS AR for matches of an OKS of 0.5."),
    "oks_ar75": ScoreText("OKS AR75", "OKS AR for matches of an OKS of 0.75."),
    "oks_ar_medium": ScoreText(
        "OKS AR medium", "OKS AR of objects between 32 \u00d7 32 and 96 \u00d7 96 pixels."
    ),
    "oks_ar_large": ScoreText("OKS AR large", "OKS AR of objects of 96 \u00d7 96 pixels and more."),
    "pck@0.2": ScoreText(
        "PCK at 0.2 of the torso",
        "Percentage of correct keypoints: the share of marked keypoints, hidden ones too, whose "
        "prediction lies within 0.2 of the torso, which is the mean distance from a shoulder to "
        "the hip of the other side. A keypoint that was not found is wrong; people who were made "
        "up do not count, and neither do people whose torso is not marked. The mean is over "
        "images; pooled means that the keypoints of all images were counted together.",
    ),
    "pck_box@0.2": ScoreText(
        "PCK at 0.2 of the box",
        "Share of marked keypoints whose prediction lies within 0.2 of the longer side of the true "
        "object's box: for skeletons without shoulders and hips. It is laxer than that of torsos.",
    ),
    "pckh@0.5": ScoreText(
        "PCKh at 0.5 of the head",
        "Share of marked keypoints whose prediction lies within half the distance from the top of "
        "the head to the neck. Benchmarks with boxes around heads take those instead.",
    ),
    "body": ScoreText(
        "Body", "The mean of OKS AP and the pooled IoU of the silhouettes, or the one there is."
    ),
    "mask_ap": ScoreText("Mask AP", "AP of each person's silhouette, over IoU from 0.50 to 0.95."),
    "mask_ap50": ScoreText("Mask AP50", "The same for matches of an IoU of 0.5."),
    "mask_ap75": ScoreText("Mask AP75", "The same for matches of an IoU of 0.75."),
    "expected_calibration_error": ScoreText(
        "Calibration error",
        "The mean distance between predicted probability and observed "
        "share, weighted by the number of pixels. 0 is best.",
        smaller_is_better=True,
    ),
}


_TITLES = {"pose": "pose detection", "body": "silhouettes and skeletons"}


def task_title(name: str) -> str:
    """Return what a task does, in words; "" for none."""
    return _TITLES.get(name, f"{name} segmentation" if name else "")


def score_text(name: str) -> ScoreText:
    """Return the text of a score; an unknown one is titled by its own name."""
    return KNOWN_SCORES.get(name) or ScoreText(name.replace("_", " "))


def score_order(name: str) -> int:
    """Return the sort key that puts known scores first, in their order."""
    known = list(KNOWN_SCORES)
    return known.index(name) if name in known else len(known)


def finite(value: Any) -> float | None:  # noqa: ANN401 - rows of logs hold anything
    """Return a number as float; `None` for NaN, infinity, text that is no number, and nothing."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        real = float(value)
    except ValueError:
        return None
    return real if math.isfinite(real) else None


def number(value: float | None, unit: str = "") -> str:
    """Return a number as pages print it: shares with three decimals, large ones with fewer.

    Numbers with a unit, such as distances in pixels, have one decimal, and the unit is not added.
    """
    if value is None or math.isnan(value):
        return NOTHING
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    if isinstance(value, int):
        return f"{value:,}".replace(",", "\u202f") if abs(value) >= 10_000 else str(value)
    size = abs(value)
    if 0 < size < 0.001 and not unit:
        return f"{value:.1e}"
    decimals = 3 if size < 10 and not unit else 1 if size < 1000 else 0
    return f"{value:.{decimals}f}"


def anything(value: Any) -> str:  # noqa: ANN401 - plans hold any JSON value
    """Return any JSON value as one line of text."""
    if value is None:
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return str(value) if isinstance(value, int) or finite(value) is not None else number(value)
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {anything(item)}" for name, item in value.items())
    if isinstance(value, list | tuple):
        parts = [anything(item) for item in value]
        sized = len(parts) == 2 and all(isinstance(item, int) for item in value)
        return (" \u00d7 " if sized else ", ").join(parts)
    return str(value)


def share(value: float | None) -> str:
    """Return a share between 0 and 1 as a percentage with one decimal."""
    real = finite(value)
    if real is None:
        return NOTHING
    return "< 0.1 %" if 0 < real < 0.001 else f"{100 * real:.1f} %"


def flat(data: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested settings as one level with dotted names."""
    one_level: dict[str, Any] = {}
    for name, value in data.items():
        if isinstance(value, Mapping):
            one_level.update(flat(value, f"{prefix}{name}."))
        else:
            one_level[f"{prefix}{name}"] = value
    return one_level
