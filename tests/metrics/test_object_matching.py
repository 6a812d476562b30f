"""Matching and AJI against stardist's numbers, brute force, and the cases that are hard."""

import json

import numpy as np
import pytest
from object_scenes import GOLDEN, draw, random_scene, segmentation
from scipy.optimize import linear_sum_assignment

from segmentare.annotations.segmentation import Category, Segmentation
from segmentare.metrics import matching
from segmentare.metrics.segments import Counted, boundary_iou, find_overlaps, find_segments

CELLS = (Category("background", (0, 0, 0), background=True), Category("cell", (255, 0, 0)))
THREE = (*CELLS, Category("debris", (0, 255, 0)), Category("fiber", (0, 0, 255)))
GOLDEN_CELLS = json.loads(GOLDEN.read_text(encoding="utf-8"))["stardist"]


def overlaps(predicted, truth, categories=CELLS):
    counted = Counted.instances(categories)
    return find_overlaps(
        find_segments(predicted, counted, truth=False), find_segments(truth, counted, truth=True)
    )


def cells(*rows):
    """Return objects on one line: digits are ids, `.` is background, `?` unknown, `c` a crowd."""
    signs = np.array([list(row) for row in rows])
    digits = np.char.isdigit(signs)
    instance = np.where(digits, signs, "0").astype(np.int32)
    category = np.where(digits | (signs == "c"), 1, 0)
    return segmentation(np.where(signs == "?", 255, category), instance)


def counts(predicted, truth, threshold=0.5, **how):
    _, matched, invented, missed = matching.tally(overlaps(predicted, truth), 2, threshold, **how)[
        1
    ]
    return matched, invented, missed


@pytest.mark.parametrize("threshold", GOLDEN_CELLS["scores"])
def test_counts_are_those_of_stardist(threshold):
    expected = GOLDEN_CELLS["scores"][threshold]
    for index, scene in enumerate(GOLDEN_CELLS["scenes"]):
        found = matching.tally(overlaps(*draw(scene)), 2, float(threshold))[1]
        assert found[1:].tolist() == expected["counts"][index]
        for name, score in (
            ("accuracy", matching.accuracy),
            ("f1", matching.f1),
            ("pq", matching.panoptic_quality),
        ):
            assert score(found) == pytest.approx(expected[name][index], rel=1e-6), name


def test_stored_numbers_are_still_those_of_stardist():
    pytest.importorskip("stardist", reason="stardist is not installed; its stored numbers are used")
    from object_scenes import stardist_scores

    assert stardist_scores(GOLDEN_CELLS["scenes"]) == GOLDEN_CELLS["scores"]


# --- matching ------------------------------------------------------------------------------------


def test_an_iou_of_one_half_matches_once_and_never_strictly():
    truth, predicted = cells("112233"), cells("111133")
    assert counts(predicted, truth) == (2, 0, 1)
    assert counts(predicted, truth, strict=True) == (1, 1, 2)


def test_a_low_threshold_gives_the_most_matches_not_the_best_one():
    truth, predicted = cells("1" * 50 + "2" * 8), cells("2" * 8 + "1" * 50)
    assert sorted(overlaps(predicted, truth).iou) == [8 / 50, 8 / 50, 42 / 58]
    assert counts(predicted, truth, 0.1) == (2, 0, 0)
    assert counts(predicted, truth, 0.2) == (1, 1, 1)


def test_without_common_pixels_there_is_no_match_even_at_zero():
    assert counts(cells("11.."), cells("..11"), 0.0) == (0, 1, 1)


def test_objects_match_within_their_category_only():
    truth = segmentation([[1, 1, 2, 2]], [[1, 1, 2, 2]])
    predicted = segmentation([[2, 2, 2, 2]], [[1, 1, 2, 2]])
    found = matching.tally(overlaps(predicted, truth, THREE), 4)
    assert found[:, 1:].tolist() == [[0, 0, 0], [0, 0, 1], [1, 1, 0], [0, 0, 0]]


def test_an_object_has_the_category_of_most_of_its_pixels():
    segments = find_segments(
        segmentation([[0, 1, 2, 2, 1]], [[7, 7, 7, 7, 9]]), Counted.instances(THREE), truth=False
    )
    assert segments.ids.tolist() == [7, 9]
    assert segments.category.tolist() == [2, 1]
    assert segments.area.tolist() == [4, 1]


@pytest.mark.parametrize("large", [3, 5_000, 70_000, 2_000_000_000])
def test_ids_may_be_any_numbers(large):
    truth = segmentation([[1, 1, 0, 1]], [[large, large, 0, large - 1]])
    predicted = segmentation([[1, 1, 0, 1]], [[2, 2, 0, large]])
    assert counts(predicted, truth) == (2, 0, 0)
    assert overlaps(predicted, truth).true.ids.tolist() == [large - 1, large]
    everywhere = segmentation([[1, 1]], [[large, large]])  # no pixel with the id 0
    assert counts(everywhere, everywhere) == (1, 0, 0)


# --- what is unknown, and crowds -----------------------------------------------------------------


def test_a_prediction_mostly_on_unknown_pixels_is_not_invented():
    assert counts(cells("111."), cells("??..")) == (0, 0, 0)
    assert counts(cells("1111"), cells("??..")) == (0, 1, 0)  # half is not more than half


def test_unknown_pixels_do_not_enter_the_union():
    found = overlaps(cells("1111."), cells("??11."))
    assert found.iou.tolist() == [1.0]
    assert found.known_area.tolist() == [2]


def test_a_crowd_excuses_but_keeps_its_pixels_in_the_union():
    found = overlaps(cells("1111."), cells("cc11."))
    assert found.iou.tolist() == [0.5]
    assert counts(cells("111.."), cells("cc1..")) == (0, 0, 1)
    assert counts(cells("....."), cells("ccc..")) == (0, 0, 0)


def test_a_crowd_of_another_category_excuses_nothing():
    truth = segmentation([[1, 1, 0]], np.zeros((1, 3)))
    found = matching.tally(overlaps(segmentation([[2, 2, 0]], [[1, 1, 0]]), truth, THREE), 4)
    assert found[2].tolist() == [0, 0, 1, 0]


def test_true_objects_end_where_nobody_knows():
    truth = segmentation([[1, 1, 255, 255]], [[1, 1, 1, 2]])
    assert find_segments(truth, Counted.instances(CELLS), truth=True).area.tolist() == [2]
    assert overlaps(segmentation([[1, 1, 1, 0]], [[1, 1, 1, 0]]), truth).iou.tolist() == [1]


# --- AJI -----------------------------------------------------------------------------------------


def slow_aji(predicted, truth, *, one_to_one):
    """AJI from masks, as its authors describe it."""
    true = [truth.instance == i for i in np.unique(truth.instance) if i]
    found = [predicted.instance == i for i in np.unique(predicted.instance) if i]
    iou = np.array([[(a & b).sum() / (a | b).sum() for b in found] for a in true])
    if one_to_one:
        partner = dict(zip(*linear_sum_assignment(-iou), strict=True))
    else:
        partner = {i: int(row.argmax()) for i, row in enumerate(iou)}
    common = union = 0
    used = set()
    for i, mask in enumerate(true):
        j = partner.get(i)
        if j is None or iou[i, j] == 0:
            union += mask.sum()
            continue
        common += (mask & found[j]).sum()
        union += (mask | found[j]).sum()
        used.add(j)
    return common / (union + sum(found[j].sum() for j in range(len(found)) if j not in used))


@pytest.mark.parametrize("one_to_one", [False, True])
@pytest.mark.parametrize("seed", range(6))
def test_aji_equals_the_one_of_masks(seed, one_to_one):
    predicted, truth = draw(random_scene(seed + 60, objects=18))
    fast = matching.aggregated_jaccard(overlaps(predicted, truth), 2, one_to_one=one_to_one)
    expected = slow_aji(predicted, truth, one_to_one=one_to_one)
    assert matching.jaccard(fast.sum(0)) == pytest.approx(expected, rel=1e-12)


def test_aji_charges_a_prediction_across_two_objects_twice_and_aji_plus_once():
    truth, predicted = cells("112233"), cells("1111.2")
    found = overlaps(predicted, truth)
    assert matching.aggregated_jaccard(found, 2)[1].tolist() == [2 + 2 + 1, 4 + 4 + 2]
    assert matching.aggregated_jaccard(found, 2, one_to_one=True)[1].tolist() == [3, 4 + 2 + 2]


def test_aji_adds_what_is_missed_and_invented_but_not_what_is_excused():
    for rest in ("???.", "ccc."):
        found = overlaps(cells("11..2..3333"), cells("11.2..." + rest))
        assert matching.aggregated_jaccard(found, 2)[1].tolist() == [2, 2 + 1 + 1]


# --- empty, symmetric, renamed -------------------------------------------------------------------


def test_nothing_is_perfect_and_one_side_empty_is_the_worst():
    nothing, one = cells("...."), cells("11..")
    for predicted, truth, score in ((nothing, nothing, 1), (one, nothing, 0), (nothing, one, 0)):
        found = overlaps(predicted, truth)
        counted = matching.tally(found, 2).sum(0)
        for name in ("accuracy", "f1", "segmentation_quality", "panoptic_quality"):
            assert getattr(matching, name)(counted) == score
        for one_to_one in (False, True):
            pixels = matching.aggregated_jaccard(found, 2, one_to_one=one_to_one)
            assert matching.jaccard(pixels.sum(0)) == score


def everything(predicted, truth):
    found = overlaps(predicted, truth, THREE)
    return [
        *(matching.tally(found, 4, threshold) for threshold in (0.2, 0.5, 0.7)),
        matching.aggregated_jaccard(found, 4),
        matching.aggregated_jaccard(found, 4, one_to_one=True),
        np.sort(boundary_iou(found)),
    ]


def same(first, second):
    return all(np.allclose(a, b, rtol=1e-12) for a, b in zip(first, second, strict=True))


@pytest.mark.parametrize("seed", range(3))
def test_names_and_mirrors_do_not_matter(seed):
    predicted, truth = draw(random_scene(seed + 80, categories=3, crowds=1))
    expected = everything(predicted, truth)
    random = np.random.default_rng(seed)

    def renamed(annotation):
        table = np.append(0, random.permutation(annotation.instance.max()) * 7 + 3)
        return segmentation(annotation.category, table[annotation.instance])

    assert same(everything(renamed(predicted), renamed(truth)), expected)
    for turn in (np.fliplr, np.flipud, np.transpose):
        turned = [segmentation(turn(a.category), turn(a.instance)) for a in (predicted, truth)]
        assert same(everything(*turned), expected)


def test_exchanging_the_sides_exchanges_missed_and_invented():
    predicted, truth = draw(random_scene(90))
    there, back = (
        matching.tally(overlaps(*pair), 2) for pair in ((predicted, truth), (truth, predicted))
    )
    assert np.allclose(there[:, [0, 1, 3, 2]], back)


# --- boundaries ----------------------------------------------------------------------------------


def test_boundary_iou_equals_the_one_of_eroded_masks():
    import cv2

    predicted, truth = draw(random_scene(95, objects=6))
    found = overlaps(predicted, truth)
    reach = round(0.02 * np.hypot(*truth.size))

    def band(mask):
        padded = cv2.copyMakeBorder(mask.astype(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
        inside = cv2.erode(padded, np.ones((3, 3), np.uint8), iterations=reach)
        return mask & (inside[1:-1, 1:-1] == 0)

    assert found.pairs.size
    for (i, j), value in zip(found.pairs, boundary_iou(found), strict=True):
        a = band(truth.instance == found.true.ids[i])
        b = band(predicted.instance == found.predicted.ids[j])
        assert value == pytest.approx((a & b).sum() / (a | b).sum())


# --- errors --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("predicted", "truth", "words"),
    [
        (Segmentation(np.zeros((1, 4), np.uint8)), cells("1..."), "prediction has no map of them"),
        (segmentation([[1]], [[-4]]), cells("1"), "the prediction holds -4"),
        (segmentation([[7]], [[1]]), cells("1"), "must be 0 to 1, or 255"),
        (segmentation([[0]], [[5]]), cells("1"), "instance 5 of the prediction has none"),
        (cells("1"), cells("11"), "must have the same shape"),
    ],
)
def test_bad_maps_are_named(predicted, truth, words):
    with pytest.raises(ValueError, match=words):
        overlaps(predicted, truth)
