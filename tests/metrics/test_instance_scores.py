"""The table of hard cases, the forms, and stardist's numbers of a whole set."""

import json
import time

import numpy as np
import pytest
from object_scenes import GOLDEN, draw, random_scene, segmentation

from segmentare.annotations.segmentation import Category
from segmentare.metrics.instance import InstanceScores

CELLS = (Category("background", (0, 0, 0), background=True), Category("cell", (255, 0, 0)))
THREE = (*CELLS, Category("debris", (0, 255, 0)), Category("fiber", (0, 0, 255)))

NOTHING = segmentation(np.zeros((20, 30)), np.zeros((20, 30)))
TWO = segmentation(np.eye(20, 30) + np.eye(20, 30, 8), np.eye(20, 30) + 2 * np.eye(20, 30, 8))
UNKNOWN = segmentation(np.full((20, 30), 255), np.zeros((20, 30)))
OBJECTS = (
    "accuracy@0.5", "accuracy@0.6", "accuracy@0.7", "accuracy@0.8", "accuracy@0.9",
    "f1@0.5", "aji", "aji_plus", "pq", "sq", "rq",
)  # fmt: skip
PRECISIONS = ("ap", "ap50", "ap75", "ap_small", "ap_medium", "ap_large", "boundary_ap")


def scored(*pairs, categories=CELLS, **settings):
    metric = InstanceScores(categories, **settings)
    for index, (predicted, truth) in enumerate(pairs):
        metric.update(predicted, truth, f"image {index}")
    return metric


# --- the table of hard cases ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("predicted", "truth", "expected"),
    [(NOTHING, NOTHING, 1), (TWO, TWO, 1), (TWO, NOTHING, 0), (NOTHING, TWO, 0)],
    ids=["both empty", "perfect", "false alarm", "missed"],
)
def test_empty_and_perfect(predicted, truth, expected):
    summary = scored((predicted, truth)).summary()
    for key in (*OBJECTS, *(f"{key}_pooled" for key in OBJECTS), "ap", "ap50", "boundary_ap"):
        assert summary[key] == expected, key


def test_empty_images_and_missed_objects_stay_in_the_mean():
    result = scored((TWO, TWO), (NOTHING, NOTHING), (NOTHING, TWO)).compute()
    for key in OBJECTS:
        assert result[key]["mean"] == pytest.approx(2 / 3), key
    assert result["accuracy@0.5"]["pooled"] == pytest.approx(2 / 4)
    assert result["f1@0.5"]["pooled"] == pytest.approx(4 / 6)
    low, high = result["accuracy@0.5"]["ci95"]
    assert 0 <= low < 2 / 3 < high <= 1
    assert result["objects"] == {"true": 4, "predicted": 2, "matched": 2}


def test_an_image_without_labels_is_told_not_scored():
    metric = scored((TWO, UNKNOWN), (TWO, TWO))
    assert metric.compute()["unscored"] == ["image 0"]
    assert [row["name"] for row in metric.per_image()] == ["image 1"]
    with pytest.raises(ValueError, match=r"at least one image.*1 without labels"):
        scored((TWO, UNKNOWN)).summary()


# --- oracle and golden numbers -------------------------------------------------------------------


def test_means_and_pooled_scores_are_those_of_stardist():
    golden = json.loads(GOLDEN.read_text(encoding="utf-8"))["stardist"]
    result = scored(*map(draw, golden["scenes"]), fast=True).compute()
    for threshold in ("0.5", "0.6", "0.7", "0.8", "0.9"):
        expected, found = golden["scores"][threshold], result[f"accuracy@{threshold}"]
        assert found["mean"] == pytest.approx(expected["mean_accuracy"])
        assert found["pooled"] == pytest.approx(expected["pooled_accuracy"])
    assert result["f1@0.5"]["mean"] == pytest.approx(np.mean(golden["scores"]["0.5"]["f1"]))
    assert result["pq"]["mean"] == pytest.approx(np.mean(golden["scores"]["0.5"]["pq"]), rel=1e-6)


def test_pq_is_sq_times_rq_in_every_category():
    metric = scored(draw(random_scene(300, categories=3)), categories=THREE)
    result = metric.compute()
    assert result["pq"]["pooled"] < 1
    one = scored(draw(random_scene(301))).compute()
    assert one["pq"]["pooled"] == pytest.approx(one["sq"]["pooled"] * one["rq"]["pooled"])


def test_an_iou_of_one_half_counts_for_accuracy_but_not_for_pq():
    truth, predicted = (
        segmentation([[1] * 6], [ids]) for ids in ([1, 1, 2, 2, 3, 3], [1] * 4 + [3] * 2)
    )
    summary = scored((predicted, truth)).summary()
    assert summary["accuracy@0.5"] == pytest.approx(2 / 3)
    assert summary["pq"] == pytest.approx(1 / 2.5)


def test_golden_image_and_its_form():
    truth = segmentation([[1, 1, 1, 1, 0, 2, 2]], [[1, 1, 1, 1, 0, 2, 2]])
    predicted = segmentation(
        [[1, 1, 1, 0, 0, 1, 1]], [[5, 5, 5, 0, 0, 3, 3]], np.ones(5, np.float32)
    )
    metric = scored((predicted, truth), categories=THREE, labels={"image 0": {"organ": "liver"}})
    assert metric.per_image() == [
        {
            "name": "image 0", "accuracy@0.5": 1 / 3, "accuracy@0.6": 1 / 3, "accuracy@0.7": 1 / 3,
            "accuracy@0.8": 0, "accuracy@0.9": 0, "f1@0.5": 0.5, "aji": 3 / 8, "aji_plus": 3 / 8,
            "pq": 0.75 / 1.5 / 2, "sq": 0.75 / 2, "rq": 1 / 1.5 / 2,
            "objects_true": 2, "objects_predicted": 2, "objects_matched": 1,
            "categories": {
                "cell": {"pq": 0.5, "f1@0.5": pytest.approx(2 / 3)},
                "debris": {"pq": 0, "f1@0.5": 0},
            },
            "labels": {"organ": "liver"},
        }
    ]  # fmt: skip
    result = metric.compute()
    assert json.loads(json.dumps(result, allow_nan=False)) == result
    assert set(result) == {
        *OBJECTS, *PRECISIONS, "objects", "categories", "labels", "limits", "unscored",
    }  # fmt: skip
    for key in OBJECTS:
        assert set(result[key]) == {"mean", "ci95", "pooled"}
    assert all(set(result[key]) == {"pooled"} for key in PRECISIONS)
    assert result["ap_large"] == {"pooled": None}
    assert "ap_large" not in metric.summary()
    assert set(result["categories"]) == {"cell", "debris", "fiber"}
    assert set(result["categories"]["cell"]) == {
        "ap", "ap50", "accuracy@0.5", "f1@0.5", "aji", "pq",
        "objects_true", "objects_predicted", "images",
    }  # fmt: skip
    assert result["categories"]["debris"]["f1@0.5"] == {"pooled": 0}
    assert result["categories"]["fiber"]["f1@0.5"] == {"pooled": None}
    assert result["categories"]["fiber"]["images"] == 0
    assert result["labels"]["organ"]["liver"]["accuracy@0.5"] == {"mean": 1 / 3, "ci95": None}


def test_fast_leaves_out_average_precision_only():
    pair = draw(random_scene(302))
    slow, fast = (scored(pair, fast=fast).summary() for fast in (False, True))
    assert fast == {key: value for key, value in slow.items() if not key.startswith(("ap", "bou"))}
    assert not set(PRECISIONS) & set(scored(pair, fast=True).compute())


def test_bad_maps_name_the_image():
    with pytest.raises(ValueError, match="Image 'image 0' cannot be scored: Prediction and truth"):
        scored((TWO, segmentation([[1]], [[1]])))
    with pytest.raises(ValueError, match="at least one"):
        InstanceScores(CELLS[:1])


def test_a_large_image_of_many_objects_is_quick():
    ids = np.kron(np.arange(1, 577).reshape(24, 24), np.ones((42, 42), np.int32))
    ids[::42] = ids[:, ::42] = 0
    truth, predicted = (segmentation(a > 0, a) for a in (ids, np.roll(ids, 3, axis=(0, 1))))
    metric = InstanceScores(CELLS, fast=True)
    start = time.process_time()  # about 20 ms where nothing else runs
    metric.update(predicted, truth)
    assert time.process_time() - start < 0.3
