"""Average precision against pycocotools' numbers, and its traps one by one."""

import json

import numpy as np
import pytest
from object_scenes import COCO, GOLDEN, draw, segmentation

from segmentare.annotations.segmentation import Category
from segmentare.metrics import average_precision
from segmentare.metrics.instance import InstanceScores
from segmentare.metrics.segments import Counted, find_overlaps, find_segments

GOLDEN_COCO = json.loads(GOLDEN.read_text(encoding="utf-8"))["coco"]
BACKGROUND = Category("background", (0, 0, 0), background=True)


def categories(number):
    return BACKGROUND, *(Category(str(kind), (kind, 0, 0)) for kind in range(1, number + 1))


def measured(*pairs, number=1, **settings):
    metric = InstanceScores(categories(number), **settings)
    for predicted, truth in pairs:
        metric.update(predicted, truth)
    return {name: value["pooled"] for name, value in metric.compute().items() if "ap" in name}


def squares(*places, side=40, categories=None, scores=None, crowd=()):
    """Return squares of a side in a row, 100 pixels apart, at the places (column, shift)."""
    category, instance = np.zeros((50, 1000), np.uint8), np.zeros((50, 1000), np.int32)
    for index, (place, shift) in enumerate(places):
        columns = slice(100 * place + shift, 100 * place + shift + side)
        category[:side, columns] = categories[index] if categories else 1
        instance[:side, columns] = 0 if index in crowd else index + 1
    given = None if scores is None else np.array(scores, np.float32)
    return segmentation(category, instance, given)


@pytest.mark.parametrize("name", GOLDEN_COCO)
def test_equal_to_pycocotools(name):
    case = GOLDEN_COCO[name]
    found = measured(*map(draw, case["scenes"]), number=case["categories"])
    for key in COCO:
        expected = case["scores"][key]
        if expected == -1:  # its sign for no true object of that size
            assert found[key] is None
        else:
            assert found[key] == pytest.approx(expected, rel=1e-9, abs=1e-12), key


@pytest.mark.parametrize("name", GOLDEN_COCO)
def test_stored_numbers_are_still_those_of_pycocotools(name):
    pytest.importorskip(
        "pycocotools", reason="pycocotools is not installed; see the stored numbers"
    )
    from object_scenes import coco_scores

    case = GOLDEN_COCO[name]
    now = coco_scores(case["scenes"], case["categories"])
    assert now == pytest.approx(case["scores"], rel=1e-9)


def test_perfect_objects_score_one_with_and_without_scores():
    truth = squares((0, 0), (1, 0), (2, 0))
    assert measured((truth, truth))["ap"] == 1
    scored = squares((0, 0), (1, 0), (2, 0), scores=[0.1, 0.9, 0.5])
    assert measured((scored, truth)) == {
        "ap": 1, "ap50": 1, "ap75": 1, "ap_small": None, "ap_medium": 1, "ap_large": None,
        "boundary_ap": 1,
    }  # fmt: skip


def test_a_surer_false_alarm_costs_and_an_unsure_one_does_not():
    truth = squares((0, 0))
    for score, expected in ((0.9, 0.5), (0.1, 1.0)):
        predicted = squares((0, 0), (5, 0), scores=[0.5, score])
        assert measured((predicted, truth))["ap50"] == pytest.approx(expected)


def test_golden_by_hand():
    """Of two objects the surest prediction finds one; recall 0.5 is reached at precision 1."""
    truth = squares((0, 0), (1, 0))
    predicted = squares((0, 0), (5, 0), scores=[0.9, 0.8])
    assert measured((predicted, truth))["ap50"] == pytest.approx(51 / 101)
    # A shift of 8 of 40 pixels: IoU 32 / 48 = 0.667, so right at 0.50 ... 0.65, four of ten.
    moved = squares((0, 8), (1, 8))
    assert measured((moved, truth))["ap"] == pytest.approx(0.4)
    assert measured((moved, truth))["ap75"] == 0


def test_each_true_object_is_found_once_by_the_surest():
    """Two halves of one square have an IoU of exactly 0.5 with it."""
    truth = squares((0, 0))
    instance = truth.instance.copy()
    instance[:20, :40] = 2
    predicted = segmentation(truth.category, instance, np.array([0.3, 0.6], np.float32))
    counted = Counted.instances(categories(1))
    overlaps = find_overlaps(
        find_segments(predicted, counted, truth=False), find_segments(truth, counted, truth=True)
    )
    ranked = average_precision.rank(overlaps, overlaps.iou, predicted.scores)[1]
    assert ranked.matched[0, 0].tolist() == [True, False]
    assert not ranked.ignored[0].any()
    assert not ranked.matched[0, 1].any()


def test_predictions_on_a_crowd_or_unknown_are_ignored():
    truth = squares((0, 0), (5, 0), crowd=[1])
    predicted = squares((0, 0), (5, 0), scores=[0.5, 0.9])
    assert measured((predicted, truth))["ap"] == 1
    other = squares((0, 0), (5, 0), categories=[1, 2], crowd=[1])
    assert measured((predicted, other), number=2)["ap"] == 0.5
    unknown = segmentation(
        np.where(truth.instance | (truth.category == 0), truth.category, 255), truth.instance
    )
    assert measured((predicted, unknown))["ap"] == 1


def test_sizes_are_those_of_the_true_objects():
    small = squares((0, 0), (1, 0), side=20)  # 400 pixels
    both = [(squares((0, 0), side=20, scores=[1.0]), small)]
    both.append((squares((0, 0), scores=[0.9]), squares((0, 0))))
    found = measured(*both)
    assert found["ap_small"] == pytest.approx(51 / 101)
    assert found["ap_medium"] == 1
    assert found["ap_large"] is None


def test_a_category_without_true_objects_is_left_out_of_the_mean():
    truth = squares((0, 0))
    predicted = squares((0, 0), (1, 0), categories=[1, 2], scores=[0.5, 0.9])
    assert measured((predicted, truth), number=2)["ap"] == 1
    result = InstanceScores(categories(2))
    result.update(predicted, truth)
    assert result.compute()["categories"]["2"]["ap"] == {"pooled": None}


def test_without_any_true_object_an_answer_of_nothing_is_perfect():
    nothing = squares()
    assert [measured((nothing, nothing))[key] for key in ("ap", "ap50", "ap_small")] == [1, 1, None]
    assert measured((squares((0, 0)), nothing))["ap"] == 0
    assert measured((nothing, squares((0, 0))))["ap"] == 0


def test_more_objects_than_the_limit_are_told():
    rows = np.arange(1, 151, dtype=np.int32).reshape(10, 15)
    instance = np.kron(rows, np.ones((6, 6), np.int32))
    truth = segmentation(np.ones_like(instance), instance)
    metric = InstanceScores(categories(1))
    metric.update(truth, truth)
    result = metric.compute()
    assert result["limits"] == {"most_detections": 100, "images_above": 1}
    assert result["ap"]["pooled"] == pytest.approx(67 / 101)  # as COCO's would be
    assert result["accuracy@0.9"]["pooled"] == 1
    more = InstanceScores(categories(1), most_detections=1000)
    more.update(truth, truth)
    assert more.summary()["ap"] == 1


def test_boundary_ap_sees_what_the_area_hides():
    truth = squares((0, 0), (1, 0), side=50)
    category, instance = truth.category.copy(), truth.instance.copy()
    for row in range(0, 50, 2):  # a ragged rim: the band loses much more than the mask
        category[row, [0, 1, 48, 49, 100, 101, 148, 149]] = 0
        instance[category == 0] = 0
    found = measured((segmentation(category, instance), truth))
    assert found["ap"] == pytest.approx(0.9 + 0.1)
    assert found["boundary_ap"] < found["ap"]


def test_boundary_ap_takes_the_smaller_iou():
    """A hollow square has the band of a full one, but little of its area."""
    full = np.ones((100, 100), np.int32)
    hollow = full.copy()
    hollow[3:-3, 3:-3] = 0
    assert measured((segmentation(hollow, hollow), segmentation(full, full)))["boundary_ap"] == 0


def test_scores_must_be_there_and_be_numbers():
    truth = squares((0, 0))
    with pytest.raises(ValueError, match="must be finite; found nan"):
        measured((squares((0, 0), scores=[np.nan]), truth))
