"""A model folder becomes a predictor, computed by either framework."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from segmentare.checkpoint import load_description
from segmentare.frameworks import AUTO, choose_framework
from segmentare.prediction.predictor import Predictor


def load(
    folder: str | Path, *, flips: bool = False, framework: str = AUTO, device: str = "auto"
) -> Predictor[Any]:
    """Load a model folder, ready to predict.

    Args:
        folder: What `segmentare train --out` made, in whichever framework, or an export of it to
            savedmodel, which only TensorFlow opens.
        flips: Average over four mirrors of the image.
        framework: `torch`, `tensorflow`, or `auto`: PyTorch where it is installed, else TensorFlow.
        device: `auto` (a GPU where there is one), `cpu`, `cuda`, or `mps` (PyTorch only).

    Raises:
        ModelError: The folder is missing, damaged, foreign or of a newer version, or its network
            does not exist in the framework.
        MissingPackageError: The framework, or any, is not installed.
        ValueError: There is no such framework or device.
    """
    description = load_description(Path(folder))
    if "export" in description:
        choose_framework("tensorflow")
        from segmentare.keras.exports import load_export

        return load_export(Path(folder), description, flips=flips)
    if choose_framework(framework) == "tensorflow":
        from segmentare.keras.inference import load as load_in_tensorflow

        return load_in_tensorflow(folder, flips=flips, device=device)
    from segmentare.networks.inference import load as load_in_torch

    return load_in_torch(folder, flips=flips, device=device)
