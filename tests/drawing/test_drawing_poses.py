"""Pictures of skeletons and maps: what has which color, and what is not drawn."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from drawn_poses import COCO, LEAF, of_keypoints, people, with_silhouettes

from segmentare.annotations.poses import HIDDEN, VISIBLE
from segmentare.annotations.skeletons import SKELETONS
from segmentare.drawing.maps import draw_heatmaps
from segmentare.drawing.poses import (
    compare_poses,
    draw_poses,
    object_color,
    tint_objects,
)
from segmentare.tasks.base import Head

GRAY = np.full((200, 300, 3), 90, np.uint8)
OPENPOSE = SKELETONS["openpose18"]


def arm(third=(0.9, 0.9), **more):
    """Return a right shoulder and elbow, 120 pixels apart, in OpenPose's order."""
    keypoints = np.zeros((1, 18, 3), np.float32)
    keypoints[0, 2], keypoints[0, 3] = (80, 100, third[0]), (200, 100, third[1])
    more = {"scores": np.array([0.9], np.float32)} | more
    return of_keypoints(keypoints, (200, 300), OPENPOSE, **more)


def test_a_limb_has_the_color_of_its_second_part_and_a_point_its_own():
    drawn = draw_poses(GRAY, arm(), alpha=1.0)
    assert drawn[100, 140].tolist() == list(OPENPOSE.colors[3]) == [255, 170, 0]
    assert drawn[100, 80].tolist() == list(OPENPOSE.colors[2]) == [255, 85, 0]
    assert drawn[100, 200].tolist() == [255, 170, 0]
    assert (drawn[140:] == 90).all()


def test_limbs_let_the_image_through():
    drawn = draw_poses(GRAY, arm())[100, 140].astype(int)
    np.testing.assert_allclose(drawn, 0.6 * np.array([255, 170, 0]) + 0.4 * 90, atol=1)


def test_what_was_not_found_is_not_drawn():
    one = draw_poses(GRAY, arm((0.9, 0.04)))
    assert (one[100, 100:] == 90).all()
    assert one[100, 80].tolist() == [255, 85, 0]
    assert draw_poses(GRAY, arm((0.9, 0.04)), least=0.01)[100, 140].tolist() != [90, 90, 90]
    assert (draw_poses(GRAY, arm((0, 0))) == 90).all()
    assert (draw_poses(GRAY, people(np.random.default_rng(0), 0, (200, 300))) == 90).all()


def test_hidden_keypoints_of_a_truth_are_rings():
    poses = arm((VISIBLE, HIDDEN), scores=None)
    drawn = draw_poses(GRAY, poses, alpha=0.0)
    assert drawn[100, 80].tolist() == [255, 85, 0]
    assert drawn[100, 200].tolist() == [90, 90, 90]
    assert (drawn[95:106, 195:206] != 90).any()


@pytest.mark.parametrize("place", [np.nan, np.inf, -1e9, 1e9])
def test_keypoints_that_are_nowhere_do_no_harm(place):
    poses = arm()
    poses.keypoints[0, 3, 0] = place
    assert draw_poses(GRAY, poses)[100, 80].tolist() == [255, 85, 0]


@pytest.mark.parametrize(
    "image",
    [
        np.full((200, 300, 1), 90, np.uint8),
        np.full((200, 300), 900, np.uint16),
        np.zeros((200, 300, 4), np.float32),
    ],
)
def test_any_image_becomes_a_picture(image):
    before = image.copy()
    drawn = draw_poses(image, arm())
    assert drawn.shape == (200, 300, 3)
    assert drawn.dtype == np.uint8
    assert (image == before).all()


def test_larger_people_have_thicker_limbs():
    small, large = (people(np.random.default_rng(0), 1, (400, 400), height) for height in (60, 360))
    canvas = np.full((400, 400, 3), 90, np.uint8)
    areas = [(draw_poses(canvas, poses) != 90).any(axis=2).sum() for poses in (small, large)]
    assert areas[1] > 15 * areas[0]


def test_silhouettes_are_tinted_and_ids_written():
    poses = with_silhouettes(people(np.random.default_rng(0), 2, (200, 300)))
    drawn = draw_poses(GRAY, poses)
    corner = (poses.boxes[0, :2] + 4).astype(int)
    tinted = 0.65 * 90 + 0.35 * np.array(object_color(1))
    np.testing.assert_allclose(drawn[corner[1], corner[0]], tinted, atol=1)
    named = draw_poses(GRAY, replace(poses, ids=(8, 3)))
    tinted = 0.65 * 90 + 0.35 * np.array(object_color(8))
    np.testing.assert_allclose(named[corner[1], corner[0]], tinted, atol=1)
    for person, number in zip(poses.keypoints, (8, 3), strict=True):
        x, y = person[person[:, 1].argmin(), :2].astype(int)
        tag = (named == object_color(number)).all(axis=2)[max(0, y - 25) : y, x - 8 : x + 9]
        assert 60 < tag.sum() < 300
        assert not (drawn == object_color(number)).all(axis=2)[y - 12 : y - 8, x].any()


def test_objects_have_the_color_of_their_number():
    canvas, instance = GRAY.copy(), np.zeros((200, 300), np.int32)
    instance[50:100, 50:100], instance[50:100, 150:200] = 1, 12
    tint_objects(canvas, instance)
    for x, number in ((75, 1), (175, 12)):
        wanted = 0.65 * 90 + 0.35 * np.array(object_color(number))
        np.testing.assert_allclose(canvas[75, x], wanted, atol=1)
    assert object_color(12) == object_color(2) != object_color(1)


@pytest.mark.parametrize(("size", "wide"), [((200, 150), True), ((100, 300), False)])
def test_truth_beside_prediction(size, wide):
    image = np.full((*size, 3), 90, np.uint8)
    truth = people(np.random.default_rng(0), 1, size)
    drawn = compare_poses(image, truth, people(np.random.default_rng(0), 0, size))
    height, width = size
    gap = drawn.shape[wide] - 2 * size[wide]
    assert drawn.shape[1 - wide] == size[1 - wide]
    assert 2 <= gap <= 4
    first = drawn[:, :width] if wide else drawn[:height]
    second = drawn[:, width + gap :] if wide else drawn[height + gap :]
    assert (first[25:] != 90).any()
    assert (second[25:] == 90).all()


@dataclass
class Drawn:
    """A task of which only heads and skeleton matter."""

    heads: tuple
    skeleton: object = None


def test_maps_glow_where_they_are_high():
    heat = np.zeros((4, 50, 75), np.float32)
    heat[0, 10, 20] = heat[2, 30, 60] = 1
    task = Drawn((Head("keypoints", 4, "heatmap"),), LEAF)
    drawn = draw_heatmaps(GRAY, {"keypoints": heat}, task, channels=True)
    assert list(drawn) == [
        "keypoints",
        *(f"keypoints.0{k}_{n}" for k, n in enumerate(LEAF.keypoints)),
    ]
    assert all(picture.shape == GRAY.shape for picture in drawn.values())
    light = {name: picture.astype(int).sum(axis=2) for name, picture in drawn.items()}
    for x, y, channel in ((20, 10, "keypoints.00_stem"), (60, 30, "keypoints.02_right")):
        spot = np.s_[4 * y + 1 : 4 * y + 3, 4 * x + 1 : 4 * x + 3]
        for name in ("keypoints", channel):
            assert light[name][spot].mean() > light[name].mean() + 150
        assert light["keypoints.01_left"][spot].mean() < light["keypoints"][spot].mean() - 150


def test_vectors_have_the_color_of_their_direction():
    fields = np.zeros((4, 200, 300), np.float32)
    fields[0, :, :100] = 1  # to the right
    fields[2, :, 200:] = -1  # to the left, of the second limb
    task = Drawn((Head("fields", 4, "vectors", directions=True),), COCO)
    drawn = draw_heatmaps(GRAY, {"fields": fields}, task, channels=True)
    assert list(drawn) == ["fields", "fields.00", "fields.01"]
    red, none, cyan = drawn["fields"][100, [50, 150, 250]].astype(int)
    assert red[0] > red[1] + 150
    assert none.tolist() == [90, 90, 90]
    assert cyan[1] > cyan[0] + 150
    assert (drawn["fields.00"][:, 120:] == 90).all()
