"""The starting weights that ship with the package, and what they have seen."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segmentare.models.checkpoint import Arrays

SHIPPED = Path(__file__).parent / "weights"
NAME = "lite0"  #: of the shipped weights, in plans and as their files' name


def read_card() -> dict[str, Any]:
    """Return the card of the shipped weights: their network, images, and fingerprints of these."""
    card: dict[str, Any] = json.loads((SHIPPED / f"{NAME}.json").read_text(encoding="utf-8"))
    return card


def read_start() -> Arrays:
    """Return the shipped weights by name, as float16."""
    from safetensors.numpy import load

    arrays: Arrays = load((SHIPPED / f"{NAME}.safetensors").read_bytes())
    return arrays


def seen_by_start(start: str) -> list[str]:
    """Return the fingerprints of the pictures that shipped starting weights were learned from."""
    if start != NAME:
        return []
    return [str(content) for content in read_card()["seen"]]


def fit(array: NDArray[np.generic], shape: tuple[int, ...]) -> NDArray[np.generic] | None:
    """Return a copy of `array` in `shape`, its input channels adapted, or None if that fails."""
    if array.shape == shape:
        return np.array(array)
    same_but_inputs = (
        array.ndim == len(shape) == 4
        and array.shape[0] == shape[0]
        and array.shape[2:] == shape[2:]
    )
    if not same_but_inputs:
        return None
    mean = array.mean(axis=1, keepdims=True) * (array.shape[1] / shape[1])
    return np.repeat(mean, shape[1], axis=1)
