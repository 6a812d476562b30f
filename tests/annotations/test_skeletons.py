import numpy as np
import pytest

from segmentare.annotations.poses import Poses, keypoint_boxes
from segmentare.annotations.skeletons import (
    DEFAULT_SIGMA,
    SKELETONS,
    convert,
    dropped,
    find_skeleton,
    plain,
    read_skeleton,
    skeleton_of,
)

COCO, OPENPOSE, BODY = (SKELETONS[name] for name in ("coco17", "openpose18", "body25"))


def limbs(text):
    return tuple(tuple(map(int, limb.split("-"))) for limb in text.split())


def people(skeleton, count=3, seed=0):
    """Everything found, at places that differ, with scores that differ."""
    points = np.random.default_rng(seed).uniform(1, 90, (count, len(skeleton.keypoints), 3))
    points[..., 2] /= 100
    points = points.astype(np.float32)
    boxes = keypoint_boxes(points)
    return Poses(
        skeleton, points, (100, 100), boxes, boxes[:, 2], np.zeros(count, bool), boxes[:, 3]
    )


def test_the_counts_and_the_middles():
    counts = {name: len(skeleton.keypoints) for name, skeleton in SKELETONS.items()}
    assert counts == {
        "coco17": 17,
        "openpose18": 18,
        "body25": 25,
        "mpii16": 16,
        "lsp14": 14,
        "crowdpose14": 14,
        "aic14": 14,
        "jhmdb15": 15,
        "posetrack17": 17,
        "halpe136": 136,
    }
    for skeleton in SKELETONS.values():
        for k, twin in enumerate(skeleton.swaps):
            one, other = skeleton.keypoints[k], skeleton.keypoints[twin]
            if one.startswith("left_"):
                assert other == one.replace("left_", "right_")
        assert len(set(skeleton.keypoints)) == len(skeleton.keypoints)
        assert len(set(map(frozenset, skeleton.limbs))) == len(skeleton.limbs)
    halpe = SKELETONS["halpe136"]
    alone = [n for k, n in enumerate(halpe.keypoints) if halpe.swaps[k] == k]
    faces = [f"face_{k}" for k in (8, 27, 28, 29, 30, 33, 51, 57, 62, 66)]
    assert alone == ["nose", "head", "neck", "hip", *faces]


def test_coco_is_as_published():
    said = ".026 .025 .025 .035 .035 .079 .079 .072 .072 .062 .062 .107 .107 .087 .087 .089 .089"
    assert COCO.sigmas == tuple(map(float, said.split()))
    flips = [(1, 2), (3, 4), (5, 6), (7, 8), (9, 10), (11, 12), (13, 14), (15, 16)]
    assert [(k, twin) for k, twin in enumerate(COCO.swaps) if k < twin] == flips
    one_based = limbs(
        "16-14 14-12 17-15 15-13 12-13 6-12 7-13 6-7 6-8 7-9 8-10 9-11 2-3 1-2 1-3 2-4 3-5 4-6 5-7"
    )
    assert COCO.limbs == tuple((a - 1, b - 1) for a, b in one_based)


def test_openpose_is_as_published():
    assert OPENPOSE.limbs == limbs(
        "1-2 1-5 2-3 3-4 5-6 6-7 1-8 8-9 9-10 1-11 11-12 12-13 1-0 0-14 14-16 0-15 15-17"
    )
    assert BODY.limbs == limbs(
        "1-8 1-2 1-5 2-3 3-4 5-6 6-7 8-9 9-10 10-11 8-12 12-13 13-14 1-0 0-15 15-17 0-16 16-18 "
        "14-19 19-20 14-21 11-22 22-23 11-24"
    )
    colors = (
        "255,0,85; 255,0,0; 255,85,0; 255,170,0; 255,255,0; 170,255,0; 85,255,0; 0,255,0; 255,0,0; "
        "0,255,85; 0,255,170; 0,255,255; 0,170,255; 0,85,255; 0,0,255; 255,0,170; 170,0,255; "
        "255,0,255; 85,0,255; 0,0,255; 0,0,255; 0,0,255; 0,255,255; 0,255,255; 0,255,255"
    )
    listed = [tuple(map(int, color.split(","))) for color in colors.split(";")]
    assert list(BODY.colors) == listed
    assert list(OPENPOSE.colors) == listed[:8] + listed[9:19]


@pytest.mark.parametrize(
    ("one", "other", "places"),
    [
        (OPENPOSE, COCO, [0, 15, 14, 17, 16, 5, 2, 6, 3, 7, 4, 11, 8, 12, 9, 13, 10]),
        (BODY, COCO, [0, 16, 15, 18, 17, 5, 2, 6, 3, 7, 4, 12, 9, 13, 10, 14, 11]),
        (BODY, OPENPOSE, [0, 1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18]),
    ],
)
def test_conversions_by_published_lists(one, other, places):
    given = people(one)
    found = convert(given, other)
    assert found.skeleton == other
    assert np.array_equal(found.keypoints, given.keypoints[:, places])
    assert found.boxes is given.boxes


def test_coco_to_openpose_makes_a_neck_of_two_shoulders():
    given = people(COCO)
    given.keypoints[1, 5, 2] = 0
    found = convert(given, OPENPOSE).keypoints
    places = [0, 6, 8, 10, 5, 7, 9, 12, 14, 16, 11, 13, 15, 2, 1, 4, 3]
    rest = [k for k in range(18) if k != 1]
    expected = given.keypoints[:, places]
    expected[expected[..., 2] == 0] = 0
    assert np.array_equal(found[:, rest], expected)
    shoulders = given.keypoints[:, [5, 6]]
    assert np.allclose(found[0, 1, :2], shoulders[0, :, :2].mean(axis=0))
    assert found[0, 1, 2] == shoulders[0, :, 2].min()
    assert not found[1, 1].any()


def test_coco_to_body_25_and_back():
    given = people(COCO)
    found = convert(given, BODY)
    places = [0, 6, 8, 10, 5, 7, 9, 12, 14, 16, 11, 13, 15, 2, 1, 4, 3]
    rest = [k for k in range(19) if k not in (1, 8)]
    assert np.array_equal(found.keypoints[:, rest], given.keypoints[:, places])
    assert not found.keypoints[:, 19:].any()
    hips = given.keypoints[:, [11, 12]]
    assert np.allclose(found.keypoints[:, 8, :2], hips[..., :2].mean(axis=1))
    for to in (BODY, OPENPOSE):
        assert np.array_equal(convert(convert(given, to), COCO).keypoints, given.keypoints)


def test_halpe_keeps_its_feet():
    given = people(SKELETONS["halpe136"])
    found = convert(given, BODY).keypoints
    assert np.array_equal(found[:, 19:], given.keypoints[:, [20, 22, 24, 21, 23, 25]])
    assert np.array_equal(found[:, [1, 8]], given.keypoints[:, [18, 19]])
    assert len(dropped(given.skeleton, BODY)) == 136 - 25


def test_skeletons_without_a_common_keypoint_are_refused():
    leaf = skeleton_of("leaf", ["tip", "base"])
    with pytest.raises(ValueError, match=r"'leaf' has tip, base, ... and 'coco17' has nose"):
        convert(people(leaf), COCO)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("LShoulder", "left_shoulder"),
        ("Right Shoulder", "right_shoulder"),
        ("shoulder_right", "right_shoulder"),
        ("MidHip", "mid_hip"),
        ("l-eye", "left_eye"),
        ("tail", "tail"),
    ],
)
def test_spellings(name, said):
    assert plain(name) == said


def test_a_known_skeleton_is_found_by_its_names():
    spelled = [name.replace("_", " ").title() for name in COCO.keypoints]
    assert find_skeleton(spelled) == COCO
    assert find_skeleton(spelled[1:]) is None


LEAF = """
name = "leaf"
keypoints = ["tip", "base", "left edge", "right edge", "one", "other"]
pairs = [["one", "other"]]
limbs = [["base", "tip"], ["tip", "left edge"]]
sigmas = { tip = 0.03 }
colors = { base = [1, 2, 3] }
"""


def test_a_skeleton_of_your_own(tmp_path):
    path = tmp_path / "plant.toml"
    path.write_text(LEAF)
    leaf = read_skeleton(path)
    assert leaf.name == "leaf"
    assert leaf.swaps == (0, 1, 3, 2, 5, 4)
    assert leaf.limbs == ((1, 0), (0, 2))
    assert leaf.sigmas == (0.03, *[DEFAULT_SIGMA] * 5)
    assert leaf.colors[1] == (1, 2, 3)
    assert len(set(leaf.colors)) == 6
    path.write_text('keypoints = ["nose", "tail"]\nsigmas = 0.1')
    assert read_skeleton(path).name == "plant"
    assert read_skeleton(path).sigmas == (0.1, 0.1)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('name = "leaf"', "name = leaf", r"must be a TOML file"),
        ("keypoints = [", 'keypoints = "tip" #', r"must list the names .* it has tip\. Add them"),
        ('"base", "left', '"tip", "left', r"'tip' stands twice"),
        ('["one", "other"]', '["one", "tow"]', r"name in 'pairs' .* it has 'tow'"),
        ('["one", "other"]', '["one", "one"]', r"two different keypoints in each of 'pairs'"),
        ('["one", "other"]', '["one", "other"], ["one", "tip"]', r"'one' stands in 'pairs' more"),
        ('["base", "tip"]', '["base"]', r"two different keypoints in each of 'limbs'"),
        ("0.03", "-1", r"sigmas above 0, such as 0.05; it has -1"),
        ("{ tip = 0.03 }", "[0.1, 0.2]", r"must have 6 sigmas, .* it has 2"),
        ("[1, 2, 3]", "[1, 2, 300]", r"colors of red, green, blue, 0 to 255"),
        ("limbs", "bones", r"it has 'bones'\. Rename it"),
    ],
)
def test_a_file_that_is_no_skeleton_is_refused(tmp_path, old, new, said):
    path = tmp_path / "leaf.toml"
    assert old in LEAF
    path.write_text(LEAF.replace(old, new))
    with pytest.raises(ValueError, match=said) as error:
        read_skeleton(path)
    assert "'leaf.toml'" in str(error.value)
