"""The hard cases first, then forms, weights of categories, labels, and MONAI as an oracle."""

import json
import warnings

import numpy as np
import pytest

from segmentare.annotations.segmentation import Category, Segmentation
from segmentare.metrics.semantic import SemanticScores

BINARY = (Category("skin", (0, 0, 0), background=True), Category("lesion", (255, 0, 0)))
MANY = (
    Category("void", (0, 0, 0), background=True),
    Category("road", (1, 1, 1)),
    Category("car", (2, 2, 2), thing=True),
    Category("tree", (3, 3, 3)),
)
STREET = MANY[1:]  # no background

EMPTY = np.zeros((30, 40), np.uint8)  # diagonal 50
OBJECT = EMPTY.copy()
OBJECT[10:20, 10:20] = 1
UNKNOWN = np.full((30, 40), 255, np.uint8)


def scores(*pairs, categories=BINARY, **settings):
    metric = SemanticScores(categories, **settings)
    for index, (predicted, truth) in enumerate(pairs):
        metric.update(
            Segmentation(np.asarray(predicted, np.uint8)),
            Segmentation(np.asarray(truth, np.uint8)),
            f"image {index}",
        )
    return metric


# --- the table of hard cases, row by row ---------------------------------------------------------


def test_both_empty_is_perfect():
    metric = scores((EMPTY, EMPTY))
    assert metric.summary() == {
        "dice": 1, "iou": 1, "precision": 1, "recall": 1, "pixel_accuracy": 1,
        "boundary_f": 1, "hd95": 0, "dice_pooled": 1, "iou_pooled": 1, "miou": 1,
    }  # fmt: skip
    lesion = metric.compute()["categories"]["lesion"]
    assert lesion["dice"] == {"mean": 1, "ci95": None, "pooled": 1}
    assert lesion["images"] == 1


@pytest.mark.parametrize("missed", [True, False], ids=["missed object", "false alarm"])
def test_one_empty_is_the_worst(missed):
    summary = scores((EMPTY, OBJECT) if missed else (OBJECT, EMPTY)).summary()
    for key in ("dice", "iou", "precision", "recall", "boundary_f", "dice_pooled", "iou_pooled"):
        assert summary[key] == 0, key
    assert summary["hd95"] == 50
    assert summary["pixel_accuracy"] == pytest.approx(1 - 100 / 1200)
    assert summary["miou"] == pytest.approx((1100 / 1200) / 2)


def test_missed_objects_stay_in_the_mean_distance():
    result = scores((OBJECT, OBJECT), (EMPTY, OBJECT), (EMPTY, EMPTY)).compute()
    assert result["hd95"]["mean"] == pytest.approx(50 / 3)
    assert result["hd95"]["median"] == 0
    assert result["dice"]["mean"] == pytest.approx(2 / 3)


def test_mean_and_pooled_stand_side_by_side():
    """A large object found, a small one missed: 0.5 per image, 0.99 pooled."""
    large, small = np.ones((30, 40), np.uint8), EMPTY.copy()
    small[0, :4] = 1
    result = scores((large, large), (EMPTY, small)).compute()
    assert result["dice"]["mean"] == 0.5
    assert result["dice"]["pooled"] == pytest.approx(2400 / 2404)
    assert result["iou"]["pooled"] == pytest.approx(1200 / 1204)
    assert result["recall"]["pooled"] == pytest.approx(1200 / 1204)
    assert result["precision"]["pooled"] == 1
    low, high = result["dice"]["ci95"]
    assert 0 <= low < 0.5 < high <= 1


# --- golden numbers ------------------------------------------------------------------------------


def test_golden_image_and_its_form():
    shifted = np.roll(OBJECT, 5, axis=1)  # half of the square is hit
    metric = scores((shifted, OBJECT), (OBJECT, OBJECT), labels={"image 1": {"kind": "nevus"}})
    assert metric.per_image()[0] == {
        "name": "image 0", "dice": 0.5, "iou": pytest.approx(1 / 3), "precision": 0.5,
        "recall": 0.5, "pixel_accuracy": pytest.approx(1100 / 1200),
        "boundary_f": pytest.approx(metric.per_image()[0]["boundary_f"]), "hd95": 5.0,
        "categories": {
            "skin": {"dice": pytest.approx(2100 / 2200), "iou": pytest.approx(1050 / 1150)},
            "lesion": {"dice": 0.5, "iou": pytest.approx(1 / 3)},
        },
        "labels": {},
    }  # fmt: skip
    assert metric.per_image()[1]["labels"] == {"kind": "nevus"}
    result = metric.compute()
    assert json.loads(json.dumps(result, allow_nan=False)) == result
    assert set(result) == {
        "dice", "iou", "precision", "recall", "boundary_f", "hd95", "miou", "pixel_accuracy",
        "categories", "confusion", "labels", "unscored",
    }  # fmt: skip
    for key in ("dice", "iou", "precision", "recall", "pixel_accuracy"):
        assert set(result[key]) == {"mean", "ci95", "pooled"}
    assert set(result["boundary_f"]) == {"mean", "ci95"}
    assert set(result["hd95"]) == {"mean", "ci95", "median", "unit"}
    assert result["dice"]["mean"] == 0.75
    assert result["dice"]["pooled"] == pytest.approx(300 / 400)
    assert result["iou"]["pooled"] == pytest.approx(150 / 250)
    assert result["miou"] == pytest.approx((150 / 250 + 2150 / 2250) / 2)
    assert result["confusion"] == [[2150, 50], [50, 150]]
    assert result["hd95"]["mean"] == result["hd95"]["median"] == 2.5
    lesion = result["categories"]["lesion"]
    assert set(lesion) == {
        "dice", "iou", "precision", "recall", "boundary_f", "hd95",
        "pixels_true", "pixels_predicted", "images",
    }  # fmt: skip
    assert lesion["dice"] == result["dice"]
    assert (lesion["pixels_true"], lesion["pixels_predicted"], lesion["images"]) == (200, 200, 2)
    assert lesion["precision"] == 0.75
    assert result["categories"]["skin"]["hd95"] is None


def test_summary_is_the_means_of_compute():
    metric = scores((np.roll(OBJECT, 2, axis=0), OBJECT), (EMPTY, OBJECT), (OBJECT, EMPTY))
    summary, result = metric.summary(), metric.compute()
    assert "dice" in summary
    for key in ("dice", "iou", "precision", "recall", "pixel_accuracy", "boundary_f", "hd95"):
        assert summary[key] == result[key]["mean"]
    assert summary["dice_pooled"] == result["dice"]["pooled"]
    assert summary["miou"] == result["miou"]


def test_without_outlines():
    pairs = (np.roll(OBJECT, 2, axis=0), OBJECT), (EMPTY, EMPTY)
    fast, full = scores(*pairs, boundary=False), scores(*pairs)
    assert full.summary().keys() - fast.summary().keys() == {"boundary_f", "hd95"}
    assert full.compute().keys() - fast.compute().keys() == {"boundary_f", "hd95"}
    assert fast.summary().items() <= full.summary().items()
    assert "hd95" not in fast.compute()["categories"]["lesion"]
    assert "hd95" not in fast.per_image()[0]


# --- many categories -----------------------------------------------------------------------------


def test_an_image_averages_over_the_categories_it_shows():
    truth = [[0, 0, 1, 1], [0, 0, 1, 1]]
    predicted = [[0, 0, 1, 1], [0, 0, 1, 2]]  # a car that is not there
    metric = scores((predicted, truth), categories=MANY)
    (row,) = metric.per_image()
    assert row["dice"] == pytest.approx((6 / 7 + 0) / 2)  # road, car; no void, no tree
    assert row["iou"] == pytest.approx((3 / 4 + 0) / 2)
    assert row["categories"].keys() == {"void", "road", "car"}
    result = metric.compute()
    assert result["miou"] == pytest.approx((1 + 3 / 4 + 0) / 3)  # void counts here
    assert result["iou"]["pooled"] == pytest.approx((3 / 4 + 0) / 2)
    road, tree = result["categories"]["road"], result["categories"]["tree"]
    assert (road["pixels_true"], road["pixels_predicted"], road["images"]) == (4, 3, 1)
    assert (road["precision"], road["recall"]) == (1, 0.75)
    assert tree["dice"] == {"mean": None, "ci95": None, "pooled": None}
    assert tree["precision"] is tree["hd95"] is None
    assert (tree["images"], tree["pixels_true"]) == (0, 0)
    json.dumps(result, allow_nan=False)


def test_an_image_of_background_only_is_perfect_and_in_no_mean_of_a_category():
    road = [[1, 1, 2, 2]]
    metric = scores(([[0, 0, 0, 0]], [[0, 0, 0, 0]]), (road, road), categories=MANY)
    row = metric.per_image()[0]
    assert (row["dice"], row["iou"], row["boundary_f"], row["hd95"]) == (1, 1, 1, 0)
    assert metric.compute()["categories"]["road"]["images"] == 1


def test_where_no_category_is_background_all_count():
    metric = scores(([[0, 1, 1]], [[0, 0, 1]]), categories=STREET)
    (row,) = metric.per_image()
    assert row["dice"] == pytest.approx((2 / 3 + 2 / 3) / 2)
    alone = scores(([[0, 0, 0]], [[0, 0, 0]]), categories=BINARY[1:])
    assert alone.summary()["dice"] == 1


# --- unlabeled pixels ----------------------------------------------------------------------------


def test_unlabeled_pixels_change_nothing():
    truth, predicted = OBJECT.copy(), OBJECT.copy()
    truth[:, 30:] = 255
    predicted[:, 30:] = 1
    result = scores((predicted, truth)).compute()
    assert result["dice"]["mean"] == result["boundary_f"]["mean"] == 1
    assert result["hd95"]["mean"] == 0
    assert result["categories"]["lesion"]["pixels_predicted"] == 100


def test_an_image_without_labels_is_named_not_scored():
    metric = scores((OBJECT, UNKNOWN), (OBJECT, OBJECT))
    assert [row["name"] for row in metric.per_image()] == ["image 1"]
    assert metric.compute()["unscored"] == ["image 0"]
    assert metric.compute()["dice"]["mean"] == 1


@pytest.mark.parametrize("images", [(), ((OBJECT, UNKNOWN),)])
def test_no_score_without_images(images):
    metric = scores(*images)
    assert metric.per_image() == []
    for method in (metric.summary, metric.compute):
        with pytest.raises(ValueError, match=rf"at least one image .*\({len(images)} without"):
            method()


# --- labels, symmetry, bad input -----------------------------------------------------------------


def test_scores_per_label():
    labels = {
        "image 0": {"diagnosis": "melanoma", "site": "arm"},
        "image 1": {"diagnosis": "nevus"},
        "image 2": {"diagnosis": "nevus"},
    }
    pairs = (EMPTY, OBJECT), (OBJECT, OBJECT), (np.roll(OBJECT, 5, axis=1), OBJECT)
    found = scores(*pairs, labels=labels).compute()["labels"]
    assert list(found["diagnosis"]) == ["melanoma", "nevus"]
    assert found["diagnosis"]["melanoma"] == {
        "images": 1,
        "dice": {"mean": 0, "ci95": None},
        "iou": {"mean": 0, "ci95": None},
    }
    assert found["diagnosis"]["nevus"]["images"] == 2
    assert found["diagnosis"]["nevus"]["dice"]["mean"] == 0.75
    assert found["site"].keys() == {"arm"}
    assert scores(*pairs).compute()["labels"] == {}


def random_pairs(categories, count=3):
    generator = np.random.default_rng(9)
    for _ in range(count):
        truth = np.kron(generator.integers(0, categories, (6, 8)), np.ones((5, 5)))
        predicted = np.roll(truth, 2, axis=1)
        predicted[:, :2] = 1
        yield predicted.astype(np.uint8), truth.astype(np.uint8)


def test_mirroring_changes_nothing_and_swapping_swaps():
    pairs = list(random_pairs(4))
    metric = scores(*pairs, categories=MANY)
    mirrored = scores(*((p[:, ::-1], t[:, ::-1]) for p, t in pairs), categories=MANY)
    swapped = scores(*((t, p) for p, t in pairs), categories=MANY).summary()
    assert mirrored.summary() == pytest.approx(metric.summary())
    summary = metric.summary()
    assert summary["precision"] != summary["recall"]
    swapped["precision"], swapped["recall"] = swapped["recall"], swapped["precision"]
    assert swapped == pytest.approx(summary)


def test_bad_input_names_the_image():
    with pytest.raises(ValueError, match=r"Image 'image 0' .*\(30, 39\) and \(30, 40\)"):
        scores((EMPTY[:, :39], EMPTY))
    with pytest.raises(ValueError, match=r"Image 'image 0' .*the prediction holds 2"):
        scores((EMPTY + 2, EMPTY))
    with pytest.raises(ValueError, match=r"different names, at least one; got \[\]"):
        SemanticScores(())
    with pytest.raises(ValueError, match=r"got \['skin', 'skin'\]"):
        SemanticScores((BINARY[0], BINARY[0]))


def test_oracle_monai():
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        oracle = pytest.importorskip("monai.metrics", reason="MONAI is not installed")
        pairs = list(random_pairs(4))
        p, t = (
            torch.from_numpy(np.eye(4)[np.stack(maps)].transpose(0, 3, 1, 2))
            for maps in zip(*pairs, strict=True)
        )
        dice = oracle.compute_dice(p, t, include_background=False)
        hd95 = oracle.compute_hausdorff_distance(p, t, percentile=95)
    rows = scores(*pairs, categories=MANY).per_image()
    for row, their_dice, their_distance in zip(rows, dice, hd95, strict=True):
        assert row["dice"] == pytest.approx(float(their_dice.mean()), rel=1e-6)
        assert row["hd95"] == pytest.approx(float(their_distance.mean()), rel=1e-6)
