"""Scores of skeletons: against pycocotools' numbers, by hand, and by symmetry."""

import json

import numpy as np
import pytest
from pose_scenes import (
    CASES,
    COCO,
    GOLDEN,
    SIGMAS,
    coco_scores,
    numbered,
    poses,
    random_case,
    skeleton,
)

from segmentare.annotations import geometry
from segmentare.metrics import correct_keypoints
from segmentare.metrics.keypoints import PoseScores

GOLDEN_COCO = json.loads(GOLDEN.read_text(encoding="utf-8"))
SWAPS = (5, 4, 3, 2, 1, 0, 11, 10, 9, 8, 7, 6, 12, 13)
MAN = np.array(
    [[20, 90], [20, 70], [20, 50], [40, 50], [40, 70], [40, 90], [10, 40], [10, 30], [20, 20],
     [40, 20], [50, 30], [50, 40], [30, 18], [30, 2]], float,
)  # fmt: skip
TORSO = float(np.hypot(20, 30))


def man(*, shift=(0, 0), third=2.0):
    return np.concatenate([MAN + np.array(shift), np.full((14, 1), third)], 1)


def one(keypoints, **settings):
    settings = {"boxes": [[0, 0, 60, 100]], **settings} if len(keypoints) == 1 else settings
    return poses(skeleton(), keypoints, size=(100, 200), **settings)


def scored(*pairs, labels=None, fast=False):
    metric = PoseScores(pairs[0][1].skeleton, labels, fast=fast)
    for index, (predicted, truth) in enumerate(pairs):
        metric.update(predicted, truth, str(index))
    return metric


def oks(pairs):
    scores = scored(*pairs, fast=True).compute()
    return {name: scores[name]["pooled"] for name in COCO}


def assert_same(found, expected):
    for name, value in expected.items():
        if value == -1:  # its sign for no true object of that area
            assert found[name] in {None, 0.0, 1.0}, name
            assert "medium" not in name or found[name] is None
        else:
            assert found[name] == pytest.approx(value, rel=1e-9, abs=1e-9), name


@pytest.mark.parametrize("tens", range(CASES // 10))
def test_equal_to_pycocotools(tens):
    for seed in range(10 * tens, 10 * tens + 10):
        expected = GOLDEN_COCO[str(seed)]
        if expected is not None:
            assert_same(oks(random_case(seed)), expected)


def test_stored_numbers_are_of_many_kinds_of_cases():
    known = [case for case in GOLDEN_COCO.values() if case is not None]
    assert len(known) > 180
    assert len({round(case["oks_ap"], 6) for case in known}) > 120
    assert sum(case["oks_ap_medium"] >= 0 for case in known) > 50
    assert any(case["oks_ap"] == -1 for case in known)
    pairs = [pair for seed in range(0, CASES, 5) for pair in random_case(seed)]
    assert sum(truth.crowd.any() for _, truth in pairs) > 10
    assert sum(len(guess) > 20 for guess, _ in pairs) > 10


def test_stored_numbers_are_still_those_of_pycocotools():
    pytest.importorskip(
        "pycocotools", reason="pycocotools is not installed; see the stored numbers"
    )
    for seed in range(0, CASES, 7):
        now, stored = coco_scores(random_case(seed)), GOLDEN_COCO[str(seed)]
        assert (now is None) == (stored is None)
        assert now is None or now == pytest.approx(stored, rel=1e-12)


def test_other_sigmas_change_the_score():
    of = skeleton()
    wide = skeleton(sigmas=tuple(3 * sigma for sigma in SIGMAS[14]))
    moved = man(shift=(9, 0))
    strict = scored((poses(of, [moved]), poses(of, [man()]))).summary()["oks_ap"]
    loose = scored((poses(wide, [moved]), poses(wide, [man()]))).summary()["oks_ap"]
    assert strict < loose


def test_the_truth_itself_scores_one():
    both = one([man(), man(shift=(90, 0))])
    summary = scored((both, both), (both, both)).summary()
    assert set(summary.values()) == {1.0}
    assert {"oks_ap", "oks_ap50", "oks_ap75", "oks_ar", "pck@0.2", "pckh@0.5"} <= set(summary)


@pytest.mark.parametrize(
    ("predicted", "truth", "expected"), [(0, 0, 1), (1, 0, 0), (0, 1, 0), (1, 1, 1)]
)
def test_empty_images(predicted, truth, expected):
    metric = scored((one([man()] * predicted), one([man()] * truth)))
    assert metric.summary()["oks_ap"] == metric.per_image()[0]["oks_ap"] == expected


def test_pck_is_a_share_of_the_torso():
    """One joint lies just within 0.2 of the torso, one just beyond, one was not found."""
    found = man()
    found[0, 0] += 0.199 * TORSO
    found[1, 1] += 0.201 * TORSO
    found[7, 2] = 0
    scores = scored((one([found]), one([man()]))).compute()
    assert scores["pck@0.2"]["pooled"] == pytest.approx(12 / 14)
    joints = {name: joint["pck@0.2"]["pooled"] for name, joint in scores["joints"].items()}
    assert joints.pop("right_knee") == joints.pop("right_elbow") == 0
    assert set(joints.values()) == {1}


def test_pckh_is_half_of_the_head():
    found = man()
    found[2, 0] += 0.49 * 16
    found[3, 0] += 0.51 * 16
    scores = scored((one([found]), one([man()]))).compute()
    assert scores["pckh@0.5"]["pooled"] == pytest.approx(13 / 14)
    assert scores["pck@0.2"]["pooled"] == pytest.approx(12 / 14)


def test_unlabeled_keypoints_do_not_count_and_hidden_ones_do():
    true, found = man(), man()
    true[0], true[1, 2] = 0, 1
    found[[0, 1], :2] = 500
    scores = scored((one([found]), one([true]))).compute()
    assert scores["pck@0.2"]["pooled"] == pytest.approx(12 / 13)
    assert scores["joints"]["right_ankle"]["pck@0.2"]["pooled"] is None
    assert scores["joints"]["right_knee"] == {
        "pck@0.2": {"pooled": 0},
        "pckh@0.5": {"pooled": 0},
        "labeled": 1,
    }


def test_one_diagonal_is_torso_enough_and_none_leaves_the_person_out():
    half, without = man(), man()
    half[9] = 0
    without[8:10] = 0
    measure = correct_keypoints.measures(skeleton())[0]
    lengths = measure.lengths(one([man(), half, without]))
    np.testing.assert_allclose(lengths, [TORSO, TORSO, np.nan])
    scores = scored((one([man()]), one([without]))).compute()
    assert scores["pck@0.2"] == {"mean": None, "ci95": None, "pooled": None, "objects": 0}
    assert scores["pckh@0.5"]["pooled"] == 1


def test_the_name_says_which_measure_a_skeleton_has():
    def of(*names):
        named = skeleton(names, (0.1,) * len(names))
        return [(m.score, m.pairs) for m in correct_keypoints.measures(named)]

    assert of("RShoulder", "LHip", "Nose", "Neck") == [("pck@0.2", ((0, 1),))]
    assert of("Head", "left hip", "upper_neck", "right-shoulder") == [
        ("pck@0.2", ((3, 1),)),
        ("pckh@0.5", ((0, 2),)),
    ]
    assert of("stem", "tip") == [("pck_box@0.2", ())]


def test_without_a_torso_the_box_is_the_measure():
    of = skeleton(("stem", "tip"), (0.1, 0.1))
    truth = poses(of, [[10, 10, 2, 10, 60, 2]], boxes=[[0, 0, 20, 100]])
    found = poses(of, [[10, 29, 1, 10, 81, 1]])
    assert scored((found, truth)).summary()["pck_box@0.2"] == 0.5


def test_each_person_is_compared_with_one_prediction():
    two = [man(), man(shift=(100, 0))]
    backwards = scored((one(two[::-1]), one(two))).compute()
    assert backwards["pck@0.2"]["pooled"] == 1
    missed = scored((one([man()]), one(two))).compute()
    assert missed["pck@0.2"]["pooled"] == 0.5
    assert missed["objects"] == {"true": 2, "predicted": 1, "matched": 1}


def test_crowds_are_left_out_everywhere():
    crowd = one([man(third=2), man(shift=(100, 0))], crowd=[False, True])
    found = one([man(), man(shift=(100, 0)), man(shift=(100, 0))])
    scores = scored((found, crowd)).compute()
    assert scores["oks_ap"]["pooled"] == scores["pck@0.2"]["pooled"] == 1
    assert scores["objects"] == {"true": 1, "predicted": 1, "matched": 1}


@pytest.mark.parametrize("seed", range(6))
def test_mirror_and_order_change_nothing(seed):
    random = np.random.default_rng(seed)
    sigmas = tuple(SIGMAS[14][min(k, SWAPS[k])] for k in range(14))
    of = skeleton(sigmas=sigmas, swaps=SWAPS)
    true = [man(shift=random.uniform(20, 80, 2)) for _ in range(4)]
    found = [row + random.normal(0, 4, row.shape) * [1, 1, 0] for row in true[:3]]
    size, scores = (200, 300), [0.9, 0.8, 0.7]
    boxes = random.uniform(0, 90, (4, 4))
    truth = poses(of, true, size=size, boxes=boxes)
    guess = poses(of, found, size=size, scores=scores)
    before = scored((guess, truth)).summary()
    mirror = geometry.flip(size)
    assert scored((guess.warp(mirror, size), truth.warp(mirror, size))).summary() == pytest.approx(
        before
    )
    mixed = poses(of, true[::-1], size=size, boxes=boxes[::-1])
    turned = poses(of, found[::-1], size=size, scores=scores[::-1])
    assert scored((turned, mixed)).summary() == pytest.approx(before)


def test_intervals_hold_the_scores_and_json_holds_them_all():
    pairs = [pair for seed in range(1, 31, 2) for pair in random_case(seed)]
    scores = scored(*pairs, labels={"0": {"place": "pool"}, "1": {"place": "park"}}).compute()
    low, high = scores["oks_ap"]["ci95"]
    assert 0 < low < scores["oks_ap"]["pooled"] < high < 1
    assert high - low < 0.4
    box = scores["pck_box@0.2"]
    assert box["ci95"][0] < box["mean"] < box["ci95"][1]
    assert json.loads(json.dumps(scores, allow_nan=False)) == scores
    assert {key: value["images"] for key, value in scores["labels"]["place"].items()} == {
        "park": 1,
        "pool": 1,
    }


def test_the_interval_is_that_of_repeated_scoring():
    """Scoring drawn images one by one, slowly, gives the quantiles that the weights give."""
    pairs = [random_case(seed)[0] for seed in range(1, 41, 2)]
    pairs = [pair for pair in pairs if len(pair[0])]
    low, high = scored(*pairs).compute()["oks_ap"]["ci95"]
    random = np.random.default_rng(5)
    slow = []
    for _ in range(100):
        drawn = random.integers(0, len(pairs), len(pairs))
        slow.append(scored(*(pairs[i] for i in drawn), fast=True).summary()["oks_ap"])
    np.testing.assert_allclose([low, high], np.quantile(slow, [0.025, 0.975]), atol=0.07)
    assert scored(*pairs, fast=True).compute()["oks_ap"]["ci95"] is None


def test_one_image_alone():
    metric = scored((one([man()]), one([man()])), labels={"0": {"sport": "tennis"}})
    assert metric.per_image() == [
        {
            "name": "0",
            "oks_ap": 1.0,
            "pck@0.2": 1.0,
            "pckh@0.5": 1.0,
            "objects_true": 1,
            "objects_predicted": 1,
            "objects_matched": 1,
            "labels": {"sport": "tennis"},
        }
    ]
    assert metric.compute()["oks_ap"] == {"pooled": 1.0, "ci95": None}


@pytest.mark.parametrize(
    ("predicted", "truth", "message"),
    [
        (poses(numbered(17), np.zeros((1, 17, 3))), one([man()]), "must have the 14 keypoints"),
        (one([man(shift=(np.nan, 0))]), one([man()]), "keypoints of the prediction.*nan"),
        (one([man()]), one([man()], areas=[np.inf]), "areas of the truth.*inf"),
        (one([man()]), poses(skeleton(), [man()], size=(3, 4)), r"\(100, 200\) and \(3, 4\)"),
    ],
)
def test_bad_input_is_a_sentence(predicted, truth, message):
    metric = PoseScores(skeleton())
    with pytest.raises(ValueError, match=f"Image 'a.jpg' cannot be scored: .*{message}"):
        metric.update(predicted, truth, "a.jpg")
    with pytest.raises(ValueError, match="at least one image"):
        metric.summary()
