"""Categories and segmentations: exact colors, there and back, what is refused, and warps."""

import json

import numpy as np
import pytest

from segmentare.annotations import geometry
from segmentare.annotations.segmentation import (
    MAX_CATEGORIES,
    UNLABELED,
    Category,
    Sample,
    Segmentation,
    distinct_color,
    foreground_ids,
    is_binary,
    relabel,
)

SKIN = Category("skin", (0, 0, 0), background=True)
LESION = Category("lesion", (255, 0, 0))
SHEEP = Category("sheep", (1, 2, 3), thing=True)


def test_ids_leave_room_for_unlabeled():
    assert UNLABELED == MAX_CATEGORIES == 255


# --- categories ----------------------------------------------------------------------------------


@pytest.mark.parametrize("category", [SKIN, LESION, SHEEP])
def test_categories_there_and_back_through_json(category):
    data = json.loads(json.dumps(category.to_dict()))
    assert Category.from_dict(data) == category


def test_golden_dictionary():
    assert SHEEP.to_dict() == {
        "name": "sheep",
        "color": [1, 2, 3],
        "thing": True,
        "background": False,
    }
    assert Category.from_dict({"name": "lesion", "color": [255, 0, 0]}) == LESION


def test_a_color_has_three_parts():
    with pytest.raises(ValueError, match="must be a list of 3 values"):
        Category.from_dict({"name": "sky", "color": [1, 2]})


def test_golden_colors_are_those_of_pascal_voc():
    """aeroplane, bicycle, bird, boat, ..., person (15), tv (20), border (255)."""
    known = {
        0: (0, 0, 0),
        1: (128, 0, 0),
        2: (0, 128, 0),
        3: (128, 128, 0),
        4: (0, 0, 128),
        8: (64, 0, 0),
        15: (192, 128, 128),
        20: (0, 64, 128),
        255: (224, 224, 192),
    }
    assert {index: distinct_color(index) for index in known} == known
    assert len({distinct_color(index) for index in range(256)}) == 256


@pytest.mark.parametrize(
    ("categories", "foreground", "binary"),
    [
        ((SKIN, LESION), (1,), True),
        ((LESION, SKIN), (0,), False),
        ((LESION, SHEEP), (0, 1), False),
        ((SKIN, LESION, SHEEP), (1, 2), False),
        ((SKIN, SKIN), (), False),
        ((LESION,), (0,), False),
        ((), (), False),
    ],
)
def test_foreground(categories, foreground, binary):
    assert foreground_ids(categories) == foreground
    assert is_binary(categories) is binary


# --- segmentations -------------------------------------------------------------------------------

IDS = np.array([[0, 1, 2, 255], [1, 1, 0, 0]], np.uint8)
INSTANCES = np.array([[0, 2**30, 7, 0], [9, 2**24 + 1, 0, 0]], np.int32)
BOTH = Segmentation(IDS, INSTANCES, np.full((2, 4), 0.5, np.float32))


def test_size_is_height_and_width():
    assert BOTH.size == (2, 4)


def test_a_category_map_has_two_dimensions():
    with pytest.raises(ValueError, match=r"\(H, W\); got \(2, 4, 1\)"):
        Segmentation(IDS[..., None])


@pytest.mark.parametrize("name", ["instance", "probability"])
def test_all_maps_have_one_shape(name):
    with pytest.raises(ValueError, match=rf"The {name} map .*\(2, 4\); got \(4, 2\)"):
        Segmentation(IDS, **{name: np.zeros((4, 2))})


def test_warp_from_outside_is_unlabeled_and_without_instance():
    moved = BOTH.warp(geometry.shift(1, 0), (2, 4))
    assert moved.category.tolist() == [[255, 0, 1, 2], [255, 1, 1, 0]]
    assert moved.category.dtype == np.uint8
    assert moved.instance.tolist() == [[0, 0, 2**30, 7], [0, 9, 2**24 + 1, 0]]
    assert moved.instance.dtype == np.int32
    assert moved.probability is None


def test_mirrored_twice_is_the_same():
    mirror = geometry.flip(BOTH.size)
    once = BOTH.warp(mirror, BOTH.size)
    assert np.array_equal(once.category, IDS[:, ::-1])
    assert np.array_equal(once.instance, INSTANCES[:, ::-1])
    twice = once.warp(mirror, BOTH.size)
    assert np.array_equal(twice.category, IDS)
    assert np.array_equal(twice.instance, INSTANCES)


def test_resize_enlarges_labels_exactly_and_back():
    large = BOTH.resize((6, 12))
    assert np.array_equal(large.category, np.kron(IDS, np.ones((3, 3), np.uint8)))
    assert np.array_equal(large.instance, np.kron(INSTANCES, np.ones((3, 3), np.int32)))
    small = large.resize((2, 4))
    assert np.array_equal(small.category, IDS)
    assert np.array_equal(small.instance, INSTANCES)


def test_a_semantic_segmentation_stays_one():
    semantic = Segmentation(IDS)
    assert semantic.warp(geometry.flip((2, 4)), (2, 4)).instance is None
    assert semantic.resize((4, 8)).instance is None


def test_image_and_annotation_move_together():
    """The one bright pixel is the one labeled pixel, wherever a map sends it."""
    image, ids = np.zeros((20, 24, 3), np.uint8), np.zeros((20, 24), np.uint8)
    image[4, 6], ids[4, 6] = 255, 1
    turn = geometry.about((9.0, 8.0), np.array([[0.0, -1.0], [1.0, 0.0]]))
    affine = geometry.flip((20, 24)) @ turn
    seen = geometry.warp(image, affine, (20, 24), fill=0, smooth=True)[..., 0] == 255
    labeled = Segmentation(ids).warp(affine, (20, 24)).category == 1
    assert labeled.sum() == 1
    assert np.array_equal(seen, labeled)


def test_samples_start_without_labels_of_their_own():
    one, two = (Sample(np.zeros((2, 4, 3), np.uint8), BOTH, name) for name in "ab")
    assert one.labels == {}
    assert one.labels is not two.labels


# --- objects -------------------------------------------------------------------------------------


def test_ids_become_one_to_n_in_the_order_they_had():
    gaps = np.array([[0, 900, 900], [7, 0, 12]], np.int32)
    assert relabel(gaps).tolist() == [[0, 3, 3], [1, 0, 2]]
    huge = np.array([[16_000_000, 5], [5, 0]], np.int32)  # a color, as COCO writes ids
    assert relabel(huge).tolist() == [[2, 1], [1, 0]]
    assert relabel(huge[:1]).tolist() == [[2, 1]]
    assert relabel(np.zeros((2, 3), np.int32)).tolist() == [[0, 0, 0], [0, 0, 0]]
    assert relabel(np.zeros((0, 3), np.int32)).shape == (0, 3)
    assert relabel(gaps).dtype == relabel(huge).dtype == np.int32


def test_scores_stay_with_their_objects():
    ids = np.array([[1, 1, 2, 2]], np.int32)
    scores = np.array([0.9, 0.4], np.float32)
    found = Segmentation((ids > 0).astype(np.uint8), ids, scores=scores)
    mirrored = found.warp(geometry.flip(found.size), found.size)
    assert mirrored.instance.tolist() == [[2, 2, 1, 1]]
    assert mirrored.scores.tolist() == scores.tolist()
    assert found.resize((2, 8)).scores.tolist() == scores.tolist()
    with pytest.raises(ValueError, match="one number for each instance id up to 2"):
        Segmentation(found.category, ids, scores=scores[:1])
