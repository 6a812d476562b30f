"""Bodies: silhouette and skeleton under one id, and images that show only one of them."""

from dataclasses import replace

import numpy as np
import pytest
from check_task import (
    check_mirrored_maps,
    check_perfect_maps_score_one,
    check_settings_survive,
    check_targets,
    perfect_maps,
    round_trip,
    same_objects,
)
from drawn_poses import COCO, people, with_silhouettes

from segmentare.annotations.segmentation import UNLABELED, Segmentation
from segmentare.tasks import BodyTask, encodings

BODY = BodyTask(COCO)


def bodies(count=3, size=(128, 192), seed=0):
    return with_silhouettes(people(np.random.default_rng(seed), count, size))


@pytest.mark.parametrize("stride", [1, 2, 4])
@pytest.mark.parametrize("count", [0, 1, 5])
def test_targets_keep_the_contract(count, stride):
    check_targets(BODY, bodies(count, (90, 130)), stride)


@pytest.mark.parametrize("count", [0, 1, 4, 12])
def test_perfect_maps_score_one(count):
    truth = bodies(count, (160, 240), count)
    check_perfect_maps_score_one(BODY, truth)
    metric = BODY.metric()
    metric.update(round_trip(BODY, truth, 1), truth, "image")
    scores = metric.summary()
    assert scores["oks_ap"] == scores["iou"] == scores["mask_ap"] == 1
    assert metric.compute()["body"]["pooled"] == 1
    assert metric.per_image()[0]["iou"] == 1


@pytest.mark.parametrize("stride", [1, 2, 4])
def test_silhouette_and_skeleton_have_one_id(stride):
    truth = bodies(6, (192, 256), 2)
    found = round_trip(BODY, truth, stride)
    assert len(found) == 6
    ids = found.segmentation.instance
    assert sorted(np.unique(ids)) == list(range(7))
    if stride == 1:
        assert same_objects(ids, truth.segmentation.instance)
    for i, person in enumerate(found.keypoints):
        far = np.abs(truth.keypoints[..., :2] - person[:, :2]).max(axis=(1, 2))
        mine, true = ids == i + 1, truth.segmentation.instance == far.argmin() + 1
        assert far.min() < 0.01
        # a cell may misplace each edge of a box by half of its side
        height, width = np.ptp(np.argwhere(true), axis=0) + 1
        least = 1 if stride == 1 else (1 - stride / height) * (1 - stride / width)
        assert (mine & true).sum() / (mine | true).sum() >= least
        assert found.areas[i] == mine.sum()


def test_targets_mirror_with_the_image():
    check_mirrored_maps(BODY, bodies(4, (96, 128), 1))


def test_keypoints_alone_train_no_silhouettes():
    truth = replace(bodies(), segmentation=None)
    maps = BODY.encode(truth, 2)
    assert np.isnan(maps["object"]).all()
    assert np.isnan(maps["offset"]).all()
    assert not np.isnan(maps["keypoints"]).any()
    assert not np.isnan(maps["center"]).any()
    assert maps["center"].max() == 1


def test_silhouettes_alone_train_no_keypoints():
    truth = bodies()
    keypoints = np.zeros_like(truth.keypoints)
    unknown = truth.segmentation.instance > 0  # as readers say of people without keypoints
    maps = BODY.encode(replace(truth, keypoints=keypoints, unknown=unknown), 1)
    assert np.isnan(maps["keypoints"]).all()
    assert np.isnan(maps["joints"]).all()
    for name, other in BODY.encode(truth, 1).items():
        if name not in ("keypoints", "joints"):
            assert np.array_equal(maps[name], other, equal_nan=True), name
    nobody = BODY.encode(bodies(0), 1)  # nobody there has no keypoints, and that is known
    assert (nobody["keypoints"] == 0).all()
    assert (nobody["object"] == 0).all()


def test_one_of_several_without_keypoints():
    truth = bodies()
    keypoints = truth.keypoints.copy()
    keypoints[1] = 0
    unknown = truth.segmentation.instance == 2
    maps = BODY.encode(replace(truth, keypoints=keypoints, unknown=unknown), 1)
    assert np.isnan(maps["keypoints"][:, unknown]).all()
    assert not np.isnan(maps["keypoints"][:, truth.segmentation.instance == 1]).any()
    assert not np.isnan(maps["center"]).any()
    assert (maps["object"][0][unknown] == 1).all()


def test_a_crowd_has_pixels_of_nobody():
    truth = bodies()
    category = truth.segmentation.category.copy()
    instance = truth.segmentation.instance.copy()
    crowd = instance == 3
    category[crowd], instance[crowd] = UNLABELED, 0
    truth = replace(
        truth,
        crowd=np.array([False, False, True]),
        unknown=crowd,
        segmentation=Segmentation(category, instance),
    )
    maps = BODY.encode(truth, 1)
    for name, values in maps.items():
        assert np.isnan(values[:, crowd]).all(), name
    assert len(round_trip(BODY, truth, 1)) == 2


def test_the_center_is_that_of_the_silhouette():
    truth = bodies(1, (96, 64))
    instance = np.zeros((96, 64), np.int32)
    instance[10:21, 30:41] = 1  # center at (35, 15), far from the mean of the keypoints
    segmentation = Segmentation((instance > 0).astype(np.uint8), instance)
    maps = BODY.encode(replace(truth, segmentation=segmentation), 1)
    assert np.unravel_index(maps["center"][0].argmax(), (96, 64)) == (15, 35)
    assert maps["offset"][:, 15, 35].tolist() == [0, 0]
    way = (truth.keypoints[0, :, :2] - (35, 15)) / BODY.unit
    assert np.allclose(maps["joints"][:, 15, 35], way.ravel(), atol=1e-6)


def test_people_whose_center_is_not_seen_keep_their_joints():
    truth = bodies(2, (96, 128))
    maps = perfect_maps(BODY, BODY.encode(truth, 1))
    maps["center"][0][truth.segmentation.instance == 2] = 0
    assert maps["center"].max() == 1  # the other one is seen
    found = BODY.decode(maps, 1)
    assert len(found) == 2
    far = np.abs(found.keypoints[:, None, :, :2] - truth.keypoints[None, ..., :2]).max(axis=(2, 3))
    assert far.min(axis=0).max() < 0.01
    assert found.scores.tolist() == pytest.approx([1, BODY.sure], abs=0.01)
    assert same_objects(found.segmentation.instance, truth.segmentation.instance)


@pytest.mark.parametrize("size", [(1, 1), (9, 5), (64, 64)])
def test_maps_of_nothing_show_nobody(size):
    maps = {head.name: np.zeros((head.channels, *size), np.float32) for head in BODY.heads}
    found = BODY.decode(maps, 1)
    assert len(found) == 0
    assert not found.segmentation.category.any()


def test_any_maps_decode():
    rng = np.random.default_rng(0)
    maps = {
        head.name: rng.uniform(0, 1, (head.channels, 33, 47)).astype(np.float32)
        for head in BODY.heads
    }
    for stride in (1, 2):
        found = BODY.decode(maps, stride)
        assert np.isfinite(found.keypoints).all()
        assert found.segmentation.instance.max() == len(found)
        assert (np.diff(found.scores) <= 0).all()
    BODY.decode({name: np.ones_like(values) for name, values in maps.items()}, 1)


def test_ids_without_people_are_refused():
    truth = bodies(2)
    instance = truth.segmentation.instance.copy()
    instance[0, 0] = 3
    wrong = replace(truth, segmentation=Segmentation(truth.segmentation.category, instance))
    with pytest.raises(ValueError, match="there are 2 people, but an id 3"):
        BODY.encode(wrong, 1)


def test_scores_of_images_with_keypoints_only():
    truth = bodies()
    metric = BODY.metric(fast=True)
    found = round_trip(BODY, truth, 1)
    metric.update(found, replace(truth, segmentation=None), "a")
    assert "iou" not in metric.summary()
    assert metric.summary()["body"] == 1
    smaller = truth.segmentation.category.copy()
    smaller[:, : truth.size[1] // 2] = 0
    metric.update(found, replace(truth, segmentation=Segmentation(smaller)), "b")
    scores = metric.summary()
    assert scores["iou"] == pytest.approx(smaller.sum() / truth.segmentation.category.sum())
    assert scores["body"] == pytest.approx((1 + scores["iou"]) / 2)
    rows = metric.per_image()
    assert [row["name"] for row in rows] == ["a", "b"]
    assert rows[0]["iou"] is None
    with pytest.raises(ValueError, match="'c' cannot be scored: the truth has silhouettes"):
        metric.update(replace(found, segmentation=None), truth, "c")


def test_scores_of_images_with_silhouettes_only():
    truth = bodies()
    found = round_trip(BODY, truth, 1)
    nobody_looked = {
        "keypoints": np.zeros_like(truth.keypoints),
        "unknown": np.ones(truth.size, bool),
    }
    silhouettes = replace(truth, **nobody_looked)
    metric = BODY.metric()
    metric.update(found, silhouettes, "a")
    scores = metric.compute()
    assert metric.summary()["body"] == scores["iou"]["pooled"] == scores["mask_ap"]["pooled"] == 1
    assert not [name for name in scores if name.startswith(("oks", "pck", "joints"))]
    pixels = replace(silhouettes, segmentation=Segmentation(truth.segmentation.category))
    metric.update(found, pixels, "b")  # nobody told them apart
    assert metric.summary()["mask_ap"] == 1
    smaller = replace(found, keypoints=found.keypoints[::-1] * [1, 1, 0.5])
    metric.update(smaller, truth, "c")
    alone = BODY.metric()
    alone.update(smaller, truth, "c")
    for name in ("oks_ap", "oks_ar", "pck@0.2"):  # as if there were no other images
        assert metric.summary()[name] == alone.summary()[name]
    rows = metric.per_image()
    assert [row["oks_ap"] for row in rows] == [None, None, rows[2]["oks_ap"]]
    assert rows[1]["body"] == 1
    assert rows[2]["body"] == (rows[2]["oks_ap"] + 1) / 2


def test_people_without_a_silhouette_stay_if_asked():
    truth = bodies(2, (96, 128))
    maps = perfect_maps(BODY, BODY.encode(truth, 1))
    maps["object"][:] = 0
    assert len(BODY.decode(maps, 1)) == 0
    found = replace(BODY, least_area=0).decode(maps, 1)
    assert len(found) == 2
    assert found.areas.tolist() == [0, 0]
    far = np.abs(found.keypoints[:, None, :, :2] - truth.keypoints[None, ..., :2]).max(axis=(2, 3))
    assert far.min(axis=0).max() < 0.01
    metric = BODY.metric()
    metric.update(found, truth, "image")
    assert metric.summary()["oks_ap"] == 1
    assert metric.summary()["mask_ap"] == 0


@pytest.mark.parametrize("settings", [{"unit": -1.0}, {"spacing": 0}])
def test_damaged_settings_are_refused(settings):
    with pytest.raises(
        ValueError,
        match=r"'unit' must be a number from 0\.001|'spacing' must be a whole number from 1",
    ):
        BodyTask.from_dict({**BODY.to_dict(), **settings})


def test_settings_survive_the_model_file():
    for field, values in BODY.tunable.items():
        for value in values:
            check_settings_survive(replace(BODY, **{field: value}))
    with pytest.raises(ValueError, match="'body' needs images with keypoints"):
        BodyTask.from_categories(BODY.categories)
    assert BodyTask.from_categories(BODY.categories, COCO) == BODY


def test_cells_on_an_outline_say_how_much_of_them_is_inside():
    inside = np.zeros((5, 6), np.float32)
    inside[:3, :3] = 1
    inside[4, 5] = np.nan
    shares = encodings.coverage(inside, 2)
    assert shares[0].tolist() == [1, 0.5, 0]
    assert shares[1].tolist() == [0.5, 0.25, 0]
    assert shares[2, :2].tolist() == [0, 0]
    assert np.isnan(shares[2, 2])
    assert encodings.coverage(inside, 1) is inside
