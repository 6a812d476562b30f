import numpy as np
import pytest
from drawn_poses import COCO, people, with_silhouettes

from segmentare.annotations.segmentation import Segmentation
from segmentare.runtimes.agreement import alike, differing, extent, largest_difference


def objects(ids, category=None):
    ids = np.array(ids, np.int32)
    chosen = (ids > 0).astype(np.uint8) if category is None else np.array(category, np.uint8)
    return Segmentation(chosen, ids)


def test_pixels_of_categories():
    one = Segmentation(np.array([[0, 1, 1, 2]], np.uint8))
    other = Segmentation(np.array([[0, 1, 2, 2]], np.uint8))
    assert alike(one, other) == 0.75
    assert differing(one, other) == 1
    assert extent(one) == 4


@pytest.mark.parametrize(
    ("one", "other", "share"),
    [
        ([[1, 1, 2, 0]], [[2, 2, 1, 0]], 1),  # ids are names only
        ([[1, 1, 2, 2]], [[1, 1, 1, 1]], 0.5),  # two became one
        ([[1, 1, 1, 1]], [[1, 1, 2, 2]], 0.5),  # one became two
        ([[0, 0, 1, 1]], [[0, 0, 0, 0]], 0.5),  # one is lost
        ([[0, 0, 0, 0]], [[0, 0, 0, 5]], 0.75),  # one is new
        ([[0, 0]], [[0, 0]], 1),
    ],
)
def test_objects_by_their_pixels(one, other, share):
    assert alike(objects(one), objects(other)) == share
    assert alike(objects(one, np.zeros_like(one)), objects(other, np.zeros_like(other))) == share


def test_people_by_their_keypoints():
    shown = people(np.random.default_rng(0), 3, (120, 160))
    assert alike(shown, shown) == 1
    moved = shown.keypoints.copy()
    moved[0, 4, 0] += 30
    other = type(shown)(**{**vars(shown), "keypoints": moved})
    assert alike(shown, other) == pytest.approx(1 - 1 / (3 * len(COCO.keypoints)))
    assert differing(shown, other) == 1
    order = [2, 0, 1]
    mixed = {n: getattr(shown, n)[order] for n in ("keypoints", "boxes", "areas", "crowd")}
    assert alike(shown, type(shown)(**{**vars(shown), **mixed})) == 1
    fewer = {n: getattr(shown, n)[:2] for n in ("keypoints", "boxes", "areas", "crowd")}
    left = type(shown)(**{**vars(shown), **fewer})
    assert alike(shown, left) == pytest.approx(2 / 3)
    assert alike(left, shown) == pytest.approx(2 / 3)


def test_of_bodies_the_worse_counts():
    shown = with_silhouettes(people(np.random.default_rng(0), 2, (120, 160)))
    seen = shown.segmentation
    gone = Segmentation(np.zeros_like(seen.category), np.zeros_like(seen.instance))
    assert alike(shown, shown) == 1
    assert alike(shown, type(shown)(**{**vars(shown), "segmentation": gone})) < 0.95


def test_maps_by_their_largest_difference():
    one = {"a": np.zeros((1, 2, 2), np.float32), "b": np.ones((2, 2, 2), np.float32)}
    other = {"a": one["a"] + 0.25, "b": one["b"]}
    assert largest_difference(one, other) == {"a": 0.25, "b": 0.0}
