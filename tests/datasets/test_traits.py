from dataclasses import replace

import numpy as np
import pytest

from segmentare.annotations.segmentation import Sample, Segmentation
from segmentare.datasets.traits import (
    as_masks,
    exposure_spread,
    object_traits,
    pose_parents,
    pose_radius,
    pose_uprightness,
)
from segmentare.synthetic.object_datasets import SyntheticObjects
from segmentare.synthetic.people_dataset import SyntheticPeople

TURN = np.array([[-1.0, 0, 255], [0, -1, 191], [0, 0, 1]])  # by half a turn


def squares(corners, side=10, size=(60, 80)):
    ids = np.zeros(size, np.int32)
    for number, (row, column) in enumerate(corners, start=1):
        ids[row : row + side, column : column + side] = number
    image = np.zeros((*size, 3), np.uint8)
    return Sample(image, Segmentation((ids > 0).astype(np.uint8), ids), "squares")


@pytest.mark.parametrize(
    ("corners", "crowding"),
    [
        ([(5, 5), (30, 30)], 0.0),
        ([(5, 5), (5, 15)], 1.0),  # side by side
        ([(5, 5), (5, 16)], 1.0),  # a pixel between them
        ([(5, 5), (5, 17)], 0.0),  # two
        ([(5, 5), (15, 15), (40, 40), (40, 60)], 0.5),  # corner to corner, and two alone
    ],
)
def test_objects_touch_up_to_two_pixels_away(corners, crowding):
    found = object_traits([squares(corners)])
    assert found.crowding == crowding
    assert (found.count, found.diameter, found.large) == (len(corners), 10, 10)
    assert found.relative == pytest.approx(10 / np.sqrt(60 * 80))


def test_masks_without_objects_have_no_traits():
    mask = Sample(np.zeros((8, 8, 3), np.uint8), Segmentation(np.ones((8, 8), np.uint8)), "mask")
    assert object_traits([mask]) is None
    assert object_traits([squares([])]) is None
    assert object_traits([mask, squares([(5, 5)])]).count == 1


def test_drawn_cells_are_crowded():
    found = object_traits(list(SyntheticObjects("cells", 4)))
    assert found.crowding > 0.3
    assert 5 < found.diameter < 60


def test_exposure_spread_compares_dim_and_bright_images():
    ramp = np.tile(np.arange(200, dtype=np.uint8)[:, None, None], (1, 20, 3))
    alike = [Sample(ramp, Segmentation(ramp[..., 0] * 0), str(i)) for i in range(8)]
    assert exposure_spread(alike) == pytest.approx(1)
    dim = [Sample(ramp // 5, s.annotation, s.name) for s in alike[:4]]
    assert exposure_spread([*alike, *dim]) == pytest.approx(5, rel=0.05)
    assert exposure_spread([*alike[:3], *dim]) == 1  # too few to say


def test_drawn_people_stand_upright():
    people = list(SyntheticPeople(12))
    assert pose_uprightness(people) > 0.5
    turned = [
        replace(sample, annotation=sample.annotation.warp(TURN, sample.annotation.size))
        for sample in people
    ]
    assert pose_uprightness([*people, *turned]) < 0.13
    assert pose_uprightness(people[:1]) == 0  # too few people to say


def test_the_radius_of_poses_is_a_share_of_the_image():
    people = list(SyntheticPeople(6))
    radius = pose_radius(people)
    assert 0.02 < radius < 0.5
    half = [replace(s, annotation=s.annotation.resize((96, 128))) for s in people]
    assert pose_radius(half) == pytest.approx(radius, rel=0.05)
    assert pose_radius([squares([(5, 5)])]) is None
    masks = [as_masks(sample) for sample in people]
    assert all(
        mask.annotation.instance.max() == len(p.annotation)
        for mask, p in zip(masks, people, strict=True)
    )


def test_wrists_are_found_from_elbows():
    dataset = SyntheticPeople(40, seed=1)
    samples = [dataset[i] for i in range(40)]
    parents = pose_parents(samples)
    names = dataset.skeleton.keypoints
    led = {names[i]: names[parent] for i, parent in enumerate(parents) if parent >= 0}
    assert led["left_wrist"] == "left_elbow"
    assert led["right_ankle"] == "right_knee"
    assert "nose" not in led  # whose mirror image it is, no eye is
    swaps = dataset.skeleton.swaps
    for i, parent in enumerate(parents):
        assert parents[swaps[i]] == (swaps[parent] if parent >= 0 else -1)
    assert pose_parents(samples[:2]) == ()
