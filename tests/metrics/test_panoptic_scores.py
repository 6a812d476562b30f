"""Panoptic quality against panopticapi's rules, written out anew, and toy images by hand."""

import json
from collections import Counter

import numpy as np
import pytest
from object_scenes import draw, random_scene, segmentation

from segmentare.annotations.segmentation import Category, Segmentation
from segmentare.metrics.panoptic import PanopticScores

SKY, GRASS, SHEEP, DOG = range(4)
MEADOW = (
    Category("sky", (0, 0, 255)),
    Category("grass", (0, 255, 0)),
    Category("sheep", (255, 255, 255), thing=True),
    Category("dog", (90, 60, 0), thing=True),
)
SIGNS = {"s": SKY, "g": GRASS, "x": SHEEP, "y": DOG, "?": 255}


def image(*rows):
    """Return a segmentation: s sky, g grass, digits sheep, A to C dogs, x y crowds, ? unknown."""
    signs = [list(row) for row in rows]
    kinds = [[SIGNS.get(s, SHEEP if s.isdigit() else DOG) for s in row] for row in signs]
    ids = [[0 if s in SIGNS else int(s, 16) for s in row] for row in signs]
    return segmentation(kinds, ids)


def measured(*pairs, **settings):
    metric = PanopticScores(MEADOW, **settings)
    for index, (predicted, truth) in enumerate(pairs):
        metric.update(predicted, truth, f"image {index}")
    return metric


def of(name, predicted, truth):
    """Return PQ, SQ and RQ of one category."""
    row = measured((predicted, truth)).compute()["categories"][name]
    return tuple(row[key]["pooled"] for key in ("pq", "sq", "rq"))


# --- panopticapi's rules, step by step -----------------------------------------------------------


def names(annotation, categories, *, true):
    """Return (category, instance, whether a crowd) of each pixel's segment, `None` without one."""
    result = []
    for kind, number in zip(annotation.category.flat, annotation.instance.flat, strict=True):
        crowd = kind != 255 and categories[kind].thing and not number
        nothing = kind == 255 or (crowd and not true)
        result.append(None if nothing else (int(kind), int(number), bool(crowd)))
    return result


def slow_tallies(predicted, truth, categories):
    """Count with one dictionary of pairs of segments, as panopticapi's evaluation does."""
    true, found = names(truth, categories, true=True), names(predicted, categories, true=False)
    pairs, areas, guesses = Counter(zip(true, found, strict=True)), Counter(true), Counter(found)
    counts = np.zeros((len(categories), 4))
    done = set()
    for (a, b), common in pairs.items():
        if a is None or b is None or a[2] or a[0] != b[0]:
            continue
        iou = common / (areas[a] + guesses[b] - common - pairs[None, b])
        if iou > 0.5:
            counts[a[0]] += [iou, 1, 0, 0]
            done |= {("true", a), ("found", b)}
    for a in areas:
        if a is not None and not a[2] and ("true", a) not in done:
            counts[a[0], 3] += 1
    for b, area in guesses.items():
        if b is not None and ("found", b) not in done:
            counts[b[0], 2] += pairs[None, b] + pairs[(b[0], 0, True), b] <= area / 2
    return counts


@pytest.mark.parametrize("seed", range(6))
def test_equal_to_the_rules_written_out(seed):
    scene = random_scene(seed + 200, categories=3, crowds=1, size=(90, 120), objects=10)
    scene["truth"].append([30, 40, 14, 9, 1, -2])  # nobody knows
    kinds = (
        Category("grass", (0, 99, 0)), Category("sheep", (9, 9, 9), thing=True),
        Category("dog", (9, 0, 0), thing=True), Category("tree", (0, 9, 0)),
    )  # fmt: skip
    stuff = [
        segmentation(a.category, np.where(np.isin(a.category, [0, 3, 255]), 0, a.instance))
        for a in draw(scene)
    ]
    expected = slow_tallies(*stuff, kinds)
    metric = PanopticScores(kinds)
    metric.update(*stuff)
    result = metric.compute()["categories"]
    for index, kind in enumerate(kinds):
        iou, matched, invented, missed = expected[index]
        row = result[kind.name]
        assert row["objects_true"] == matched + missed
        assert row["objects_predicted"] == matched + invented
        if matched + invented + missed:
            assert row["pq"]["pooled"] == pytest.approx(iou / (matched + (invented + missed) / 2))
            assert row["sq"]["pooled"] == pytest.approx(iou / matched if matched else 0)
        else:
            assert row["pq"]["pooled"] is None
    shown = expected[:, 1:].sum(1) > 0
    halves = expected[:, 1] + expected[:, 2:].sum(1) / 2
    pq = np.mean(expected[shown, 0] / halves[shown])
    assert metric.summary()["pq"] == pytest.approx(pq)


# --- by hand -------------------------------------------------------------------------------------


def test_golden_image():
    truth = image("ssss", "1122", "1122", "gggg")
    predicted = image("ssss", "11ss", "1122", "gggg")
    summary = measured((predicted, truth)).summary()
    # Sky 4 / 6; sheep 1 whole, sheep 2 has an IoU of exactly 0.5, which is no match; grass whole.
    assert summary == pytest.approx({
        "pq": (4 / 6 + 1 / 2 + 1) / 3, "sq": (4 / 6 + 1 + 1) / 3, "rq": (1 + 1 / 2 + 1) / 3,
        "pq_things": 1 / 2, "sq_things": 1, "rq_things": 1 / 2,
        "pq_stuff": (4 / 6 + 1) / 2, "sq_stuff": (4 / 6 + 1) / 2, "rq_stuff": 1,
        "miou": (4 / 6 + 6 / 8 + 1) / 3,
    })  # fmt: skip


def test_a_thing_without_an_answer_is_missed():
    """Not ignored, as some libraries do with predictions of void."""
    truth = image("1111", "gggg")
    for answer in ("????", "xxxx"):
        assert of("sheep", image(answer, "gggg"), truth) == (0, 0, 0)
        assert of("grass", image(answer, "gggg"), truth) == (1, 1, 1)
    assert measured((image("????", "gggg"), truth)).summary()["miou"] == 0.5


def test_unknown_pixels_leave_the_union_and_excuse():
    assert of("sheep", image("1111g"), image("11??g")) == (1, 1, 1)
    assert of("sheep", image("111gg"), image("???gg")) == (None, None, None)
    assert of("sheep", image("1111g"), image("??ggg")) == (0, 0, 0)  # half is not more than half


def test_a_missed_crowd_costs_nothing_and_a_hit_is_excused():
    truth = image("xxxx1g")
    assert of("sheep", image("gggg1g"), truth) == (1, 1, 1)
    assert of("sheep", image("22331g"), truth) == (1, 1, 1)
    assert of("dog", image("AAgg1g"), truth) == (0, 0, 0)  # of another category
    assert of("sheep", image("2211111g"), image("xx11111g")) == (1, 1, 1)


def test_a_crowd_stays_in_the_union():
    assert of("sheep", image("1111111g"), image("xx11111g")) == pytest.approx((5 / 7, 5 / 7, 1))


def test_categories_are_averaged_over_those_that_occur():
    truth = image("ss11")
    metric = measured((image("ss11"), truth), (image("ssgg"), image("ssgg")))
    assert metric.summary()["pq"] == 1
    result = metric.compute()
    assert result["categories"]["dog"]["pq"] == {"pooled": None}
    assert result["categories"]["sky"]["images"] == 2
    assert result["categories"]["sheep"]["images"] == 1


def test_pooled_over_images_and_per_image():
    truth = image("ss11"), image("ss12")
    predicted = image("ss11"), image("ss11")
    metric = measured(*zip(predicted, truth, strict=True))
    # Sheep: one whole, then one of IoU 1/2 (no match) for two: 1 / (1 + 1/2 + 2/2).
    assert metric.compute()["categories"]["sheep"]["pq"]["pooled"] == pytest.approx(1 / 2.5)
    assert [row["pq"] for row in metric.per_image()] == pytest.approx([1, 1 / 2])
    low, high = metric.compute()["pq"]["ci95"]
    assert low == pytest.approx(0.5)
    assert high == 1


def test_form():
    metric = measured(
        (image("ss11"), image("ss12")), (image("ssAA"), image("ssAA")), (image("1"), image("?")),
        labels={"image 1": {"place": "Ulm"}},
    )  # fmt: skip
    result = metric.compute()
    assert json.loads(json.dumps(result, allow_nan=False)) == result
    assert result["objects"] == {"true": 3, "predicted": 2, "matched": 1}
    assert result["unscored"] == ["image 2"]
    assert result["labels"]["place"]["Ulm"] == {"images": 1, "pq": {"pooled": 1, "ci95": None}}
    assert result["confusion"][SKY] == [4, 0, 0, 0]
    rows = metric.per_image()
    assert json.loads(json.dumps(rows, allow_nan=False)) == rows
    assert rows[1]["categories"] == {"sky": {"pq": 1}, "dog": {"pq": 1}}
    assert rows[1]["labels"] == {"place": "Ulm"}
    fast = measured((image("ss11"), image("ss12")), (image("s"), image("s")), fast=True)
    assert fast.compute()["pq"]["ci95"] is None


def test_scores_without_images_are_refused():
    with pytest.raises(ValueError, match="at least one image"):
        PanopticScores(MEADOW).summary()
    with pytest.raises(ValueError, match="different names"):
        PanopticScores(())


def test_bad_maps_name_the_image():
    flat = Segmentation(np.zeros((1, 4), np.uint8))
    with pytest.raises(ValueError, match="Image 'image 0' cannot be scored: Objects can be"):
        measured((flat, image("ss11")))
    with pytest.raises(ValueError, match="instance 3 of the prediction has none"):
        measured((segmentation([[SKY] * 4], [[3] * 4]), image("ss11")))
