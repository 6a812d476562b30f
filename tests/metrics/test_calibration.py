"""Reliability by hand, on probabilities that keep their word, and against torchmetrics."""

import json

import numpy as np
import pytest

from segmentare.annotations.segmentation import Category, Segmentation
from segmentare.metrics.calibration import Calibration

BINARY = (Category("skin", (0, 0, 0), background=True), Category("lesion", (255, 0, 0)))
THREE = (*BINARY, Category("hair", (0, 255, 0)))


def prediction(probability, category=None):
    probability = np.asarray(probability, np.float32)
    if category is None:
        category = (probability >= 0.5).astype(np.uint8)
    return Segmentation(np.asarray(category, np.uint8), probability=probability)


def truth(ids):
    return Segmentation(np.asarray(ids, np.uint8))


def test_golden_binary():
    calibration = Calibration(BINARY, bins=2)
    calibration.update(prediction([[0.25, 0.25, 0.75, 1.0]]), truth([[0, 1, 1, 255]]))
    calibration.update(prediction([[0.5]]), truth([[0]]))
    result = calibration.compute()
    assert result == {
        "of": "object",
        "pixels": 4,
        # bin 0: said 0.25, was 0.5; bin 1 (0.5 belongs to it): said 0.625, was 0.5
        "expected_calibration_error": pytest.approx(0.5 * 0.25 + 0.5 * 0.125),
        "brier": pytest.approx((0.25**2 + 0.75**2 + 0.25**2 + 0.5**2) / 4),
        "bins": [
            {"low": 0.0, "high": 0.5, "pixels": 2, "confidence": 0.25, "frequency": 0.5},
            {"low": 0.5, "high": 1.0, "pixels": 2, "confidence": 0.625, "frequency": 0.5},
        ],
    }
    json.dumps(result, allow_nan=False)


def test_of_several_categories_the_predicted_one_is_meant():
    calibration = Calibration(THREE, bins=1)
    calibration.update(prediction([[0.9, 0.9, 0.6]], [[2, 0, 1]]), truth([[2, 0, 2]]))
    result = calibration.compute()
    assert result["of"] == "category"
    assert result["bins"][0]["frequency"] == pytest.approx(2 / 3)
    assert result["bins"][0]["confidence"] == pytest.approx(0.8)


def test_certainty_falls_into_the_last_bin():
    calibration = Calibration(BINARY)
    calibration.update(prediction([[1.0, 0.0]]), truth([[1, 0]]))
    result = calibration.compute()
    assert [part["pixels"] for part in result["bins"]] == [1, 0, 0, 0, 0, 0, 0, 0, 0, 1]
    assert result["expected_calibration_error"] == 0
    assert result["bins"][4]["confidence"] is None


def test_probabilities_that_keep_their_word():
    generator = np.random.default_rng(0)
    said = generator.random((300, 300))
    calibration = Calibration(BINARY)
    calibration.update(prediction(said), truth(generator.random((300, 300)) < said))
    assert calibration.compute()["expected_calibration_error"] < 0.01
    boastful = Calibration(BINARY)
    boastful.update(prediction(said), truth(generator.random((300, 300)) < said**2))
    assert boastful.compute()["expected_calibration_error"] > 0.1


def test_nothing_counted():
    calibration = Calibration(BINARY)
    calibration.update(prediction([[0.5]]), truth([[255]]))
    result = calibration.compute()
    assert result["pixels"] == 0
    assert result["expected_calibration_error"] is None
    json.dumps(result, allow_nan=False)


def test_bad_input():
    calibration = Calibration(BINARY)
    with pytest.raises(ValueError, match="it is None"):
        calibration.update(truth([[0]]), truth([[0]]))
    with pytest.raises(ValueError, match=r"got \(1, 2\) and \(1, 1\)"):
        calibration.update(prediction([[0.1, 0.2]]), truth([[0]]))
    for bad in (1.5, -0.5, np.nan):
        with pytest.raises(ValueError, match="must be 0 to 1"):
            calibration.update(prediction([[bad]]), truth([[0]]))
    with pytest.raises(ValueError, match="at least one bin; got 0"):
        Calibration(BINARY, bins=0)


def test_oracle_torchmetrics():
    oracle = pytest.importorskip(
        "torchmetrics.functional.classification", reason="torchmetrics is not installed"
    )
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    generator = np.random.default_rng(4)
    said = generator.random((80, 90)).astype(np.float32)
    true = (generator.random((80, 90)) < said**1.5).astype(np.uint8)
    calibration = Calibration(BINARY, bins=15)
    calibration.update(prediction(said), truth(true))
    theirs = oracle.binary_calibration_error(
        torch.from_numpy(said).ravel(), torch.from_numpy(true).ravel().long(), n_bins=15
    )
    ours = calibration.compute()["expected_calibration_error"]
    assert ours == pytest.approx(float(theirs), abs=1e-5)
