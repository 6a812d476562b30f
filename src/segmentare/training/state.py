"""What a training must remember to go on after it was killed, without pickling anything."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from segmentare.atomic import write_bytes
from segmentare.errors import ModelError
from segmentare.models.checkpoint import Arrays
from segmentare.opening import read_bytes

STATE = "training_state.safetensors"
_MISFIT = "{} in {!r} does not fit this run ({}). Train anew."


def decay_at(decay: float, step: int) -> float:
    """Return the decay of the averaged weights after step number `step` (from 1): it warms up.

    Source: Polyak and Juditsky, "Acceleration of Stochastic Approximation by Averaging", SIAM J.
    Control Optim. 1992; the warm-up is that of TensorFlow's ExponentialMovingAverage.
    """
    return min(decay, (1 + step) / (10 + step))


def save_state(folder: Path, arrays: Arrays, facts: Mapping[str, Any]) -> None:
    """Write everything that the next step depends on into one file of `folder`, atomically.

    Args:
        folder: The run's folder.
        arrays: What `Engine.state` returned.
        facts: JSON-ready data such as the step's number and the best score so far.
    """
    from safetensors.numpy import save

    contiguous = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    data = save(contiguous, metadata={"facts": json.dumps(facts)})
    write_bytes(folder / STATE, data)


def load_state(folder: Path) -> tuple[Arrays, dict[str, Any]]:
    """Return the arrays and the facts that `save_state` wrote.

    Raises:
        ModelError: When the file is missing or damaged.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    path = folder / STATE
    if not path.is_file():
        raise ModelError(
            f"To resume, {str(folder)!r} must hold {STATE}; it does not. "
            "The run has ended, or never reached its first save: train anew."
        )
    data = read_bytes(path)
    try:
        arrays = load(data)
        length = int.from_bytes(data[:8], "little")
        facts = json.loads(json.loads(data[8 : 8 + length])["__metadata__"]["facts"])
    except (KeyError, ValueError, SafetensorError) as error:
        raise misfit(folder, error) from error
    return arrays, dict(facts)


def misfit(folder: Path, error: Exception) -> ModelError:
    """Return the error for a state that is damaged or of another network."""
    return ModelError(_MISFIT.format(STATE, str(folder), error))


def under(prefix: str, arrays: Arrays) -> Arrays:
    """Return the arrays whose names begin with `prefix`, without it."""
    return {name.removeprefix(prefix): a for name, a in arrays.items() if name.startswith(prefix)}
