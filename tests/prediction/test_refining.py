"""The second look: what it asks for, and whose keypoints it puts back."""

from dataclasses import replace

import numpy as np
import pytest
from drawn_poses import COCO, of_keypoints, people, with_silhouettes

from segmentare.annotations.skeletons import SKELETONS
from segmentare.prediction.predictor import Predictor
from segmentare.prediction.preprocessing import Preprocessing
from segmentare.prediction.refining import Refined, look_again
from segmentare.tasks import BodyTask, PoseTask, SemanticTask

SIZE = (240, 400)
TRUTH = people(np.random.default_rng(1), 3, SIZE)
FIT = Preprocessing(3, "uint8", (0.0,) * 3, (1.0,) * 3, (64, 96))


class Eye:
    """Sees people in their places, and in the whole image a little beside.

    The image's values are the coordinates of its pixels, so that a crop says where it lies.
    """

    def __init__(self, closer=0.8, who=(0, 1, 2), first=TRUTH):
        self.sizes, self.closer, self.who, self.first = [], closer, who, first

    def __call__(self, image):
        height, width = image.shape[:2]
        self.sizes.append((height, width))
        if (height, width) == SIZE:
            return seen(self.first, 0.5, 3.0)
        left, top = image[0, 0, 0], image[0, 0, 1]
        right, bottom = image[-1, -1, 0], image[-1, -1, 1]
        shown = TRUTH.keypoints[list(self.who)].copy()
        shown[..., 0] = (shown[..., 0] - left) / (right - left) * (width - 1)
        shown[..., 1] = (shown[..., 1] - top) / (bottom - top) * (height - 1)
        kept = (shown[..., :2] > 0).all(axis=2) & (shown[..., :2] < (width, height)).all(axis=2)
        shown[~kept] = 0
        some = kept.any(axis=1)
        return seen(of_keypoints(shown[some], (height, width)), self.closer, 0.0)


def seen(poses, score, beside):
    points = poses.keypoints.copy()
    points[..., 0] += beside * (points[..., 2] > 0)
    points[..., 2] = np.where(points[..., 2] > 0, score, 0)
    return replace(poses, keypoints=points, scores=np.full(len(points), score, np.float32))


def look(monkeypatch, eye, task=None):
    monkeypatch.setattr(Predictor, "predict", lambda _, image, *_rest: eye(image))
    rows, columns = np.mgrid[: SIZE[0], : SIZE[1]]
    image = np.stack([columns, rows, columns], axis=2).astype(np.float32)
    model = look_again(Predictor(lambda _: {}, task or PoseTask(COCO), FIT))
    assert isinstance(model, Refined)
    return model.predict(image)


def errors(found):
    return np.abs(found.keypoints[..., :2] - TRUTH.keypoints[..., :2]).max(axis=(1, 2))


def test_everybody_is_seen_better_close_up(monkeypatch):
    eye = Eye()
    found = look(monkeypatch, eye)
    assert errors(found).max() < 0.6
    assert found.scores.tolist() == pytest.approx([0.8] * 3)
    assert len(eye.sizes) == 4
    for height, width in eye.sizes[1:]:
        assert height * width == pytest.approx(64 * 96, rel=0.03)
    inside = found.boxes[:, :2] <= found.keypoints[..., :2].min(axis=1)
    assert inside.all()


def test_a_less_sure_look_changes_nothing(monkeypatch):
    found = look(monkeypatch, Eye(closer=0.4))
    assert errors(found).min() == pytest.approx(3, abs=1e-3)
    assert found.scores.tolist() == pytest.approx([0.5] * 3)
    np.testing.assert_array_equal(found.boxes, TRUTH.boxes)


def test_a_neighbor_does_not_take_the_place_of_who_is_not_seen(monkeypatch):
    found = look(monkeypatch, Eye(who=(0, 2)))
    assert (errors(found) < 0.6).tolist() == [True, False, True]
    assert len(look(monkeypatch, Eye(who=()))) == 3


def test_somebody_in_front_is_not_taken_twice(monkeypatch):
    twice = TRUTH.keypoints[[0, 0]] + np.float32([[[0, 0, 0]], [[30, 0, 0]]])
    found = look(monkeypatch, Eye(who=(0,), first=of_keypoints(twice, SIZE)))
    assert found.scores.tolist() == pytest.approx([0.8, 0.5])
    np.testing.assert_allclose(found.keypoints[1, :, 0], twice[1, :, 0] + 3, atol=1e-3)


def test_silhouettes_stay(monkeypatch):
    first = with_silhouettes(TRUTH)
    found = look(monkeypatch, Eye(first=first), BodyTask(COCO))
    assert errors(found).max() < 0.6
    assert found.segmentation is first.segmentation
    np.testing.assert_array_equal(found.areas, first.areas)


def test_only_people_can_be_looked_at_again():
    task = SemanticTask(PoseTask(SKELETONS["coco17"]).categories)
    with pytest.raises(ValueError, match="the task 'semantic' does not find"):
        look_again(Predictor(lambda _: {}, task, FIT))
