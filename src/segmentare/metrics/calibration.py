"""Does a probability mean what it says: of the pixels given 0.8, are 80 % right?"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from segmentare.annotations.segmentation import UNLABELED, Category, Segmentation, is_binary
from segmentare.errors import InputError


class Calibration:
    """Reliability of `Segmentation.probability`, counted over the labeled pixels of many images.

    In a binary task the probability is that of the object, and the frequency is how often the
    object is there. With more categories it is that of the predicted category, and the frequency
    is how often that category is right.

    Source: Guo et al., "On Calibration of Modern Neural Networks", ICML 2017; Naeini et al.,
    "Obtaining Well Calibrated Probabilities Using Bayesian Binning", AAAI 2015; Brier,
    "Verification of Forecasts Expressed in Terms of Probability", Monthly Weather Review 1950.
    """

    def __init__(self, categories: tuple[Category, ...], bins: int = 10) -> None:
        if bins < 1:
            raise InputError(f"A calibration needs at least one bin; got {bins}.")
        self._binary = is_binary(categories)
        self._pixels = np.zeros(bins, np.int64)
        self._confidence = np.zeros(bins)
        self._right = np.zeros(bins)
        self._squared_error = 0.0

    def update(self, predicted: Segmentation, truth: Segmentation) -> None:
        """Count the labeled pixels of one more image.

        Raises:
            InputError: The sizes differ, the prediction has no probability, or one that is not in
                0 to 1.
        """
        if predicted.probability is None:
            raise InputError("A calibration needs the probability of the prediction; it is None.")
        if predicted.size != truth.size:
            raise InputError(
                f"Prediction and truth must have the same size; got {predicted.size} and "
                f"{truth.size}."
            )
        known = truth.category != UNLABELED
        probability = predicted.probability[known].astype(np.float64)
        if probability.size == 0:
            return
        if not (probability.min() >= 0 and probability.max() <= 1):  # also true for NaN
            raise InputError(
                f"Probabilities must be 0 to 1; found {probability.min()} to {probability.max()}."
            )
        meant = 1 if self._binary else predicted.category[known]
        self._count(probability, (truth.category[known] == meant).astype(np.float64))

    def _count(self, probability: NDArray[np.float64], right: NDArray[np.float64]) -> None:
        bins = self._pixels.size
        place = np.minimum((probability * bins).astype(np.intp), bins - 1)
        self._pixels += np.bincount(place, minlength=bins)
        self._confidence += np.bincount(place, probability, minlength=bins)
        self._right += np.bincount(place, right, minlength=bins)
        error = probability - right
        self._squared_error += float(error @ error)

    def compute(self) -> dict[str, Any]:
        """Return the reliability as JSON-ready data.

        Returns:
            `of`: "object" in a binary task, else "category". `pixels`: number of labeled pixels.
            `expected_calibration_error`: mean distance between confidence and frequency, weighted
            by pixels. `brier`: mean squared error of the probability. `bins`: per bin `low`,
            `high` (excluded, but for 1), `pixels`, mean `confidence` and `frequency`; these two
            are `None` in an empty bin, as are the first two scores without any pixel.
        """
        total = int(self._pixels.sum())
        gaps = np.abs(self._confidence - self._right).sum()
        return {
            "of": "object" if self._binary else "category",
            "pixels": total,
            "expected_calibration_error": float(gaps / total) if total else None,
            "brier": self._squared_error / total if total else None,
            "bins": [self._bin(index) for index in range(self._pixels.size)],
        }

    def _bin(self, index: int) -> dict[str, Any]:
        bins, pixels = self._pixels.size, int(self._pixels[index])
        return {
            "low": index / bins,
            "high": (index + 1) / bins,
            "pixels": pixels,
            "confidence": float(self._confidence[index] / pixels) if pixels else None,
            "frequency": float(self._right[index] / pixels) if pixels else None,
        }
