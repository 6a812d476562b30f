"""Counts of pixels by hand, against scikit-learn and torchmetrics, and under symmetry."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from segmentare.metrics import confusion

TRUTH = np.array([[0, 0, 1, 1], [0, 2, 1, 255]], np.uint8)
PREDICTED = np.array([[0, 1, 1, 1], [0, 0, 1, 2]], np.uint8)

MAPS = arrays.arrays(np.uint8, (2, 6, 7), elements=st.integers(0, 3))


def test_golden_counts():
    matrix = confusion.confusion_matrix(PREDICTED, TRUTH, 4)
    assert matrix.dtype == np.int64
    assert matrix.tolist() == [[2, 1, 0, 0], [0, 3, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0]]


def test_golden_scores():
    matrix = confusion.confusion_matrix(PREDICTED, TRUTH, 4)
    assert confusion.dice(matrix).tolist() == pytest.approx([4 / 6, 6 / 7, 0, 1])
    assert confusion.iou(matrix).tolist() == pytest.approx([2 / 4, 3 / 4, 0, 1])
    assert confusion.precision(matrix).tolist() == pytest.approx([2 / 3, 3 / 4, 0, 1])
    assert confusion.recall(matrix).tolist() == pytest.approx([2 / 3, 1, 0, 1])
    assert confusion.present(matrix).tolist() == [True, True, True, False]
    assert confusion.pixel_accuracy(matrix) == pytest.approx(5 / 7)
    assert confusion.mean_iou(matrix) == pytest.approx((0.5 + 0.75 + 0) / 3)


def test_scores_of_a_stack_are_the_scores_of_each():
    one = confusion.confusion_matrix(PREDICTED, TRUTH, 4)
    two = confusion.confusion_matrix(TRUTH[:, :3].copy(), TRUTH[:, :3].copy(), 4)
    both = np.stack([one, two])
    for score in (confusion.dice, confusion.iou, confusion.precision, confusion.recall):
        assert np.array_equal(score(both), np.stack([score(one), score(two)]))


def test_unlabeled_truth_counts_nowhere_whatever_is_predicted_there():
    for answer in (0, 1, 2, 255):
        predicted = PREDICTED.copy()
        predicted[1, 3] = answer
        matrix = confusion.confusion_matrix(predicted, TRUTH, 3)
        assert matrix.sum() == 7
        assert matrix[2].tolist() == [1, 0, 0]


def test_category_254_is_a_category():
    ids = np.full((3, 3), 254, np.uint8)
    matrix = confusion.confusion_matrix(ids, ids, 255)
    assert matrix[254, 254] == 9


@pytest.mark.parametrize("bad", [3, 255])
def test_prediction_without_a_category_is_refused(bad):
    predicted = PREDICTED.copy()
    predicted[0, 0] = bad
    with pytest.raises(ValueError, match=f"0 to 2; the prediction holds {bad} on a labeled pixel"):
        confusion.confusion_matrix(predicted, TRUTH, 3)


def test_truth_without_a_category_is_refused():
    with pytest.raises(ValueError, match="0 to 1; the truth holds 2 on a labeled pixel"):
        confusion.confusion_matrix(PREDICTED, TRUTH, 2)


def test_shapes_and_types_are_checked():
    with pytest.raises(ValueError, match=r"got \(2, 3\) and \(2, 4\)"):
        confusion.confusion_matrix(PREDICTED[:, :3], TRUTH, 3)
    with pytest.raises(TypeError, match="those of the truth are int64"):
        confusion.confusion_matrix(PREDICTED, TRUTH.astype(np.int64), 3)


def test_nothing_labeled_has_no_score():
    nothing = np.zeros((2, 2), np.int64)
    with pytest.raises(ValueError, match="at least one labeled pixel"):
        confusion.pixel_accuracy(nothing)
    with pytest.raises(ValueError, match="at least one labeled pixel"):
        confusion.mean_iou(nothing)


@given(MAPS)
@settings(max_examples=40, deadline=None)
def test_symmetries(maps):
    predicted, truth = maps
    matrix = confusion.confusion_matrix(predicted, truth, 4)
    swapped = confusion.confusion_matrix(truth, predicted, 4)
    mirrored = confusion.confusion_matrix(predicted[:, ::-1], truth[:, ::-1], 4)
    assert np.array_equal(mirrored, matrix)
    assert np.array_equal(swapped, matrix.T)
    assert np.array_equal(confusion.precision(swapped), confusion.recall(matrix))
    assert np.array_equal(confusion.dice(swapped), confusion.dice(matrix))
    overlap = confusion.iou(matrix)
    np.testing.assert_allclose(confusion.dice(matrix), 2 * overlap / (1 + overlap))


def random_maps(seed):
    generator = np.random.default_rng(seed)
    truth = generator.integers(0, 5, (40, 50), np.uint8)
    predicted = np.where(
        generator.random((40, 50)) < 0.6, truth, generator.integers(0, 5, (40, 50))
    )
    truth[generator.random((40, 50)) < 0.1] = 255
    return predicted.astype(np.uint8), truth


def test_oracle_scikit_learn():
    oracle = pytest.importorskip("sklearn.metrics", reason="scikit-learn is not installed")
    predicted, truth = random_maps(1)
    known = truth != 255
    t, p = truth[known], predicted[known]
    matrix = confusion.confusion_matrix(predicted, truth, 5)
    assert np.array_equal(matrix, oracle.confusion_matrix(t, p, labels=range(5)))
    np.testing.assert_allclose(confusion.iou(matrix), oracle.jaccard_score(t, p, average=None))
    np.testing.assert_allclose(confusion.dice(matrix), oracle.f1_score(t, p, average=None))
    np.testing.assert_allclose(
        confusion.precision(matrix), oracle.precision_score(t, p, average=None)
    )
    np.testing.assert_allclose(confusion.recall(matrix), oracle.recall_score(t, p, average=None))
    assert confusion.pixel_accuracy(matrix) == pytest.approx(oracle.accuracy_score(t, p))


def test_oracle_torchmetrics():
    oracle = pytest.importorskip(
        "torchmetrics.functional.classification", reason="torchmetrics is not installed"
    )
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    predicted, truth = random_maps(2)
    matrix = confusion.confusion_matrix(predicted, truth, 5)
    p, t = torch.from_numpy(predicted).long(), torch.from_numpy(truth).long()
    theirs = oracle.multiclass_jaccard_index(p, t, 5, average="none", ignore_index=255)
    np.testing.assert_allclose(confusion.iou(matrix), theirs.numpy(), rtol=1e-6)
    mean = oracle.multiclass_jaccard_index(p, t, 5, average="macro", ignore_index=255)
    assert confusion.mean_iou(matrix) == pytest.approx(float(mean), rel=1e-6)
